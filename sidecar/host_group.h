/* SPDX-License-Identifier: MIT
 *
 * Groups of action hosts: so many processes of one command, which run the same code.
 *
 * Owns what runs: starting all of it, another process in place of one that ended (at once the first
 * time, then with a back-off like that of supervisor.h), hangs or has grown too large, and the end.
 * Leaves to host_swap.c what READY means and how new code takes the place of old, to host_call.c
 * which process gets a call, to host_process.c the process itself.
 *
 * Each process of a group has a slot, whose number stays when the process is replaced:
 *
 *     STARTING --READY--> READY --(another took its place)--> LEAVING --GOODBYE--> ENDING
 *         `-----------------`------------- died, killed, dropped ----------------------^
 *
 * A host is freed when its process has ended and its link is closed; its calls end with the link.
 */
#ifndef SS_HOST_GROUP_H
#define SS_HOST_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "host_process.h"
#include "host_ready.h"
#include "peer.h"
#include "sidecar.h"

typedef struct ss_host_group ss_host_group_t;
typedef struct ss_host_slot ss_host_slot_t;
typedef struct ss_host ss_host_t;

typedef enum {
    SS_HOST_STARTING, /* may have calls waiting on its link already */
    SS_HOST_READY,
    SS_HOST_LEAVING, /* was told DRAIN */
    SS_HOST_ENDING,  /* its link is closed; the process is awaited */
} ss_host_state_t;

struct ss_host {
    ss_host_t *prev, *next; /* all hosts */
    ss_host_slot_t *slot;
    ss_peer_t *peer; /* a reference */
    ss_host_process_t *process;
    ss_host_ready_t ready;
    ss_host_state_t state;
    int death_code;      /* what its calls get when it ends */
    uint32_t calls;      /* in flight */
    uint64_t ready_ms;   /* when it became READY */
    uint64_t kill_at_ms; /* 0: never */
    bool process_ended;
    bool dropped; /* it was us who ended it */
};

struct ss_host_slot {
    ss_host_group_t *group;
    unsigned index;      /* in its group */
    unsigned number;     /* among all: "host 3" */
    ss_host_t *current;  /* gets the calls; NULL between two */
    ss_host_t *next;     /* takes its place once READY */
    unsigned backoff_ms; /* before the next start */
    uv_timer_t restart;
    pid_t pid; /* in its pid file; 0: there is none */
    char name[SS_PEER_NAME_MAX];
};

struct ss_host_group {
    ss_host_group_t *next;
    const char **args; /* the command line, ended by NULL; args[0] is all of its memory */
    unsigned count;
    bool scripts;     /* runs the application's JavaScript */
    bool reloading;   /* every `next` is part of one reload: all are switched together */
    json_t *problems; /* of what runs; an array */
    json_t *dropped;  /* of the last reload, which did not take place; NULL: it did */
    ss_host_slot_t slots[];
};

/* --- life ------------------------------------------------------------------------------------ */

/* Starts all hosts that the options ask for.  They speak once the loop runs.  false with `error`;
 * ss_hosts_finish() and ss_hosts_free() are due in any case. */
bool ss_hosts_start(ss_sidecar_t *sidecar, ss_buf_t *error);

/* Runs the loop until all are READY, or have failed: then false with `error` outside of
 * development.  Also ends, with true, when the sidecar is told to leave. */
bool ss_hosts_wait(ss_buf_t *error);

/* Once a second. */
void ss_hosts_tick(void);

/* Something has calls from now on: it is looked at more often. */
void ss_hosts_busy(void);

/* Tells all hosts to leave; ss_sidecar_link_closed() follows for each. */
void ss_hosts_leave(void);

/* true when no process is left. */
bool ss_hosts_gone(void);

/* Kills all, without waiting. */
void ss_hosts_kill(void);

/* Kills all and runs the loop until they have ended. */
void ss_hosts_finish(void);

/* Frees what is left, once the loop has ended. */
void ss_hosts_free(void);

/* --- from peer.c ----------------------------------------------------------------------------- */

/* The link of a host has closed. */
void ss_host_link_lost(ss_host_t *host);

/* It is silent, and its link about to be closed. */
void ss_host_hangs(ss_host_t *host);

/* --- for the other files of hosts ------------------------------------------------------------ */

/* false once the sidecar leaves: nothing is replaced then. */
bool ss_hosts_running(void);

/* Whether ss_hosts_wait() is not over. */
bool ss_hosts_starting(void);

/* The first group; NULL: there are no hosts. */
ss_host_group_t *ss_host_groups(void);

/* Starts a process for a slot; the caller puts it in its place.  NULL after logging why not. */
ss_host_t *ss_host_spawn(ss_host_slot_t *slot);

/* Gives the slot's calls to a host, whose process the slot's pid file names from now on. */
void ss_host_take_place(ss_host_slot_t *slot, ss_host_t *host);

/* Starts one as `current`, or tries again later. */
void ss_host_start_current(ss_host_slot_t *slot);

/* Starts another process after the slot's back-off: beside `current` where that serves. */
void ss_host_restart(ss_host_slot_t *slot);

/* The same in place of one that served; if it did so for long, without a pause. */
void ss_host_succeed(const ss_host_t *host);

/* Ends a host that is of no use any more; it is out of its slot. */
void ss_host_drop(ss_host_t *host);

/* The start of the sidecar fails with these lines, unless there are some already.  false: it has
 * started. */
bool ss_hosts_fail(const char *text);

/* Adds a group for the application's JavaScript where there is none and now there is some. */
void ss_hosts_look_for_scripts(void);

#endif
