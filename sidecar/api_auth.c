/* SPDX-License-Identifier: MIT
 *
 * See api_auth.h.
 */
#include "api_auth.h"

#include <openssl/crypto.h>

#include "host_group.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "request.h"

#define QUESTION "system.authenticate"
#define CHALLENGE_MAX (2 * SS_API_REALM_MAX + 48)

/* A request whose user is being asked about. */
struct ss_api_auth {
    const ss_action_entry_t *action; /* to be run then */
    char *message;                   /* the REQUEST, owned */
    size_t len;
    char user[SS_API_CREDENTIALS_TEXT]; /* for the log */
};

static struct {
    unsigned count;
    size_t bytes;
} waiting;

/* --- refusing -------------------------------------------------------------------------------- */

/* One text whatever was wrong, so that nobody learns which users there are. */
static void challenge(const ss_api_target_t *t) {
    char value[CHALLENGE_MAX] = "Basic realm=\"";
    size_t n = strlen(value);
    for (const char *c = t->peer->sidecar->options.api.realm; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            value[n++] = '\\';
        }
        value[n++] = *c;
    }
    snprintf(value + n, sizeof value - n, "\", charset=\"UTF-8\"");
    ss_api_refuse(t, &(ss_failure_t){.code = SS_RPC_NOT_AUTHENTICATED}, 0,
                  &(ss_api_header_t){"WWW-Authenticate", value});
}

static void refuse(const ss_api_target_t *t, int code, unsigned status, const char *message) {
    ss_api_refuse(t, &(ss_failure_t){.code = code, .message = message}, status, NULL);
}

/* --- the module's answer --------------------------------------------------------------------- */

/* {"success":true,"user_id":"ann"}; an id may be a number.  false: it is neither yes nor no. */
static bool read_answer(const ss_result_t *result, bool *yes, char user[SS_USER_ID_MAX + 1]) {
    json_t *json = result->json != NULL
                       ? json_incref((json_t *)result->json)
                       : json_loadb(result->text.ptr, result->text.len, JSON_DECODE_ANY, NULL);
    const json_t *id = json_object_get(json, "user_id");
    *yes = json_is_true(json_object_get(json, "success"));
    *user = '\0';
    if (json_is_integer(id)) {
        snprintf(user, SS_USER_ID_MAX + 1, "%lld", (long long)json_integer_value(id));
    } else if (ss_name_text_good(json_string_value(id), SS_USER_ID_MAX)) {
        snprintf(user, SS_USER_ID_MAX + 1, "%s", json_string_value(id));
    }
    bool good = json_is_object(json) && (!*yes || *user != '\0');
    json_decref(json);
    return good;
}

/* The code was changed meanwhile, perhaps. */
static void run(const ss_api_target_t *t, const struct ss_api_auth *a, const char *user) {
    ss_link_request_t request;
    if (!a->action->active || !ss_link_decode_request(a->message, a->len, &request)) {
        refuse(t, SS_RPC_UNAVAILABLE, 0, NULL);
    } else {
        ss_api_run(t, &request, a->action, user);
    }
}

static void finish(const ss_api_target_t *t, const ss_request_t *r, const ss_result_t *result) {
    const char *module = t->peer->sidecar->options.api.module;
    char user[SS_USER_ID_MAX + 1];
    bool yes;
    if (!read_answer(result, &yes, user)) {
        ss_log(SS_LOG_ERROR,
               "%s: the authentication module must answer {success: true, user_id: …} or "
               "{success: false}",
               module);
        refuse(t, SS_RPC_UNAVAILABLE, 0, NULL);
    } else if (yes) {
        run(t, r->auth, user);
    } else {
        ss_log(SS_LOG_WARNING, "%s: %s does not let in '%s' from %s", r->auth->action->name, module,
               r->auth->user, r->address);
        challenge(t);
    }
}

static void on_answer(ss_request_t *r, const ss_result_t *result, const ss_failure_t *failure) {
    ss_api_target_t t = {r->peer, r->slot, r->generation};
    if (ss_client_find(&r->peer->clients, r->slot, r->generation) == NULL) {
        /* cancelled */
    } else if (failure == NULL) {
        finish(&t, r, result);
    } else {
        ss_log(SS_LOG_ERROR, "the authentication module %s failed with %d",
               t.peer->sidecar->options.api.module, failure->code);
        refuse(&t, failure->code == SS_RPC_TIMEOUT ? SS_RPC_TIMEOUT : SS_RPC_UNAVAILABLE, 0, NULL);
    }
    waiting.count--;
    waiting.bytes -= r->auth->len;
    free(r->auth->message);
    free(r->auth);
}

/* --- asking it ------------------------------------------------------------------------------- */

/* Of no client: it stands in no registry. */
static char question_name[] = QUESTION;
static ss_action_entry_t question = {
    .name = question_name, .name_len = sizeof QUESTION - 1, .index = UINT32_MAX, .active = true};

/* The application's JavaScript, or else the first command; NULL: there are no hosts. */
static ss_host_group_t *find_group(void) {
    ss_host_group_t *group = ss_host_groups();
    while (group != NULL && !group->scripts) {
        group = group->next;
    }
    return group != NULL ? group : ss_host_groups();
}

bool ss_api_auth_in_c(const ss_sidecar_t *sidecar) {
    return ss_module_authenticator(&sidecar->modules, sidecar->options.api.module) != NULL;
}

void ss_api_auth_tell_missing(const ss_sidecar_t *sidecar, const char *why, ss_buf_t *out) {
    const char *module = sidecar->options.api.module;
    ss_buf_printf(out,
                  "api.auth.basic.module_name is \"%s\", but %s, and no module of that name in "
                  "app/server exports ss_module_authenticate(): correct the name, or make one "
                  "(docs/HTTP_API.md)",
                  module, why);
}

bool ss_api_auth_check(const ss_sidecar_t *sidecar, ss_buf_t *error) {
    const ss_api_options_t *api = &sidecar->options.api;
    if (api->module[0] == '\0' || ss_api_auth_in_c(sidecar) || find_group() != NULL) {
        return true;
    }
    ss_buf_printf(error, "%s: ", api->module_origin);
    ss_api_auth_tell_missing(sidecar, "there is no JavaScript", error);
    return false;
}

/* One of both is there since ss_api_auth_check(). */
static void find_module(const ss_sidecar_t *sidecar) {
    question.run = ss_module_authenticator(&sidecar->modules, sidecar->options.api.module);
    question.group = question.run != NULL ? NULL : find_group();
}

/* As an action of C gets it, or behind the module's name for a host. */
static void write_params(ss_params_t *params, const char *module, const ss_api_credentials_t *c) {
    if (question.group == NULL) {
        params->list = json_pack("[{s:s, s:s}]", "username", c->text, "password", c->password);
        return;
    }
    ss_buf_t b = {0};
    ss_buf_literal(&b, "[");
    ss_buf_json_string(&b, module, strlen(module));
    ss_buf_literal(&b, ",{\"username\":");
    ss_buf_json_string(&b, c->text, strlen(c->text));
    ss_buf_literal(&b, ",\"password\":");
    ss_buf_json_string(&b, c->password, strlen(c->password));
    ss_buf_literal(&b, "}]");
    params->owned = b.data;
    params->text = (ss_span_t){b.data, b.len};
}

static const ss_transport_t transport = {"http", on_answer, false};

static struct ss_api_auth *keep(const ss_action_entry_t *action, ss_span_t message,
                                const char *user) {
    struct ss_api_auth *a = ss_alloc(sizeof *a);
    a->action = action;
    a->message = ss_copy(message.ptr, message.len);
    a->len = message.len;
    snprintf(a->user, sizeof a->user, "%s", user);
    waiting.count++;
    waiting.bytes += a->len;
    return a;
}

static void ask(const ss_api_target_t *t, const ss_link_request_t *request,
                const ss_action_entry_t *action, ss_span_t message,
                const ss_api_credentials_t *credentials) {
    const ss_sidecar_t *sidecar = t->peer->sidecar;
    ss_params_t params = {0};
    bool room = waiting.count < SS_API_AUTHS_MAX && waiting.bytes + message.len <= SS_API_HELD_MAX;
    find_module(sidecar);
    ss_request_t *r = room ? ss_request_open(t->peer, &question, &transport, request->address.ptr,
                                             request->address.len)
                           : NULL;
    if (r == NULL) {
        refuse(t, SS_RPC_UNAVAILABLE, 0, NULL);
        return;
    }
    r->slot = t->slot;
    r->generation = t->generation;
    r->unlogged = true;
    r->auth = keep(action, message, credentials->text);
    write_params(&params, sidecar->options.api.module, credentials);
    ss_request_run(r, &params);
}

void ss_api_auth(const ss_api_target_t *t, const ss_link_request_t *request,
                 const ss_action_entry_t *action, ss_span_t message) {
    ss_api_credentials_t credentials;
    bool private = (request->flags & SS_LINK_OPEN_TLS) != 0;
    if (!private && !t->peer->sidecar->options.api.allow_http) {
        /* Without a prompt: a password that was not asked for is not sent in the clear. */
        refuse(t, SS_RPC_NOT_AUTHENTICATED, 403, "Not authenticated: passwords need HTTPS");
        return;
    }
    switch (ss_api_credentials_read(&credentials, ss_api_header(request, "authorization"))) {
    case SS_API_CREDENTIALS_GOOD:
        ask(t, request, action, message, &credentials);
        break;
    case SS_API_CREDENTIALS_NONE:
        challenge(t);
        break;
    case SS_API_CREDENTIALS_BAD:
        refuse(t, SS_RPC_INVALID_REQUEST, 400,
               "The Authorization header is no Basic Auth: base64 of name:password in UTF-8");
        break;
    }
    OPENSSL_cleanse(&credentials, sizeof credentials);
}
