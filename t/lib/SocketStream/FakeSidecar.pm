# SPDX-License-Identifier: MIT
#
# A sidecar for tests of the nginx module: speaks the link protocol, runs no application, and
# misbehaves on request.  One forked process serves every socket of a folder; what a client asks
# for decides what happens to it.
#
# By socket (`$sidecar->path('mute')`):
#     normal third  behave
#     second      the same, with an action timeout of 200 ms and messages of 1,000 bytes
#     mute        never answers HELLO
#     version     answers HELLO with version 99
#     garbage     answers HELLO with bytes that are no frame
#     hangup      closes the link when HELLO comes
#     frozen      answers HELLO, then nothing at all, no heartbeat either
#     deadpan     answers HELLO and heartbeats, but no OPEN and no REQUEST
#     stale       a socket file that nobody listens on
#     absent      no file
#
# By the arguments of the WebSocket's URI: ?reject=401 &big_state=N &state_too_long &cookies=N.
# By JSON-RPC method: see %METHOD.  By the path of an API request: see %API.
#
# Everything received is appended to a log, one JSON object a line: see log(), wait_for().
package SocketStream::FakeSidecar;

use v5.14;
use warnings;

use Carp qw(croak);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(WNOHANG _exit);
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time sleep);

use SocketStream::Link qw(link_frame link_parse link_hello link_accept link_response link_message link_publish
    link_deliver);

use constant HEARTBEAT => 1;
use constant MODES => qw(normal second third mute version garbage hangup frozen deadpan);

my $JSON = JSON::PP->new->canonical->allow_nonref->latin1;

# --- the test's side ---------------------------------------------------------------------------

# Starts the process and returns when its sockets are there.
sub start {
    my ($class, %o) = @_;
    my $dir  = $o{dir} // tempdir('ss-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $self = bless { dir => $dir, owner => $$ }, $class;
    if (!-S "$dir/stale") {
        IO::Socket::UNIX->new(Local => "$dir/stale", Type => SOCK_STREAM, Listen => 1)
            or croak "$dir/stale: $!";
    }
    $self->spawn;
    return $self;
}

sub spawn {
    my ($self) = @_;
    pipe my $ready, my $tell or croak "pipe: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        # Sockets of the test, or its clients would stay open in here when it closes them.
        for my $fd (grep { $_ > 2 && $_ != fileno $tell } map { m{(\d+)$} } glob '/proc/self/fd/*') {
            POSIX::close($fd);
        }
        $SIG{$_} = 'DEFAULT' for qw(INT TERM ALRM __DIE__ __WARN__);
        eval { serve($self->{dir}, $tell); 1 } or print STDERR "# fake sidecar: $@";
        _exit(1);    # not exit: the END blocks and the TAP belong to the parent
    }
    close $tell;
    $self->{pid} = $pid;
    defined readline $ready or croak 'the fake sidecar did not start';
}

# As `kill -9` does: no frame, no flush.
sub kill {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    CORE::kill KILL => $pid;
    waitpid $pid, 0;
}

sub pause  { CORE::kill STOP => $_[0]{pid} }
sub resume { CORE::kill CONT => $_[0]{pid} }
sub path   { "$_[0]{dir}/$_[1]" }
sub dir    { $_[0]{dir} }

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $@, $!);
    $self->kill;
}

# What came so far, as a list of hashes: socket, link (number of the connection), op, slot,
# generation, call and the fields of the operation.
sub log {
    my ($self, %match) = @_;
    open my $in, '<', "$self->{dir}/log" or return;
    my @entries;
    while (my $line = <$in>) {
        my $e = $JSON->decode($line);
        push @entries, $e if !grep { ($e->{$_} // '') ne $match{$_} } keys %match;
    }
    return @entries;
}

sub forget { truncate "$_[0]{dir}/log", 0 }

# Waits until the log holds `count` entries that match, and returns them; else what there is.
sub wait_for {
    my ($self, %match) = @_;
    my $count   = delete $match{count}   // 1;
    my $timeout = delete $match{timeout} // 20; # only a failure takes so long
    my $until   = time + $timeout;
    my @entries;
    while ((@entries = $self->log(%match)) < $count && time < $until) {
        sleep 0.02;
    }
    return @entries;
}

# --- the process -------------------------------------------------------------------------------

my ($dir, $log, $select, %listener, %link, @timer, $links);

sub serve {
    my ($tell);
    ($dir, $tell) = @_;
    $SIG{PIPE} = 'IGNORE';
    $select = IO::Select->new;
    %link   = %listener = ();
    @timer  = ();
    open $log, '>>', "$dir/log" or die "$dir/log: $!";
    $log->autoflush(1);

    for my $mode (MODES) {
        unlink "$dir/$mode";
        my $sock = IO::Socket::UNIX->new(Local => "$dir/$mode", Type => SOCK_STREAM, Listen => 64)
            or die "$dir/$mode: $!";
        $listener{ fileno $sock } = $mode;
        $select->add($sock);
    }

    # The log outlives a restart, and so must the numbers in it.
    $links = int(time * 1000);
    syswrite $tell, "ready\n";
    close $tell;

    my $parent = getppid;
    my $beat   = time + HEARTBEAT;
    while (getppid == $parent) {
        turn(next_timer($beat));
        run_timers();
        if (time >= $beat) {
            beat();
            $beat = time + HEARTBEAT;
        }
    }
    _exit(0);
}

sub next_timer {
    my ($beat) = @_;
    my $at = $beat;
    for (@timer) { $at = $_->[0] if $_->[0] < $at }
    my $left = $at - time;
    return $left < 0 ? 0 : $left;
}

sub after {
    my ($seconds, $code) = @_;
    push @timer, [time + $seconds, $code];
}

sub run_timers {
    my $now = time;
    my @due = grep { $_->[0] <= $now } @timer;
    @timer = grep { $_->[0] > $now } @timer;
    $_->[1]->() for @due;
}

sub turn {
    my ($timeout) = @_;
    my $writers = IO::Select->new(map { $_->{sock} } grep { length $_->{out} && !$_->{silent} } values %link);
    my $readers = IO::Select->new(
        grep {
            my $l = $link{ fileno $_ };
            !$l || !($l->{deaf} || $l->{silent})
        } $select->handles
    );
    my ($r, $w) = IO::Select->select($readers, $writers, undef, $timeout);

    for my $sock (@{ $w // [] }) {
        my $l = $link{ fileno $sock // next } // next;
        flush_link($l);
    }
    for my $sock (@{ $r // [] }) {
        my $fd = fileno $sock // next;
        exists $listener{$fd} ? accept_link($sock, $listener{$fd}) : read_link($link{$fd} // next);
    }
}

sub accept_link {
    my ($listening, $mode) = @_;
    my $sock = $listening->accept or return;
    fcntl $sock, F_SETFL, fcntl($sock, F_GETFL, 0) | O_NONBLOCK;
    $link{ fileno $sock } = {
        sock => $sock, mode => $mode, in => '', out => '', id => ++$links, part => {}, client => {},
    };
    $select->add($sock);
}

sub drop_link {
    my ($l) = @_;
    return if $l->{gone}++;
    delete $link{ fileno $l->{sock} };
    $select->remove($l->{sock});
    close $l->{sock};
}

sub flush_link {
    my ($l) = @_;
    return if $l->{gone} || $l->{silent};
    while (length $l->{out}) {
        my $n = syswrite $l->{sock}, $l->{out};
        last if !defined $n && $!{EAGAIN};
        return drop_link($l) if !$n;
        substr $l->{out}, 0, $n, '';
    }
    drop_link($l) if $l->{hanging_up} && !length $l->{out};
}

sub put {
    my ($l, $bytes) = @_;
    $l->{out} .= $bytes;
    flush_link($l);
}

sub beat {
    put($_, link_frame('PING', pack 'd<', time)) for grep { $_->{greeted} && !$_->{silent} } values %link;
}

sub note {
    my ($l, %entry) = @_;
    for (grep {defined} $entry{payload}, $entry{body}) {
        substr $_, 2000, length($_), '' if length > 2000;
    }
    print {$log} $JSON->encode({ socket => $l->{mode}, link => $l->{id}, at => time, %entry }), "\n";
}

sub read_link {
    my ($l) = @_;
    my $n = sysread $l->{sock}, $l->{in}, 262144, length $l->{in};
    return if !defined $n && $!{EAGAIN};
    if (!$n) {
        note($l, op => 'EOF');
        return drop_link($l);
    }

    while (!$l->{gone} && !$l->{deaf} && !$l->{silent}) {
        my $f = eval { link_parse(\$l->{in}) };
        if ($@) {
            chomp(my $why = $@);
            note($l, op => 'ERROR', why => $why);
            return drop_link($l);
        }
        last if !$f;
        frame($l, $f);
    }
}

# Joins chunks; a whole message goes on to its handler.
sub frame {
    my ($l, $f) = @_;
    if ($f->{op} =~ /^(MESSAGE|REQUEST)$/) {
        my $key = "$f->{op} $f->{slot}";
        if ($f->{flags} & SocketStream::Link::MORE) {
            $l->{part}{$key} .= $f->{payload};
            return;
        }
        $f->{payload} = delete($l->{part}{$key}) . $f->{payload} if exists $l->{part}{$key};
        $f->{bytes} = length $f->{payload};
    }
    %$f = (%$f, SocketStream::Link::request_fields($f->{payload})) if $f->{op} eq 'REQUEST';

    note($l, %$f) if $f->{op} !~ /^P[IO]NG$/;
    my $handler = __PACKAGE__->can("on_\L$f->{op}");
    $handler->($l, $f) if $handler;
}

sub to { my ($f) = @_; return (slot => $f->{slot}, generation => $f->{generation}) }

sub on_hello {
    my ($l, $f) = @_;
    my $mode = $l->{mode};
    return if $mode eq 'mute';
    return put($l, 'HTTP/1.1 400 Bad Request' . "\r\n" x 20) if $mode eq 'garbage';
    return drop_link($l) if $mode eq 'hangup';
    my %o = $mode eq 'version' ? (version => 99) : $mode eq 'second' ? (timeout_ms => 200, max_message => 1000) : ();
    put($l, link_frame('HELLO', link_hello(%o)));
    put($l, link_frame('NODE', 'fake-node')) if $mode ne 'second';
    $l->{generation} = $f->{peer_generation};
    $l->{silent} = 1 if $mode eq 'frozen';
    $l->{greeted} = 1;
}

sub on_ping {
    my ($l, $f) = @_;
    put($l, link_frame('PONG', $f->{payload}));
}

sub on_open {
    my ($l, $f) = @_;
    return if $l->{mode} eq 'deadpan';
    my %arg = map { /([^=]*)=?(.*)/ } split /&/, $f->{uri} =~ s/^[^?]*\??//r;

    if (my $status = $arg{reject}) {
        return put($l, link_frame('REJECT', link_response($status, [['X-Reason', 'fake']], "no, $status\n"), to($f)));
    }

    my $state = "state-$f->{slot}-" . $l->{id};
    $state = 's' x $arg{big_state} if $arg{big_state};
    my @headers = map { ['Set-Cookie', "n$_=v$_; HttpOnly"] } 1 .. $arg{cookies} // 0;
    my $send    = sub { put($l, link_frame('ACCEPT', link_accept($state, @headers), to($f))) };
    $arg{delay} ? after($arg{delay}, $send) : $send->();
    put($l, link_message('SEND', '{"jsonrpc":"2.0","method":"event","params":["first"]}', to($f)))
        if $arg{greet};
}

my %METHOD = (
    echo   => sub { $_[2] },
    square => sub { $_[2][0]**2 },
    big    => sub {
        my ($l, $f, $params, $id) = @_;
        my $x = 'x' x $params->[0];
        put($l, link_message('REPLY', qq({"id":$id,"jsonrpc":"2.0","result":"$x"}), to($f), call => $f->{call}));
        return ();
    },
    bind   => sub { { slot => $_[1]{slot}, generation => $_[1]{generation}, link => $_[0]{id} } },
    socket => sub { $_[0]{mode} },

    # never answered; answered after params[0] seconds
    never => sub { () },
    later => sub {
        my ($l, $f, $params, $id) = @_;
        after($params->[0], sub { reply($l, $f, { jsonrpc => '2.0', id => $id, result => 'late' }) });
        return ();
    },

    # params: code, reason
    close => sub {
        my ($l, $f, $params) = @_;
        put($l, link_frame('CLOSE', pack('v a*', $params->[0], $params->[1] // ''), to($f)));
        return ();
    },

    # params: how many events, of how many bytes each
    flood => sub {
        my ($l, $f, $params) = @_;
        my ($n, $size) = @$params;
        put($l, link_message('SEND', 'x' x $size, to($f)) x $n);
        return 'done';
    },
    binary => sub { put($_[0], link_message('SEND', "\x00\xff", to($_[1]), flags => 2)); 'sent' },

    # frames for clients that are not there must do nothing
    ghosts => sub {
        my ($l, $f) = @_;
        my %old = (slot => $f->{slot}, generation => $f->{generation} - 1);
        put($l, link_message('SEND',  'ghost', %old) . link_message('REPLY', 'ghost', %old, call => 1)
              . link_message('SEND',  'ghost', slot => 999_999, generation => 1)
              . link_message('REPLY', 'ghost', to($f), call => 4_000_000_000)
              . link_frame('CLOSE', pack('v', 1000), %old));
        return 'boo';
    },
    twice => sub {
        my ($l, $f, $params, $id) = @_;
        reply($l, $f, { jsonrpc => '2.0', id => $id, result => 'one' });
        return 'two';
    },

    # [name]; [name]; [flags, [[topic, tail], ...], body, times]; [[[topic, tail], ...], body] to
    # publish or a text for the caller, any number of them in one write; [state]
    join    => sub { put($_[0], link_frame('JOIN', $_[2][0], to($_[1]))); 'joined' },
    leave   => sub { put($_[0], link_frame('LEAVE', $_[2][0], to($_[1]))); 'left' },
    publish => sub {
        my ($l, $f, $params) = @_;
        my ($flags, $topics, $body, $times) = @$params;
        put($l, link_message('PUBLISH', link_publish($flags, $topics, $body))) for 1 .. $times // 1;
        return 'published';
    },
    burst => sub {
        my ($l, $f, $params) = @_;
        put($l, join '', map {
            ref $_ ? link_message('PUBLISH', link_publish(0, @$_)) : link_message('SEND', $_, to($f))
        } @$params);
        return 'published';
    },
    # [seq, secret, body]; [bytes] as they are
    deliver => sub {
        my ($l, $f, $params) = @_;
        put($l, link_message('DELIVER', link_deliver(7, @$params)));
        return 'sent';
    },
    'deliver.raw' => sub { put($_[0], link_frame('DELIVER', $_[2][0])); 'sent' },
    # [SS_LINK_HEALTH_..., ms]
    health => sub { put($_[0], link_frame('HEALTH', pack 'C V', @{ $_[2] })); 'said' },
    # [session, user]
    keys  => sub { put($_[0], link_frame('RATE_KEYS', pack('Q< Q<', @{ $_[2] }), to($_[1]))); 'kept' },
    state => sub { put($_[0], link_frame('STATE', $_[2][0], to($_[1]))); 'kept' },

    'link.close'   => sub { drop_link($_[0]); () },
    'link.half'    => sub { put($_[0], substr link_message('SEND', 'x' x 100, to($_[1])), 0, 50); drop_link($_[0]); () },
    # drains, and is gone in the middle of a long message
    'link.leave'   => sub {
        my ($l, $f) = @_;
        $l->{hanging_up} = 1;
        put($l, link_frame('SEND', 'x' x 100, to($f), flags => 1) . link_frame('DRAIN', ''));
        return ();
    },
    'link.garbage' => sub { put($_[0], "\xff" x 64); () },
    'link.huge'    => sub { put($_[0], pack 'V C C v V V V', 70000, 0x22, 0, 0, 1, 1, 0); () },
    'link.wrong'   => sub { put($_[0], link_frame('OPEN', "\0" x 6, to($_[1]))); () },
    'link.hello'   => sub { put($_[0], link_frame('HELLO', link_hello())); () },
    'link.endless' => sub { put($_[0], link_frame('SEND', 'x' x 65536, to($_[1]), flags => 1) x 1100); () },
    'link.drain'   => sub { put($_[0], link_frame('DRAIN', '')); 'draining' },
    'link.goodbye' => sub { $_[0]{hanging_up} = 1; put($_[0], link_frame('GOODBYE', pack 'v/a*', 'bye')); () },
    'link.silent'  => sub { $_[0]{silent} = 1; () },
    'link.deaf'    => sub {
        my ($l, $f, $params) = @_;
        $l->{deaf} = 1;
        after($params->[0], sub { delete $l->{deaf} });
        return 'deaf';
    },
);

sub reply {
    my ($l, $f, $answer) = @_;
    return if $l->{gone};
    put($l, link_message('REPLY', $JSON->encode($answer), to($f), call => $f->{call}));
}

sub answer {
    my ($l, $f, $call) = @_;
    my $id     = exists $call->{id} ? $call->{id} : undef;
    my $method = $METHOD{ $call->{method} // '' }
        or return { jsonrpc => '2.0', id => $id, error => { code => -32601, message => 'Method not found' } };
    my @result = $method->($l, $f, $call->{params} // [], $id);
    return @result ? { jsonrpc => '2.0', id => $id, result => $result[0] } : ();
}

# JSON::PP takes a second for a megabyte: of long messages only the head is read.
sub quick {
    my ($text) = @_;
    return if length $text < 20_000;
    my $head = substr $text, 0, 200;
    $head =~ /^\{"jsonrpc":"2.0"(?:,"id":(\d+))?,"method":"(\w+)","params":\[(\d*)\]/ or return;
    return { method => $2, params => [$3], defined $1 ? (id => $1 + 0) : () };
}

sub on_message {
    my ($l, $f) = @_;
    if ($f->{flags} & SocketStream::Link::BINARY) {
        return put($l, link_frame('CLOSE', pack('v', 1003), to($f)));
    }
    my $message = quick($f->{payload}) // eval { $JSON->decode($f->{payload}) };
    if (!ref $message) {
        reply($l, $f, { jsonrpc => '2.0', id => undef, error => { code => -32700, message => 'Parse error' } })
            if $f->{call};
        return;
    }
    my $batch   = ref $message eq 'ARRAY';
    my @calls   = $batch ? @$message : $message;
    my @answers;
    for my $call (@calls) {
        my @answer = answer($l, $f, $call);
        push @answers, @answer if exists $call->{id};
    }
    return if !$f->{call};
    if ($batch) {
        reply($l, $f, \@answers) if @answers == grep { exists $_->{id} } @calls;
    }
    else {
        reply($l, $f, $answers[0]) if @answers;
    }
}

# REQUEST by the first part of its path; the rest are arguments: status/404, big/100000.
my %API = (
    status => sub { ($_[1], [], '{"status":' . ($_[1]) . '}') },
    header => sub { (200, [['X-Test', 'yes'], ['Retry-After', '7']], 'null') },
    big    => sub { (200, [], '"' . 'x' x $_[1] . '"') },
    empty  => sub { (200, [], '') },
    never  => sub { () },
);

# A POST for a stream of another worker: to the link of the worker that its secret names.
my (%relayed, $relays);

sub relay {
    my ($l, $f) = @_;
    my %header = map { lc $_->[0] => $_->[1] } @{ $f->{headers} };
    my $secret = $header{'socketstream-stream'};
    no warnings 'portable';    # 64 bits
    my $worker = hex((split /\./, $secret)[1]);
    my ($to) = grep { ($_->{generation} // 0) == $worker } values %link;
    return put($l, link_frame('RESPONSE', link_response(404, [], ''), to($f))) if !$to;
    $relayed{ ++$relays } = [$l, $f];
    put($to, link_message('DELIVER', link_deliver($relays, $header{'socketstream-seq'}, $secret, $f->{body})));
}

sub on_delivered {
    my ($l, $f) = @_;
    my ($asker, $request) = @{ delete $relayed{ $f->{number} } // return };
    put($asker, link_frame('RESPONSE', link_response($f->{status}, [], ''), to($request))) if !$asker->{gone};
}

sub on_request {
    my ($l, $f) = @_;
    return if $l->{mode} eq 'deadpan';
    return relay($l, $f) if $f->{request_flags} & 8;
    my ($name, @args) = split m{/}, $f->{path};

    if ($f->{path} eq 'link/close') { return drop_link($l) }
    if ($f->{path} eq 'link/half') {
        put($l, link_frame('RESPONSE', link_response(200, [], 'x' x 1000), to($f), flags => 1));
        return after(0.1, sub { drop_link($l) });
    }

    my $body = $JSON->encode({ map { $_ => $f->{$_} } qw(method path args body address headers) });
    my @response = $API{ $name // '' } ? $API{$name}->($f, @args) : (200, [], $body);
    return if !@response;
    my ($status, $headers, $text) = @response;
    push @$headers, ['Content-Type', 'application/json'], ['Cache-Control', 'no-store'];
    put($l, link_message('RESPONSE', link_response($status, $headers, $text), to($f)));
}

1;
