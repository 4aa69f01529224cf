/* SPDX-License-Identifier: MIT
 *
 * Numbers as text for what is written with every call, where a printf() would cost more than all
 * the rest.
 */
#ifndef SS_DIGITS_H
#define SS_DIGITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SS_HEX_MAX 16
#define SS_DECIMAL_MAX 20

/* Both write at `out`, without a NUL, and give the place behind the last digit. */

/* In hexadecimal, with zeros before it up to `least` digits (1 to SS_HEX_MAX). */
static inline char *ss_hex(char *out, uint64_t value, unsigned least) {
    unsigned needed = value == 0 ? 1 : (67 - (unsigned)__builtin_clzll(value)) / 4;
    unsigned n = needed > least ? needed : least;
    for (unsigned i = n; i-- > 0; value >>= 4) {
        out[i] = "0123456789abcdef"[value & 15];
    }
    return out + n;
}

static inline char *ss_decimal(char *out, uint64_t value) {
    char digits[SS_DECIMAL_MAX];
    char *p = digits + sizeof digits;
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    size_t n = (size_t)(digits + sizeof digits - p);
    memcpy(out, p, n);
    return out + n;
}

#endif
