/* SPDX-License-Identifier: MIT
 *
 * See ss_sse.h.
 */
#include "ss_sse.h"

#include <stdio.h>

#include "ss_json.h"
#include "ss_utf8.h"

static const char data_field[] = "data: ";

/* Copies, and gives the place behind. */
static uint8_t *put(uint8_t *out, const void *data, size_t len) {
    if (len != 0) {
        memcpy(out, data, len);
    }
    return out + len;
}

static void blank(uint8_t *p, const uint8_t *end, int character) {
    while ((p = memchr(p, character, (size_t)(end - p))) != NULL) {
        *p++ = ' ';
    }
}

void ss_sse_data(uint8_t *out, const void *a, size_t a_len, const void *b, size_t b_len) {
    uint8_t *text = put(out, data_field, sizeof data_field - 1);
    uint8_t *end = put(put(text, a, a_len), b, b_len);
    blank(text, end, '\n');
    blank(text, end, '\r');
    put(end, "\n\n", 2);
}

void ss_sse_open(uint8_t *out, const void *secret, size_t len) {
    static const char before[] = "event: open\ndata: {\"secret\":\"";
    static const char behind[] = "\"}\n\n";
    _Static_assert(sizeof before - 1 + sizeof behind - 1 == SS_SSE_OPEN_EXTRA, "what is added");
    out = put(put(out, before, sizeof before - 1), secret, len);
    put(out, behind, sizeof behind - 1);
}

size_t ss_sse_close(uint8_t *out, uint16_t code, const void *reason, size_t len) {
    char escaped[SS_JSON_ESCAPE_LEN * SS_SSE_REASON_MAX] = "";
    size_t n = 0;
    if (len != 0 && len <= SS_SSE_REASON_MAX && ss_utf8_valid(reason, len)) {
        n = ss_json_escape(escaped, sizeof escaped, reason, len);
    }
    return (size_t)snprintf((char *)out, SS_SSE_CLOSE_MAX,
                            "event: close\ndata: {\"code\":%u,\"reason\":\"%.*s\"}\n\n", code,
                            (int)n, escaped);
}

/* --- the secret ------------------------------------------------------------------------------ */

size_t ss_stream_encode(char *out, const ss_stream_t *stream) {
    static const char digits[] = "0123456789abcdef";
    char text[SS_STREAM_TEXT_MAX + 1];
    int n =
        snprintf(text, sizeof text, "%.*s.%016llx.%08x.%08x.", (int)stream->node.len,
                 stream->node.len == 0 ? "" : stream->node.ptr, (unsigned long long)stream->worker,
                 (unsigned)stream->slot, (unsigned)stream->generation);
    size_t len = (size_t)n;
    memcpy(out, text, len);
    for (unsigned i = 0; i < SS_STREAM_KEY_LEN; i++) {
        out[len++] = digits[stream->key[i] >> 4];
        out[len++] = digits[stream->key[i] & 15];
    }
    return len;
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes a point and `digits` digits. */
static bool take_hex(const char **p, unsigned digits, uint64_t *out) {
    const char *at = *p;
    uint64_t value = 0;
    if (*at++ != '.') {
        return false;
    }
    for (unsigned i = 0; i < digits; i++, at++) {
        if (digit(*at) < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit(*at);
    }
    *p = at;
    *out = value;
    return true;
}

static bool node_valid(ss_span_t node) {
    for (size_t i = 0; i < node.len; i++) {
        char c = node.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') {
            return false;
        }
    }
    return node.len <= SS_STREAM_NODE_MAX;
}

bool ss_stream_decode(const char *text, size_t len, ss_stream_t *out) {
    const size_t fixed = SS_STREAM_TEXT_MAX - SS_STREAM_NODE_MAX;
    uint64_t number[3];
    if (len < fixed || len > SS_STREAM_TEXT_MAX) {
        return false;
    }
    out->node = (ss_span_t){text, len - fixed};
    const char *p = text + out->node.len;
    if (!node_valid(out->node) || !take_hex(&p, 16, &number[0]) || !take_hex(&p, 8, &number[1]) ||
        !take_hex(&p, 8, &number[2]) || *p++ != '.') {
        return false;
    }
    for (unsigned i = 0; i < SS_STREAM_KEY_LEN; i++, p += 2) {
        if (digit(p[0]) < 0 || digit(p[1]) < 0) {
            return false;
        }
        out->key[i] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
    }
    out->worker = number[0];
    out->slot = (uint32_t)number[1];
    out->generation = (uint32_t)number[2];
    return true;
}

bool ss_stream_key_equal(const uint8_t a[SS_STREAM_KEY_LEN], const uint8_t b[SS_STREAM_KEY_LEN]) {
    volatile uint8_t difference = 0;
    for (unsigned i = 0; i < SS_STREAM_KEY_LEN; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}

bool ss_stream_seq(const char *text, size_t len, uint64_t *out) {
    uint64_t value = 0;
    if (len == 0 || len > 16 || *text == '0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value <= SS_STREAM_SEQ_MAX;
}
