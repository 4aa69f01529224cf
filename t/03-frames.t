# Frames (RFC 6455, sections 5 and 7): what is understood, what is refused and with which code.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    $_[0]->set_value('config',
        'location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; }');
});

run_tests();

__DATA__

=== TEST 1: a call and its answer
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[25]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 2: a call in two fragments
--- ws
text+more {"jsonrpc":"2.0","id":1,"met
cont hod":"square","params":[25]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 3: fragments in packets of their own
--- ws
text+more {"jsonrpc":"2.0","id":1,"met
write
cont+more hod":"squ
write
cont are","params":[25]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 4: empty fragments are fragments
--- ws
text+more 
cont+more {"jsonrpc":"2.0","id":1,"method":"square",
cont+more 
cont "params":[25]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 5: control frames between fragments are answered at once
--- ws
text+more {"jsonrpc":"2.0","id":1,"met
ping between
write
pong unasked
cont hod":"square","params":[25]}
bye
--- frames
pong between
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 6: a close between fragments
--- ws
text+more {"jsonrpc"
close 1000
--- frames
close 1000



=== TEST 7: several calls in one packet
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[1]}
text {"jsonrpc":"2.0","id":2,"method":"square","params":[2]}
text {"jsonrpc":"2.0","id":3,"method":"square","params":[3]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":1}
text {"id":2,"jsonrpc":"2.0","result":4}
text {"id":3,"jsonrpc":"2.0","result":9}
close 1000



=== TEST 8: a batch gets one message back
--- ws
text [{"jsonrpc":"2.0","id":1,"method":"square","params":[2]},{"jsonrpc":"2.0","method":"square","params":[3]},{"jsonrpc":"2.0","id":"b","method":"square","params":[4]}]
bye
--- frames_like
text \[\{"id":1,.*"id":"b",.*\]\nclose 1000\n$



=== TEST 9: a notification gets nothing back
--- ws
text {"jsonrpc":"2.0","method":"square","params":[2]}
bye
--- frames
close 1000



=== TEST 10: text that is no JSON is the sidecar's to refuse
--- ws
text {"jsonrpc":
bye
--- frames
text {"error":{"code":-32700,"message":"Parse error"},"id":null,"jsonrpc":"2.0"}
close 1000



=== TEST 11: an empty message
--- ws
text
bye
--- frames
text {"error":{"code":-32700,"message":"Parse error"},"id":null,"jsonrpc":"2.0"}
close 1000



=== TEST 12: a ping is answered
--- ws
ping hello
close 1000
--- frames
pong hello
close 1000



=== TEST 13: a ping without payload
--- ws
ping
close 1000
--- frames
pong
close 1000



=== TEST 14: the longest ping
--- ws
ping= 'p' x 125
close 1000
--- frames
pong ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp
close 1000



=== TEST 15: a ping one byte too long
--- ws
ping= 'p' x 126
--- frames
close 1002



=== TEST 16: a ping with a 16-bit length
--- ws
ping+len16 hello
--- frames
close 1002



=== TEST 17: a pong nobody asked for is ignored
--- ws
pong hello
close 1000
--- frames
close 1000



=== TEST 18: a fragmented ping
--- ws
ping+more hello
--- frames
close 1002



=== TEST 19: a fragmented close
--- ws
close+more 1000
--- frames
close 1002



=== TEST 20: an unmasked text frame
--- ws
text+unmasked x
--- frames
close 1002



=== TEST 21: an unmasked cont frame
--- ws
cont+unmasked x
--- frames
close 1002



=== TEST 22: an unmasked ping frame
--- ws
ping+unmasked x
--- frames
close 1002



=== TEST 23: an unmasked close frame
--- ws
close+unmasked 1000
--- frames
close 1002



=== TEST 24: reserved bit 1 on a text frame
--- ws
text+rsv1 {}
--- frames
close 1002



=== TEST 25: reserved bit 2 on a text frame
--- ws
text+rsv2 {}
--- frames
close 1002



=== TEST 26: reserved bit 3 on a text frame
--- ws
text+rsv3 {}
--- frames
close 1002



=== TEST 27: a reserved bit on a continuation
--- ws
text+more {
cont+rsv1 }
--- frames
close 1002



=== TEST 28: a reserved bit on a ping
--- ws
ping+rsv1 x
--- frames
close 1002



=== TEST 29: opcode 3
--- ws
op3 x
--- frames
close 1002



=== TEST 30: opcode 4
--- ws
op4 x
--- frames
close 1002



=== TEST 31: opcode 5
--- ws
op5 x
--- frames
close 1002



=== TEST 32: opcode 6
--- ws
op6 x
--- frames
close 1002



=== TEST 33: opcode 7
--- ws
op7 x
--- frames
close 1002



=== TEST 34: opcode 11
--- ws
op11 x
--- frames
close 1002



=== TEST 35: opcode 12
--- ws
op12 x
--- frames
close 1002



=== TEST 36: opcode 13
--- ws
op13 x
--- frames
close 1002



=== TEST 37: opcode 14
--- ws
op14 x
--- frames
close 1002



=== TEST 38: opcode 15
--- ws
op15 x
--- frames
close 1002



=== TEST 39: a continuation of nothing
--- ws
cont x
--- frames
close 1002



=== TEST 40: a continuation after the end of a message
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[25]}
write
cont x
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1002



=== TEST 41: a new text message inside another
--- ws
text+more {
text {}
--- frames
close 1002



=== TEST 42: a binary message inside a text message
--- ws
text+more {
binary x
--- frames
close 1002



=== TEST 43: a 16-bit length that fits 7 bits
--- ws
text+len16 {}
--- frames
close 1002



=== TEST 44: a 64-bit length that fits 16 bits
--- ws
text+len64= ' ' x 200
--- frames
close 1002



=== TEST 45: a 64-bit length with the first bit set
--- ws
raw= "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"
--- frames_like
^close (1002|1009)\n$



=== TEST 46: a close without a code
--- ws
close
--- frames_like
^close( 1000)?\n$



=== TEST 47: close code 1000 is returned
--- ws
close 1000 and a reason
--- frames
close 1000



=== TEST 48: close code 1001 is returned
--- ws
close 1001 and a reason
--- frames
close 1001



=== TEST 49: close code 1002 is returned
--- ws
close 1002 and a reason
--- frames
close 1002



=== TEST 50: close code 1003 is returned
--- ws
close 1003 and a reason
--- frames
close 1003



=== TEST 51: close code 1007 is returned
--- ws
close 1007 and a reason
--- frames
close 1007



=== TEST 52: close code 1008 is returned
--- ws
close 1008 and a reason
--- frames
close 1008



=== TEST 53: close code 1009 is returned
--- ws
close 1009 and a reason
--- frames
close 1009



=== TEST 54: close code 1010 is returned
--- ws
close 1010 and a reason
--- frames
close 1010



=== TEST 55: close code 1011 is returned
--- ws
close 1011 and a reason
--- frames
close 1011



=== TEST 56: close code 3000 is returned
--- ws
close 3000 and a reason
--- frames
close 3000



=== TEST 57: close code 3999 is returned
--- ws
close 3999 and a reason
--- frames
close 3999



=== TEST 58: close code 4000 is returned
--- ws
close 4000 and a reason
--- frames
close 4000



=== TEST 59: close code 4999 is returned
--- ws
close 4999 and a reason
--- frames
close 4999



=== TEST 60: close code 0 is wrong
--- ws
close 0
--- frames
close 1002



=== TEST 61: close code 999 is wrong
--- ws
close 999
--- frames
close 1002



=== TEST 62: close code 1004 is wrong
--- ws
close 1004
--- frames
close 1002



=== TEST 63: close code 1005 is wrong
--- ws
close 1005
--- frames
close 1002



=== TEST 64: close code 1006 is wrong
--- ws
close 1006
--- frames
close 1002



=== TEST 65: close code 1015 is wrong
--- ws
close 1015
--- frames
close 1002



=== TEST 66: close code 1016 is wrong
--- ws
close 1016
--- frames
close 1002



=== TEST 67: close code 1100 is wrong
--- ws
close 1100
--- frames
close 1002



=== TEST 68: close code 2000 is wrong
--- ws
close 2000
--- frames
close 1002



=== TEST 69: close code 2999 is wrong
--- ws
close 2999
--- frames
close 1002



=== TEST 70: close code 5000 is wrong
--- ws
close 5000
--- frames
close 1002



=== TEST 71: close code 65535 is wrong
--- ws
close 65535
--- frames
close 1002



=== TEST 72: a close of one byte
--- ws
close= "\x03"
--- frames
close 1002



=== TEST 73: a close reason that is not UTF-8
--- ws
close= "\x03\xe8\xff"
--- frames_like
^close (1002|1007)\n$



=== TEST 74: the longest close reason
--- ws
close= "\x03\xe8" . 'r' x 123
--- frames
close 1000



=== TEST 75: a close one byte too long
--- ws
close= "\x03\xe8" . 'r' x 124
--- frames
close 1002



=== TEST 76: what follows a close is ignored
--- ws
close 1000
ping x
text {}
raw= "\xff" x 100
--- frames
close 1000



=== TEST 77: what follows an error is ignored
--- ws
op3 x
text {"jsonrpc":"2.0","id":1,"method":"square","params":[25]}
--- frames
close 1002



=== TEST 78: UTF-8: two bytes
--- ws
text {"jsonrpc":"2.0","id":"\xc2\x80","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 79: UTF-8: the last of two bytes
--- ws
text {"jsonrpc":"2.0","id":"\xdf\xbf","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 80: UTF-8: three bytes
--- ws
text {"jsonrpc":"2.0","id":"\xe0\xa0\x80","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 81: UTF-8: before the surrogates
--- ws
text {"jsonrpc":"2.0","id":"\xed\x9f\xbf","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 82: UTF-8: behind the surrogates
--- ws
text {"jsonrpc":"2.0","id":"\xee\x80\x80","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 83: UTF-8: a non-character
--- ws
text {"jsonrpc":"2.0","id":"\xef\xbf\xbf","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 84: UTF-8: four bytes
--- ws
text {"jsonrpc":"2.0","id":"\xf0\x90\x80\x80","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 85: UTF-8: the last code point
--- ws
text {"jsonrpc":"2.0","id":"\xf4\x8f\xbf\xbf","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 86: not UTF-8: a lone continuation byte
--- ws
text "\x80"
--- frames
close 1007



=== TEST 87: not UTF-8: 0xff
--- ws
text "\xff"
--- frames
close 1007



=== TEST 88: not UTF-8: 0xfe
--- ws
text "\xfe"
--- frames
close 1007



=== TEST 89: not UTF-8: an overlong slash
--- ws
text "\xc0\xaf"
--- frames
close 1007



=== TEST 90: not UTF-8: an overlong NUL
--- ws
text "\xc0\x80"
--- frames
close 1007



=== TEST 91: not UTF-8: overlong in three bytes
--- ws
text "\xe0\x9f\xbf"
--- frames
close 1007



=== TEST 92: not UTF-8: overlong in four bytes
--- ws
text "\xf0\x8f\xbf\xbf"
--- frames
close 1007



=== TEST 93: not UTF-8: the first surrogate
--- ws
text "\xed\xa0\x80"
--- frames
close 1007



=== TEST 94: not UTF-8: the last surrogate
--- ws
text "\xed\xbf\xbf"
--- frames
close 1007



=== TEST 95: not UTF-8: past the last code point
--- ws
text "\xf4\x90\x80\x80"
--- frames
close 1007



=== TEST 96: not UTF-8: five bytes
--- ws
text "\xf8\x88\x80\x80\x80"
--- frames
close 1007



=== TEST 97: not UTF-8: a lead byte before ASCII
--- ws
text "\xc3\x28"
--- frames
close 1007



=== TEST 98: not UTF-8: cut off after one byte
--- ws
text "\xe2
--- frames
close 1007



=== TEST 99: not UTF-8: cut off after two
--- ws
text "\xe2\x82
--- frames
close 1007



=== TEST 100: a character split between fragments
--- ws
text+more {"jsonrpc":"2.0","id":"\xe2\x82
write
cont \xac","method":"square","params":[5]}
bye
--- frames_like
^text \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 101: a character split around a ping
--- ws
text+more {"jsonrpc":"2.0","id":"\xf0\x9f
ping x
cont+more \x98
cont \x80","method":"square","params":[5]}
bye
--- frames_like
^pong x\ntext \{"id":"[^"]+","jsonrpc":"2.0","result":25\}\nclose 1000\n$



=== TEST 102: not UTF-8 only once the fragments are joined
--- ws
text+more "\xe2\x82
cont x"
--- frames
close 1007



=== TEST 103: a message that ends inside a character
--- ws
text+more "\xe2
cont \x82
--- frames
close 1007



=== TEST 104: a character is not completed by the next message
--- ws
text "\xe2\x82
text \xac"
--- frames
close 1007



=== TEST 105: binary may hold anything; JSON-RPC refuses it
--- ws
binary \xff\xfe
write
--- frames
close 1003



=== TEST 106: a binary message in fragments
--- ws
binary+more \xff
cont \xfe
write
--- frames
close 1003



=== TEST 107: a binary message to the client
--- ws
text {"jsonrpc":"2.0","id":1,"method":"binary"}
bye
--- frames
binary \x00\xff
text {"id":1,"jsonrpc":"2.0","result":"sent"}
close 1000



=== TEST 108: an answer of 1001 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[965]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(1001 bytes\)\nclose 1000\n$



=== TEST 109: an answer of 65535 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[65499]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(65535 bytes\)\nclose 1000\n$



=== TEST 110: an answer of 65536 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[65500]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(65536 bytes\)\nclose 1000\n$



=== TEST 111: an answer of 65537 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[65501]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(65537 bytes\)\nclose 1000\n$



=== TEST 112: an answer of 131072 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[131036]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(131072 bytes\)\nclose 1000\n$



=== TEST 113: an answer of 131073 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[131037]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(131073 bytes\)\nclose 1000\n$



=== TEST 114: an answer of 500000 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[499964]}
bye
--- frames_like
^text \{"id":1,.*\.\.\. \(500000 bytes\)\nclose 1000\n$



=== TEST 115: an answer of 125 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[89]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
close 1000



=== TEST 116: an answer of 126 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[90]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
close 1000



=== TEST 117: an answer of 127 bytes
--- ws
text {"jsonrpc":"2.0","id":1,"method":"big","params":[91]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
close 1000



=== TEST 118: a call of 125 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 61 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 119: a call of 126 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 62 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 120: a call of 127 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 63 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 121: a call of 65535 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 65471 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 122: a call of 65536 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 65472 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 123: a call of 65537 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 65473 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 124: a call of 131072 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 131008 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 125: a call of 131073 bytes
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"square","params":[5],"pad":"' . 'y' x 131009 . '"}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 126: the sidecar closes a client with its code and reason
--- ws
text {"jsonrpc":"2.0","id":1,"method":"close","params":[4001,"bye"]}
write
--- frames
close 4001



=== TEST 127: frames for clients that are gone do nothing
--- ws
text {"jsonrpc":"2.0","id":1,"method":"ghosts","params":[25]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":"boo"}
close 1000



=== TEST 128: a second answer to one call is dropped
--- ws
text {"jsonrpc":"2.0","id":1,"method":"twice","params":[25]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":"one"}
close 1000
