/* SPDX-License-Identifier: MIT
 *
 * What an Authorization header says: see api_auth.h.
 */
#include "api_auth.h"

#include <strings.h>

#include "ss_utf8.h"

static int digit(char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* RFC 4648 section 4, with its padding.  Gives the bytes written; -1: it is none. */
static int decode(char *out, ss_span_t text) {
    int n = 0;
    unsigned bits = 0;
    size_t pad = 0;
    if (text.len == 0 || text.len % 4 != 0 || text.len > SS_API_CREDENTIALS_MAX) {
        return -1;
    }
    while (pad < 2 && text.ptr[text.len - 1 - pad] == '=') {
        pad++;
    }
    for (size_t i = 0; i < text.len - pad; i++) {
        int value = digit(text.ptr[i]);
        if (value < 0) {
            return -1;
        }
        bits = bits << 6 | (unsigned)value;
        if (i % 4 != 0) {
            out[n++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    return n;
}

/* RFC 7617 section 2: neither may hold control characters. */
static bool readable(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return false;
        }
    }
    return ss_utf8_valid(text, len);
}

ss_api_credentials_e ss_api_credentials_read(ss_api_credentials_t *out, ss_span_t value) {
    static const char scheme[] = "basic";
    size_t len = sizeof scheme - 1;
    if (value.ptr == NULL || value.len < len || strncasecmp(value.ptr, scheme, len) != 0 ||
        (value.len > len && value.ptr[len] != ' ')) {
        return SS_API_CREDENTIALS_NONE;
    }
    while (len < value.len && value.ptr[len] == ' ') {
        len++;
    }
    int n = decode(out->text, (ss_span_t){value.ptr + len, value.len - len});
    if (n < 0 || !readable(out->text, (size_t)n)) {
        return SS_API_CREDENTIALS_BAD;
    }
    out->text[n] = '\0';
    char *colon = strchr(out->text, ':');
    if (colon == NULL) {
        return SS_API_CREDENTIALS_BAD;
    }
    *colon = '\0';
    out->password = colon + 1;
    return SS_API_CREDENTIALS_GOOD;
}
