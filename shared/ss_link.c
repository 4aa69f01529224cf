/* SPDX-License-Identifier: MIT
 *
 * The link's frame header and payload codecs, straight from the table in ss_link.h.
 *
 * Owns the checks that one frame allows; what needs two frames to see (chunks in order, calls
 * answered once) is left to the programs.  Invariant: a decode that gives true has seen every
 * byte of the payload, so that what is built on its spans never reads past it.
 */
#include "ss_link.h"

#include "ss_sse.h"

_Static_assert(SS_STREAM_NODE_MAX == 64, "NODE's limit is that of the name in a secret");

typedef struct {
    const char *name; /* NULL: no such operation */
    uint32_t min;
    uint32_t max;
    uint8_t direction;
    bool chunked;
    bool of_client;
} rule_t;

static const rule_t rules[] = {
#define X(value, name, direction, min, max, chunked, client)                                       \
    [(value)] = {#name, (min), (max), (direction), (chunked), (client)},
    SS_LINK_OPS(X)
#undef X
};

static const rule_t *find_rule(uint8_t op) {
    if (op >= sizeof rules / sizeof rules[0] || rules[op].name == NULL) {
        return NULL;
    }
    return &rules[op];
}

static uint8_t allowed_flags(uint8_t op, const rule_t *rule) {
    unsigned flags = rule->chunked ? SS_LINK_MORE : 0;
    if (op == SS_LINK_MESSAGE || op == SS_LINK_SEND) {
        flags |= SS_LINK_BINARY;
    }
    return (uint8_t)flags;
}

static bool has_call(uint8_t op) {
    return op == SS_LINK_MESSAGE || op == SS_LINK_REPLY || op == SS_LINK_ASK ||
           op == SS_LINK_ANSWER;
}

ss_link_rc_t ss_link_decode_header(const uint8_t *data, size_t len, ss_link_direction_t towards,
                                   ss_link_header_t *out) {
    if (len < SS_LINK_HEADER) {
        return SS_LINK_AGAIN;
    }
    ss_reader_t r = ss_reader(data, SS_LINK_HEADER);
    out->length = ss_read_u32(&r);
    out->op = ss_read_u8(&r);
    out->flags = ss_read_u8(&r);
    uint16_t reserved = ss_read_u16(&r);
    out->slot = ss_read_u32(&r);
    out->generation = ss_read_u32(&r);
    out->call = ss_read_u32(&r);

    const rule_t *rule = find_rule(out->op);
    if (rule == NULL) {
        return SS_LINK_BAD_OP;
    }
    if ((rule->direction & towards) == 0) {
        return SS_LINK_BAD_DIRECTION;
    }
    if (out->length < rule->min || out->length > rule->max) {
        return SS_LINK_BAD_LENGTH;
    }
    if (reserved != 0 || (out->flags & ~allowed_flags(out->op, rule)) != 0) {
        return SS_LINK_BAD_FLAGS;
    }
    if (!rule->of_client && (out->slot | out->generation) != 0) {
        return SS_LINK_BAD_SLOT;
    }
    return out->call != 0 && !has_call(out->op) ? SS_LINK_BAD_SLOT : SS_LINK_OK;
}

void ss_link_encode_header(uint8_t out[SS_LINK_HEADER], const ss_link_header_t *h) {
    ss_writer_t w = ss_writer(out, SS_LINK_HEADER);
    ss_write_u32(&w, h->length);
    ss_write_u8(&w, h->op);
    ss_write_u8(&w, h->flags);
    ss_write_u16(&w, 0);
    ss_write_u32(&w, h->slot);
    ss_write_u32(&w, h->generation);
    ss_write_u32(&w, h->call);
}

const char *ss_link_op_name(uint8_t op) {
    const rule_t *rule = find_rule(op);
    return rule == NULL ? "UNKNOWN" : rule->name;
}

const char *ss_link_strerror(ss_link_rc_t rc) {
    switch (rc) {
    case SS_LINK_OK:
        return "no error";
    case SS_LINK_AGAIN:
        return "incomplete header";
    case SS_LINK_BAD_OP:
        return "unknown operation";
    case SS_LINK_BAD_DIRECTION:
        return "operation from the wrong side";
    case SS_LINK_BAD_LENGTH:
        return "length outside the operation's limits";
    case SS_LINK_BAD_FLAGS:
        return "flags the operation does not have";
    case SS_LINK_BAD_SLOT:
        return "slot or call where the operation has none";
    }
    return "unknown error";
}

/* True when the payload was there to its last byte and no further. */
static bool read_all(const ss_reader_t *r) { return !r->failed && ss_read_left(r) == 0; }

void ss_link_encode_hello(ss_writer_t *w, const ss_link_hello_t *hello) {
    ss_write_u16(w, hello->version);
    ss_write_u16(w, hello->role);
    ss_write_u32(w, hello->pid);
    ss_write_u64(w, hello->generation);
    ss_write_u32(w, hello->timeout_ms);
    ss_write_u32(w, hello->max_message);
    ss_write_str16(w, hello->software.ptr, hello->software.len);
    if (hello->flags != 0) {
        ss_write_u8(w, hello->flags);
    }
}

bool ss_link_decode_hello(const void *payload, size_t len, ss_link_hello_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    memset(out, 0, sizeof *out);
    out->version = ss_read_u16(&r);
    if (r.failed) {
        return false;
    }
    if (out->version != SS_LINK_VERSION) {
        return true; /* nothing behind the version is known, but the mismatch can be told */
    }
    out->role = ss_read_u16(&r);
    out->pid = ss_read_u32(&r);
    out->generation = ss_read_u64(&r);
    out->timeout_ms = ss_read_u32(&r);
    out->max_message = ss_read_u32(&r);
    out->software = ss_read_str16(&r);
    if (!r.failed && ss_read_left(&r) != 0) {
        out->flags = ss_read_u8(&r);
        if (out->flags != SS_LINK_HELLO_RATE) {
            return false;
        }
    }
    return read_all(&r) && out->role >= SS_LINK_ROLE_WORKER && out->role <= SS_LINK_ROLE_HOST;
}

static void begin_pairs(ss_writer_t *w, ss_link_pairs_t *pairs) {
    pairs->w = w;
    pairs->count = ss_write_space(w, 1);
    if (pairs->count != NULL) {
        *pairs->count = 0;
    }
}

void ss_link_add_pair(ss_link_pairs_t *pairs, ss_span_t name, ss_span_t value) {
    if (pairs->count == NULL || *pairs->count == SS_LINK_HEADERS_MAX) {
        pairs->w->failed = true;
        return;
    }
    ++*pairs->count;
    ss_write_str16(pairs->w, name.ptr, name.len);
    ss_write_str16(pairs->w, value.ptr, value.len);
}

bool ss_link_next_pair(ss_reader_t *pairs, ss_link_pair_t *out) {
    if (ss_read_left(pairs) == 0) {
        return false;
    }
    out->name = ss_read_str16(pairs);
    out->value = ss_read_str16(pairs);
    return !pairs->failed;
}

/* Walks over a list of pairs; `list` becomes a reader of these alone. */
static unsigned read_pairs(ss_reader_t *r, ss_reader_t *list) {
    unsigned count = ss_read_u8(r);
    if (count > SS_LINK_HEADERS_MAX) {
        r->failed = true;
    }
    *list = *r;
    for (unsigned i = 0; i < 2 * count; i++) {
        ss_read_str16(r);
    }
    list->end = r->pos;
    list->failed = r->failed;
    return count;
}

/* The rest of the payload; it may be empty. */
static ss_span_t read_rest(ss_reader_t *r) {
    size_t len = ss_read_left(r);
    return (ss_span_t){(const char *)ss_read_bytes(r, len), len};
}

void ss_link_encode_open(ss_writer_t *w, uint8_t flags, ss_span_t uri, ss_span_t address,
                         ss_link_pairs_t *pairs) {
    ss_write_u8(w, flags);
    ss_write_str16(w, uri.ptr, uri.len);
    ss_write_str16(w, address.ptr, address.len);
    begin_pairs(w, pairs);
}

bool ss_link_decode_open(const void *payload, size_t len, ss_link_open_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->flags = ss_read_u8(&r);
    out->uri = ss_read_str16(&r);
    out->address = ss_read_str16(&r);
    out->n_headers = read_pairs(&r, &out->headers);
    return read_all(&r);
}

void ss_link_encode_accept(ss_writer_t *w, ss_span_t state, ss_link_pairs_t *pairs) {
    if (state.len > SS_LINK_STATE_MAX) {
        w->failed = true;
    }
    ss_write_str16(w, state.ptr, state.len);
    begin_pairs(w, pairs);
}

bool ss_link_decode_accept(const void *payload, size_t len, ss_link_accept_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->state = ss_read_str16(&r);
    out->n_headers = read_pairs(&r, &out->headers);
    return read_all(&r) && out->state.len <= SS_LINK_STATE_MAX;
}

void ss_link_encode_response(ss_writer_t *w, uint16_t status, ss_link_pairs_t *pairs) {
    ss_write_u16(w, status);
    begin_pairs(w, pairs);
}

bool ss_link_decode_response(const void *payload, size_t len, ss_link_response_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->status = ss_read_u16(&r);
    out->n_headers = read_pairs(&r, &out->headers);
    out->body = read_rest(&r);
    return read_all(&r) && out->status >= 100 && out->status <= 599;
}

void ss_link_encode_request(ss_writer_t *w, uint8_t flags, ss_span_t method, ss_span_t path,
                            ss_span_t args, ss_span_t address, ss_link_pairs_t *pairs) {
    ss_write_u8(w, flags);
    ss_write_str16(w, method.ptr, method.len);
    ss_write_str16(w, path.ptr, path.len);
    ss_write_str16(w, args.ptr, args.len);
    ss_write_str16(w, address.ptr, address.len);
    begin_pairs(w, pairs);
}

bool ss_link_decode_request(const void *payload, size_t len, ss_link_request_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->flags = ss_read_u8(&r);
    out->method = ss_read_str16(&r);
    out->path = ss_read_str16(&r);
    out->args = ss_read_str16(&r);
    out->address = ss_read_str16(&r);
    out->n_headers = read_pairs(&r, &out->headers);
    out->body = read_rest(&r);
    return read_all(&r);
}

void ss_link_encode_publish(ss_writer_t *w, uint8_t flags, ss_link_pairs_t *pairs) {
    ss_write_u8(w, flags);
    begin_pairs(w, pairs);
}

bool ss_link_decode_publish(const void *payload, size_t len, ss_link_publish_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->flags = ss_read_u8(&r);
    out->n_topics = read_pairs(&r, &out->topics);
    out->body = read_rest(&r);
    if (!read_all(&r) || (out->n_topics != 0 && (out->flags & SS_LINK_PUBLISH_ALL) != 0)) {
        return false;
    }
    ss_link_pair_t pair;
    for (ss_reader_t topics = out->topics; ss_link_next_pair(&topics, &pair);) {
        if (pair.name.len == 0 || pair.name.len > SS_LINK_TOPIC_MAX) {
            return false;
        }
    }
    return true;
}

/* A text with a 32-bit length before it. */
static void write_str32(ss_writer_t *w, ss_span_t text) {
    if (text.len > UINT32_MAX) {
        w->failed = true;
        return;
    }
    ss_write_u32(w, (uint32_t)text.len);
    ss_write_bytes(w, text.ptr, text.len);
}

static ss_span_t read_str32(ss_reader_t *r) {
    size_t len = ss_read_u32(r);
    return (ss_span_t){(const char *)ss_read_bytes(r, len), len};
}

void ss_link_encode_call(ss_writer_t *w, uint8_t flags, ss_span_t action, ss_span_t facts) {
    ss_write_u8(w, flags);
    ss_write_str16(w, action.ptr, action.len);
    write_str32(w, facts);
}

bool ss_link_decode_call(const void *payload, size_t len, ss_link_call_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->flags = ss_read_u8(&r);
    out->action = ss_read_str16(&r);
    out->facts = read_str32(&r);
    out->params = read_rest(&r);
    return read_all(&r);
}

void ss_link_encode_ask(ss_writer_t *w, ss_span_t what, ss_span_t args) {
    ss_write_str16(w, what.ptr, what.len);
    write_str32(w, args);
}

bool ss_link_decode_ask(const void *payload, size_t len, ss_link_ask_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->what = ss_read_str16(&r);
    out->args = read_str32(&r);
    out->body = read_rest(&r);
    return read_all(&r);
}

bool ss_link_decode_answer(const void *payload, size_t len, ss_link_answer_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    uint8_t ok = ss_read_u8(&r);
    out->ok = ok == 1;
    out->json = read_rest(&r);
    return read_all(&r) && ok <= 1;
}

void ss_link_encode_deliver(ss_writer_t *w, uint32_t number, uint64_t seq, ss_span_t secret) {
    ss_write_u32(w, number);
    ss_write_u64(w, seq);
    ss_write_str16(w, secret.ptr, secret.len);
}

bool ss_link_decode_deliver(const void *payload, size_t len, ss_link_deliver_t *out) {
    ss_reader_t r = ss_reader(payload, len);
    out->number = ss_read_u32(&r);
    out->seq = ss_read_u64(&r);
    out->secret = ss_read_str16(&r);
    out->body = read_rest(&r);
    return read_all(&r);
}
