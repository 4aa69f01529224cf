# The HTTP API: what reaches the sidecar and how its answers, and its absence, reach the client.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my ($block) = @_;
    my $limits = $block->limits // '';
    my $mode   = $block->sidecar // 'normal';
    $block->set_value('config', <<"END") if !defined $block->config;
location /api/ { socketstream_api unix:\$TEST_NGINX_SIDECARS/$mode; $limits }
END
});

run_tests();

__DATA__

=== TEST 1: a call by GET
--- request
GET /api/app/square?25
--- response_body_like: "args":"25".*"method":"GET","path":"app/square"
--- response_headers
Content-Type: application/json
Cache-Control: no-store



=== TEST 2: a nested path
--- request
GET /api/users/online/now
--- response_body_like: "path":"users/online/now"



=== TEST 3: the path is decoded, the arguments are not
--- request
GET /api/app/%73quare?a=%41&b=+
--- response_body_like: "args":"a=%41&b=\+".*"path":"app/square"



=== TEST 4: the client's address and headers go along
--- request
GET /api/app/x
--- more_headers
User-Agent: tester/1
--- response_body_like: "address":"127\.0\.0\.1".*tester/1



=== TEST 5: a POST with JSON
--- request
POST /api/app/square
[25]
--- more_headers
Content-Type: application/json
--- response_body_like: "body":"\[25\]".*"method":"POST","path":"app/square"



=== TEST 6: parameters of the type do not matter
--- request
POST /api/app/square
{"a":1}
--- more_headers
Content-Type: Application/JSON; charset=utf-8
--- response_body_like: "body":"\{\\"a\\":1\}"



=== TEST 7: a chunked POST
--- raw_request eval
"POST /api/app/square HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
. "Transfer-Encoding: chunked\r\n\r\n2\r\n[2\r\n2\r\n5]\r\n0\r\n\r\n"
--- response_body_like: "body":"\[25\]"



=== TEST 8: a POST in pieces
--- raw_request eval
["POST /api/app/square HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
. "Content-Length: 4\r\n\r\n[", "25", "]"]
--- raw_request_middle_delay: 0.1
--- response_body_like: "body":"\[25\]"



=== TEST 9: a long POST, in a file or not
--- limits: socketstream_max_message 2m; client_body_buffer_size 1k;
--- request eval
"POST /api/app/square\n\"" . "x" x 300000 . "\""
--- more_headers
Content-Type: application/json
--- response_body_like: "body":"\\"(x{30000}){10}\\""



=== TEST 10: a body as long as the sidecar takes
--- sidecar: second
--- request eval
"POST /api/app/square\n\"" . "x" x 98 . "\""
--- more_headers
Content-Type: application/json
--- response_body_like: "path":"app/square"



=== TEST 11: a body longer than the sidecar takes
--- sidecar: second
--- request eval
"POST /api/app/square\n\"" . "x" x 999 . "\""
--- more_headers
Content-Type: application/json
--- error_code: 413
--- response_headers
Content-Type: application/json
--- response_body_like: "code":-32005



=== TEST 12: HEAD
--- request
HEAD /api/app/square?25
--- response_body
--- response_headers
Content-Type: application/json



=== TEST 13: which methods there are is for the sidecar to say
--- request eval
["PUT /api/app/square", "DELETE /api/app/square", "PATCH /api/app/square", "OPTIONS /api/app/square"]
--- response_body_like eval
[map {qq("method":"$_")} qw(PUT DELETE PATCH OPTIONS)]
--- error_code eval
[(200) x 4]



=== TEST 14: the sidecar's statuses
--- request eval
[map {"GET /api/status/$_"} 200, 400, 401, 404, 413, 429, 500, 503, 504]
--- error_code eval
[200, 400, 401, 404, 413, 429, 500, 503, 504]
--- response_body eval
[map {qq({"status":$_})} 200, 400, 401, 404, 413, 429, 500, 503, 504]
--- response_headers eval
[("Content-Type: application/json") x 9]



=== TEST 15: the sidecar's headers
--- request
GET /api/header
--- response_headers
X-Test: yes
Retry-After: 7



=== TEST 16: an empty answer
--- request
GET /api/empty
--- response_body



=== TEST 17: long answers come whole
--- request eval
["GET /api/big/1", "GET /api/big/65000", "GET /api/big/65536", "GET /api/big/500000", "GET /api/big/3000000"]
--- response_body eval
[map {'"' . "x" x $_ . '"'} 1, 65000, 65536, 500000, 3000000]
--- error_code eval
[(200) x 5]



=== TEST 18: on one connection one after the other
--- pipelined_requests eval
["GET /api/status/200", "GET /api/status/404", "GET /api/big/100000"]
--- error_code eval
[200, 404, 200]
--- response_body eval
['{"status":200}', '{"status":404}', '"' . "x" x 100000 . '"']



=== TEST 19: no sidecar
--- sidecar: absent
--- limits: socketstream_link_timeout 300ms;
--- request
GET /api/app/square?25
--- error_code: 503
--- response_headers_like
Content-Type: application/json
Retry-After: \d+
Cache-Control: no-store
X-Content-Type-Options: nosniff
--- response_body_like: "code":-32003



=== TEST 20: a sidecar that loses the link during the request
--- request
GET /api/link/close
--- error_code: 503
--- response_body_like: "code":-32003
--- response_headers_like
Retry-After: \d+



=== TEST 21: a sidecar that does not answer in its own time
--- sidecar: second
--- request
GET /api/never
--- error_code: 504
--- response_body_like: "code":-32004



=== TEST 22: a client that leaves before the answer
--- request
GET /api/never
--- timeout: 0.3
--- abort
--- ignore_response
--- wait: 0.2



=== TEST 23: the bare prefix
--- request
GET /api/
--- response_body_like: "path":""



=== TEST 24: what nginx refuses by itself
--- request
GET /api/%00
--- error_code: 400



=== TEST 25: a location without a slash at its end
--- config
location /v1 { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
--- request
GET /v1/app/square
--- response_body_like: "path":"app/square"



=== TEST 26: access rules stand before it
--- config
location /api/ { deny all; socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
--- request
GET /api/app/square
--- error_code: 403



=== TEST 27: a page of a foreign origin may read what anybody may, and change nothing
--- limits: socketstream_origins https://friend.example;
--- request eval
["POST /api/app/x\n[1]", "POST /api/app/x\n[1]", "PUT /api/app/x\n[1]", "DELETE /api/app/x", "GET /api/app/x",
 "HEAD /api/app/x"]
--- more_headers eval
["Origin: https://evil.example", "Origin: null", "Origin: https://friend.example.evil.example",
 "Origin: https://evil.example", "Origin: https://evil.example", "Origin: https://evil.example"]
--- error_code eval
[403, 403, 403, 403, 200, 200]
--- response_headers eval
[("Content-Type: application/json\nCache-Control: no-store\nX-Content-Type-Options: nosniff\n!Access-Control-Allow-Origin") x 4,
 ("!Access-Control-Allow-Origin") x 2]
--- response_body_like eval
[("^{\"error\":{\"code\":-32600,\"message\":\"Pages of this origin may not call the API\"}}\$") x 4, "\"method\":\"GET\"", "^\$"]



=== TEST 28: the own origin, a listed one and none may
--- limits: socketstream_origins https://friend.example;
--- request eval
["POST /api/app/x\n[1]", "POST /api/app/x\n[1]", "POST /api/app/x\n[1]", "GET /api/app/x"]
--- more_headers eval
["Host: own.example\nOrigin: http://own.example", "Origin: https://friend.example", "", "Origin: https://friend.example"]
--- response_body_like eval
[("\"method\":\"POST\"") x 3, "\"method\":\"GET\""]
--- response_headers eval
["!Access-Control-Allow-Origin",
 "Access-Control-Allow-Origin: https://friend.example\nAccess-Control-Allow-Credentials: true",
 "!Access-Control-Allow-Origin", "Access-Control-Allow-Origin: https://friend.example"]



=== TEST 29: a password that a browser has kept is not used by foreign pages
--- limits: socketstream_origins https://friend.example;
--- request eval
[("GET /api/app/x") x 7]
--- more_headers eval
["Authorization: Basic YTpi\nOrigin: https://evil.example", "Authorization: Basic YTpi\nSec-Fetch-Site: cross-site",
 "Authorization: Basic YTpi\nSec-Fetch-Site: same-site", "Sec-Fetch-Site: cross-site",
 "Authorization: Basic YTpi\nSec-Fetch-Site: none", "Authorization: Basic YTpi",
 "Authorization: Basic YTpi\nSec-Fetch-Site: cross-site\nOrigin: https://friend.example"]
--- error_code eval
[403, 403, 403, 200, 200, 200, 200]



=== TEST 30: a listed page asks before it sends, others are refused
--- limits: socketstream_origins https://friend.example;
--- request eval
["OPTIONS /api/app/x", "OPTIONS /api/app/x", "OPTIONS /api/app/x"]
--- more_headers eval
["Origin: https://friend.example", "Origin: https://evil.example", ""]
--- error_code eval
[204, 403, 200]
--- response_headers eval
["Access-Control-Allow-Origin: https://friend.example\nAccess-Control-Allow-Methods: GET, POST\n"
 . "Access-Control-Allow-Headers: Content-Type, Authorization\nAccess-Control-Max-Age: 600",
 "Content-Type: application/json\n!Access-Control-Allow-Methods", "!Access-Control-Allow-Methods"]



=== TEST 31: a listed page sees errors of ours too
--- limits: socketstream_origins https://friend.example;
--- request
GET /api/link/close
--- more_headers
Origin: https://friend.example
--- error_code: 503
--- response_headers
Access-Control-Allow-Origin: https://friend.example
Content-Type: application/json



=== TEST 32: the root without its slash
--- config
location = /api { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
--- request
GET /api
--- response_body_like: "path":""



=== TEST 33: the location's name ends at a slash, or is no part of the path
--- config
location /v1 { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
location /x/ { rewrite ^/x(/.*)$ $1 break; socketstream_api unix:$TEST_NGINX_SIDECARS/normal prefix=/y/; }
--- request eval
["GET /v1", "GET /v1/", "GET /v1/app/x", "GET /v1app/x", "GET /x/y", "GET /x/y/app/x", "GET /x/yapp/x", "GET /x/z/app/x"]
--- response_body_like eval
["\"path\":\"\"", "\"path\":\"\"", "\"path\":\"app/x\"", "\"path\":\"v1app/x\"",
 "\"path\":\"\"", "\"path\":\"app/x\"", "\"path\":\"yapp/x\"", "\"path\":\"z/app/x\""]
