/* SPDX-License-Identifier: MIT
 *
 * Supervised child processes.
 *
 * Owns the children: starts them, starts one that ends again (at once the first time, then with a
 * back-off that grows to SS_RESTART_MAX_MS and is forgotten after SS_RESTART_FORGET_MS of life),
 * keeps their pid files, collects what they write, and ends them one after the other, the last
 * added first.  Leaves to others: what the children are, and when they are ready.
 *
 * Each child leads a process group of its own, so that Ctrl-C on a terminal reaches only the
 * supervisor; when a child has ended, whatever it left of its group is killed.  Children get a
 * signal from the kernel when the supervisor itself is killed.
 */
#ifndef SS_SUPERVISOR_H
#define SS_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#define SS_RESTART_MIN_MS 100
#define SS_RESTART_MAX_MS 5000
#define SS_RESTART_FORGET_MS 10000
#define SS_CHILDREN_MAX 24
#define SS_CHILD_STEPS_MAX 4 /* signals to end one child, from polite to SIGKILL */
#define SS_CHILD_LINE_MAX 512
#define SS_CHILD_HELD_MAX (64u << 10) /* bytes held back from stderr; past it they are not */

typedef struct ss_supervisor ss_supervisor_t;
typedef struct ss_child ss_child_t;

typedef struct {
    const char *name;        /* for messages */
    const char *file;        /* absolute path of the program */
    const char *const *args; /* its argv, ended by NULL */
    const char *pid_file;    /* written while it runs; NULL: the child has one of its own */
    const char *log_file;    /* what it writes is appended here; NULL: nowhere */
    bool quiet;              /* what it writes is not copied to stderr */
    const char *marker;      /* of ss_child_last_words(), where a line has it; NULL: none */
    bool held;               /* what it writes waits for ss_supervisor_release() to go to stderr */
    bool colored;            /* what it writes has colours, which the file does not get */
    int orphan_signal;       /* what the kernel sends when the supervisor is gone */
    struct {
        int signal;
        unsigned wait_ms;        /* before the next step */
    } steps[SS_CHILD_STEPS_MAX]; /* signal 0 ends the list; SIGKILL is understood at its end */
} ss_child_spec_t;

typedef struct {
    /* A child ended by itself.  It will be started again unless the supervisor is stopping, or is
     * told to stop in here. */
    void (*ended)(void *data, ss_child_t *child, const char *how);
    /* All children have ended after ss_supervisor_stop(); destroy may be called from now on. */
    void (*stopped)(void *data);
    void *data;
} ss_supervisor_events_t;

/* NULL without memory.  `loop` must outlive it. */
ss_supervisor_t *ss_supervisor_create(uv_loop_t *loop, const ss_supervisor_events_t *events);

/* Starts a child.  What `spec` points to is borrowed until `stopped`.  NULL with errno set when
 * it cannot be started, or there are SS_CHILDREN_MAX already. */
ss_child_t *ss_supervisor_add(ss_supervisor_t *supervisor, const ss_child_spec_t *spec);

/* Begins to end all children; `stopped` follows from the loop, never from within.  Called again it
 * takes the next step with the child that is being waited for. */
void ss_supervisor_stop(ss_supervisor_t *supervisor);

/* What was held back goes to stderr now, and what follows at once: for when all is well. */
void ss_supervisor_release(ss_supervisor_t *supervisor);

/* From now on what children write goes into their files only, and so does what was held back. */
void ss_supervisor_hush(ss_supervisor_t *supervisor);

/* Frees what `stopped` left behind; its handles must have been closed by the loop, so run that to
 * its end in between.  Takes NULL. */
void ss_supervisor_destroy(ss_supervisor_t *supervisor);

/* Opens the files that children's output is appended to anew, after they were rotated away. */
void ss_supervisor_reopen(ss_supervisor_t *supervisor);

const char *ss_child_name(const ss_child_t *child);

/* 0 while it does not run. */
pid_t ss_child_pid(const ss_child_t *child);

/* How often it has ended by itself since it last ran for SS_RESTART_FORGET_MS, and how long it
 * rests before it runs again; good while `ended` is told. */
unsigned ss_child_ends(const ss_child_t *child);
unsigned ss_child_pause_ms(const ss_child_t *child);

/* Sends a signal to a running child. */
void ss_child_signal(ss_child_t *child, int signal);

/* The last line that it wrote, of those with the marker if there were any; "" when there was none.
 * Valid until it writes again. */
const char *ss_child_last_words(const ss_child_t *child);

#endif
