# limit_conn counts a WebSocket for as long as it lives, though the module frees requests.
use v5.14;
use lib 't/lib';
use Test::More;

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(until_true);
use SocketStream::WebSocket;

my $sidecar = SocketStream::FakeSidecar->start;
my $pass    = 'socketstream_pass unix:' . $sidecar->path('normal') . ';';
my $nginx   = SocketStream::Nginx->start(
    http   => 'limit_conn_zone $binary_remote_addr zone=addr:1m; limit_conn_status 429;',
    server => <<"END",
location /limited { limit_conn addr 2; $pass }
location /free { $pass }
END
);

sub client { SocketStream::WebSocket->connect(port => $nginx->port, uri => $_[0]) }

my @clients = map { client('/limited') } 1 .. 2;
is_deeply [map { $_->status } @clients], [101, 101], 'two are let in';
is client('/limited')->status, 429, 'the third is not';
is client('/free')->status,    101, 'where no limit stands it is';

my $first = shift @clients;
$first->send(text => '{"jsonrpc":"2.0","id":1,"method":"square","params":[3]}');
is $first->recv_text, '{"id":1,"jsonrpc":"2.0","result":9}', 'a limited client works';

$first->send(close => pack 'n', 1000);
is $first->recv_close, 1000, 'and closes as any other';
$first->close;
sub let_in {
    return until_true { my $c = client('/limited'); push @clients, $c; $c->status == 101 } 3;
}
ok let_in(), 'its place is free again';

$clients[0]->close;
ok let_in(), 'the place of one that vanished too';

my @old = $nginx->reload;
is_deeply [grep { $_->recv_close != 1012 } grep { $_->status == 101 && !$_->eof } @clients[1 .. $#clients]], [],
    'a reload closes limited clients with 1012';
$_->close for @clients;
ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @old }, 6), 'and the old worker leaves';

$nginx->finish;
done_testing;
