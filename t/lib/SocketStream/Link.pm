# SPDX-License-Identifier: MIT
#
# The link protocol for tests, read from docs/PROTOCOL.md and not from shared/ss_link.c, so that
# one cannot hide the other's mistake.  Bytes in, hashes out, and back; no I/O.
package SocketStream::Link;

use v5.14;
use warnings;

use Carp qw(croak);
use Exporter qw(import);

our @EXPORT_OK
    = qw(link_frame link_parse link_hello link_accept link_response link_message link_publish
    link_deliver);

use constant { HEADER => 20, CHUNK => 65536, MORE => 1, BINARY => 2 };

my %OP = (
    HELLO   => 0x01, PING   => 0x02, PONG     => 0x03, GOODBYE => 0x04, DRAIN => 0x05, HEALTH => 0x06,
    OPEN    => 0x10, ACCEPT => 0x11, REJECT   => 0x12, REBIND  => 0x13, CLOSED => 0x14,
    CLOSE   => 0x15, STATE  => 0x16, RATE_KEYS => 0x17, JOIN    => 0x40, LEAVE   => 0x41, PUBLISH => 0x42,
    NODE    => 0x44, DELIVER => 0x45, DELIVERED => 0x46,
    MESSAGE => 0x20, REPLY   => 0x21, SEND    => 0x22,
    REQUEST => 0x30, RESPONSE => 0x31, CANCEL => 0x32,
);
my %NAME = reverse %OP;

# One frame.  Options: slot, generation, call, flags.
sub link_frame {
    my ($name, $payload, %o) = @_;
    my $op = $OP{$name} // croak "no link operation '$name'";
    return pack 'V C C v V V V a*', length $payload, $op, $o{flags} // 0, 0, $o{slot} // 0,
        $o{generation} // 0, $o{call} // 0, $payload;
}

# Takes one frame off the front of the buffer (a reference), with its payload read into fields.
# Nothing when it is not all there; dies when it is not one.
sub link_parse {
    my ($buffer) = @_;
    return if length $$buffer < HEADER;

    my ($length, $op, $flags, $reserved, $slot, $generation, $call) = unpack 'V C C v V V V', $$buffer;
    my $name = $NAME{$op} // die sprintf "unknown operation 0x%02x\n", $op;
    die "$name: $length bytes are too many\n"        if $length > CHUNK;
    die "$name: reserved bytes are $reserved\n"      if $reserved;
    die sprintf "%s: flags 0x%02x\n", $name, $flags  if $flags & ~(MORE | BINARY);
    die "$name: call $call\n"                        if $call && $name !~ /^(MESSAGE|REPLY)$/;
    return if length $$buffer < HEADER + $length;

    my $payload = substr $$buffer, HEADER, $length;
    substr $$buffer, 0, HEADER + $length, '';

    return {
        op    => $name, flags => $flags, slot => $slot, generation => $generation,
        call  => $call, payload => $payload, fields($name, $payload),
    };
}

sub take {
    my ($rest, $template, $size) = @_;
    die "payload is too short\n" if length $$rest < $size;
    return unpack $template, substr $$rest, 0, $size, '';
}

sub take_str {
    my ($rest) = @_;
    my $n = take($rest, 'v', 2);
    return $n ? take($rest, "a$n", $n) : '';
}

sub take_pairs {
    my ($rest) = @_;
    my $n = take($rest, 'C', 1);
    return [map { [take_str($rest), take_str($rest)] } 1 .. $n];
}

# The fields of a payload that a sidecar may receive.  The body of a REQUEST that goes on in later
# frames is the business of whoever joins them, by which time `payload` is the whole.
sub fields {
    my ($name, $rest) = @_;
    my %f;

    if ($name eq 'HELLO') {
        @f{qw(version role pid peer_generation timeout_ms max_message)} = take(\$rest, 'v v V Q< V V', 24);
        $f{software} = take_str(\$rest);
        $f{hello_flags} = length $rest ? take(\$rest, 'C', 1) : 0;
    }
    elsif ($name eq 'OPEN') {
        $f{open_flags} = take(\$rest, 'C', 1);
        $f{uri}        = take_str(\$rest);
        $f{address}    = take_str(\$rest);
        $f{headers}    = take_pairs(\$rest);
        die "OPEN: trailing bytes\n" if length $rest;
    }
    elsif ($name eq 'CLOSED') {
        $f{code} = take(\$rest, 'v', 2);
    }
    elsif ($name eq 'DELIVERED') {
        @f{qw(number status)} = take(\$rest, 'V v', 6);
    }
    return %f;
}

sub request_fields {
    my ($rest) = @_;
    my %f;
    $f{request_flags} = take(\$rest, 'C', 1);
    $f{$_}            = take_str(\$rest) for qw(method path args address);
    $f{headers}       = take_pairs(\$rest);
    $f{body}          = $rest;
    return %f;
}

sub str16 { pack 'v/a*', $_[0] }

sub pairs {
    my @pairs = @_;
    return pack('C', scalar @pairs) . join '', map { str16($_->[0]) . str16($_->[1]) } @pairs;
}

sub link_hello {
    my %o = (
        version => 1, role => 2, pid => $$, generation => 1, timeout_ms => 30000,
        max_message => 64 << 20, software => 'fake/0', @_,
    );
    return pack('v v V Q< V V', @o{qw(version role pid generation timeout_ms max_message)})
        . str16($o{software});
}

# The payload of ACCEPT; headers are [name, value].
sub link_accept {
    my ($state, @headers) = @_;
    return str16($state) . pairs(@headers);
}

# The payload of REJECT and RESPONSE.
sub link_response {
    my ($status, $headers, $body) = @_;
    return pack('v', $status) . pairs(@$headers) . $body;
}

# The payload of PUBLISH; topics are [topic, tail].
sub link_publish {
    my ($flags, $topics, $body) = @_;
    return pack('C', $flags) . pairs(@$topics) . $body;
}

sub link_deliver {
    my ($number, $seq, $secret, $body) = @_;
    return pack('V Q<', $number, $seq) . str16($secret) . $body;
}

# One message in as many frames as it takes.
sub link_message {
    my ($name, $payload, %o) = @_;
    my $size   = $o{chunk} // CHUNK;
    my $flags  = $o{flags} // 0;
    my $frames = '';
    while (length $payload > $size) {
        $frames .= link_frame($name, substr($payload, 0, $size, ''), %o, flags => $flags | MORE);
    }
    return $frames . link_frame($name, $payload, %o, flags => $flags);
}

1;
