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

#define SS_RUNDIR_NAME ".socketstream"
#define SS_RUNDIR_ERROR_MAX 5120
#define SS_RUNDIR_PATH_MAX 4096

typedef struct {
    int lock_fd;
    char path[SS_RUNDIR_PATH_MAX];   /* <app>/.socketstream, 0700 */
    char socket[SS_RUNDIR_PATH_MAX]; /* of the sidecar; fits into sun_path */
    char short_dir[64]; /* folder made for the socket alone, "" when it is not needed */
    char nginx_conf[SS_RUNDIR_PATH_MAX];  /* generated */
    char nginx_pid[SS_RUNDIR_PATH_MAX];   /* written by nginx */
    char sidecar_pid[SS_RUNDIR_PATH_MAX]; /* written by the supervisor */
    char sidecar_log[SS_RUNDIR_PATH_MAX]; /* of all runs, appended */
    char state[SS_RUNDIR_PATH_MAX]; /* state.json: what a later run needs to clean up after this one
                                     */
    char lock[SS_RUNDIR_PATH_MAX];
} ss_rundir_t;

/* Makes the folder of the application at `app_dir` (absolute), takes its lock, ends what a killed
 * run left behind, and writes state.json.  false when it cannot; then `error`
 * (SS_RUNDIR_ERROR_MAX bytes) says why and what to do, and nothing is left open.  Blocks for up to
 * two seconds when processes of a killed run are still there. */
bool ss_rundir_open(ss_rundir_t *dir, const char *app_dir, char *error);

/* Removes what does not outlive the run, and gives the lock back. */
void ss_rundir_close(ss_rundir_t *dir);

#endif
