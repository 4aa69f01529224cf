# socketstream_rate and socketstream_connections_per_ip: who is over a limit is refused, told when to
# come again, and served when it does; nobody else notices.
use v5.14;
use lib 't/lib';
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use SocketStream::EventStream;
use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket;

my $sidecar = SocketStream::FakeSidecar->start;
my $pass    = 'socketstream_pass unix:' . $sidecar->path('normal') . ';';
my $api     = 'socketstream_api unix:' . $sidecar->path('normal') . ';';

# A rate so slow that no machine is slow enough to be let through again meanwhile.
my $nginx = SocketStream::Nginx->start(
    workers => 2,
    http    => "set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;\n",
    server  => <<"END",
location = /slow { $pass socketstream_rate 6r/m burst=5 address=off; }
location = /quick { $pass socketstream_rate 20r/s burst=5 address=off; }
location = /address { $pass socketstream_rate 600r/m burst=100 address=6r/m; }
location = /open { $pass }
location = /few { $pass socketstream_connections_per_ip 3; }
location /api/ { $api socketstream_rate 6r/m burst=2 address=6r/m; }
location = /status { socketstream_status; }
END
);

my $id = 0;

sub client {
    my ($where, $address) = @_;
    return SocketStream::WebSocket->connect(
        port => $nginx->port, uri => "/$where", headers => [$address ? ['X-Real-IP', $address] : ()],
    );
}

sub ask {
    my ($client, $method, @params) = @_;
    $id++;
    $client->send(text => encode_json({ jsonrpc => '2.0', id => $id, method => $method, params => \@params }));
    return decode_json($client->recv_text(10) // 'null');
}

sub error { my ($client) = @_; return ask($client, 'square', 3)->{error} }

# How many of n calls, sent at once, are answered.
sub served {
    my ($client, $n) = @_;
    return scalar grep { !error($client) } 1 .. $n;
}

sub status { decode_json(($nginx->get('/status'))[2])->{ $_[0] } }

sub warnings { my ($pattern) = @_; return scalar grep { /\[warn\].*$pattern/ } split /\n/, $nginx->log }

subtest 'a burst passes, and not one call more' => sub {
    my $client = client('slow', '192.0.2.1');
    is served($client, 5), 5, 'five pass';
    my $error = error($client);
    is $error->{code}, -32002, 'the sixth does not';
    is $error->{message}, 'Rate limited';
    is $error->{data}{retryable}, JSON::PP::true;
    cmp_ok $error->{data}{retry_after_ms}, '>', 5_000, 'it is told when to come again';
    cmp_ok $error->{data}{retry_after_ms}, '<=', 10_011, 'which is when a call would pass';
    is served($client, 3), 0;
    is warnings('client 192\.0\.2\.1 calls faster than socketstream_rate allows its connection'), 1, 'it is logged once';
    is served(client('slow', '192.0.2.2'), 5), 5, 'others are not concerned';
    is served(client('open', '192.0.2.1'), 20), 20, 'nor where there is no limit';
    is status('calls_limited_total'), 4, 'counted';
};

subtest 'who waits as long as it is told is served' => sub {
    my $client = client('quick');
    my $refused = 0;
    for (1 .. 8) {
        my $error = error($client) // next;
        $refused++;
        cmp_ok $error->{data}{retry_after_ms}, '<=', 61, 'a moment';
        sleep $error->{data}{retry_after_ms} / 1000;
        ok !error($client), 'it passes';
    }
    cmp_ok $refused, '>', 0, 'it was too fast';
};

subtest 'notifications count and are dropped, a batch counts by its calls' => sub {
    my $client = client('slow');
    my $call   = '{"jsonrpc":"2.0","id":1,"method":"square","params":[2]}';
    $client->send(text => '{"jsonrpc":"2.0","method":"square","params":[1]}') for 1 .. 2;
    $client->send(text => "[$call,$call]");
    is scalar @{ decode_json($client->recv_text) }, 2, 'four are taken';
    $client->send(text => "[$call,$call]");
    is_deeply [map { $_->{error}{code} } @{ decode_json($client->recv_text) }], [-32002, -32002], 'two more are not';
    ok !error($client), 'which leaves room for one';
    $client->send(text => '{"jsonrpc":"2.0","method":"close","params":[1000]}');
    is error($client)->{code}, -32002, 'a notification over the limit does nothing';
    $client->send(text => '[' . join(',', ($call) x 32) . ']');
    is scalar @{ decode_json($client->recv_text) }, 32, 'each call of a batch is answered';

    my $other = client('slow');
    $other->send(text => '[' . join(',', ($call) x 32) . ']');
    is scalar(grep { $_->{result} } @{ decode_json($other->recv_text) }), 32, 'a batch over the burst passes a full bucket';
    is error($other)->{code}, -32002, 'and is made up for';

    my $odd = client('slow');
    $odd->send(text => 'not JSON') for 1 .. 5;
    $odd->send(binary => 'x');
    $odd->recv_text for 1 .. 5;
    is error($odd)->{code}, -32002, 'what is no call costs as much as one';
};

subtest 'a POST to a stream is taken, and of its calls those are answered with an error that are too many' => sub {
    my $limited = status('calls_limited_total');
    my $stream  = SocketStream::EventStream->connect(port => $nginx->port, uri => '/slow');
    my $call    = sub { encode_json({ jsonrpc => '2.0', id => $_[0], method => 'square', params => [3] }) };
    is $stream->post(join "\n", (map { $call->($_) } 1 .. 7), '{"jsonrpc":"2.0","method":"square","params":[4]}'), 204, 'eight at once';
    my %answer = map { my $a = decode_json($stream->recv_text); ($a->{id} => $a) } 1 .. 7;
    is_deeply [sort grep { $answer{$_}{result} } keys %answer], [1 .. 5], 'the burst is served';
    is_deeply [map { $answer{$_}{error}{code} } 6, 7], [-32002, -32002], 'the others are told so';
    cmp_ok $answer{7}{error}{data}{retry_after_ms}, '>', 5_000, 'and when to come again';
    is status('calls_limited_total') - $limited, 3, 'the notification is dropped, and counted';
    is $stream->post($call->(8)), 204, 'the numbers go on';
    is decode_json($stream->recv_text)->{error}{code}, -32002;
    $stream->close;
};

subtest 'two connections of a session share its rate, and two sessions of a user' => sub {
    for my $keys ([[11, 0], [11, 0], 'session'], [[21, 7], [22, 7], 'user']) {
        my ($first, $second, $name) = @$keys;
        my ($a, $b) = map { client('slow') } 1 .. 2;
        is ask($a, 'keys', @$first)->{result},  'kept';
        is ask($b, 'keys', @$second)->{result}, 'kept';
        is served($a, 3) + served($b, 3), 5, "$name: five in all, beside the calls before";
        is error($a)->{code}, -32002;
        is warnings("its $name: "), 1, 'logged once';
        is ask($b, 'keys', 0, 0)->{error}{code}, -32002, 'what the sidecar would change it is not even asked';
    }
    my $other = client('slow');
    is ask($other, 'keys', 99, 9)->{result}, 'kept';
    is served($other, 4), 4, 'another user is not concerned';
    ok scalar(grep { $_->{op} eq 'HELLO' && $_->{hello_flags} == 1 } $sidecar->log), 'the worker has asked to be told';
};

subtest 'all of an address share a rate of its own, as realip names it' => sub {
    my @clients = map { client('address', '198.51.100.7') } 1 .. 4;
    my ($passed) = (0);
    $passed += served($_, 1) for @clients;
    is $passed, 1, 'ten seconds hold one call';
    is error($clients[0])->{code}, -32002;
    is warnings('client 198\.51\.100\.7 calls faster than socketstream_rate allows its address'), 1, 'logged once';
    is served(client('address', '198.51.100.8'), 1), 1, 'the neighbour is not concerned';
    is served(client('address', '2001:db8::1'), 1), 1, 'an IPv6 address';
    is served(client('address', '2001:db8::2'), 1), 0, 'has its network to itself';
    is served(client('address', '2001:db8:0:1::2'), 1), 1, 'and another network has another';
};

subtest 'the HTTP API counts for the address' => sub {
    my @from = ('X-Real-IP: 203.0.113.9');
    my @status = map { ($nginx->get('/api/app/x', @from))[0] } 1 .. 2;
    is_deeply \@status, [200, 200], 'two pass' or diag explain \@status;
    my ($status, $head, $body) = $nginx->get('/api/app/x', @from);
    is $status, 429;
    like $head, qr{^Retry-After: (?:[6-9]|1[01])\r?$}m, 'seconds';
    like $head, qr{^Content-Type: application/json\r?$}m;
    my $error = decode_json($body)->{error};
    is $error->{code}, -32002;
    cmp_ok $error->{data}{retry_after_ms}, '>', 5_000, 'and milliseconds';
    is(($nginx->get('/api/app/x', 'X-Real-IP: 203.0.113.10'))[0], 200, 'others pass');
    is status('requests_limited_total'), 1, 'counted';
    is warnings('client 203\.0\.113\.9 asks faster'), 1, 'logged once';
};

subtest 'an event stream is limited as a WebSocket is' => sub {
    my $stream = SocketStream::EventStream->connect(port => $nginx->port, uri => '/slow');
    my $calls  = join "\n", map { qq({"jsonrpc":"2.0","id":$_,"method":"square","params":[2]}) } 1 .. 7;
    is scalar $stream->post($calls), 204, 'the POST is taken';
    my @answers = map { decode_json($stream->recv_text) } 1 .. 7;
    is scalar(grep { $_->{result} } @answers), 5, 'five of its calls pass';
    is scalar(grep { ($_->{error}{code} // 0) == -32002 } @answers), 2, 'the others are told down the stream';
    $stream->close;
};

sub few { my ($address) = @_; return client('few', $address // '192.0.2.77') }

subtest 'an address has as many connections as it may, and as one goes another may come' => sub {
    my @open = map { few() } 1 .. 3;
    is_deeply [map { $_->status } @open], [101, 101, 101];
    my $more = few();
    is $more->status, 429, 'one more is refused';
    like $more->headers, qr{^Retry-After: 1\r?$}m;
    is few('192.0.2.78')->status, 101, 'another address is not concerned';
    is status('refused_total')->{connections}, 1, 'counted';

    # each way to go
    my %end = (
        close  => sub { $_[0]->send(close => pack 'n', 1000); $_[0]->recv_close },
        vanish => sub { $_[0]->close },
        broken => sub { $_[0]->send_raw("\xff\xff"); $_[0]->recv_close },
        ended  => sub { $_[0]->send(text => '{"jsonrpc":"2.0","id":1,"method":"close","params":[4000]}'); $_[0]->recv_close },
    );
    for my $how (sort keys %end) {
        my $client = shift @open;
        $end{$how}->($client);
        $client->close;
        my $next;
        ok until_true(sub { $next = few(); $next->status == 101 }), "$how makes room";
        push @open, $next;
        is few()->status, 429, 'for one';
    }

    # a stream counts, too, and so does a handshake that is refused later not
    (shift @open)->close;
    my $stream;
    ok until_true(sub {
        $stream = SocketStream::EventStream->connect(
            port => $nginx->port, uri => '/few', headers => [['X-Real-IP', '192.0.2.77']]);
        $stream->status == 200;
    }), 'an event stream takes a place';
    is few()->status, 429;
    $stream->close;
    my $refused = 0;
    ok until_true(sub { $refused = client('few?reject=403', '192.0.2.77')->status; $refused == 403 }), 'it has left one';
    is client('few?reject=403', '192.0.2.77')->status, 403, 'which one who is rejected does not take';
    push @open, few();
    is $open[-1]->status, 101;

    # a reload: the old worker's clients count until they are gone
    my @old = $nginx->reload;
    ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @old }), 'the old workers go';
    @open = map { my $c; until_true(sub { $c = few(); $c->status == 101 }); $c } 1 .. 3;
    is_deeply [map { $_->status } @open], [101, 101, 101], 'all places are free again';
    is few()->status, 429, 'and no more than these';

    # a crash
    kill KILL => $nginx->workers;
    $_->recv_close for @open;
    my @new = map { my $c; until_true(sub { $c = few(); $c->status == 101 }); $c } 1 .. 3;
    is_deeply [map { $_->status } @new], [101, 101, 101], 'what a worker had counted goes with it';
    is few()->status, 429;
};

subtest 'nothing alarming is in the error log but that workers were killed' => sub {
    my @all = ($nginx->pid, $nginx->workers);
    $nginx->signal('QUIT');
    ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @all }, 8), 'nginx quits';
    is_deeply [grep { /\[(?:alert|emerg)\]/ && !/worker process \d+ exited on signal 9/ } split /\n/, $nginx->log], [];
    $nginx->{finished} = 1;
};

subtest 'limits come and go with a reload' => sub {
    my $limited = "location = /open { $pass socketstream_drain_time 0; socketstream_rate 6r/m burst=5; socketstream_connections_per_ip 2; }";
    my $open    = "location = /open { $pass socketstream_drain_time 0; }";
    $nginx = SocketStream::Nginx->start(server => $open, workers => 2);
    my @clients = map { client('open') } 1 .. 4;
    is served($clients[0], 20), 20, 'there is none';
    for my $round (1 .. 2) {
        $nginx->configure(server => $limited);
        my @old = $nginx->reload;
        is_deeply [map { $_->recv_close } @clients], [(1012) x @clients], 'clients are sent away';
        $_->close for @clients;
        ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @old }), 'the old workers go';
        @clients = map { client('open') } 1 .. 2;
        is_deeply [map { $_->status } @clients], [101, 101];
        is client('open')->status, 429, 'there is a limit now' for 1 .. 2;
        is served($clients[0], 6), 5, 'of calls, too';

        # unchanged, and by other numbers: what is counted goes on
        $nginx->configure(server => $limited =~ s/burst=5/burst=4/r) if $round == 2;
        @old = $nginx->reload;
        is_deeply [map { $_->recv_close } @clients], [(1012) x @clients];
        $_->close for @clients;
        ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @old });
        @clients = map { client('open') } 1 .. 2;
        is_deeply [map { $_->status } @clients], [101, 101], 'who went is not counted any more';
        is client('open')->status, 429;

        $nginx->configure(server => $open);
        $nginx->reload;
        is_deeply [map { $_->recv_close } @clients], [(1012) x @clients];
        $_->close for @clients;
        @clients = map { my $c; until_true(sub { $c = client('open'); $c->status == 101 }); $c } 1 .. 4;
        is served($clients[0], 20), 20, 'there is none again';
    }
    $_->close for @clients;
    $nginx->finish;
};

subtest 'without a limit the sidecar is asked nothing, and what it tells counts for nothing' => sub {
    $sidecar->forget;
    $nginx = SocketStream::Nginx->start(server => "location = /open { $pass }");
    my $client = client('open');
    is ask($client, 'keys', 11, 7)->{result}, 'kept';
    is served($client, 100), 100, 'calls pass';
    is_deeply [map { $_->{hello_flags} } grep { $_->{op} eq 'HELLO' } $sidecar->log], [0], 'no flag in HELLO';
    $client->close;
    $nginx->finish;
};

done_testing;
