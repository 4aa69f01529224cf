/* SPDX-License-Identifier: MIT
 *
 * The process of an action host.
 *
 * Owns starting it with its end of the link, its process group, what it writes to standard output
 * and error (a line there is a line of our log), and its end.  Leaves to host_group.c what it is
 * for and its pid file, and to peer.c our end of the link.
 *
 * The kernel kills it when the sidecar goes; should it run out of memory together with others, it
 * is the one that the kernel picks; it leaves no core.
 */
#ifndef SS_HOST_PROCESS_H
#define SS_HOST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "buf.h"

typedef struct ss_host_process ss_host_process_t;

typedef struct {
    const char *name;        /* for log lines */
    const char *const *args; /* its command line, ended by NULL; found in PATH */
    const char *folder;      /* where it runs */
    const char *env;         /* what SS_ENV is for it */
    int http_fd;             /* a listening socket that it gets a copy of; -1: none */
    /* It has ended, and all it wrote is in the log; `how` in words.  Called once, from the loop;
     * the process may be freed in here. */
    void (*ended)(void *data, const char *how);
    void *data;
} ss_host_process_spec_t;

/* Starts it.  What `spec` points to is copied or used at once, `data` kept.  `link` becomes our end
 * of the link, the caller's to close.  NULL with `error` when it cannot be started. */
ss_host_process_t *ss_host_process_start(uv_loop_t *loop, const ss_host_process_spec_t *spec,
                                         int *link, ss_buf_t *error);

/* Kills it and its group; `ended` follows. */
void ss_host_process_kill(ss_host_process_t *process);

pid_t ss_host_process_pid(const ss_host_process_t *process);

/* Bytes of memory that it occupies; 0 when that cannot be told. */
uint64_t ss_host_process_resident(const ss_host_process_t *process);

/* The last line that it wrote to standard error; "" when there was none. */
const char *ss_host_process_last_words(const ss_host_process_t *process);

/* Frees it, later: its `ended` has been called.  Takes NULL. */
void ss_host_process_free(ss_host_process_t *process);

#endif
