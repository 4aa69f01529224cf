# SPDX-License-Identifier: MIT
#
# What every data-driven .t of this project starts with:
#
#     use lib 't/lib';
#     use SocketStream::TestNginx;
#     use Test::Nginx::Socket 'no_plan';
#
# Finds OpenResty's Test::Nginx::Socket, or where it is not installed our own runner in
# t/lib/compat, gives it a folder and a port nobody else has, and the module to load.  Adds to
# the block format, under both runners:
#
#     --- handshake      header lines over the default ones of a WebSocket handshake; `-Name`
#                        leaves one out; a first line `GET /uri HTTP/1.1` replaces the request line
#     --- ws             a script of client frames sent after the handshake: see
#                        SocketStream::WebSocket::ws_script()
#     --- frames         what the server must send after its 101: see ws_describe()
#     --- frames_like    the same as a regular expression
#
# and that an [alert] or [emerg] in the error log fails the block unless it names it.
package SocketStream::TestNginx;

use v5.14;
use warnings;

use File::Temp qw(tempdir);

use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(free_port test_environment);
use SocketStream::WebSocket qw(ws_handshake ws_script ws_describe);

our ($Root, $Sidecar);

$Root = test_environment();

my $dir = tempdir('ss-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
$ENV{TEST_NGINX_SERVROOT}     //= "$dir/servroot";
$ENV{TEST_NGINX_SERVER_PORT}  //= free_port();
$ENV{TEST_NGINX_ROOT} = $Root;

if (!eval { require Test::Nginx::Socket; 1 }) {
    die $@ if $@ !~ m{^Can't locate Test/Nginx/Socket\.pm};
    push @INC, "$Root/t/lib/compat";
    require Test::Nginx::Socket;
}

sub import {
    Test::Nginx::Socket::no_long_string();
    Test::Nginx::Socket::no_shuffle();
    Test::Nginx::Socket::worker_connections(256);
    Test::Nginx::Socket::log_level($ENV{TEST_NGINX_LOG_LEVEL} // 'info');
    Test::Nginx::Socket::add_block_preprocessor(\&prepare);

    $Sidecar = SocketStream::FakeSidecar->start;
    $ENV{TEST_NGINX_SIDECARS} = $Sidecar->dir;
}

sub prepare {
    my ($block) = @_;

    if (!defined $block->must_die) {
        my $expected = $block->error_log // '';
        $expected = "@$expected" if ref $expected eq 'ARRAY';
        my @never    = grep { index($expected, $_) < 0 } '[alert]', '[emerg]';
        my $given    = $block->no_error_log // [];
        my @given    = ref $given eq 'ARRAY' ? @$given : ref $given ? $given : split /\n+/, $given;
        $block->set_value('no_error_log', [@never, @given]);
        $block->set_value('no_shutdown_error_log', [@never])
            if !defined $block->no_shutdown_error_log;
    }

    websocket($block) if grep { defined } $block->ws, $block->handshake, $block->frames;
}

sub websocket {
    my ($block) = @_;
    my %request = (uri => '/socketstream', headers => []);

    for my $line (split /\n/, $block->handshake // '') {
        if    ($line =~ m{^(\w+) (\S+) (HTTP/\S+)$}) { @request{qw(method uri version)} = ($1, $2, $3) }
        elsif ($line =~ /^-([\w-]+)$/)               { push @{ $request{headers} }, [$1, undef] }
        elsif ($line =~ /^([\w-]+):\s*(.*)$/)        { push @{ $request{headers} }, [$1, $2] }
        elsif ($line =~ /\S/)                        { die $block->name . ": bad handshake line: $line\n" }
    }

    my @packets = defined $block->ws ? ws_script($block->ws) : ();
    $block->set_value('raw_request', [ws_handshake(%request), grep {length} @packets]);
    $block->set_value('raw_request_middle_delay', 0.05) if !defined $block->raw_request_middle_delay;

    return if !defined $block->frames && !defined $block->frames_like;
    $block->set_value('error_code', 101);
    $block->set_value('response_body_filters', [\&ws_describe]);
    if (defined $block->frames) {
        my $frames = $block->frames;
        $frames .= "\n" if length $frames && $frames !~ /\n\z/;
        $block->set_value('response_body', $frames);
    }
    else {
        $block->set_value('response_body_like', $block->frames_like =~ s/\n+\z//r);
    }
}

1;
