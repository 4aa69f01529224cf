/* SPDX-License-Identifier: MIT
 *
 * See ss_siphash.h.
 */
#include "ss_siphash.h"

static uint64_t read_u64(const uint8_t *p, size_t len) {
    uint64_t v = 0;
    while (len-- != 0) {
        v = v << 8 | p[len];
    }
    return v;
}

static uint64_t rotate(uint64_t v, unsigned bits) { return v << bits | v >> (64 - bits); }

static void rounds(uint64_t v[4], unsigned n) {
    while (n-- != 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void add(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

uint64_t ss_siphash(const uint8_t key[SS_SIPHASH_KEY], const void *data, size_t len) {
    const uint8_t *p = data;
    uint64_t k0 = read_u64(key, 8);
    uint64_t k1 = read_u64(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        add(v, read_u64(p, 8));
    }
    add(v, (uint64_t)len << 56 | read_u64(p, left));
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
