/* SPDX-License-Identifier: MIT
 *
 * Real redis-servers for tests, in a temporary folder, ended by pid.
 */
#ifndef T_UNIT_REDIS_SERVER_H
#define T_UNIT_REDIS_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER_ARGS_MAX 48

/* Runs redis-server in `dir` with up to 32 more arguments, ended by NULL. */
static inline pid_t server_start(const char *dir, const char *const *more) {
    const char *args[SERVER_ARGS_MAX] = {"redis-server"};
    size_t n = 1;
    while (*more != NULL && n < SERVER_ARGS_MAX - 1) {
        args[n++] = *more++;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(dir) == 0) {
            execvp(args[0], (char *const *)args);
        }
        _exit(127);
    }
    return pid;
}

/* 0, and its memory of who it was, is good for a later end. */
static inline void server_end(pid_t *pid) {
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

/* A port of 127.0.0.1 that was free just now, of the range of this file, and another one each time:
 * ../lib/ports.mjs has the rule.  A server that is started again finds it free. */
static inline int server_free_port(void) {
    static int next;
    int lowest = 10000, highest = 29999;
    const char *range = getenv("SS_TEST_PORTS");

    if (range != NULL) {
        (void)sscanf(range, "%d-%d", &lowest, &highest);
    }
    if (next == 0) {
        unsigned random = 0;
        (void)!getrandom(&random, sizeof random, 0);
        next = lowest + (int)(random % (unsigned)(highest - lowest + 1));
    }
    for (int tries = 0; tries < 1000; tries++) {
        int port = next;
        next = next < highest ? next + 1 : lowest;
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        at.sin_port = htons((uint16_t)port);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool ok = bind(fd, (struct sockaddr *)&at, sizeof at) == 0;
        close(fd);
        if (ok) {
            return port;
        }
    }
    return 0;
}

#endif
