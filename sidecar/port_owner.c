/* SPDX-License-Identifier: MIT
 *
 * See port_owner.h.  The kernel lists sockets with their inode numbers; whose files have that
 * number is found by looking at all processes.
 */
#include "port_owner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LISTENING 0x0a /* TCP_LISTEN, as the kernel prints it */

/* The inode of a socket that listens on `port`; 0: there is none in this table. */
static unsigned long listening_inode(const char *table, int port) {
    char text[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");

    while (file != NULL && found == 0 && fgets(text, sizeof(text), file) != NULL) {
        unsigned local;
        unsigned state;
        unsigned long inode;

        if (sscanf(text, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*d %lu", &local,
                   &state, &inode) == 3 &&
            state == LISTENING && local == (unsigned)port) {
            found = inode;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static bool has_socket(const char *pid, const char *wanted) {
    char path[320];
    char target[64];
    DIR *folder;
    const struct dirent *entry;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    folder = opendir(path);
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

        target[n < 0 ? 0 : n] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

static void read_name(ss_port_owner_t *owner) {
    char path[64];
    char name[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)owner->pid);
    file = fopen(path, "re");
    if (file != NULL) {
        size_t n = fread(name, 1, sizeof(name) - 1, file);

        n -= n > 0 && name[n - 1] == '\n';
        ss_log_escape(owner->name, sizeof(owner->name), name, n);
        fclose(file);
    }
}

bool ss_port_owner(int port, ss_port_owner_t *owner) {
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    char wanted[64];
    DIR *processes;
    const struct dirent *entry;

    memset(owner, 0, sizeof(*owner));
    if (inode == 0) {
        inode = listening_inode("/proc/net/tcp6", port);
    }
    if (inode == 0 || (processes = opendir("/proc")) == NULL) {
        return false;
    }
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    while (owner->pid == 0 && (entry = readdir(processes)) != NULL) {
        if (atoi(entry->d_name) > 0 && has_socket(entry->d_name, wanted)) {
            owner->pid = atoi(entry->d_name);
        }
    }
    closedir(processes);
    if (owner->pid != 0) {
        read_name(owner);
    }
    return owner->pid != 0 && owner->name[0] != '\0';
}
