/* SPDX-License-Identifier: MIT
 *
 * A Unix socket that is listened on, as a file: its mode, its group, and its end.
 */
#ifndef SS_UNIX_SOCKET_H
#define SS_UNIX_SOCKET_H

#include <sys/types.h>

#include "buf.h"

/* The file that we made.  Zeroed: there is none. */
typedef struct {
    char path[108];
    dev_t device; /* so that we never unlink another's */
    ino_t inode;
} ss_unix_socket_t;

/* Listens on `path` with mode 0660, given to `group` unless that is NULL.  A socket file that
 * nobody listens on is replaced.  The descriptor, non-blocking and closed on exec, is the caller's;
 * -1 with `error`. */
int ss_unix_socket_listen(ss_unix_socket_t *made, const char *path, const gid_t *group, int backlog,
                          ss_buf_t *error);

/* Removes the file, unless another has taken its place.  Harmless when there is none. */
void ss_unix_socket_remove(ss_unix_socket_t *made);

#endif
