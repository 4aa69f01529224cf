# Static files: as nginx serves them, with compressed siblings, and no way out of the root.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

no_root_location();

my $files = <<'END';
>>> index.html 202601020304.05
<p>index</p>
>>> plain.txt 202601020304.05
0123456789
>>> app.js
plain js
>>> app.js.br
brotli js
>>> app.js.zst
zstd js
>>> app.js.gz
gzip js
>>> only.css
plain css
>>> only.css.gz
gzip css
>>> assets/app-3f2a9c1d.js
hashed
>>> assets/app-3f2a9c1d.js.gz
hashed gz
>>> dir/page.html
page
>>> .env
SECRET=1
>>> .git/config
secret
END

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('user_files', $files . ($block->more_files // ''));
    $block->set_value('config', 'location / { socketstream_assets html; }') if !defined $block->config;
});

run_tests();

__DATA__

=== TEST 1: a file
--- request
GET /plain.txt
--- response_body
0123456789
--- response_headers_like
Last-Modified: Fri, 02 Jan 2026 03:04:05 GMT
ETag: "[0-9a-f]+-[0-9a-f]+"
Accept-Ranges: bytes
Content-Length: 11



=== TEST 2: the root is index.html
--- request
GET /
--- response_body
<p>index</p>
--- response_headers
Content-Type: text/html



=== TEST 3: not modified since
--- request
GET /plain.txt
--- more_headers
If-Modified-Since: Fri, 02 Jan 2026 03:04:05 GMT
--- error_code: 304
--- response_body



=== TEST 4: none matches another
--- request
GET /plain.txt
--- more_headers
If-None-Match: "other"
--- error_code: 200
--- response_body
0123456789



=== TEST 5: any matches
--- request
GET /plain.txt
--- more_headers
If-None-Match: *
--- error_code: 304



=== TEST 6: a precondition that fails
--- request
GET /plain.txt
--- more_headers
If-Match: "other"
--- error_code: 412



=== TEST 7: a range
--- request
GET /plain.txt
--- more_headers
Range: bytes=2-4
--- error_code: 206
--- response_headers
Content-Range: bytes 2-4/11
--- response_body chomp
234



=== TEST 8: a range past the end
--- request
GET /plain.txt
--- more_headers
Range: bytes=100-
--- error_code: 416



=== TEST 9: HEAD
--- request
HEAD /plain.txt
--- response_headers
Content-Length: 11
--- response_body



=== TEST 10: methods that are not for files
--- request eval
["POST /plain.txt", "PUT /plain.txt", "DELETE /plain.txt"]
--- error_code eval
[405, 405, 405]



=== TEST 11: an unknown path without an extension is the application's
--- request eval
["GET /rooms", "GET /rooms/7", "GET /rooms/?x=1", "GET /a.b/c"]
--- response_body eval
[("<p>index</p>\n") x 4]
--- response_headers eval
[("Content-Type: text/html") x 4]
--- error_code eval
[200, 200, 200, 200]



=== TEST 12: an unknown path with an extension is not found
--- request eval
["GET /missing.js", "GET /dir/missing.png", "GET /app.js.map"]
--- error_code eval
[404, 404, 404]



=== TEST 13: a directory is the application's too, and never listed
--- request
GET /dir/
--- response_body
<p>index</p>



=== TEST 14: brotli first
--- request
GET /app.js
--- more_headers
Accept-Encoding: gzip, deflate, br, zstd
--- response_headers
Content-Encoding: br
Vary: Accept-Encoding
--- response_body
brotli js



=== TEST 15: zstd before gzip
--- request
GET /app.js
--- more_headers
Accept-Encoding: gzip, zstd
--- response_headers
Content-Encoding: zstd
Vary: Accept-Encoding
--- response_body
zstd js



=== TEST 16: gzip
--- request
GET /app.js
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
Vary: Accept-Encoding
--- response_body
gzip js



=== TEST 17: a client that names none gets the file itself, and caches are told
--- request
GET /app.js
--- response_headers
!Content-Encoding
Vary: Accept-Encoding
--- response_body
plain js



=== TEST 18: an encoding refused by q=0
--- request
GET /app.js
--- more_headers
Accept-Encoding: br;q=0, zstd; q=0.000, gzip;q=0.5
--- response_headers
Content-Encoding: gzip
--- response_body
gzip js



=== TEST 19: names that only begin or end like an encoding
--- request
GET /app.js
--- more_headers
Accept-Encoding: brx, xbr, gzipped, x-zstd
--- response_headers
!Content-Encoding
--- response_body
plain js



=== TEST 20: the one sibling there is
--- request
GET /only.css
--- more_headers
Accept-Encoding: br, gzip
--- response_headers
Content-Encoding: gzip
Vary: Accept-Encoding
--- response_body
gzip css



=== TEST 21: a file without siblings
--- request
GET /plain.txt
--- more_headers
Accept-Encoding: br, gzip
--- response_headers
!Content-Encoding
--- response_body
0123456789



=== TEST 22: a name with a content hash never changes
--- request
GET /assets/app-3f2a9c1d.js
--- response_headers_like
Cache-Control: .*max-age=31536000.*immutable
--- response_body
hashed



=== TEST 23: nor does its compressed form
--- request
GET /assets/app-3f2a9c1d.js
--- more_headers
Accept-Encoding: gzip
--- response_headers_like
Cache-Control: .*immutable
Content-Encoding: gzip
--- response_body
hashed gz



=== TEST 24: other names may change at any time
--- request eval
["GET /app.js", "GET /", "GET /rooms"]
--- raw_response_headers_unlike eval
[("immutable") x 3]
--- error_code eval
[200, 200, 200]



=== TEST 25: dot files stay where they are
--- request eval
["GET /.env", "GET /.git/config", "GET /%2eenv", "GET /dir/../.env"]
--- error_code eval
[404, 404, 404, 404]



=== TEST 26: upwards
--- request eval
["GET /../conf/nginx.conf", "GET /%2e%2e/conf/nginx.conf", "GET /..%2fconf/nginx.conf", "GET /dir/../../conf/nginx.conf", "GET /dir/%2e%2e%2f%2e%2e/conf/nginx.conf"]
--- error_code eval
[400, 400, 400, 400, 400]



=== TEST 27: upwards the other way
--- request eval
["GET /..\\conf\\nginx.conf", "GET /%5c..%5cconf%5cnginx.conf", "GET //conf/nginx.conf", "GET /./../conf/nginx.conf"]
--- error_code_like eval
[("^(400|404)\$") x 4]
--- response_body_unlike eval
[("worker_processes") x 4]



=== TEST 28: a NUL byte
--- request
GET /plain.txt%00.js
--- error_code: 400



=== TEST 29: a path longer than the file system takes
--- request eval
"GET /" . "a" x 5000 . ".js"
--- error_code_like: ^(404|414)$



=== TEST 30: a root that is not there
--- config
location / { socketstream_assets nowhere; }
--- request
GET /plain.txt
--- error_code: 404



=== TEST 31: arguments do not matter
--- request
GET /plain.txt?v=1
--- response_body
0123456789



=== TEST 32: gzip of nginx's own does not compress twice
--- config
gzip on; gzip_types *; gzip_min_length 1;
location / { socketstream_assets html; }
--- request
GET /app.js
--- more_headers
Accept-Encoding: gzip
--- response_headers
Content-Encoding: gzip
--- response_body
gzip js



=== TEST 33: each encoding has an ETag of its own, which holds for it alone
--- request eval
["GET /etag.js", "GET /etag.js", "GET /etag.js"]
--- more_files
>>> etag.js 202601020304.05
0123456789
>>> etag.js.br 202601020304.05
0123
--- more_headers eval
["Accept-Encoding: br\nIf-None-Match: \"695735a5-5\"", "Accept-Encoding: br\nIf-None-Match: \"695735a5-b\"", "If-None-Match: \"695735a5-5\""]
--- error_code eval
[304, 200, 200]



=== TEST 34: a name without extension is itself before it is compressed
--- request eval
["GET /notes", "GET /data"]
--- more_files
>>> notes
plain notes
>>> notes.gz
gzip notes
>>> data.gz
an archive, and /data a path of the application's
--- more_headers
Accept-Encoding: gzip
--- response_body eval
["gzip notes\n", "<p>index</p>\n"]



=== TEST 35: nothing hidden is served compressed
--- request eval
["GET /.env", "GET /x/.secret.js"]
--- more_files
>>> .env.gz
SECRET
>>> x/.secret.js.gz
SECRET
--- more_headers
Accept-Encoding: gzip
--- error_code eval
[404, 404]



=== TEST 36: a directory with a page has a slash behind it, wherever the client came in
--- config
location / { socketstream_assets html; }
location /shop/ { rewrite ^/shop(/.*)$ $1 last; }
location = /old { rewrite ^ /some/dir last; }
--- more_files
>>> some/dir/index.html
dir
>>> some/a:b/index.html
odd
--- request eval
["GET /some/dir", "GET /some/dir?a=%20b", "GET /shop/some/dir", "GET //some//./%64ir", "GET /some/a%3Ab", "GET /some%2Fdir",
 "GET /old", "GET /some/dir/"]
--- error_code eval
[(301) x 7, 200]
--- response_headers_like eval
["Location: \\./dir/", "Location: \\./dir/\\?a=%20b", "Location: \\./dir/", "Location: \\./dir/", "Location: \\./a:b/",
 ("Location: http://[^/]+/some/dir/") x 2, "Content-Type: text/html"]
