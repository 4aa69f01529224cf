/* SPDX-License-Identifier: MIT
 *
 * See programs.h.
 */
#include "programs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "share.h"

#define MODULE_NAME "ngx_http_socketstream_module.so"

extern char **environ;

/* --- finding --------------------------------------------------------------------------------- */

const ss_program_t ss_program_nginx = {
    "nginx.binary",
    "install it (apt-get install nginx), or set nginx.binary in the configuration",
};

const ss_program_t ss_program_redis = {
    "redis.binary",
    "install it (apt-get install redis-server), or name a Redis that runs already with redis.url "
    "in the configuration",
};

const ss_program_t ss_program_node = {
    "host.node",
    "this application needs Node 18 or newer: install it (apt-get install nodejs npm), or set "
    "host.node in the configuration",
};

/* Puts its path into `path`, under the name it is looked for by: some programs are links to one
 * that does as it is called.  False when no folder has it. */
static bool look_in_folders(const char *name, char path[PATH_MAX]) {
    const char *given = getenv("PATH");
    ss_buf_t folders = {0};
    ss_buf_t file = {0};
    char *rest = NULL;
    bool found = false;
    ss_buf_printf(&folders, "%s:/usr/sbin:/sbin:/usr/local/sbin", given == NULL ? "" : given);
    for (char *folder = strtok_r((char *)ss_buf_string(&folders), ":", &rest);
         folder != NULL && !found; folder = strtok_r(NULL, ":", &rest)) {
        file.len = 0;
        ss_buf_printf(&file, "%s/%s", folder, name);
        found = folder[0] == '/' && file.len < PATH_MAX && access(ss_buf_string(&file), X_OK) == 0;
        if (found) {
            memcpy(path, ss_buf_string(&file), file.len + 1);
        }
    }
    ss_buf_free(&folders);
    ss_buf_free(&file);
    return found;
}

bool ss_program_find(const ss_program_t *program, const ss_config_t *config, char path[PATH_MAX],
                     ss_buf_t *error) {
    const char *name = ss_config_string(config, program->key);
    bool is_path = strchr(name, '/') != NULL;
    if (is_path ? realpath(name, path) != NULL && access(path, X_OK) == 0
                : look_in_folders(name, path)) {
        return true;
    }
    if (is_path) {
        ss_buf_printf(error, "%s: %s: %s: correct %s", program->key, name, strerror(errno),
                      program->key);
    } else {
        ss_buf_printf(error, "%s was not found: %s", name, program->advice);
    }
    return false;
}

/* Beside the build, below the prefix of the installation, or where the distribution has it. */
bool ss_program_find_module(const ss_config_t *config, char path[PATH_MAX], ss_buf_t *error) {
    static const char *const places[] = {"..", "../lib/nginx/modules"};
    const char *module = ss_config_string(config, "nginx.module");
    ss_buf_t found = {0};
    bool good = false;
    if (module[0] != '\0') {
        good = realpath(module, path) != NULL;
        if (!good) {
            ss_buf_printf(error, "nginx.module: %s: %s: correct nginx.module", module,
                          strerror(errno));
        }
        return good;
    }
    good = ss_share_beside(places, sizeof places / sizeof places[0], MODULE_NAME, &found) &&
           realpath(ss_buf_string(&found), path) != NULL;
    ss_buf_free(&found);
    good = good || realpath("/usr/lib/nginx/modules/" MODULE_NAME, path) != NULL;
    if (!good) {
        ss_buf_literal(error, MODULE_NAME " was not found: build it (make module), or set "
                                          "nginx.module in the configuration");
    }
    return good;
}

bool ss_program_has_rights(const char *path) {
    return getxattr(path, "security.capability", NULL, 0) > 0;
}

/* --- running --------------------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* To the end of what it says, or of its time: false. */
static bool read_output(int fd, unsigned limit_ms, ss_buf_t *to) {
    int64_t end = now_ms() + limit_ms;
    char piece[4096];
    for (;;) {
        int64_t left = end - now_ms();
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        int ready = limit_ms == 0 ? 1 : poll(&readable, 1, left < 0 ? 0 : (int)left);
        if (ready == 0) {
            return false;
        }
        ssize_t n = ready < 0 ? -1 : read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return true;
        }
        if (to->len < SS_PROGRAM_OUTPUT_MAX) {
            ss_buf_append(to, piece, (size_t)n);
        }
    }
}

/* 0, or what posix_spawn() gives. */
static int spawn(const char *file, char *const *argv, int out, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    int rc = posix_spawnp(pid, file, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int ss_program_run(const char *file, char *const *argv, unsigned limit_ms, ss_buf_t *output) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    pid_t pid;
    int rc = spawn(file, argv, ends[1], &pid);
    close(ends[1]);
    int status = -1;
    if (rc == 0) {
        if (!read_output(ends[0], limit_ms, output)) {
            kill(pid, SIGKILL);
            rc = ETIMEDOUT;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    close(ends[0]);
    errno = rc;
    return rc == 0 ? status : -1;
}

bool ss_program_version(const char *text, int numbers[3]) {
    while (*text != '\0' && !isdigit((unsigned char)*text)) {
        text++;
    }
    numbers[0] = numbers[1] = numbers[2] = 0;
    return sscanf(text, "%4d.%4d.%4d", &numbers[0], &numbers[1], &numbers[2]) >= 1;
}

bool ss_program_is_new(const int numbers[3], const char *wanted) {
    int least[3];
    ss_program_version(wanted, least);
    for (unsigned i = 0; i < 3; i++) {
        if (numbers[i] != least[i]) {
            return numbers[i] > least[i];
        }
    }
    return true;
}
