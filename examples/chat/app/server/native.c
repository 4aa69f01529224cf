/* SPDX-License-Identifier: MIT
 *
 * The demo's first actions: native.square, native.echo and native.slow.
 */
#include <socketstream.h>

#define SLOW_DEFAULT_MS 1000
#define SLOW_MAX_MS 25000

/* native.square(n): n * n, an integer as long as that fits one. */
static void square(ss_req *req, json_t *params) {
    const json_t *n = json_array_get(params, 0);
    json_int_t product;
    if (!json_is_number(n)) {
        ss_error(req, SS_ERROR_INVALID_PARAMS, "native.square takes a number");
    } else if (json_is_integer(n) &&
               !__builtin_mul_overflow(json_integer_value(n), json_integer_value(n), &product)) {
        ss_reply(req, json_integer(product));
    } else {
        json_t *real = json_real(json_number_value(n) * json_number_value(n));
        if (real != NULL) {
            ss_reply(req, real);
        } else {
            ss_error(req, SS_ERROR_INVALID_PARAMS, "the square of this is no number any more");
        }
    }
}

/* native.echo(value, …): the value, or a list of them when there are several; null for none. */
static void echo(ss_req *req, json_t *params) {
    size_t count = json_array_size(params);
    ss_reply(req, count == 0 ? json_null()
                             : json_incref(count == 1 ? json_array_get(params, 0) : params));
}

static void slow_done(ss_req *req, void *arg) { ss_reply(req, arg); }

/* native.slow(ms): answers with ms after so many milliseconds, while other calls go on. */
static void slow(ss_req *req, json_t *params) {
    const json_t *wanted = json_array_get(params, 0);
    double ms = wanted == NULL ? SLOW_DEFAULT_MS : json_number_value(wanted);
    if (wanted != NULL && (!json_is_number(wanted) || ms < 0)) {
        ss_error(req, SS_ERROR_INVALID_PARAMS, "native.slow takes milliseconds");
        return;
    }
    if (ms > SLOW_MAX_MS) {
        ms = SLOW_MAX_MS;
    }
    json_t *answer = json_integer((json_int_t)ms);
    if (!ss_after(req, (uint32_t)ms, slow_done, answer)) {
        json_decref(answer);
        ss_error(req, SS_ERROR_UNAVAILABLE, NULL);
    }
}

SS_ACTIONS = {
    {"square", square},
    {"echo", echo},
    {"slow", slow},
};
