# The fallback transport: an event stream down, POSTs up, on the WebSocket's own URL.
use v5.14;
use lib 't/lib';
use IO::Select;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

use SocketStream::EventStream;
use SocketStream::FakeSidecar;
use SocketStream::Nginx qw(free_port until_true);
use SocketStream::WebSocket;

my $sidecar = SocketStream::FakeSidecar->start;
my $pass    = 'socketstream_pass unix:' . $sidecar->path('normal') . ';';
my ($h2, $narrow, $tls) = map { free_port() } 1 .. 3;
my $pem = $sidecar->path('pem');
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout $pem.key -out $pem >/dev/null 2>&1")
    and die 'openssl makes no certificate';
my $nginx   = SocketStream::Nginx->start(
    http => 'limit_conn_zone $binary_remote_addr zone=addr:1m; limit_conn_status 429;'
        . "\nserver { listen 127.0.0.1:$h2 http2; location = /ws { $pass } }\n"
        . "server { listen 127.0.0.1:$tls ssl http2; ssl_certificate $pem; ssl_certificate_key $pem.key; location = /ws { $pass } }\n"
        . "server { listen 127.0.0.1:$narrow sndbuf=16k; location = /ws { $pass } }\n",
    server => "location = /ws { $pass }\n"
        . "location = /open { $pass socketstream_origins any; }\n"
        . "location = /listed { $pass socketstream_origins https://friend.example; }\n"
        . "location = /small { $pass socketstream_max_queue 64k; socketstream_max_message 1000; socketstream_max_inflight 2; }\n"
        . "location = /pinged { $pass socketstream_ping_interval 200ms; socketstream_pong_timeout 100ms; }\n"
        . "location = /limited { limit_conn addr 1; $pass }\n"
        . "location = /away { socketstream_pass unix:" . $sidecar->path('absent') . "; socketstream_link_timeout 300ms; }\n"
        . "location = /short { socketstream_pass unix:" . $sidecar->path('second') . "; }\n"
        . "location = /status { socketstream_status; }\n",
);

sub stream { my ($where, %o) = @_; SocketStream::EventStream->connect(port => $nginx->port, uri => "/$where", %o) }
sub socket_to { SocketStream::WebSocket->connect(port => $nginx->port, uri => "/$_[0]") }

sub message {
    my ($id, $method, @params) = @_;
    return JSON::PP->new->utf8->canonical->encode({ jsonrpc => '2.0', defined $id ? (id => $id) : (), method => $method, params => \@params });
}

# Calls over the stream and gives the result, with the texts that came before it.
sub call {
    my ($stream, $method, @params) = @_;
    state $id = 1000;
    $id++;
    my $status = $stream->post(message($id, $method, @params));
    return if $status != 204;
    my @others;
    while (defined(my $text = $stream->recv_text)) {
        my $answer = eval { decode_json($text) };
        if (ref $answer eq 'HASH' && ($answer->{id} // 0) eq $id) {
            my $result = $answer->{result} // $answer->{error}{code};
            return wantarray ? ($result, @others) : $result;
        }
        push @others, $text;
    }
    return;
}

sub events { my (undef, @others) = call($_[0], 'square', 2); return \@others }
sub status { decode_json(($nginx->get('/status'))[2])->{ $_[0] } }

# A sanitizer keeps what is freed: memory says nothing then.
my $sanitized = ($ENV{BUILD} // '') eq 'sanitize';
sub rss { (SocketStream::Nginx::slurp("/proc/$_[0]/status") =~ /VmRSS:\s+(\d+)/)[0] }    # KiB

subtest 'a stream begins with its secret and is not cached, stored or buffered on its way' => sub {
    my $stream = stream('ws?cookies=2&x=1', headers => [['X-Own', 'yes']]);
    is $stream->status, 200, 'status';
    like $stream->headers, qr/^Content-Type: text\/event-stream\r$/m, 'type';
    like $stream->headers, qr/^Cache-Control: no-store\r$/m, 'no cache';
    like $stream->headers, qr/^X-Accel-Buffering: no\r$/m, 'no buffer of an nginx before this one';
    is scalar(() = $stream->headers =~ /^Set-Cookie: n\d=v\d; HttpOnly\r$/mg), 2, 'the cookies of the ACCEPT';
    is $stream->opened->{event}, 'open', 'the first event';
    like $stream->secret, qr/^fake-node\.[0-9a-f]{16}\.[0-9a-f]{8}\.[0-9a-f]{8}\.[0-9a-f]{32}$/, 'its secret';
    my ($open) = $sidecar->log(op => 'OPEN');
    is $open->{uri}, '/ws?cookies=2&x=1', 'the sidecar is shown the request';
    ok scalar(grep { $_->[0] eq 'X-Own' && $_->[1] eq 'yes' } @{ $open->{headers} }), 'and its headers';
    is $open->{open_flags}, 0, 'a plain client';
    isnt stream('ws')->secret, $stream->secret, 'another has another secret';
};

subtest 'who cannot offer a subprotocol asks for system messages in the query' => sub {
    $sidecar->forget;
    my $stream = stream('ws?protocol=socketstream');
    is +($sidecar->wait_for(op => 'OPEN'))[0]{open_flags}, 2, 'the flag of the subprotocol';
    $sidecar->forget;
    my $other = stream('ws?protocol=socketstreams');
    is +($sidecar->wait_for(op => 'OPEN'))[0]{open_flags}, 0, 'by its whole name';
};

subtest 'a call goes up by POST and its answer comes down' => sub {
    $sidecar->forget;
    my $stream = stream('ws');
    my ($status, $head) = $stream->post(message(1, 'square', 25));
    is $status, 204, 'taken';
    unlike $head, qr/^Content-Type/m, 'without a word';
    is $stream->recv_text, '{"id":1,"jsonrpc":"2.0","result":625}', 'the answer';
    my ($m) = $sidecar->log(op => 'MESSAGE');
    is $m->{payload}, message(1, 'square', 25), 'the message as it was sent';
    cmp_ok $m->{call}, '>', 0, 'a call';
    is $stream->post(message(undef, 'square', 25)), 204, 'a notification is taken';
    (undef, $m) = $sidecar->wait_for(op => 'MESSAGE', count => 2);
    is $m->{call}, 0, 'and wants no answer';
};

subtest 'several messages in one POST keep their order' => sub {
    $sidecar->forget;
    my $stream = stream('ws');
    my @lines = map { message($_, 'square', $_) } 1 .. 200;
    is $stream->post(join "\n", @lines, ''), 204, 'taken';
    is_deeply [map { decode_json($stream->recv_text)->{result} } 1 .. 200], [map { $_**2 } 1 .. 200], 'all answers';
    is_deeply [map { $_->{payload} } $sidecar->log(op => 'MESSAGE')], \@lines, 'a message each';
    is $stream->post("\n\r\n" . message(1, 'square', 3) . "\r\n\n"), 204, 'empty lines and CR are nothing';
    is decode_json($stream->recv_text)->{result}, 9, 'beside them';
    is $stream->post(message(2, 'square', 4), chunked => 1), 204, 'a chunked body';
    is decode_json($stream->recv_text)->{result}, 16, 'is a body too';
};

subtest 'a POST is taken once, and in its order' => sub {
    $sidecar->forget;
    my $stream = stream('ws');
    is $stream->post(message(1, 'square', 2), seq => 2), 409, 'the first is 1';
    is $stream->post(message(1, 'square', 2), seq => 1), 204, 'now 1';
    is $stream->post(message(1, 'square', 2), seq => 1), 204, 'its repeat is taken, too';
    is $stream->post(message(2, 'square', 3), seq => 3), 409, 'a gap is not';
    is $stream->post(message(2, 'square', 3), seq => 2), 204, 'what fills it is';
    is $stream->post('whatever', seq => 1), 204, 'an old number, with whatever it comes';
    is_deeply [map { decode_json($stream->recv_text)->{id} } 1, 2], [1, 2], 'two answers';
    is scalar($sidecar->log(op => 'MESSAGE')), 2, 'of two messages';
};

subtest 'numbers are decimal, from 1 to 2 ** 53 - 1' => sub {
    my $stream = stream('ws');
    is $stream->post(message(1, 'square', 2), seq => $_), 400, "not \"$_\"" for '', '0', '01', '-1', '1x', '1.0', '9007199254740992', '9' x 40;
    is $stream->post(message(1, 'square', 2), seq => '9007199254740991'), 409, 'the largest';
};

subtest 'secrets that are not this stream\'s are nobody\'s' => sub {
    my $stream = stream('ws');
    my $client = socket_to('ws');
    my $good   = $stream->secret;
    my ($node, $worker, $slot, $generation, $key) = split /\./, $good;
    my $flip = sub { substr($_[0], 0, 1) eq 'a' ? 'b' . substr($_[0], 1) : 'a' . substr($_[0], 1) };
    my %wrong = (
        'another key'        => join('.', $node, $worker, $slot, $generation, $flip->($key)),
        'the last digit'     => substr($good, 0, -1) . (substr($good, -1) eq '0' ? '1' : '0'),
        'another generation' => join('.', $node, $worker, $slot, 'ffffffff', $key),
        'no such slot'       => join('.', $node, $worker, 'ffffffff', $generation, $key),
        'a WebSocket'        => join('.', $node, $worker, sprintf('%08x', hex($slot) + 1), $generation, $key),
        'a worker not there' => join('.', $node, 'ffffffffffffffff', $slot, $generation, $key),
        'nothing'            => '',
        'too short'          => substr($good, 0, -1),
        'too long'           => $good . '0',
        'upper case'         => uc $good,
        'a long one'         => 'x' x 4000,
    );
    is $stream->post(message(1, 'square', 2), secret => $wrong{$_}), 404, $_ for sort keys %wrong;
    is call($stream, 'square', 3), 9, 'the right one works';
    $client->close;
};

subtest 'a body has a type, a size and UTF-8 in it' => sub {
    my $stream = stream('small');
    my $line   = sub { my $m = message(1, 'echo', ''); $m =~ s/""/'"' . 'x' x ($_[0] - length $m) . '"'/er };
    is $stream->post(message(1, 'square', 2), type => $_), 415, "not $_" for 'application/json', 'text/plain', 'application/x-ndjsonx', '';
    is $stream->post(message(1, 'square', 2), type => 'application/X-NDJSON; charset=utf-8'), 204, 'with a parameter';
    $stream->recv_text;
    is $stream->post($line->(1000)), 204, 'a line of max_message';
    is length $stream->recv_text, length($line->(1000)) - length('"method":"echo","params":[]') + length('"result":[]'), 'its answer';
    is $stream->post($line->(1001)), 413, 'a longer line';
    is $stream->post(join "\n", message(1, 'square', 2), $line->(1001)), 413, 'behind another';
    is $stream->post("\n" x (64 * 1024 + 1000) . '1'), 413, 'a longer body';
    is $stream->post("\n" x (64 * 1024 + 1000) . '1', chunked => 1), 413, 'in chunks';
    is $stream->post(join "\n", ('1') x 1001), 413, 'more than 1,000 lines';
    is $stream->post("{\"a\":\"\xff\"}"), 400, 'not UTF-8';
    is $stream->post(join "\n", message(1, 'square', 2), "\xc3"), 400, 'behind a good line';
    is $stream->post($_), 400, 'no message' for '', "\n\r\n\n";
    is call($stream, 'square', 4), 16, 'none of these was taken';
};

subtest 'what is wrong with a message is answered down the stream' => sub {
    my $stream = stream('small');
    is $stream->post("this is no JSON\n" . message(1, 'square', 2)), 204, 'taken';
    is_deeply [map { my $a = decode_json($stream->recv_text); $a->{error}{code} // $a->{result} } 1, 2], [-32700, 4], 'answered';
    is $stream->post(join "\n", map { message($_, 'never') } 1 .. 2), 204, 'two calls in flight';
    is call($stream, 'square', 2), -32006, 'a third is over max_inflight';
    $stream->close;
    $stream = stream('short');
    is call($stream, 'echo', 'x' x 1000), -32005, 'a message over the sidecar\'s limit';
};

subtest 'line breaks in JSON become spaces' => sub {
    my ($stream, $client) = (stream('ws'), socket_to('ws'));
    call($stream, 'join', 'breaks');
    $client->send(text => message(1, 'publish', 0, [['breaks', "\r\n]"]], "[\n1,\r2"));
    is $stream->recv_text, '[ 1, 2  ]', 'of what is published';
    my (undef, @own) = call($stream, 'burst', "{\n}", "\r\n\n");
    is_deeply \@own, ['{ }', '   '], 'and sent to one';
    $client->close;
};

subtest 'streams and sockets get what is published, once, in one order' => sub {
    my @members = (stream('ws'), stream('ws'), socket_to('ws'));
    my $publisher = socket_to('ws');
    call($members[$_], 'join', 'room') for 0, 1;
    $members[2]->send(text => message(1, 'join', 'room'));
    $members[2]->recv_text;
    my @burst = ([[['room', '']], 1], [[['room', '!'], ['room', '?']], 2], 'mine', map { [[['room', '']], $_] } 3 .. 100);
    for (1 .. 3) {
        $publisher->send(text => message(1, 'burst', @burst));
        for my $member (@members) {
            is_deeply [map { $member->recv_text } 1 .. 100], [1, '2!', 3 .. 100], 'all, in order';
        }
    }
    $publisher->send(text => message(1, 'publish', 1, [], 'for all'));
    is_deeply [map { $_->recv_text } @members], [('for all') x 3], 'for all is for streams, too';
    $publisher->send(text => message(1, 'publish', 3, [], 'resync'));
    is_deeply events($members[0]), [], 'system messages are for those who asked for them';
    my $long = 'y' x 300_000;
    $publisher->send(text => message(1, 'publish', 0, [['room', '']], $long));
    is scalar(grep { $_->recv_text(10) ne $long } @members), 0, 'a long one comes whole';
    call($members[0], 'leave', 'room');
    $publisher->send(text => message(1, 'publish', 0, [['room', '']], 'later'));
    is $members[1]->recv_text, 'later', 'a member';
    is_deeply events($members[0]), [], 'one that has left';
    $_->close for @members, $publisher;
    ok until_true(sub { status('memberships') == 0 }), 'memberships end with their clients';
};

subtest 'who may open a stream and post to it' => sub {
    my @foreign = (['Origin', 'http://evil.example']);
    is stream('ws', headers => [@foreign])->status, 403, 'no foreign page';
    is stream('ws', headers => [['Origin', 'http://localhost']])->status, 200, 'our own';
    is stream('listed', headers => [['Origin', 'https://friend.example']])->status, 200, 'one that is listed';
    is stream('open', headers => [@foreign])->status, 200, 'anybody where all are let in';
    is stream('ws', headers => [['Sec-Fetch-Site', $_]])->status, 403, "no $_ page that hides its Origin" for 'cross-site', 'same-site';
    is stream('ws', headers => [['Sec-Fetch-Site', $_]])->status, 200, "but $_" for 'same-origin', 'none';
    is stream('open', headers => [['Sec-Fetch-Site', 'cross-site']])->status, 200, 'or anybody where all are let in';
    my $stream = stream('ws');
    is $stream->post(message(1, 'square', 2), headers => ['Origin: http://evil.example']), 403, 'a foreign POST is not taken';
    is call($stream, 'square', 5), 25, 'and did not count';
    $stream->close;
};

# The CORS headers of an answer's head, in the order of their names.
sub cors {
    my %h = $_[0] =~ /^Access-Control-([\w-]+): ([^\r\n]*)/mg;
    return join '; ', map {"$_ $h{$_}"} sort keys %h;
}

subtest 'a listed page of another origin sees the answers, and may ask beforehand' => sub {
    my ($friend, $evil) = ('https://friend.example', 'http://evil.example');
    my $seen   = "Allow-Credentials true; Allow-Origin $friend";
    my $stream = stream('listed', headers => [['Origin', $friend]]);
    is cors($stream->headers), $seen, 'the stream';
    is cors(($stream->post(message(1, 'square', 2), headers => ["Origin: $friend"]))[1]), $seen, 'a POST to it';
    is cors(($stream->post('', seq => 'x', headers => ["Origin: $friend"]))[1]), $seen, 'one that is refused';
    is cors(stream('listed')->headers), '', 'who has no origin needs none of it';
    is cors(stream('listed', headers => [['Origin', 'http://localhost']])->headers), '', 'nor does our own page';
    is cors(stream('listed', headers => [['Origin', $evil]])->headers), '', 'others do not get it';
    is cors(stream('open', headers => [['Origin', $evil]])->headers), "Allow-Credentials true; Allow-Origin $evil",
        'unless all are let in';

    my $asked = stream('listed', method => 'OPTIONS', headers => [['Accept', '*/*'], ['Origin', $friend],
        ['Access-Control-Request-Method', 'POST'], ['Access-Control-Request-Headers', 'content-type,socketstream-seq']]);
    is $asked->status, 204, 'may send';
    is cors($asked->headers), 'Allow-Credentials true; Allow-Headers Content-Type, SocketStream-Stream, SocketStream-Seq; '
        . "Allow-Methods GET, POST; Allow-Origin $friend; Max-Age 600", 'these';
    my $refused = stream('listed', method => 'OPTIONS', headers => [['Origin', $evil]]);
    is $refused->status, 403, 'others may not';
    is cors($refused->headers), '', 'and are told nothing';
    is stream('listed', method => 'OPTIONS')->status, 405, 'OPTIONS of no page';

    my ($status, $head) = $nginx->post('/listed', '{"ticket":"t"}', "Origin: $friend", 'Content-Type: application/json');
    is cors($head), $seen, 'the POST of a ticket';
    $stream->close;
};

subtest 'what is no request for a stream' => sub {
    is stream('ws', headers => [['Accept', $_]])->status, 426, "Accept: $_" for 'text/html', '*/*', 'text/event-streams', 'xtext/event-stream';
    is stream('ws', headers => [['Accept', $_]])->status, 200, "but $_" for 'text/html, text/event-stream', 'TEXT/Event-Stream;q=0.5';
    my $head = stream('ws', method => 'HEAD');
    is $head->status, 405, 'HEAD';
    is stream('ws', method => 'DELETE')->status, 405, 'DELETE';
    is stream('ws', headers => [['Content-Length', '3']])->status, 400, 'a body';
    is stream('ws', version => 'HTTP/1.0', headers => [['Connection', 'close']])->status, 400, 'HTTP/1.0';
    is stream('away')->status, 503, 'no sidecar';
    my $rejected = stream('ws?reject=401');
    is $rejected->status, 401, 'one that the sidecar rejects';
    like $rejected->headers, qr/^X-Reason: fake\r$/m, 'with its headers';
};

subtest 'limit_conn counts streams' => sub {
    my $stream = stream('limited');
    is $stream->status, 200, 'one';
    is stream('limited')->status, 429, 'not another';
    $stream->close;
    my $next;
    ok until_true(sub { ($next = stream('limited'))->status == 200 }), 'until it is gone';
    $next->close;
};

subtest 'the sidecar closes a stream: a last event, then the end' => sub {
    for (['normal', 1000, 'bye'], ['with what JSON escapes', 4000, "a\"b\\\n\x{e4}"], ['no code that may be sent', 1006, '']) {
        my ($name, $code, $reason) = @$_;
        my $stream = stream('ws');
        $stream->post(message(1, 'close', $code, $reason));
        my $e = $stream->event;
        is $e->{event}, 'close', "$name: the event";
        is_deeply decode_json($e->{data}), { code => $code == 1006 ? 1011 : $code, reason => $reason }, 'code and reason';
        ok !defined $stream->event(2), 'nothing more';
        ok $stream->ended, 'the end of the answer';
        is $stream->post(message(1, 'square', 2)), 404, 'a POST finds nobody';
    }
};

subtest 'a client that leaves is told to the sidecar' => sub {
    $sidecar->forget;
    my $stream = stream('ws');
    my ($open) = $sidecar->wait_for(op => 'OPEN');
    my $secret = $stream->secret;
    $stream->close;
    my ($closed) = $sidecar->wait_for(op => 'CLOSED');
    is_deeply [@$closed{qw(slot generation code)}], [@$open{qw(slot generation)}, 1006], 'as gone';
    is $stream->post(message(1, 'square', 2), secret => $secret), 404, 'its secret is void';
};

subtest 'a silent stream is pinged' => sub {
    my $stream = stream('pinged');
    my $start  = time;
    is $stream->any->{comment}, 'ping', 'a comment' for 1 .. 3;
    cmp_ok time - $start, '>', 0.4, 'not all at once';
    is call($stream, 'square', 3), 9, 'it works on';
    $stream->close;
};

subtest 'a client that does not read is closed at max_queue, the others get everything' => sub {
    my ($slow, $quick, $publisher) = (stream('small'), stream('ws'), socket_to('ws'));
    my $before = rss(($nginx->workers)[0]);
    call($_, 'join', 'flood') for $slow, $quick;
    my ($body, $got) = ('z' x 10_000, 0);
    my $closed = status('closed_total')->{1013};
    for my $n (1 .. 60) {
        $publisher->send(text => message($n, 'publish', 0, [['flood', '']], $body, 20));
        $got += grep { ($quick->recv_text(10) // '') eq $body } 1 .. 20;
    }
    is $got, 1200, 'the quick one has all';
    ok until_true(sub { status('closed_total')->{1013} == $closed + 1 }), 'the slow one is closed with 1013';
    is $slow->post(message(1, 'square', 2)), 404, 'a POST finds nobody';
    ok until_true(sub { status('queue_bytes') == 0 }), 'and its queue is gone';
    cmp_ok rss(($nginx->workers)[0]) - $before, '<', $sanitized ? 512 << 10 : 8 << 10, 'without the worker growing by it';
    $_->close for $slow, $quick, $publisher;
};

subtest 'a client that has much to read yet has to wait with its POSTs' => sub {
    my $stream = stream('ws', port => $narrow, rcvbuf => 8192);
    $stream->post(message(1, 'flood', 3, 300_000));
    ok until_true(sub { status('queue_bytes') > 512 * 1024 }), 'half a queue waits';
    is $stream->post(message(2, 'square', 3)), 503, 'asked to come again';
    is_deeply [map { length $stream->recv_text(10) } 1 .. 3], [(300_000) x 3], 'it reads all';
    $stream->recv_text;
    ok until_true(sub { $stream->post(message(2, 'square', 3)) == 204 }), 'and is heard';
    is decode_json($stream->recv_text)->{result}, 9, 'once';
    $stream->close;
};

subtest 'the sidecar is killed and comes back' => sub {
    my @streams = map { stream('ws') } 1 .. 20;
    $_->post(message(1, 'never')) for @streams;
    $sidecar->wait_for(op => 'MESSAGE');
    $sidecar->kill;
    is scalar(grep { decode_json($_->recv_text(2) // '{}')->{error}{code} // 0 == -32003 } @streams), 20, 'calls in flight fail';
    is call($streams[0], 'square', 2), -32003, 'a POST is taken, its call fails';
    $sidecar->forget;
    $sidecar->spawn;
    ok until_true(sub { (call($streams[0], 'square', 2) // 0) == 4 }), 'calls work again';
    is scalar($sidecar->wait_for(op => 'REBIND', count => 20)), 20, 'all are bound again';
    is_deeply [map { call($_, 'square', 3) } @streams], [(9) x 20], 'no stream has ended';
    $_->close for @streams;
};

subtest 'a DELIVER is answered as a POST is' => sub {
    $sidecar->forget;
    my ($stream, $client) = (stream('ws'), socket_to('ws'));
    my $deliver = sub {
        state $n = 0;
        $client->send(text => message(1, 'deliver', @_));
        return +($sidecar->wait_for(op => 'DELIVERED', count => ++$n, timeout => 10))[-1]{status};
    };
    is $deliver->(1, $stream->secret, message(5, 'square', 5)), 204, 'taken';
    is decode_json($stream->recv_text)->{result}, 25, 'and answered';
    is $deliver->(1, $stream->secret, message(5, 'square', 5)), 204, 'a repeat';
    is $deliver->(3, $stream->secret, message(5, 'square', 5)), 409, 'a gap';
    is $deliver->(2, $stream->secret, ''), 400, 'nothing';
    is $deliver->(2, $stream->secret . '0', message(5, 'square', 5)), 404, 'no secret of ours';
    is $deliver->(2, $stream->secret, message(5, 'echo', 'y' x 70_000)), 204, 'a long one, in chunks';
    is length(decode_json($stream->recv_text(10))->{result}[0]), 70_000, 'comes whole';
    $client->send(text => message(1, 'deliver.raw', 'short'));
    ok until_true(sub { $nginx->log =~ /sent a bad frame|sent a bad DELIVER/ }, 10), 'a malformed one costs the link';
    $_->close for $stream, $client;
};

subtest 'HTTP/2: a stream, POSTs, fan-out and the end' => sub {
    my $curl = open2_curl("http://127.0.0.1:$h2/ws");
    my $open = $curl->{next}->();
    like $open, qr/^event: open\ndata: \{"secret":"[^"]+"\}$/, 'it opens';
    my ($secret) = $open =~ /"secret":"([^"]+)"/;
    my $post = sub {
        my ($seq, $body) = @_;
        my @curl = ('curl', '-s', '--max-time', '5', '--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_code} %{http_version}',
            '-H', "SocketStream-Stream: $secret", '-H', "SocketStream-Seq: $seq",
            '-H', 'Content-Type: application/x-ndjson', '--data-binary', $body, "http://127.0.0.1:$h2/ws");
        open my $in, '-|', @curl or die "curl: $!";
        return scalar readline $in;
    };
    is $post->(1, message(1, 'square', 12)), '204 2', 'a POST';
    is $curl->{next}->(), 'data: {"id":1,"jsonrpc":"2.0","result":144}', 'its answer';
    is $post->(2, message(2, 'join', 'two')), '204 2', 'it joins';
    $curl->{next}->();
    my $client = socket_to('ws');
    my $long   = 'q' x 200_000;
    $client->send(text => message(1, 'publish', 0, [['two', '']], $long, 3));
    is_deeply [map { $curl->{next}->() eq "data: $long" } 1 .. 3], [1, 1, 1], 'long messages come whole';
    is $post->(3, message(3, 'close', 4001)), '204 2', 'it is closed';
    is $curl->{next}->(), "event: close\ndata: {\"code\":4001,\"reason\":\"\"}", 'the last event';
    is $curl->{next}->(), undef, 'the end';
    is $curl->{finish}->(), 0, 'curl is content';
    my $left = open2_curl("http://127.0.0.1:$h2/ws");
    $left->{next}->();
    $sidecar->forget;
    kill KILL => $left->{pid};
    is +($sidecar->wait_for(op => 'CLOSED'))[0]{code}, 1006, 'one that vanishes is gone';
    $left->{finish}->();
    $client->close;
};

# A curl that reads an event stream, over HTTP/2 unless told otherwise.
sub open2_curl {
    my ($url, @version) = @_;
    @version = '--http2-prior-knowledge' if !@version;
    my $pid = open my $in, '-|', 'curl', '-skN', '--max-time', '20', @version, '-H', 'Accept: text/event-stream', $url
        or die "curl: $!";
    my $text = '';
    return {
        pid  => $pid,
        next => sub {
            my $until = time + 5;
            while ($text !~ /\n\n/) {
                return if !IO::Select->new($in)->can_read(5) || time > $until;
                sysread $in, $text, 65536, length $text or return;
            }
            return $text =~ s/^(.*?)\n\n//s ? $1 : undef;
        },
        finish => sub { CORE::close $in; return $? >> 8 },
    };
}

subtest 'TLS: what is said and published comes whole' => sub {
    for my $version ('--http1.1', '--http2') {
        $sidecar->forget;
        my $curl = open2_curl("https://127.0.0.1:$tls/ws", $version);
        my ($secret) = $curl->{next}->() =~ /"secret":"([^"]+)"/;
        is +($sidecar->wait_for(op => 'OPEN'))[0]{open_flags}, 1, "$version: the sidecar knows of TLS";
        my $stream = stream('ws');
        is $stream->post(message(1, 'join', 'safe'), secret => $secret, seq => 1), 204, 'it joins';
        $curl->{next}->();
        my ($long, $client) = ('s' x 100_000, socket_to('ws'));
        for my $n (1 .. 3) {
            $client->send(text => message($n, 'publish', 0, [['safe', '']], $_, 2)) for $long, 'short';
            is_deeply [map { length $curl->{next}->() } 1 .. 4], [(100_006) x 2, (11) x 2], 'four events';
        }
        $stream->post(message(2, 'close', 1000), secret => $secret, seq => 2);
        like $curl->{next}->(), qr/"code":1000/, 'the last event';
        $curl->{next}->();
        is $curl->{finish}->(), 0, 'curl is content';
        $_->close for $stream, $client;
    }
};

subtest 'a stream that does not read over HTTP/2 is reset, and harms nobody' => sub {
    my $curl = open2_curl("http://127.0.0.1:$h2/ws");
    my ($secret) = $curl->{next}->() =~ /"secret":"([^"]+)"/;
    kill STOP => $curl->{pid};
    my $closed = status('closed_total')->{1013};
    my $stream = stream('ws');
    is $stream->post(message(1, 'flood', 400, 20_000), secret => $secret, seq => 1), 204, 'asked for 8 MB';
    ok until_true(sub { status('closed_total')->{1013} > $closed }), 'closed';
    ok until_true(sub { status('queue_bytes') == 0 }, 8), 'its queue is gone';
    kill CONT => $curl->{pid};
    kill TERM => $curl->{pid};
    $curl->{finish}->();
    is call($stream, 'square', 3), 9, 'others work';
    $stream->close;
};

subtest 'counted apart from WebSockets' => sub {
    ok until_true(sub { status('streams') == 0 && status('connections') == 0 }), 'nobody is here';
    my %before = map { $_ => status($_) } qw(streams_total connections_total posts_total);
    my ($stream, $client) = (stream('ws'), socket_to('ws'));
    call($stream, 'square', 2);
    is_deeply [map { status($_) } qw(streams connections)], [1, 1], 'open';
    is_deeply [map { status($_) - $before{$_} } qw(streams_total connections_total posts_total)], [1, 1, 1], 'in all';
    like +($nginx->get('/status?format=prometheus'))[2], qr/^socketstream_streams 1$/m, 'for Prometheus, too';
    $_->close for $stream, $client;
};

is status($_), 0, "in the end: $_ 0" for qw(topics memberships queue_bytes calls_in_flight);
my ($log, $access) = ($nginx->log, $nginx->access_log);
like $access, qr{"GET /ws HTTP/1.1" 200}, 'a stream is in the access log';
unlike "$log$access", qr/fake-node\.[0-9a-f]{16}/, 'no secret is in a log';
$nginx->finish;

sub start {
    my (%o) = @_;
    my $port = free_port();
    my $own = "location /socketstream { $pass socketstream_drain_time $o{drain}; }";
    my $it = SocketStream::Nginx->start(
        workers => $o{workers} // 1, main => $o{main} // '',
        http   => "server { listen 127.0.0.1:$port http2; $own }",
        server => "$own location = /status { socketstream_status; }",
    );
    return ($it, $port);
}

# A worker that was just told to leave answers with 503: try again, as clients do.
sub streams_of {
    my ($it, $n, $uri) = @_;
    return map {
        my $s;
        until_true { $s = SocketStream::EventStream->connect(port => $it->port, uri => $uri // '/socketstream'); $s->status == 200 };
        $s;
    } 1 .. $n;
}

subtest 'reload: goaway, then a last event with 1012, over HTTP/1.1 and HTTP/2' => sub {
    my ($it, $port) = start(drain => '1s');
    my @plain   = streams_of($it, 5);
    my @system  = streams_of($it, 5, '/socketstream?protocol=socketstream');
    my $curl    = open2_curl("http://127.0.0.1:$port/socketstream");
    $curl->{next}->();
    my @old = $it->reload;
    my $start = time;
    like $system[0]->recv_text, qr/system\.goaway/, 'who listens to it is told before';
    my ($new) = streams_of($it, 1);
    is call($system[0], 'square', 3), 9, 'the old one works on, by a POST to the new worker';
    is_deeply [map { $_->recv_close } @plain, @system], [(1012) x 10], 'all get 1012';
    like $curl->{next}->(), qr/^event: close\ndata: \{"code":1012/, 'over HTTP/2, too';
    $curl->{finish}->();
    cmp_ok time - $start, '<', 3, 'in time';
    ok until_true(sub { !grep { SocketStream::Nginx::running($_) } @old }, 5), 'the old worker leaves';
    my $status;
    until_true(sub { ($status = $plain[0]->post(message(1, 'square', 2))) != 503 }, 5);
    is $status, 404, 'a POST to a stream of the old worker finds nobody';
    is call($new, 'square', 4), 16, 'the new one works';
    $new->close;
    $it->finish;
};

subtest 'quit with drain time 0, and worker_shutdown_timeout' => sub {
    for (['0', ''], ['1h', 'worker_shutdown_timeout 300ms;']) {
        my ($it, $port) = start(drain => $_->[0], main => $_->[1]);
        my @streams = streams_of($it, 3);
        my $curl    = open2_curl("http://127.0.0.1:$port/socketstream");
        $curl->{next}->();
        my $start = time;
        $it->signal('QUIT');
        is_deeply [map { $_->recv_close } @streams], [(1012) x 3], 'all get 1012';
        like $curl->{next}->(), qr/"code":1012/, 'over HTTP/2, too';
        $curl->{finish}->();
        ok until_true(sub { !$it->pid }, 5), 'nginx ends';
        cmp_ok time - $start, '<', 3, 'in time';
        is_deeply [grep {/\[(?:alert|emerg)\]/} split /\n/, $it->log], [], 'nothing alarming in the error log';
    }
};

subtest 'two workers: a POST lands on the other one' => sub {
    my ($it) = start(drain => '0', workers => 2);
    my @streams = streams_of($it, 20);
    my %workers = map { (split /\./, $_->secret)[1] => 1 } @streams;
    $sidecar->forget;
    my @results;
    for my $round (1 .. 5) {
        push @results, map { call($_, 'square', $round) // 'none' } @streams;
    }
    is_deeply \@results, [map { ($_**2) x 20 } 1 .. 5], 'every call is answered';
    my $forwarded = decode_json(($it->get('/status'))[2])->{posts_forwarded_total};
    if (keys %workers == 2) {
        cmp_ok $forwarded, '>', 0, "$forwarded of 100 were forwarded";
        is scalar($sidecar->log(op => 'DELIVERED')), $forwarded, 'and answered';
    }
    else {
        diag 'one worker took all streams: nothing was forwarded' if !$forwarded;
    }
    my $lost = $streams[0]->secret;
    $_->close for @streams;
    $it->finish;
};

done_testing;
