/* SPDX-License-Identifier: MIT
 *
 * Tells systemd (or whoever set NOTIFY_SOCKET) how the process is doing: sd_notify(3).
 */
#ifndef SS_NOTIFY_H
#define SS_NOTIFY_H

/* Sends `state`, such as "READY=1".  Nothing happens without NOTIFY_SOCKET. */
void ss_notify(const char *state);

#endif
