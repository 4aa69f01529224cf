/* SPDX-License-Identifier: MIT
 *
 * Allocation that does not fail: every amount the sidecar asks for is bounded, so running out of
 * memory means that the machine has none left, and the supervisor's restart is the best answer.
 */
#ifndef SS_MEM_H
#define SS_MEM_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *ss_mem_check(void *p, size_t size) {
    if (p == NULL && size != 0) {
        fprintf(stderr, "socketstream: out of memory (%zu bytes)\n", size);
        abort();
    }
    return p;
}

static inline void *ss_alloc(size_t size) { return ss_mem_check(malloc(size), size); }

static inline void *ss_alloc_zero(size_t size) { return ss_mem_check(calloc(1, size), size); }

static inline void *ss_realloc(void *p, size_t size) {
    return ss_mem_check(realloc(p, size), size);
}

/* A NUL-terminated copy of `len` bytes. */
static inline char *ss_copy(const char *text, size_t len) {
    char *p = ss_alloc(len + 1);
    if (len != 0) {
        memcpy(p, text, len);
    }
    p[len] = '\0';
    return p;
}

#endif
