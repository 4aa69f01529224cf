# SPDX-License-Identifier: MIT
#
# The fallback transport from a client's side: reads an event stream over HTTP/1.1 and posts to it.
#
# Written from docs/PROTOCOL.md, apart from the code under test.  Core modules only.
package SocketStream::EventStream;

use v5.14;
use warnings;

use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Socket qw(SO_RCVBUF);
use Time::HiRes qw(time);

# Asks for a stream and reads the answer's head.  Options: port, uri, method, version, timeout (5 s),
# rcvbuf, and `headers`, a list of [name, value]: a value of undef removes the default header.
# Always gives an object: see status() and headers().
sub connect {
    my ($class, %o) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $o{port}, Proto => 'tcp', Timeout => 5,
        $o{rcvbuf} ? (Sockopts => [[SO_RCVBUF, pack 'i', $o{rcvbuf}]]) : (),
    ) or croak "connect to port $o{port}: $!";
    $sock->autoflush(1);

    my $self = bless {
        sock => $sock, port => $o{port}, uri => $o{uri} // '/socketstream', raw => '', text => '', eof => 0,
        ended => 0, status => 0, headers => '', seq => 0, secret => '',
    }, $class;

    my %given = map { lc $_->[0] => 1 } @{ $o{headers} // [] };
    my @headers = grep { !$given{ lc $_->[0] } } ['Host', 'localhost'], ['Accept', 'text/event-stream'];
    push @headers, grep { defined $_->[1] } @{ $o{headers} // [] };
    print $sock join "\r\n", ($o{method} // 'GET') . " $self->{uri} " . ($o{version} // 'HTTP/1.1'),
        (map {"$_->[0]: $_->[1]"} @headers), '', '';

    my $until = time + ($o{timeout} // 5);
    while ($self->{raw} !~ /\r\n\r\n/ && $self->fill($until)) { }
    if ($self->{raw} =~ s/^(HTTP\/1\.[01] (\d+)[^\r]*\r\n.*?\r\n)\r\n//s) {
        ($self->{headers}, $self->{status}) = ($1, $2);
    }
    return $self if $self->{status} != 200;

    my $open = $self->event;
    $self->{opened} = $open;
    $self->{secret} = decode_json($open->{data})->{secret} if $open && $open->{event} eq 'open';
    return $self;
}

sub status  { $_[0]{status} }
sub headers { $_[0]{headers} }
sub opened  { $_[0]{opened} }     # the first event
sub secret  { $_[0]{secret} }
sub socket  { $_[0]{sock} }
sub ended   { $_[0]{ended} }      # as HTTP ends: by the last chunk
sub eof     { $_[0]{eof} }

# False at the end of the connection or of the time.
sub fill {
    my ($self, $until) = @_;
    return 0 if $self->{eof};
    my $left = $until - time;
    return 0 if !IO::Select->new($self->{sock})->can_read($left < 0 ? 0 : $left);
    my $n = sysread $self->{sock}, $self->{raw}, 65536, length $self->{raw};
    $self->{eof} = 1 if !$n;
    return $n;
}

# Takes whole chunks out of their coding.
sub decode {
    my ($self) = @_;
    while ($self->{raw} =~ /^([0-9a-f]+)\r\n/i) {
        my ($size, $head) = (hex $1, length($1) + 2);
        return if length $self->{raw} < $head + $size + 2;
        croak 'bad chunk' if substr($self->{raw}, $head + $size, 2) ne "\r\n";
        $self->{ended} = 1 if !$size;
        $self->{text} .= substr $self->{raw}, $head, $size;
        substr $self->{raw}, 0, $head + $size + 2, '';
    }
}

# The next event within `timeout` seconds: a hash of event ('message' unless named) and data, or,
# for a comment, comment.  Nothing when there is none.
sub any {
    my ($self, $timeout) = @_;
    my $until = time + ($timeout // 5);
    while (1) {
        $self->decode;
        if ($self->{text} =~ s/^(.*?)\n\n//s) {
            my %e = (event => 'message');
            for my $line (split /\n/, $1) {
                $line =~ /^(\w*): (.*)$/s or croak "bad line in an event stream: '$line'";
                $1 eq '' ? ($e{comment} = $2) : ($e{$1} = defined $e{$1} && $1 eq 'data' ? "$e{data}\n$2" : $2);
            }
            return \%e;
        }
        return if $self->{ended};
        $self->fill($until) or return;
    }
}

# The same without comments.
sub event {
    my ($self, $timeout) = @_;
    my $until = time + ($timeout // 5);
    while (my $e = $self->any($until - time)) {
        return $e if !defined $e->{comment};
    }
    return;
}

# The data of the next message, or nothing.
sub recv_text {
    my ($self, $timeout) = @_;
    my $e = $self->event($timeout) // return;
    return $e->{event} eq 'message' ? $e->{data} : undef;
}

# Waits for the last event: its code.
sub recv_close {
    my ($self, $timeout) = @_;
    my $until = time + ($timeout // 5);
    while (my $e = $self->event($until - time)) {
        return decode_json($e->{data})->{code} if $e->{event} eq 'close';
    }
    return;
}

# Posts on a connection of its own.  Options: seq (the next one, which is then counted when the
# answer is 204), secret, type, chunked, headers.  Gives status, head and body.
sub post {
    my ($self, $body, %o) = @_;
    my $seq  = $o{seq} // $self->{seq} + 1;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $o{port} // $self->{port}, Timeout => 5)
        or croak "connect: $!";
    my @headers = (
        'SocketStream-Stream: ' . ($o{secret} // $self->{secret}), "SocketStream-Seq: $seq",
        'Content-Type: ' . ($o{type} // 'application/x-ndjson'),
        $o{chunked} ? 'Transfer-Encoding: chunked' : 'Content-Length: ' . length $body,
    );
    $body = sprintf "%x\r\n%s\r\n0\r\n\r\n", length $body, $body if $o{chunked};
    local $SIG{PIPE} = 'IGNORE';
    print $sock join "\r\n", "POST $self->{uri} HTTP/1.1", 'Host: localhost', 'Connection: close', @headers,
        @{ $o{headers} // [] }, '', $body;
    my $text = do { local $/; readline $sock } // '';
    my ($head, $rest) = split /\r\n\r\n/, $text, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)};
    $self->{seq} = $seq if ($status // 0) == 204 && !$o{secret} && $seq > $self->{seq};
    return wantarray ? ($status // 0, $head // '', $rest // '') : $status // 0;
}

sub close {
    my ($self) = @_;
    CORE::close $self->{sock};
    $self->{eof} = 1;
}

1;
