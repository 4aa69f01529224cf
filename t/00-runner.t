use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';
run_tests();
__DATA__

=== TEST 1: return
--- config
location /a { return 200 "hello\n"; }
--- request
GET /a
--- response_body
hello

=== TEST 2: two requests
--- config
location /a { add_header X-Foo bar; return 200 "hello $request_method\n"; }
location /b { return 404 "nope"; }
--- request eval
["GET /a", "POST /b\nhello"]
--- error_code eval
[200, 404]
--- response_body eval
["hello GET\n", "nope"]
--- response_headers eval
["X-Foo: bar", "!X-Foo"]

=== TEST 3: must die
--- config
nonsense;
--- request
GET /
--- must_die
--- error_log
unknown directive "nonsense"

=== TEST 4: files, pipelined
--- user_files
>>> a/b.txt 201001010000.00
body of b
>>> c.txt
c
--- config
--- pipelined_requests eval
["GET /a/b.txt", "GET /c.txt"]
--- response_body eval
["body of b\n", "c\n"]
--- response_headers eval
["Last-Modified: Fri, 01 Jan 2010 00:00:00 GMT", "Content-Length: 2"]
--- error_code eval
[200,200]

=== TEST 5: a raw 101 from return
--- config
location /socketstream { return 418 "x"; }
--- handshake
GET /socketstream?x=1 HTTP/1.1
-Upgrade
Connection: close
Origin: http://a
--- error_code: 418
--- response_body: x

=== TEST 6: head and raw
--- config
--- request
HEAD /index.html
--- response_body
--- raw_response_headers_like: Content-Length: 72
