/* SPDX-License-Identifier: MIT
 *
 * Mode fanout: all clients join one channel, and `depth` messages are outstanding all the time: a
 * message is done when every client has it, and then the next is published.
 *
 * With --redis it is published there, else by one more client that sends it to the server as the
 * notification that the others are to get.  Every client must get every message whole, once and
 * in order: it is compared with what was published, byte by byte.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "join.h"
#include "publisher.h"

#define CHANNEL "bench"
#define REDIS_CHANNEL "ss:channel:" CHANNEL
#define PARAMS_SIZE 100 /* bytes of the event's params as JSON */
#define EVENT_MAX 256

/* A message that is not done; message n lives in place n % depth. */
typedef struct {
    char text[EVENT_MAX];
    size_t len;
    unsigned missing; /* clients that do not have it yet */
    uint64_t sent_ns;
} outstanding_t;

static struct {
    const options_t *options;
    publisher_t *publisher; /* NULL: the client behind the last publishes */
    outstanding_t *outstanding;
    uint64_t *next; /* of each client: the number of the message that it must get next */
    uint64_t sent;
    uint64_t done;
    uint64_t deliveries;
    unsigned joined;
    bool measuring;
    histogram_t latency;
} fanout;

/* Messages are done in the order of their numbers, since each client gets them so. */
static void take_event(client_t *c, const char *text, size_t len, uint64_t now) {
    uint64_t *next = &fanout.next[c->index];
    if (*next == fanout.sent) {
        die("client %u: a message that was not published, or came twice: %.*s", c->index,
            (int)(len < EVENT_MAX ? len : EVENT_MAX), text);
    }
    outstanding_t *o = &fanout.outstanding[*next % fanout.options->depth];
    if (len != o->len || memcmp(text, o->text, len) != 0) {
        die("client %u: not message %" PRIu64 ": %.*s", c->index, *next,
            (int)(len < EVENT_MAX ? len : EVENT_MAX), text);
    }
    (*next)++;
    fanout.deliveries++;
    if (--o->missing == 0) {
        fanout.done++;
        if (fanout.measuring) {
            histogram_add(&fanout.latency, now - o->sent_ns);
        }
    }
}

static void on_message(client_t *c, const char *text, size_t len, uint64_t now) {
    if (c->index == fanout.options->clients) {
        die("the publisher got a message: %.*s", (int)(len < EVENT_MAX ? len : EVENT_MAX), text);
    }
    if (fanout.joined < fanout.options->clients) {
        join_check(c, text, len);
        fanout.joined++;
        return;
    }
    take_event(c, text, len, now);
}

static void queue_publish(swarm_t *swarm, uint64_t n) {
    const options_t *options = fanout.options;
    outstanding_t *o = &fanout.outstanding[n % options->depth];
    char params[PARAMS_SIZE + 1];
    char text[EVENT_MAX];
    int len = snprintf(params, sizeof params, "{\"n\":%" PRIu64 ",\"pad\":\"", n);
    memset(params + len, 'x', (size_t)(PARAMS_SIZE - 2 - len));
    strcpy(params + PARAMS_SIZE - 2, "\"}");
    o->len = (size_t)snprintf(
        o->text, sizeof o->text,
        "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":[\"e\",%s,\"" CHANNEL "\"]}", params);
    o->missing = options->clients;
    o->sent_ns = now_ns();
    if (fanout.publisher == NULL) {
        client_queue_text(&swarm->clients[options->clients], o->text, o->len);
    } else {
        len = snprintf(text, sizeof text, "{\"event\":\"e\",\"params\":%s}", params);
        publisher_queue(fanout.publisher, REDIS_CHANNEL, text, (size_t)len);
    }
}

/* As many as there is room for, in one write. */
static void publish(swarm_t *swarm) {
    if (fanout.sent - fanout.done == fanout.options->depth) {
        return;
    }
    while (fanout.sent - fanout.done < fanout.options->depth) {
        queue_publish(swarm, fanout.sent++);
    }
    if (fanout.publisher == NULL) {
        client_flush(&swarm->clients[fanout.options->clients]);
    } else {
        publisher_flush(fanout.publisher);
        publisher_check(fanout.publisher);
    }
}

static void turn_until(swarm_t *swarm, uint64_t deadline) {
    while (now_ns() < deadline) {
        publish(swarm);
        swarm_turn(swarm, true);
    }
}

static void join_all(swarm_t *swarm) {
    for (unsigned i = 0; i < fanout.options->clients; i++) {
        join_call(&swarm->clients[i], "\"" CHANNEL "\"");
    }
    while (fanout.joined < fanout.options->clients) {
        swarm_turn(swarm, true);
    }
}

static uint64_t measure(swarm_t *swarm, procs_t *procs) {
    turn_until(swarm, now_ns() + fanout.options->warmup_ns);
    procs_sample_cpu(procs, PROCS_BEFORE);
    uint64_t deliveries = fanout.deliveries;
    fanout.measuring = true;
    turn_until(swarm, now_ns() + fanout.options->measure_ns);
    fanout.measuring = false;
    deliveries = fanout.deliveries - deliveries;
    procs_sample_cpu(procs, PROCS_AFTER);
    if (deliveries < fanout.options->clients) {
        die("not one message was delivered to all: is the machine busy?");
    }
    while (fanout.done < fanout.sent) {
        swarm_turn(swarm, true);
    }
    return deliveries;
}

static void report(const procs_t *procs, uint64_t deliveries) {
    const options_t *o = fanout.options;
    const histogram_t *h = &fanout.latency;
    double p50 = (double)histogram_quantile(h, 0.50) / 1000;
    double p99 = (double)histogram_quantile(h, 0.99) / 1000;
    fprintf(stderr,
            "fanout %ux%u: %" PRIu64 " deliveries, last client's latency us p50 %.0f p99 %.0f\n",
            o->clients, o->depth, deliveries, p50, p99);
    printf("{\"mode\":\"fanout\",\"clients\":%u,\"depth\":%u,\"tls\":%s,\"deliveries\":%" PRIu64
           ",\"bytes_per_delivery\":%zu,\"seconds\":%.3f,\"latency_us\":{\"p50\":%.1f,"
           "\"p99\":%.1f,\"max\":%.1f},",
           o->clients, o->depth, o->tls ? "true" : "false", deliveries, fanout.outstanding[0].len,
           (double)o->measure_ns / (double)NS_PER_S, p50, p99, (double)h->max / 1000);
    procs_print_cpu(procs, "delivery", deliveries);
    printf("}\n");
}

void fanout_run(const options_t *options, procs_t *procs) {
    static publisher_t publisher;
    swarm_t swarm;
    options_t all = *options;
    fanout.options = options;
    fanout.outstanding = calloc(options->depth, sizeof *fanout.outstanding);
    fanout.next = calloc(options->clients, sizeof *fanout.next);
    if (fanout.outstanding == NULL || fanout.next == NULL) {
        die("out of memory");
    }
    if (options->redis != NULL) {
        publisher_open(&publisher, options->redis);
        fanout.publisher = &publisher;
    } else {
        all.clients++;
    }
    swarm_init(&swarm, &all, on_message);
    swarm_open(&swarm, all.clients);
    join_all(&swarm);
    report(procs, measure(&swarm, procs));
    swarm_close(&swarm);
    if (fanout.publisher != NULL) {
        publisher_close(fanout.publisher);
    }
    swarm_finish(&swarm);
    free(fanout.outstanding);
    free(fanout.next);
}
