/* SPDX-License-Identifier: MIT
 *
 * The folder .socketstream/ of an application, which holds the state of one run.
 *
 * Owns the folder, the lock that keeps a second run out, and the names in it; cleans up after a run
 * that could not do so itself.  Leaves to others what stands in the files.  Logs stay when the run
 * ends; everything else that lasts no longer than the run is removed.
 */
#ifndef SS_RUNDIR_H
#define SS_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SS_RUNDIR_NAME ".socketstream"
#define SS_RUNDIR_ERROR_MAX 5120
#define SS_RUNDIR_PATH_MAX 4096
#define SS_NODES_MAX 9

/* What belongs to one nginx, and to the sidecar behind it. */
typedef struct {
    char path[SS_RUNDIR_PATH_MAX];          /* nginx's prefix: logs/ and tmp/ are in it */
    char socket[SS_RUNDIR_PATH_MAX];        /* of the sidecar; fits into sun_path */
    char http_socket[SS_RUNDIR_PATH_MAX];   /* where middleware is asked, if any; fits, too */
    char nginx_conf[SS_RUNDIR_PATH_MAX];    /* generated */
    char nginx_pid[SS_RUNDIR_PATH_MAX];     /* written by nginx */
    char sidecar_pid[SS_RUNDIR_PATH_MAX];   /* written by the supervisor */
    char sidecar_log[SS_RUNDIR_PATH_MAX];   /* of all runs, appended */
    char sidecar_state[SS_RUNDIR_PATH_MAX]; /* written by the sidecar: it listens, or why not */
} ss_rundir_node_t;

typedef struct {
    int lock_fd;
    char path[SS_RUNDIR_PATH_MAX];  /* <app>/.socketstream, 0700 */
    char short_dir[64];             /* folder made for the sockets alone, "" when not needed */
    char state[SS_RUNDIR_PATH_MAX]; /* state.json: what a later run needs to clean up after this one
                                     */
    char lock[SS_RUNDIR_PATH_MAX];
    char logs[SS_RUNDIR_PATH_MAX];      /* the folder of all but several nodes' own */
    char redis_dir[SS_RUNDIR_PATH_MAX]; /* where a private Redis keeps its data; not made here */
    char redis_socket[SS_RUNDIR_PATH_MAX];
    char redis_pid[SS_RUNDIR_PATH_MAX];
    char redis_log[SS_RUNDIR_PATH_MAX];
    char packer_pid[SS_RUNDIR_PATH_MAX];
    char packer_log[SS_RUNDIR_PATH_MAX];
    char packed[SS_RUNDIR_PATH_MAX]; /* made by the packer when its first pack is done */
    unsigned n_nodes;
    int port;                             /* http.port of the run; 0: not known */
    ss_rundir_node_t nodes[SS_NODES_MAX]; /* a single one is in the folder itself, else node1/ … */
    ss_rundir_node_t balancer;            /* balancer/, when there are several */
} ss_rundir_t;

/* Makes the folder of the application at `app_dir` (absolute), takes its lock, ends what a killed
 * run left behind, and writes state.json.  false when it cannot; then `error`
 * (SS_RUNDIR_ERROR_MAX bytes) says why and what to do, and nothing is left open.  Blocks for up to
 * two seconds when processes of a killed run are still there.  `n_nodes` is from 1 to
 * SS_NODES_MAX. */
bool ss_rundir_open(ss_rundir_t *dir, const char *app_dir, unsigned n_nodes, int port, char *error);

/* What to do about a file or folder that cannot be written for this errno. */
const char *ss_rundir_remedy(int reason);

/* Makes the folder and names what would be in it for one node, without taking the lock: for who
 * only looks.  Nothing has to be closed. */
bool ss_rundir_name(ss_rundir_t *dir, const char *app_dir, char *error);

/* Names it all, of as many nodes as run or last ran, and makes nothing: for who looks whether there
 * is anything.  `runner` is the process that state.json tells of, which may have been killed since;
 * 0: none.  false when the path is too long for the names. */
bool ss_rundir_look(ss_rundir_t *dir, const char *app_dir, pid_t *runner);

/* Whether the sockets of `dir` have paths that are short enough; else a run has them in a folder of
 * their own. */
bool ss_rundir_sockets_fit(const ss_rundir_t *dir);

/* Removes what does not outlive the run, and gives the lock back. */
void ss_rundir_close(ss_rundir_t *dir);

#endif
