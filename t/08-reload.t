# Reload, quit and worker_shutdown_timeout: clients are told 1012 and no worker stays behind.
use v5.14;
use lib 't/lib';
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket;

my $sidecar = SocketStream::FakeSidecar->start;
my $pass    = 'socketstream_pass unix:' . $sidecar->path('normal') . ';';

sub start {
    my (%o) = @_;
    return SocketStream::Nginx->start(
        main   => $o{main} // '',
        server => "location /socketstream { $pass socketstream_drain_time $o{drain}; }\n"
            . 'location = /hello { return 200 hello; }',
    );
}

# A worker that was just told to leave answers a handshake with 503: try again, as clients do.
sub clients {
    my ($nginx, $n, @o) = @_;
    return map {
        my $client;
        until_true { $client = SocketStream::WebSocket->connect(port => $nginx->port, @o); $client->status != 503 };
        $client;
    } 1 .. $n;
}

sub gone {
    my ($seconds, @pids) = @_;
    my $start = time;
    until_true(sub { !grep { SocketStream::Nginx::running($_) } @pids }, $seconds);
    return !(grep { SocketStream::Nginx::running($_) } @pids) && time - $start;
}

sub answers {
    my ($client, $id) = @_;
    $client->send(text => qq({"jsonrpc":"2.0","id":$id,"method":"square","params":[$id]}));
    return ($client->recv_text // '') eq qq({"id":$id,"jsonrpc":"2.0","result":@{[ $id**2 ]}});
}

subtest 'reload with drain time 0' => sub {
    my $nginx   = start(drain => 0);
    my @clients = clients($nginx, 20);
    my @old     = $nginx->reload;
    my $start   = time;
    is_deeply [grep { $_ != 1012 } map { $_->recv_close } @clients], [], 'all get 1012';
    cmp_ok time - $start, '<', 1, 'at once';
    $_->close for @clients;
    ok defined gone(1.5, @old), 'the old worker leaves';
    my ($new) = clients($nginx, 1);
    ok answers($new, 3), 'the new one works';
    $new->close;
    $nginx->finish;
};

# When each client is closed, in seconds from $start on, and with what code.
sub closes {
    my ($start, @clients) = @_;
    my (@at, @codes);
    my %open = map { ("$_" => $_) } @clients;
    while (%open && time - $start < 5) {
        for my $key (keys %open) {
            my $code = $open{$key}->recv_close(0.002) // next;
            push @codes, $code;
            push @at, time - $start;
            $open{$key}->close;
            delete $open{$key};
        }
    }
    return (\@at, \@codes);
}

subtest 'reload with a drain time spreads the closes over it' => sub {
    my $nginx   = start(drain => '2s');
    my @clients = clients($nginx, 40);
    my @old     = $nginx->reload;
    my $start   = time;
    my ($at, $codes) = closes($start, @clients);
    is @$codes, 40, 'all are closed';
    is_deeply [grep { $_ != 1012 } @$codes], [], 'with 1012';
    cmp_ok $at->[-1], '<', 3, "the last within the drain time: $at->[-1]";
    my $early = grep { $_ < 1 } @$at;
    cmp_ok $early, '>', 4,  "some in the first half: $early";
    cmp_ok $early, '<', 36, 'and some in the second';
    ok gone(3 - (time - $start) + 0.5, @old), 'the old worker is gone by drain time + 1 s';
    $nginx->finish;
};

subtest 'clients with the subprotocol are told before' => sub {
    my $nginx    = start(drain => '1s');
    my ($system) = clients($nginx, 1, headers => [['Sec-WebSocket-Protocol', 'socketstream']]);
    my ($plain)  = clients($nginx, 1);
    $nginx->reload;
    my $notice = decode_json($system->recv_text(3) // '{}');
    is $notice->{method}, 'system.goaway', 'system.goaway';
    is $notice->{params}{reason},   'reload', 'with the reason';
    is $notice->{params}{drain_ms}, 1000,     'and how long the worker stays';
    is $system->recv_close, 1012, 'then 1012';
    is $plain->recv_text(3), undef, 'the others are not';
    $nginx->finish;
};

subtest 'who is told has half of the drain time to move by itself' => sub {
    my $nginx   = start(drain => '2s');
    my @clients = clients($nginx, 20, headers => [['Sec-WebSocket-Protocol', 'socketstream']]);
    $nginx->reload;
    my $told = grep { ($_->recv_text(3) // '') =~ /goaway/ } @clients;
    is $told, 20, 'all are told';
    my ($at, $codes) = closes(time, @clients);
    is_deeply [grep { $_ != 1012 } @$codes], [], 'all get 1012';
    cmp_ok $at->[0],  '>', 0.8, "the first in the second half: $at->[0]";
    cmp_ok $at->[-1], '<', 3,   "the last within the drain time: $at->[-1]";
    $nginx->finish;
};

subtest 'calls are answered while the worker drains' => sub {
    my $nginx   = start(drain => '2s');
    my @clients = clients($nginx, 10);
    $nginx->reload;
    my $answered = 0;
    for my $id (1 .. 10) {
        for my $client (@clients) {
            next if $client->eof;
            $client->send(text => qq({"jsonrpc":"2.0","id":$id,"method":"square","params":[$id]})) or next;
            my $text = $client->recv_text(1);
            $answered++ if defined $text;
        }
        sleep 0.02;
    }
    cmp_ok $answered, '>', 10, "$answered calls answered in the drain";
    $_->close for @clients;
    $nginx->finish;
};

subtest 'a call in flight is not lost without a word' => sub {
    my $nginx   = start(drain => 0);
    my @clients = clients($nginx, 5);
    $_->send(text => '{"jsonrpc":"2.0","id":1,"method":"later","params":[0.5]}') for @clients;
    $sidecar->wait_for(op => 'MESSAGE');
    $nginx->reload;
    my @last = map {
        my $text = $_->recv_text(2);
        defined $text ? 'answer' : ($_->eof || 1) ? 'close' : 'nothing'
    } @clients;
    is_deeply [grep { $_ eq 'nothing' } @last], [], 'an answer or a close';
    $_->close for @clients;
    $nginx->finish;
};

for my $signal (qw(QUIT TERM)) {
    subtest "$signal" => sub {
        my $nginx   = start(drain => '1s');
        my @clients = clients($nginx, 10);
        my @all     = ($nginx->pid, $nginx->workers);
        $nginx->signal($signal);
        my @codes = map { $_->recv_close(4) } @clients;
        if ($signal eq 'QUIT') {
            is_deeply [grep { $_ != 1012 } @codes], [], 'all get 1012';
        }
        else {
            is_deeply [grep { !defined } @codes], [], 'all end at once';
        }
        $_->close for @clients;
        ok gone(4, @all), 'nginx leaves';
        unlike $nginx->log, qr/\[(alert|emerg)\]/, 'without an alert';
        $nginx->{finished} = 1;
    };
}

subtest 'worker_shutdown_timeout shorter than the drain time' => sub {
    my $nginx   = start(drain => '30s', main => 'worker_shutdown_timeout 1s;');
    my @clients = clients($nginx, 20);
    my @old     = $nginx->reload;
    my $start   = time;
    my @codes   = map { $_->recv_close(3) } @clients;
    is_deeply [grep { !defined } @codes], [], 'all are closed';
    is_deeply [grep { $_ != 1012 } @codes], [], 'with 1012 even then';
    $_->close for @clients;
    ok gone(3, @old), 'the old worker leaves';
    $nginx->finish;
};

subtest 'a client that does not answer the close cannot keep the worker' => sub {
    my $nginx   = start(drain => 0);
    my @clients = clients($nginx, 5);
    my @old     = $nginx->reload;
    my $took    = gone(2, @old);
    ok $took, 'the old worker leaves all the same';
    is_deeply [map { $_->recv_close } @clients], [(1012) x 5], 'and the close frames arrive';
    $nginx->finish;
};

subtest 'a reload without clients' => sub {
    my $nginx = start(drain => '3s');
    my @old   = $nginx->reload;
    ok gone(1.5, @old), 'the old worker leaves at once, drain time or not';
    $nginx->finish;
};

subtest 'a reload that changes the sidecar' => sub {
    my $nginx = start(drain => 0);
    $nginx->configure(server => 'location /socketstream { socketstream_pass unix:' . $sidecar->path('third')
            . '; }');
    my @old = $nginx->reload;
    gone(2, @old);
    my ($client) = clients($nginx, 1);
    $client->send(text => '{"jsonrpc":"2.0","id":1,"method":"socket"}');
    like $client->recv_text, qr/third/, 'new clients go to the new one';
    $client->close;
    $nginx->finish;
};

subtest 'ten reloads in a row' => sub {
    my $nginx = start(drain => '1s');
    my @all;
    for (1 .. 10) {
        my @c = clients($nginx, 5);
        push @all, @c;
        $nginx->reload;
    }
    is_deeply [grep { $_ != 1012 } map { $_->recv_close } @all], [], 'all get 1012';
    $_->close for @all;
    ok until_true(sub { 1 == $nginx->workers }, 4), 'one worker is left';
    $nginx->finish;
};

is_deeply [map {"$_->{op}: $_->{why}"} $sidecar->log(op => 'ERROR')], [], 'the sidecar understood every frame';
done_testing;
