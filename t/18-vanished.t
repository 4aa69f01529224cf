# Clients that are gone, or do not read, at the moment at which they are answered: the worker goes
# on, says nothing alarming, and what can still be read is whole.
use v5.14;
use lib 't/lib';
use Test::More;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(sleep time);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket qw(ws_handshake);

my $sidecar = SocketStream::FakeSidecar->start;
my $at      = 'unix:' . $sidecar->path('normal');
my $nginx   = SocketStream::Nginx->start(
    http   => 'postpone_output 0; keepalive_requests 10000;',
    server => <<"END",
location /socketstream { socketstream_pass $at; socketstream_link_timeout 500ms; }
location /api/ { socketstream_api $at; }
location = /status { socketstream_status; }
END
);

# A client with a small window, which has not been told anything yet.
sub dial {
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096;
    connect $sock, Socket::pack_sockaddr_in($nginx->port, Socket::inet_aton('127.0.0.1')) or die "connect: $!";
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

$nginx->finish;
done_testing;
