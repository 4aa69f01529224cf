/* SPDX-License-Identifier: MIT
 *
 * See host_ask.h.  docs/ACTION_HOSTS.md has the table of what may be asked; sessions are in
 * host_session.c.
 *
 * Invariant: what is asked is answered here or by exactly one callback, which then drops the
 * reference to the host, gone or not.
 */
#include "host_ask.h"

#include <stdarg.h>
#include <stdio.h>

#include "asked.h"
#include "bounds.h"
#include "develop.h"
#include "events.h"
#include "host.h"
#include "host_group.h"
#include "log.h"
#include "missing.h"
#include "publish.h"
#include "request.h"
#include "ss_utf8.h"

/* --- refusing -------------------------------------------------------------------------------- */

void ss_asked_refuse(const ss_asked_t *a, int code, const char *format, ...) {
    char message[SS_FAILURE_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (a->number == 0) {
        ss_log(SS_LOG_WARNING, "%s: %s failed: %s", a->host->name, a->what, message);
    }
    ss_host_answer_failure(a->host, a->number, &(ss_failure_t){.code = code, .message = message});
}

const char *ss_asked_text(const ss_asked_t *a, const char *name) {
    const json_t *value = json_object_get(a->args, name);
    if (!json_is_string(value)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s: `%s` must be a string", a->what, name);
        return NULL;
    }
    return json_string_value(value);
}

const char **ss_asked_names(const ss_asked_t *a, size_t *n) {
    const json_t *list = json_object_get(a->args, "names");
    size_t count = json_array_size(list);
    const char **names = ss_alloc((count + 1) * sizeof names[0]);
    for (*n = 0; *n < count; ++*n) {
        names[*n] = json_string_value(json_array_get(list, *n));
        if (names[*n] == NULL) {
            break;
        }
    }
    if (list != NULL && (!json_is_array(list) || *n != count)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s: `names` must be a list of strings", a->what);
        free(names);
        return NULL;
    }
    return names;
}

/* --- waiting --------------------------------------------------------------------------------- */

ss_waiting_t *ss_waiting_create(const ss_asked_t *a) {
    ss_waiting_t *w = ss_alloc_zero(sizeof *w);
    w->host = ss_peer_ref(a->host);
    w->number = a->number;
    w->what = a->what;
    return w;
}

void ss_waiting_free(ss_waiting_t *w) {
    if (w->session != NULL) {
        ss_session_unref(w->session);
    }
    ss_peer_unref(w->host);
    free(w);
}

void ss_waiting_fail(const ss_waiting_t *w, int code) {
    if (w->number == 0) {
        ss_log(SS_LOG_WARNING, "%s: %s failed: %s", w->host->name, w->what,
               ss_rpc_error(code)->message);
    }
    ss_host_answer_failure(w->host, w->number, &(ss_failure_t){.code = code});
}

static void answer_null(ss_peer_t *host, uint32_t number) {
    ss_host_answer_text(host, number, (ss_span_t){"null", 4});
}

static void on_done(ss_req *req, int code, void *arg) {
    ss_waiting_t *w = arg;
    (void)req;
    if (code == 0) {
        answer_null(w->host, w->number);
    } else {
        ss_waiting_fail(w, code);
    }
    ss_waiting_free(w);
}

/* --- publishing ------------------------------------------------------------------------------ */

static bool is_json(ss_span_t text) {
    return text.len != 0 && ss_json_valid(text.ptr, text.len) && ss_utf8_valid(text.ptr, text.len);
}

/* false after refusing. */
static bool read_target(const ss_asked_t *a, ss_publish_to_t *to) {
    static const char *const targets[] = {
        [SS_PUBLISH_BROADCAST] = "broadcast",
        [SS_PUBLISH_USER] = "user",
        [SS_PUBLISH_CHANNEL] = "channel",
        [SS_PUBLISH_SOCKET] = "socket",
    };
    const char *name = json_string_value(json_object_get(a->args, "to"));
    for (unsigned i = 0; name != NULL && i < sizeof targets / sizeof targets[0]; i++) {
        if (strcmp(name, targets[i]) == 0) {
            *to = (ss_publish_to_t)i;
            return true;
        }
    }
    ss_asked_refuse(a, SS_RPC_INVALID_PARAMS,
                    "publish: `to` must be broadcast, user, channel or socket");
    return false;
}

static void ask_publish(const ss_asked_t *a) {
    ss_publish_t p = {.params = {NULL, a->body}};
    if (!read_target(a, &p.to)) {
        return;
    }
    const char **names = ss_asked_names(a, &p.n);
    if (names == NULL) {
        return;
    }
    p.names = names;
    p.event = json_string_value(json_object_get(a->args, "event"));
    const char *error = ss_publish_refused(&p);
    if (error != NULL) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s", error);
    } else if (!is_json(a->body)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "publish: the params are not JSON in UTF-8");
    } else {
        ss_publish(&p, NULL, on_done, ss_waiting_create(a));
    }
    free(names);
}

/* --- calling --------------------------------------------------------------------------------- */

static void answer_call(ss_request_t *r, const ss_result_t *result, const ss_failure_t *failure) {
    if (failure != NULL) {
        ss_host_answer_failure(r->peer, r->call, failure);
    } else if (result->json != NULL) {
        ss_host_answer(r->peer, r->call, result->json);
    } else {
        ss_host_answer_text(r->peer, r->call, result->text);
    }
}

static const ss_transport_t transport = {"server", answer_call, true};

/* The parameters for an action; false after refusing. */
static bool read_params(const ss_asked_t *a, const ss_action_entry_t *action, ss_params_t *params) {
    const char *error = NULL;
    const char *end = a->body.ptr + a->body.len;
    if (a->body.len != 0 && !ss_json_valid(a->body.ptr, a->body.len)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "call: the params are not JSON");
        return false;
    }
    if (a->body.len != 0 && *ss_json_skip_space(a->body.ptr, end) != '[') {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "call: the params must be a list");
        return false;
    }
    ss_span_t list = {a->body.len == 0 ? NULL : a->body.ptr, a->body.len};
    if (!ss_params_parse(params, list, action->group != NULL, &error)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "%s", error);
        return false;
    }
    return true;
}

/* Code of the application calls: no guard asks who it is. */
static void ask_call(const ss_asked_t *a) {
    const ss_registry_t *registry = &a->host->sidecar->registry;
    char why[SS_MISSING_MAX];
    ss_params_t params = {0};
    const char *method = ss_asked_text(a, "method");
    if (method == NULL) {
        return;
    }
    const ss_action_entry_t *action = ss_registry_find(registry, method, strlen(method));
    if (action == NULL) {
        ss_failure_t failure = ss_missing_failure(registry, method, strlen(method), why);
        ss_asked_refuse(a, failure.code, "%s", failure.message);
        return;
    }
    if (!read_params(a, action, &params)) {
        return;
    }
    ss_request_t *r = ss_request_open(a->host, action, &transport, NULL, 0);
    if (r == NULL) {
        ss_params_free(&params);
        ss_asked_refuse(a, SS_RPC_TOO_MANY_CALLS, "Too many calls in flight");
        return;
    }
    r->slot = 0;
    r->generation = 0;
    r->call = a->number;
    r->silent = a->number == 0;
    r->unlogged = json_is_true(json_object_get(a->args, "silent"));
    ss_request_run(r, &params);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void on_users(ss_req *req, json_t *users, void *arg) {
    ss_waiting_t *w = arg;
    (void)req;
    if (users == NULL) {
        ss_waiting_fail(w, SS_RPC_UNAVAILABLE);
    } else {
        ss_host_answer(w->host, w->number, users);
    }
    ss_waiting_free(w);
}

static void ask_users(const ss_asked_t *a) {
    ss_users_online(NULL, on_users, ss_waiting_create(a));
}

/* "C", "javascript", or the command line of a host of another kind. */
static const char *runs_in(const ss_action_entry_t *action) {
    if (action->group == NULL) {
        return "C";
    }
    return action->group->scripts ? "javascript" : action->group->args[0];
}

static void ask_actions(const ss_asked_t *a) {
    const ss_registry_t *registry = &a->host->sidecar->registry;
    json_t *names = ss_registry_names(registry);
    json_t *list = json_array();
    const json_t *name;
    size_t i;
    json_array_foreach(names, i, name) {
        const ss_action_entry_t *action =
            ss_registry_find(registry, json_string_value(name), json_string_length(name));
        json_array_append_new(list,
                              json_pack("{s:O, s:s, s:b}", "name", name, "runs_in", runs_in(action),
                                        "authenticated", (action->flags & SS_AUTHENTICATED) != 0));
    }
    ss_host_answer(a->host, a->number, list);
    json_decref(list);
    json_decref(names);
}

static void ask_on(const ss_asked_t *a) {
    const char *event = ss_asked_text(a, "event");
    uint32_t bit = event == NULL ? 0 : ss_events_bit(event);
    if (bit != 0) {
        ss_host_listen(a->host, bit);
        answer_null(a->host, a->number);
    } else if (event != NULL) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "on: there is no event '%.100s'", event);
    }
}

static void ask_log(const ss_asked_t *a) {
    static const char *const levels[] = {
        [SS_LOG_ERROR] = "error", [SS_LOG_WARNING] = "warning", [SS_LOG_NOTICE] = "notice",
        [SS_LOG_INFO] = "info",   [SS_LOG_DEBUG] = "debug",
    };
    const char *level = ss_asked_text(a, "level");
    const char *message = level == NULL ? NULL : ss_asked_text(a, "message");
    if (message == NULL) {
        return;
    }
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(level, levels[i]) == 0) {
            ss_log_lines((ss_log_severity)i, "%s: %s", a->host->name, message);
            answer_null(a->host, a->number);
            return;
        }
    }
    ss_asked_refuse(a, SS_RPC_INVALID_PARAMS,
                    "log: `level` must be error, warning, notice, info or debug");
}

static bool is_list_or_nothing(const json_t *value) {
    return value == NULL || json_is_null(value) || json_is_array(value);
}

/* The packer has news for the pages that are open. */
static void ask_develop(const ss_asked_t *a) {
    const json_t *reload = json_object_get(a->args, "reload");
    const json_t *files = json_object_get(a->args, "files");
    const json_t *problems = json_object_get(a->args, "problems");
    const char *what = json_string_value(reload);
    bool known = what == NULL ? reload == NULL || json_is_null(reload)
                              : strcmp(what, "page") == 0 || strcmp(what, "css") == 0;
    if (!ss_develop_enabled()) {
        ss_asked_refuse(a, SS_RPC_INVALID_REQUEST, "develop: this is not development");
    } else if (!known) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "develop: `reload` must be page, css or null");
    } else if (!is_list_or_nothing(files) || !is_list_or_nothing(problems)) {
        ss_asked_refuse(a, SS_RPC_INVALID_PARAMS, "develop: `files` and `problems` must be lists");
    } else {
        if (json_is_array(problems)) {
            ss_develop_problems(SS_DEVELOP_PACKER, problems);
        }
        if (what != NULL) {
            ss_develop_reload(what, json_is_array(files) ? files : NULL);
        }
        answer_null(a->host, a->number);
    }
}

static const struct {
    const char *what;
    void (*run)(const ss_asked_t *a);
} questions[] = {
    {"session.load", ss_asked_session_load},
    {"session.save", ss_asked_session_save},
    {"session.login", ss_asked_session_login},
    {"session.logout", ss_asked_session_logout},
    {"channel.subscribe", ss_asked_channel_subscribe},
    {"channel.unsubscribe", ss_asked_channel_unsubscribe},
    {"channel.reset", ss_asked_channel_reset},
    {"publish", ask_publish},
    {"users.online", ask_users},
    {"call", ask_call},
    {"actions", ask_actions},
    {"on", ask_on},
    {"log", ask_log},
    {"develop", ask_develop},
};

void ss_host_ask(ss_peer_t *host, const ss_link_header_t *header, const ss_link_ask_t *ask) {
    json_t *args =
        ask->args.len == 0 ? json_object() : json_loadb(ask->args.ptr, ask->args.len, 0, NULL);
    ss_asked_t a = {.host = host,
                    .number = header->call,
                    .handle = ss_link_handle(header),
                    .what = "question",
                    .args = args,
                    .body = ask->body};
    unsigned i = 0;
    const unsigned n = sizeof questions / sizeof questions[0];
    while (i < n && (strlen(questions[i].what) != ask->what.len ||
                     memcmp(questions[i].what, ask->what.ptr, ask->what.len) != 0)) {
        i++;
    }
    if (i == n) {
        ss_asked_refuse(&a, SS_RPC_METHOD_NOT_FOUND, "there is no '%.*s' to be asked",
                        ask->what.len < 100 ? (int)ask->what.len : 100, ask->what.ptr);
    } else {
        a.what = questions[i].what;
        if (json_is_object(args)) {
            questions[i].run(&a);
        } else {
            ss_asked_refuse(&a, SS_RPC_INVALID_PARAMS,
                            "%s: the arguments must be a JSON object without NULs", a.what);
        }
    }
    json_decref(args);
}
