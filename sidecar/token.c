/* SPDX-License-Identifier: MIT
 *
 * See token.h.
 */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void ss_token_random(void *out, size_t n) {
    if (RAND_bytes(out, (int)n) != 1) {
        /* Ids that can be guessed would be worse than none. */
        fputs("socketstream: no random numbers to be had\n", stderr);
        abort();
    }
}

void ss_token_encode(char *out, const void *bytes, size_t n) {
    const uint8_t *in = bytes;
    for (; n >= 3; n -= 3, in += 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (n != 0) {
        uint32_t bits = (uint32_t)in[0] << 8 | (n == 2 ? in[1] : 0);
        *out++ = alphabet[bits >> 10];
        *out++ = alphabet[bits >> 4 & 63];
        if (n == 2) {
            *out++ = alphabet[bits << 2 & 63];
        }
    }
    *out = '\0';
}

static int value_of(char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '-'             ? 62
           : c == '_'             ? 63
                                  : -1;
}

bool ss_token_decode(void *out, size_t n, const char *text, size_t len) {
    uint8_t *to = out;
    uint32_t bits = 0;
    unsigned have = 0;
    if (len != SS_TOKEN_TEXT(n)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *to++ = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0;
}
