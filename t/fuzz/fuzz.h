/* SPDX-License-Identifier: MIT
 *
 * The fuzz targets.  Each offers its input to a parser in more than one way and aborts when the
 * answers differ or break a promise of the header; it returns 0.  t/fuzz/run drives them by
 * coverage, t/unit/test_shared_fuzz.c and test_sidecar_fuzz.c by random mutations.
 */
#ifndef T_FUZZ_FUZZ_H
#define T_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int fuzz_utf8(const uint8_t *data, size_t size);
int fuzz_ws(const uint8_t *data, size_t size);
int fuzz_json(const uint8_t *data, size_t size);
int fuzz_link(const uint8_t *data, size_t size);
int fuzz_cookie(const uint8_t *data, size_t size);
int fuzz_credentials(const uint8_t *data, size_t size);
int fuzz_nearest(const uint8_t *data, size_t size);
int fuzz_place(const uint8_t *data, size_t size);
int fuzz_version(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
