/* SPDX-License-Identifier: MIT
 *
 * What a check says, and how it reads what others say: see doctor.h.
 */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SAID_MAX 4096
#define ANCESTORS_MAX 16

/* Becomes one line. */
static void append(ss_buf_t *to, const char *format, va_list args) {
    char text[SAID_MAX];
    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    ss_buf_append(to, text, strlen(text));
}

void ss_doctor_good(ss_finding_t *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(&finding->found, format, args);
    va_end(args);
    finding->outcome = SS_DOCTOR_GOOD;
}

void ss_doctor_skip(ss_finding_t *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(&finding->found, format, args);
    va_end(args);
    finding->outcome = SS_DOCTOR_SKIPPED;
}

void ss_doctor_bad(ss_finding_t *finding, ss_doctor_outcome_t outcome, const char *remedy,
                   const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(&finding->found, format, args);
    va_end(args);
    ss_doctor_add_remedy(finding, "%s", remedy);
    finding->outcome = outcome;
}

void ss_doctor_add_remedy(ss_finding_t *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(&finding->remedy, format, args);
    va_end(args);
}

void ss_doctor_complaint(ss_finding_t *finding, ss_doctor_outcome_t outcome, ss_buf_t *complaint) {
    char *text = (char *)ss_buf_string(complaint);
    char *remedy = NULL;
    for (char *at = text; (at = strstr(at, ": ")) != NULL; at += 2) {
        remedy = at;
    }
    if (remedy != NULL) {
        *remedy = '\0';
        remedy += 2;
    }
    ss_doctor_bad(finding, outcome, remedy == NULL ? "correct that" : remedy, "%s", text);
}

const char *ss_doctor_redis_value(const char *info, const char *name, size_t *len) {
    size_t name_len = strlen(name);
    for (const char *line = info; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) == 0 && line[name_len] == ':') {
            *len = strcspn(line + name_len + 1, "\r\n");
            return line + name_len + 1;
        }
    }
    return NULL;
}

/* 0: not known. */
static pid_t parent_of(pid_t pid) {
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    char line[256];
    while (file != NULL && parent == 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "PPid: %d", &parent) != 1) {
            parent = 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return parent;
}

bool ss_doctor_descends(pid_t pid, pid_t runner) {
    for (unsigned i = 0; i < ANCESTORS_MAX && pid > 1 && pid != runner; i++) {
        pid = parent_of(pid);
    }
    return runner > 1 && pid == runner;
}
