/* SPDX-License-Identifier: MIT
 *
 * See session_record.h.
 */
#include "session_record.h"

#include <errno.h>

#include "json_writer.h"
#include "log.h"
#include "mem.h"
#include "names.h"

#define CHANNELS_BYTES_MAX (64u << 20)

static void read_channels(ss_record_t *r, const char *text, size_t len) {
    json_t *list = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    size_t n = json_array_size(list);
    if (n != 0) {
        r->channels = ss_alloc(n * sizeof r->channels[0]);
    }
    uint32_t mark = ss_topics_mark();
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = json_string_value(item);
        size_t name_len = json_string_length(item);
        if (name == NULL || !ss_name_good(name, name_len, SS_CHANNEL_NAME_MAX)) {
            continue;
        }
        ss_topic_t *topic = ss_topic_get(SS_TOPIC_CHANNEL, name, name_len);
        if (topic->mark == mark) {
            ss_topic_unref(topic); /* twice in the list */
            continue;
        }
        topic->mark = mark;
        r->channels[r->n_channels++] = topic;
    }
    json_decref(list);
}

static void read_field(ss_record_t *r, const char *name, const char *value, size_t len) {
    if (strcmp(name, "version") == 0) {
        r->version = strtoull(value, NULL, 16);
    } else if (strcmp(name, "created_at") == 0) {
        r->created_at = (uint32_t)(strtoull(value, NULL, 10) / 1000);
    } else if (strcmp(name, "moved") == 0) {
        r->moved = ss_token_decode(r->moved_to, SS_SESSION_ID_BYTES, value, len);
    } else if (strcmp(name, "user_id") == 0 && ss_name_good(value, len, SS_USER_ID_MAX)) {
        ss_topic_unref(r->user);
        r->user = ss_topic_get(SS_TOPIC_USER, value, len);
    } else if (strcmp(name, "attributes") == 0) {
        json_t *attributes = json_loadb(value, len, JSON_ALLOW_NUL, NULL);
        if (json_is_object(attributes)) {
            json_decref(r->attributes);
            r->attributes = json_incref(attributes);
        }
        json_decref(attributes);
    } else if (strcmp(name, "channels") == 0 && r->channels == NULL) {
        read_channels(r, value, len);
    }
}

void ss_record_read(ss_record_t *r, const redisReply *hash) {
    *r = (ss_record_t){0};
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        const redisReply *name = hash->element[i];
        const redisReply *value = hash->element[i + 1];
        if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING) {
            read_field(r, name->str, value->str, value->len);
        }
    }
}

void ss_record_finish(ss_record_t *r) {
    ss_topic_unref(r->user);
    for (uint32_t i = 0; i < r->n_channels; i++) {
        ss_topic_unref(r->channels[i]);
    }
    free(r->channels);
    json_decref(r->attributes);
    *r = (ss_record_t){0};
}

static void add(ss_record_fields_t *f, const char *name, const char *value, size_t len) {
    f->argv[f->argc] = name;
    f->lens[f->argc++] = strlen(name);
    f->argv[f->argc] = value;
    f->lens[f->argc++] = len;
}

static void write_channels(ss_buf_t *b, ss_topic_t *const *channels, uint32_t n) {
    ss_buf_literal(b, "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i != 0) {
            ss_buf_literal(b, ",");
        }
        ss_buf_json_string(b, ss_topic_name(channels[i]), ss_topic_name_len(channels[i]));
    }
    ss_buf_literal(b, "]");
}

/* The values are written one behind the other, and pointed to once the buffer stands still. */
bool ss_record_write(ss_record_fields_t *f, uint32_t created_at, const ss_topic_t *user,
                     ss_topic_t *const *channels, uint32_t n_channels, const json_t *attributes) {
    *f = (ss_record_fields_t){.argc = 0};
    ss_buf_t *b = &f->text;
    ss_buf_printf(b, "%llu", (unsigned long long)created_at * 1000);
    size_t channels_at = b->len;
    write_channels(b, channels, n_channels);
    size_t attributes_at = b->len;
    if (json_object_size(attributes) != 0 &&
        ss_json_write(b, attributes, SS_ATTRIBUTES_MAX) != SS_JSON_WRITTEN) {
        return false;
    }
    add(f, "created_at", b->data, channels_at);
    add(f, "channels", b->data + channels_at, attributes_at - channels_at);
    if (b->len != attributes_at) {
        add(f, "attributes", b->data + attributes_at, b->len - attributes_at);
    }
    if (user != NULL) {
        add(f, "user_id", ss_topic_name(user), ss_topic_name_len(user));
    }
    return true;
}

void ss_record_version(char *out, uint64_t version) {
    out[0] = '\0';
    if (version != 0) {
        snprintf(out, SS_RECORD_VERSION_TEXT, "%016llx", (unsigned long long)version);
    }
}
