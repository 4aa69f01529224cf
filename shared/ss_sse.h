/* SPDX-License-Identifier: MIT
 *
 * The fallback transport's texts: server-sent events (WHATWG HTML, "Server-sent events") on their
 * way down, and the secret by which a POST names its stream on its way up.
 *
 * Owns their form.  Leaves to the caller queues, requests and the making of random bytes.
 */
#ifndef SS_SSE_H
#define SS_SSE_H

#include "ss_wire.h"

#define SS_SSE_OPEN_EXTRA 33  /* beside the secret */
#define SS_SSE_DATA_EXTRA 8   /* "data: " and the empty line behind it */
#define SS_SSE_REASON_MAX 123 /* bytes of a close's reason, as in RFC 6455 */
#define SS_SSE_CLOSE_MAX (64 + 6 * SS_SSE_REASON_MAX)

/* Writes one message, the text a with b behind it, as an event: SS_SSE_DATA_EXTRA bytes more.  Line
 * breaks, which JSON has between its tokens only, become spaces: they would end the data. */
void ss_sse_data(uint8_t *out, const void *a, size_t a_len, const void *b, size_t b_len);

/* Writes the first event, SS_SSE_OPEN_EXTRA bytes more than the secret, which needs no escapes. */
void ss_sse_open(uint8_t *out, const void *secret, size_t len);

/* Writes the last event, at most SS_SSE_CLOSE_MAX bytes, and returns their number.  A reason that
 * is too long or not UTF-8 is left out. */
size_t ss_sse_close(uint8_t *out, uint16_t code, const void *reason, size_t len);

/* --- the secret ----------------------------------------------------------------------------- */

#define SS_STREAM_NODE_MAX 64 /* bytes of a sidecar's name */
#define SS_STREAM_KEY_LEN 16  /* random bytes */
#define SS_STREAM_TEXT_MAX (SS_STREAM_NODE_MAX + 1 + 16 + 1 + 8 + 1 + 8 + 1 + 2 * SS_STREAM_KEY_LEN)
#define SS_STREAM_SEQ_MAX ((UINT64_C(1) << 53) - 1) /* what a JavaScript number counts to */

/* What a secret says: where the stream is, and the key that proves its owner. */
typedef struct {
    ss_span_t node;      /* its sidecar's name: letters, digits, "-" and "_"; may be empty */
    uint64_t worker;     /* the generation of its worker's HELLO */
    uint32_t slot;       /* of the stream in that worker */
    uint32_t generation; /* of that slot */
    uint8_t key[SS_STREAM_KEY_LEN];
} ss_stream_t;

/* Writes "<node>.<worker>.<slot>.<generation>.<key>", numbers and key in hexadecimal digits of full
 * width, at most SS_STREAM_TEXT_MAX bytes, and returns their number. */
size_t ss_stream_encode(char *out, const ss_stream_t *stream);

/* Reads exactly that; `node` points into the text. */
bool ss_stream_decode(const char *text, size_t len, ss_stream_t *out);

/* Takes as long for a key that differs in its first byte as for one that is equal. */
bool ss_stream_key_equal(const uint8_t a[SS_STREAM_KEY_LEN], const uint8_t b[SS_STREAM_KEY_LEN]);

/* Reads a sequence number, 1 to SS_STREAM_SEQ_MAX in decimal digits without a leading zero. */
bool ss_stream_seq(const char *text, size_t len, uint64_t *out);

#endif
