# socketstream_incompatible: pages are not for browsers that cannot run them, all else is for everybody.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

no_root_location();

my $files = <<'END';
>>> index.html
<p>index</p>
>>> index.html.gz
gzip index
>>> dir/index.html
<p>dir</p>
>>> app-3f2a9c1d.js
hashed
>>> sorry/index.html
<p>sorry</p>
>>> sorry/index.html.gz
gzip sorry
END

add_block_preprocessor(sub {
    my ($block) = @_;
    my $page = $block->page // 'html/sorry/index.html';
    $block->set_value('user_files', $files);
    $block->set_value('http_config', <<'END');
map $http_user_agent $old { default 0; "~MSIE [1-9]\." 1; }
END
    $block->set_value('config', <<"END") if !defined $block->config;
location / { socketstream_assets html; socketstream_incompatible \$old $page; }
location /socketstream { socketstream_pass unix:\$TEST_NGINX_SIDECARS/normal; socketstream_incompatible \$old $page; }
location /api/ { socketstream_api unix:\$TEST_NGINX_SIDECARS/normal; socketstream_incompatible \$old $page; }
END
});

run_tests();

__DATA__

=== TEST 1: a browser that can gets the page, which depends on it
--- request
GET /
--- more_headers
User-Agent: Firefox/130.0
--- response_body
<p>index</p>
--- response_headers_like
Vary: User-Agent, Accept-Encoding
Cache-Control: no-cache



=== TEST 2: one that cannot gets the application's page for it
--- request
GET /
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 403
--- response_body
<p>sorry</p>
--- response_headers
Vary: User-Agent
Cache-Control: no-store
Content-Type: text/html
!ETag
!Last-Modified
--- error_log
by its User-Agent the browser cannot run it



=== TEST 3: uncompressed, and whole
--- request
GET /
--- more_headers
User-Agent: MSIE 8.0
Accept-Encoding: gzip
Range: bytes=0-1
If-None-Match: *
--- error_code: 403
--- response_body
<p>sorry</p>
--- response_headers
!Content-Encoding



=== TEST 4: a path of the application's own
--- request
GET /room/7
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 403
--- response_body
<p>sorry</p>



=== TEST 5: a directory's page
--- request
GET /dir/
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 403
--- response_body
<p>sorry</p>



=== TEST 6: HEAD
--- request
HEAD /
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 403
--- response_headers
Content-Length: 13
--- response_body:



=== TEST 7: without a page of the application's there is one
--- page: html/absent.html
--- request
GET /
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 403
--- response_body_like: ^(?=.{513})<!doctype html>.*too old.*</html>
--- response_headers
Vary: User-Agent
Cache-Control: no-store
Content-Type: text/html



=== TEST 8: a folder is no page
--- page: html/dir
--- request
GET /
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 403
--- response_body_like: too old



=== TEST 9: assets are for everybody
--- request
GET /app-3f2a9c1d.js
--- more_headers
User-Agent: MSIE 8.0
--- response_body
hashed
--- response_headers
!Vary



=== TEST 10: what is not there is not there
--- request
GET /missing.js
--- more_headers
User-Agent: MSIE 8.0
--- error_code: 404



=== TEST 11: the API is for everybody
--- request
GET /api/app/x
--- more_headers
User-Agent: MSIE 8.0
--- response_body_like: "path":"app/x"



=== TEST 12: so is the WebSocket
--- handshake
User-Agent: MSIE 8.0
--- ws
bye
--- frames
close 1000



=== TEST 13: without the directive a page is for everybody
--- config
location / { socketstream_assets html; }
--- request
GET /
--- more_headers
User-Agent: MSIE 8.0
--- response_body
<p>index</p>
--- response_headers
Vary: Accept-Encoding



=== TEST 14: a variable that there is none of is told
--- config
location / { socketstream_assets html; socketstream_incompatible $nothing html/x; }
--- must_die
--- error_log
unknown "nothing" variable
