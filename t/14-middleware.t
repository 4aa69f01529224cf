# What middleware behind proxy_pass has passed on: its headers on the answer, its URL, and nothing
# that a client says.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

no_root_location();

# The upstream, which answers as a host does after next().
our $passes = sub {
    my (@headers) = @_;
    my $lines = join '', map { "add_header $_;\n" } @headers;
    return <<"END";
        location / {
            proxy_pass http://127.0.0.1:\$server_port/upstream;
            proxy_set_header Host up;
            proxy_set_header If-Match "";
        }
        location /upstream {
            add_header X-Accel-Redirect \@assets;
            $lines
            return 200;
        }
        location \@assets {
            socketstream_middleware on;
            socketstream_assets html;
        }
END
};

# URLs that middleware may make, and what becomes of them: none is a way out of the folder.
our @hostile = (
    ['/../conf/nginx.conf', 400], ['/..%2fconf/nginx.conf', 400], ['/%2e%2e', 400], ['/a.txt%2f..%2fb.txt', 400],
    ['/x/%2e%2e%5c..', 404], ['/./b.txt', 404], ['//b.txt', 200], ['/?/../x', 200],
    ['/%', 200], ['/%6', 200], ['/%zz', 200], ['/%ff.txt', 404], ['/b.txt%23x', 404], ['/%3f.png', 404],
    ['/%0d%0aX-Evil:1.png', 404], ['/%0d%0aX-Evil:1/', 200],
    ['/' . 'x' x 3000 . '.png', 404], ['/' . '%2e' x 900, 404],
    ['http://127.0.0.1/b.txt', 500], ['%2fb.txt', 500], ['', 200], ['/b.txt&second=/../x', 200],
);

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('user_files', ">>> index.html\nindex\n>>> a.txt\n0123456789\n>>> b.txt\nother\n");
});

run_tests();

__DATA__

=== TEST 1: headers of middleware are on the file
--- config eval
$::passes->('SocketStream-Set-X-Frame-Options DENY', 'SocketStream-Set-Set-Cookie a=1', 'SocketStream-Set-Set-Cookie b=2')
--- request
GET /a.txt
--- response_body
0123456789
--- response_headers
X-Frame-Options: DENY
Set-Cookie: a=1, b=2
Content-Length: 11
Cache-Control: no-cache
!SocketStream-Set-X-Frame-Options
!X-Accel-Redirect



=== TEST 2: what it sets replaces ours, once
--- config eval
$::passes->('SocketStream-Set-Cache-Control private', 'SocketStream-Set-cache-control max-age=5')
--- request
GET /a.txt
--- response_headers
Cache-Control: private, max-age=5



=== TEST 3: what tells of the body stays ours
--- config eval
$::passes->('SocketStream-Set-Content-Length 3', 'SocketStream-Set-Content-Type text/evil', 'SocketStream-Set-Content-Encoding br',
    'SocketStream-Set-ETag mine', 'SocketStream-Set-Transfer-Encoding chunked', 'SocketStream-Set-Location /x')
--- request
GET /a.txt
--- response_body
0123456789
--- response_headers_like
Content-Length: 11
Content-Type: text/plain
ETag: "[0-9a-f]+-[0-9a-f]+"
--- response_headers
!Content-Encoding
!Transfer-Encoding
!Location



=== TEST 4: also on a 404
--- config eval
$::passes->('SocketStream-Set-X-Frame-Options DENY')
--- request
GET /missing.png
--- error_code: 404
--- response_headers
X-Frame-Options: DENY
--- no_error_log
[alert]



=== TEST 5: and on a range
--- config eval
$::passes->('SocketStream-Set-X-Frame-Options DENY')
--- request
GET /a.txt
--- more_headers
Range: bytes=2-3
--- error_code: 206
--- response_body chomp
23
--- response_headers
X-Frame-Options: DENY



=== TEST 6: another URL is served in place of the one asked for, decoded and with its type
--- config eval
$::passes->('SocketStream-Url /%62.txt?x=1')
--- request
GET /a.png
--- response_body
other
--- response_headers_like
Content-Type: text/plain.*
--- response_headers
!SocketStream-Url



=== TEST 7: one that leads upwards is none
--- config eval
$::passes->('SocketStream-Url /x/%2e%2e/%2e%2e/secret')
--- request
GET /a.txt
--- error_code: 400
--- error_log
unsafe URI



=== TEST 8: nor is one without a slash, or with a NUL
--- config eval
$::passes->('SocketStream-Url a.txt')
--- request
GET /a.txt
--- error_code: 500
--- error_log
must begin with a slash



=== TEST 9: a NUL
--- config eval
$::passes->('SocketStream-Url /a.txt%00.png')
--- request
GET /a.txt
--- error_code: 400
--- error_log
unsafe URI



=== TEST 10: what a client says of all this does nothing
--- config eval
$::passes->()
--- request
GET /a.txt
--- more_headers
X-Accel-Redirect: @other
SocketStream-Url: /b.txt
SocketStream-Set-X-Evil: 1
--- response_body
0123456789
--- response_headers
!X-Evil



=== TEST 11: without the directive the headers stay where they are
--- config
    location / {
        proxy_pass http://127.0.0.1:$server_port/upstream;
    }
    location /upstream {
        add_header X-Accel-Redirect @assets;
        add_header SocketStream-Set-X-Frame-Options DENY;
        add_header SocketStream-Url /b.txt;
        return 200;
    }
    location @assets { socketstream_assets html; }
--- request
GET /a.txt
--- response_body
0123456789
--- response_headers
!X-Frame-Options



=== TEST 12: with the directive, but not by way of an upstream
--- config
    location / {
        socketstream_middleware on;
        socketstream_assets html;
    }
--- request
GET /a.txt
--- response_body
0123456789



=== TEST 13: the API in a named location needs its prefix
--- config
    location @api { socketstream_api 127.0.0.1:1; }
--- must_die
--- error_log
needs "prefix=/path/"



=== TEST 14: which is a path
--- config
    location @api { socketstream_api 127.0.0.1:1 prefix=api; }
--- must_die
--- error_log
invalid parameter "prefix=api"



=== TEST 15: the directive is given once
--- config
    location / { socketstream_middleware on; socketstream_middleware off; socketstream_assets html; }
--- must_die
--- error_log
is duplicate



=== TEST 16: a range past the end tells each header once
--- config eval
$::passes->('SocketStream-Set-Set-Cookie a=1', 'SocketStream-Set-Set-Cookie b=2', 'SocketStream-Set-Vary Cookie',
    'SocketStream-Set-X-Frame-Options DENY')
--- request
GET /a.txt
--- more_headers
Range: bytes=100-
--- error_code: 416
--- response_headers
Set-Cookie: a=1, b=2
Vary: Cookie
X-Frame-Options: DENY
Cache-Control: no-cache
Content-Range: bytes */11



=== TEST 17: and a condition that fails
--- config eval
$::passes->('SocketStream-Set-Set-Cookie a=1', 'SocketStream-Set-X-Frame-Options DENY')
--- request
GET /a.txt
--- more_headers
If-Match: "none"
--- error_code: 412
--- response_headers
Set-Cookie: a=1
X-Frame-Options: DENY



=== TEST 18: no URL of middleware gets out of the folder, breaks a header, or ends a worker
--- config
    location / {
        proxy_pass http://127.0.0.1:$server_port/upstream?$args;
        proxy_set_header Host up;
    }
    location /upstream {
        add_header X-Accel-Redirect @assets;
        add_header SocketStream-Url $arg_url;
        add_header SocketStream-Url $arg_second;
        return 200;
    }
    location @assets {
        socketstream_middleware on;
        socketstream_assets html;
    }
--- request eval
[map { "GET /a.txt?url=$_->[0]" } @::hostile]
--- raw_response_headers_unlike eval
[map { "\nX-Evil" } @::hostile]
--- error_code eval
[map { $_->[1] } @::hostile]
--- no_error_log
[alert]
