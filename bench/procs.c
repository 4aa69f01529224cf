/* SPDX-License-Identifier: MIT
 *
 * Reads /proc/PID/{stat,smaps_rollup,task/TID/schedstat}.
 *
 * The scheduler's own run time (schedstat) is in nanoseconds but per thread, and a thread that
 * ended takes its time with it; stat counts those too, in clock ticks.  So both are kept: the
 * first for the figure, the second to check it.
 */
#include "procs.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

static bool read_file(char *out, size_t cap, const char *path) {
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return false;
    }
    size_t n = fread(out, 1, cap - 1, f);
    out[n] = '\0';
    fclose(f);
    return n != 0;
}

/* The fields of /proc/PID/stat behind the command's name, which may hold anything, even a
 * parenthesis: field 3 (state) stands first in what is returned. */
static char *read_stat(char *buf, size_t cap, pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_file(buf, cap, path)) {
        return NULL;
    }
    char *end = strrchr(buf, ')');
    return end == NULL ? NULL : end + 2;
}

static pid_t parent_of(pid_t pid) {
    char buf[1024];
    char *fields = read_stat(buf, sizeof buf, pid);
    int parent = 0;
    return fields != NULL && sscanf(fields, "%*c %d", &parent) == 1 ? (pid_t)parent : 0;
}

static bool has(const procs_t *procs, pid_t pid) {
    for (unsigned i = 0; i < procs->n; i++) {
        if (procs->list[i].pid == pid) {
            return true;
        }
    }
    return false;
}

static void add_one(procs_t *procs, const char *label, pid_t pid) {
    if (procs->n == PROCS_MAX) {
        die("more than %d server processes", PROCS_MAX);
    }
    proc_t *p = &procs->list[procs->n];
    char path[64];
    *p = (proc_t){.pid = pid};
    snprintf(p->label, sizeof p->label, "%s", label);
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    if (!read_file(p->comm, sizeof p->comm, path)) {
        die("no process %d", (int)pid);
    }
    p->comm[strcspn(p->comm, "\n")] = '\0';
    procs->n++;
}

/* One pass over /proc adds the children of those known so far. */
static bool add_children(procs_t *procs, const char *label) {
    DIR *dir = opendir("/proc");
    if (dir == NULL) {
        die("/proc: %m");
    }
    bool added = false;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0])) {
            continue;
        }
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (!has(procs, pid) && has(procs, parent_of(pid))) {
            add_one(procs, label, pid);
            added = true;
        }
    }
    closedir(dir);
    return added;
}

void procs_add(procs_t *procs, const char *spec) {
    const char *equals = strchr(spec, '=');
    char label[PROCS_LABEL_MAX] = "server";
    if (equals != NULL) {
        snprintf(label, sizeof label, "%.*s", (int)(equals - spec), spec);
        spec = equals + 1;
    }
    pid_t pid = (pid_t)atoi(spec);
    if (pid <= 0) {
        die("\"%s\" is not a process id", spec);
    }
    if (!has(procs, pid)) {
        add_one(procs, label, pid);
    }
    while (add_children(procs, label)) {
    }
}

static uint64_t threads_run_ns(pid_t pid) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        die("process %d is gone", (int)pid);
    }
    uint64_t total = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char buf[128];
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        if (isdigit((unsigned char)entry->d_name[0]) && read_file(buf, sizeof buf, path)) {
            total += strtoull(buf, NULL, 10);
        }
    }
    closedir(dir);
    return total;
}

static uint64_t process_ticks_ns(pid_t pid) {
    char buf[1024];
    char *fields = read_stat(buf, sizeof buf, pid);
    uint64_t user = 0, system = 0;
    if (fields == NULL ||
        sscanf(fields, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64, &user,
               &system) != 2) {
        die("process %d is gone", (int)pid);
    }
    return (user + system) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

void procs_sample_cpu(procs_t *procs, procs_when_t when) {
    for (unsigned i = 0; i < procs->n; i++) {
        proc_t *p = &procs->list[i];
        p->sched_ns[when] = threads_run_ns(p->pid);
        p->ticks_ns[when] = process_ticks_ns(p->pid);
    }
}

void procs_sample_memory(procs_t *procs, procs_when_t when) {
    for (unsigned i = 0; i < procs->n; i++) {
        proc_t *p = &procs->list[i];
        char path[64];
        char buf[4096];
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)p->pid);
        const char *line = read_file(buf, sizeof buf, path) ? strstr(buf, "\nPss:") : NULL;
        if (line == NULL) {
            die("%s: cannot be read", path);
        }
        p->pss[when] = strtoull(line + strlen("\nPss:"), NULL, 10) * 1024;
    }
}

uint64_t procs_sched_ns(const procs_t *procs) {
    uint64_t total = 0;
    for (unsigned i = 0; i < procs->n; i++) {
        total += procs->list[i].sched_ns[PROCS_AFTER] - procs->list[i].sched_ns[PROCS_BEFORE];
    }
    return total;
}

uint64_t procs_ticks_ns(const procs_t *procs) {
    uint64_t total = 0;
    for (unsigned i = 0; i < procs->n; i++) {
        total += procs->list[i].ticks_ns[PROCS_AFTER] - procs->list[i].ticks_ns[PROCS_BEFORE];
    }
    return total;
}

void procs_print_cpu(const procs_t *procs, const char *unit, uint64_t n) {
    double sched = (double)procs_sched_ns(procs) / 1000 / (double)n;
    double ticks = (double)procs_ticks_ns(procs) / 1000 / (double)n;
    fprintf(stderr, "  %.3f us CPU per %s (%.3f by ticks)\n", sched, unit, ticks);
    printf("\"cpu_us_per_%s\":%.4f,\"cpu_us_per_%s_ticks\":%.4f,\"processes\":[", unit, sched, unit,
           ticks);
    for (unsigned i = 0; i < procs->n; i++) {
        const proc_t *p = &procs->list[i];
        double cpu = (double)(p->sched_ns[PROCS_AFTER] - p->sched_ns[PROCS_BEFORE]) / 1000;
        fprintf(stderr, "  %-10s %-15s %7d  %.3f us\n", p->label, p->comm, (int)p->pid,
                cpu / (double)n);
        printf("%s{\"label\":\"%s\",\"comm\":\"%s\",\"pid\":%d,\"cpu_us_per_%s\":%.4f}",
               i == 0 ? "" : ",", p->label, p->comm, (int)p->pid, unit, cpu / (double)n);
    }
    printf("]");
}
