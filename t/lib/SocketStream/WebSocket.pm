# SPDX-License-Identifier: MIT
#
# RFC 6455 from a client's side, for tests: builds requests and frames, right ones and wrong ones,
# reads what a server sent, and, where a test takes several steps, holds a connection.
#
# Written apart from shared/ss_ws.c on purpose, so that one cannot hide the other's mistake.
# Core modules only.
package SocketStream::WebSocket;

use v5.14;
use warnings;

use Carp qw(croak);
use Digest::SHA qw(sha1_base64);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(ws_handshake ws_accept ws_frame ws_script ws_parse ws_describe KEY);

use constant KEY => 'dGhlIHNhbXBsZSBub25jZQ==';    # the sample of RFC 6455, 1.3

my %OPCODE = (cont => 0, text => 1, binary => 2, close => 8, ping => 9, pong => 10);
my %NAME   = reverse %OPCODE;

# The text of an opening handshake.  Options: uri, version, method, and `headers`, a list of
# [name, value]: a value of undef removes the default header of that name.
sub ws_handshake {
    my %o = (method => 'GET', uri => '/socketstream', version => 'HTTP/1.1', headers => [], @_);
    my @headers = (
        ['Host',                  'localhost'],
        ['Upgrade',               'websocket'],
        ['Connection',            'Upgrade'],
        ['Sec-WebSocket-Key',     KEY],
        ['Sec-WebSocket-Version', '13'],
    );

    my %given;
    $given{lc $_->[0]}++ for @{ $o{headers} };
    @headers = grep { !$given{lc $_->[0]} } @headers;
    push @headers, grep { defined $_->[1] } @{ $o{headers} };

    return join "\r\n", "$o{method} $o{uri} $o{version}", (map {"$_->[0]: $_->[1]"} @headers), '', '';
}

# What Sec-WebSocket-Accept must be for a key (4.2.2).
sub ws_accept {
    my ($key) = @_;
    my $accept = sha1_base64($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
    return $accept . '=' x (-length($accept) % 4);
}

# One frame.  ws_frame('text', $payload, more => 1, rsv => 4, mask => undef, width => 16 | 64)
# `mask` is four bytes; undef gives an unmasked frame.  The length is written in the shortest form
# unless `width` says otherwise, and `length` lets it lie.
sub ws_frame {
    my ($type, $payload, %o) = @_;
    my $opcode = $OPCODE{$type} // ($type =~ /^op(\d+)$/ ? $1 : croak "no frame type '$type'");
    my $mask   = exists $o{mask} ? $o{mask} : "\x37\xfa\x21\x3d";
    my $length = $o{length} // length $payload;
    my $width  = $o{width} // ($length < 126 ? 7 : $length < 65536 ? 16 : 64);

    my $frame = pack 'C', ($o{more} ? 0 : 0x80) | ($o{rsv} // 0) << 4 | $opcode;
    my $bit   = defined $mask ? 0x80 : 0;
    $frame .=
          $width == 7  ? pack('C', $bit | $length)
        : $width == 16 ? pack('Cn', $bit | 126, $length)
        :                pack('CQ>', $bit | 127, $length);

    if (defined $mask) {
        my $n = length $payload;
        $frame .= $mask;
        $payload ^= substr $mask x ($n / 4 + 1), 0, $n;
    }

    return $frame . $payload;
}

# Turns a script, one frame a line, into packets (an array of byte strings; a line `write` starts
# the next packet).  A line is TYPE[+MODIFIER...][ PAYLOAD]:
#
#     text {"jsonrpc":"2.0",...}      the rest of the line, with \xNN, \n, \t, \\ understood
#     text= 'x' x 70000             the rest is Perl
#     text+more Hel                 FIN not set;  cont lo  goes on
#     close 1000 bye                code and reason; `close` alone has no payload
#     close= "\x03"                 the raw payload
#     ping+rsv1, +rsv2, +rsv3, +unmasked, +len16, +len64
#     raw= "\x81\xff"               bytes that are no frame
#     bye                           asks the fake sidecar to close with 1000: the end of a script
#                                   that waits for answers, however long they take
sub ws_script {
    my ($script) = @_;
    my @packets = ('');

    for my $line (split /\n/, $script) {
        next if $line =~ /^\s*(#|$)/;

        if ($line =~ /^write\s*$/) {
            push @packets, '';
            next;
        }

        $line = 'text {"jsonrpc":"2.0","method":"close","params":[1000]}' if $line eq 'bye';
        $line =~ /^(\w+)((?:\+\w+)*)(=?)(?: (.*))?$/ or croak "bad script line: $line";
        my ($type, $modifiers, $perl, $payload) = ($1, $2, $3, $4 // '');

        if ($perl) {
            $payload = eval "no strict; $payload";
            croak "in script line '$line': $@" if $@;
        }
        elsif ($type eq 'close') {
            $payload = $payload =~ /^(\d+)(?: (.*))?$/ ? pack('n a*', $1, $2 // '') : '';
        }
        else {
            $payload =~ s/\\(?:x([0-9a-fA-F]{2})|(.))/
                defined $1 ? chr hex $1 : { n => "\n", t => "\t", '\\' => '\\' }->{$2} \/\/ "\\$2"/xge;
        }

        if ($type eq 'raw') {
            $packets[-1] .= $payload;
            next;
        }

        my %o;
        for (grep {length} split /\+/, $modifiers) {
            if    (/^more$/)       { $o{more} = 1 }
            elsif (/^rsv([123])$/) { $o{rsv} |= 8 >> $1 }
            elsif (/^unmasked$/)   { $o{mask} = undef }
            elsif (/^len(16|64)$/) { $o{width} = $1 }
            else                   { croak "bad modifier '$_' in: $line" }
        }
        $packets[-1] .= ws_frame($type, $payload, %o);
    }

    return @packets;
}

# Takes one frame off the front of the buffer (a reference): a hash of fin, rsv, opcode, masked,
# payload.  Nothing when it is not all there.
sub ws_parse {
    my ($buffer) = @_;
    return if length $$buffer < 2;

    my ($first, $second) = unpack 'CC', $$buffer;
    my $length = $second & 0x7f;
    my $at     = 2;

    if ($length == 126) {
        return if length $$buffer < ($at = 4);
        $length = unpack 'n', substr $$buffer, 2, 2;
    }
    elsif ($length == 127) {
        return if length $$buffer < ($at = 10);
        $length = unpack 'Q>', substr $$buffer, 2, 8;
    }

    my $masked = $second & 0x80;
    my $mask   = $masked ? substr $$buffer, $at, 4 : '';
    $at += 4 if $masked;
    return if length $$buffer < $at + $length;

    my $payload = substr $$buffer, $at, $length;
    $payload ^= substr $mask x ($length / 4 + 1), 0, $length if $masked;
    substr $$buffer, 0, $at + $length, '';

    return {
        fin     => $first >> 7,
        rsv     => $first >> 4 & 7,
        opcode  => $first & 15,
        masked  => $masked ? 1 : 0,
        payload => $payload,
    };
}

# What a server sent after its 101, one frame a line, for comparing: `text ...`, `close 1002` (the
# reason is for people and left out), `ping ...`.  Oddities are spelled out.
sub ws_describe {
    my ($bytes) = @_;
    my $out = '';

    while (my $f = ws_parse(\$bytes)) {
        my $type    = $NAME{ $f->{opcode} } // "op$f->{opcode}";
        my $payload = $f->{payload};

        $payload = length $payload < 2 ? '' : unpack 'n', $payload if $type eq 'close';
        $payload =~ s/([^\x20-\x7e]|\\)/sprintf '\\x%02x', ord $1/ge;
        $payload = sprintf '%s... (%d bytes)', substr($payload, 0, 40), length $f->{payload}
            if length $payload > 1000;

        $type .= '+more'       if !$f->{fin};
        $type .= "+rsv$f->{rsv}" if $f->{rsv};
        $type .= '+masked'     if $f->{masked};
        $out  .= length $payload ? "$type $payload\n" : "$type\n";
    }

    $out .= sprintf "%d stray bytes\n", length $bytes if length $bytes;
    return $out;
}

# --- a connection, for tests of several steps -------------------------------------------------

# Connects and shakes hands.  Options: port, timeout (5 s), and those of ws_handshake(); `bytes`
# go out in the same write as the handshake.  Always gives an object: see status() and headers().
sub connect {
    my ($class, %o) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => $o{address} // '127.0.0.1',
        PeerPort => $o{port},
        Proto    => 'tcp',
        Timeout  => 5,
    ) or croak "connect to port $o{port}: $!";
    $sock->autoflush(1);

    my $self = bless { sock => $sock, buffer => '', eof => 0, status => 0, headers => '' }, $class;
    $self->send_raw(ws_handshake(%o) . ($o{bytes} // ''));

    my $until = time + ($o{timeout} // 5);
    while ($self->{buffer} !~ /\r\n\r\n/ && $self->fill($until)) { }

    if ($self->{buffer} =~ s/^(HTTP\/1\.1 (\d+)[^\r]*\r\n.*?\r\n)\r\n//s) {
        ($self->{headers}, $self->{status}) = ($1, $2);
    }
    return $self;
}

sub status  { $_[0]{status} }     # of the answer; 0 when there was none
sub headers { $_[0]{headers} }    # the answer's head as it came
sub body    { $_[0]{buffer} }     # after a refusal
sub eof     { $_[0]{eof} }
sub socket  { $_[0]{sock} }

# False at the end of the stream or of the time.
sub fill {
    my ($self, $until) = @_;
    return 0 if $self->{eof};
    my $left = $until - time;
    return 0 if !IO::Select->new($self->{sock})->can_read($left < 0 ? 0 : $left);

    my $n = sysread $self->{sock}, $self->{buffer}, 65536, length $self->{buffer};
    $self->{eof} = 1 if !$n;
    return $n;
}

sub send_raw {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = syswrite $self->{sock}, $bytes;
        return 0 if !$n;
        substr $bytes, 0, $n, '';
    }
    return 1;
}

# ->send(text => '...', more => 1): see ws_frame().
sub send {
    my ($self, @frame) = @_;
    return $self->send_raw(ws_frame(@frame));
}

# The next frame within `timeout` seconds, as ws_parse() gives it, or nothing.
sub recv {
    my ($self, $timeout) = @_;
    my $until = time + ($timeout // 5);
    while (1) {
        my $frame = ws_parse(\$self->{buffer});
        return $frame if $frame;
        $self->fill($until) or return;
    }
}

# The payload of the next data frame, with pings answered on the way; undef when there is none.
sub recv_text {
    my ($self, $timeout) = @_;
    my $until = time + ($timeout // 5);
    while (my $f = $self->recv($until - time)) {
        return $f->{payload} if $f->{opcode} == 1 || $f->{opcode} == 2;
        $self->send('pong', $f->{payload}) if $f->{opcode} == 9;
        return if $f->{opcode} == 8;
    }
    return;
}

# Waits for the server's close frame, past everything else: its code, 1005 for one without, 0 for
# a connection that ended without a close frame, undef when it is still open.
sub recv_close {
    my ($self, $timeout) = @_;
    my $until = time + ($timeout // 5);
    while (my $f = $self->recv($until - time)) {
        next if $f->{opcode} != 8;
        return length $f->{payload} < 2 ? 1005 : unpack 'n', $f->{payload};
    }
    return $self->{eof} ? 0 : undef;
}

sub close {
    my ($self) = @_;
    CORE::close $self->{sock};
    $self->{eof} = 1;
}

1;
