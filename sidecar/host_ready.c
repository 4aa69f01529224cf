/* SPDX-License-Identifier: MIT
 *
 * See host_ready.h.
 */
#include "host_ready.h"

#include "bounds.h"
#include "ss_jsonrpc.h"

/* The protocol's own beginnings of names. */
static bool reserved(const char *name) {
    static const char *const words[] = {"system", "event", "rpc"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        if (strncmp(name, words[i], n) == 0 && (name[n] == '\0' || name[n] == '.')) {
            return true;
        }
    }
    return false;
}

static bool check_action(const json_t *action, ss_buf_t *error) {
    const char *name = json_string_value(json_object_get(action, "name"));
    const json_t *authenticated = json_object_get(action, "authenticated");
    if (name == NULL) {
        ss_buf_printf(error, "an action without a name");
    } else if (!ss_action_name_good(name) || strlen(name) > SS_RPC_METHOD_MAX) {
        ss_buf_printf(error,
                      "'%.80s' is no good name: it is empty, too long or holds more than letters, "
                      "digits, _ $ - and dots",
                      name);
    } else if (reserved(name)) {
        ss_buf_printf(error, "'%.80s' begins with a name of the protocol; take another", name);
    } else if (authenticated != NULL && !json_is_boolean(authenticated)) {
        ss_buf_printf(error, "'authenticated' of '%.80s' is neither true nor false", name);
    } else {
        return true;
    }
    return false;
}

static bool check_actions(const json_t *actions, ss_buf_t *error) {
    size_t i;
    json_t *action;
    if (!json_is_array(actions)) {
        ss_buf_printf(error, "'actions' is no array");
        return false;
    }
    if (json_array_size(actions) > SS_HOST_ACTIONS_MAX) {
        ss_buf_printf(error, "more than %d actions", SS_HOST_ACTIONS_MAX);
        return false;
    }
    json_array_foreach(actions, i, action) {
        if (!check_action(action, error)) {
            return false;
        }
    }
    return true;
}

static bool check_problems(const json_t *problems, ss_buf_t *error) {
    size_t i;
    json_t *problem;
    if (problems != NULL && !json_is_array(problems)) {
        ss_buf_printf(error, "'problems' is no array");
        return false;
    }
    json_array_foreach(problems, i, problem) {
        if (!json_is_string(json_object_get(problem, "message"))) {
            ss_buf_printf(error, "a problem without a message");
            return false;
        }
    }
    return true;
}

static bool check_authenticator(const json_t *problem, ss_buf_t *error) {
    if (problem == NULL || json_is_string(json_object_get(problem, "message"))) {
        return true;
    }
    ss_buf_printf(error, "'authenticator' is no problem");
    return false;
}

/* Whoever has so many would not read the rest. */
static json_t *first_problems(const json_t *problems) {
    json_t *out = json_array();
    size_t i;
    json_t *problem;
    json_array_foreach(problems, i, problem) {
        if (i < SS_HOST_PROBLEMS_MAX) {
            json_array_append(out, problem);
        }
    }
    return out;
}

bool ss_host_ready_parse(ss_span_t text, ss_host_ready_t *out, ss_buf_t *error) {
    json_error_t reason;
    json_t *ready = json_loadb(text.len == 0 ? "" : text.ptr, text.len, 0, &reason);
    if (ready == NULL) {
        ss_buf_printf(error, "%s", reason.text);
        return false;
    }
    json_t *actions = json_object_get(ready, "actions");
    const json_t *problems = json_object_get(ready, "problems");
    json_t *authenticator = json_object_get(ready, "authenticator");
    bool good = check_actions(actions, error) && check_problems(problems, error) &&
                check_authenticator(authenticator, error);
    if (good) {
        *out = (ss_host_ready_t){.actions = json_incref(actions),
                                 .problems = first_problems(problems),
                                 .authenticator = json_incref(authenticator)};
    }
    json_decref(ready);
    return good;
}

void ss_host_ready_free(ss_host_ready_t *ready) {
    json_decref(ready->actions);
    json_decref(ready->problems);
    json_decref(ready->authenticator);
    *ready = (ss_host_ready_t){0};
}

json_t *ss_host_problem(const char *message) { return ss_host_problem_in(NULL, message); }

json_t *ss_host_problem_in(const char *file, const char *message) {
    return json_pack("{s:s?, s:n, s:n, s:s, s:n}", "file", file, "line", "column", "message",
                     message, "frame");
}

void ss_host_ready_check(ss_host_ready_t *ready, const ss_registry_t *registry,
                         const struct ss_host_group *group) {
    size_t i;
    json_t *action;
    json_array_foreach(ready->actions, i, action) {
        const char *name = json_string_value(json_object_get(action, "name"));
        if (!ss_registry_free_for(registry, group, name)) {
            ss_buf_t text = {0};
            ss_buf_printf(
                &text, "the action '%s' is there twice: in C or in another host, too; rename one",
                name);
            json_array_append_new(ready->problems, ss_host_problem(ss_buf_string(&text)));
            ss_buf_free(&text);
        }
    }
}

bool ss_host_ready_offer(const ss_host_ready_t *ready, ss_registry_t *registry,
                         struct ss_host_group *group) {
    size_t i;
    json_t *action;
    ss_registry_begin_offer(registry, group);
    json_array_foreach(ready->actions, i, action) {
        const char *name = json_string_value(json_object_get(action, "name"));
        bool guarded = json_is_true(json_object_get(action, "authenticated"));
        ss_registry_offer(registry, group, name, guarded ? SS_AUTHENTICATED : 0);
    }
    return ss_registry_end_offer(registry, group);
}

void ss_host_problem_write(ss_buf_t *b, const json_t *problem) {
    const char *file = json_string_value(json_object_get(problem, "file"));
    const char *frame = json_string_value(json_object_get(problem, "frame"));
    json_int_t line = json_integer_value(json_object_get(problem, "line"));
    json_int_t column = json_integer_value(json_object_get(problem, "column"));
    if (file != NULL && *file != '\0') {
        ss_buf_printf(b, "%s:", file);
        if (line != 0) {
            ss_buf_printf(b, "%lld:", (long long)line);
        }
        if (line != 0 && column != 0) {
            ss_buf_printf(b, "%lld:", (long long)column);
        }
        ss_buf_literal(b, " ");
    }
    ss_buf_printf(b, "%s\n", json_string_value(json_object_get(problem, "message")));
    if (frame != NULL && *frame != '\0') {
        ss_buf_printf(b, "%s\n", frame);
    }
}

const json_t *ss_host_problem_of(const json_t *problems, const char *name, size_t len) {
    size_t i;
    json_t *problem;
    json_array_foreach(problems, i, problem) {
        const char *module = json_string_value(json_object_get(problem, "module"));
        size_t n = module == NULL ? 0 : strlen(module);
        if (n != 0 && len >= n && memcmp(module, name, n) == 0 && (len == n || name[n] == '.')) {
            return problem;
        }
    }
    return NULL;
}
