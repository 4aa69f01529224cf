/* SPDX-License-Identifier: MIT
 *
 * The run folder: see rundir.h for the contract.
 *
 * The lock is a flock() of a file that is never removed: removing it would let two runs hold locks
 * of two different files of one name.  Since the kernel gives it back however the holder ends, what
 * else lies in the folder once the lock is ours belongs to nobody.
 */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "sidecar.sock"
#define SHORT_TEMPLATE "/tmp/socketstream-XXXXXX"
#define LEFTOVER_TRIES 100
#define LEFTOVER_WAIT_US 20000

static bool fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(char *error, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(error, SS_RUNDIR_ERROR_MAX, format, args);
    va_end(args);
    return false;
}

static bool name_in(char *out, const ss_rundir_t *dir, const char *name) {
    return snprintf(out, SS_RUNDIR_PATH_MAX, "%s/%s", dir->path, name) < SS_RUNDIR_PATH_MAX;
}

static bool set_names(ss_rundir_t *dir, const char *app_dir) {
    return snprintf(dir->path, SS_RUNDIR_PATH_MAX, "%s/%s", app_dir, SS_RUNDIR_NAME) <
               SS_RUNDIR_PATH_MAX &&
           name_in(dir->socket, dir, SOCKET_NAME) && name_in(dir->nginx_conf, dir, "nginx.conf") &&
           name_in(dir->nginx_pid, dir, "nginx.pid") &&
           name_in(dir->sidecar_pid, dir, "sidecar.pid") &&
           name_in(dir->sidecar_log, dir, "logs/sidecar.log") &&
           name_in(dir->state, dir, "state.json") && name_in(dir->lock, dir, "lock");
}

/* Whose the folder is, for somebody who may not write into it. */
static bool fail_to_write(const char *path, char *error) {
    int reason = errno;
    struct stat st;
    struct passwd *owner = stat(path, &st) == 0 ? getpwuid(st.st_uid) : NULL;

    if (owner != NULL && st.st_uid != geteuid()) {
        return fail(error, "cannot write to %s: %s; it belongs to %s: remove it, or run as %s",
                    path, strerror(reason), owner->pw_name, owner->pw_name);
    }
    return fail(error, "cannot write to %s: %s; give yourself write access to it", path,
                strerror(reason));
}

static bool make_dirs(const ss_rundir_t *dir, const char *app_dir, char *error) {
    static const char *const names[] = {"logs", "tmp"};
    char path[SS_RUNDIR_PATH_MAX];

    if (mkdir(dir->path, 0700) != 0 && errno != EEXIST) {
        return fail_to_write(app_dir, error);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!name_in(path, dir, names[i]) || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
            return fail_to_write(dir->path, error);
        }
    }
    return true;
}

static bool take_lock(ss_rundir_t *dir, char *error) {
    char text[32] = "";
    ssize_t n;

    dir->lock_fd = open(dir->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (dir->lock_fd == -1) {
        return fail_to_write(dir->path, error);
    }
    if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        n = read(dir->lock_fd, text, sizeof(text) - 1);
        close(dir->lock_fd);
        return fail(error, "this application runs already, as process %d: end that one first",
                    n > 0 ? atoi(text) : 0);
    }
    n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(dir->lock_fd, 0) != 0 || write(dir->lock_fd, text, (size_t)n) != n) {
        fail_to_write(dir->path, error);
        close(dir->lock_fd);
        return false;
    }
    return true;
}

/* Whether the process in a pid file is one that was started for this folder: its command line names
 * the folder, or the socket. */
static pid_t leftover(const ss_rundir_t *dir, const char *pid_file, const char *socket) {
    char text[8192];
    char path[64];
    FILE *file = fopen(pid_file, "re");
    int pid = 0;
    size_t n;

    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%d", &pid) != 1 || pid <= 1) {
        pid = 0;
    }
    fclose(file);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    n = fread(text, 1, sizeof(text), file);
    fclose(file);
    if (memmem(text, n, dir->path, strlen(dir->path)) == NULL &&
        memmem(text, n, socket, strlen(socket)) == NULL) {
        return 0;
    }
    return pid;
}

/* They were told to end when their supervisor was killed; those that do not are killed too. */
static void end_leftovers(const ss_rundir_t *dir, const char *pid_file, const char *socket) {
    pid_t pid = leftover(dir, pid_file, socket);

    for (int tries = 0; pid != 0 && tries < LEFTOVER_TRIES; tries++) {
        usleep(LEFTOVER_WAIT_US);
        if (leftover(dir, pid_file, socket) != pid) {
            pid = 0;
        }
    }
    if (pid != 0) {
        kill(-pid, SIGKILL);
    }
    unlink(pid_file);
}

static void clean_up(const ss_rundir_t *dir) {
    json_t *state = json_load_file(dir->state, 0, NULL);
    const char *socket = json_string_value(json_object_get(state, "socket"));
    const char *short_dir = json_string_value(json_object_get(state, "short_dir"));

    end_leftovers(dir, dir->nginx_pid, dir->path);
    end_leftovers(dir, dir->sidecar_pid, socket == NULL ? dir->path : socket);
    if (socket != NULL && short_dir != NULL && strncmp(short_dir, SHORT_TEMPLATE, 18) == 0) {
        unlink(socket);
        rmdir(short_dir);
    }
    json_decref(state);
    unlink(dir->state);
    unlink(dir->socket);
}

/* A path that does not fit into sun_path gets a short folder of its own. */
static bool place_socket(ss_rundir_t *dir, char *error) {
    if (strlen(dir->socket) < sizeof(((struct sockaddr_un *)0)->sun_path)) {
        return true;
    }
    strcpy(dir->short_dir, SHORT_TEMPLATE);
    if (mkdtemp(dir->short_dir) == NULL) {
        dir->short_dir[0] = '\0';
        return fail(error, "cannot make a folder for sockets in /tmp: %s", strerror(errno));
    }
    snprintf(dir->socket, sizeof(dir->socket), "%s/%s", dir->short_dir, SOCKET_NAME);
    return true;
}

static bool write_state(const ss_rundir_t *dir, char *error) {
    json_t *state = json_pack("{s:i, s:s, s:s}", "pid", (int)getpid(), "socket", dir->socket,
                              "short_dir", dir->short_dir);
    int rc = json_dump_file(state, dir->state, JSON_INDENT(2));

    json_decref(state);
    return rc == 0 || fail_to_write(dir->path, error);
}

bool ss_rundir_open(ss_rundir_t *dir, const char *app_dir, char *error) {
    memset(dir, 0, sizeof(*dir));
    dir->lock_fd = -1;
    if (!set_names(dir, app_dir)) {
        return fail(error, "%s: the path is too long", app_dir);
    }
    if (!make_dirs(dir, app_dir, error) || !take_lock(dir, error)) {
        dir->lock_fd = -1;
        return false;
    }
    clean_up(dir);
    if (!place_socket(dir, error) || !write_state(dir, error)) {
        ss_rundir_close(dir);
        return false;
    }
    return true;
}

void ss_rundir_close(ss_rundir_t *dir) {
    if (dir->lock_fd == -1) {
        return;
    }
    unlink(dir->socket);
    if (dir->short_dir[0] != '\0') {
        rmdir(dir->short_dir);
    }
    unlink(dir->nginx_pid);
    unlink(dir->sidecar_pid);
    unlink(dir->state);
    close(dir->lock_fd);
    dir->lock_fd = -1;
}
