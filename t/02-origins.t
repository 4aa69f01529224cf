# Who may open a WebSocket: RFC 6454 origins, same origin unless listed.
use lib 't/lib';
use SocketStream::TestNginx;
use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my ($block) = @_;
    my $origins = $block->origins ? 'socketstream_origins ' . $block->origins . ';' : '';
    $block->set_value('config', <<"END");
socketstream_origins any;
location /socketstream { socketstream_pass unix:\$TEST_NGINX_SIDECARS/normal; $origins }
END
    $block->set_value('config', $block->config =~ s/^socketstream_origins any;\n//r)
        if !defined $block->inherit;

    # a refusal comes with a status, a welcome with a 101
    my $handshake = $block->handshake;
    if ($block->refused) {
        $block->set_value('handshake', "$handshake\nConnection: Upgrade, close");
        $block->set_value('error_code', 403);
    }
    else {
        $block->set_value('ws',     'close 1000');
        $block->set_value('frames', 'close 1000');
    }
});

run_tests();

__DATA__

=== TEST 1: no Origin: not a browser, welcome
--- handshake
-Origin



=== TEST 2: the same origin
--- handshake
Host: example.com
Origin: http://example.com



=== TEST 3: the same origin with a port
--- handshake
Host: example.com:8080
Origin: http://example.com:8080



=== TEST 4: host names are the same in any case
--- handshake
Host: Example.COM
Origin: http://example.com



=== TEST 5: the default port may be named
--- handshake
Host: example.com:80
Origin: http://example.com



=== TEST 6: another host
--- handshake
Host: example.com
Origin: http://evil.example
--- refused: 1



=== TEST 7: another port
--- handshake
Host: example.com:8080
Origin: http://example.com:8081
--- refused: 1



=== TEST 8: another scheme
--- handshake
Host: example.com
Origin: ftp://example.com
--- refused: 1



=== TEST 9: a host that ends like ours
--- handshake
Host: example.com
Origin: http://notexample.com
--- refused: 1



=== TEST 10: a host that begins like ours
--- handshake
Host: example.com
Origin: http://example.com.evil.example
--- refused: 1



=== TEST 11: null, as a sandboxed frame or a file sends it
--- handshake
Host: example.com
Origin: null
--- refused: 1



=== TEST 12: an empty Origin
--- handshake
Host: example.com
Origin:
--- refused: 1



=== TEST 13: two origins
--- handshake
Host: example.com
Origin: http://example.com
Origin: http://evil.example
--- refused: 1



=== TEST 14: a listed origin
--- origins: https://a.example https://b.example:8443
--- handshake
Origin: https://b.example:8443



=== TEST 15: a listed origin in another case
--- origins: https://A.example
--- handshake
Origin: https://a.EXAMPLE



=== TEST 16: a host that is listed with another scheme
--- origins: https://a.example
--- handshake
Origin: http://a.example
--- refused: 1



=== TEST 17: an origin not on the list
--- origins: https://a.example https://b.example
--- handshake
Origin: https://c.example
--- refused: 1



=== TEST 18: the same origin with a list of "same" and others
--- origins: same https://a.example
--- handshake
Host: example.com
Origin: http://example.com



=== TEST 19: any
--- origins: any
--- handshake
Origin: https://c.example



=== TEST 20: any takes null too
--- origins: any
--- handshake
Origin: null



=== TEST 21: a list is inherited
--- inherit: 1
--- handshake
Origin: https://c.example



=== TEST 22: an own list replaces the inherited one
--- inherit: 1
--- origins: https://a.example
--- handshake
Origin: https://c.example
--- refused: 1



=== TEST 23: Host is not believed when it holds more than a host
--- handshake
Host: example.com@evil.example
Origin: http://evil.example
--- refused: 1
--- error_code_like: ^40[03]$



=== TEST 24: the scheme's own port, which browsers leave out, may be listed
--- origins: https://a.example:443
--- handshake
Origin: https://a.example



=== TEST 25: of plain HTTP, too
--- origins: http://a.example:80
--- handshake
Origin: http://a.example



=== TEST 26: another one is another origin
--- origins: https://a.example:80
--- handshake
Origin: https://a.example
--- refused: 1
