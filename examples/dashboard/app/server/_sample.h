/* SPDX-License-Identifier: MIT
 *
 * One look at the server: what its processes use, from /proc, and what nginx counts, from its
 * status page.  Owns no state; blocks for up to a second, so it belongs on a thread.
 *
 * Processes are those that `socketstream start` runs, this sidecar's own hosts, and no others: a
 * Redis that runs elsewhere is not seen.  Of several nodes behind a balancer the page counts one.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { GROUP_NGINX, GROUP_SIDECAR, GROUP_HOSTS, GROUP_REDIS, GROUPS };

static const char *const group_names[GROUPS] = {"nginx", "sidecar", "hosts", "redis"};

typedef struct {
    double cpu_s; /* of all that run now, since each began */
    double memory_bytes;
} usage_t;

typedef struct {
    double at_ms; /* since 1970 */
    usage_t groups[GROUPS];
    json_t *status; /* nginx's counters; NULL when it did not answer */
} sample_t;

/* --- processes ------------------------------------------------------------------------------- */

typedef struct {
    int pid;
    int parent;
    char name[32];
    usage_t usage;
} process_t;

/* false when it has ended meanwhile. */
static bool read_process(int pid, process_t *process) {
    char path[64];
    char line[1024];
    unsigned long user, system;
    long pages;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
    fclose(file);
    /* The name stands in parentheses, and may hold some. */
    char *name = strchr(line, '(');
    char *end = strrchr(line, ')');
    if (name == NULL || end == NULL ||
        sscanf(end + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u"
               " %*u %ld",
               &process->parent, &user, &system, &pages) != 4) {
        return false;
    }
    *end = '\0';
    snprintf(process->name, sizeof(process->name), "%s", name + 1);
    process->pid = pid;
    process->usage.cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    process->usage.memory_bytes = (double)pages * (double)sysconf(_SC_PAGESIZE);
    return true;
}

/* The group a process belongs to, GROUPS for none.  nginx's workers are its master's children. */
static int group_of(const process_t *process) {
    int start = getppid();
    process_t parent;

    if (process->pid == getpid()) {
        return GROUP_SIDECAR;
    }
    if (process->parent == getpid()) {
        return GROUP_HOSTS;
    }
    if (process->parent == start && strncmp(process->name, "redis-", 6) == 0) {
        return GROUP_REDIS;
    }
    if (strcmp(process->name, "nginx") == 0 &&
        (process->parent == start ||
         (read_process(process->parent, &parent) && parent.parent == start))) {
        return GROUP_NGINX;
    }
    return GROUPS;
}

static void read_processes(usage_t groups[GROUPS]) {
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    process_t process;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        int pid = atoi(entry->d_name);
        int group = pid > 0 && read_process(pid, &process) ? group_of(&process) : GROUPS;
        if (group < GROUPS) {
            groups[group].cpu_s += process.usage.cpu_s;
            groups[group].memory_bytes += process.usage.memory_bytes;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* --- nginx's counters ------------------------------------------------------------------------ */

#define ANSWER_MAX 65536

/* A connection to nginx at the port that `socketstream start` was told, or -1. */
static int connect_to_nginx(void) {
    const char *port = getenv("SS__http__port");
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port == NULL ? "3000" : port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
            close(fd);
            fd = -1;
        }
    }
    return fd;
}

static json_t *read_status(void) {
    static const char request[] = "GET /socketstream/status HTTP/1.0\r\n\r\n";
    char answer[ANSWER_MAX];
    size_t len = 0;
    ssize_t n;
    int fd = connect_to_nginx();

    if (fd < 0) {
        return NULL;
    }
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1) {
        while (len < sizeof(answer) - 1 &&
               (n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0) {
            len += (size_t)n;
        }
    }
    close(fd);
    answer[len] = '\0';
    const char *body = strstr(answer, "\r\n\r\n");
    return body == NULL ? NULL : json_loads(body, 0, NULL);
}

/* --- both ------------------------------------------------------------------------------------ */

/* Fills `sample`, whose `status` is the caller's then. */
static void take_sample(sample_t *sample) {
    struct timeval now;

    memset(sample, 0, sizeof(*sample));
    gettimeofday(&now, NULL);
    sample->at_ms = (double)now.tv_sec * 1e3 + (double)(now.tv_usec / 1000);
    read_processes(sample->groups);
    sample->status = read_status();
}

/* As pages get it; takes the reference to `status`. */
static json_t *sample_json(sample_t *sample) {
    json_t *cpu = json_object();
    json_t *memory = json_object();

    for (int i = 0; i < GROUPS; i++) {
        json_object_set_new(cpu, group_names[i], json_real(sample->groups[i].cpu_s));
        json_object_set_new(memory, group_names[i], json_real(sample->groups[i].memory_bytes));
    }
    json_t *result =
        json_pack("{s:f, s:o, s:o}", "at", sample->at_ms, "cpu", cpu, "memory", memory);
    static const char *const counters[][2] = {
        {"clients", "connections"}, {"calls", "calls_total"}, {"messages", "messages_out_total"}};
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        json_t *value = json_object_get(sample->status, counters[i][1]);
        json_object_set_new(result, counters[i][0],
                            value == NULL ? json_null() : json_incref(value));
    }
    json_decref(sample->status);
    return result;
}
