/* SPDX-License-Identifier: MIT
 *
 * ss_after() and ss_work(): timers and thread-pool work on behalf of a request.
 *
 * Both outlive the request they were made for, and call back whatever became of it.
 */
#ifndef SS_WORK_H
#define SS_WORK_H

#include <uv.h>

/* Once per process. */
void ss_work_init(uv_loop_t *loop);

uv_loop_t *ss_work_loop(void);

/* Jobs that a thread of the pool has in hand or will get. */
unsigned ss_work_jobs(void);

/* Fires what still waits, and takes nothing new: no request is open any more. */
void ss_work_finish(void);

#endif
