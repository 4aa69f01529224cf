# Each directive that is wrong: in number and value of its arguments, given twice, in the wrong
# place.  nginx does not start, and says which directive it is, where, and what would be right.
use v5.14;
use lib 't/lib';
use Test::More;

use SocketStream::Nginx;

my $nginx = SocketStream::Nginx->start(workers => 1);

# Whether nginx -t is content with this configuration, and what it says.
sub check {
    my %part = @_;
    $nginx->configure(main => '', http => '', server => '', %part);
    my $dir  = $nginx->dir;
    my $says = `$ENV{TEST_NGINX_BINARY} -t -q -e stderr -p $dir/ -c $dir/nginx.conf 2>&1`;
    return ($?, $says);
}

my $location = sub { return (server => "location /x/ { $_[0] }") };

# Directive, a right argument, where it may stand.
my @directives = (
    [socketstream_pass                => 'unix:/a',             'location'],
    [socketstream_api                 => 'unix:/a',             'location'],
    [socketstream_assets              => 'html',                'location'],
    [socketstream_middleware          => 'on',                  'location'],
    [socketstream_status              => '',                    'location'],
    [socketstream_max_message         => '1m',                  'everywhere'],
    [socketstream_max_queue           => '1m',                  'everywhere'],
    [socketstream_max_inflight        => '10',                  'everywhere'],
    [socketstream_ping_interval       => '10s',                 'everywhere'],
    [socketstream_pong_timeout        => '10s',                 'everywhere'],
    [socketstream_link_timeout        => '10s',                 'everywhere'],
    [socketstream_drain_time          => '10s',                 'everywhere'],
    [socketstream_scheme              => '$scheme',             'everywhere'],
    [socketstream_origins             => 'any',                 'everywhere'],
    [socketstream_rate                => '15r/s',               'everywhere'],
    [socketstream_connections_per_ip  => '10',                  'everywhere'],
    [socketstream_incompatible        => '$scheme page.html',   'everywhere'],
);

subtest 'where each may stand, once, and with how many arguments' => sub {
    for my $row (@directives) {
        my ($name, $argument, $where) = @$row;
        my $one = "$name $argument;";
        for my $place (['http', http => $one], ['server', server => $one], ['location', $location->($one)],
            ['if', server => "location /x/ { if (\$http_x) { $one } }"], ['main', main => $one]) {
            my ($level, %part) = @$place;
            my ($rc, $log) = check(%part);
            if ($level eq 'location' || $where eq 'everywhere' && $level =~ /^(?:http|server)$/) {
                is $rc, 0, "$name in $level" or diag $log;
            }
            else {
                like $log, qr{\[emerg\].*"$name" directive is not allowed here in .*nginx\.conf:\d+}, "$name not in $level";
            }
        }
        my ($rc, $log) = check($location->("$one $one"));
        like $log, qr{\[emerg\].*"$name" directive is duplicate in .*nginx\.conf:\d+}, "$name twice";
        for my $wrong ($argument eq '' ? () : "$name;", $name eq 'socketstream_origins' ? () : "$name $argument a b c;") {
            ($rc, $log) = check($location->($wrong));
            like $log, qr{\[emerg\].*invalid number of arguments in "$name" directive in .*nginx\.conf:\d+}, $wrong;
        }
    }
};

my @right = (
    'socketstream_rate off;', 'socketstream_rate 1r/m;', 'socketstream_rate 100000r/s burst=100000 address=100000r/s;',
    'socketstream_rate 15r/s address=off burst=1;', 'socketstream_connections_per_ip 0;', 'socketstream_max_inflight 65535;',
    'socketstream_api unix:/a prefix=/;', 'socketstream_api unix:/a prefix=/a/b/;', 'socketstream_ping_interval 0;',
    'socketstream_origins same HTTPS://A.example:8443 http://[::1]:3000;', 'socketstream_middleware off;',
);

my $rate    = qr{it must be "off" or like "15r/s burst=30 address=60r/s", a rate being from 1r/m to 100000r/s and a burst from 1 to 100000};
my $origins = qr{it must be "any", "same" or like "https://example\.com", without a path or wildcard};
my @wrong   = (
    ['socketstream_pass ""'                           => qr{no host|empty|needs}],
    ['socketstream_pass unix:'                        => qr{no path in the unix domain socket|invalid}],
    ['socketstream_pass http://127.0.0.1:1'           => qr{"http://127\.0\.0\.1:1" is a URL, but a sidecar is named by "unix:/path" or by an upstream}],
    ['socketstream_api unix:/a prefix=api'            => qr{invalid parameter "prefix=api": "prefix=/path/" is understood}],
    ['socketstream_api unix:/a prefix='               => qr{invalid parameter "prefix="}],
    ['socketstream_api unix:/a suffix=/api'           => qr{invalid parameter "suffix=/api"}],
    ['socketstream_assets ""'                         => qr{"socketstream_assets" needs a directory}],
    ['socketstream_middleware maybe'                  => qr{invalid value "maybe" in "socketstream_middleware" directive, it must be "on" or "off"}],
    ['socketstream_max_message 1x'                    => qr{"socketstream_max_message" directive invalid value}],
    ['socketstream_max_queue -1'                      => qr{"socketstream_max_queue" directive invalid value}],
    ['socketstream_max_inflight many'                 => qr{"socketstream_max_inflight" directive invalid number}],
    ['socketstream_drain_time 1y'                     => qr{"socketstream_drain_time" directive invalid value}],
    ['socketstream_scheme $nowhere'                   => qr{unknown "nowhere" variable}],
    ['socketstream_incompatible $nowhere page.html'   => qr{unknown "nowhere" variable}],
    ['socketstream_connections_per_ip few'            => qr{"socketstream_connections_per_ip" directive invalid number}],
    ['socketstream_connections_per_ip -1'             => qr{"socketstream_connections_per_ip" directive invalid number}],
    (map { ["socketstream_origins $_" => qr{invalid origin "\Q$_\E": $origins}] }
        'a.example', 'https://', '://a.example', 'https://a.example/', 'https://a.example/path', 'https://*.a.example', 'https://a.example?x', 'https://me@a.example',
        'any,same'),
    (map { ["socketstream_rate $_" => qr{invalid value "\Q$_\E": $rate}] }
        '15', 'r/s', '0r/s', '-1r/s', '1.5r/s', '15r/h', '100001r/s', '99999999999999999999r/s'),
    (map { ["socketstream_rate 15r/s $_" => qr{invalid value "\Q$_\E": $rate}] }
        'burst=', 'burst=0', 'burst=100001', 'burst=many', 'address=', 'address=0r/s', 'user=3r/s', 'off'),
    ['socketstream_rate 15r/s burst=5 burst=6'        => qr{invalid value "burst=6"}],
    ['socketstream_rate 15r/s address=off address=1r/s' => qr{invalid value "address=1r/s"}],
    ['socketstream_rate off burst=5'                  => qr{invalid value "off"}],
);

subtest 'values that are none' => sub {
    for (@wrong) {
        my ($directive, $says) = @$_;
        my ($rc, $log) = check($location->("$directive;"));
        isnt $rc, 0, $directive;
        like $log, qr{\[emerg\].*$says}, 'it says why';
        like $log, qr{ in \S+nginx\.conf:\d+$}m, 'and where' if $directive !~ /nowhere/;
    }
};

subtest 'values at their bounds' => sub {
    for (@right) {
        my ($rc, $log) = check($location->($_));
        is $rc, 0, $_ or diag $log;
    }
};

subtest 'one handler for a location' => sub {
    my @handlers = grep { $_->[0] =~ /_(?:pass|api|assets|status)$/ } @directives;
    for my $first (@handlers) {
        for my $second (grep { $_ != $first } @handlers) {
            my (undef, $log) = check($location->("$first->[0] $first->[1]; $second->[0] $second->[1];"));
            like $log, qr{"$second->[0]" in location "/x/", which has a handler already: give it a location of its own},
                "$first->[0], $second->[0]";
        }
    }
};

$nginx->configure(server => '');
$nginx->finish;
done_testing;
