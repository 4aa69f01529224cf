/* SPDX-License-Identifier: MIT
 *
 * The scan of a JSON-RPC envelope.  One pass over a single call checks its syntax and notes where
 * its members stand; ss_rpc_next() only hands out what ss_rpc_open() has found.  A batch is checked
 * and counted first, since it is refused whole, and its calls are read when they are asked for.
 *
 * Owns the envelope's rules; the grammar is ss_json.c's.
 */
#include "ss_jsonrpc.h"

#include "ss_errors.h"

/* The elements of a top-level array; `p` stands behind its bracket. */
static const char *check_batch(const char *p, const char *end, unsigned *count) {
    *count = 0;
    p = ss_json_skip_space(p, end);
    if (p != end && *p == ']') {
        return p + 1;
    }
    for (;;) {
        p = ss_json_check(p, end, SS_JSON_DEPTH_MAX - 1);
        if (p == NULL) {
            return NULL;
        }
        ++*count;
        p = ss_json_skip_space(p, end);
        if (p == end || (*p != ',' && *p != ']')) {
            return NULL;
        }
        if (*p++ == ']') {
            return p;
        }
    }
}

/* The members an envelope is made of; all others share the first place. */
typedef enum {
    MEMBER_OTHER,
    MEMBER_ID,
    MEMBER_JSONRPC,
    MEMBER_METHOD,
    MEMBER_PARAMS,
    MEMBER_RESULT,
    MEMBER_ERROR,
    MEMBER_SILENT,
    MEMBERS
} member_t;

/* Bytes of the longest member name, "jsonrpc", and what it may take when all of it is escaped. */
enum { WORD_MAX = 7, ESCAPED_WORD_MAX = WORD_MAX * SS_JSON_ESCAPE_LEN };

static inline bool is_word(const char *text, size_t len, const char *word, size_t word_len) {
    return len == word_len && memcmp(text, word, word_len) == 0;
}

static inline member_t find_plain_member(const char *name, size_t len) {
    switch (len) {
    case 2:
        return memcmp(name, "id", 2) == 0 ? MEMBER_ID : MEMBER_OTHER;
    case 5:
        return memcmp(name, "error", 5) == 0 ? MEMBER_ERROR : MEMBER_OTHER;
    case 6:
        return memcmp(name, "method", 6) == 0   ? MEMBER_METHOD
               : memcmp(name, "params", 6) == 0 ? MEMBER_PARAMS
               : memcmp(name, "result", 6) == 0 ? MEMBER_RESULT
               : memcmp(name, "silent", 6) == 0 ? MEMBER_SILENT
                                                : MEMBER_OTHER;
    case 7:
        return memcmp(name, "jsonrpc", 7) == 0 ? MEMBER_JSONRPC : MEMBER_OTHER;
    default:
        return MEMBER_OTHER;
    }
}

/* Unescapes the inside of a short string.  0: it holds no escape, or is too long for any word. */
static size_t unescape_word(char plain[ESCAPED_WORD_MAX], const char *inside, size_t len) {
    if (len > ESCAPED_WORD_MAX || memchr(inside, '\\', len) == NULL) {
        return 0;
    }
    return ss_json_unescape(plain, inside, len);
}

/* "\u0069d" is `id` too (RFC 8259, 8.3). */
static inline member_t find_member(const char *name, size_t len) {
    char plain[ESCAPED_WORD_MAX];
    member_t member = find_plain_member(name, len);
    if (member != MEMBER_OTHER) {
        return member;
    }
    return find_plain_member(plain, unescape_word(plain, name, len));
}

static bool is_version(ss_span_t value) {
    char plain[ESCAPED_WORD_MAX];
    if (value.ptr == NULL || value.ptr[0] != '"') {
        return false;
    }
    const char *inside = value.ptr + 1;
    size_t len = value.len - 2;
    return is_word(inside, len, "2.0", 3) ||
           is_word(plain, unescape_word(plain, inside, len), "2.0", 3);
}

static bool is_usable_id(ss_span_t value) {
    if (value.ptr == NULL || value.len > SS_RPC_ID_MAX) {
        return false;
    }
    char c = value.ptr[0];
    return c != '{' && c != '[' && c != 't' && c != 'f'; /* a string, a number or null */
}

/* Fills `call` from the values of an object's members. */
static void judge_call(const ss_span_t value[MEMBERS], ss_rpc_call_t *call) {
    ss_span_t id = value[MEMBER_ID];
    ss_span_t method = value[MEMBER_METHOD];
    ss_span_t params = value[MEMBER_PARAMS];

    if (is_usable_id(id)) {
        call->id = id;
    }
    if (method.ptr != NULL && method.ptr[0] == '"' && method.len > 2 &&
        method.len - 2 <= SS_RPC_METHOD_MAX) {
        call->method = (ss_span_t){method.ptr + 1, method.len - 2};
        call->method_escaped = memchr(call->method.ptr, '\\', call->method.len) != NULL;
    }
    if (params.ptr != NULL && (params.ptr[0] == '[' || params.ptr[0] == '{')) {
        call->params = params;
    }
    call->valid = is_version(value[MEMBER_JSONRPC]) && call->method.ptr != NULL &&
                  call->params.ptr == params.ptr && call->id.ptr == id.ptr;
    call->notification = call->valid && id.ptr == NULL;
    call->silent = value[MEMBER_SILENT].ptr != NULL && value[MEMBER_SILENT].ptr[0] == 't';
    call->response =
        method.ptr == NULL && (value[MEMBER_RESULT].ptr != NULL || value[MEMBER_ERROR].ptr != NULL);
}

/* Checks and reads the object whose brace is at `p`; gives the place behind it, or NULL when it is
 * malformed.  Its values may nest `depth_max` deep. */
static const char *read_call(const char *p, const char *end, unsigned depth_max,
                             ss_rpc_call_t *call) {
    ss_span_t value[MEMBERS] = {{NULL, 0}};

    memset(call, 0, sizeof *call);
    p = ss_json_skip_space(p + 1, end);
    if (p != end && *p == '}') {
        return p + 1;
    }
    for (;;) {
        if (p == end || *p != '"') {
            return NULL;
        }
        const char *name = p + 1;
        p = ss_json_check(p, end, 0);
        if (p == NULL) {
            return NULL;
        }
        member_t member = find_member(name, (size_t)(p - 1 - name));
        p = ss_json_skip_space(p, end);
        if (p == end || *p != ':') {
            return NULL;
        }
        const char *start = ss_json_skip_space(p + 1, end);
        p = ss_json_check(start, end, depth_max);
        if (p == NULL) {
            return NULL;
        }
        value[member] = (ss_span_t){start, (size_t)(p - start)};
        p = ss_json_skip_space(p, end);
        if (p == end || (*p != ',' && *p != '}')) {
            return NULL;
        }
        if (*p++ == '}') {
            judge_call(value, call);
            return p;
        }
        p = ss_json_skip_space(p, end);
    }
}

ss_rpc_kind_t ss_rpc_open(ss_rpc_scan_t *scan, const char *text, size_t len) {
    scan->count = 0;
    scan->left = 0;
    scan->batch = false;
    if (len == 0) {
        return SS_RPC_MALFORMED;
    }
    const char *end = text + len;
    const char *start = ss_json_skip_space(text, end);
    const char *p;
    unsigned count = 1;
    if (start == end) {
        return SS_RPC_MALFORMED;
    }
    switch (*start) {
    case '{':
        p = read_call(start, end, SS_JSON_DEPTH_MAX - 1, &scan->single);
        break;
    case '[':
        p = check_batch(start + 1, end, &count);
        break;
    default:
        p = ss_json_check(start, end, SS_JSON_DEPTH_MAX);
        count = 0;
        break;
    }
    if (p == NULL || ss_json_skip_space(p, end) != end) {
        return SS_RPC_MALFORMED;
    }
    if (count == 0 || count > SS_RPC_BATCH_MAX) {
        return SS_RPC_REFUSED;
    }
    scan->pos = start + 1;
    scan->end = end;
    scan->count = count;
    scan->left = count;
    scan->batch = *start == '[';
    return scan->batch ? SS_RPC_BATCH : SS_RPC_SINGLE;
}

bool ss_rpc_next(ss_rpc_scan_t *scan, ss_rpc_call_t *call) {
    memset(call, 0, sizeof *call);
    if (scan->left == 0) {
        return false;
    }
    scan->left--;
    if (!scan->batch) {
        *call = scan->single;
        return true;
    }
    /* Checked by ss_rpc_open(), so neither of the two fails here. */
    const char *p = ss_json_skip_space(scan->pos, scan->end);
    p = *p == '{' ? read_call(p, scan->end, SS_JSON_DEPTH_MAX - 2, call)
                  : ss_json_check(p, scan->end, SS_JSON_DEPTH_MAX - 1);
    scan->pos = ss_json_skip_space(p, scan->end) + 1; /* behind the comma, or the bracket */
    return true;
}

#define PUT(s, literal) ss_json_put((s), (literal), sizeof(literal) - 1)

static void put_int(ss_json_sink_t *s, int64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    ss_json_put(s, digits + at, sizeof digits - at);
}

/* `retry_after_ms` 0: it is not said. */
static size_t write_error(char *out, size_t cap, ss_span_t id, int code, uint32_t retry_after_ms) {
    const ss_rpc_error_t *error = ss_rpc_error(code);
    ss_json_sink_t s = {out, cap, 0};
    PUT(&s, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id.ptr == NULL) {
        PUT(&s, "null");
    } else {
        ss_json_put(&s, id.ptr, id.len);
    }
    PUT(&s, ",\"error\":{\"code\":");
    put_int(&s, code);
    PUT(&s, ",\"message\":\"");
    ss_json_put(&s, error->message, strlen(error->message));
    PUT(&s, "\"");
    if (error->retryable) {
        PUT(&s, ",\"data\":{\"retryable\":true");
        if (retry_after_ms != 0) {
            PUT(&s, ",\"retry_after_ms\":");
            put_int(&s, retry_after_ms);
        }
        PUT(&s, "}");
    }
    PUT(&s, "}}");
    return s.needed;
}

size_t ss_rpc_write_error(char *out, size_t cap, ss_span_t id, int code) {
    return write_error(out, cap, id, code, 0);
}

size_t ss_rpc_write_limited(char *out, size_t cap, ss_span_t id, uint32_t retry_after_ms) {
    return write_error(out, cap, id, SS_RPC_RATE_LIMITED, retry_after_ms);
}
