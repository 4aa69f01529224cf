/* SPDX-License-Identifier: MIT
 *
 * Mode churn: each client connects, joins channels where --channels asks for it, closes with a
 * closing handshake, and comes again as somebody new.
 *
 * A cycle is complete when the server has closed the connection.
 */
#include <inttypes.h>
#include <stdio.h>

#include "join.h"

static struct {
    const options_t *options;
    uint64_t begun;
    uint64_t complete;
    bool stopping;
} churn;

static void begin(client_t *c) {
    if (!churn.stopping && (churn.options->calls == 0 || churn.begun < churn.options->calls)) {
        churn.begun++;
        client_connect(c);
    }
}

static void on_open(client_t *c) {
    char names[JOIN_NAMES_MAX];
    if (churn.options->channels == 0) {
        client_close(c);
    } else {
        join_names(names, churn.options->channels, (unsigned)churn.begun);
        join_call(c, names);
    }
}

static void on_message(client_t *c, const char *text, size_t len, uint64_t now) {
    (void)now;
    join_check(c, text, len);
    client_close(c);
}

static void on_closed(client_t *c) {
    churn.complete++;
    begin(c);
}

static void turn_until(swarm_t *swarm, uint64_t deadline) {
    while (now_ns() < deadline) {
        swarm_turn(swarm, true);
    }
}

static void finish_all(swarm_t *swarm) {
    while (churn.complete < churn.begun) {
        swarm_turn(swarm, true);
    }
}

static void report(const procs_t *procs, uint64_t cycles, uint64_t elapsed_ns) {
    const options_t *o = churn.options;
    double per_s = (double)cycles * (double)NS_PER_S / (double)elapsed_ns;
    fprintf(stderr, "churn %u: %" PRIu64 " cycles, %.0f a second\n", o->clients, cycles, per_s);
    printf("{\"mode\":\"churn\",\"clients\":%u,\"channels\":%u,\"cycles\":%" PRIu64
           ",\"seconds\":%.3f,\"cycles_per_second\":%.0f,",
           o->clients, o->channels, cycles, (double)elapsed_ns / (double)NS_PER_S, per_s);
    procs_print_cpu(procs, "cycle", cycles);
    printf("}\n");
}

void churn_run(const options_t *options, procs_t *procs) {
    swarm_t swarm;
    churn.options = options;
    swarm_init(&swarm, options, on_message);
    swarm.on_open = on_open;
    swarm.on_closed = on_closed;
    swarm.last_read = now_ns();
    for (unsigned i = 0; i < options->clients; i++) {
        begin(&swarm.clients[i]);
    }
    if (options->calls == 0) {
        turn_until(&swarm, now_ns() + options->warmup_ns);
    }
    procs_sample_cpu(procs, PROCS_BEFORE);
    uint64_t start = now_ns();
    uint64_t cycles = churn.complete;
    if (options->calls == 0) {
        turn_until(&swarm, start + options->measure_ns);
    } else {
        finish_all(&swarm);
    }
    cycles = churn.complete - cycles;
    uint64_t elapsed_ns = now_ns() - start;
    procs_sample_cpu(procs, PROCS_AFTER);
    if (cycles == 0) {
        die("no cycle was complete in the time measured: is the machine busy?");
    }
    churn.stopping = true;
    finish_all(&swarm);
    report(procs, cycles, elapsed_ns);
    swarm_finish(&swarm);
}
