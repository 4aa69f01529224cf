# SPDX-License-Identifier: MIT
#
# A small runner for the test format of OpenResty's Test::Nginx::Socket: the part of it that this
# project's tests use, found only where the real one is not installed (see
# SocketStream::TestNginx).  Every .t must pass under both.  Needs libtest-base-perl.
#
# A block starts one nginx from its `config`, sends its requests, compares, and stops nginx.
# Sections: config http_config main_config post_main_config user_files init
#     request pipelined_requests raw_request raw_request_middle_delay more_headers shutdown
#     timeout abort wait
#     error_code error_code_like response_headers response_headers_like
#     raw_response_headers_like raw_response_headers_unlike response_body response_body_like
#     response_body_unlike response_body_filters ignore_response
#     error_log no_error_log grep_error_log grep_error_log_out no_shutdown_error_log
#     must_die log_level SKIP ONLY LAST
package Test::Nginx::Socket;

use v5.14;
use warnings;
use Test::Base -base;

use Errno qw(EAGAIN);
use File::Path qw(make_path remove_tree);
use File::Spec;
use IO::Select;
use IO::Socket::INET;
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    plan run_tests repeat_each no_long_string no_shuffle no_root_location workers
    worker_connections master_on master_off log_level timeout server_port server_root html_dir
    env_to_nginx add_block_preprocessor add_cleanup_handler add_test_cleanup_handler bail_out
);

my $servroot = $ENV{TEST_NGINX_SERVROOT} || File::Spec->rel2abs('t/servroot');
my $port     = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
my $binary   = $ENV{TEST_NGINX_BINARY} || 'nginx';
my %setting  = (
    repeat_each        => 1,
    workers            => 1,
    worker_connections => 64,
    log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    timeout            => $ENV{TEST_NGINX_TIMEOUT} || 3,
    master             => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
);
my (@preprocessors, @cleanup, @test_cleanup, @env, $no_root_location);
my ($log_seen, $previous, $owner) = (0, undef, $$);

$ENV{TEST_NGINX_SERVER_ROOT}   = $servroot;
$ENV{TEST_NGINX_SERVER_PORT} //= $port;

# --- settings, as a .t calls them --------------------------------------------------------------

sub setting {
    my ($name, @value) = @_;
    $setting{$name} = $value[0] if @value;
    return $setting{$name};
}

sub repeat_each        { setting('repeat_each',        @_) }
sub workers            { setting('workers',            @_) }
sub worker_connections { setting('worker_connections', @_) }
sub log_level          { setting('log_level',          @_) }
sub timeout            { setting('timeout',            @_) }
sub master_on          { setting('master', 'on') }
sub master_off         { setting('master', 'off') }
sub no_root_location   { $no_root_location = 1 }
sub server_port        { $port }
sub server_root        { $servroot }
sub html_dir           {"$servroot/html"}
sub env_to_nginx       { push @env, @_ }
sub no_long_string     { }    # this runner never shortens what it compares,
sub no_shuffle         { }    # and always keeps the order of the file

sub add_block_preprocessor(&) { unshift @preprocessors, shift }
sub add_cleanup_handler       { unshift @cleanup,       shift }
sub add_test_cleanup_handler  { unshift @test_cleanup,  shift }

sub bail_out {
    stop_nginx();
    Test::More::BAIL_OUT(join '', @_);
}

# --- a file, a block ---------------------------------------------------------------------------

sub run_tests {
    for my $block (Test::Base::blocks()) {
        $_->($block) for @preprocessors;
        $block->set_value('name', "$0 " . $block->name);
        run_block($block) if !defined $block->SKIP;
        $_->($block) for @test_cleanup;
    }
    stop_nginx();
    $_->() for @cleanup;
}

sub run_block {
    my ($block) = @_;

    stop_nginx();
    write_root($block);
    my ($status, $stderr) = start_nginx($block);
    $log_seen = 0;

    if (defined $block->must_die) {
        my $want = $block->must_die;
        $want =~ /^\d+$/
            ? Test::More::is($status >> 8, $want, title($block, 'dies with the expected exit code'))
            : Test::More::isnt($status, 0, title($block, 'dies as expected'));
        check_log($block, 0);
        return;
    }
    bail_out(title($block, "nginx does not start: $stderr")) if $status != 0;
    $previous = $block;

    if (defined $block->init) {
        eval $block->init;
        bail_out(title($block, "init failed: $@")) if $@;
    }

    for my $round (1 .. $setting{repeat_each}) {
        write_files($block) if $round > 1;
        run_requests($block, $round - 1);
    }
}

sub run_requests {
    my ($block, $round) = @_;
    my @requests = requests($block);
    my $many     = @requests > 1 || defined $block->pipelined_requests;
    my $index    = 0;

    for my $request (@requests) {
        my $raw = exchange($block, $request->{packets});
        for my $n (1 .. $request->{answers}) {
            if (!defined $block->ignore_response) {
                my $response = parse_response(\$raw, $request->{head});
                check_response($block, $response, $index, $many);
            }
            $index++;
        }
        sleep $block->wait if $block->wait;
        check_log($block, $round);
    }
}

sub title {
    my ($block, $what) = @_;
    return $block->name . " - $what";
}

# --- nginx ---------------------------------------------------------------------------------------

sub expand {
    my ($text) = @_;
    return '' if !defined $text;
    $text =~ s/\$(TEST_NGINX_[_A-Z0-9]+)/$ENV{$1} \/\/ bail_out("no environment variable $1")/ge;
    return $text;
}

sub write_root {
    my ($block) = @_;
    remove_tree("$servroot/$_") for qw(conf logs html);
    make_path("$servroot/$_")   for qw(conf logs html);
    spew("$servroot/html/index.html",
        '<html><head><title>It works!</title></head><body>It works!</body></html>');
    write_files($block);
    spew("$servroot/conf/nginx.conf", configuration($block));
}

sub spew {
    my ($path, $bytes) = @_;
    open my $out, '>:raw', $path or bail_out("$path: $!");
    print $out $bytes;
    close $out or bail_out("$path: $!");
}

sub write_files {
    my ($block) = @_;
    my $files = $block->user_files // return;

    if (!ref $files) {
        my (undef, @parts) = split /^>>> (\S+)(?: +(\S+))?[^\n]*\n/m, $files;
        $files = [];
        while (my ($name, $date, $body) = splice @parts, 0, 3) {
            push @$files, [$name, $body, $date];
        }
    }
    for (@$files) {
        my ($name, $body, $date) = @$_;
        my $path = $name =~ m{^/} ? $name : "$servroot/html/$name";
        make_path($1) if $path =~ m{(.*)/};
        spew($path, expand($body));
        system("TZ=GMT touch -t '$date' '$path'") if $date;
    }
}

sub configuration {
    my ($block) = @_;
    my $load  = join ' ', map {"load_module $_;"} split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $level = $block->log_level // $setting{log_level};
    my $env   = join "\n", map {"env $_;"} @env, qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS);
    my $user  = $> == 0 ? 'user root;' : '';
    my $root  = $no_root_location ? '' : "location / { root $servroot/html; index index.html; }";
    my $temp  = join ' ', map {"${_}_temp_path $servroot/${_}_temp;"}
        qw(client_body proxy fastcgi scgi uwsgi);

    return join "\n",
        "$load ", expand(scalar $block->main_config), <<"END_OF_FILE", expand(scalar $block->post_main_config);
$user
worker_processes $setting{workers};
daemon on;
master_process $setting{master};
error_log $servroot/logs/error.log $level;
pid $servroot/logs/nginx.pid;
$env
events { accept_mutex off; worker_connections $setting{worker_connections}; }
http {
    access_log $servroot/logs/access.log;
    $temp
    default_type text/plain;
    keepalive_timeout 68s;
${\ expand(scalar $block->http_config) }
    server {
        listen $port;
        server_name localhost;
        client_max_body_size 30M;
${\ expand(scalar $block->config) }
        $root
    }
}
END_OF_FILE
}

# The wait status of the command, and what it wrote to standard error.
sub start_nginx {
    my ($block) = @_;
    my $log    = "$servroot/logs/error.log";
    my $stderr = "$servroot/logs/stderr";
    my $command = "$binary -e $log -p $servroot/ -c $servroot/conf/nginx.conf >/dev/null 2>$stderr";
    my $until   = time + 5;
    while (1) {
        my $status = system $command;
        my $told   = slurp($stderr);
        my $busy   = $told =~ /Address already in use/ && time < $until;
        return ($status, $told) if $status == 0 || defined $block->must_die || !$busy;
        sleep 0.2;
    }
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    return readline($in) // '';
}

sub nginx_pid {
    open my $in, '<', "$servroot/logs/nginx.pid" or return;
    my ($pid) = (readline $in // '') =~ /^(\d+)/;
    return $pid && running($pid) ? $pid : undef;
}

# A zombie that nobody has collected yet does not run.
sub running {
    my ($pid) = @_;
    return 0 if !kill 0, $pid;
    open my $stat, '<', "/proc/$pid/stat" or return 1;
    return (readline $stat // '') !~ /\) Z /;
}

sub stop_nginx {
    my $pid = nginx_pid() // return;
    my $until = time + 5;
    kill QUIT => $pid;
    while (running($pid) && time < $until) { sleep 0.01 }
    if (running($pid)) {
        Test::More::fail("nginx $pid has not quit within 5 seconds");
        kill KILL => $pid;
    }

    return if !$previous || !defined $previous->no_shutdown_error_log;
    check_absent($previous, scalar $previous->no_shutdown_error_log, [log_lines()], 'at the end');
}

END {
    if ($$ == $owner) {
        local $?;
        stop_nginx();
    }
}

# --- requests ------------------------------------------------------------------------------------

# A list of hashes: packets (strings to write one by one), answers (how many), head.
sub requests {
    my ($block) = @_;

    if (defined(my $raw = $block->raw_request)) {
        my @packets = ref $raw ? @$raw : $raw;
        return { packets => \@packets, answers => 1, head => is_head(join '', @packets) };
    }

    my $piped = $block->pipelined_requests;
    my @texts = $piped ? @$piped : ref $block->request ? @{ $block->request } : $block->request;
    my @requests;
    for my $i (0 .. $#texts) {
        my $more = $block->more_headers // '';
        $more = $more->[$i] // '' if ref $more;
        my $connection = $piped && $i < $#texts ? 'keep-alive' : 'close';
        my $request    = request_text($texts[$i], $more, $connection);
        push @requests, { packets => [$request], answers => 1, head => is_head($request) };
    }

    return @requests if !$piped;
    return {
        packets => [join '', map { @{ $_->{packets} } } @requests],
        answers => scalar @requests,
        head    => 0,
    };
}

sub is_head { $_[0] =~ /^\s*HEAD / ? 1 : 0 }

# `METHOD [uri [version]]`, then lines of body.
sub request_text {
    my ($text, $more, $connection) = @_;
    $text = expand($text);
    $text =~ s/^\s+//;
    $text =~ s/^(\S+)(?: +(\S+))?(?: +(\S+))? *\r?\n?// or bail_out("bad request: $text");
    my ($method, $uri, $version) = ($1, $2 // '/', $3 // 'HTTP/1.1');

    my $headers = join '', map {"$_\r\n"} grep { !/^\s*#/ } split /\r?\n+/, $more;
    my $head    = "$method $uri $version\r\n";
    $head .= "Host: localhost\r\n"           if $headers !~ /^Host:/mi;
    $head .= "Connection: $connection\r\n"   if $headers !~ /^Connection/mi;
    $head .= $headers;

    my $chunked = $headers =~ /^Transfer-Encoding:\s*chunked/mi;
    if (length $text && !$chunked && $headers !~ /^Content-Length:/mi) {
        $text =~ s/^\s+|\s+$//g;
        $head .= 'Content-Length: ' . length($text) . "\r\n";
    }
    return "$head\r\n$text";
}

# Writes the packets, reads to the end of the stream.
sub exchange {
    my ($block, $packets) = @_;
    my $timeout = $block->timeout // $setting{timeout};
    $timeout =~ s/(?<=\d)ms$// ? $timeout /= 1000 : $timeout =~ s/s$//;

    my $sock  = connect_nginx($block, $timeout) // return '';
    my @left  = @$packets;
    my $out   = shift @left;
    my $in    = '';
    my $alive = IO::Select->new($sock);
    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my $writers = defined $out ? $alive : undef;
        my ($r, $w) = IO::Select->select($alive, $writers, undef, $timeout);
        if (!$r) {
            defined $block->abort
                or Test::More::fail(title($block, 'ERROR: client socket timed out'));
            last;
        }
        if (@$r) {
            my $n = sysread $sock, $in, 65536, length $in;
            last if defined $n ? !$n : $! != EAGAIN;
        }
        if (@$w && defined $out) {
            my $n = syswrite $sock, $out;
            last if !defined $n && $! != EAGAIN;
            substr $out, 0, $n // 0, '';
            next if length $out;
            $out = shift @left;
            if (defined $out) {
                sleep $block->raw_request_middle_delay // 0;
            }
            elsif (defined $block->shutdown) {
                shutdown $sock, $block->shutdown =~ /(\d)/ ? $1 : 1;
            }
        }
    }
    close $sock;
    return $in;
}

sub connect_nginx {
    my ($block, $timeout) = @_;
    for my $try (1 .. 50) {
        my $sock = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp', Timeout => $timeout,
        );
        if ($sock) {
            $sock->blocking(0);
            return $sock;
        }
        sleep 0.02 * $try;
    }
    Test::More::fail(title($block, "cannot connect to port $port: $!"));
    return;
}

# --- responses -----------------------------------------------------------------------------------

# Takes one response off the front: code, head (raw), fields (name → value), body.
sub parse_response {
    my ($raw, $is_head) = @_;
    my %r = (code => '', head => '', fields => {}, body => '');
    $$raw =~ s/\A(.*?\r\n)\r\n//s or return \%r;
    $r{head} = $1;
    $r{code} = $1 if $r{head} =~ m{\AHTTP/\d\.\d (\d{3})};
    for (split /\r\n/, $r{head}) {
        next if !/^([^\s:]+):\s*(.*)$/;
        my $name = lc $1;
        $r{fields}{$name} = exists $r{fields}{$name} ? "$r{fields}{$name}, $2" : $2;
    }

    return \%r if $is_head || $r{code} eq '304';

    if (($r{fields}{'transfer-encoding'} // '') eq 'chunked') {
        while ($$raw =~ s/\A([0-9a-fA-F]+)[ \t]*\r\n//) {
            my $n = hex $1;
            $r{body} .= substr $$raw, 0, $n, '';
            $$raw =~ s/\A\r\n// or Test::More::fail('invalid chunked data received');
            last if !$n;
        }
        return \%r;
    }
    my $length = $r{code} eq '101' ? undef : $r{fields}{'content-length'};
    $r{body} = substr $$raw, 0, $length // length $$raw, '';
    return \%r;
}

sub pick {
    my ($value, $index, $many) = @_;
    return $value->[$index] if ref $value eq 'ARRAY';
    bail_out('several requests need an array of expectations') if $many && defined $value;
    return $value;
}

sub check_response {
    my ($block, $r, $index, $many) = @_;

    if (defined(my $like = $block->error_code_like)) {
        my $pattern = pick($like, $index, $many);
        Test::More::like($r->{code}, qr/$pattern/sm, title($block, 'status code'));
    }
    else {
        my $want = pick(scalar $block->error_code, $index, $many) // 200;
        Test::More::is($r->{code}, $want, title($block, 'status code'));
    }

    check_headers($block, $r, $index, $many);

    my $body    = $r->{body};
    my $filters = $block->response_body_filters;
    $body = $_->($body) for ref $filters eq 'ARRAY' ? @$filters : $filters // ();

    if (defined(my $expected = $block->response_body)) {
        $expected = pick($expected, $index, $many);
        ref $expected
            ? Test::More::like($body, $expected, title($block, 'response body'))
            : Test::More::is($body, expand($expected), title($block, 'response body'));
    }
    elsif (defined(my $like = $block->response_body_like)) {
        my $pattern = pick($like, $index, $many);
        Test::More::like($body, qr/$pattern/s, title($block, 'response body'));
    }
    elsif (defined(my $unlike = $block->response_body_unlike)) {
        my $pattern = pick($unlike, $index, $many);
        Test::More::unlike($body, qr/$pattern/s, title($block, 'response body'));
    }
}

sub check_headers {
    my ($block, $r, $index, $many) = @_;
    my %compare = (
        response_headers      => sub { Test::More::is($_[0], $_[1], $_[2]) },
        response_headers_like => sub { Test::More::like($_[0], qr/^$_[1]$/, $_[2]) },
    );

    for my $section ('response_headers', 'response_headers_like') {
        my $lines = pick(scalar $block->$section, $index, $many) // next;
        for my $line (split /\n/, $lines) {
            if ($line =~ /^!\s*(\S+)/) {
                Test::More::unlike($r->{head}, qr/^\Q$1\E\s*:/mi, title($block, "no header $1"));
            }
            elsif ($line =~ /^([^:]+?)\s*:\s*(.*?)\s*$/) {
                $compare{$section}->($r->{fields}{ lc $1 } // '', $2, title($block, "header $1"));
            }
        }
        last;
    }

    my %raw = (like => \&Test::More::like, unlike => \&Test::More::unlike);
    for my $how (sort keys %raw) {
        my $section = "raw_response_headers_$how";
        my $pattern = pick(scalar $block->$section, $index, $many) // next;
        $raw{$how}->($r->{head}, qr/$pattern/s, title($block, $section));
    }
}

# --- the error log -------------------------------------------------------------------------------

# The lines written since the last call.
sub log_lines {
    sleep 0.05;    # what is logged after the client's socket closed
    open my $in, '<', "$servroot/logs/error.log" or return;
    seek $in, $log_seen, 0;
    my @lines = readline $in;
    $log_seen = tell $in;
    return @lines;
}

sub patterns {
    my ($value) = @_;
    return () if !defined $value;
    return ref $value eq 'ARRAY' ? grep {defined} @$value : ref $value ? $value : split /\n+/, $value;
}

sub matches {
    my ($line, $pattern) = @_;
    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}

sub check_log {
    my ($block, $round) = @_;
    my @lines = log_lines();

    for my $pattern (patterns(scalar $block->error_log)) {
        my $found = grep { matches($_, $pattern) } @lines;
        Test::More::ok($found, title($block, "'$pattern' is in error.log"))
            or Test::More::diag(@lines > 30 ? @lines[-30 .. -1] : @lines);
    }
    check_absent($block, scalar $block->no_error_log, \@lines, "request round $round");

    if (defined(my $grep = $block->grep_error_log)) {
        $grep = $grep->[$round] if ref $grep eq 'ARRAY';
        $grep = quotemeta $grep if !ref $grep;
        my $want = $block->grep_error_log_out;
        $want = $want->[$round] if ref $want eq 'ARRAY';
        my $got = join '', map { /($grep)/ ? "$1\n" : () } @lines;
        ref $want
            ? Test::More::like($got, $want, title($block, 'grep_error_log'))
            : Test::More::is($got, $want, title($block, 'grep_error_log'));
    }
}

sub check_absent {
    my ($block, $value, $lines, $when) = @_;
    for my $pattern (patterns($value)) {
        my @found = grep { matches($_, $pattern) } @$lines;
        Test::More::ok(!@found, title($block, "'$pattern' is not in error.log ($when)"))
            or Test::More::diag(@found);
    }
}

1;
