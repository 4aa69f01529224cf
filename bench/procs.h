/* SPDX-License-Identifier: MIT
 *
 * What the measured server's processes use: CPU time and memory, read from /proc.
 *
 * Owns the list of processes and two samples of each.  The list is fixed by procs_add(): a
 * server must have started all its processes before.
 */
#ifndef BENCH_PROCS_H
#define BENCH_PROCS_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PROCS_MAX 64
#define PROCS_LABEL_MAX 32

typedef enum { PROCS_BEFORE, PROCS_AFTER, PROCS_CLOSED, PROCS_SAMPLES } procs_when_t;

typedef struct {
    pid_t pid;
    char label[PROCS_LABEL_MAX]; /* as given for the root that it descends from */
    char comm[PROCS_LABEL_MAX];
    uint64_t sched_ns[PROCS_SAMPLES]; /* run time by the scheduler, all threads */
    uint64_t ticks_ns[PROCS_SAMPLES]; /* user + system of the process, in 10 ms steps */
    uint64_t pss[PROCS_SAMPLES];      /* bytes */
} proc_t;

typedef struct {
    proc_t list[PROCS_MAX];
    unsigned n;
} procs_t;

/* Adds a process and all its descendants; `spec` is "label=pid" or "pid".  Dies when there is no
 * such process. */
void procs_add(procs_t *procs, const char *spec);

void procs_sample_cpu(procs_t *procs, procs_when_t when);
void procs_sample_memory(procs_t *procs, procs_when_t when);

/* CPU nanoseconds between BEFORE and AFTER, of all processes. */
uint64_t procs_sched_ns(const procs_t *procs);
uint64_t procs_ticks_ns(const procs_t *procs);

/* Prints that divided by `n`, the time of each process too: to stderr for people, to stdout as
 * members of a JSON object, `"cpu_us_per_<unit>":…,"processes":[…]`. */
void procs_print_cpu(const procs_t *procs, const char *unit, uint64_t n);

#endif
