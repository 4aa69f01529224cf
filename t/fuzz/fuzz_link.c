/* SPDX-License-Identifier: MIT
 *
 * The link: what a decode accepts, the encode writes again, byte for byte.  Input: a byte for the
 * receiving side, then a header, then a payload for every decode.
 */
#include "fuzz.h"

#include <string.h>

#include "ss_link.h"
#include "ss_sse.h"

#define LINK_PAYLOAD_CAP 8192 /* longer inputs add nothing */

/* An encode in progress, and the bytes it has to arrive at. */
typedef struct {
    uint8_t out[LINK_PAYLOAD_CAP];
    ss_writer_t w;
    ss_link_pairs_t pairs;
    const uint8_t *expected;
    size_t len;
} link_again_t;

static void link_begin(link_again_t *again, const uint8_t *payload, size_t len) {
    again->w = ss_writer(again->out, sizeof again->out);
    again->expected = payload;
    again->len = len;
}

static void link_pairs(link_again_t *again, unsigned n, ss_reader_t headers) {
    ss_link_pair_t pair;
    unsigned seen = 0;
    for (; ss_link_next_pair(&headers, &pair); seen++) {
        ss_link_add_pair(&again->pairs, pair.name, pair.value);
    }
    FUZZ_CHECK(seen == n && n <= SS_LINK_HEADERS_MAX);
}

static void link_end(const link_again_t *again) {
    FUZZ_CHECK(!again->w.failed && ss_written(&again->w) == again->len);
    FUZZ_CHECK(memcmp(again->out, again->expected, again->len) == 0);
}

static void link_handshake(const uint8_t *payload, size_t len) {
    static link_again_t again;
    ss_link_hello_t hello;
    ss_link_open_t open;
    ss_link_accept_t accept;

    if (ss_link_decode_hello(payload, len, &hello) && hello.version == SS_LINK_VERSION) {
        FUZZ_CHECK((hello.flags & ~SS_LINK_HELLO_RATE) == 0);
        link_begin(&again, payload, len);
        ss_link_encode_hello(&again.w, &hello);
        link_end(&again);
    }
    if (ss_link_decode_open(payload, len, &open)) {
        link_begin(&again, payload, len);
        ss_link_encode_open(&again.w, open.flags, open.uri, open.address, &again.pairs);
        link_pairs(&again, open.n_headers, open.headers);
        link_end(&again);
    }
    if (ss_link_decode_accept(payload, len, &accept)) {
        link_begin(&again, payload, len);
        ss_link_encode_accept(&again.w, accept.state, &again.pairs);
        link_pairs(&again, accept.n_headers, accept.headers);
        link_end(&again);
    }
}

static void link_http(const uint8_t *payload, size_t len) {
    static link_again_t again;
    ss_link_request_t request;
    ss_link_response_t response;

    if (ss_link_decode_response(payload, len, &response)) {
        link_begin(&again, payload, len);
        ss_link_encode_response(&again.w, response.status, &again.pairs);
        link_pairs(&again, response.n_headers, response.headers);
        ss_write_bytes(&again.w, response.body.ptr, response.body.len);
        link_end(&again);
    }
    if (ss_link_decode_request(payload, len, &request)) {
        link_begin(&again, payload, len);
        ss_link_encode_request(&again.w, request.flags, request.method, request.path, request.args,
                               request.address, &again.pairs);
        link_pairs(&again, request.n_headers, request.headers);
        ss_write_bytes(&again.w, request.body.ptr, request.body.len);
        link_end(&again);
    }
}

static void link_host(const uint8_t *payload, size_t len) {
    static link_again_t again;
    ss_link_call_t call;
    ss_link_ask_t ask;
    ss_link_answer_t answer;

    if (ss_link_decode_call(payload, len, &call)) {
        link_begin(&again, payload, len);
        ss_link_encode_call(&again.w, call.flags, call.action, call.facts);
        ss_write_bytes(&again.w, call.params.ptr, call.params.len);
        link_end(&again);
    }
    if (ss_link_decode_ask(payload, len, &ask)) {
        link_begin(&again, payload, len);
        ss_link_encode_ask(&again.w, ask.what, ask.args);
        ss_write_bytes(&again.w, ask.body.ptr, ask.body.len);
        link_end(&again);
    }
    if (ss_link_decode_answer(payload, len, &answer)) {
        link_begin(&again, payload, len);
        ss_write_u8(&again.w, answer.ok);
        ss_write_bytes(&again.w, answer.json.ptr, answer.json.len);
        link_end(&again);
    }
}

static void link_stream(const uint8_t *payload, size_t len) {
    static link_again_t again;
    ss_link_deliver_t deliver;
    ss_stream_t stream;
    uint64_t seq;
    char text[SS_STREAM_TEXT_MAX];

    if (ss_link_decode_deliver(payload, len, &deliver)) {
        link_begin(&again, payload, len);
        ss_link_encode_deliver(&again.w, deliver.number, deliver.seq, deliver.secret);
        ss_write_bytes(&again.w, deliver.body.ptr, deliver.body.len);
        link_end(&again);
    }
    if (ss_stream_decode((const char *)payload, len, &stream)) {
        FUZZ_CHECK(ss_stream_encode(text, &stream) == len);
        FUZZ_CHECK(memcmp(text, payload, len) == 0);
    }
    if (ss_stream_seq((const char *)payload, len, &seq)) {
        FUZZ_CHECK((size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)seq) == len);
        FUZZ_CHECK(memcmp(text, payload, len) == 0);
    }
}

/* An event ends with the only two line breaks in a row, and no line in it is made by its text. */
static void link_event(const uint8_t *payload, size_t len) {
    static uint8_t out[LINK_PAYLOAD_CAP + SS_SSE_DATA_EXTRA + SS_SSE_CLOSE_MAX];
    size_t half = len / 2;
    ss_sse_data(out, payload, half, payload + half, len - half);
    FUZZ_CHECK(memcmp(out, "data: ", 6) == 0 && memcmp(out + 6 + len, "\n\n", 2) == 0);
    FUZZ_CHECK(memchr(out, '\n', 6 + len) == NULL && memchr(out, '\r', 6 + len) == NULL);

    size_t n = ss_sse_close(out, 4999, payload, len);
    FUZZ_CHECK(n <= SS_SSE_CLOSE_MAX && memcmp(out + n - 2, "\n\n", 2) == 0);
    const uint8_t *second = (const uint8_t *)memchr(out, '\n', n) + 1;
    FUZZ_CHECK(memchr(second, '\n', n - (size_t)(second - out)) == out + n - 2);
}

static void link_header(const uint8_t *data, size_t len, ss_link_direction_t towards) {
    ss_link_header_t h;
    uint8_t out[SS_LINK_HEADER];
    ss_link_rc_t rc = ss_link_decode_header(data, len, towards, &h);
    FUZZ_CHECK((rc == SS_LINK_AGAIN) == (len < SS_LINK_HEADER));
    FUZZ_CHECK(ss_link_strerror(rc) != NULL);
    if (rc == SS_LINK_OK) {
        ss_link_encode_header(out, &h);
        FUZZ_CHECK(memcmp(out, data, sizeof out) == 0);
        FUZZ_CHECK(h.length <= SS_LINK_PAYLOAD_MAX);
        FUZZ_CHECK(strcmp(ss_link_op_name(h.op), "UNKNOWN") != 0);
        if (h.op == SS_LINK_RATE_KEYS) { /* nginx reads two numbers without another look */
            FUZZ_CHECK(towards == SS_LINK_TO_WORKER && h.length == 16);
            FUZZ_CHECK(h.flags == 0 && h.call == 0);
        }
    }
}

int fuzz_link(const uint8_t *data, size_t size) {
    if (size == 0 || size > LINK_PAYLOAD_CAP) {
        return 0;
    }
    static const ss_link_direction_t sides[] = {SS_LINK_TO_SIDECAR, SS_LINK_TO_WORKER,
                                                SS_LINK_TO_HOST, SS_LINK_FROM_HOST};
    link_header(data + 1, size - 1, sides[data[0] & 3]);
    link_handshake(data + 1, size - 1);
    link_http(data + 1, size - 1);
    link_host(data + 1, size - 1);
    link_stream(data + 1, size - 1);
    link_event(data + 1, size - 1);
    return 0;
}
