/* SPDX-License-Identifier: MIT
 *
 * Checks of the machine: ports, limits, the run folder and what is in it, disk, kernel.  See
 * doctor.h.
 */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bounds.h"
#include "port_owner.h"
#include "probe.h"
#include "programs.h"

#define FILES_LEAST 1024
#define DISK_LEAST_MIB 64
#define DISK_SHORT_MIB 1024
#define BACKLOG 511 /* nginx' own */

/* --- ports ----------------------------------------------------------------------------------- */

static void judge_taken(ss_doctor_t *d, ss_finding_t *f, const char *key, int port) {
    ss_port_owner_t owner;
    bool known = ss_port_owner(port, &owner);

    if (known && ss_doctor_descends(owner.pid, d->runner)) {
        ss_doctor_good(f, "%d is ours: %s (process %d) listens there", port, owner.name,
                       (int)owner.pid);
    } else if (known) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%d is in use: %s (process %d) listens there", port,
                      owner.name, (int)owner.pid);
        ss_doctor_add_remedy(f, "end it, or choose another with %s.port", key);
    } else if (d->runner != 0) {
        ss_doctor_good(f, "%d is in use, and the application runs", port);
    } else {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%d is in use, by another user's process", port);
        ss_doctor_add_remedy(f, "end that, or choose another with %s.port", key);
    }
}

/* As check_port() in start_checks.c, which complains of the first thing that is wrong. */
static void look_at_port(ss_doctor_t *d, ss_finding_t *f, const char *key) {
    char name[32];
    const char *host;
    ss_probe_addr_t addr;
    int port;
    int reason;

    snprintf(name, sizeof(name), "%s.hostname", key);
    host = ss_config_string(d->config, name);
    snprintf(name, sizeof(name), "%s.port", key);
    port = (int)ss_config_integer(d->config, name);
    if (!ss_probe_resolve(&addr, host, port)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%s.hostname: \"%s\" is no address of this machine",
                      key, host);
        ss_doctor_add_remedy(f, "set %s.hostname to one, or to 0.0.0.0 for all", key);
        return;
    }
    reason = ss_probe_free(&addr);
    switch (reason) {
    case 0:
        ss_doctor_good(f, "%d is free", port);
        break;
    case EADDRINUSE:
        judge_taken(d, f, key, port);
        break;
    case EACCES:
        if (d->nginx[0] != '\0' && ss_program_has_rights(d->nginx)) {
            ss_doctor_good(f, "%d needs privileges, and nginx has them", port);
            break;
        }
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "%d needs privileges", port);
        ss_doctor_add_remedy(f,
                             "choose one above 1023 with %s.port, or setcap "
                             "cap_net_bind_service=+ep %s",
                             key, d->nginx[0] == '\0' ? "nginx" : d->nginx);
        break;
    default:
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "", "nobody can listen on %s port %d: %s", host, port,
                      strerror(reason));
        ss_doctor_add_remedy(f, "correct %s.hostname", key);
    }
}

static void look_at_http(ss_doctor_t *d, ss_finding_t *f) { look_at_port(d, f, "http"); }

static void look_at_https(ss_doctor_t *d, ss_finding_t *f) {
    if (!ss_config_boolean(d->config, "https.enabled")) {
        ss_doctor_skip(f, "https.enabled is false");
    } else if (ss_config_integer(d->config, "https.port") ==
               ss_config_integer(d->config, "http.port")) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "choose another for one of them",
                      "http.port and https.port are the same");
    } else {
        look_at_port(d, f, "https");
    }
}

/* --- limits ---------------------------------------------------------------------------------- */

/* `start` raises the soft limit to the hard one. */
static void look_at_files(ss_doctor_t *d, ss_finding_t *f) {
    unsigned long long wanted =
        (unsigned long long)ss_config_integer(d->config, "nginx.worker_connections");
    struct rlimit limit;
    unsigned long long files;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        ss_doctor_skip(f, "the limit of open files is not known");
        return;
    }
    files = limit.rlim_max;
    if (files < wanted) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR,
                      "raise it (LimitNOFILE= of the unit, or limits.conf), or lower "
                      "nginx.worker_connections",
                      "a process may open %llu files, but nginx.worker_connections is %llu", files,
                      wanted);
    } else if (files < FILES_LEAST) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "raise it (LimitNOFILE= of the unit, or limits.conf)",
                      "a process may open %llu files, and each client is one", files);
    } else if (limit.rlim_max == RLIM_INFINITY) {
        ss_doctor_good(f, "as many as the kernel has");
    } else {
        ss_doctor_good(f, "%llu for each process", files);
    }
}

/* -1: not known. */
static long long read_setting(const char *path) {
    FILE *file = fopen(path, "re");
    long long value = -1;

    if (file != NULL) {
        if (fscanf(file, "%lld", &value) != 1) {
            value = -1;
        }
        fclose(file);
    }
    return value;
}

/* Whether the kernel's `name` is at least so much; `what` comes of less. */
static void judge_setting(ss_finding_t *f, const char *name, long long least, const char *what) {
    char path[128] = "/proc/sys/";
    size_t used = strlen(path);
    long long value;

    snprintf(path + used, sizeof(path) - used, "%s", name);
    for (char *c = path + used; *c != '\0'; c++) {
        *c = *c == '.' ? '/' : *c;
    }
    value = read_setting(path);
    if (value < 0) {
        ss_doctor_skip(f, "%s is not known here", name);
    } else if (value < least) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "", "%s is %lld: %s", name, value, what);
        ss_doctor_add_remedy(f, "sysctl -w %s=%lld, and into /etc/sysctl.d", name, least);
    } else {
        ss_doctor_good(f, "%s is %lld", name, value);
    }
}

static void look_at_backlog(ss_doctor_t *d, ss_finding_t *f) {
    (void)d;
    judge_setting(f, "net.core.somaxconn", BACKLOG,
                  "fewer connections wait than nginx asks for, and a crowd is refused");
}

static void look_at_nr_open(ss_doctor_t *d, ss_finding_t *f) {
    long long wanted = ss_config_integer(d->config, "nginx.worker_connections");

    judge_setting(f, "fs.nr_open", wanted > FILES_LEAST ? wanted : FILES_LEAST,
                  "no process may open as many files as nginx.worker_connections needs");
}

static void look_at_watches(ss_doctor_t *d, ss_finding_t *f) {
    if (d->development) {
        judge_setting(f, "fs.inotify.max_user_watches", SS_WATCH_FOLDERS_MAX,
                      "changes of files may go unnoticed");
    } else {
        ss_doctor_skip(f, "files are watched in development alone");
    }
}

/* --- the run folder -------------------------------------------------------------------------- */

/* The nearest that is there. */
static const char *run_folder(const ss_doctor_t *d) {
    return access(d->dir.path, F_OK) == 0 ? d->dir.path : d->app;
}

/* By its magic number (linux/magic.h and those of the drivers); NULL for what takes sockets. */
static const char *without_sockets(long type) {
    static const struct {
        long type;
        const char *name;
    } all[] = {{0x4d44, "FAT"},
               {0x2011bab0, "exFAT"},
               {0x5346544e, "NTFS"},
               {(long)0xff534d42, "SMB"},
               {(long)0xfe534d42, "SMB"}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if ((type & 0xffffffff) == all[i].type) {
            return all[i].name;
        }
    }
    return NULL;
}

static void look_at_folder(ss_doctor_t *d, ss_finding_t *f) {
    const char *folder = run_folder(d);
    struct stat st;
    struct statfs fs;
    const char *kind = statfs(folder, &fs) == 0 ? without_sockets((long)fs.f_type) : NULL;

    if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "remove it", "%s is no folder", folder);
    } else if (access(folder, W_OK | X_OK) != 0) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, ss_rundir_remedy(errno), "cannot write to %s: %s", folder,
                      strerror(errno));
    } else if (kind != NULL) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "put the application on a filesystem of Linux",
                      "%s is on %s, which has no sockets", folder, kind);
    } else {
        ss_doctor_good(f, "%s may be written to", folder);
    }
}

static void look_at_socket_path(ss_doctor_t *d, ss_finding_t *f) {
    if (d->dir.path[0] == '\0') {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "move the application to a shorter path",
                      "the application's path is too long");
    } else if (strchr(d->app, '$') != NULL) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "rename the folder",
                      "nginx would take the $ in %s for a variable", d->app);
    } else if (!ss_rundir_sockets_fit(&d->dir)) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "move the application to a shorter path",
                      "the path of a socket in .socketstream has more than 107 bytes: "
                      "`socketstream start` makes a folder in /tmp for them, the console does not");
    } else {
        ss_doctor_good(f, "that of a socket is short enough");
    }
}

/* Whoever connects to it speaks for nginx. */
static void look_at_socket(ss_doctor_t *d, ss_finding_t *f) {
    const char *path = d->dir.nodes[0].socket;
    struct stat st;

    if (path[0] == '\0' || stat(path, &st) != 0) {
        ss_doctor_skip(f, "there is none now");
    } else if (!S_ISSOCK(st.st_mode)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, "remove it", "%s is no socket", path);
    } else if ((st.st_mode & S_IWOTH) != 0) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "", "everybody here may connect to %s", path);
        ss_doctor_add_remedy(f, "chmod o= %s", path);
    } else {
        ss_doctor_good(f, "its mode is %03o", (unsigned)st.st_mode & 0777);
    }
}

static void look_at_disk(ss_doctor_t *d, ss_finding_t *f) {
    const char *folder = run_folder(d);
    struct statvfs fs;
    unsigned long long mib;

    if (statvfs(folder, &fs) != 0) {
        ss_doctor_skip(f, "%s: %s", folder, strerror(errno));
        return;
    }
    mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
    if (mib < DISK_SHORT_MIB) {
        ss_doctor_bad(f, mib < DISK_LEAST_MIB ? SS_DOCTOR_ERROR : SS_DOCTOR_WARNING, "",
                      "%llu MiB are left for logs, Redis and compiled code", mib);
        ss_doctor_add_remedy(f, "make room on the disk of %s", folder);
    } else {
        ss_doctor_good(f, "%llu GiB are left", mib >> 10);
    }
}

const ss_doctor_check_t ss_doctor_system[] = {
    {"http-port", false, look_at_http},
    {"https-port", false, look_at_https},
    {"open-files", false, look_at_files},
    {"backlog", true, look_at_backlog},
    {"nr-open", false, look_at_nr_open},
    {"watches", false, look_at_watches},
    {"run-folder", true, look_at_folder},
    {"socket-path", true, look_at_socket_path},
    {"socket-mode", true, look_at_socket},
    {"disk", true, look_at_disk},
    {0},
};
