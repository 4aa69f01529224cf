/* SPDX-License-Identifier: MIT
 *
 * Actions that behave: what a sidecar must carry.
 */
#include <socketstream.h>

#include <string.h>

static int started;

int ss_module_start(void) {
    started = 1;
    return 0;
}

static void square(ss_req *req, json_t *params) {
    const json_t *n = json_array_get(params, 0);
    if (!json_is_integer(n)) {
        ss_error(req, SS_ERROR_INVALID_PARAMS, "app.square takes an integer");
        return;
    }
    ss_reply(req, json_integer(json_integer_value(n) * json_integer_value(n)));
}

static void params_as_they_came(ss_req *req, json_t *params) { ss_reply(req, json_incref(params)); }

static void facts(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_pack("{s:s, s:s, s:s, s:b, s:b}", "address", ss_address(req), "transport",
                            ss_transport(req), "action", ss_action_name(req), "pending",
                            ss_pending(req), "started", started));
}

/* fail(code, message, data) */
static void fail(ss_req *req, json_t *params) {
    int code = (int)json_integer_value(json_array_get(params, 0));
    const char *message = json_string_value(json_array_get(params, 1));
    json_t *data = json_array_get(params, 2);
    if (message == NULL) {
        ss_error(req, code, NULL);
    } else if (data == NULL) {
        ss_error(req, code, "%s", message);
    } else {
        ss_error_data(req, code, json_incref(data), "%s", message);
    }
}

/* text(n): n bytes */
static void text(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 0));
    char *bytes = malloc((size_t)n + 1);
    memset(bytes, 'x', (size_t)n);
    ss_reply(req, json_stringn(bytes, (size_t)n));
    free(bytes);
}

static void reply_with(ss_req *req, void *arg) { ss_reply(req, arg); }

/* later(ms, value) */
static void later(ss_req *req, json_t *params) {
    json_t *value = json_array_get(params, 1);
    ss_after(req, (uint32_t)json_integer_value(json_array_get(params, 0)), reply_with,
             value == NULL ? json_null() : json_incref(value));
}

static void reply_with_text(ss_req *req, void *arg) {
    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    ss_reply(req, json_stringn(bytes, (size_t)(uintptr_t)arg));
}

/* lateText(ms, n): n bytes, made only when they are sent */
static void late_text(ss_req *req, json_t *params) {
    ss_after(req, (uint32_t)json_integer_value(json_array_get(params, 0)), reply_with_text,
             (void *)(uintptr_t)json_integer_value(json_array_get(params, 1)));
}

typedef struct {
    json_int_t n;
    json_int_t sum;
} job_t;

static void add_up(void *arg) {
    job_t *job = arg;
    for (json_int_t i = 1; i <= job->n; i++) {
        job->sum += i;
    }
    ss_log(SS_LOG_NOTICE, "added up to %lld", (long long)job->n);
}

static void added_up(ss_req *req, void *arg) {
    job_t *job = arg;
    ss_reply(req, json_integer(job->sum));
    free(job);
}

/* sum(n): 1 + 2 + … + n, on a thread */
static void sum(ss_req *req, json_t *params) {
    job_t *job = calloc(1, sizeof *job);
    job->n = json_integer_value(json_array_get(params, 0));
    ss_work(req, add_up, added_up, job);
}

SS_ACTIONS = {
    {"square", square},
    {"params", params_as_they_came},
    {"facts", facts},
    {"fail", fail},
    {"text", text},
    {"later", later},
    {"lateText", late_text},
    {"sum", sum},
    {"deep.er", params_as_they_came},
};
