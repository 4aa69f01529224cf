/* SPDX-License-Identifier: MIT
 *
 * The server's own status: a sample each second, published to a channel of whoever watches.
 *
 * The last samples are kept, so that a page that has just come has something to draw.  A sample
 * holds totals; what they grow by in a second is for the page to say, which may have missed some.
 * The channel is this sidecar's own: its numbers are not those of another node.
 */
#include <socketstream.h>

#include <uv.h>

#include "_sample.h"

#define PERIOD_MS 1000
#define KEPT 180 /* samples */

static uv_timer_t timer;
static uv_work_t work;
static bool sampling; /* `work` and `next` belong to a thread */
static bool leaving;
static sample_t next;
static json_t *samples;
static char channel[32];

/* --- sampling -------------------------------------------------------------------------------- */

static void sample_on_thread(uv_work_t *job) {
    (void)job;
    take_sample(&next);
}

static void sampled(uv_work_t *job, int status) {
    json_t *sample = sample_json(&next);

    (void)job;
    sampling = false;
    if (status == 0 && !leaving) {
        json_array_append(samples, sample);
        if (json_array_size(samples) > KEPT) {
            json_array_remove(samples, 0);
        }
        ss_publish_channel(NULL, channel, "sample", json_incref(sample), NULL, NULL);
    }
    json_decref(sample);
}

/* A look that takes longer than a second is waited for. */
static void on_second(uv_timer_t *handle) {
    if (!sampling) {
        sampling = uv_queue_work(handle->loop, &work, sample_on_thread, sampled) == 0;
    }
}

int ss_module_start(void) {
    snprintf(channel, sizeof(channel), "status:%d", (int)getpid());
    samples = json_array();
    return uv_timer_init(ss_loop(), &timer) == 0 &&
                   uv_timer_start(&timer, on_second, 0, PERIOD_MS) == 0
               ? 0
               : 1;
}

void ss_module_stop(void) {
    leaving = true;
    uv_close((uv_handle_t *)&timer, NULL);
    json_decref(samples);
}

/* --- actions --------------------------------------------------------------------------------- */

static void subscribed(ss_req *req, int code, void *arg) {
    (void)arg;
    if (code == 0) {
        ss_reply(req, json_deep_copy(samples));
    } else {
        ss_error(req, code, NULL);
    }
}

static void subscribe(ss_req *req, int code, void *arg) {
    const char *names[] = {channel};

    (void)arg;
    if (code == 0) {
        ss_channel_subscribe(req, names, 1, subscribed, NULL);
    } else {
        ss_error(req, code, NULL);
    }
}

/* status.watch(): the samples so far; each further one comes as the event `sample`.  Channels of a
 * sidecar that has gone are given back. */
static void watch(ss_req *req, json_t *params) {
    (void)params;
    ss_channel_reset(req, subscribe, NULL);
}

/* status.ping(): null, at once. */
static void ping(ss_req *req, json_t *params) {
    (void)params;
    ss_reply(req, json_null());
}

SS_ACTIONS = {
    {"watch", watch, 0},
    {"ping", ping, 0},
};
