# The link to the sidecar: what goes over it, what happens when it misbehaves, breaks and returns.
use v5.14;
use lib 't/lib';
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket;

my $sidecar = SocketStream::FakeSidecar->start;
my @modes   = qw(normal second third mute version garbage hangup frozen deadpan stale absent);
my $nginx   = SocketStream::Nginx->start(
    http => join('', map { "upstream u_$_ { server unix:" . $sidecar->path($_) . "; }\n" } @modes)
        . 'upstream both { server unix:' . $sidecar->path('normal') . '; server unix:'
        . $sidecar->path('second') . "; }\n",
    server => join('', map {"location /$_ { socketstream_pass u_$_; socketstream_link_timeout 1s; }\n"} @modes)
        . "location /both { socketstream_pass both; socketstream_link_timeout 1s; }\n"
        . 'location /api/ { socketstream_api unix:' . $sidecar->path('normal') . "; }\n"
        . 'location /proxied { socketstream_pass u_normal; socketstream_scheme $http_x_forwarded_proto; }' . "\n"
        . "location = /status { socketstream_status; }\n",
);

sub client { my ($where, %o) = @_; SocketStream::WebSocket->connect(port => $nginx->port, uri => "/$where", %o) }

sub call {
    my ($client, $id, $method, $params) = @_;
    $id = encode_json([$id]) =~ s/^\[|\]$//gr;
    my $p = defined $params ? ',"params":' . encode_json($params) : '';
    $client->send(text => qq({"jsonrpc":"2.0","id":$id,"method":"$method"$p}));
}

# What a client gets next, as data.
sub answer { my $text = $_[0]->recv_text($_[1]); return defined $text ? decode_json($text) : undef }

# Calls again until the sidecar is back.
sub works {
    my ($client, $seconds) = @_;
    state $id = 1000;
    return until_true {
        call($client, ++$id, 'square', [5]);
        my $answer = answer($client, 2) // return 0;
        ($answer->{result} // 0) == 25;
    } $seconds;
}

# A sanitizer keeps what is freed: memory says nothing then.
my $sanitized = ($ENV{BUILD} // '') eq 'sanitize';

sub rss { (SocketStream::Nginx::slurp("/proc/$_[0]/status") =~ /VmRSS:\s+(\d+)/)[0] }    # KiB

subtest 'what the sidecar is told' => sub {
    my $client = client('normal?a=%41&b=c', headers => [
        ['User-Agent', 'tester/1'], ['Cookie', 'a=b'], ['X-Own', "\xc3\xa4"],
        ['Sec-WebSocket-Protocol', 'socketstream'],
    ]);
    my ($hello) = $sidecar->log(op => 'HELLO');
    is $hello->{version}, 1, 'HELLO: version';
    is $hello->{role},    1, 'HELLO: role is worker';
    is $hello->{pid}, ($nginx->workers)[0], 'HELLO: pid is the worker\'s';
    cmp_ok $hello->{max_message}, '>', 0, 'HELLO: max_message';
    like $hello->{software}, qr{^[\w.-]+/\d}, 'HELLO: software';

    my ($open) = $sidecar->log(op => 'OPEN');
    is $open->{uri},        '/normal?a=%41&b=c', 'OPEN: uri as sent';
    is $open->{address},    '127.0.0.1',         'OPEN: address';
    is $open->{open_flags}, 2,                   'OPEN: the subprotocol, no TLS';
    my %header = map { lc $_->[0] => $_->[1] } @{ $open->{headers} };
    is $header{'user-agent'}, 'tester/1', 'OPEN: a header';
    is $header{cookie},       'a=b',      'OPEN: the cookie';
    is $header{'x-own'}, "\xc3\xa4", 'OPEN: bytes pass as they are';
    cmp_ok $open->{generation}, '>', 0, 'OPEN: a generation';

    $client->send(text => '{"jsonrpc":"2.0","id":7,"method":"square","params":[25]}');
    answer($client);
    my ($message) = $sidecar->log(op => 'MESSAGE');
    is $message->{payload}, '{"jsonrpc":"2.0","id":7,"method":"square","params":[25]}', 'MESSAGE: as sent';
    is $message->{flags}, 0, 'MESSAGE: text';
    cmp_ok $message->{call}, '>', 0, 'MESSAGE: a number, for the answer';

    $client->send(text => '{"jsonrpc":"2.0","method":"square","params":[25]}');
    (undef, $message) = $sidecar->wait_for(op => 'MESSAGE', count => 2);
    is $message->{call}, 0, 'MESSAGE: no number for a notification';

    $client->send(close => pack 'n a*', 4002, 'tired');
    $client->recv_close;
    my ($closed) = $sidecar->wait_for(op => 'CLOSED');
    is $closed->{code}, 4002, 'CLOSED: the client\'s code';
    is $closed->{slot}, $open->{slot}, 'CLOSED: of this client';
};

subtest 'an API request whose client has gone is taken back' => sub {
    $sidecar->forget;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $nginx->port);
    print $sock "GET /api/never HTTP/1.1\r\nHost: localhost\r\n\r\n";
    my ($request) = $sidecar->wait_for(op => 'REQUEST');
    is $request->{path}, 'never', 'it was asked';
    close $sock;
    my ($cancel) = $sidecar->wait_for(op => 'CANCEL');
    is_deeply [@$cancel{qw(slot generation)}], [@$request{qw(slot generation)}], 'and taken back by its name';
};

subtest 'the scheme is the client\'s, as far as the balancer tells it' => sub {
    my $flags = sub {
        my $client = client('proxied', headers => [map { ['X-Forwarded-Proto', $_] } @_]);
        my @open   = $sidecar->log(op => 'OPEN');
        $client->close;
        return $open[-1]{open_flags};
    };
    is $flags->('https'), 1, 'https';
    is $flags->('http'),  0, 'http';
    is $flags->(),        0, 'nothing is told: our own';
    my $refused = client('proxied', headers => [['X-Forwarded-Proto', 'https'], ['Origin', 'http://localhost']]);
    is $refused->status, 403, 'a page without TLS is another origin then';
};

subtest 'a slot is used again with another generation' => sub {
    $sidecar->forget;
    for (1 .. 3) {
        my $client = client('normal');
        $client->close;
        $sidecar->wait_for(op => 'CLOSED', count => $_);
    }
    my @open = $sidecar->log(op => 'OPEN');
    my %seen = map { ("$_->{slot}/$_->{generation}" => 1) } @open;
    is keys %seen, 3, 'no name twice';
};

subtest 'a message over 64 KiB comes whole' => sub {
    my $client = client('normal');
    call($client, 1, 'echo', ['y' x 150_000]);
    my $got = answer($client, 20);
    is $got->{result}[0], 'y' x 150_000, 'both ways';
    $client->close;
};

for my $mode (qw(mute version garbage hangup frozen deadpan stale absent)) {
    subtest "a sidecar that is $mode: 503 in link_timeout" => sub {
        my $start = time;
        my $client = client($mode);
        is $client->status, 503, 'status';
        like $client->headers, qr/^Retry-After: \d+\r$/m, 'Retry-After';
        cmp_ok time - $start, '<', 3, 'in time';
    };
}
like $nginx->log, qr/\[(?:warn|error)\][^\n]*99/, 'a version mismatch names the version';

subtest 'one worker has one link however many clients' => sub {
    $sidecar->forget;
    my @clients = map { client('third') } 1 .. 20;
    is scalar($sidecar->log(op => 'HELLO', socket => 'third')), 1, 'one HELLO';
    my %links = map { $_->{link} => 1 } $sidecar->log(op => 'OPEN', socket => 'third');
    is keys %links, 1, 'one link';
    $_->close for @clients;
};

# The ways to lose a link with calls in flight.  What is told apart from a broken link is the log.
for my $how (qw(link.close link.half link.garbage link.huge link.wrong link.hello link.goodbye
    link.silent))
{
    subtest "$how: calls in flight fail, sockets stay" => sub {
        my ($victim, $other) = (client('normal'), client('normal'));
        call($victim, 'a', 'never');
        call($victim, 2, 'never');
        $victim->send(text => '[{"jsonrpc":"2.0","id":3,"method":"never"},'
                . '{"jsonrpc":"2.0","method":"never"},{"jsonrpc":"2.0","id":"four","method":"never"}]');
        call($other, 5, 'never');
        $sidecar->wait_for(op => 'MESSAGE', count => 4);
        my $start = time;
        call($other, 6, $how);

        my (@failed, $batch);
        for (1 .. 3) {
            my $answer = answer($victim, 6);
            if (ref $answer eq 'ARRAY') { $batch = 1; push @failed, @$answer }
            else                        { push @failed, $answer }
        }
        my $took = time - $start;
        is_deeply [map { $_->{id} } sort { "$a->{id}" cmp "$b->{id}" } @failed], [2, 3, 'a', 'four'],
            'an answer for every id';
        ok $batch, 'a batch is answered by an array';
        is_deeply [grep { $_->{error}{code} != -32003 || !$_->{error}{data}{retryable} } @failed], [],
            'all -32003 and retryable';
        cmp_ok $took, '<', $how eq 'link.silent' ? 4.5 : 1, "in time: $took s";

        my @other = map { answer($other) } 1 .. 2;
        is_deeply [sort map { $_->{id} } @other], [5, 6], 'the other client\'s too';

        ok works($victim, 3), 'calls work again';
        ok works($other,  3), 'for the other client too';
        ok !$victim->eof && !$other->eof, 'both are still open';
        $_->close for $victim, $other;
    };
}

subtest 'a message without end costs its client the connection, and nobody else anything' => sub {
    my ($victim, $other) = (client('normal'), client('normal'));
    my $worker = ($nginx->workers)[0];
    my $before = rss($worker);
    call($victim, 1, 'link.endless');
    is $victim->recv_close, 1013, 'closed with 1013';
    call($other, 2, 'square', [7]);
    is answer($other, 10)->{result}, 49, 'the other goes on';
    cmp_ok rss($worker) - $before, '<', $sanitized ? 512 << 10 : 16 << 10, 'without the worker growing by it';
    $_->close for $victim, $other;
};

subtest 'the sidecar is killed and comes back' => sub {
    my @clients = map { client('normal') } 1 .. 50;
    call($_, 1, 'bind') for @clients;
    my %slot;
    for (@clients) { my $r = answer($_)->{result}; $slot{"$r->{slot}/$r->{generation}"} = 1 }
    is keys %slot, 50, '50 clients';

    call($_, 2, 'never') for @clients;
    $sidecar->kill;
    my $start = time;
    is scalar(grep { my $a = answer($_, 1); $a && $a->{id} == 2 && $a->{error}{code} == -32003 } @clients), 50,
        'every call in flight fails with -32003';
    cmp_ok time - $start, '<', 0.5, 'within 500 ms';

    call($clients[0], 3, 'square', [1]);
    is answer($clients[0], 1)->{error}{code}, -32003, 'a call while it is away fails at once';
    is client('normal')->status, 503, 'a handshake while it is away gets 503';

    $sidecar->forget;
    $sidecar->spawn;
    ok works($clients[1], 1), 'calls work within a second';
    my @rebind = $sidecar->wait_for(op => 'REBIND', count => 50);
    is @rebind, 50, 'all clients are bound again';
    is_deeply [grep { $_->{payload} !~ /^state-\d+-\d+$/ } @rebind], [], 'with the state they were accepted with';
    is_deeply [grep { !$slot{"$_->{slot}/$_->{generation}"} } @rebind], [], 'under their names';

    my %bound;
    my $unknown = 0;
    for ($sidecar->log) {
        $bound{ $_->{slot} } = 1 if $_->{op} eq 'REBIND' || $_->{op} eq 'OPEN';
        $unknown++ if $_->{op} eq 'MESSAGE' && !$bound{ $_->{slot} };
    }
    is $unknown, 0, 'no message before its client is bound';
    is scalar(grep { $_->eof } @clients), 0, 'no socket closed';
    $_->close for @clients;
};

subtest 'a client that leaves while the sidecar is away' => sub {
    my ($stays, $leaves) = (client('normal'), client('normal'));
    $sidecar->kill;
    $leaves->close;
    sleep 0.2;
    $sidecar->forget;
    $sidecar->spawn;
    ok works($stays, 2), 'the other goes on';
    is scalar($sidecar->log(op => 'REBIND')), 1, 'and is the only one bound again';
    $stays->close;
};

subtest 'a stopped sidecar is a lost link after 3 seconds' => sub {
    my $client = client('normal');
    $sidecar->pause;
    my $start = time;
    call($client, 1, 'square', [2]);
    my $answer = answer($client, 6);
    my $took   = time - $start;
    is $answer->{error}{code}, -32003, 'the call fails';
    cmp_ok $took, '>', 1.5, "not too early: $took s";
    cmp_ok $took, '<', 4.5, 'not too late';
    $sidecar->resume;
    ok works($client, 3), 'calls work when it goes on';
    ok !$client->eof, 'the socket stayed';
    $client->close;
};

subtest 'a call the sidecar forgets gets -32004 when its time is over' => sub {
    my $client = client('second');
    my $start  = time;
    call($client, 1, 'never');
    call($client, 2, 'square', [2]);
    is answer($client)->{result}, 4, 'others are answered';
    my $answer = answer($client, 6);
    my $took   = time - $start;
    is_deeply [$answer->{id}, $answer->{error}{code}], [1, -32004], 'it fails';
    cmp_ok $took, '>', 1, "not before the action timeout and a second: $took s";
    cmp_ok $took, '<', 3, 'and not much later';
    $client->close;
};

subtest 'a message longer than the sidecar takes' => sub {
    my $client = client('second');
    my $text   = '{"jsonrpc":"2.0","id":1,"method":"square","params":[2]}';
    $client->send(text => sprintf '%-1000s', $text);
    is answer($client)->{result}, 4, 'at its limit it is passed on';
    $client->send(text => sprintf '%-1001s', $text);
    my $answer = answer($client);
    is_deeply [$answer->{id}, $answer->{error}{code}], [1, -32005], 'past it, it gets -32005';
    $client->close;
};

subtest 'two sidecars share the clients' => sub {
    my @clients = map { client('both') } 1 .. 10;
    my %where;
    for (@clients) { call($_, 1, 'socket'); $where{ answer($_)->{result} }++ }
    is_deeply [sort keys %where], ['normal', 'second'], 'both have some';
    $_->close for @clients;
};

subtest 'a sidecar that is gone in the middle of a message, whose client has moved' => sub {
    my @clients = map { client('both') } 1 .. 4;
    call($_, 1, 'socket') for @clients;
    my ($moved) = grep { answer($_)->{result} eq 'normal' } @clients;
    call($moved, 2, 'link.leave');
    is answer($moved)->{error}{code}, -32003, 'its call has failed';
    call($moved, 3, 'socket');
    is +(answer($moved) // {})->{result}, 'second', 'the other sidecar can talk to it';
    $_->close for @clients;
    ok works(client('normal')), 'the first is back';
};

subtest 'a draining sidecar gets nothing new' => sub {
    my @clients = map { client('both') } 1 .. 4;
    my ($there) = grep { call($_, 1, 'socket'); answer($_)->{result} eq 'second' } @clients;
    call($there, 2, 'link.drain');
    is answer($there)->{result}, 'draining', 'it still answers';
    my @new = map { client('both') } 1 .. 6;
    my %where;
    for (@new) { call($_, 1, 'socket'); $where{ answer($_)->{result} }++ }
    is_deeply \%where, { normal => 6 }, 'new clients go to the other';
    $_->close for @clients, @new;
};

subtest 'a sidecar that does not read holds its clients back, and does not cost memory' => sub {
    my $worker = ($nginx->workers)[0];
    my $client = client('normal');
    my $other  = client('third');

    call($client, 1, 'link.deaf', [2]);
    is answer($client)->{result}, 'deaf', 'it stops reading for 2 s';
    my $before = rss($worker);
    my $chunk  = SocketStream::WebSocket::ws_frame(
        text => '{"jsonrpc":"2.0","method":"square","params":[1],"pad":"' . 'z' x 500_000 . '"}');

    my $sent  = 0;
    my $until = time + 1.5;
    $client->socket->blocking(0);
    my $out = '';
    while (time < $until) {
        $out = $chunk if !length $out;
        my $n = syswrite $client->socket, $out;
        if ($n) { substr $out, 0, $n, ''; $sent += $n }
        else    { sleep 0.01 }
    }
    my $grown = rss($worker) - $before;
    cmp_ok $sent,  '<', 40 << 20, "the client is held back after $sent bytes";
    cmp_ok $grown, '<', $sanitized ? 512 << 10 : 16 << 10, "the worker grew by $grown KiB";

    call($other, 1, 'square', [3]);
    is answer($other)->{result}, 9, 'clients of another sidecar go on';

    $client->socket->blocking(1);
    $client->send_raw($out);
    call($client, 9, 'square', [6]);
    my $answer = answer($client, 5);
    is $answer && $answer->{result}, 36, 'when it reads again, all arrives, in order';
    $_->close for $client, $other;
};

my $body = '';
until_true { $body = ($nginx->get('/status'))[2]; $body =~ /"connections": ?0\b/ };
like $body, qr/"$_": ?0\b/, "in the end: $_ 0" for qw(connections calls_in_flight queue_bytes);
is_deeply [map {"$_->{op}: $_->{why}"} $sidecar->log(op => 'ERROR')], [], 'the sidecar understood every frame';

$nginx->finish;
done_testing;
