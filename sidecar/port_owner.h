/* SPDX-License-Identifier: MIT
 *
 * Who listens on a TCP port of this machine, as far as /proc tells us: of other users' processes it
 * does not, unless we are root.
 */
#ifndef SS_PORT_OWNER_H
#define SS_PORT_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    pid_t pid;
    char name[64]; /* of its program, cut by the kernel, escaped */
} ss_port_owner_t;

/* Any one of those that listen there, on whatever address.  false when that is not known. */
bool ss_port_owner(int port, ss_port_owner_t *owner);

#endif
