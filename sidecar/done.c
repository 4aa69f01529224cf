/* SPDX-License-Identifier: MIT
 *
 * See done.h.  An idle handle keeps the loop from waiting while there is something to call.
 */
#include "done.h"

#include "mem.h"

typedef struct entry {
    struct entry *next;
    ss_req *req;
    ss_done_fn done;
    void *arg;
    int code;
} entry_t;

static struct {
    uv_idle_t idle;
    entry_t *first, **end;
} all;

/* What is added by those called waits for the next turn. */
static void call_all(void) {
    entry_t *e = all.first;
    all.first = NULL;
    all.end = &all.first;
    while (e != NULL) {
        entry_t *next = e->next;
        e->done(e->req, e->code, e->arg);
        free(e);
        e = next;
    }
}

static void on_idle(uv_idle_t *idle) {
    call_all();
    if (all.first == NULL) {
        uv_idle_stop(idle);
    }
}

void ss_done_init(uv_loop_t *loop) {
    all.first = NULL;
    all.end = &all.first;
    uv_idle_init(loop, &all.idle);
}

void ss_done_finish(void) {
    while (all.first != NULL) {
        call_all();
    }
    uv_close((uv_handle_t *)&all.idle, NULL);
}

void ss_done_later(ss_req *req, ss_done_fn done, int code, void *arg) {
    if (done == NULL) {
        return;
    }
    entry_t *e = ss_alloc(sizeof *e);
    *e = (entry_t){NULL, req, done, arg, code};
    *all.end = e;
    all.end = &e->next;
    if (!uv_is_active((const uv_handle_t *)&all.idle)) {
        uv_idle_start(&all.idle, on_idle);
    }
}
