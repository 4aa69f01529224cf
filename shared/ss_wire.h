/* SPDX-License-Identifier: MIT
 *
 * A bounded cursor over bytes, for reading and for writing little-endian fields.
 *
 * Owns nothing: the bytes belong to the caller and must outlive the cursor.  Invariant: the
 * first access past the end sets `failed` and every later access is a no-op (reads give zero),
 * so that a codec is written straight down and checked once, at its end.
 */
#ifndef SS_WIRE_H
#define SS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A piece of somebody else's bytes; never NUL-terminated.  ptr is NULL when absent. */
typedef struct {
    const char *ptr;
    size_t len;
} ss_span_t;

typedef struct {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
} ss_reader_t;

typedef struct {
    uint8_t *start;
    uint8_t *pos;
    uint8_t *end;
    bool failed;
} ss_writer_t;

static inline ss_reader_t ss_reader(const void *data, size_t len) {
    const uint8_t *p = data;
    return (ss_reader_t){p, p == NULL ? p : p + len, false};
}

static inline size_t ss_read_left(const ss_reader_t *r) { return (size_t)(r->end - r->pos); }

/* Takes `n` bytes, or fails and gives NULL.  n == 0 gives the present position. */
static inline const uint8_t *ss_read_bytes(ss_reader_t *r, size_t n) {
    if (r->failed || ss_read_left(r) < n) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->pos;
    if (n != 0) {
        r->pos += n;
    }
    return p;
}

static inline uint8_t ss_read_u8(ss_reader_t *r) {
    const uint8_t *p = ss_read_bytes(r, 1);
    return p == NULL ? 0 : p[0];
}

static inline uint16_t ss_read_u16(ss_reader_t *r) {
    const uint8_t *p = ss_read_bytes(r, 2);
    return p == NULL ? 0 : (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t ss_read_u32(ss_reader_t *r) {
    const uint8_t *p = ss_read_bytes(r, 4);
    return p == NULL
               ? 0
               : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ss_read_u64(ss_reader_t *r) {
    uint64_t low = ss_read_u32(r);
    uint64_t high = ss_read_u32(r);
    return low | high << 32;
}

/* A string with a 16-bit length before it.  Empty on failure; ptr is then NULL. */
static inline ss_span_t ss_read_str16(ss_reader_t *r) {
    size_t len = ss_read_u16(r);
    const uint8_t *p = ss_read_bytes(r, len);
    return p == NULL ? (ss_span_t){NULL, 0} : (ss_span_t){(const char *)p, len};
}

static inline ss_writer_t ss_writer(void *data, size_t cap) {
    uint8_t *p = data;
    return (ss_writer_t){p, p, p + cap, false};
}

static inline size_t ss_written(const ss_writer_t *w) { return (size_t)(w->pos - w->start); }

/* Reserves `n` bytes for the caller to fill, or fails and gives NULL. */
static inline uint8_t *ss_write_space(ss_writer_t *w, size_t n) {
    if (w->failed || (size_t)(w->end - w->pos) < n) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->pos;
    w->pos += n;
    return p;
}

static inline void ss_write_bytes(ss_writer_t *w, const void *data, size_t n) {
    uint8_t *p = ss_write_space(w, n);
    if (p != NULL && n != 0) {
        memcpy(p, data, n);
    }
}

static inline void ss_write_u8(ss_writer_t *w, uint8_t v) { ss_write_bytes(w, &v, 1); }

static inline void ss_write_u16(ss_writer_t *w, uint16_t v) {
    uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    ss_write_bytes(w, b, sizeof b);
}

static inline void ss_write_u32(ss_writer_t *w, uint32_t v) {
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    ss_write_bytes(w, b, sizeof b);
}

static inline void ss_write_u64(ss_writer_t *w, uint64_t v) {
    ss_write_u32(w, (uint32_t)v);
    ss_write_u32(w, (uint32_t)(v >> 32));
}

/* Fails when len does not fit 16 bits. */
static inline void ss_write_str16(ss_writer_t *w, const void *data, size_t len) {
    if (len > UINT16_MAX) {
        w->failed = true;
        return;
    }
    ss_write_u16(w, (uint16_t)len);
    ss_write_bytes(w, data, len);
}

#endif
