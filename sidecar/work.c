/* SPDX-License-Identifier: MIT
 *
 * See work.h.
 */
#include "work.h"

#include "include/socketstream.h"
#include "bounds.h"
#include "log.h"
#include "mem.h"
#include "request.h"

typedef void (*callback_t)(ss_req *req, void *arg);

typedef struct delay {
    uv_timer_t timer;
    struct delay *prev, *next;
    ss_req *req;
    callback_t fire;
    void *arg;
} delay_t;

typedef struct {
    uv_work_t work;
    ss_req *req;
    void (*run)(void *arg);
    callback_t done;
    void *arg;
} job_t;

static struct {
    uv_loop_t *loop;
    delay_t *delays;
    unsigned n_delays;
    unsigned n_jobs;
    bool finished;
} all;

void ss_work_init(uv_loop_t *loop) {
    memset(&all, 0, sizeof all);
    all.loop = loop;
}

uv_loop_t *ss_work_loop(void) { return all.loop; }

static bool refuse(const ss_req *req, const char *function, unsigned waiting) {
    const char *reason = !ss_request_on_loop_thread() ? "not on the loop's thread"
                         : all.finished               ? "the sidecar is leaving"
                         : waiting == SS_HELPERS_MAX  ? "too many are waiting"
                                                      : NULL;
    if (reason != NULL) {
        ss_log(SS_LOG_ERROR, "%s: %s() refused: %s", ss_request_action_name(req), function, reason);
    }
    return reason != NULL;
}

/* --- ss_after() ------------------------------------------------------------------------------ */

static void on_delay_closed(uv_handle_t *handle) { free(handle->data); }

static void end_delay(delay_t *d) {
    if (d->prev != NULL) {
        d->prev->next = d->next;
    } else {
        all.delays = d->next;
    }
    if (d->next != NULL) {
        d->next->prev = d->prev;
    }
    all.n_delays--;
    uv_close((uv_handle_t *)&d->timer, on_delay_closed);
}

static void on_delay(uv_timer_t *timer) {
    delay_t *d = timer->data;
    end_delay(d);
    d->fire(d->req, d->arg);
}

bool ss_after(ss_req *req, uint32_t ms, callback_t fire, void *arg) {
    if (refuse(req, "ss_after", all.n_delays)) {
        return false;
    }
    delay_t *d = ss_alloc_zero(sizeof *d);
    d->req = req;
    d->fire = fire;
    d->arg = arg;
    d->next = all.delays;
    if (d->next != NULL) {
        d->next->prev = d;
    }
    all.delays = d;
    all.n_delays++;
    uv_timer_init(all.loop, &d->timer);
    d->timer.data = d;
    uv_timer_start(&d->timer, on_delay, ms, 0);
    return true;
}

void ss_work_finish(void) {
    all.finished = true;
    while (all.delays != NULL) {
        delay_t *d = all.delays;
        end_delay(d);
        d->fire(d->req, d->arg); /* its memory goes with the close callback */
    }
}

/* --- ss_work() ------------------------------------------------------------------------------- */

static void on_thread(uv_work_t *work) {
    job_t *job = work->data;
    job->run(job->arg);
}

static void on_job_done(uv_work_t *work, int status) {
    (void)status; /* jobs are not cancelled one by one */
    job_t *job = work->data;
    all.n_jobs--;
    job->done(job->req, job->arg);
    free(job);
}

bool ss_work(ss_req *req, void (*run)(void *arg), callback_t done, void *arg) {
    if (refuse(req, "ss_work", all.n_jobs)) {
        return false;
    }
    job_t *job = ss_alloc_zero(sizeof *job);
    job->work.data = job;
    job->req = req;
    job->run = run;
    job->done = done;
    job->arg = arg;
    all.n_jobs++;
    uv_queue_work(all.loop, &job->work, on_thread, on_job_done);
    return true;
}

unsigned ss_work_jobs(void) { return all.n_jobs; }
