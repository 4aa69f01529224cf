/* SPDX-License-Identifier: MIT
 *
 * The scan of a JSON-RPC envelope, in two passes: ss_rpc_open() checks the syntax of the whole
 * text (RFC 8259) and counts the calls; ss_rpc_next() walks over text that is known to be right,
 * so it skips what it does not need without looking for an end or an error.
 *
 * Owns the grammar and the envelope's rules.  Nothing recurses: nesting is a counter and one
 * array of flags.  Invariant of the second pass: every value, string and container it meets ends
 * inside the text.
 */
#include "ss_jsonrpc.h"

#include "ss_errors.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline const char *skip_space(const char *p, const char *end) {
    while (p != end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The first byte that may not stand in a string as it is: a quote, a backslash or a control
 * character; `end` when there is none. */
static inline const char *find_special(const char *p, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; end - p >= 16; p += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_cmpeq_epi8(_mm_max_epu8(block, control), control);
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(block, quote));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(block, backslash));
        unsigned bits = (unsigned)_mm_movemask_epi8(hit);
        if (bits != 0) {
            return p + __builtin_ctz(bits);
        }
    }
#endif
    while (p != end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        p++;
    }
    return p;
}

/* The value of a hexadecimal digit, or 16. */
static unsigned hex_digit(char c) {
    if (is_digit(c)) {
        return (unsigned)(c - '0');
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* --- first pass: each check_… takes the place behind what was recognized, gives the place behind
 * what it checked, or NULL. */

static const char *check_escape(const char *p, const char *end) {
    if (p == end) {
        return NULL;
    }
    switch (*p++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p;
    case 'u':
        if (end - p < 4) {
            return NULL;
        }
        for (unsigned i = 0; i < 4; i++) {
            if (hex_digit(p[i]) > 15) {
                return NULL;
            }
        }
        return p + 4;
    default:
        return NULL;
    }
}

static inline const char *check_string(const char *p, const char *end) {
    for (;;) {
        p = find_special(p, end);
        if (p == end) {
            return NULL;
        }
        if (*p == '"') {
            return p + 1;
        }
        if (*p != '\\') {
            return NULL; /* a control character */
        }
        p = check_escape(p + 1, end);
        if (p == NULL) {
            return NULL;
        }
    }
}

/* One digit or more. */
static const char *check_digits(const char *p, const char *end) {
    if (p == end || !is_digit(*p)) {
        return NULL;
    }
    do {
        p++;
    } while (p != end && is_digit(*p));
    return p;
}

static const char *check_number(const char *p, const char *end) {
    if (p != end && *p == '-') {
        p++;
    }
    if (p != end && *p == '0') {
        p++; /* nothing but a fraction or an exponent may follow a leading zero */
    } else {
        p = check_digits(p, end);
    }
    if (p != NULL && p != end && *p == '.') {
        p = check_digits(p + 1, end);
    }
    if (p != NULL && p != end && (*p | 0x20) == 'e') {
        p++;
        if (p != end && (*p == '+' || *p == '-')) {
            p++;
        }
        p = check_digits(p, end);
    }
    return p;
}

static const char *check_word(const char *p, const char *end, const char *word, size_t len) {
    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

/* A value that is no container; `p` stands at its first byte. */
static inline const char *check_scalar(const char *p, const char *end) {
    switch (*p) {
    case '"':
        return check_string(p + 1, end);
    case 't':
        return check_word(p, end, "true", 4);
    case 'f':
        return check_word(p, end, "false", 5);
    case 'n':
        return check_word(p, end, "null", 4);
    default:
        return check_number(p, end);
    }
}

/* A member's name and its colon. */
static const char *check_name(const char *p, const char *end) {
    p = skip_space(p, end);
    if (p == end || *p != '"') {
        return NULL;
    }
    p = check_string(p + 1, end);
    if (p == NULL) {
        return NULL;
    }
    p = skip_space(p, end);
    return p == end || *p != ':' ? NULL : p + 1;
}

/* What is open around the present place. */
typedef struct {
    unsigned depth;
    unsigned depth_max;
    bool object[SS_JSON_DEPTH_MAX]; /* else an array */
} nesting_t;

/* Behind a value: closes what ends here, up to the comma after which the next value of an open
 * container stands.  With depth 0 the outermost value is complete. */
static inline const char *check_after(const char *p, const char *end, nesting_t *n) {
    while (n->depth != 0) {
        p = skip_space(p, end);
        if (p == end) {
            return NULL;
        }
        bool object = n->object[n->depth - 1];
        if (*p == ',') {
            return object ? check_name(p + 1, end) : p + 1;
        }
        if (*p != (object ? '}' : ']')) {
            return NULL;
        }
        p++;
        n->depth--;
    }
    return p;
}

/* Opens the container at `p`; gives the place of its first value, or of its closing bracket. */
static inline const char *check_open(const char *p, const char *end, nesting_t *n, bool *empty) {
    if (n->depth == n->depth_max) {
        return NULL;
    }
    bool object = *p == '{';
    n->object[n->depth++] = object;
    p = skip_space(p + 1, end);
    *empty = p != end && *p == (object ? '}' : ']');
    return object && !*empty ? check_name(p, end) : p;
}

/* One value of any kind, whitespace before it allowed. */
static const char *check_value(const char *p, const char *end, unsigned depth_max) {
    nesting_t n;
    n.depth = 0;
    n.depth_max = depth_max;
    do {
        p = skip_space(p, end);
        if (p == end) {
            return NULL;
        }
        if (*p == '{' || *p == '[') {
            bool empty;
            p = check_open(p, end, &n, &empty);
            if (p != NULL && !empty) {
                continue;
            }
        } else {
            p = check_scalar(p, end);
        }
        if (p != NULL) {
            p = check_after(p, end, &n);
        }
    } while (p != NULL && n.depth != 0);
    return p;
}

bool ss_json_valid(const char *text, size_t len) {
    if (len == 0) {
        return false;
    }
    const char *end = text + len;
    const char *p = check_value(text, end, SS_JSON_DEPTH_MAX);
    return p != NULL && skip_space(p, end) == end;
}

/* The elements of a top-level array; `p` stands behind its bracket. */
static const char *check_batch(const char *p, const char *end, unsigned *count) {
    *count = 0;
    p = skip_space(p, end);
    if (p != end && *p == ']') {
        return p + 1;
    }
    for (;;) {
        p = check_value(p, end, SS_JSON_DEPTH_MAX - 1);
        if (p == NULL) {
            return NULL;
        }
        ++*count;
        p = skip_space(p, end);
        if (p == end || (*p != ',' && *p != ']')) {
            return NULL;
        }
        if (*p++ == ']') {
            return p;
        }
    }
}

ss_rpc_kind_t ss_rpc_open(ss_rpc_scan_t *scan, const char *text, size_t len) {
    *scan = (ss_rpc_scan_t){NULL, NULL, 0, false};
    if (len == 0) {
        return SS_RPC_MALFORMED;
    }
    const char *end = text + len;
    const char *start = skip_space(text, end);
    bool batch = start != end && *start == '[';
    unsigned count = 1;
    const char *p =
        batch ? check_batch(start + 1, end, &count) : check_value(start, end, SS_JSON_DEPTH_MAX);
    if (p == NULL || skip_space(p, end) != end) {
        return SS_RPC_MALFORMED;
    }
    if (batch ? count == 0 || count > SS_RPC_BATCH_MAX : *start != '{') {
        return SS_RPC_REFUSED;
    }
    *scan = (ss_rpc_scan_t){batch ? start + 1 : start, end, count, batch};
    return batch ? SS_RPC_BATCH : SS_RPC_SINGLE;
}

/* --- second pass: the text is known to be right. */

/* Behind the string whose inside begins at `p`. */
static inline const char *skip_string(const char *p, const char *end) {
    for (;;) {
        p = find_special(p, end);
        if (*p == '"') {
            return p + 1;
        }
        p += 2; /* the rest of a \u escape is plain digits */
    }
}

static const char *skip_container(const char *p, const char *end) {
    unsigned depth = 0;
    do {
        switch (*p++) {
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        case '"':
            p = skip_string(p, end);
            break;
        default:
            break;
        }
    } while (depth != 0);
    return p;
}

static inline const char *skip_value(const char *p, const char *end) {
    if (*p == '"') {
        return skip_string(p + 1, end);
    }
    if (*p == '{' || *p == '[') {
        return skip_container(p, end);
    }
    while (p != end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ') {
        p++;
    }
    return p;
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
    MEMBERS
} member_t;

enum {
    WORD_MAX = 7,   /* bytes of the longest member name and of "2.0" */
    ESCAPE_LEN = 6, /* \u0000 */
};

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
                                                : MEMBER_OTHER;
    case 7:
        return memcmp(name, "jsonrpc", 7) == 0 ? MEMBER_JSONRPC : MEMBER_OTHER;
    default:
        return MEMBER_OTHER;
    }
}

/* Unescapes the inside of a short string.  0: it holds no escape, or is too long for any word. */
static size_t unescape_word(char plain[WORD_MAX * ESCAPE_LEN], const char *inside, size_t len) {
    if (len > WORD_MAX * ESCAPE_LEN || memchr(inside, '\\', len) == NULL) {
        return 0;
    }
    return ss_json_unescape(plain, inside, len);
}

/* "\u0069d" is `id` too (RFC 8259, 8.3). */
static inline member_t find_member(const char *name, size_t len) {
    char plain[WORD_MAX * ESCAPE_LEN];
    member_t member = find_plain_member(name, len);
    if (member != MEMBER_OTHER) {
        return member;
    }
    return find_plain_member(plain, unescape_word(plain, name, len));
}

static bool is_version(ss_span_t value) {
    char plain[WORD_MAX * ESCAPE_LEN];
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
    return c == '"' || c == '-' || c == 'n' || is_digit(c);
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
    call->response =
        method.ptr == NULL && (value[MEMBER_RESULT].ptr != NULL || value[MEMBER_ERROR].ptr != NULL);
}

/* Reads the object whose brace is at `p`; gives the place behind it. */
static const char *read_call(const char *p, const char *end, ss_rpc_call_t *call) {
    ss_span_t value[MEMBERS] = {{NULL, 0}};

    p = skip_space(p + 1, end);
    while (*p != '}') {
        const char *name = p + 1;
        p = skip_string(name, end);
        member_t member = find_member(name, (size_t)(p - 1 - name));
        p = skip_space(p, end);
        p = skip_space(p + 1, end); /* the colon */
        const char *start = p;
        p = skip_value(p, end);
        value[member] = (ss_span_t){start, (size_t)(p - start)};
        p = skip_space(p, end);
        if (*p == ',') {
            p = skip_space(p + 1, end);
        }
    }
    judge_call(value, call);
    return p + 1;
}

bool ss_rpc_next(ss_rpc_scan_t *scan, ss_rpc_call_t *call) {
    memset(call, 0, sizeof *call);
    const char *p = skip_space(scan->pos, scan->end);
    if (p == scan->end || *p == ']') {
        scan->pos = scan->end;
        return false;
    }
    p = *p == '{' ? read_call(p, scan->end, call) : skip_value(p, scan->end);
    p = skip_space(p, scan->end);
    scan->pos = p != scan->end && *p == ',' ? p + 1 : p;
    return true;
}

/* --- strings, in and out */

static unsigned read_hex4(const char *p) {
    return hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]);
}

static size_t write_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The code point of the \u escape at *p, both halves of a pair; moves *p behind it. */
static unsigned read_unicode(const char **p, const char *end) {
    unsigned code = read_hex4(*p + 2);
    *p += ESCAPE_LEN;
    if (code < 0xD800 || code > 0xDFFF) {
        return code;
    }
    if (code < 0xDC00 && end - *p >= ESCAPE_LEN && (*p)[0] == '\\' && (*p)[1] == 'u') {
        unsigned low = read_hex4(*p + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *p += ESCAPE_LEN;
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return 0xFFFD;
}

static char unescape_char(char c) {
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

size_t ss_json_unescape(char *out, const char *text, size_t len) {
    const char *p = text;
    size_t written = 0;
    size_t left = len;

    while (left != 0) {
        const char *slash = memchr(p, '\\', left);
        size_t plain = slash == NULL ? left : (size_t)(slash - p);
        memmove(out + written, p, plain);
        written += plain;
        p += plain;
        if (slash == NULL) {
            break;
        }
        if (p[1] == 'u') {
            written += write_utf8(out + written, read_unicode(&p, text + len));
        } else {
            out[written++] = unescape_char(p[1]);
            p += 2;
        }
        left = (size_t)(text + len - p);
    }
    return written;
}

/* Output that counts on past its end. */
typedef struct {
    char *out;
    size_t cap;
    size_t needed;
} sink_t;

static void put(sink_t *s, const char *text, size_t len) {
    if (len != 0 && s->needed < s->cap) {
        size_t room = s->cap - s->needed;
        memcpy(s->out + s->needed, text, len < room ? len : room);
    }
    s->needed += len;
}

#define PUT(s, literal) put((s), (literal), sizeof(literal) - 1)

static void put_escaped(sink_t *s, char c) {
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "btn\0fr"; /* of \b (8) to \r (13); \v has none */
    char unicode[ESCAPE_LEN] = {'\\', 'u', '0', '0', hex[c >> 4 & 1], hex[c & 15]};
    char brief[2] = {'\\', c};

    if (c >= '\b' && c <= '\r' && names[c - '\b'] != '\0') {
        brief[1] = names[c - '\b'];
        put(s, brief, sizeof brief);
    } else if (c == '"' || c == '\\') {
        put(s, brief, sizeof brief);
    } else {
        put(s, unicode, sizeof unicode);
    }
}

size_t ss_json_escape(char *out, size_t cap, const char *text, size_t len) {
    sink_t s = {out, cap, 0};
    if (len == 0) {
        return 0;
    }
    const char *p = text;
    const char *end = text + len;
    for (;;) {
        const char *special = find_special(p, end);
        put(&s, p, (size_t)(special - p));
        if (special == end) {
            return s.needed;
        }
        put_escaped(&s, *special);
        p = special + 1;
    }
}

static void put_int(sink_t *s, int value) {
    char digits[12];
    size_t at = sizeof digits;
    unsigned rest = value < 0 ? 0u - (unsigned)value : (unsigned)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    put(s, digits + at, sizeof digits - at);
}

size_t ss_rpc_write_error(char *out, size_t cap, ss_span_t id, int code) {
    const ss_rpc_error_t *error = ss_rpc_error(code);
    sink_t s = {out, cap, 0};
    PUT(&s, "{\"jsonrpc\":\"2.0\",\"id\":");
    if (id.ptr == NULL) {
        PUT(&s, "null");
    } else {
        put(&s, id.ptr, id.len);
    }
    PUT(&s, ",\"error\":{\"code\":");
    put_int(&s, code);
    PUT(&s, ",\"message\":\"");
    put(&s, error->message, strlen(error->message));
    PUT(&s, "\"");
    if (error->retryable) {
        PUT(&s, ",\"data\":{\"retryable\":true}");
    }
    PUT(&s, "}}");
    return s.needed;
}
