/* SPDX-License-Identifier: MIT
 *
 * What the load generator's files share: options, the clock and the one way to fail.
 *
 * A measurement of a server that misbehaves is worth nothing, so every failure, of the server
 * or of the generator, ends the program with a line that says why.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "procs.h"

#define NS_PER_S UINT64_C(1000000000)

typedef struct {
    const char *host; /* dotted IPv4 */
    uint16_t port;
    const char *path;
    const char *dialect; /* rpc: see dialect.h */
    const char *method;  /* the action called by rpc, and by idle as a sign of life */
    unsigned clients;
    const char *redis; /* fanout: Unix socket of the server's Redis; NULL: publish to the server */
    unsigned depth;    /* rpc: calls in flight on each client; fanout: messages outstanding */
    unsigned channels; /* idle, churn: what each client joins; 0: nothing */
    unsigned sources;  /* source addresses 127.0.0.1 … to connect from */
    uint64_t calls;    /* rpc, churn: exactly so many, then end; 0: by time */
    uint64_t measure_ns;
    uint64_t warmup_ns;
    uint64_t timeout_ns; /* nothing received for so long is a failure */
    bool tls;
    bool busy; /* poll without sleeping */
} options_t;

/* Prints the message and exits with status 1. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The modes.  Each prints for people on stderr and one JSON object on stdout. */
void rpc_run(const options_t *options, procs_t *procs);
void idle_run(const options_t *options, procs_t *procs);
void fanout_run(const options_t *options, procs_t *procs);
void churn_run(const options_t *options, procs_t *procs);

#endif
