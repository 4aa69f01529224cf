/* SPDX-License-Identifier: MIT
 *
 * Whether the Node that the configuration names is one that runs what SocketStream brings: see
 * start.h.  An older one would end with errors of syntax in files that are not the application's.
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"

#define complain ss_start_complain

#define OLDEST 18
#define ANSWER_MAX 64 /* bytes of "v20.11.1" */
#define REMEDY                                                                                     \
    "install Node %d or newer (apt-get install nodejs), or set host.node in the configuration"

extern char **environ;

/* Its first words; empty when it says nothing within SS_NODE_VERSION_MS. */
static void read_answer(int fd, char answer[ANSWER_MAX]) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&readable, 1, SS_NODE_VERSION_MS) == 1 ? read(fd, answer, ANSWER_MAX - 1) : 0;

    answer[n < 0 ? 0 : n] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
}

/* 0, or why it cannot be run. */
static int ask(const char *node, char answer[ANSWER_MAX]) {
    char *const argv[] = {(char *)node, (char *)"--version", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;
    int rc;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    rc = posix_spawn(&pid, node, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (rc == 0) {
        read_answer(ends[0], answer);
        kill(pid, SIGKILL); /* it has answered, or does not */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close(ends[0]);
    return rc;
}

bool ss_start_check_node(const ss_start_t *start) {
    const char *node = start->node_binary;
    char answer[ANSWER_MAX] = "";
    int major = 0;
    int rc = node[0] == '\0' ? 0 : ask(node, answer);

    if (node[0] == '\0') {
        return true; /* nothing here needs one */
    }
    if (rc != 0) {
        return complain("host.node: %s cannot be run: %s: " REMEDY, node, strerror(rc), OLDEST);
    }
    if (sscanf(answer, "v%d.", &major) != 1) {
        return complain("host.node: %s does not tell its version as Node does: " REMEDY, node,
                        OLDEST);
    }
    return major >= OLDEST ||
           complain("host.node: %s is Node %.*s, which is too old: " REMEDY, node,
                    (int)strspn(answer + 1, "0123456789."), answer + 1, OLDEST);
}
