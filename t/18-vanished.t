# Clients that are gone, or do not read, at the moment at which they are answered: the worker goes
# on, says nothing alarming, and what can still be read is whole.
use v5.14;
use lib 't/lib';
use Test::More;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(sleep);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(free_port until_true);
use SocketStream::WebSocket qw(ws_frame ws_handshake);

my $sidecar = SocketStream::FakeSidecar->start;
my $at      = 'unix:' . $sidecar->path('normal');
my $h2      = free_port();
my $roomy   = free_port();
my $nginx   = SocketStream::Nginx->start(
    http   => "limit_conn_zone \$uri zone=uris:1m;\n"
        . "server { listen 127.0.0.1:$h2 http2 sndbuf=16k; location /api/ { socketstream_api $at; } }\n"
        . "server { listen 127.0.0.1:$roomy rcvbuf=1m; client_header_buffer_size 512k; location / { socketstream_pass $at; } }",
    server => <<"END",
location /socketstream { socketstream_pass $at; socketstream_link_timeout 500ms; }
location = /slowly { socketstream_pass $at; socketstream_link_timeout 200ms; limit_rate 1; }
location = /late { socketstream_pass $at; socketstream_drain_time 0; limit_rate 100; }
location = /counted { socketstream_pass $at; socketstream_drain_time 0; limit_rate 100; limit_conn uris 9; }
location /api/ { socketstream_api $at; }
location = /status { socketstream_status; }
END
);

# A client with a small window, which has not been told anything yet.
sub dial {
    my ($port) = @_;
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096;
    connect $sock, Socket::pack_sockaddr_in($port // $nginx->port, Socket::inet_aton('127.0.0.1')) or die "connect: $!";
    $sock->autoflush(1);
    return $sock;
}

# Sends all but the end of a request, then its end and a reset: nginx reads it, and cannot answer.
sub ask_and_vanish {
    my ($request) = @_;
    my $sock = dial();
    syswrite $sock, substr $request, 0, -1;
    sleep 0.05;    # nginx has it, and waits for the rest
    syswrite $sock, substr $request, -1;
    setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $sock;
}

my ($worker) = $nginx->workers;

# The link is there, so that what it cannot carry is refused at once.
is +($nginx->get('/api/app/x'))[0], 200, 'the sidecar is linked';

my $many = join '', map {"X-$_: 1\r\n"} 1 .. 130;
my @asks = (
    ['a handshake', ws_handshake() =~ s/\r\n\r\n\z/\r\n$many\r\n/r],
    ['a request for a stream', "GET /socketstream HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n$many\r\n"],
    ['a request of the API', "GET /api/app/x HTTP/1.1\r\nHost: x\r\n$many\r\n"],
    ['a POST to the API', "POST /api/app/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n$many\r\n1"],
    ['a POST for another stream', "POST /socketstream HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            . "SocketStream-Seq: 1\r\nSocketStream-Stream: n." . '0' x 16 . '.' . '0' x 8 . '.' . '0' x 7 . '1.' . '0' x 32
            . "\r\nContent-Length: 2\r\n$many\r\n{}"],
);
for my $ask (@asks) {
    my ($what, $request) = @$ask;
    ask_and_vanish($request) for 1 .. 5;
    is +($nginx->get('/status'))[0], 200, "$what that is refused, its client gone";
    is_deeply [$nginx->workers], [$worker], 'the worker is the same';
}

# Over HTTP/2 all at once, of which nothing is read before the socket is full: with some of them nginx
# cannot even write the header.
sub h2_frame { my ($type, $flags, $stream, $payload) = @_; return pack('N', length($payload) << 8 | $type) . pack('CN', $flags, $stream) . $payload }

sub h2_get {
    my ($stream, $path) = @_;
    return h2_frame(1, 5, $stream, "\x82\x86" . pack('CC/a CC/a', 4, $path, 1, 'localhost'));
}

subtest 'answers to an HTTP/2 client that reads late are whole' => sub {
    my @streams = map { 2 * $_ + 1 } 0 .. 99;
    my $sock    = dial($h2);
    syswrite $sock, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . h2_frame(4, 0, 0, pack 'nN', 4, 1 << 30)
        . h2_frame(8, 0, 0, pack 'N', 1 << 30) . join '', map { h2_get($_, '/api/big/40000') } @streams;
    ok $sidecar->wait_for(op => 'REQUEST', path => 'big/40000', count => 0 + @streams) == @streams, 'all are with the sidecar';
    is +($nginx->get('/api/app/y'))[0], 200, 'and answered: behind them is another';

    my ($in, %bytes, %ended) = ('');
    while (keys %ended < @streams && sysread $sock, $in, 65536, length $in) {
        while (length $in >= 9 && length $in >= 9 + (my $length = unpack('N', $in) >> 8)) {
            my ($type, $flags, $stream) = unpack 'x3CCN', $in;
            $bytes{$stream} += $length if $type == 0;
            $ended{$stream} = $type == 3 ? 'reset' : 'well' if $stream && ($type == 3 || $flags & 1);
            substr $in, 0, 9 + $length, '';
        }
    }
    is_deeply [grep { ($bytes{$_} // 0) != 40002 || ($ended{$_} // '') ne 'well' } @streams], [], 'each has its body';
};

subtest 'a 101 that is not taken' => sub {
    my $sock = dial();
    syswrite $sock, ws_handshake(uri => '/slowly');
    my $answer = do { local $/; readline $sock };
    cmp_ok length $answer, '<', 100, 'the connection ends in the middle of it';
    like $nginx->log, qr/\[info\].*client took no 101 in 200 ms/, 'which is logged';
    is_deeply [map { $_->{code} } $sidecar->wait_for(op => 'CLOSED')], [1006], 'and the sidecar is told';
};

subtest 'more behind a handshake than the worker reads at once' => sub {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $roomy) or die "connect: $!";
    my $call = ws_frame(text => '{"jsonrpc":"2.0","method":"echo","params":["' . 'x' x 1000 . '"]}');
    my $last = ws_frame(text => '{"jsonrpc":"2.0","id":1,"method":"square","params":[5]}');
    my $all  = ws_handshake() . $call x 180 . $last;
    kill STOP => $worker;    # so that all is there when nginx reads
    my $sent = syswrite $sock, substr $all, 0, 180_000;
    kill CONT => $worker;
    syswrite $sock, substr $all, $sent;
    my $in = '';
    1 while $in !~ /"result":25/ && sysread $sock, $in, 65536, length $in;
    like $in, qr/^HTTP\/1\.1 101 .*"result":25/s, 'is taken, to the last call';
    is_deeply [$nginx->workers], [$worker], 'the worker is the same';
};

subtest 'a 101 that is out when the worker is to leave' => sub {
    my @uris = qw(/late /counted);
    my @socks = map { dial() } @uris;
    syswrite $socks[$_], ws_handshake(uri => $uris[$_]) for 0 .. $#uris;
    my @in = map { sysread $_, my $in, 4096; $in } @socks;
    my @old = $nginx->reload;
    for (0 .. $#uris) {
        1 while sysread $socks[$_], $in[$_], 4096, length $in[$_];
        like $in[$_], qr/^HTTP\/1\.1 101 .*\r\n\r\n\x88\x02\x03\xf4\z/s, "$uris[$_]: its client is told 1012";
        close $socks[$_];
    }
    ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @old }), 'and the worker leaves';
};

$nginx->finish;
done_testing;
