/* SPDX-License-Identifier: MIT
 *
 * Mode idle: opens all clients, lets the server settle, and prints what each of its processes
 * uses for one client.
 *
 * The first few clients are opened before the first sample: what a server does once, on its
 * first client, is not the price of a client.  That the others are really connected is shown by
 * one call on a hundred of them, after the sample.
 *
 * With --channels each is a session that holds channels.
 */
#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "join.h"

#define FIRST_CLIENTS 16
#define SIGNS_OF_LIFE 100
#define JOINING_MAX 32 /* at a time, as with handshakes */
#define SETTLE_NS NS_PER_S

static unsigned joined, joining;
static unsigned answered;

static void on_message(client_t *c, const char *text, size_t len, uint64_t now) {
    answer_t answer;
    (void)now;
    if (joined < joining) {
        join_check(c, text, len);
        joined++;
        return;
    }
    if (!answer_parse(&answer, text, len) || answer.id != c->index + 1u) {
        die("client %u: not the answer to its call: %.*s", c->index, (int)(len < 200 ? len : 200),
            text);
    }
    answered++;
}

/* Serves the clients (they answer pings) for so long. */
static void hold(swarm_t *swarm, uint64_t ns) {
    uint64_t until = now_ns() + ns;
    while (now_ns() < until) {
        swarm_turn(swarm, false);
    }
}

/* Opens clients until there are `n`, and has the new ones join their channels. */
static void open_until(swarm_t *swarm, unsigned n) {
    const options_t *o = swarm->options;
    unsigned i = swarm->open;
    swarm_open(swarm, n);
    while (o->channels != 0 && i < n) {
        for (unsigned some = 0; some < JOINING_MAX && i < n; some++, i++) {
            char names[JOIN_NAMES_MAX];
            join_names(names, o->channels, i);
            joining++;
            join_call(&swarm->clients[i], names);
        }
        swarm->last_read = now_ns();
        while (joined < joining) {
            swarm_turn(swarm, true);
        }
    }
}

/* One call on clients spread evenly over all. */
static void call_some(swarm_t *swarm) {
    const options_t *o = swarm->options;
    unsigned step = swarm->n > SIGNS_OF_LIFE ? swarm->n / SIGNS_OF_LIFE : 1;
    unsigned called = 0;
    for (unsigned i = 0; i < swarm->n; i += step) {
        char text[512];
        int len = snprintf(text, sizeof text,
                           "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":[25]}",
                           i + 1u, o->method);
        if (len < 0 || (size_t)len >= sizeof text) {
            die("the method's name is too long");
        }
        client_queue_text(&swarm->clients[i], text, (size_t)len);
        client_flush(&swarm->clients[i]);
        called++;
    }
    swarm->last_read = now_ns();
    while (answered < called) {
        swarm_turn(swarm, true);
    }
}

static double per_client(const proc_t *p, procs_when_t when, unsigned clients) {
    return ((double)p->pss[when] - (double)p->pss[PROCS_BEFORE]) / (double)clients;
}

static void report(const procs_t *procs, unsigned clients) {
    double total = 0;
    printf("{\"mode\":\"idle\",\"clients\":%u,\"processes\":[", clients);
    for (unsigned i = 0; i < procs->n; i++) {
        const proc_t *p = &procs->list[i];
        double bytes = per_client(p, PROCS_AFTER, clients);
        total += bytes;
        fprintf(stderr,
                "  %-10s %-15s %7d  PSS %8" PRIu64 " -> %8" PRIu64 " KiB, %.0f bytes a client "
                "(%.0f after closing)\n",
                p->label, p->comm, (int)p->pid, p->pss[PROCS_BEFORE] / 1024,
                p->pss[PROCS_AFTER] / 1024, bytes, per_client(p, PROCS_CLOSED, clients));
        printf("%s{\"label\":\"%s\",\"comm\":\"%s\",\"pid\":%d,\"pss_before\":%" PRIu64
               ",\"pss_after\":%" PRIu64 ",\"pss_closed\":%" PRIu64 ",\"bytes_per_client\":%.1f}",
               i == 0 ? "" : ",", p->label, p->comm, (int)p->pid, p->pss[PROCS_BEFORE],
               p->pss[PROCS_AFTER], p->pss[PROCS_CLOSED], bytes);
    }
    fprintf(stderr, "idle %u: %.0f bytes a client\n", clients, total);
    printf("],\"bytes_per_client\":%.1f}\n", total);
}

void idle_run(const options_t *options, procs_t *procs) {
    swarm_t swarm;
    if (options->clients <= FIRST_CLIENTS) {
        die("idle wants more than %d clients", FIRST_CLIENTS);
    }
    swarm_init(&swarm, options, on_message);
    open_until(&swarm, FIRST_CLIENTS);
    hold(&swarm, SETTLE_NS);
    procs_sample_memory(procs, PROCS_BEFORE);
    open_until(&swarm, options->clients);
    hold(&swarm, SETTLE_NS + options->measure_ns);
    procs_sample_memory(procs, PROCS_AFTER);
    call_some(&swarm);
    swarm_close(&swarm);
    hold(&swarm, SETTLE_NS);
    procs_sample_memory(procs, PROCS_CLOSED);
    report(procs, options->clients - FIRST_CLIENTS);
    swarm_finish(&swarm);
}
