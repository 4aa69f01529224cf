# Our locations among nginx's other means: blocks within them that make a configuration of their
# own, subrequests, redirects, access rules, and what the filters make of an answer.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

no_root_location();

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('user_files', ">>> app.js\njs\n>>> index.html\n<p>index</p>\n" . ($block->more_files // ''));
});

run_tests();

__DATA__

=== TEST 1: "if" in a location of files leads to the same files, and to no others
--- config
location /static/ { socketstream_assets html; if ($http_x) { set $y 1; } if ($arg_deep) { add_header X-Deep 1; } }
location ~ /re/ { socketstream_assets html; if ($http_x) { add_header X-If 1; } }
--- more_files
>>> re/page.txt
regex
--- request eval
["GET /static/app.js", "GET /static/app.js?deep=1", "GET /static/etc/hostname", "GET /static/etc/host.conf",
 "GET /re/page.txt", "GET /a/re/page.txt"]
--- more_headers
X: 1
--- error_code eval
[200, 200, 200, 404, 200, 404]
--- response_body_like eval
["^js\$", "^js\$", "<p>index", "404", "^regex\$", "404"]



=== TEST 2: "if" in a location of the WebSocket
--- config
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; if ($http_x) { set $y 1; } }
--- handshake
X: 1
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[7]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":49}
close 1000



=== TEST 3: "if" in a location of the API
--- config
location /api/ { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; if ($http_x) { add_header X-If 1; } }
location ~ ^/(v1|v2)/ { socketstream_api unix:$TEST_NGINX_SIDECARS/normal prefix=/v1/; if ($http_x) { set $y 1; } }
--- request eval
["GET /api/app/x", "GET /v1/app/x"]
--- more_headers
X: 1
--- response_body_like eval
["\"path\":\"app/x\"", "\"path\":\"app/x\""]



=== TEST 4: "limit_except" limits, and what it lets through is served
--- config
location /api/ { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; limit_except GET { deny 192.0.2.1; } }
location /closed/ { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; limit_except GET { deny all; } }
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; limit_except GET { allow all; } }
location = /status { socketstream_status; limit_except HEAD { allow all; } }
--- request eval
["POST /api/app/x\n[1]", "GET /api/app/x", "POST /closed/app/x\n[1]", "GET /closed/app/x",
 "POST /socketstream\n{}", "GET /status"]
--- error_code eval
[200, 200, 403, 200, 200, 200]
--- response_body_like eval
["\"body\":\"\\[1\\]\".*\"path\":\"app/x\"", "\"path\":\"app/x\"", "403", "\"path\":\"app/x\"",
 "\"method\":\"POST\"", "\"workers\":1"]



=== TEST 5: a page that includes the status goes on behind it
--- config
location = /page.html { ssi on; root html; }
location = /status { socketstream_status; }
--- more_files
>>> page.html
before
<!--# include virtual="/status" -->
<!--# include virtual="/status?format=nonsense" -->
after
--- request
GET /page.html
--- response_body_like: \Abefore\n\{.*\}\r?\n.*format must be.*\nafter\n\z



=== TEST 6: a page that includes files, empty ones too, and what cannot be included
--- config
location = /page.html { ssi on; root html; }
location /static/ { socketstream_assets html; }
location /api/ { socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; }
--- more_files
>>> empty.txt
>>> page.html
1<!--# include virtual="/static/app.js" -->2<!--# include virtual="/static/empty.txt" -->3
4<!--# include virtual="/api/app/x" -->5<!--# include virtual="/socketstream" -->6
--- request
GET /page.html
--- response_body_like: \A1js\n2\n?3\n4.*404 Not Found.*5.*404 Not Found.*6\n\z



=== TEST 7: auth_request and satisfy come first
--- config
location = /auth { return 401; }
location = /yes { return 204; }
location /a/ { auth_request /auth; socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
location /b/ { auth_request /yes; socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
location /c/ { satisfy any; allow 127.0.0.1; deny all; auth_request /auth; socketstream_assets html; }
location /d/ { satisfy any; deny all; auth_request /auth; socketstream_assets html; }
location /socketstream { auth_request /auth; socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; }
--- request eval
["GET /a/app/x", "POST /b/app/x\n[1]", "GET /c/app.js", "GET /d/app.js", "GET /socketstream"]
--- error_code eval
[401, 200, 200, 401, 401]
--- response_body_like eval
["401", "\"body\":\"\\[1\\]\"", "^js\$", "401", "401"]



=== TEST 8: our status as the one that is asked by auth_request
--- config
location = /health { socketstream_status; }
location / { auth_request /health; socketstream_assets html; }
--- request
GET /app.js
--- response_body
js



=== TEST 9: a type with parameters is known to gzip, and gets no second charset
--- config
charset utf-8; charset_types *; gzip on; gzip_min_length 1; gzip_types text/plain;
location = /status { socketstream_status; }
--- request
GET /status?format=prometheus
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
Content-Encoding: gzip



=== TEST 10: a handshake that came by an error page is let in with 101
--- config
error_page 404 /socketstream;
location / { return 404; }
location /socketstream { socketstream_pass unix:$TEST_NGINX_SIDECARS/normal; }
--- handshake
GET /elsewhere HTTP/1.1
--- ws
text {"jsonrpc":"2.0","id":1,"method":"square","params":[7]}
bye
--- frames
text {"id":1,"jsonrpc":"2.0","result":49}
close 1000



=== TEST 11: the status names a socket as it is, whatever it is called
--- config
location /socketstream { socketstream_pass 'unix:/tmp/no "such\x"'; }
location = /status { socketstream_status; }
--- request eval
["GET /status", "GET /status?format=prometheus"]
--- response_body_like eval
['"socket":"unix:/tmp/no \\\\"such\\\\\\\\x\\\\""', 'link_up\{socket="unix:/tmp/no \\\\"such\\\\\\\\x\\\\""\} 0']



=== TEST 12: error pages and internal redirects lead to our locations
--- config
error_page 404 = @app;
location @app { socketstream_assets html; }
location /static/ { root html; }
location /named/ { try_files /nothing @api; }
location @api { socketstream_api unix:$TEST_NGINX_SIDECARS/normal prefix=/named/; }
location /rewritten/ { rewrite ^/rewritten/(.*)$ /api/$1 last; }
location /api/ { internal; socketstream_api unix:$TEST_NGINX_SIDECARS/normal; }
--- request eval
["GET /static/deep/path", "POST /named/app/x\n[2]", "GET /rewritten/app/y", "GET /api/app/z"]
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
["index", "\"body\":\"\\[2\\]\".*\"path\":\"app/x\"", "\"path\":\"app/y\"", "index"]
