/* SPDX-License-Identifier: MIT
 *
 * Input that touches an inaccessible page, so that a parser which reads or writes one byte too far
 * dies at that byte, in every build and not only under a sanitizer.
 *
 * Two areas, one for each end; a call overwrites what the last call for the same end put there.
 */
#ifndef T_UNIT_GUARD_H
#define T_UNIT_GUARD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_MAX (256u << 10) /* largest input; a multiple of every page size */

/* GUARD_MAX writable bytes between two inaccessible stretches. */
static inline uint8_t *guard_area(uint8_t **area) {
    if (*area == NULL) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        uint8_t *map =
            mmap(NULL, GUARD_MAX + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED || mprotect(map + page, GUARD_MAX, PROT_READ | PROT_WRITE) != 0) {
            perror("guard page");
            abort();
        }
        *area = map + page;
    }
    return *area;
}

/* A copy whose last byte is the last accessible one. */
static inline uint8_t *guard_end(const void *data, size_t len) {
    static uint8_t *area;
    uint8_t *copy = guard_area(&area) + GUARD_MAX - len;
    if (len != 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

/* A copy whose first byte is the first accessible one. */
static inline uint8_t *guard_start(const void *data, size_t len) {
    static uint8_t *area;
    uint8_t *copy = guard_area(&area);
    if (len != 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

#endif
