/* SPDX-License-Identifier: MIT
 *
 * The load generator: a WebSocket JSON-RPC client in one thread that measures what its calls cost
 * the server.  docs/PERFORMANCE.md tells the method.
 *
 *     load rpc  --url ws://127.0.0.1:3000/socketstream --clients 100 --depth 16 --seconds 2 \
 *               --pid nginx=123 --pid sidecar=456 --core 1 --busy
 *     load idle --url … --clients 10000 --sources 8 --channels 3 --pid …
 *     load fanout --url wss://… --clients 1000 --depth 16 --redis /run/redis.sock --pid …
 *     load churn --url … --clients 16 --sources 16 --channels 1 --pid …
 *     load spin --core 0
 *
 * Owns the options and the table of modes; each mode has its own file.
 */
#include "dialect.h"
#include "join.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void die(const char *format, ...) {
    va_list args;
    fprintf(stderr, "load: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* Keeps a core awake at idle priority: on a virtual machine waking a sleeping core costs more
 * than anything that is measured here. */
static void spin_run(const options_t *options, procs_t *procs) {
    const struct sched_param none = {0};
    (void)options;
    (void)procs;
    if (sched_setscheduler(0, SCHED_IDLE, &none) < 0) {
        die("sched_setscheduler: %m");
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (volatile unsigned turns = 0;; turns++) {
    }
}

static const struct {
    const char *name;
    void (*run)(const options_t *options, procs_t *procs);
    bool connects;
} modes[] = {
    {"rpc", rpc_run, true},     {"idle", idle_run, true},  {"fanout", fanout_run, true},
    {"churn", churn_run, true}, {"spin", spin_run, false},
};

static void usage(void) {
    fprintf(stderr, "usage: load rpc|idle|fanout|churn|spin [options]\n"
                    "  --url URL         ws[s]://IPv4:port/path\n"
                    "  --clients N       connections, of churn at a time (1)\n"
                    "  --depth N         rpc: calls in flight on each, fanout: messages\n"
                    "                    outstanding (1)\n"
                    "  --redis PATH      fanout: publish on this Unix socket, not to the server\n"
                    "  --channels N      idle, churn: each client joins so many, up to 3 (0)\n"
                    "  --seconds S       measured time (2); idle: time to hold them (0)\n"
                    "  --warmup S        time before, but for idle (0.3)\n"
                    "  --calls N         rpc, churn: exactly N instead, without a warm-up\n"
                    "  --method NAME     rpc, idle: action to call with [25] (bench.square)\n"
                    "  --dialect NAME    rpc: jsonrpc or socketio (jsonrpc)\n"
                    "  --pid LABEL=PID   a server process and its descendants; may be repeated\n"
                    "  --sources N       source addresses to connect from (1)\n"
                    "  --timeout S       silence that is a failure (10)\n"
                    "  --core N          run on this core only\n"
                    "  --busy            poll without sleeping\n");
    exit(2);
}

static unsigned long number(const char *text, unsigned long min, unsigned long max) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        die("\"%s\" is not a number from %lu to %lu", text, min, max);
    }
    return value;
}

static uint64_t seconds(const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value < 86400)) {
        die("\"%s\" is not a number of seconds", text);
    }
    return (uint64_t)(value * (double)NS_PER_S);
}

static void parse_url(options_t *o, char *url) {
    o->tls = strncmp(url, "wss://", 6) == 0;
    char *host = url + strlen(o->tls ? "wss://" : "ws://");
    char *colon = o->tls || strncmp(url, "ws://", 5) == 0 ? strchr(host, ':') : NULL;
    char *slash = colon == NULL ? NULL : strchr(colon, '/');
    if (slash == NULL) {
        die("\"%s\" is not of the form ws[s]://address:port/path", url);
    }
    char port[8];
    snprintf(port, sizeof port, "%.*s", (int)(slash - colon - 1), colon + 1);
    o->path = slash;
    o->port = (uint16_t)number(port, 1, 65535);
    *colon = '\0';
    o->host = host;
}

static void pin(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0) {
        die("core %u: %m", core);
    }
}

enum {
    O_URL = 1,
    O_CLIENTS,
    O_DEPTH,
    O_REDIS,
    O_CHANNELS,
    O_SECONDS,
    O_WARMUP,
    O_CALLS,
    O_METHOD,
    O_DIALECT,
    O_PID,
    O_SOURCES,
    O_TIMEOUT,
    O_CORE,
    O_BUSY
};

static const struct option long_options[] = {
    {"url", required_argument, NULL, O_URL},
    {"clients", required_argument, NULL, O_CLIENTS},
    {"depth", required_argument, NULL, O_DEPTH},
    {"redis", required_argument, NULL, O_REDIS},
    {"channels", required_argument, NULL, O_CHANNELS},
    {"seconds", required_argument, NULL, O_SECONDS},
    {"warmup", required_argument, NULL, O_WARMUP},
    {"calls", required_argument, NULL, O_CALLS},
    {"method", required_argument, NULL, O_METHOD},
    {"dialect", required_argument, NULL, O_DIALECT},
    {"pid", required_argument, NULL, O_PID},
    {"sources", required_argument, NULL, O_SOURCES},
    {"timeout", required_argument, NULL, O_TIMEOUT},
    {"core", required_argument, NULL, O_CORE},
    {"busy", no_argument, NULL, O_BUSY},
    {NULL, 0, NULL, 0},
};

static void set_option(options_t *o, procs_t *procs, int option) {
    switch (option) {
    case O_URL:
        parse_url(o, optarg);
        break;
    case O_CLIENTS:
        o->clients = (unsigned)number(optarg, 1, 1000000);
        break;
    case O_DEPTH:
        o->depth = (unsigned)number(optarg, 1, 1000);
        break;
    case O_REDIS:
        o->redis = optarg;
        break;
    case O_CHANNELS:
        o->channels = (unsigned)number(optarg, 0, JOIN_CHANNELS_MAX);
        break;
    case O_SECONDS:
        o->measure_ns = seconds(optarg);
        break;
    case O_WARMUP:
        o->warmup_ns = seconds(optarg);
        break;
    case O_CALLS:
        o->calls = number(optarg, 1, ULONG_MAX);
        break;
    case O_METHOD:
        o->method = optarg;
        break;
    case O_DIALECT:
        if (dialect_find(optarg) == NULL) {
            die("there is no dialect \"%s\"", optarg);
        }
        o->dialect = optarg;
        break;
    case O_PID:
        procs_add(procs, optarg);
        break;
    case O_SOURCES:
        o->sources = (unsigned)number(optarg, 1, 250);
        break;
    case O_TIMEOUT:
        o->timeout_ns = seconds(optarg);
        break;
    case O_CORE:
        pin((unsigned)number(optarg, 0, CPU_SETSIZE - 1));
        break;
    case O_BUSY:
        o->busy = true;
        break;
    default:
        usage();
    }
}

/* Room for all clients; the soft limit may be far below the hard one. */
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv) {
    static procs_t procs;
    unsigned mode = 0;
    while (argc > 1 && mode < sizeof modes / sizeof *modes &&
           strcmp(argv[1], modes[mode].name) != 0) {
        mode++;
    }
    if (argc < 2 || mode == sizeof modes / sizeof *modes) {
        usage();
    }
    options_t options = {
        .dialect = "jsonrpc",
        .method = "bench.square",
        .clients = 1,
        .depth = 1,
        .sources = 1,
        .measure_ns = strcmp(argv[1], "idle") == 0 ? 0 : 2 * NS_PER_S,
        .warmup_ns = 3 * NS_PER_S / 10,
        .timeout_ns = 10 * NS_PER_S,
    };
    optind = 2;
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        set_option(&options, &procs, c);
    }
    if (optind != argc || (modes[mode].connects && options.host == NULL)) {
        usage();
    }
    raise_file_limit();
    modes[mode].run(&options, &procs);
    return 0;
}
