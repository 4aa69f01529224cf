/* SPDX-License-Identifier: MIT
 *
 * A session's hash in Redis, from and to what is in memory.
 *
 * Owns the fields and their forms.  Whatever else may stand there, put by hand or by another
 * release, is ignored and not a reason to fail.
 */
#ifndef SS_SESSION_RECORD_H
#define SS_SESSION_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "buf.h"
#include "session.h"

#define SS_RECORD_FIELDS 4

/* References, which ss_record_finish() drops. */
typedef struct {
    uint64_t version; /* 0: there is no such session */
    uint32_t created_at;
    bool moved;
    uint8_t moved_to[SS_SESSION_ID_BYTES];
    ss_topic_t *user;
    ss_topic_t **channels;
    uint32_t n_channels;
    json_t *attributes;
} ss_record_t;

/* Reads the answer to HGETALL; an array. */
void ss_record_read(ss_record_t *record, const redisReply *hash);

/* Drops what nobody took. */
void ss_record_finish(ss_record_t *record);

/* The fields of a hash as arguments for HSET. */
typedef struct {
    ss_buf_t text; /* holds the values */
    const char *argv[2 * SS_RECORD_FIELDS];
    size_t lens[2 * SS_RECORD_FIELDS];
    int argc;
} ss_record_fields_t;

/* `user` and `attributes` may be NULL.  false when the attributes are too large; free with
 * ss_buf_free(&text) in any case. */
bool ss_record_write(ss_record_fields_t *fields, uint32_t created_at, const ss_topic_t *user,
                     ss_topic_t *const *channels, uint32_t n_channels, const json_t *attributes);

/* A version as it stands in Redis; 16 digits and a NUL. */
#define SS_RECORD_VERSION_TEXT 17
void ss_record_version(char *out, uint64_t version);

#endif
