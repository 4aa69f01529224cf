# Topics: who gets what is published, once, in order; and what ends a membership.
use v5.14;
use lib 't/lib';
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket;

my $sidecar = SocketStream::FakeSidecar->start;
my $nginx   = SocketStream::Nginx->start(
    http => 'upstream both { server unix:' . $sidecar->path('normal') . '; server unix:'
        . $sidecar->path('second') . "; }\n",
    server => 'location = /ws { socketstream_pass unix:' . $sidecar->path('normal') . "; }\n"
        . 'location = /small { socketstream_pass unix:' . $sidecar->path('normal')
        . "; socketstream_max_queue 64k; }\n"
        . "location = /both { socketstream_pass both; }\n"
        . "location = /status { socketstream_status; }\n",
);

sub client {
    my ($where, %o) = @_;
    return SocketStream::WebSocket->connect(port => $nginx->port, uri => "/$where", %o);
}

sub call {
    my ($client, $method, @params) = @_;
    state $id = 0;
    $id++;
    $client->send(text => encode_json({ jsonrpc => '2.0', id => $id, method => $method, params => \@params }));
    my @events;
    while (defined(my $text = $client->recv_text(5))) {
        my $answer = eval { decode_json($text) };
        return ($answer->{result}, @events) if ref $answer eq 'HASH' && ($answer->{id} // 0) == $id;
        push @events, $text;
    }
    return;
}

# What the client has been sent up to the answer of a call made now.
sub events { my (undef, @events) = call($_[0], 'square', 2); return \@events }

sub status { decode_json(($nginx->get('/status'))[2])->{ $_[0] } }

sub join_to { my ($client, @topics) = @_; call($client, 'join', $_) for @topics }

sub publish {
    my ($client, $flags, $topics, $body, $times) = @_;
    return call($client, 'publish', $flags, $topics, $body, $times // 1);
}

subtest 'members get it, others do not' => sub {
    my ($a, $b, $c) = map { client('ws') } 1 .. 3;
    join_to($a, 'c:room');
    join_to($b, 'c:room', 'c:other');
    publish($c, 0, [['c:room', ' there']], 'hello');
    is_deeply events($a), ['hello there'], 'a member';
    is_deeply events($b), ['hello there'], 'another member';
    is_deeply events($c), [], 'no member';
    is status('topics'), 2, 'two topics';
    is status('memberships'), 3, 'three memberships';
    $_->close for $a, $b, $c;
    ok until_true(sub { status('topics') == 0 && status('memberships') == 0 }), 'they go with their clients';
};

subtest 'of several topics each client gets one message, with the tail of the first that fits' => sub {
    my ($a, $b, $c) = map { client('ws') } 1 .. 3;
    join_to($a, 'one', 'two', 'three');
    join_to($b, 'three', 'two');
    publish($c, 0, [['none', '0'], ['one', '1'], ['two', '2'], ['three', '3']], 'm');
    is_deeply events($a), ['m1'], 'a member of all';
    is_deeply events($b), ['m2'], 'a member of two';
    is_deeply events($c), [], 'a member of none';
    $_->close for $a, $b, $c;
};

subtest 'joining twice is joining once, leaving ends it' => sub {
    my ($a, $b) = map { client('ws') } 1 .. 2;
    join_to($a, 'x', 'x');
    publish($b, 0, [['x', '']], 'first');
    is_deeply events($a), ['first'], 'once';
    call($a, 'leave', 'x');
    call($a, 'leave', 'x');
    call($a, 'leave', 'never joined');
    publish($b, 0, [['x', '']], 'second');
    is_deeply events($a), [], 'no more';
    is status('topics'), 0, 'the topic is gone';
    $_->close for $a, $b;
};

subtest 'everybody, and those who understand system messages' => sub {
    my ($plain, $system) = (client('ws'), client('ws', headers => [['Sec-WebSocket-Protocol', 'socketstream']]));
    my $publisher = client('ws');
    publish($publisher, 1, [], 'all');
    is_deeply events($plain),  ['all'], 'a plain client';
    is_deeply events($system), ['all'], 'a system client';
    publish($publisher, 3, [], 'resync');
    is_deeply events($plain),  [], 'not a plain client';
    is_deeply events($system), ['resync'], 'a system client';
    $_->close for $plain, $system, $publisher;
};

subtest 'long messages come whole, between others' => sub {
    my ($a, $b) = map { client('ws') } 1 .. 2;
    join_to($a, 'long');
    my $long = 'y' x 300_000;
    call($b, 'publish', 0, [['long', '!']], $long);
    publish($b, 0, [['long', '']], 'short');
    my $events = events($a);
    is scalar(@$events), 2, 'two messages';
    ok $events->[0] eq "$long!", 'the long one first, whole';
    is $events->[1], 'short', 'then the short one';
    $_->close for $a, $b;
};

subtest 'order is kept, and many in one turn' => sub {
    my @clients = map { client('ws') } 1 .. 20;
    join_to($_, 'ordered') for @clients;
    my $publisher = client('ws');
    publish($publisher, 0, [['ordered', '']], "n$_") for 1 .. 50;
    publish($publisher, 0, [['ordered', '']], 'same', 200);
    my $want = [(map {"n$_"} 1 .. 50), ('same') x 200];
    my $wrong = grep { encode_json(events($_)) ne encode_json($want) } @clients;
    is $wrong, 0, 'all 20 clients have all 250 in order';
    $_->close for @clients, $publisher;
};

subtest 'what comes in one turn keeps its order among what only one client gets' => sub {
    my ($both, $x, $y) = map { client('ws') } 1 .. 3;
    join_to($both, 'x', 'y');
    join_to($x, 'x');
    join_to($y, 'y');
    my %to = (x => [['x', '']], y => [['y', '']], xy => [['x', ''], ['y', '']]);
    my @burst = ([$to{x}, 1], [$to{x}, 2], 'own', [$to{x}, 3], [$to{y}, 4], [$to{y}, 5], [$to{x}, 6],
        [$to{xy}, 7], [$to{x}, 8], 'own', 'own', map { [$to{x}, $_] } 9 .. 40);
    for (1 .. 3) {
        my (undef, @got) = call($both, 'burst', @burst);
        is_deeply [@got, @{ events($both) }], [1, 2, 'own', 3 .. 8, 'own', 'own', 9 .. 40], 'a member of both';
        is_deeply events($x), [1 .. 3, 6 .. 40], 'of the one';
        is_deeply events($y), [4, 5, 7], 'of the other';
    }
    $_->close for $both, $x, $y;
};

subtest 'a member that does not read is closed, the others get everything' => sub {
    my ($slow, $quick, $publisher) = (client('small'), client('ws'), client('ws'));
    join_to($_, 'flood') for $slow, $quick;
    my $body = 'z' x 10_000;
    my $got = 0;
    for (1 .. 60) {
        publish($publisher, 0, [['flood', '']], $body, 20);
        $got += @{ events($quick) };
    }
    is $got, 1200, 'the quick one has all';
    ok until_true(sub { status('closed_total')->{1013} == 1 }), 'the slow one is closed with 1013';
    ok until_true(sub { status('queue_bytes') == 0 }), 'and its queue is gone';
    $_->close for $slow, $quick, $publisher;
};

subtest 'two sidecars each deliver to their own clients' => sub {
    my @clients = map { client('both') } 1 .. 6;
    my %by;
    for my $client (@clients) {
        my ($name) = call($client, 'socket');
        push @{ $by{$name} }, $client;
        join_to($client, 'same name');
    }
    is scalar(keys %by), 2, 'both have clients';
    publish($by{normal}[0], 0, [['same name', '']], 'mine');
    publish($by{normal}[0], 1, [], 'all mine');
    is_deeply events($_), [], 'not those of the other' for @{ $by{second} };
    is_deeply events($by{normal}[1]), ['mine', 'all mine'], 'its own';
    $_->close for @clients;
};

subtest 'memberships end with the link, and STATE is what REBIND says' => sub {
    my ($a, $b) = map { client('ws') } 1 .. 2;
    join_to($a, 'kept');
    is +(call($a, 'state', 'another state'))[0], 'kept', 'a new state';
    $sidecar->kill;
    ok until_true(sub { status('memberships') == 0 }), 'no membership without a sidecar';
    $sidecar->forget;
    $sidecar->spawn;
    my @rebind = $sidecar->wait_for(op => 'REBIND', count => 2);
    is scalar(grep { $_->{payload} eq 'another state' } @rebind), 1, 'the state given last';
    ok until_true(sub { ((call($b, 'square', 3))[0] // '') eq '9' }, 3), 'calls work again';
    publish($b, 0, [['kept', '']], 'gone');
    is_deeply events($a), [], 'the new sidecar has not made it a member';
    join_to($a, 'kept');
    publish($b, 0, [['kept', '']], 'back');
    is_deeply events($a), ['back'], 'until it does';
    $_->close for $a, $b;
};

subtest 'a POST to the same URL is asked of the sidecar, from our own pages only' => sub {
    my ($status, undef, $body) = $nginx->post('/ws', '{"ticket":"x"}', 'Origin: http://localhost',
        'Content-Type: application/json');
    is $status, 200, 'asked';
    my $seen = decode_json($body);
    is $seen->{method}, 'POST', 'method';
    is $seen->{path}, '', 'no path';
    is $seen->{body}, '{"ticket":"x"}', 'body';
    is +($nginx->post('/ws', '{}', 'Origin: http://evil.example'))[0], 403, 'another origin is refused';
};

is status($_), 0, "in the end: $_ 0" for qw(topics memberships queue_bytes);
unlike $nginx->log, qr/\[(alert|emerg|crit)\]/, 'no alert';
$nginx->finish;
done_testing;
