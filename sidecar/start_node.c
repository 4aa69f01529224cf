/* SPDX-License-Identifier: MIT
 *
 * Whether the Node that the configuration names is one that runs what SocketStream brings: see
 * start.h.  An older one would end with errors of syntax in files that are not the application's.
 */
#include "start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "programs.h"

#define complain ss_start_complain

#define OLDEST 18
#define REMEDY                                                                                     \
    "install Node %d or newer (apt-get install nodejs), or set host.node in the configuration"

static bool judge(const char *node, const char *answer) {
    int major = 0;

    if (sscanf(answer, "v%d.", &major) != 1) {
        return complain("host.node: %s does not tell its version as Node does: " REMEDY, node,
                        OLDEST);
    }
    return major >= OLDEST ||
           complain("host.node: %s is Node %.*s, which is too old: " REMEDY, node,
                    (int)strspn(answer + 1, "0123456789."), answer + 1, OLDEST);
}

bool ss_start_check_node(const ss_start_t *start) {
    const char *node = start->node_binary;
    char *const argv[] = {(char *)node, (char *)"--version", NULL};
    ss_buf_t answer = {0};
    bool good = true; /* without a name nothing here needs one */

    if (node[0] != '\0') {
        good = ss_program_run(node, argv, SS_PROGRAM_VERSION_MS, &answer) == -1
                   ? complain("host.node: %s cannot be run: %s: " REMEDY, node, strerror(errno),
                              OLDEST)
                   : judge(node, ss_buf_string(&answer));
    }
    ss_buf_free(&answer);
    return good;
}
