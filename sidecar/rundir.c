/* SPDX-License-Identifier: MIT
 *
 * The run folder: see rundir.h for the contract.
 *
 * The lock is a flock() of a file that is never removed: removing it would let two runs hold locks
 * of two different files of one name.  Since the kernel gives it back however the holder ends, what
 * else lies in the folder once the lock is ours belongs to nobody.
 */
#include "rundir.h"

#include <dirent.h>
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

#include "bounds.h"

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

static bool name_in(char *out, const char *folder, const char *name) {
    return snprintf(out, SS_RUNDIR_PATH_MAX, "%s/%s", folder, name) < SS_RUNDIR_PATH_MAX;
}

static bool name_node(ss_rundir_node_t *node, const char *path) {
    return snprintf(node->path, SS_RUNDIR_PATH_MAX, "%s", path) < SS_RUNDIR_PATH_MAX &&
           name_in(node->socket, path, "sidecar.sock") &&
           name_in(node->http_socket, path, "http.sock") &&
           name_in(node->nginx_conf, path, "nginx.conf") &&
           name_in(node->nginx_pid, path, "nginx.pid") &&
           name_in(node->sidecar_pid, path, "sidecar.pid") &&
           name_in(node->sidecar_log, path, "logs/sidecar.log") &&
           name_in(node->sidecar_state, path, "sidecar.json");
}

/* Node `i`, counted from 0, of several. */
static bool name_numbered(ss_rundir_node_t *node, const ss_rundir_t *dir, unsigned i) {
    char path[SS_RUNDIR_PATH_MAX];
    char name[16];

    snprintf(name, sizeof(name), "node%u", i + 1);
    return name_in(path, dir->path, name) && name_node(node, path);
}

static bool set_names(ss_rundir_t *dir, const char *app_dir) {
    const char *path = dir->path;
    char balancer[SS_RUNDIR_PATH_MAX];
    bool fits = name_in(dir->path, app_dir, SS_RUNDIR_NAME) &&
                name_in(dir->state, path, "state.json") && name_in(dir->lock, path, "lock") &&
                name_in(dir->logs, path, "logs") && name_in(dir->redis_dir, path, "redis") &&
                name_in(dir->redis_socket, path, "redis/redis.sock") &&
                name_in(dir->redis_pid, path, "redis.pid") &&
                name_in(dir->redis_log, path, "logs/redis.log") &&
                name_in(dir->packer_pid, path, "packer.pid") &&
                name_in(dir->packer_log, path, "logs/packer.log") &&
                name_in(dir->packed, path, "packed");

    fits = fits && name_in(balancer, path, "balancer") && name_node(&dir->balancer, balancer);
    if (dir->n_nodes == 1) {
        return fits && name_node(&dir->nodes[0], path);
    }
    for (unsigned i = 0; i < dir->n_nodes; i++) {
        fits = fits && name_numbered(&dir->nodes[i], dir, i);
    }
    return fits;
}

const char *ss_rundir_remedy(int reason) {
    switch (reason) {
    case ENOSPC:
    case EDQUOT:
        return "make room there";
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
        return "remove it";
    case EROFS:
        return "put the application where files can be written";
    default:
        return "give yourself write access to it";
    }
}

/* Whose the folder is, for somebody who may not write into it. */
static bool fail_to_write(const char *path, char *error) {
    int reason = errno;
    struct stat st;
    struct passwd *owner = stat(path, &st) == 0 ? getpwuid(st.st_uid) : NULL;

    if (reason == EACCES && owner != NULL && st.st_uid != geteuid()) {
        return fail(error, "cannot write to %s: %s; it belongs to %s: run as %s, or %s", path,
                    strerror(reason), owner->pw_name, owner->pw_name, ss_rundir_remedy(reason));
    }
    return fail(error, "cannot write to %s: %s; %s", path, strerror(reason),
                ss_rundir_remedy(reason));
}

static bool make_dir(const char *folder, const char *name, char *error) {
    char path[SS_RUNDIR_PATH_MAX];

    return (name_in(path, folder, name) && (mkdir(path, 0700) == 0 || errno == EEXIST)) ||
           fail_to_write(folder, error);
}

static bool make_node_dirs(const ss_rundir_node_t *node, char *error) {
    if (mkdir(node->path, 0700) != 0 && errno != EEXIST) {
        return fail_to_write(node->path, error);
    }
    return make_dir(node->path, "logs", error) && make_dir(node->path, "tmp", error);
}

static bool make_dirs(const ss_rundir_t *dir, const char *app_dir, char *error) {
    bool ok = make_dir(app_dir, SS_RUNDIR_NAME, error) && make_dir(dir->path, "logs", error) &&
              (dir->n_nodes == 1 || make_node_dirs(&dir->balancer, error));

    for (unsigned i = 0; i < dir->n_nodes; i++) {
        ok = ok && make_node_dirs(&dir->nodes[i], error);
    }
    return ok;
}

/* What is in it is written over, and taken for ours.  So it must be ours, or of whom the
 * application is, who may do anything with us anyhow; and nobody else may put something there. */
static bool check_owner(const ss_rundir_t *dir, const char *app_dir, char *error) {
    struct stat app;
    struct stat st;

    if (stat(app_dir, &app) != 0 || stat(dir->path, &st) != 0) {
        return fail_to_write(dir->path, error);
    }
    if (st.st_uid != geteuid() && st.st_uid != app.st_uid) {
        return fail(error,
                    "%s belongs to another user (%ld), who could lead us anywhere: remove it",
                    dir->path, (long)st.st_uid);
    }
    return (st.st_mode & 02) == 0 ||
           fail(error, "everybody can write to %s: chmod 700 it", dir->path);
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
 * the folder, or the short one of its sockets. */
static pid_t leftover(const ss_rundir_t *dir, const char *pid_file, const char *short_dir) {
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
        (short_dir[0] == '\0' || memmem(text, n, short_dir, strlen(short_dir)) == NULL)) {
        return 0;
    }
    return pid;
}

/* They were told to end when their supervisor was killed; those that do not are killed too. */
static void end_leftover(const ss_rundir_t *dir, const char *pid_file, const char *short_dir) {
    pid_t pid = leftover(dir, pid_file, short_dir);

    for (int tries = 0; pid != 0 && tries < LEFTOVER_TRIES; tries++) {
        usleep(LEFTOVER_WAIT_US);
        if (leftover(dir, pid_file, short_dir) != pid) {
            pid = 0;
        }
    }
    if (pid != 0) {
        kill(-pid, SIGKILL);
    }
    unlink(pid_file);
}

/* A sidecar that was killed leaves them; its hosts have ended with it. */
static void remove_host_pids(const ss_rundir_node_t *node) {
    char path[SS_RUNDIR_PATH_MAX + 32];

    for (unsigned i = 0; i < SS_HOSTS_MAX; i++) {
        snprintf(path, sizeof(path), "%s/host-%u.pid", node->path, i);
        unlink(path);
    }
}

static void clean_node(const ss_rundir_t *dir, const ss_rundir_node_t *node,
                       const char *short_dir) {
    end_leftover(dir, node->nginx_pid, short_dir);
    end_leftover(dir, node->sidecar_pid, short_dir);
    unlink(node->socket);
    unlink(node->sidecar_state);
    unlink(node->http_socket);
    remove_host_pids(node);
}

/* Sockets have names of their own there, and nothing else is in it. */
static void remove_short_dir(const char *path) {
    DIR *folder = strncmp(path, SHORT_TEMPLATE, 18) == 0 ? opendir(path) : NULL;
    const struct dirent *entry;

    if (folder != NULL) {
        while ((entry = readdir(folder)) != NULL) {
            if (strstr(entry->d_name, ".sock") != NULL) {
                unlinkat(dirfd(folder), entry->d_name, 0);
            }
        }
        closedir(folder);
        rmdir(path);
    }
}

/* The former run may have had more nodes, or fewer. */
static void clean_up(const ss_rundir_t *dir) {
    json_t *state = json_load_file(dir->state, 0, NULL);
    const char *short_dir = json_string_value(json_object_get(state, "short_dir"));
    ss_rundir_node_t *node = malloc(sizeof(*node));

    if (short_dir == NULL) {
        short_dir = "";
    }
    if (node != NULL) {
        if (name_node(node, dir->path)) {
            clean_node(dir, node, short_dir);
        }
        for (unsigned i = 0; i < SS_NODES_MAX && name_numbered(node, dir, i); i++) {
            clean_node(dir, node, short_dir);
        }
    }
    free(node);
    clean_node(dir, &dir->balancer, short_dir);
    end_leftover(dir, dir->redis_pid, short_dir);
    end_leftover(dir, dir->packer_pid, short_dir);
    unlink(dir->packed);
    unlink(dir->redis_socket);
    remove_short_dir(short_dir);
    json_decref(state);
    unlink(dir->state);
}

static bool fits(const char *socket) {
    return strlen(socket) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

bool ss_rundir_sockets_fit(const ss_rundir_t *dir) {
    bool all = fits(dir->redis_socket);

    for (unsigned i = 0; i < dir->n_nodes; i++) {
        all = all && fits(dir->nodes[i].socket);
    }
    return all;
}

/* When a path does not fit into sun_path, all get a short folder of their own. */
static bool place_sockets(ss_rundir_t *dir, char *error) {
    char name[24];

    if (ss_rundir_sockets_fit(dir)) {
        return true;
    }
    strcpy(dir->short_dir, SHORT_TEMPLATE);
    if (mkdtemp(dir->short_dir) == NULL) {
        dir->short_dir[0] = '\0';
        return fail(error, "cannot make a folder for sockets in /tmp: %s", strerror(errno));
    }
    for (unsigned i = 0; i < dir->n_nodes; i++) {
        snprintf(name, sizeof(name), "node%u.sock", i + 1);
        name_in(dir->nodes[i].socket, dir->short_dir, name);
        snprintf(name, sizeof(name), "http%u.sock", i + 1);
        name_in(dir->nodes[i].http_socket, dir->short_dir, name);
    }
    return name_in(dir->redis_socket, dir->short_dir, "redis.sock");
}

static bool write_state(const ss_rundir_t *dir, char *error) {
    json_t *state =
        json_pack("{s:i, s:s, s:s, s:i, s:i}", "pid", (int)getpid(), "socket", dir->nodes[0].socket,
                  "short_dir", dir->short_dir, "nodes", (int)dir->n_nodes, "port", dir->port);
    int rc = json_dump_file(state, dir->state, JSON_INDENT(2));

    json_decref(state);
    return rc == 0 || fail_to_write(dir->path, error);
}

bool ss_rundir_name(ss_rundir_t *dir, const char *app_dir, char *error) {
    memset(dir, 0, sizeof(*dir));
    dir->lock_fd = -1;
    dir->n_nodes = 1;
    if (!set_names(dir, app_dir) || !fits(dir->nodes[0].socket)) {
        return fail(error, "%s: the path is too long for a socket in it", app_dir);
    }
    return make_dirs(dir, app_dir, error);
}

bool ss_rundir_look(ss_rundir_t *dir, const char *app_dir, pid_t *runner) {
    json_t *state;
    json_int_t nodes;

    memset(dir, 0, sizeof(*dir));
    dir->lock_fd = -1;
    dir->n_nodes = 1;
    *runner = 0;
    if (!set_names(dir, app_dir)) {
        return false;
    }
    state = json_load_file(dir->state, 0, NULL);
    nodes = json_integer_value(json_object_get(state, "nodes"));
    dir->port = (int)json_integer_value(json_object_get(state, "port"));
    *runner = (pid_t)json_integer_value(json_object_get(state, "pid"));
    json_decref(state);
    dir->n_nodes = nodes > 1 && nodes <= SS_NODES_MAX ? (unsigned)nodes : 1;
    return set_names(dir, app_dir);
}

bool ss_rundir_open(ss_rundir_t *dir, const char *app_dir, unsigned n_nodes, int port,
                    char *error) {
    memset(dir, 0, sizeof(*dir));
    dir->lock_fd = -1;
    dir->port = port;
    dir->n_nodes = n_nodes;
    if (!set_names(dir, app_dir)) {
        return fail(error, "%s: the path is too long", app_dir);
    }
    if (!make_dirs(dir, app_dir, error) || !check_owner(dir, app_dir, error) ||
        !take_lock(dir, error)) {
        dir->lock_fd = -1;
        return false;
    }
    clean_up(dir);
    if (!place_sockets(dir, error) || !write_state(dir, error)) {
        ss_rundir_close(dir);
        return false;
    }
    return true;
}

void ss_rundir_close(ss_rundir_t *dir) {
    if (dir->lock_fd == -1) {
        return;
    }
    for (unsigned i = 0; i < dir->n_nodes; i++) {
        unlink(dir->nodes[i].socket);
        unlink(dir->nodes[i].http_socket);
        unlink(dir->nodes[i].nginx_pid);
        unlink(dir->nodes[i].sidecar_pid);
        unlink(dir->nodes[i].sidecar_state);
        remove_host_pids(&dir->nodes[i]);
    }
    unlink(dir->balancer.nginx_pid);
    unlink(dir->redis_socket);
    unlink(dir->redis_pid);
    unlink(dir->packer_pid);
    unlink(dir->packed);
    remove_short_dir(dir->short_dir);
    unlink(dir->state);
    close(dir->lock_fd);
    dir->lock_fd = -1;
}
