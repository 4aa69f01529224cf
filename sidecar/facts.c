/* SPDX-License-Identifier: MIT
 *
 * See facts.h.  Written for every call of a host, so a session that holds nothing costs no
 * printf() and no allocation.
 */
#include "facts.h"

#include "bounds.h"
#include "digits.h"
#include "json_writer.h"

static void write_attributes(ss_buf_t *b, const ss_session_t *s) {
    json_t *attributes = ss_session_attributes(s);
    size_t start = b->len;
    if (json_object_size(attributes) != 0) {
        ss_buf_literal(b, ",\"attributes\":");
        if (ss_json_write(b, attributes, SS_ANSWER_MAX) != SS_JSON_WRITTEN) {
            b->len = start; /* set by an action, and refused by the save, which logs it */
        }
    }
    json_decref(attributes);
}

static void write_channels(ss_buf_t *b, const ss_session_data_t *d) {
    ss_buf_literal(b, ",\"channels\":[");
    for (uint32_t i = 0; i < d->n_channels; i++) {
        if (i != 0) {
            ss_buf_literal(b, ",");
        }
        ss_buf_json_string(b, ss_topic_name(d->channels[i]), ss_topic_name_len(d->channels[i]));
    }
    ss_buf_literal(b, "]");
}

/* What every session has. */
static void write_known(ss_buf_t *b, const ss_session_t *s) {
    char id[SS_SESSION_ID_TEXT + 1];
    char ms[SS_DECIMAL_MAX] = "";
    ss_session_text(s->id, id);
    ss_buf_literal(b, "{\"id\":\"");
    ss_buf_append(b, id, SS_SESSION_ID_TEXT);
    ss_buf_literal(b, "\",\"created_at\":");
    ss_buf_append(b, ms, (size_t)(ss_decimal(ms, (uint64_t)s->created_at * 1000) - ms));
}

void ss_facts_session(ss_buf_t *b, const ss_session_t *s) {
    const ss_session_data_t *d = s->data;
    write_known(b, s);
    if (d != NULL && d->user != NULL) {
        ss_buf_literal(b, ",\"user\":");
        ss_buf_json_string(b, ss_topic_name(d->user), ss_topic_name_len(d->user));
    }
    if (d != NULL && (d->attributes != NULL || d->saving != NULL || d->dirty != NULL)) {
        write_attributes(b, s);
    }
    if (d != NULL && d->n_channels != 0) {
        write_channels(b, d);
    }
    if (d == NULL || d->version == 0) {
        ss_buf_literal(b, ",\"new\":true");
    }
    ss_buf_literal(b, "}");
}
