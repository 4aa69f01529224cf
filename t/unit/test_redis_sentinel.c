/* SPDX-License-Identifier: MIT
 *
 * Fail-over: a master, a replica and three Sentinels, all of them real.
 */
#include "test.h"

#include <ftw.h>

#include "log.h"
#include "redis.h"
#include "redis_server.h"

#define LIMIT_MS 30000
#define SENTINELS 3

typedef struct {
    char dir[64];
    int ports[2]; /* the first is the master of the beginning */
    pid_t servers[2];
    int sentinel_ports[SENTINELS];
    pid_t sentinels[SENTINELS];
    uv_loop_t loop;
    uv_timer_t tick;
    ss_redis_t *redis;
    int ups;
    int downs;
    bool gap;
    int messages;
    int published;
    int failures;
} fixture_t;

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

static void on_message(void *arg, const char *channel, size_t channel_len, const char *text,
                       size_t len) {
    ((fixture_t *)arg)->messages++;
}

static void on_up(void *arg, bool gap) {
    ((fixture_t *)arg)->ups++;
    ((fixture_t *)arg)->gap = gap;
}

static void on_down(void *arg, const char *why) { ((fixture_t *)arg)->downs++; }

static void on_published(const redisReply *reply, void *arg) {
    fixture_t *f = arg;
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
        f->failures++;
    } else {
        f->published++;
    }
}

static void on_tick(uv_timer_t *timer) { (void)timer; }

#define RUN_UNTIL(f, condition)                                                                    \
    do {                                                                                           \
        uint64_t end = now_ms() + LIMIT_MS;                                                        \
        while (!(condition) && now_ms() < end) {                                                   \
            uv_run(&(f)->loop, UV_RUN_ONCE);                                                       \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/* Asks a server and gives whether what it answers has `wanted` in its first string. */
static bool says(int port, const char *command, const char *wanted) {
    struct timeval limit = {.tv_usec = 200000};
    redisContext *c = redisConnectWithTimeout("127.0.0.1", port, limit);
    bool ok = false;
    if (c != NULL && c->err == 0) {
        redisSetTimeout(c, limit);
        redisReply *reply = redisCommand(c, command);
        const redisReply *first = reply != NULL && reply->elements > 0 ? reply->element[0] : reply;
        ok = first != NULL && first->str != NULL && strstr(first->str, wanted) != NULL;
        freeReplyObject(reply);
    }
    redisFree(c);
    return ok;
}

static bool soon(int port, const char *command, const char *wanted) {
    for (uint64_t end = now_ms() + LIMIT_MS; now_ms() < end; usleep(20000)) {
        if (says(port, command, wanted)) {
            return true;
        }
    }
    return false;
}

static void start_server(fixture_t *f, int which) {
    char port[16], log[16], file[16], of[16];
    snprintf(port, sizeof port, "%d", f->ports[which]);
    snprintf(of, sizeof of, "%d", f->ports[0]);
    snprintf(log, sizeof log, "log%d", which);
    snprintf(file, sizeof file, "dump%d", which);
    const char *args[] = {"--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--save",
                          "",
                          "--logfile",
                          log,
                          "--dbfilename",
                          file,
                          "--repl-diskless-sync-delay",
                          "0",
                          which == 0 ? NULL : "--replicaof",
                          "127.0.0.1",
                          of,
                          NULL};
    f->servers[which] = server_start(f->dir, args);
}

static void start_sentinel(fixture_t *f, int which) {
    char name[32], path[128];
    snprintf(name, sizeof name, "sentinel%d.conf", which);
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "port %d\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 %d 2\n"
            "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
            f->sentinel_ports[which], f->ports[0]);
    fclose(file);
    const char *args[] = {name, "--sentinel", NULL};
    f->sentinels[which] = server_start(f->dir, args);
}

static void connect_to_all(fixture_t *f) {
    ss_redis_events_t events = {
        .name = "redis", .message = on_message, .up = on_up, .down = on_down, .arg = f};
    ss_buf_t error = {0};
    json_t *config = json_pack("{s:[s], s:s, s:f}", "sentinels", "127.0.0.1:1", "sentinel_master",
                               "main", "command_timeout", 1.0);
    for (int i = 0; i < SENTINELS; i++) {
        char place[32];
        snprintf(place, sizeof place, "127.0.0.1:%d", f->sentinel_ports[i]);
        json_array_append_new(json_object_get(config, "sentinels"), json_string(place));
    }
    f->redis = ss_redis_create(&f->loop, config, &events, &error);
    assert_non_null(f->redis);
    json_decref(config);
}

static int setup(void **state) {
    fixture_t *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/ss-sentinel-XXXXXX");
    if (mkdtemp(f->dir) == NULL) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        f->ports[i] = server_free_port();
    }
    for (int i = 0; i < SENTINELS; i++) {
        f->sentinel_ports[i] = server_free_port();
    }
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->tick);
    uv_timer_start(&f->tick, on_tick, 10, 10);
    signal(SIGPIPE, SIG_IGN);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    return remove(path);
}

static int teardown(void **state) {
    fixture_t *f = *state;
    ss_redis_destroy(f->redis);
    uv_close((uv_handle_t *)&f->tick, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    for (int i = 0; i < SENTINELS; i++) {
        server_end(&f->sentinels[i]);
    }
    for (int i = 0; i < 2; i++) {
        server_end(&f->servers[i]);
    }
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

static void start_all(fixture_t *f) {
    start_server(f, 0);
    assert_true(soon(f->ports[0], "ROLE", "master"));
    start_server(f, 1);
    assert_true(soon(f->ports[1], "INFO replication", "master_link_status:up"));
    for (int i = 0; i < SENTINELS; i++) {
        start_sentinel(f, i);
    }
    for (int i = 0; i < SENTINELS; i++) {
        /* Each knows the replica and the two others. */
        assert_true(soon(f->sentinel_ports[i], "INFO sentinel", "slaves=1,sentinels=3"));
    }
}

/* Publishes until one arrives, which must be within 5 seconds. */
static void publishing_works_again(fixture_t *f) {
    uint64_t start = now_ms();
    int before = f->messages;
    for (uint64_t next = 0; f->messages == before && now_ms() - start < LIMIT_MS;) {
        if (now_ms() >= next) {
            ss_redis_send(f->redis, on_published, f, "PUBLISH ss:c x");
            next = now_ms() + 50;
        }
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_true(f->messages > before);
    assert_true(now_ms() - start <= 5000);
}

static void follows_the_master(fixture_t *f, int signal) {
    start_all(f);
    connect_to_all(f);
    ss_redis_subscribe(f->redis, "c", 1);
    RUN_UNTIL(f, f->ups == 1);
    assert_false(f->gap);
    publishing_works_again(f);
    assert_int_equal(f->failures, 0);

    kill(f->servers[0], signal);
    uint64_t end = now_ms() + LIMIT_MS;
    while (!says(f->ports[1], "ROLE", "master") && now_ms() < end) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    publishing_works_again(f);
    assert_true(f->ups >= 2);
    assert_true(f->gap);

    /* The former master becomes a replica, and nobody's concern. */
    int downs = f->downs;
    if (signal == SIGSTOP) {
        kill(f->servers[0], SIGCONT);
    } else {
        server_end(&f->servers[0]);
        start_server(f, 0);
    }
    end = now_ms() + LIMIT_MS;
    while (!says(f->ports[0], "ROLE", "slave") && now_ms() < end) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_true(says(f->ports[0], "ROLE", "slave"));
    publishing_works_again(f);
    assert_int_equal(f->downs, downs);
}

static void follows_the_master_when_it_is_killed(void **state) {
    follows_the_master(*state, SIGKILL);
}

static void follows_the_master_when_it_hangs(void **state) { follows_the_master(*state, SIGSTOP); }

static void waits_for_a_master_that_says_so(void **state) {
    fixture_t *f = *state;
    start_server(f, 0);
    assert_true(soon(f->ports[0], "ROLE", "master"));
    start_sentinel(f, 0);
    assert_true(soon(f->sentinel_ports[0], "INFO sentinel", "status=ok"));
    kill(f->sentinels[0], SIGSTOP); /* so that it learns nothing new */
    redisContext *c = redisConnect("127.0.0.1", f->ports[0]);
    freeReplyObject(redisCommand(c, "REPLICAOF 127.0.0.1 %d", f->ports[1]));
    kill(f->sentinels[0], SIGCONT);
    connect_to_all(f);
    for (uint64_t end = now_ms() + 1000; now_ms() < end;) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->ups, 0);
    freeReplyObject(redisCommand(c, "REPLICAOF NO ONE"));
    redisFree(c);
    RUN_UNTIL(f, f->ups == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"follows the master when it is killed", follows_the_master_when_it_is_killed, setup,
         teardown, NULL},
        {"follows the master when it hangs", follows_the_master_when_it_hangs, setup, teardown,
         NULL},
        {"waits for a master that says so itself", waits_for_a_master_that_says_so, setup, teardown,
         NULL},
    };
    ss_log_open("/dev/null", SS_LOG_LEVEL_MAX, SS_LOG_FORMAT_PRETTY);
    return cmocka_run_group_tests_name("redis sentinel", tests, NULL, NULL);
}
