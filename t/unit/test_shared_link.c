/* SPDX-License-Identifier: MIT
 *
 * ss_link and ss_wire: every operation at its limits, every payload there and back, cut short and
 * grown by a byte, against a guard page.
 */
#include "test.h"

#include "guard.h"

#include "ss_link.h"

#define SPAN(literal) ((ss_span_t){(literal), sizeof(literal) - 1})

typedef struct {
    uint8_t op;
    const char *name;
    ss_link_direction_t direction;
    uint32_t min;
    uint32_t max;
    bool chunked;
    bool of_client;
} op_t;

static const op_t ops[] = {
#define X(value, name, direction, min, max, chunked, client)                                       \
    {(value), #name, (direction), (min), (max), (chunked), (client)},
    SS_LINK_OPS(X)
#undef X
};

static const ss_link_direction_t sides[] = {SS_LINK_TO_SIDECAR, SS_LINK_TO_WORKER, SS_LINK_TO_HOST,
                                            SS_LINK_FROM_HOST};

/* One that the operation is for. */
static ss_link_direction_t receiver(const op_t *op) {
    for (size_t k = 0;; k++) {
        if ((op->direction & sides[k]) != 0) {
            return sides[k];
        }
    }
}

static ss_link_rc_t recode(const ss_link_header_t *in, ss_link_direction_t towards,
                           ss_link_header_t *out) {
    uint8_t bytes[SS_LINK_HEADER];
    ss_link_encode_header(bytes, in);
    return ss_link_decode_header(guard_end(bytes, sizeof bytes), sizeof bytes, towards, out);
}

static ss_link_rc_t judge(const ss_link_header_t *in, ss_link_direction_t towards) {
    ss_link_header_t out;
    return recode(in, towards, &out);
}

/* A header that is right for the operation. */
static ss_link_header_t header_of(const op_t *op) {
    return (ss_link_header_t){.op = op->op, .length = op->min};
}

static void writes_headers_little_endian(void **unused) {
    static const uint8_t expected[SS_LINK_HEADER] = {0x34, 0x12, 0, 0, 0x20, 3, 0, 0, 0xDD, 0xCC,
                                                     0xBB, 0xAA, 4, 3, 2,    1, 8, 7, 6,    5};
    ss_link_header_t h = {.length = 0x1234,
                          .op = SS_LINK_MESSAGE,
                          .flags = SS_LINK_MORE | SS_LINK_BINARY,
                          .slot = 0xAABBCCDD,
                          .generation = 0x01020304,
                          .call = 0x05060708};
    uint8_t out[SS_LINK_HEADER];
    ss_link_encode_header(out, &h);
    assert_memory_equal(out, expected, sizeof expected);

    ss_link_header_t back;
    assert_int_equal(ss_link_decode_header(out, sizeof out, SS_LINK_TO_SIDECAR, &back), SS_LINK_OK);
    assert_int_equal(back.length, h.length);
    assert_int_equal(back.op, h.op);
    assert_int_equal(back.flags, h.flags);
    assert_int_equal(back.slot, h.slot);
    assert_int_equal(back.generation, h.generation);
    assert_int_equal(back.call, h.call);
}

static void carries_a_handle_as_one_number(void **unused) {
    static const uint8_t bytes[SS_LINK_HEADER] = {0, 0, 0, 0, 0x54, 0, 0, 0, 8, 7,
                                                  6, 5, 4, 3, 2,    1, 0, 0, 0, 0};
    ss_link_header_t h;
    assert_int_equal(ss_link_decode_header(bytes, sizeof bytes, SS_LINK_FROM_HOST, &h), SS_LINK_OK);
    assert_true(ss_link_handle(&h) == 0x0102030405060708);
}

static void waits_for_the_whole_header(void **unused) {
    ss_link_header_t h = {.op = SS_LINK_DRAIN};
    uint8_t bytes[SS_LINK_HEADER];
    ss_link_encode_header(bytes, &h);
    for (size_t n = 0; n < SS_LINK_HEADER; n++) {
        assert_int_equal(ss_link_decode_header(guard_end(bytes, n), n, SS_LINK_TO_WORKER, &h),
                         SS_LINK_AGAIN);
    }
    assert_int_equal(ss_link_decode_header(guard_end(bytes, SS_LINK_HEADER), SS_LINK_HEADER,
                                           SS_LINK_TO_WORKER, &h),
                     SS_LINK_OK);
}

static void holds_every_operation_to_its_lengths(void **unused) {
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        ss_link_header_t h = header_of(&ops[i]);
        ss_link_direction_t to = receiver(&ops[i]);
        assert_int_equal(judge(&h, to), SS_LINK_OK);
        h.length = ops[i].max;
        assert_int_equal(judge(&h, to), SS_LINK_OK);
        h.length = ops[i].max + 1;
        assert_int_equal(judge(&h, to), SS_LINK_BAD_LENGTH);
        h.length = UINT32_MAX;
        assert_int_equal(judge(&h, to), SS_LINK_BAD_LENGTH);
        if (ops[i].min > 0) {
            h.length = ops[i].min - 1;
            assert_int_equal(judge(&h, to), SS_LINK_BAD_LENGTH);
        }
        assert_true(ops[i].max <= SS_LINK_PAYLOAD_MAX);
    }
}

static void holds_every_operation_to_its_direction(void **unused) {
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        ss_link_header_t h = header_of(&ops[i]);
        for (size_t k = 0; k < COUNT_OF(sides); k++) {
            bool right = (ops[i].direction & sides[k]) != 0;
            assert_int_equal(judge(&h, sides[k]), right ? SS_LINK_OK : SS_LINK_BAD_DIRECTION);
        }
    }
}

static void holds_every_operation_to_its_flags(void **unused) {
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        for (unsigned flags = 0; flags < 256; flags++) {
            ss_link_header_t h = header_of(&ops[i]);
            h.flags = (uint8_t)flags;
            bool binary = ops[i].op == SS_LINK_MESSAGE || ops[i].op == SS_LINK_SEND;
            unsigned allowed = (ops[i].chunked ? SS_LINK_MORE : 0) | (binary ? SS_LINK_BINARY : 0);
            assert_int_equal(judge(&h, receiver(&ops[i])),
                             (flags & ~allowed) == 0 ? SS_LINK_OK : SS_LINK_BAD_FLAGS);
        }
    }
}

static void refuses_reserved_bits(void **unused) {
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        for (unsigned bit = 0; bit < 16; bit++) {
            ss_link_header_t h = header_of(&ops[i]);
            uint8_t bytes[SS_LINK_HEADER];
            ss_link_encode_header(bytes, &h);
            bytes[6 + bit / 8] = (uint8_t)(1u << bit % 8);
            assert_int_equal(ss_link_decode_header(bytes, sizeof bytes, receiver(&ops[i]), &h),
                             SS_LINK_BAD_FLAGS);
        }
    }
}

static void refuses_a_client_or_call_where_there_is_none(void **unused) {
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        ss_link_rc_t client = ops[i].of_client ? SS_LINK_OK : SS_LINK_BAD_SLOT;
        bool call = ops[i].op == SS_LINK_MESSAGE || ops[i].op == SS_LINK_REPLY ||
                    ops[i].op == SS_LINK_ASK || ops[i].op == SS_LINK_ANSWER;
        ss_link_header_t h = header_of(&ops[i]);
        h.slot = 1;
        assert_int_equal(judge(&h, receiver(&ops[i])), client);
        h.slot = 0;
        h.generation = 0x80000000;
        assert_int_equal(judge(&h, receiver(&ops[i])), client);
        h.generation = 0;
        h.call = 1;
        assert_int_equal(judge(&h, receiver(&ops[i])), call ? SS_LINK_OK : SS_LINK_BAD_SLOT);
    }
}

static void refuses_every_unknown_operation(void **unused) {
    for (unsigned op = 0; op < 256; op++) {
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(ops); i++) {
            if (ops[i].op == op) {
                known = true;
                assert_string_equal(ss_link_op_name(ops[i].op), ops[i].name);
            }
        }
        ss_link_header_t h = {.op = (uint8_t)op};
        for (size_t k = 0; k < COUNT_OF(sides); k++) {
            assert_int_equal(judge(&h, sides[k]) == SS_LINK_BAD_OP, !known);
        }
        if (!known) {
            assert_string_equal(ss_link_op_name((uint8_t)op), "UNKNOWN");
        }
    }
}

static void names_every_error(void **unused) {
    for (ss_link_rc_t rc = SS_LINK_OK; rc <= SS_LINK_BAD_SLOT; rc++) {
        for (ss_link_rc_t other = SS_LINK_OK; other < rc; other++) {
            assert_string_not_equal(ss_link_strerror(rc), ss_link_strerror(other));
        }
    }
}

/* --- payloads */

static uint8_t payload[SS_LINK_PAYLOAD_MAX + 1];

static bool decode_hello(const void *p, size_t len) {
    ss_link_hello_t out;
    return ss_link_decode_hello(p, len, &out);
}

static bool decode_open(const void *p, size_t len) {
    ss_link_open_t out;
    return ss_link_decode_open(p, len, &out);
}

static bool decode_accept(const void *p, size_t len) {
    ss_link_accept_t out;
    return ss_link_decode_accept(p, len, &out);
}

static bool decode_response(const void *p, size_t len) {
    ss_link_response_t out;
    return ss_link_decode_response(p, len, &out);
}

static bool decode_request(const void *p, size_t len) {
    ss_link_request_t out;
    return ss_link_decode_request(p, len, &out);
}

static bool decode_call(const void *p, size_t len) {
    ss_link_call_t out;
    return ss_link_decode_call(p, len, &out);
}

static bool decode_ask(const void *p, size_t len) {
    ss_link_ask_t out;
    return ss_link_decode_ask(p, len, &out);
}

static bool decode_answer(const void *p, size_t len) {
    ss_link_answer_t out;
    return ss_link_decode_answer(p, len, &out);
}

/* Whole it is right, cut anywhere it is not; a byte more is right only where a body may stand. */
static void check_lengths(bool (*decode)(const void *, size_t), size_t len, bool body) {
    assert_true(decode(guard_end(payload, len), len));
    for (size_t n = 0; n < len; n++) {
        assert_false(decode(guard_end(payload, n), n));
    }
    payload[len] = 0;
    assert_int_equal(decode(guard_end(payload, len + 1), len + 1), body);
}

static void assert_span(ss_span_t span, const char *expected) {
    assert_non_null(span.ptr);
    assert_int_equal(span.len, strlen(expected));
    assert_memory_equal(span.ptr, expected, span.len);
}

static void add_headers(ss_link_pairs_t *pairs) {
    ss_link_add_pair(pairs, SPAN("Cookie"), SPAN("a=b; c=d"));
    ss_link_add_pair(pairs, SPAN("X-Empty"), SPAN(""));
}

static void assert_headers(unsigned n, ss_reader_t headers) {
    ss_link_pair_t pair;
    assert_int_equal(n, 2);
    assert_true(ss_link_next_pair(&headers, &pair));
    assert_span(pair.name, "Cookie");
    assert_span(pair.value, "a=b; c=d");
    assert_true(ss_link_next_pair(&headers, &pair));
    assert_span(pair.name, "X-Empty");
    assert_span(pair.value, "");
    assert_false(ss_link_next_pair(&headers, &pair));
    assert_false(ss_link_next_pair(&headers, &pair));
}

static void carries_hello(void **unused) {
    static const uint8_t expected[] = {1, 0, 1,    0,    4, 3, 2, 1, 8, 7, 6, 5, 4,   3,
                                       2, 1, 0x30, 0x75, 0, 0, 0, 0, 4, 0, 2, 0, 's', 's'};
    ss_link_hello_t in = {
        SS_LINK_VERSION, SS_LINK_ROLE_WORKER, 0x01020304, 0x0102030405060708, 30000,
        1 << 18,         SPAN("ss"),          0};
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_hello(&w, &in);
    assert_false(w.failed);
    assert_int_equal(ss_written(&w), sizeof expected);
    assert_memory_equal(payload, expected, sizeof expected);
    check_lengths(decode_hello, sizeof expected, false);

    ss_link_hello_t out;
    assert_true(ss_link_decode_hello(expected, sizeof expected, &out));
    assert_int_equal(out.version, SS_LINK_VERSION);
    assert_int_equal(out.role, SS_LINK_ROLE_WORKER);
    assert_int_equal(out.pid, 0x01020304);
    assert_true(out.generation == 0x0102030405060708);
    assert_int_equal(out.timeout_ms, 30000);
    assert_int_equal(out.max_message, 1 << 18);
    assert_span(out.software, "ss");
}

static void carries_the_flags_of_a_hello_that_has_any(void **unused) {
    ss_link_hello_t in = {
        .version = SS_LINK_VERSION, .role = SS_LINK_ROLE_WORKER, .flags = SS_LINK_HELLO_RATE};
    ss_link_hello_t out;
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_hello(&w, &in);
    assert_int_equal(ss_written(&w), 27);
    assert_true(ss_link_decode_hello(payload, 27, &out));
    assert_int_equal(out.flags, SS_LINK_HELLO_RATE);
    assert_true(ss_link_decode_hello(payload, 26, &out));
    assert_int_equal(out.flags, 0);
    for (unsigned flags = 0; flags < 256; flags++) {
        payload[26] = (uint8_t)flags;
        assert_int_equal(decode_hello(payload, 27), flags == SS_LINK_HELLO_RATE);
    }
    payload[26] = SS_LINK_HELLO_RATE;
    assert_false(decode_hello(payload, 28));
}

static void tells_the_version_of_any_hello(void **unused) {
    static const uint16_t versions[] = {0, SS_LINK_VERSION + 1, 0x1234, UINT16_MAX};
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        uint8_t bytes[40];
        memset(bytes, 0xEE, sizeof bytes);
        bytes[0] = (uint8_t)versions[i];
        bytes[1] = (uint8_t)(versions[i] >> 8);
        for (size_t len = 2; len <= sizeof bytes; len++) {
            ss_link_hello_t out;
            assert_true(ss_link_decode_hello(guard_end(bytes, len), len, &out));
            assert_int_equal(out.version, versions[i]);
            assert_null(out.software.ptr);
        }
        assert_false(decode_hello(bytes, 1));
    }
    assert_false(decode_hello(NULL, 0));
}

static void refuses_roles_that_do_not_exist(void **unused) {
    for (unsigned role = 0; role < 6; role++) {
        ss_link_hello_t in = {.version = SS_LINK_VERSION, .role = (uint16_t)role};
        ss_writer_t w = ss_writer(payload, sizeof payload);
        ss_link_encode_hello(&w, &in);
        assert_int_equal(ss_written(&w), 26); /* the least the table allows */
        assert_int_equal(decode_hello(payload, 26),
                         role >= SS_LINK_ROLE_WORKER && role <= SS_LINK_ROLE_HOST);
    }
}

static void carries_open(void **unused) {
    ss_link_pairs_t pairs;
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_open(&w, SS_LINK_OPEN_SYSTEM, SPAN("/socketstream?a=1"), SPAN("::1"), &pairs);
    add_headers(&pairs);
    assert_false(w.failed);
    size_t len = ss_written(&w);
    check_lengths(decode_open, len, false);

    ss_link_open_t out;
    assert_true(ss_link_decode_open(payload, len, &out));
    assert_int_equal(out.flags, SS_LINK_OPEN_SYSTEM);
    assert_span(out.uri, "/socketstream?a=1");
    assert_span(out.address, "::1");
    assert_headers(out.n_headers, out.headers);
}

static void carries_accept(void **unused) {
    ss_link_pairs_t pairs;
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_accept(&w, SPAN("state\1"), &pairs);
    add_headers(&pairs);
    assert_false(w.failed);
    size_t len = ss_written(&w);
    check_lengths(decode_accept, len, false);

    ss_link_accept_t out;
    assert_true(ss_link_decode_accept(payload, len, &out));
    assert_span(out.state, "state\1");
    assert_headers(out.n_headers, out.headers);
}

static void carries_response_and_reject(void **unused) {
    ss_link_pairs_t pairs;
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_response(&w, 429, &pairs);
    add_headers(&pairs);
    size_t len = ss_written(&w);
    check_lengths(decode_response, len, true);
    ss_write_bytes(&w, "\1\0n\1\0v", 6); /* a body that looks like a header */
    assert_false(w.failed);

    ss_link_response_t out;
    assert_true(ss_link_decode_response(payload, len + 6, &out));
    assert_int_equal(out.status, 429);
    assert_headers(out.n_headers, out.headers);
    assert_int_equal(out.body.len, 6);
    assert_ptr_equal(out.body.ptr, payload + len);
    assert_true(ss_link_decode_response(payload, len, &out));
    assert_span(out.body, "");
}

static void carries_request(void **unused) {
    ss_link_pairs_t pairs;
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_request(&w, SS_LINK_OPEN_TLS, SPAN("GET"), SPAN("app/square"), SPAN("25"),
                           SPAN("127.0.0.1"), &pairs);
    add_headers(&pairs);
    size_t len = ss_written(&w);
    check_lengths(decode_request, len, true);
    ss_write_bytes(&w, "[25]", 4);
    assert_false(w.failed);

    ss_link_request_t out;
    assert_true(ss_link_decode_request(payload, len + 4, &out));
    assert_int_equal(out.flags, SS_LINK_OPEN_TLS);
    assert_span(out.method, "GET");
    assert_span(out.path, "app/square");
    assert_span(out.args, "25");
    assert_span(out.address, "127.0.0.1");
    assert_headers(out.n_headers, out.headers);
    assert_span(out.body, "[25]");
}

static void carries_call(void **unused) {
    static const uint8_t expected[] = {1, 3, 0, 'a', '.', 'b', 2, 0, 0, 0, '{', '}'};
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_call(&w, SS_LINK_CALL_SILENT, SPAN("a.b"), SPAN("{}"));
    assert_int_equal(ss_written(&w), sizeof expected);
    assert_memory_equal(payload, expected, sizeof expected);
    check_lengths(decode_call, sizeof expected, true);
    ss_write_bytes(&w, "[25]", 4);
    assert_false(w.failed);

    ss_link_call_t out;
    assert_true(ss_link_decode_call(payload, ss_written(&w), &out));
    assert_int_equal(out.flags, SS_LINK_CALL_SILENT);
    assert_span(out.action, "a.b");
    assert_span(out.facts, "{}");
    assert_span(out.params, "[25]");
}

static void carries_ask(void **unused) {
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_ask(&w, SPAN("call"), SPAN("{\"method\":\"a.b\"}"));
    size_t len = ss_written(&w);
    check_lengths(decode_ask, len, true);
    ss_write_bytes(&w, "[25]", 4);
    assert_false(w.failed);

    ss_link_ask_t out;
    assert_true(ss_link_decode_ask(payload, len + 4, &out));
    assert_span(out.what, "call");
    assert_span(out.args, "{\"method\":\"a.b\"}");
    assert_span(out.body, "[25]");

    static const uint8_t beyond[] = {0, 0, 0xFF, 0xFF, 0xFF, 0xFF, '{', '}'};
    assert_false(decode_ask(guard_end(beyond, sizeof beyond), sizeof beyond));
}

static void carries_answer(void **unused) {
    ss_link_answer_t out;
    assert_true(ss_link_decode_answer("\1[1]", 4, &out));
    assert_true(out.ok);
    assert_span(out.json, "[1]");
    assert_true(ss_link_decode_answer("\0{}", 3, &out));
    assert_false(out.ok);
    payload[0] = 1;
    check_lengths(decode_answer, 1, true);
    for (unsigned ok = 2; ok < 256; ok++) {
        payload[0] = (uint8_t)ok;
        assert_false(decode_answer(payload, 1));
    }
}

static void carries_empty_payloads_of_the_least_length(void **unused) {
    ss_link_pairs_t pairs;
    ss_span_t none = {NULL, 0};
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_open(&w, 0, none, none, &pairs);
    assert_int_equal(ss_written(&w), 6);
    check_lengths(decode_open, 6, false);
    w = ss_writer(payload, sizeof payload);
    ss_link_encode_accept(&w, none, &pairs);
    assert_int_equal(ss_written(&w), 3);
    check_lengths(decode_accept, 3, false);
    w = ss_writer(payload, sizeof payload);
    ss_link_encode_response(&w, 200, &pairs);
    assert_int_equal(ss_written(&w), 3);
    check_lengths(decode_response, 3, true);
    assert_false(w.failed);
}

static void holds_headers_to_their_number(void **unused) {
    ss_link_pairs_t pairs;
    ss_writer_t w = ss_writer(payload, sizeof payload);
    ss_link_encode_accept(&w, SPAN(""), &pairs);
    for (unsigned i = 0; i < SS_LINK_HEADERS_MAX; i++) {
        ss_link_add_pair(&pairs, SPAN("n"), SPAN("v"));
    }
    assert_false(w.failed);
    size_t len = ss_written(&w);
    ss_link_accept_t out;
    assert_true(ss_link_decode_accept(payload, len, &out));
    assert_int_equal(out.n_headers, SS_LINK_HEADERS_MAX);
    unsigned seen = 0;
    for (ss_link_pair_t pair; ss_link_next_pair(&out.headers, &pair); seen++) {
        assert_span(pair.value, "v");
    }
    assert_int_equal(seen, SS_LINK_HEADERS_MAX);

    ss_link_add_pair(&pairs, SPAN("n"), SPAN("v"));
    assert_true(w.failed);

    memcpy(payload + len, payload + len - 6, 6); /* the pair that the encoder refused */
    payload[2] = SS_LINK_HEADERS_MAX + 1;
    assert_false(decode_accept(payload, len + 6));
}

static void holds_the_state_to_its_length(void **unused) {
    static const char state[SS_LINK_STATE_MAX + 1];
    for (size_t n = SS_LINK_STATE_MAX; n <= SS_LINK_STATE_MAX + 1; n++) {
        ss_link_pairs_t pairs;
        ss_writer_t w = ss_writer(payload, sizeof payload);
        ss_link_encode_accept(&w, (ss_span_t){state, n}, &pairs);
        assert_int_equal(w.failed, n > SS_LINK_STATE_MAX);
        w = ss_writer(payload, sizeof payload);
        ss_write_str16(&w, state, n);
        ss_write_u8(&w, 0);
        assert_int_equal(decode_accept(payload, ss_written(&w)), n <= SS_LINK_STATE_MAX);
    }
}

static void holds_statuses_to_their_range(void **unused) {
    static const uint16_t statuses[] = {0, 99, 100, 200, 599, 600, UINT16_MAX};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        ss_link_pairs_t pairs;
        ss_writer_t w = ss_writer(payload, sizeof payload);
        ss_link_encode_response(&w, statuses[i], &pairs);
        assert_int_equal(decode_response(payload, ss_written(&w)),
                         statuses[i] >= 100 && statuses[i] <= 599);
    }
}

static void fails_the_writer_that_is_too_small(void **unused) {
    for (size_t cap = 0; cap < 40; cap++) {
        ss_link_pairs_t pairs;
        uint8_t *out = guard_end(payload, cap);
        ss_writer_t w = ss_writer(out, cap);
        ss_link_encode_open(&w, 0, SPAN("/uri"), SPAN("addr"), &pairs); /* 14 bytes */
        ss_link_add_pair(&pairs, SPAN("name"), SPAN("value"));          /* 13 more */
        assert_int_equal(w.failed, cap < 27);
    }
}

/* --- the cursor below it all */

static void reads_nothing_past_the_end(void **unused) {
    const uint8_t *bytes = guard_end("\1\2\3", 3);
    ss_reader_t r = ss_reader(bytes, 3);
    assert_int_equal(ss_read_u16(&r), 0x0201);
    assert_int_equal(ss_read_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(ss_read_u8(&r), 0); /* one is left, but the reader has failed */
    assert_null(ss_read_bytes(&r, 0));
    r = ss_reader(bytes, 3);
    assert_null(ss_read_bytes(&r, SIZE_MAX));
    r = ss_reader(bytes, 3);
    assert_null(ss_read_str16(&r).ptr); /* it says 513 bytes */
    assert_true(r.failed);
    r = ss_reader(bytes, 3);
    assert_ptr_equal(ss_read_bytes(&r, 3), bytes);
    assert_non_null(ss_read_bytes(&r, 0));
    assert_false(r.failed);
    r = ss_reader(NULL, 0);
    assert_int_equal(ss_read_u64(&r), 0);
    assert_true(r.failed);
}

static void writes_nothing_past_the_end(void **unused) {
    uint8_t *out = guard_end("###", 3);
    ss_writer_t w = ss_writer(out, 3);
    ss_write_u16(&w, 0x0201);
    ss_write_u16(&w, 0xFFFF);
    assert_true(w.failed);
    ss_write_u8(&w, 9); /* it would fit, but the writer has failed */
    assert_int_equal(ss_written(&w), 2);
    assert_memory_equal(out, "\1\2#", 3);
}

static void holds_strings_to_16_bits_of_length(void **unused) {
    static uint8_t out[UINT16_MAX + 3];
    static const char text[UINT16_MAX + 1];
    ss_writer_t w = ss_writer(out, sizeof out);
    ss_write_str16(&w, text, UINT16_MAX);
    assert_false(w.failed);
    ss_reader_t r = ss_reader(out, ss_written(&w));
    assert_int_equal(ss_read_str16(&r).len, UINT16_MAX);
    assert_false(r.failed);
    w = ss_writer(out, sizeof out);
    ss_write_str16(&w, text, UINT16_MAX + 1);
    assert_true(w.failed);
}

static void carries_deliver(void **unused) {
    uint8_t out[64];
    ss_link_deliver_t d;
    ss_writer_t w = ss_writer(out, sizeof out);
    ss_link_encode_deliver(&w, 7, UINT64_C(1) << 40, (ss_span_t){"secret", 6});
    ss_write_bytes(&w, "body", 4);
    assert_false(w.failed);
    size_t len = ss_written(&w);
    assert_true(ss_link_decode_deliver(guard_end(out, len), len, &d));
    assert_int_equal(d.number, 7);
    assert_int_equal(d.seq, UINT64_C(1) << 40);
    assert_int_equal(d.secret.len, 6);
    assert_memory_equal(d.secret.ptr, "secret", 6);
    assert_int_equal(d.body.len, 4);
    assert_memory_equal(d.body.ptr, "body", 4);
    for (size_t cut = 0; cut < len - 4; cut++) {
        assert_false(ss_link_decode_deliver(guard_end(out, cut), cut, &d));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("writes headers little-endian", writes_headers_little_endian),
        TEST("carries a handle as one number", carries_a_handle_as_one_number),
        TEST("waits for the whole header", waits_for_the_whole_header),
        TEST("holds every operation to its lengths", holds_every_operation_to_its_lengths),
        TEST("holds every operation to its direction", holds_every_operation_to_its_direction),
        TEST("holds every operation to its flags", holds_every_operation_to_its_flags),
        TEST("refuses reserved bits", refuses_reserved_bits),
        TEST("refuses a client or call where there is none",
             refuses_a_client_or_call_where_there_is_none),
        TEST("refuses every unknown operation", refuses_every_unknown_operation),
        TEST("names every error", names_every_error),
        TEST("carries HELLO", carries_hello),
        TEST("carries the flags of a HELLO that has any",
             carries_the_flags_of_a_hello_that_has_any),
        TEST("tells the version of any HELLO", tells_the_version_of_any_hello),
        TEST("refuses roles that do not exist", refuses_roles_that_do_not_exist),
        TEST("carries OPEN", carries_open),
        TEST("carries ACCEPT", carries_accept),
        TEST("carries RESPONSE and REJECT", carries_response_and_reject),
        TEST("carries REQUEST", carries_request),
        TEST("carries CALL", carries_call),
        TEST("carries ASK", carries_ask),
        TEST("carries ANSWER", carries_answer),
        TEST("carries DELIVER", carries_deliver),
        TEST("carries empty payloads of the least length",
             carries_empty_payloads_of_the_least_length),
        TEST("holds headers to their number", holds_headers_to_their_number),
        TEST("holds the state to its length", holds_the_state_to_its_length),
        TEST("holds statuses to their range", holds_statuses_to_their_range),
        TEST("fails the writer that is too small", fails_the_writer_that_is_too_small),
        TEST("reads nothing past the end", reads_nothing_past_the_end),
        TEST("writes nothing past the end", writes_nothing_past_the_end),
        TEST("holds strings to 16 bits of length", holds_strings_to_16_bits_of_length),
    };
    return cmocka_run_group_tests_name("shared/ss_link", tests, NULL, NULL);
}
