/* SPDX-License-Identifier: MIT
 *
 * The API as an OpenAPI 3.1 document: see api_root.h.
 *
 * What parameters an action takes only its code knows, so they are described as what they may be:
 * any names in a query, any JSON in a body.  Errors come from the table in shared/ss_errors.h.
 */
#include "api_root.h"

#include "ss_errors.h"

static const struct {
    int code;
    const char *name;
    const char *message;
    unsigned status;
} errors[] = {
#define X(code, name, message, status, retryable) {code, #name, message, status},
    SS_RPC_ERRORS(X)
#undef X
};
#define N_ERRORS (sizeof errors / sizeof errors[0])

/* --- errors ---------------------------------------------------------------------------------- */

/* Known codes, and any number: actions may have codes of their own. */
static json_t *code_schema(void) {
    json_t *any = json_array();
    for (size_t i = 0; i < N_ERRORS; i++) {
        json_array_append_new(any, json_pack("{s:i, s:s, s:s}", "const", errors[i].code, "title",
                                             errors[i].name, "description", errors[i].message));
    }
    json_array_append_new(any, json_pack("{s:s, s:s}", "type", "integer", "description",
                                         "A code of the application's own"));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *error_schema(void) {
    json_t *error =
        json_pack("{s:s, s:[s,s], s:{s:o, s:{s:s}, s:{s:s}}}", "type", "object", "required", "code",
                  "message", "properties", "code", code_schema(), "message", "type", "string",
                  "data", "description", "More about it, if there is more to say");
    return json_pack("{s:s, s:[s], s:{s:o}}", "type", "object", "required", "error", "properties",
                     "error", error);
}

/* All messages of a status: "Parse error, or Invalid request". */
static json_t *describe(unsigned status) {
    ss_buf_t text = {0};
    for (size_t i = 0; i < N_ERRORS; i++) {
        if (errors[i].status == status) {
            ss_buf_printf(&text, "%s%s", text.len == 0 ? "" : ", or ", errors[i].message);
        }
    }
    json_t *json = json_string(ss_buf_string(&text));
    ss_buf_free(&text);
    return json;
}

/* What an action's caller can get.  The path is that of an action, so 404 is not among it. */
static bool listed(unsigned status, bool guarded) {
    return status != 404 && (status != 401 || guarded);
}

static json_t *error_responses(bool guarded) {
    json_t *responses = json_object();
    char name[16];
    for (size_t i = 0; i < N_ERRORS; i++) {
        snprintf(name, sizeof name, "%u", errors[i].status);
        if (listed(errors[i].status, guarded) && json_object_get(responses, name) == NULL) {
            json_object_set_new(responses, name,
                                json_pack("{s:o, s:{s:{s:{s:s}}}}", "description",
                                          describe(errors[i].status), "content", "application/json",
                                          "schema", "$ref", "#/components/schemas/Error"));
        }
    }
    return responses;
}

/* --- actions --------------------------------------------------------------------------------- */

typedef struct {
    json_t *paths;
    bool basic;   /* Basic Auth is configured */
    bool guarded; /* an action for signed-in users has come */
} document_t;

/* References to components/responses, behind the result. */
static json_t *responses(bool guarded) {
    json_t *all = json_pack("{s:{s:s, s:{s:{s:{}}}}}", "200", "description", "The action's result",
                            "content", "application/json", "schema");
    char name[48];
    for (size_t i = 0; i < N_ERRORS; i++) {
        if (listed(errors[i].status, guarded)) {
            snprintf(name, sizeof name, "#/components/responses/%u", errors[i].status);
            json_object_set_new(all, strrchr(name, '/') + 1, json_pack("{s:s}", "$ref", name));
        }
    }
    return all;
}

static json_t *operation(const document_t *d, const ss_api_shown_t *shown, const char *method) {
    char id[SS_RPC_METHOD_MAX + 8];
    snprintf(id, sizeof id, "%s.%s", shown->action->name, method);
    json_t *op = json_pack("{s:s, s:s, s:o}", "operationId", id, "summary", shown->action->name,
                           "responses", responses(shown->guarded));
    if (shown->guarded) {
        json_object_set_new(op, "description", json_string("For signed-in users."));
    }
    if (shown->guarded && d->basic) {
        json_object_set_new(op, "security", json_pack("[{s:[]}]", "basic"));
    }
    return op;
}

static json_t *query(void) {
    return json_pack(
        "[{s:s, s:s, s:s, s:s, s:b, s:{s:s, s:b}}]", "name", "params", "in", "query", "description",
        "Any names and values become one object, the action's one parameter. A single "
        "value without a name, as in ?25, is the parameter itself.",
        "style", "form", "explode", 1, "schema", "type", "object", "additionalProperties", 1);
}

static json_t *body(void) {
    return json_pack("{s:s, s:{s:{s:{}}}}", "description",
                     "An array holds the action's parameters; anything else is its one parameter.",
                     "content", "application/json", "schema");
}

static void add_path(const ss_api_shown_t *shown, void *arg) {
    document_t *d = arg;
    char path[SS_RPC_METHOD_MAX + 2];
    json_t *get = operation(d, shown, "get");
    json_t *post = operation(d, shown, "post");
    json_object_set_new(get, "parameters", query());
    json_object_set_new(post, "requestBody", body());
    snprintf(path, sizeof path, "/%s", shown->path);
    json_object_set_new(d->paths, path, json_pack("{s:o, s:o}", "get", get, "post", post));
    d->guarded = d->guarded || shown->guarded;
}

/* --- the document ---------------------------------------------------------------------------- */

static json_t *info(const ss_api_about_t *about) {
    json_t *json = json_pack("{s:s, s:s}", "title", about->name, "version", about->version);
    if (*about->description != '\0') {
        json_object_set_new(json, "description", json_string(about->description));
    }
    if (*about->license != '\0') {
        json_object_set_new(
            json, "license",
            json_pack("{s:s, s:s}", "name", about->license, "identifier", about->license));
    }
    return json;
}

static json_t *components(const document_t *d) {
    json_t *json = json_pack("{s:{s:o}}", "schemas", "Error", error_schema());
    json_object_set_new(json, "responses", error_responses(d->guarded));
    if (d->guarded && d->basic) {
        json_object_set_new(
            json, "securitySchemes",
            json_pack("{s:{s:s, s:s}}", "basic", "type", "http", "scheme", "basic"));
    }
    return json;
}

json_t *ss_api_openapi(const ss_sidecar_t *sidecar, const ss_api_about_t *about) {
    const ss_api_options_t *o = &sidecar->options.api;
    document_t d = {.paths = json_object(), .basic = *o->module != '\0'};
    char url[SS_API_PREFIX_MAX + 2];
    snprintf(url, sizeof url, "/%s", o->prefix);
    ss_api_each_action(&sidecar->registry, add_path, &d);
    json_t *json = json_pack("{s:s, s:o, s:[{s:s}], s:[], s:o}", "openapi", "3.1.0", "info",
                             info(about), "servers", "url", url, "security", "paths", d.paths);
    if (json_object_size(d.paths) != 0) { /* else nothing would use them */
        json_object_set_new(json, "components", components(&d));
    }
    return json;
}
