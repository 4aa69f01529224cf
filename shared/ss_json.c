/* SPDX-License-Identifier: MIT
 *
 * The grammar of RFC 8259, and strings in and out of it.
 *
 * Owns the rules.  Nothing recurses: nesting is a counter and one array of flags.
 */
#include "ss_json.h"

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The value of a hexadecimal digit, or 16. */
static unsigned hex_digit(char c) {
    if (is_digit(c)) {
        return (unsigned)(c - '0');
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* --- grammar: each check_… takes the place behind what was recognized and gives the place behind
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
        p = ss_json_find_special(p, end);
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
    p = ss_json_skip_space(p, end);
    if (p == end || *p != '"') {
        return NULL;
    }
    p = check_string(p + 1, end);
    if (p == NULL) {
        return NULL;
    }
    p = ss_json_skip_space(p, end);
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
        p = ss_json_skip_space(p, end);
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
    p = ss_json_skip_space(p + 1, end);
    *empty = p != end && *p == (object ? '}' : ']');
    return object && !*empty ? check_name(p, end) : p;
}

const char *ss_json_check(const char *p, const char *end, unsigned depth_max) {
    nesting_t n;
    n.depth = 0;
    n.depth_max = depth_max;
    do {
        p = ss_json_skip_space(p, end);
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
    const char *p = ss_json_check(text, end, SS_JSON_DEPTH_MAX);
    return p != NULL && ss_json_skip_space(p, end) == end;
}

/* --- strings */

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
    *p += SS_JSON_ESCAPE_LEN;
    if (code < 0xD800 || code > 0xDFFF) {
        return code;
    }
    if (code < 0xDC00 && end - *p >= SS_JSON_ESCAPE_LEN && (*p)[0] == '\\' && (*p)[1] == 'u') {
        unsigned low = read_hex4(*p + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *p += SS_JSON_ESCAPE_LEN;
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

static void put_escaped(ss_json_sink_t *s, char c) {
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "btn\0fr"; /* of \b (8) to \r (13); \v has none */
    char unicode[SS_JSON_ESCAPE_LEN] = {'\\', 'u', '0', '0', hex[c >> 4 & 1], hex[c & 15]};
    char brief[2] = {'\\', c};

    if (c >= '\b' && c <= '\r' && names[c - '\b'] != '\0') {
        brief[1] = names[c - '\b'];
        ss_json_put(s, brief, sizeof brief);
    } else if (c == '"' || c == '\\') {
        ss_json_put(s, brief, sizeof brief);
    } else {
        ss_json_put(s, unicode, sizeof unicode);
    }
}

size_t ss_json_escape(char *out, size_t cap, const char *text, size_t len) {
    ss_json_sink_t s = {out, cap, 0};
    if (len == 0) {
        return 0;
    }
    const char *p = text;
    const char *end = text + len;
    for (;;) {
        const char *special = ss_json_find_special(p, end);
        ss_json_put(&s, p, (size_t)(special - p));
        if (special == end) {
            return s.needed;
        }
        put_escaped(&s, *special);
        p = special + 1;
    }
}
