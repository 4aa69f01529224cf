/* SPDX-License-Identifier: MIT
 *
 * See npm.h.
 */
#include "npm.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* npm's wait status, or -1 with errno when it did not start.  A registry that does not answer is
 * given up within a minute; no script of a package is run. */
static int run(const char *dir) {
    const char *argv[] = {"npm",
                          "install",
                          "--prefix",
                          dir,
                          "--no-audit",
                          "--no-fund",
                          "--ignore-scripts",
                          "--loglevel=error",
                          "--fetch-retries=1",
                          "--fetch-timeout=20000",
                          NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        errno = rc;
        return -1;
    }
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

bool ss_npm_install(const char *dir) {
    int status = run(dir);
    if (status == 0) {
        return true;
    }
    fprintf(stderr, "socketstream: %s is made, but npm %s%s; then run `npm install` in it\n", dir,
            status != -1      ? "could not install its packages, for the reason above: mend that"
            : errno == ENOENT ? "was not found: install it (apt-get install npm)"
                              : "cannot be run: ",
            status == -1 && errno != ENOENT ? strerror(errno) : "");
    return false;
}
