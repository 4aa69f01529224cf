/* SPDX-License-Identifier: MIT
 *
 * See api.h.
 */
#include "api.h"

#include <strings.h>

#include "api_auth.h"
#include "api_root.h"
#include "json_writer.h"
#include "log.h"
#include "login.h"
#include "missing.h"
#include "params.h"
#include "relay.h"
#include "request.h"

#define HEAD_MAX 2048 /* bytes of a RESPONSE before its body */

static ss_span_t text(const char *s) { return (ss_span_t){s, strlen(s)}; }

bool ss_api_equals(ss_span_t span, const char *s) {
    return span.len == strlen(s) && strncasecmp(span.ptr, s, span.len) == 0;
}

ss_span_t ss_api_header(const ss_link_request_t *request, const char *name) {
    ss_reader_t headers = request->headers;
    ss_link_pair_t pair;
    while (ss_link_next_pair(&headers, &pair)) {
        if (ss_api_equals(pair.name, name)) {
            return (ss_span_t){pair.value.len == 0 ? "" : pair.value.ptr, pair.value.len};
        }
    }
    return (ss_span_t){NULL, 0};
}

/* --- answers --------------------------------------------------------------------------------- */

/* Headers that every answer has. */
static void begin_head(ss_writer_t *w, ss_buf_t *b, unsigned status, const char *type,
                       ss_link_pairs_t *pairs) {
    *w = ss_writer(ss_buf_reserve(b, HEAD_MAX), HEAD_MAX);
    ss_link_encode_response(w, (uint16_t)status, pairs);
    ss_link_add_pair(pairs, text("Content-Type"), text(type));
    ss_link_add_pair(pairs, text("Cache-Control"), text("no-store"));
    ss_link_add_pair(pairs, text("X-Content-Type-Options"), text("nosniff"));
}

ss_buf_t *ss_api_begin(const ss_api_target_t *t, unsigned status, const char *type,
                       const ss_api_header_t *more, size_t n) {
    ss_buf_t *b = ss_peer_begin(t->peer);
    ss_writer_t w;
    ss_link_pairs_t pairs;
    begin_head(&w, b, status, type, &pairs);
    for (size_t i = 0; i < n; i++) {
        ss_link_add_pair(&pairs, text(more[i].name), text(more[i].value));
    }
    b->len += ss_written(&w);
    return b;
}

/* The worker forgets the slot with the answer, and so do we. */
void ss_api_end(const ss_api_target_t *t) {
    ss_peer_end(t->peer, SS_LINK_RESPONSE, t->slot, t->generation, 0);
    ss_client_remove(&t->peer->clients, t->slot);
}

static void write_retry_after(char seconds[24], const json_t *data) {
    double ms = json_number_value(json_object_get(data, "retry_after_ms"));
    long wait = ms > 1000 && ms < 86400000 ? (long)((ms + 999) / 1000) : 1;
    snprintf(seconds, 24, "%ld", wait);
}

void ss_api_refuse(const ss_api_target_t *t, const ss_failure_t *failure, unsigned status,
                   const ss_api_header_t *more) {
    ss_api_header_t headers[2];
    char seconds[24];
    size_t n = 0;
    status = status != 0 ? status : ss_rpc_error(failure->code)->http_status;
    if (status == 429 || status == 503) {
        write_retry_after(seconds, failure->data);
        headers[n++] = (ss_api_header_t){"Retry-After", seconds};
    }
    if (more != NULL) {
        headers[n++] = *more;
    }
    ss_buf_t *b = ss_api_begin(t, status, "application/json", headers, n);
    ss_buf_literal(b, "{\"error\":");
    ss_failure_write(b, failure);
    ss_buf_literal(b, "}");
    ss_api_end(t);
}

/* "users.online.now" is saved as now.json. */
static void add_attachment(ss_link_pairs_t *pairs, const char *action) {
    char value[SS_RPC_METHOD_MAX + 64];
    const char *dot = strrchr(action, '.');
    snprintf(value, sizeof value, "attachment; filename=\"%s.json\"",
             dot == NULL ? action : dot + 1);
    ss_link_add_pair(pairs, text("Content-Disposition"), text(value));
}

static void respond_result(const ss_api_target_t *t, const ss_request_t *r,
                           const ss_result_t *result) {
    ss_buf_t *b = ss_peer_begin(t->peer);
    size_t start = b->len;
    ss_writer_t w;
    ss_link_pairs_t pairs;
    begin_head(&w, b, 200, "application/json", &pairs);
    if (r->attachment) {
        add_attachment(&pairs, r->action->name);
    }
    b->len += ss_written(&w);
    ss_json_write_t rc = ss_result_write(b, result, t->peer->max_answer);
    if (rc == SS_JSON_WRITTEN) {
        ss_api_end(t);
        return;
    }
    b->len = start - SS_LINK_HEADER;
    ss_log(SS_LOG_WARNING, "%s: its result %s", r->action->name,
           rc == SS_JSON_BROKEN ? "is not valid JSON" : "is larger than the worker takes");
    ss_failure_t failure = {.code = rc == SS_JSON_BROKEN ? SS_RPC_INTERNAL : SS_RPC_TOO_LARGE};
    /* 413 is about what the client sent; here it is the server that cannot. */
    ss_api_refuse(t, &failure, 500, NULL);
}

static void answer(ss_request_t *r, const ss_result_t *result, const ss_failure_t *failure) {
    ss_api_target_t t = {r->peer, r->slot, r->generation};
    if (ss_client_find(&r->peer->clients, r->slot, r->generation) == NULL) {
        return; /* cancelled */
    }
    if (failure != NULL) {
        ss_api_refuse(&t, failure, 0, NULL);
    } else {
        respond_result(&t, r, result);
    }
}

static const ss_transport_t transport = {"http", answer, false};

static void refuse(const ss_api_target_t *t, int code, const char *message) {
    ss_api_refuse(t, &(ss_failure_t){.code = code, .message = message}, 0, NULL);
}

/* --- requests -------------------------------------------------------------------------------- */

#define DOWNLOAD ".json"

/* Whether the answer is to be saved as a file. */
static bool is_download(ss_span_t path) {
    const size_t len = sizeof DOWNLOAD - 1;
    return path.len > len && memcmp(path.ptr + path.len - len, DOWNLOAD, len) == 0;
}

/* "users/online/now" becomes users.online.now.  One action has one path: a dot names nothing.
 * Gives the name's length; 0: it can be none. */
static size_t read_name(ss_span_t path, char name[SS_RPC_METHOD_MAX]) {
    if (path.len == 0 || path.len > SS_RPC_METHOD_MAX || memchr(path.ptr, '.', path.len) != NULL) {
        return 0;
    }
    for (size_t i = 0; i < path.len; i++) {
        name[i] = path.ptr[i];
        if (name[i] == '/') {
            name[i] = '.';
        }
    }
    return path.len;
}

static const ss_action_entry_t *look_up(const ss_registry_t *registry, ss_span_t path) {
    char name[SS_RPC_METHOD_MAX];
    size_t len = read_name(path, name);
    return len == 0 ? NULL : ss_registry_find(registry, name, len);
}

/* "app/square.xml", of an action that there is. */
static bool is_unknown_format(const ss_registry_t *registry, ss_span_t path, ss_span_t *format) {
    const char *dot = path.len == 0 ? NULL : memrchr(path.ptr, '.', path.len);
    if (dot == NULL) {
        return false;
    }
    *format = (ss_span_t){dot + 1, path.len - (size_t)(dot + 1 - path.ptr)};
    return look_up(registry, (ss_span_t){path.ptr, (size_t)(dot - path.ptr)}) != NULL;
}

static void refuse_path(const ss_api_target_t *t, ss_span_t path) {
    const ss_registry_t *registry = &t->peer->sidecar->registry;
    char why[SS_MISSING_MAX];
    char name[SS_RPC_METHOD_MAX];
    size_t len = read_name(path, name);
    ss_span_t format;
    ss_failure_t failure = {.code = SS_RPC_METHOD_NOT_FOUND};
    if (len != 0) {
        failure = ss_missing_failure(registry, name, len, why);
    } else if (is_unknown_format(registry, path, &format)) {
        snprintf(why, sizeof why, "Unable to find the '%.*s' format. There is json alone",
                 format.len < 20 ? (int)format.len : 20, format.ptr);
        failure.message = why;
    }
    ss_api_refuse(t, &failure, 0, NULL);
}

/* The action; NULL when the request has been answered. */
static const ss_action_entry_t *find_action(const ss_api_target_t *t, ss_span_t path) {
    if (is_download(path)) {
        path.len -= sizeof DOWNLOAD - 1;
    }
    const ss_action_entry_t *action = look_up(&t->peer->sidecar->registry, path);
    if (action == NULL) {
        refuse_path(t, path);
    }
    return action;
}

/* true for application/json, with any parameters. */
static bool is_json(ss_span_t value) {
    const char *semicolon = value.len == 0 ? NULL : memchr(value.ptr, ';', value.len);
    if (semicolon != NULL) {
        value.len = (size_t)(semicolon - value.ptr);
    }
    while (value.len != 0 &&
           (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t')) {
        value.len--;
    }
    return ss_api_equals(value, "application/json");
}

/* A body without a type is refused too; only nothing at all needs none. */
bool ss_api_body_acceptable(const ss_link_request_t *request) {
    ss_span_t type = ss_api_header(request, "content-type");
    return type.ptr == NULL ? request->body.len == 0 : is_json(type);
}

/* RFC 9110, 8.4.1: identity is no coding. */
static bool is_plain(ss_span_t coding) {
    return coding.len == 0 || ss_api_equals(coding, "identity");
}

/* The parameters; false when the request has been answered. */
static bool take_params(const ss_api_target_t *t, const ss_link_request_t *request,
                        ss_params_t *params, bool as_text) {
    const char *error = NULL;
    bool malformed = false;
    bool taken;
    if (ss_api_equals(request->method, "GET") || ss_api_equals(request->method, "HEAD")) {
        taken = ss_params_query(params, request->args, as_text, &error);
    } else if (!ss_api_equals(request->method, "POST")) {
        ss_api_refuse(t, &(ss_failure_t){SS_RPC_INVALID_REQUEST, "Method not allowed", NULL}, 405,
                      &(ss_api_header_t){"Allow", "GET, HEAD, POST"});
        return false;
    } else if (!ss_api_body_acceptable(request)) {
        ss_api_refuse(
            t, &(ss_failure_t){SS_RPC_INVALID_REQUEST, "The body must be application/json", NULL},
            415, NULL);
        return false;
    } else if (!is_plain(ss_api_header(request, "content-encoding"))) {
        ss_api_refuse(t,
                      &(ss_failure_t){SS_RPC_INVALID_REQUEST,
                                      "The body must come as it is, without Content-Encoding",
                                      NULL},
                      415, &(ss_api_header_t){"Accept-Encoding", "identity"});
        return false;
    } else {
        taken = ss_params_body(params, request->body, as_text, &malformed, &error);
    }
    if (!taken) {
        refuse(t, malformed ? SS_RPC_PARSE : SS_RPC_INVALID_PARAMS, malformed ? NULL : error);
    }
    return taken;
}

void ss_api_run(const ss_api_target_t *t, const ss_link_request_t *request,
                const ss_action_entry_t *action, const char *user) {
    ss_params_t params = {0};
    if (!take_params(t, request, &params, action->group != NULL)) {
        return;
    }
    ss_request_t *r =
        ss_request_open(t->peer, action, &transport, request->address.ptr, request->address.len);
    if (r == NULL) {
        ss_params_free(&params);
        refuse(t, SS_RPC_TOO_MANY_CALLS, NULL);
        return;
    }
    r->slot = t->slot;
    r->generation = t->generation;
    r->attachment = is_download(request->path);
    r->user = user == NULL ? NULL : ss_copy(user, strlen(user));
    r->http = request;
    ss_request_run(r, &params);
}

/* What the configuration allows; false when the request has been answered. */
static bool admit(const ss_api_target_t *t, const ss_link_request_t *request) {
    const ss_api_options_t *o = &t->peer->sidecar->options.api;
    if (!o->enabled) {
        refuse(t, SS_RPC_METHOD_NOT_FOUND, "The HTTP API is off");
        return false;
    }
    if (o->https_only && (request->flags & SS_LINK_OPEN_TLS) == 0) {
        ss_api_refuse(t, &(ss_failure_t){SS_RPC_INVALID_REQUEST, "The API needs HTTPS", NULL}, 403,
                      NULL);
        return false;
    }
    return true;
}

static void call(const ss_api_target_t *t, const ss_link_request_t *request, ss_span_t message) {
    const char *module = t->peer->sidecar->options.api.module;
    if (!admit(t, request) || ss_api_root(t, request)) {
        return;
    }
    const ss_action_entry_t *action = find_action(t, request->path);
    if (action == NULL) {
        return;
    }
    int code = ss_request_guard(action, NULL);
    if (code == SS_RPC_NOT_AUTHENTICATED && module != NULL && *module != '\0') {
        ss_api_auth(t, request, action, message);
    } else if (code != 0) {
        refuse(t, code, NULL);
    } else {
        ss_api_run(t, request, action, NULL);
    }
}

void ss_api_request(ss_peer_t *peer, const ss_link_header_t *h, ss_span_t message, int refused) {
    ss_api_target_t t = {peer, h->slot, h->generation};
    ss_link_request_t request;
    if (refused != 0) {
        refuse(&t, refused, NULL);
    } else if (!ss_link_decode_request(message.ptr, message.len, &request)) {
        ss_peer_fail(peer, "malformed REQUEST");
    } else if ((request.flags & SS_LINK_REQUEST_STREAM) != 0) {
        ss_relay_request(&t, &request);
    } else if ((request.flags & SS_LINK_REQUEST_SESSION) != 0) {
        ss_login_exchange(&t, &request);
    } else {
        call(&t, &request, message);
    }
}
