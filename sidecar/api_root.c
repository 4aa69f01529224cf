/* SPDX-License-Identifier: MIT
 *
 * See api_root.h.
 */
#include "api_root.h"

#include <limits.h>
#include <stdlib.h>

#include "json_writer.h"
#include "log.h"
#include "mem.h"

#define DOCUMENT "openapi"
#define HOST_MAX 255 /* bytes of a Host header that is shown */

static ss_api_about_t about;

/* --- the application ------------------------------------------------------------------------- */

static char *member(const json_t *json, const char *name, const char *otherwise) {
    const json_t *value = json_object_get(json, name);
    const char *text = json_string_length(value) != 0 ? json_string_value(value) : otherwise;
    return ss_copy(text, strlen(text));
}

void ss_api_root_init(const char *app_dir) {
    char dir[PATH_MAX];
    ss_buf_t path = {0};
    ss_buf_printf(&path, "%s/package.json", app_dir);
    json_t *package = json_load_file(ss_buf_string(&path), 0, NULL);
    const char *slash = realpath(app_dir, dir) == NULL ? NULL : strrchr(dir, '/');
    about = (ss_api_about_t){
        .name = member(package, "name", slash == NULL || slash[1] == '\0' ? "app" : slash + 1),
        .version = member(package, "version", "0.0.0"),
        .description = member(package, "description", ""),
        .license = member(package, "license", ""),
    };
    json_decref(package);
    ss_buf_free(&path);
}

void ss_api_root_finish(void) {
    free(about.name);
    free(about.version);
    free(about.description);
    free(about.license);
    about = (ss_api_about_t){0};
}

void ss_api_each_action(const ss_registry_t *registry,
                        void (*show)(const ss_api_shown_t *shown, void *arg), void *arg) {
    json_t *names = ss_registry_names(registry);
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name) {
        ss_api_shown_t shown;
        size_t len = json_string_length(name);
        shown.action = ss_registry_find(registry, json_string_value(name), len);
        shown.guarded = (shown.action->flags & SS_AUTHENTICATED) != 0;
        memcpy(shown.path, json_string_value(name), len + 1);
        for (char *c = shown.path; *c != '\0'; c++) {
            *c = *c == '.' ? '/' : *c;
        }
        show(&shown, arg);
    }
    json_decref(names);
}

/* --- which of the two ------------------------------------------------------------------------ */

static bool mentions(ss_span_t accept, const char *type) {
    return accept.ptr != NULL && memmem(accept.ptr, accept.len, type, strlen(type)) != NULL;
}

/* Browsers accept anything, but HTML first. */
static bool wants_json(const ss_link_request_t *request) {
    ss_span_t accept = ss_api_header(request, "accept");
    return mentions(accept, "application/json") && !mentions(accept, "text/html");
}

/* "https://example.com/api", as the requester sees it.  What stands in Host is its own affair, but
 * only a name and a port go into text that is to be copied into a shell. */
static void write_base(ss_buf_t *b, const ss_link_request_t *request, const char *prefix) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-.:[]";
    ss_span_t host = ss_api_header(request, "host");
    char name[HOST_MAX + 1] = "";
    if (host.ptr != NULL && host.len <= HOST_MAX) {
        memcpy(name, host.ptr, host.len);
        name[host.len] = '\0';
    }
    bool usable = *name != '\0' && strlen(name) == host.len && strspn(name, good) == host.len;
    ss_buf_printf(b, "%s://%s/%s", (request->flags & SS_LINK_OPEN_TLS) != 0 ? "https" : "http",
                  usable ? name : "localhost", prefix);
}

static void respond(const ss_api_target_t *t, const ss_buf_t *body, const char *type,
                    const ss_api_header_t *more, size_t n) {
    if (body->len > t->peer->max_answer) {
        ss_log(SS_LOG_WARNING, "the description of the API is larger than the worker takes");
        ss_api_refuse(t, &(ss_failure_t){.code = SS_RPC_TOO_LARGE}, 500, NULL);
        return;
    }
    ss_buf_append(ss_api_begin(t, 200, type, more, n), body->data, body->len);
    ss_api_end(t);
}

static void respond_page(const ss_api_target_t *t, const ss_link_request_t *request) {
    const ss_api_header_t more[] = {
        {"Content-Security-Policy", ss_api_page_policy},
        {"Referrer-Policy", "no-referrer"},
        {"Vary", "Accept"},
    };
    const ss_sidecar_t *sidecar = t->peer->sidecar;
    ss_buf_t base = {0};
    ss_buf_t body = {0};
    write_base(&base, request, sidecar->options.api.prefix);
    ss_api_page_write(&body, sidecar, &about, ss_buf_string(&base));
    respond(t, &body, "text/html; charset=utf-8", more, sizeof more / sizeof more[0]);
    ss_buf_free(&base);
    ss_buf_free(&body);
}

static void respond_document(const ss_api_target_t *t) {
    ss_buf_t body = {0};
    json_t *document = ss_api_openapi(t->peer->sidecar, &about);
    ss_json_write(&body, document, SS_ANSWER_MAX);
    respond(t, &body, "application/json", &(ss_api_header_t){"Vary", "Accept"}, 1);
    json_decref(document);
    ss_buf_free(&body);
}

bool ss_api_root(const ss_api_target_t *t, const ss_link_request_t *request) {
    const ss_registry_t *registry = &t->peer->sidecar->registry;
    bool document = ss_api_equals(request->path, DOCUMENT ".json") &&
                    ss_registry_find(registry, DOCUMENT, strlen(DOCUMENT)) == NULL;
    if (!document && request->path.len != 0) {
        return false;
    }
    if (!ss_api_equals(request->method, "GET") && !ss_api_equals(request->method, "HEAD")) {
        ss_api_refuse(t, &(ss_failure_t){SS_RPC_INVALID_REQUEST, "Method not allowed", NULL}, 405,
                      &(ss_api_header_t){"Allow", "GET, HEAD"});
    } else if (document || wants_json(request)) {
        respond_document(t);
    } else {
        respond_page(t, request);
    }
    return true;
}
