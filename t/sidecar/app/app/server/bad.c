/* SPDX-License-Identifier: MIT
 *
 * Actions that misbehave: what a sidecar must survive, or at least name.
 */
#include <socketstream.h>

#include <signal.h>
#include <string.h>
#include <time.h>

static ss_req *remembered;

static void twice(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_integer(1));
    ss_reply(req, json_integer(2));
    ss_error(req, SS_ERROR_INTERNAL, "three");
}

/* Leaves the call to itself, and keeps the handle. */
static void never(ss_req *req, json_t *params) {
    (void)params;
    remembered = req;
}

/* Answers the call that was remembered, long over or not. */
static void answer_remembered(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(remembered, json_string("late"));
    ss_reply(req, json_pack("[b, s]", ss_pending(remembered), ss_address(remembered)));
}

static void null_reply(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, NULL);
}

/* Not serializable: its bytes are no UTF-8. */
static void broken_reply(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_stringn_nocheck("\xff\xfe", 2));
}

static void broken_message(ss_req *req, json_t *params) {
    (void)params;
    ss_error(req, SS_ERROR_APPLICATION, "caf\xe9 \"quoted\"\n");
}

static void reply_on_thread(void *arg) { ss_reply(arg, json_integer(1)); }

static void replied_on_thread(ss_req *req, void *arg) {
    (void)arg;
    ss_reply(req, json_string("from the loop"));
}

static void wrong_thread(ss_req *req, json_t *params) {
    (void)params;
    ss_work(req, reply_on_thread, replied_on_thread, req);
}

/* block(ms): holds up the loop */
static void block(ss_req *req, json_t *params) {
    json_int_t ms = json_integer_value(json_array_get(params, 0));
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
    ss_reply(req, json_true());
}

/* As a stray pointer would end the process, also where a sanitizer would report it first. */
static void crash(ss_req *req, json_t *params) {
    (void)params;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    ss_reply(req, json_null());
}

static void log_hostile(ss_req *req, json_t *params) {
    const json_t *text = json_array_get(params, 0);
    ss_log(SS_LOG_WARNING, "app says %s", json_string_value(text));
    ss_reply(req, json_null());
}

SS_ACTIONS = {
    {"twice", twice},
    {"never", never},
    {"answerRemembered", answer_remembered},
    {"nullReply", null_reply},
    {"brokenReply", broken_reply},
    {"brokenMessage", broken_message},
    {"wrongThread", wrong_thread},
    {"block", block},
    {"crash", crash},
    {"log", log_hostile},
};
