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
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | in[i];
        for (have += 8; have >= 6; have -= 6) {
            *out++ = alphabet[bits >> (have - 6) & 63];
        }
    }
    if (have != 0) {
        *out++ = alphabet[bits << (6 - have) & 63];
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
