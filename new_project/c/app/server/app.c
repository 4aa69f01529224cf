/* SS.server.app.… of the browser: what may be called from there, and nothing else.  It runs within
 * the sidecar, see docs/ACTIONS_C.md. */
#include <socketstream.h>

static void square(ss_req *req, json_t *params) {
    json_int_t n = json_integer_value(json_array_get(params, 0));
    ss_reply(req, json_integer(n * n));
}

static void waved(ss_req *req, int code, void *arg) {
    (void)arg;
    if (code == 0) {
        ss_reply(req, json_true());
    } else {
        ss_error(req, code, NULL);
    }
}

/* Tells everybody who is connected. */
static void wave(ss_req *req, json_t *params) {
    const char *name = json_string_value(json_array_get(params, 0));
    if (name == NULL) {
        ss_error(req, SS_ERROR_INVALID_PARAMS, "wave expects a name");
        return;
    }
    ss_publish_broadcast(req, "wave", json_string(name), waved, NULL);
}

SS_ACTIONS = {{"square", square}, {"wave", wave}};
