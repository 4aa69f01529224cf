/* SPDX-License-Identifier: MIT
 *
 * Mode rpc: every client keeps `depth` calls in flight, each answer is checked and at once
 * followed by the next call.
 *
 * A call in flight lives in one of its client's lanes, and its id says in which: so answers may
 * come in any order, and one that comes twice, late or with another's id is noticed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "histogram.h"
#include "swarm.h"

#define RESULT "625"

typedef struct {
    uint64_t id; /* 0: the lane is free */
    uint64_t sent_ns;
} lane_t;

typedef struct {
    lane_t *lanes;
    uint64_t round;
    bool welcome; /* its calls have begun */
} caller_t;

static struct {
    const options_t *options;
    caller_t *callers;
    const dialect_t *dialect;
    char tail[320];
    size_t tail_len;
    size_t head_len;
    uint64_t sent;
    uint64_t answered;
    bool measuring;
    bool stopping; /* send nothing new */
    histogram_t latency;
} rpc;

static void call_next(client_t *c, unsigned lane, uint64_t now) {
    if (rpc.stopping || (rpc.options->calls != 0 && rpc.sent == rpc.options->calls)) {
        return;
    }
    caller_t *caller = c->data;
    char text[512];
    uint64_t id = caller->round++ * rpc.options->depth + lane + 1;
    memcpy(text, rpc.dialect->head, rpc.head_len);
    size_t len = rpc.head_len + (size_t)snprintf(text + rpc.head_len, 32, "%" PRIu64, id);
    memcpy(text + len, rpc.tail, rpc.tail_len);
    caller->lanes[lane] = (lane_t){id, now};
    client_queue_text(c, text, len + rpc.tail_len);
    rpc.sent++;
}

static void begin(client_t *c) {
    caller_t *caller = c->data;
    if (caller->welcome) {
        return;
    }
    caller->welcome = true;
    for (unsigned lane = 0; lane < rpc.options->depth; lane++) {
        call_next(c, lane, now_ns());
    }
    client_flush(c);
}

static void on_answer(client_t *c, answer_t answer, const char *text, size_t len, uint64_t now) {
    caller_t *caller = c->data;
    unsigned lane = answer.id == 0 ? 0 : (unsigned)((answer.id - 1) % rpc.options->depth);
    if (answer.id == 0 || caller->lanes[lane].id != answer.id) {
        die("client %u: nothing with this id is in flight: %.*s", c->index, (int)len, text);
    }
    if (answer.result.len != strlen(RESULT) ||
        memcmp(answer.result.ptr, RESULT, strlen(RESULT)) != 0) {
        die("client %u: not the result of the call: %.*s", c->index, (int)len, text);
    }
    if (rpc.measuring) {
        histogram_add(&rpc.latency, now - caller->lanes[lane].sent_ns);
    }
    caller->lanes[lane].id = 0;
    rpc.answered++;
    call_next(c, lane, now);
}

static void on_message(client_t *c, const char *text, size_t len, uint64_t now) {
    answer_t answer;
    const char *reply = NULL;
    switch (rpc.dialect->read(&answer, &reply, text, len)) {
    case SAID_ANSWER:
        on_answer(c, answer, text, len, now);
        break;
    case SAID_WELCOME:
        begin(c);
        break;
    case SAID_ASK:
        client_queue_text(c, reply, strlen(reply));
        break;
    case SAID_NOTHING:
        break;
    case SAID_WRONG:
        die("client %u: not an answer: %.*s", c->index, (int)(len < 200 ? len : 200), text);
    }
}

/* Before clients are opened: what a server says first may come with its 101. */
static void make_callers(swarm_t *swarm) {
    const options_t *o = rpc.options;
    rpc.tail_len = (size_t)snprintf(rpc.tail, sizeof rpc.tail, "%s%s%s", rpc.dialect->before,
                                    o->method, rpc.dialect->after);
    if (rpc.tail_len >= sizeof rpc.tail) {
        die("the method's name is too long");
    }
    rpc.head_len = strlen(rpc.dialect->head);
    rpc.callers = calloc(o->clients, sizeof *rpc.callers);
    for (unsigned i = 0; i < o->clients && rpc.callers != NULL; i++) {
        caller_t *caller = &rpc.callers[i];
        caller->lanes = calloc(o->depth, sizeof *caller->lanes);
        if (caller->lanes == NULL) {
            die("out of memory");
        }
        swarm->clients[i].data = caller;
    }
}

static void turn_until(swarm_t *swarm, uint64_t deadline) {
    while (now_ns() < deadline) {
        swarm_turn(swarm, true);
    }
}

/* Answers between the two samples of CPU time. */
static uint64_t measure(swarm_t *swarm, procs_t *procs, uint64_t *elapsed_ns) {
    const options_t *o = rpc.options;
    if (o->calls == 0) {
        turn_until(swarm, now_ns() + o->warmup_ns);
    }
    procs_sample_cpu(procs, PROCS_BEFORE);
    uint64_t start = now_ns();
    uint64_t answered = o->calls == 0 ? rpc.answered : 0;
    rpc.measuring = true;
    if (o->calls == 0) {
        turn_until(swarm, start + o->measure_ns);
    } else {
        while (rpc.answered < o->calls) {
            swarm_turn(swarm, true);
        }
    }
    rpc.measuring = false;
    answered = rpc.answered - answered;
    *elapsed_ns = now_ns() - start;
    procs_sample_cpu(procs, PROCS_AFTER);
    if (answered == 0) {
        die("no call was answered in the time measured: is the machine busy?");
    }
    return answered;
}

static double us(uint64_t ns) { return (double)ns / 1000; }

static void report(const procs_t *procs, uint64_t calls, uint64_t elapsed_ns) {
    const options_t *o = rpc.options;
    double per_s = (double)calls * (double)NS_PER_S / (double)elapsed_ns;
    const histogram_t *h = &rpc.latency;
    double p50 = us(histogram_quantile(h, 0.50)), p99 = us(histogram_quantile(h, 0.99));
    double p999 = us(histogram_quantile(h, 0.999));
    fprintf(stderr, "rpc %ux%u: %.0f calls/s, latency us p50 %.0f p99 %.0f p99.9 %.0f max %.0f\n",
            o->clients, o->depth, per_s, p50, p99, p999, us(h->max));
    printf("{\"mode\":\"rpc\",\"clients\":%u,\"depth\":%u,\"calls\":%" PRIu64
           ",\"seconds\":%.3f,\"calls_per_second\":%.0f,\"latency_us\":{\"p50\":%.1f,"
           "\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},",
           o->clients, o->depth, calls, (double)elapsed_ns / (double)NS_PER_S, per_s, p50, p99,
           p999, us(h->max));
    procs_print_cpu(procs, "call", calls);
    printf("}\n");
}

void rpc_run(const options_t *options, procs_t *procs) {
    swarm_t swarm;
    uint64_t elapsed_ns = 0;
    rpc.options = options;
    rpc.dialect = dialect_find(options->dialect);
    swarm_init(&swarm, options, on_message);
    make_callers(&swarm);
    swarm_open(&swarm, options->clients);
    for (unsigned i = 0; i < options->clients && !rpc.dialect->welcomes; i++) {
        begin(&swarm.clients[i]);
    }
    uint64_t calls = measure(&swarm, procs, &elapsed_ns);
    rpc.stopping = true;
    while (rpc.answered < rpc.sent) {
        swarm_turn(&swarm, true);
    }
    report(procs, calls, elapsed_ns);
    swarm_close(&swarm);
    for (unsigned i = 0; i < options->clients; i++) {
        free(rpc.callers[i].lanes);
    }
    free(rpc.callers);
    swarm_finish(&swarm);
}
