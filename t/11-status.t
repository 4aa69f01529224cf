# The status page: counters that are right, in JSON and for Prometheus.
use v5.14;
use lib 't/lib';
use JSON::PP;
use Test::More;

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket qw(ws_handshake);

my $sidecar = SocketStream::FakeSidecar->start;
my $pass    = 'socketstream_pass unix:' . $sidecar->path('normal') . ';';
my $nginx   = SocketStream::Nginx->start(workers => 2, server => <<"END");
location /socketstream { $pass }
location /api/ { socketstream_api unix:${\ $sidecar->path('normal')}; }
location = /status { socketstream_status; }
END

sub client { SocketStream::WebSocket->connect(port => $nginx->port, @_) }
sub status { decode_json(($nginx->get('/status'))[2]) }

# Prometheus' text format 0.0.4, read strictly: name and labels => value.
sub metrics {
    my ($text) = @_;
    my (%help, %type, %value, @bad);
    push @bad, 'no newline at the end' if $text !~ /\n\z/;
    for (split /\n/, $text) {
        if    (/^# HELP (\S+) (.+)$/)                   { push @bad, "HELP twice: $1" if $help{$1}++ }
        elsif (/^# TYPE (\S+) (counter|gauge)$/)        { push @bad, "TYPE twice: $1" if $type{$1}; $type{$1} = $2 }
        elsif (/^([a-z_:][a-z0-9_:]*)((?:\{[^{}]*\})?) (\d+)$/) {
            my ($name, $labels, $n) = ($1, $2, $3);
            push @bad, "no HELP before $name" if !$help{$name};
            push @bad, "no TYPE before $name" if !$type{$name};
            push @bad, "a counter without _total: $name"
                if ($type{$name} // '') eq 'counter' && $name !~ /_total$/;
            push @bad, "a gauge with _total: $name" if ($type{$name} // '') eq 'gauge' && $name =~ /_total$/;
            push @bad, "labels: $labels" if length $labels && $labels !~ /^\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\}$/;
            push @bad, "twice: $name$labels" if exists $value{"$name$labels"};
            $value{"$name$labels"} = $n;
        }
        elsif (length) { push @bad, "line: $_" }
    }
    push @bad, map {"$_ has no value"} grep { my $n = $_; !grep {/^\Q$n\E(\{|$)/} keys %value } keys %type;
    return (\%value, \@bad);
}

my ($code, $head, $body) = $nginx->get('/status');
is $code, 200, 'JSON: status';
like $head, qr{^Content-Type: application/json}m, 'JSON: type';
like $head, qr{^Cache-Control: no-store}m, 'JSON: not to be kept';
ok eval { decode_json($body) }, 'JSON: well-formed' or diag $body;

my @clients = map { client() } 1 .. 5;
$clients[0]->send(text => '{"jsonrpc":"2.0","id":1,"method":"square","params":[3]}');
$clients[0]->recv_text;
$clients[1]->send(text => '{"jsonrpc":"2.0","id":1,"method":"never"}');
$sidecar->wait_for(op => 'MESSAGE', count => 2);

my $now = status();
is $now->{connections},        5, 'connections';
is $now->{connections_total},  5, 'connections_total';
is $now->{messages_in_total},  2, 'messages_in_total';
is $now->{messages_out_total}, 1, 'messages_out_total';
is $now->{calls_total},        2, 'calls_total';
is $now->{calls_in_flight},    1, 'calls_in_flight';
is $now->{queue_bytes},        0, 'queue_bytes';
is $now->{bytes_in_total}, length('{"jsonrpc":"2.0","id":1,"method":"square","params":[3]}')
    + length('{"jsonrpc":"2.0","id":1,"method":"never"}'), 'bytes_in_total';

client(uri => '/socketstream?reject=403')->close;
client(headers => [['Origin', 'http://evil.example']])->close;
client(headers => [['Sec-WebSocket-Key', 'x']])->close;
$nginx->get('/api/app/square');
$clients[2]->send('op3', 'x');
$clients[3]->send(close => pack 'n', 1000);
$_->recv_close for @clients[2, 3];
$clients[4]->close;
until_true { status()->{connections} == 2 };

($code, $head, $body) = $nginx->get('/status?format=prometheus');
is $code, 200, 'Prometheus: status';
like $head, qr{^Content-Type: text/plain; ?version=0\.0\.4}m, 'Prometheus: type';
my ($metric, $bad) = metrics($body);
is_deeply $bad, [], 'Prometheus: nothing wrong with the text';
is $metric->{socketstream_connections},       2, 'Prometheus: connections';
is $metric->{socketstream_connections_total}, 5, 'Prometheus: connections_total';
is $metric->{socketstream_api_requests_total}, 1, 'Prometheus: api_requests_total';

sub sum { my ($pattern) = @_; my $n = 0; $n += $metric->{$_} for grep {/$pattern/} keys %$metric; return $n }
is sum(qr/closed.*1002/), 1, 'closes by code: 1002';
is sum(qr/closed.*1000/), 1, 'closes by code: 1000';
is sum(qr/closed.*1006/), 1, 'closes by code: 1006';
is sum(qr/refused.*origin/),  1, 'refused by reason: origin';
is sum(qr/refused.*"key"/),   1, 'refused by reason: key';
is sum(qr/refused.*sidecar/), 1, 'refused by reason: sidecar';
cmp_ok sum(qr/link_(up|state)/), '>=', 1, 'a link is up';

my $json = status();
my $flat = sub {
    my ($flat, $v) = @_;
    return ref $v eq 'HASH' ? map { $flat->($flat, $_) } values %$v
        : ref $v eq 'ARRAY' ? map { $flat->($flat, $_) } @$v : $v;
};
is_deeply [grep { !defined } $flat->($flat, $json)], [], 'no null in the JSON';
is $json->{connections}, 2, 'both workers are counted together';

($code) = $nginx->get('/status?format=nonsense');
ok $code == 200 || $code == 400, 'a format nobody knows';

# Health is that of delivery: red with an open port, when the sidecar says that Redis is broken.
{
    my $one    = SocketStream::Nginx->start(server => "location /socketstream { $pass }\n"
            . "location = /status { socketstream_status; }\n");
    my $client = SocketStream::WebSocket->connect(port => $one->port);
    my $tell   = sub {
        $client->send(text => encode_json({ jsonrpc => '2.0', id => 1, method => 'health', params => [@_] }));
        $client->recv_text;
    };
    my $health = sub { ($one->get('/status?format=health'))[0] };
    $tell->(1, 3);
    is $health->(), 200, 'health: 200 while events get through';
    is decode_json(($one->get('/status'))[2])->{links}[0]{canary_ms}, 3, 'and how long a canary took';
    $tell->(2, 3);
    is $health->(), 503, 'health: 503 when they do not';
    ok !decode_json(($one->get('/status'))[2])->{healthy}, 'the JSON says so too';
    $tell->(0, 0);
    is $health->(), 200, 'health: 200 without any Redis';
    $client->close;
    $one->finish;
}

$sidecar->kill;
$clients[1]->recv_text;
ok until_true { ($metric) = metrics(($nginx->get('/status?format=prometheus'))[2]); sum(qr/link_(up|state)/) == 0 },
    'the link is down when the sidecar is';
is +($nginx->get('/status?format=health'))[0], 503, 'health: 503 without a sidecar';
cmp_ok $metric->{socketstream_link_losses_total}, '>=', 1, 'and counted as lost';
cmp_ok $metric->{socketstream_calls_unavailable_total}, '>=', 1, 'with the call that failed';

my $before = status()->{connections_total};
my @old = $nginx->reload;
$_->recv_close for @clients[0, 1];
until_true { !grep { SocketStream::Nginx::running($_) } @old };
my $after = status();
is $after->{connections_total}, $before, 'totals outlive a reload';
is $after->{connections},       0,       'gauges don\'t';
is $after->{calls_in_flight},   0,       'none of them';

$nginx->finish;
done_testing;
