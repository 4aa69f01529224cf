/* SPDX-License-Identifier: MIT
 *
 * Checks of an application that runs under `socketstream start`: its processes, and whether it
 * answers.  See doctor.h.
 */
#include "doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "bounds.h"
#include "probe.h"

#define ANSWER_MAX 65536

/* --- processes ------------------------------------------------------------------------------- */

/* 0: there is no such file. */
static pid_t read_pid(const char *path) {
    FILE *file = fopen(path, "re");
    int pid = 0;

    if (file != NULL) {
        if (fscanf(file, "%d", &pid) != 1) {
            pid = 0;
        }
        fclose(file);
    }
    return pid;
}

static bool is_alive(pid_t pid) { return kill(pid, 0) == 0 || errno == EPERM; }

/* Adds one that is alive to `list`; false when it is not, or has no number yet. */
static bool add_process(ss_buf_t *list, const char *name, const char *pid_file) {
    pid_t pid = read_pid(pid_file);
    bool alive = pid > 1 && is_alive(pid);

    if (alive) {
        ss_buf_printf(list, ", %s %d", name, (int)pid);
    }
    return alive;
}

/* The first that is missing; NULL: none is. */
static const char *list_processes(const ss_rundir_t *dir, ss_buf_t *list) {
    for (unsigned i = 0; i < dir->n_nodes; i++) {
        if (!add_process(list, "nginx", dir->nodes[i].nginx_pid)) {
            return "nginx";
        }
        if (!add_process(list, "sidecar", dir->nodes[i].sidecar_pid)) {
            return "the sidecar";
        }
    }
    if (access(dir->redis_pid, F_OK) == 0 && !add_process(list, "redis", dir->redis_pid)) {
        return "redis";
    }
    if (access(dir->packer_pid, F_OK) == 0 && !add_process(list, "packer", dir->packer_pid)) {
        return "the packer";
    }
    return NULL;
}

static void look_at_processes(ss_doctor_t *d, ss_finding_t *f) {
    ss_buf_t list = {0};
    const char *missing;

    if (d->killed != 0) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "start it again: that cleans up after it",
                      "its last run, process %d, was killed", (int)d->killed);
        return;
    }
    if (d->runner == 0) {
        ss_doctor_skip(f, "it does not run, or not by `socketstream start`");
        return;
    }
    missing = list_processes(&d->dir, &list);
    if (missing == NULL) {
        ss_doctor_good(f, "process %d%s", (int)d->runner, ss_buf_string(&list));
    } else {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "", "%s of process %d is being started, or fails to",
                      missing, (int)d->runner);
        ss_doctor_add_remedy(f, "look again, or into %s", d->dir.logs);
    }
    ss_buf_free(&list);
}

/* --- answers --------------------------------------------------------------------------------- */

/* Sends the request, and reads to the end of the answer, or as much as is of interest. */
static bool converse(int fd, const ss_probe_addr_t *addr, const char *request, ss_buf_t *answer) {
    struct timeval limit = {.tv_sec = SS_DOCTOR_WAIT_MS / 1000};
    size_t len = strlen(request);
    ssize_t n = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&addr->addr, addr->len) != 0 ||
        send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len) {
        return false;
    }
    while (n > 0 && answer->len < ANSWER_MAX) {
        n = recv(fd, ss_buf_reserve(answer, 4096), 4096, 0);
        answer->len += n > 0 ? (size_t)n : 0;
    }
    return n >= 0;
}

/* The status of an answer to GET at http.port; 0, with errno, when there is none. */
static int get(ss_doctor_t *d, const char *path) {
    ss_probe_addr_t addr;
    char request[128];
    ss_buf_t answer = {0};
    int status = 0;
    int fd;

    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    errno = EADDRNOTAVAIL;
    if (!ss_probe_resolve(&addr, ss_config_string(d->config, "http.hostname"),
                          (int)ss_config_integer(d->config, "http.port"))) {
        return 0;
    }
    ss_probe_reachable(&addr);
    fd = socket(addr.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd != -1) {
        if (converse(fd, &addr, request, &answer) &&
            sscanf(ss_buf_string(&answer), "HTTP/1.%*d %d", &status) != 1) {
            status = 0;
            errno = EPROTO;
        }
        close(fd);
    }
    ss_buf_free(&answer);
    return status;
}

static bool runs(const ss_doctor_t *d, ss_finding_t *f) {
    if (d->runner == 0) {
        ss_doctor_skip(f, "it does not run, or not by `socketstream start`");
    }
    return d->runner != 0;
}

static void look_at_status(ss_doctor_t *d, ss_finding_t *f) {
    int status;

    if (!runs(d, f)) {
        return;
    }
    status = get(d, "/socketstream/status");
    if (status == 200) {
        ss_doctor_good(f, "/socketstream/status answers");
    } else if (status != 0) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "look whether http.port is that of another application",
                      "/socketstream/status answers with %d", status);
    } else {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "nginx does not answer: %s", strerror(errno));
        ss_doctor_add_remedy(f, "look into %s, and whether it runs with another SS_ENV",
                             d->dir.logs);
    }
}

static void look_at_health(ss_doctor_t *d, ss_finding_t *f) {
    int status;

    if (!runs(d, f)) {
        return;
    }
    status = get(d, "/socketstream/status?format=health");
    if (status == 200) {
        ss_doctor_good(f, "events get through");
    } else if (status == 503) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "no sidecar delivers events: health is 503");
        ss_doctor_add_remedy(f, "look whether Redis answers, and into %s", d->dir.logs);
    } else {
        ss_doctor_skip(f, "not known: see status");
    }
}

const ss_doctor_check_t ss_doctor_run[] = {
    {"processes", true, look_at_processes},
    {"status", false, look_at_status},
    {"health", false, look_at_health},
    {0},
};
