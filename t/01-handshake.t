# The opening handshake (RFC 6455, 4.2): every way to get it wrong and its answer, and what the
# sidecar is told and may answer.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('config',
        'location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; }')
        if !defined $block->config;
});

run_tests();

__DATA__

=== TEST 1: a right handshake
--- handshake
--- ws
close 1000
--- frames
close 1000
--- response_headers
Upgrade: websocket
Connection: upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
!Sec-WebSocket-Protocol
!Sec-WebSocket-Extensions
!Content-Type
!Content-Length
!Transfer-Encoding



=== TEST 2: another key gives another accept
--- handshake
Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==
--- ws
close 1000
--- frames
close 1000
--- response_headers eval
"Sec-WebSocket-Accept: " . SocketStream::WebSocket::ws_accept("AQIDBAUGBwgJCgsMDQ4PEA==")



=== TEST 3: names and tokens in any case, among others
--- handshake
Upgrade: WebSocket
Connection: keep-alive, UPGRADE
--- ws
close 1000
--- frames
close 1000



=== TEST 4: frames in one packet with the handshake, as bytes
--- raw_request eval
"GET /socketstream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
. "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
. "\x89\x82\x00\x00\x00\x00hi" . "\x88\x82\x00\x00\x00\x00\x03\xe8"
--- error_code: 101
--- response_body eval
"\x8a\x02hi\x88\x02\x03\xe8"



=== TEST 5: half a frame in one packet with the handshake, the rest later
--- raw_request eval
[ SocketStream::WebSocket::ws_handshake() . "\x89\x82\x00\x00",
  "\x00\x00h", "i\x88\x82\x00\x00\x00\x00\x03\xe8" ]
--- raw_request_middle_delay: 0.1
--- error_code: 101
--- response_body eval
"\x8a\x02hi\x88\x02\x03\xe8"



=== TEST 6: a plain GET is told what to do
--- request
GET /socketstream
--- error_code: 426
--- response_headers
Upgrade: websocket
Sec-WebSocket-Version: 13
--- response_headers_like
Connection: .*upgrade.*



=== TEST 7: a PUT is not a handshake
--- request
PUT /socketstream
hello
--- error_code: 405
--- response_headers
Allow: GET, POST



=== TEST 8: a PUT with all headers of a handshake is none either
--- handshake
PUT /socketstream HTTP/1.1
Content-Length: 0
Connection: Upgrade, close
--- error_code: 405



=== TEST 9: HEAD is not a handshake
--- request
HEAD /socketstream
--- error_code: 405
--- response_body



=== TEST 10: HTTP/1.0
--- handshake
GET /socketstream HTTP/1.0
--- error_code_like: ^(400|426|505)$



=== TEST 11: Upgrade to something else
--- handshake
Upgrade: h2c
Connection: Upgrade, close
--- error_code: 426
--- response_headers
Upgrade: websocket



=== TEST 12: without Upgrade
--- handshake
-Upgrade
Connection: Upgrade, close
--- error_code: 426



=== TEST 13: without "upgrade" in Connection
--- handshake
Connection: close
--- error_code: 400



=== TEST 14: a longer token that only begins so
--- handshake
Connection: upgraded, close
--- error_code: 400



=== TEST 15: without a key
--- handshake
-Sec-WebSocket-Key
Connection: Upgrade, close
--- error_code: 400



=== TEST 16: an empty key
--- handshake
Sec-WebSocket-Key:
Connection: Upgrade, close
--- error_code: 400



=== TEST 17: a key of 15 bytes
--- handshake
Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4P
Connection: Upgrade, close
--- error_code: 400



=== TEST 18: a key of 17 bytes
--- handshake
Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEBE=
Connection: Upgrade, close
--- error_code: 400



=== TEST 19: a key that is not base64
--- handshake
Sec-WebSocket-Key: ?!IDBAUGBwgJCgsMDQ4PEA==
Connection: Upgrade, close
--- error_code: 400



=== TEST 20: two keys
--- handshake
Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Connection: Upgrade, close
--- error_code: 400



=== TEST 21: without a version
--- handshake
-Sec-WebSocket-Version
Connection: Upgrade, close
--- error_code_like: ^4(00|26)$



=== TEST 22: a version of the past
--- handshake
Sec-WebSocket-Version: 8
Connection: Upgrade, close
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13



=== TEST 23: a version that only begins so
--- handshake
Sec-WebSocket-Version: 130
Connection: Upgrade, close
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13



=== TEST 24: a body by Content-Length
--- raw_request eval
SocketStream::WebSocket::ws_handshake(headers => [["Content-Length", 5], ["Connection", "Upgrade, close"]]) . "hello"
--- error_code: 400



=== TEST 25: a chunked body
--- raw_request eval
SocketStream::WebSocket::ws_handshake(headers => [["Transfer-Encoding", "chunked"], ["Connection", "Upgrade, close"]]) . "5\r\nhello\r\n0\r\n\r\n"
--- error_code: 400



=== TEST 26: a Content-Length of 0 is no body
--- handshake
Content-Length: 0
--- ws
close 1000
--- frames
close 1000



=== TEST 27: subprotocol socketstream is chosen among others
--- handshake
Sec-WebSocket-Protocol: chat, socketstream
--- ws
close 1000
--- frames
close 1000
--- response_headers
Sec-WebSocket-Protocol: socketstream



=== TEST 28: subprotocols offered in two headers
--- handshake
Sec-WebSocket-Protocol: chat
Sec-WebSocket-Protocol: socketstream
--- ws
close 1000
--- frames
close 1000
--- response_headers
Sec-WebSocket-Protocol: socketstream



=== TEST 29: a subprotocol we don't know is not chosen
--- handshake
Sec-WebSocket-Protocol: socketstream2, chat
--- ws
close 1000
--- frames
close 1000
--- response_headers
!Sec-WebSocket-Protocol



=== TEST 30: an extension is not agreed to
--- handshake
Sec-WebSocket-Extensions: x-unknown; a=1
--- ws
close 1000
--- frames
close 1000
--- response_headers
!Sec-WebSocket-Extensions



=== TEST 31: headers that the sidecar adds to the 101
--- handshake
GET /socketstream?cookies=2 HTTP/1.1
--- ws
close 1000
--- frames
close 1000
--- raw_response_headers_like: Set-Cookie: n1=v1; HttpOnly\r\n.*Set-Cookie: n2=v2; HttpOnly\r\n



=== TEST 32: the sidecar refuses
--- handshake
GET /socketstream?reject=403 HTTP/1.1
Connection: Upgrade, close
--- error_code: 403
--- response_headers
X-Reason: fake
--- response_body
no, 403



=== TEST 33: the sidecar refuses with 401
--- handshake
GET /socketstream?reject=401 HTTP/1.1
Connection: Upgrade, close
--- error_code: 401
--- response_body
no, 401



=== TEST 34: what the sidecar sends right after it accepts follows the 101
--- handshake
GET /socketstream?greet=1 HTTP/1.1
--- ws
close 1000
--- frames
text {"jsonrpc":"2.0","method":"event","params":["first"]}
close 1000



=== TEST 35: the longest state a client may have
--- handshake
GET /socketstream?big_state=1024 HTTP/1.1
--- ws
close 1000
--- frames
close 1000



=== TEST 36: no sidecar
--- config
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/absent; socketstream_link_timeout 300ms; }
--- handshake
Connection: Upgrade, close
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- error_log
absent



=== TEST 37: a socket nobody listens on
--- config
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/stale; socketstream_link_timeout 300ms; }
--- handshake
Connection: Upgrade, close
--- error_code: 503
--- response_headers_like
Retry-After: \d+



=== TEST 38: a sidecar that does not answer the handshake
--- config
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/deadpan; socketstream_link_timeout 300ms; }
--- handshake
Connection: Upgrade, close
--- error_code: 503
--- response_headers_like
Retry-After: \d+



=== TEST 39: a sidecar that answers in time
--- config
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; socketstream_link_timeout 1s; }
--- handshake
GET /socketstream?delay=0.3 HTTP/1.1
--- ws
close 1000
--- frames
close 1000



=== TEST 40: one sidecar of two is there
--- http_config
upstream sidecars {
    server unix:$TEST_NGINX_SIDECARS/absent;
    server unix:$TEST_NGINX_SIDECARS/second;
}
--- config
location /socketstream { socketstream_pass sidecars; }
--- handshake
--- ws
text {"jsonrpc":"2.0","id":1,"method":"socket"}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":"second"}
close 1000



=== TEST 41: a client that leaves during the handshake
--- handshake
GET /socketstream?delay=1 HTTP/1.1
--- timeout: 0.2
--- abort
--- ignore_response
--- wait: 1.2



=== TEST 42: access rules stand before the handshake
--- config
location /socketstream { deny all; socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; }
--- handshake
Connection: Upgrade, close
--- error_code: 403



=== TEST 43: a request line with arguments reaches the sidecar unchanged
--- handshake
GET /socketstream?a=%41&b=+x HTTP/1.1
Host: example.com
User-Agent: testing/1
Cookie: a=b
--- ws
close 1000
--- frames
close 1000



=== TEST 44: as many headers as a link frame takes
--- handshake eval
join "\n", map {"X-$_: v"} 1 .. 123
--- ws
close 1000
--- frames
close 1000



=== TEST 45: one header more
--- handshake eval
join "\n", "Connection: Upgrade, close", map {"X-$_: v"} 1 .. 124
--- error_code: 431
