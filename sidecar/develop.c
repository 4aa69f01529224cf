/* SPDX-License-Identifier: MIT
 *
 * See develop.h.
 */
#include "develop.h"

#include "bounds.h"
#include "connection.h"
#include "json_writer.h"
#include "pubsub.h"
#include "sidecar.h"

static const char *const names[] = {[SS_DEVELOP_HOST] = "host", [SS_DEVELOP_PACKER] = "packer"};
#define SOURCES (sizeof names / sizeof names[0])

static struct {
    bool enabled;
    json_t *problems[SOURCES];
} all;

void ss_develop_init(const ss_sidecar_t *sidecar) {
    all.enabled = strcmp(sidecar->options.env, "development") == 0;
    for (size_t i = 0; i < SOURCES; i++) {
        all.problems[i] = json_array();
    }
}

void ss_develop_finish(void) {
    for (size_t i = 0; i < SOURCES; i++) {
        json_decref(all.problems[i]);
        all.problems[i] = NULL;
    }
    all.enabled = false;
}

bool ss_develop_enabled(void) { return all.enabled; }

/* Takes `params`. */
static bool write_notification(ss_buf_t *b, const char *method, json_t *params) {
    json_t *message =
        json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params);
    bool written = ss_json_write(b, message, SS_ANSWER_MAX) == SS_JSON_WRITTEN;
    json_decref(message);
    return written;
}

static json_t *problems_of(size_t source) {
    return json_pack("{s:s, s:O}", "source", names[source], "problems", all.problems[source]);
}

static void tell_all(const char *method, json_t *params) {
    ss_buf_t text = {0};
    if (write_notification(&text, method, params)) {
        ss_pubsub_system(text.data, text.len);
    }
    ss_buf_free(&text);
}

void ss_develop_problems(ss_develop_source_t source, const json_t *problems) {
    if (!all.enabled || json_equal(all.problems[source], problems)) {
        return;
    }
    json_decref(all.problems[source]);
    all.problems[source] = json_deep_copy(problems);
    tell_all("system.problems", problems_of(source));
}

void ss_develop_reload(const char *what, const json_t *files) {
    if (all.enabled) {
        json_t *list = files == NULL ? json_array() : json_deep_copy(files);
        tell_all("system.reload", json_pack("{s:s, s:o}", "what", what, "files", list));
    }
}

void ss_develop_welcome(const ss_client_t *client) {
    for (size_t i = 0; i < SOURCES; i++) {
        ss_buf_t text = {0};
        if (json_array_size(all.problems[i]) != 0 &&
            write_notification(&text, "system.problems", problems_of(i))) {
            ss_connection_send(client, text.data, text.len);
        }
        ss_buf_free(&text);
    }
}
