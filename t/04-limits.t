# Limits at their value and one past it.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my ($block) = @_;
    my $limits = $block->limits // '';
    $block->set_value('config',
        "location /socketstream { socketstream_pass unix:\$TEST_NGINX_SIDECARS/normal; $limits }");
});

run_tests();

__DATA__

=== TEST 1: a message of max_message bytes
--- limits: socketstream_max_message 100;
--- ws
text= sprintf '%-100s', '{"jsonrpc":"2.0","id":1,"method":"square","params":[25]}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 2: a message one byte longer
--- limits: socketstream_max_message 100;
--- ws
text= sprintf '%-101s', '{"jsonrpc":"2.0","id":1,"method":"square","params":[25]}'
--- frames
close 1009



=== TEST 3: fragments of max_message bytes in all
--- limits: socketstream_max_message 100;
--- ws
text+more {"jsonrpc":"2.0","id":1,"method":"square",
cont+more= ' ' x 45
cont "params":[5]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":25}
close 1000



=== TEST 4: fragments of one byte more
--- limits: socketstream_max_message 100;
--- ws
text+more= 'a' x 50
cont+more= 'a' x 50
cont a
--- frames
close 1009



=== TEST 5: a length past the limit is refused before its bytes are there
--- limits: socketstream_max_message 100;
--- ws
raw= "\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"
--- frames
close 1009



=== TEST 6: control frames do not count
--- limits: socketstream_max_message 10;
--- ws
text+more 12345
ping= 'p' x 100
cont 67890
write
close 1000
--- frames_like
^pong p{100}\ntext .*"code":-32700.*\nclose 1000\n$



=== TEST 7: each message counts by itself
--- limits: socketstream_max_message 60;
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[1]}
text {"jsonrpc":"2.0","id":2,"method":"square","params":[2]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":1}
text {"id":2,"jsonrpc":"2.0","result":4}
close 1000



=== TEST 8: the default is 1 MiB: at it
--- ws
text= sprintf '%-1048576s', '{"jsonrpc":"2.0","id":1,"method":"square","params":[25]}'
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":625}
close 1000



=== TEST 9: the default is 1 MiB: past it
--- ws
text= sprintf '%-1048577s', '{"jsonrpc":"2.0","id":1,"method":"square","params":[25]}'
--- frames
close 1009



=== TEST 10: as many calls in flight as max_inflight
--- limits: socketstream_max_inflight 3;
--- ws
text {"jsonrpc":"2.0","id":1,"method":"never"}
text {"jsonrpc":"2.0","id":2,"method":"never"}
text {"jsonrpc":"2.0","id":3,"method":"square","params":[3]}
bye
--- frames
text {"id":3,"jsonrpc":"2.0","result":9}
close 1000



=== TEST 11: one more
--- limits: socketstream_max_inflight 3;
--- ws
text {"jsonrpc":"2.0","id":1,"method":"never"}
text {"jsonrpc":"2.0","id":2,"method":"never"}
text {"jsonrpc":"2.0","id":3,"method":"never"}
text {"jsonrpc":"2.0","id":"four","method":"square","params":[3]}
bye
--- frames_like
^text \{"jsonrpc":"2.0","id":"four","error":\{"code":-32006,.*"retryable":true.*\}\}\nclose 1000\n$



=== TEST 12: an answer makes room for the next call
--- limits: socketstream_max_inflight 1;
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[1]}
write
text {"jsonrpc":"2.0","id":2,"method":"square","params":[2]}
write
text {"jsonrpc":"2.0","id":3,"method":"square","params":[3]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":1}
text {"id":2,"jsonrpc":"2.0","result":4}
text {"id":3,"jsonrpc":"2.0","result":9}
close 1000



=== TEST 13: notifications need no room
--- limits: socketstream_max_inflight 1;
--- ws
text {"jsonrpc":"2.0","id":1,"method":"never"}
text {"jsonrpc":"2.0","method":"square","params":[1]}
text {"jsonrpc":"2.0","method":"square","params":[2]}
bye
--- frames
close 1000



=== TEST 14: every call of a batch counts
--- limits: socketstream_max_inflight 3;
--- ws
text [{"jsonrpc":"2.0","id":1,"method":"never"},{"jsonrpc":"2.0","id":2,"method":"never"}]
text [{"jsonrpc":"2.0","id":3,"method":"square","params":[2]},{"jsonrpc":"2.0","id":4,"method":"square","params":[2]}]
bye
--- frames_like
^text \[\{.*"id":3.*-32006.*"id":4.*-32006.*\]\nclose 1000\n$



=== TEST 15: the default allows 1,000
--- ws
text= '{"jsonrpc":"2.0","id":1,"method":"never"}'
raw= join '', map { SocketStream::WebSocket::ws_frame(text => qq({"jsonrpc":"2.0","id":$_,"method":"never"})) } 2 .. 1000
text {"jsonrpc":"2.0","id":1001,"method":"never"}
bye
--- frames_like
^text \{"jsonrpc":"2.0","id":1001,"error":\{"code":-32006,[^\n]*\nclose 1000\n$



=== TEST 16: a batch of 32
--- ws
text= '[' . join(',', map { qq({"jsonrpc":"2.0","id":$_,"method":"square","params":[$_]}) } 1 .. 32) . ']'
bye
--- frames_like
^text \[.*\nclose 1000\n$



=== TEST 17: the longest id
--- ws
text= '{"jsonrpc":"2.0","method":"square","params":[5],"id":"' . 'i' x 126 . '"}'
bye
--- frames_like
^text \{"id":"i{126}","jsonrpc":"2.0","result":25\}\nclose 1000\n$
