/* SPDX-License-Identifier: MIT
 *
 * The asset packer (packer/, run by Node) as the commands see it: whether an application is packed,
 * how the packer is called, and whether what it left behind may be served.
 */
#ifndef SS_PACKER_H
#define SS_PACKER_H

#include <stdbool.h>

#include "buf.h"
#include "config.h"

#define SS_PACKER_ARGS_MAX 32 /* with two for each node */

/* Whether there is anything to pack: app/client or app/views.  Without these public/ is somebody
 * else's work, and served as it is. */
bool ss_packer_needed(const char *app);

/* Appends the path of the packer's program.  false with `error` when it is not there. */
bool ss_packer_find(ss_buf_t *path, ss_buf_t *error);

/* Puts the packer's command line into `args`, ended by NULL, and gives the number of words:
 * at most half of SS_PACKER_ARGS_MAX.  What they point to is borrowed. */
unsigned ss_packer_args(const char **args, const char *program, const char *app,
                        const ss_config_t *config);

typedef enum {
    SS_PACK_GOOD,
    SS_PACK_STALE,         /* something was changed since */
    SS_PACK_MISSING,       /* nothing was ever packed */
    SS_PACK_DEVELOPMENT,   /* what is there shows mistakes to everybody */
    SS_PACK_OTHER_VERSION, /* the browser library in it is that of another SocketStream */
} ss_pack_state_t;

#define SS_PACK_REMEDY "run `socketstream pack`"

/* What has been packed, from production's point of view.  Appends what is wrong to `what`; stale is
 * still to be served. */
ss_pack_state_t ss_packer_look(const char *app, ss_buf_t *what);

#endif
