# Clients that do not read, do not answer pings, or do nothing at all.
use v5.14;
use lib 't/lib';
use Test::More;
use IO::Select;
use Time::HiRes qw(time sleep);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket qw(ws_frame);

my $sidecar = SocketStream::FakeSidecar->start;
my $pass    = 'socketstream_pass unix:' . $sidecar->path('normal') . ';';
my $nginx   = SocketStream::Nginx->start(server => <<"END");
location /socketstream { $pass socketstream_max_queue 64k; }
location /roomy { $pass socketstream_max_queue 8m; }
location /pings { $pass socketstream_ping_interval 300ms; socketstream_pong_timeout 300ms; }
location /status { socketstream_status; }
END

sub client { SocketStream::WebSocket->connect(port => $nginx->port, @_) }

sub call {
    my ($client, $id, $method, $params) = @_;
    $client->send(text => qq({"jsonrpc":"2.0","id":$id,"method":"$method","params":$params}));
}

subtest 'a client that does not read is closed at max_queue' => sub {
    my $slow  = client();
    my $other = client();

    call($slow, 1, 'flood', '[400,60000]');    # more than the kernel's buffers hold
    call($other, 1, 'square', '[3]');
    is $other->recv_text, '{"id":1,"jsonrpc":"2.0","result":9}', 'others do not notice';

    $sidecar->wait_for(op => 'CLOSED');
    my ($closed) = grep { $_->{code} == 1013 } $sidecar->log(op => 'CLOSED');
    ok $closed, 'the sidecar is told 1013';

    my $code = $slow->recv_close;
    ok $code == 1013 || $code == 0, "the client gets 1013, or the end if it came too late: $code";
    is $other->send(ping => 'x') && $other->recv->{payload}, 'x', 'others still do not notice';
};

subtest 'a client that reads in the end gets all that its queue holds' => sub {
    my $client = client(uri => '/roomy');
    call($client, 1, 'flood', '[100,60000]');
    sleep 0.3;

    my $sum = 0;
    my $text;
    while (defined($text = $client->recv_text) && length $text == 60000) { $sum += length $text }
    is $sum, 6_000_000, 'every byte';
    is $text, '{"id":1,"jsonrpc":"2.0","result":"done"}', 'in order, the answer behind the flood';
    $client->close;
};

subtest 'a client that pings and does not read is not read either' => sub {
    my $client = client();
    my $other  = client();
    my $sock   = $client->socket;
    my $pings  = ws_frame(ping => 'p' x 125) x 500;
    my ($sent, $out) = (0, '');
    $sock->blocking(0);
    while ($sent < 32 << 20 && IO::Select->new($sock)->can_write(0.5)) {
        $out = $pings if !length $out;
        my $n = syswrite($sock, $out) // 0;
        substr $out, 0, $n, '';
        $sent += $n;
    }
    cmp_ok $sent, '<', 32 << 20, "it is held back after $sent bytes";
    my ($queued) = ($nginx->get('/status'))[2] =~ /"queue_bytes": ?(\d+)/;
    cmp_ok $queued, '<', 64 << 10, "$queued bytes wait for it";
    is $other->send(ping => 'x') && $other->recv->{payload}, 'x', 'others do not notice';

    # Now it reads, and has its turn again.
    $out .= ws_frame(text => '{"jsonrpc":"2.0","id":1,"method":"square","params":[3]}');
    my $in = '';
    while ($in !~ /"result":9/ && IO::Select->new($sock)->can_read(10)) {
        my $n = syswrite($sock, $out) // 0;
        substr $out, 0, $n, '';
        $in = substr $in, -99 if length $in > 99;
        sysread $sock, $in, 1 << 20, length $in or last;
    }
    like $in, qr/\{"id":1,"jsonrpc":"2.0","result":9\}\z/, 'it is read again when it reads';
    $_->close for $client, $other;
};

subtest 'a client is pinged, and stays while it answers' => sub {
    my $client = client(uri => '/pings');
    my $pings  = 0;
    my $until  = time + 2;
    while (time < $until) {
        my $frame = $client->recv($until - time) // last;
        next if $frame->{opcode} != 9;
        $pings++;
        $client->send(pong => $frame->{payload});
    }
    cmp_ok $pings, '>=', 2, 'pinged at least twice in 2 seconds';
    cmp_ok $pings, '<=', 8, 'and not more often than it should';
    ok !$client->eof, 'still there';
    $client->close;
};

subtest 'a client that does not answer pings goes' => sub {
    my $client = client(uri => '/pings');
    my $start  = time;
    my $code   = $client->recv_close(5);
    my $took   = time - $start;
    ok defined $code, 'closed';
    cmp_ok $took, '>=', 0.5, 'not before interval and timeout';
    cmp_ok $took, '<=', 3,   "soon after: $took s";
};

subtest 'anything a client sends counts as a sign of life' => sub {
    my $client = client(uri => '/pings');
    my $until  = time + 2;
    while (time < $until) {
        call($client, 1, 'square', '[2]');
        sleep 0.1;
    }
    ok !defined $client->recv_close(0), 'still open after 2 s without a pong';
    $client->close;
};

subtest 'a client that vanishes is forgotten' => sub {
    $sidecar->forget;
    my $client = client();
    $client->close;
    my ($closed) = $sidecar->wait_for(op => 'CLOSED');
    is $closed->{code}, 1006, 'the sidecar is told 1006';
};

subtest 'half a handshake and half a frame hold up nobody' => sub {
    my $half  = client();
    $half->send_raw("\x81\xfe");
    my $other = client();
    call($other, 1, 'square', '[4]');
    is $other->recv_text, '{"id":1,"jsonrpc":"2.0","result":16}', 'others go on';
    $half->close;
    $other->close;
};

my $body = '';
until_true { $body = ($nginx->get('/status'))[2]; $body =~ /"connections": ?0\b/ };
like $body, qr/"connections": ?0\b/, 'in the end no connection is counted';
like $body, qr/"queue_bytes": ?0\b/, 'and nothing is queued';
is_deeply [$sidecar->log(op => 'ERROR')], [], 'the sidecar understood every frame';

$nginx->finish;
done_testing;
