/* SPDX-License-Identifier: MIT
 *
 * Callbacks of the application that come later: from the loop, in order, exactly once.
 */
#ifndef SS_DONE_H
#define SS_DONE_H

#include <uv.h>

#include "include/socketstream.h"

void ss_done_init(uv_loop_t *loop);

/* Calls what still waits, and what that asks for. */
void ss_done_finish(void);

/* `done` may be NULL: then nothing happens. */
void ss_done_later(ss_req *req, ss_done_fn done, int code, void *arg);

#endif
