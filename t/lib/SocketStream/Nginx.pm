# SPDX-License-Identifier: MIT
#
# One nginx for a test of several steps: started, reloaded, watched and stopped from Perl, with a
# folder and a port of its own.  Tests that a block of Test::Nginx can express are written so.
package SocketStream::Nginx;

use v5.14;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT_OK = qw(free_port test_environment until_true);

# What both kinds of test need to start the nginx and the module under test.  Test::Nginx takes names
# with spaces for several: a link stands for such a folder.
sub test_environment {
    state $root = plain_name(abs_path(dirname(__FILE__) . '/../../..'));
    $ENV{TEST_NGINX_BINARY} = "$root/t/lib/nginx" if ($ENV{TEST_NGINX_BINARY} // ' ') =~ /\s/;
    $ENV{TEST_NGINX_LOAD_MODULES} //= "$root/build/ngx_http_socketstream_module.so";
    return $root;
}

sub plain_name {
    my ($folder) = @_;
    return $folder if $folder !~ /\s/;
    my $link = tempdir('ss-root-XXXXXX', TMPDIR => 1, CLEANUP => 1) . '/root';
    symlink $folder, $link or croak "$link: $!";
    return $link;
}

# A port that was free just now, of the range of this file, and another one each time: ../ports.mjs
# has the rule.
sub free_port {
    my ($lowest, $highest) = split /-/, $ENV{SS_TEST_PORTS} // '10000-29999';
    state $next = $lowest + int rand($highest - $lowest + 1);
    for (1 .. 200) {
        my $port = $next++;
        $next = $lowest if $next > $highest;
        my $sock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Proto => 'tcp', Listen => 1,
        );
        return $port if $sock;
    }
    croak 'no free port';
}

# Calls the code until it gives something true, for at most `seconds`; gives its last answer.
sub until_true(&;$) {
    my ($code, $seconds) = @_;
    my $until = time + ($seconds // 5);
    my $answer;
    while (!($answer = $code->()) && time < $until) { sleep 0.02 }
    return $answer;
}

# Options: main, http, server (text for that part of the configuration), workers (1), env.
sub start {
    my ($class, %o) = @_;
    test_environment();
    my $dir = tempdir('ss-nginx-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;
    mkdir "$dir/html";

    my $self = bless { dir => $dir, port => free_port(), owner => $$, o => \%o }, $class;
    $self->configure;
    $self->run and croak 'nginx does not start: ' . $self->log;
    until_true { my @w = $self->workers; @w == $self->{o}{workers} } or croak 'nginx has no workers: ' . $self->log;
    return $self;
}

sub run {
    my ($self, @arguments) = @_;
    return system $ENV{TEST_NGINX_BINARY}, '-e', "$self->{dir}/error.log", '-p', "$self->{dir}/",
        '-c', "$self->{dir}/nginx.conf", @arguments;
}

# Writes the configuration, with these options changed; reload() makes nginx read it.
sub configure {
    my ($self, %o) = @_;
    my $c = $self->{o} = { workers => 1, main => '', http => '', server => '', %{ $self->{o} }, %o };
    my $load = join ' ', map {"load_module $_;"} split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my $user = $> == 0 ? 'user root;' : '';
    my $temp = join ' ', map {"${_}_temp_path $self->{dir}/${_}_temp;"}
        qw(client_body proxy fastcgi scgi uwsgi);

    open my $out, '>', "$self->{dir}/nginx.conf" or croak "$self->{dir}/nginx.conf: $!";
    print $out <<"END_OF_FILE";
$load
$user
worker_processes $c->{workers};
error_log $self->{dir}/error.log info;
pid $self->{dir}/nginx.pid;
env LD_PRELOAD; env ASAN_OPTIONS; env UBSAN_OPTIONS;
$c->{main}
events { worker_connections 2048; }
http {
    access_log $self->{dir}/access.log;
    $temp
$c->{http}
    server {
        listen 127.0.0.1:$self->{port};
        server_name localhost;
$c->{server}
    }
}
END_OF_FILE
    close $out or croak "$self->{dir}/nginx.conf: $!";
}

sub port { $_[0]{port} }
sub dir  { $_[0]{dir} }

sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    local $/;
    return readline($in) // '';
}

sub pid { my ($pid) = slurp("$_[0]{dir}/nginx.pid") =~ /^(\d+)/; return $pid }
sub log { slurp("$_[0]{dir}/error.log") }
sub access_log { slurp("$_[0]{dir}/access.log") }

# A zombie that nobody has collected yet does not run.
sub running {
    my ($pid) = @_;
    return slurp("/proc/$pid/stat") =~ /\) [^Z] /;
}

sub workers {
    my ($self) = @_;
    my $pid = $self->pid // return;
    my ($children) = slurp("/proc/$pid/task/$pid/children");
    return grep { running($_) } split ' ', $children;
}

sub signal { my ($self, $name) = @_; return kill $name => $self->pid }

# Sends HUP and waits until new workers run.  Gives the pids of the old ones.
sub reload {
    my ($self) = @_;
    my @old = $self->workers;
    my %old = map { $_ => 1 } @old;
    $self->signal('HUP');
    until_true { grep { !$old{$_} } $self->workers } or croak 'nginx did not reload: ' . $self->log;
    return @old;
}

# As a GET or POST on a new connection: (status, head, body).
sub get { my ($self, $uri, @headers) = @_; return $self->_ask("GET $uri HTTP/1.1", @headers, '', '') }

sub post {
    my ($self, $uri, $body, @headers) = @_;
    return $self->_ask("POST $uri HTTP/1.1", 'Content-Length: ' . length($body), @headers, '', $body);
}

sub _ask {
    my ($self, @lines) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 5)
        or return (0, '', '');
    print $sock join "\r\n", shift @lines, 'Host: localhost', 'Connection: close', @lines;
    local $/;
    my ($head, $body) = split /\r\n\r\n/, readline($sock) // '', 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    return ($status // 0, $head // '', $body // '');
}

# Quits as a service manager would, and checks that nothing went wrong in all its life.
sub finish {
    my ($self) = @_;
    my $pid = $self->pid // return;
    my @all = ($pid, $self->workers);
    kill QUIT => $pid;
    ok until_true(sub { !grep { running($_) } @all }, 8), 'nginx quits';
    kill KILL => grep { running($_) } @all;
    $self->{finished} = 1;

    my @bad = grep {/\[(?:alert|emerg)\]|Assertion .* failed/} split /\n/, $self->log;
    is_deeply \@bad, [], 'nothing alarming in the error log';
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner} || $self->{finished};
    local ($?, $@, $!);
    my $pid = $self->pid // return;
    kill KILL => $pid, $self->workers;
}

1;
