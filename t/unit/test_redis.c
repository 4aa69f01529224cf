/* SPDX-License-Identifier: MIT
 *
 * The sidecar's connections to Redis, with a redis-server of its own: started, stopped, killed.
 */
#include "test.h"

#include <ftw.h>
#include <inttypes.h>

#include "log.h"
#include "redis.h"
#include "redis_server.h"

#define LIMIT_MS 10000

typedef struct {
    char dir[64];
    char socket[80];
    pid_t server;
    uv_loop_t loop;
    uv_timer_t tick;
    ss_redis_t *redis;
    redisContext *other; /* another client of the server */
    int ups;
    int downs;
    bool gap;
    char why[256];
    int messages;
    char channel[512];
    char text[512];
    int confirmed;
    int answers; /* of all commands */
    int failures;
    long long last;
    bool in_order;
    char error[256];
    bool inside; /* a call is on the stack */
} fixture_t;

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

/* --- events ---------------------------------------------------------------------------------- */

static void on_message(void *arg, const char *channel, size_t channel_len, const char *text,
                       size_t len) {
    fixture_t *f = arg;
    f->messages++;
    snprintf(f->channel, sizeof f->channel, "%.*s", (int)channel_len, channel);
    snprintf(f->text, sizeof f->text, "%.*s", (int)len, text);
}

static void on_up(void *arg, bool gap) {
    fixture_t *f = arg;
    assert_true(ss_redis_is_up(f->redis));
    assert_false(f->inside);
    f->ups++;
    f->gap = gap;
}

static void on_down(void *arg, const char *why) {
    fixture_t *f = arg;
    assert_false(ss_redis_is_up(f->redis));
    assert_false(f->inside);
    f->downs++;
    snprintf(f->why, sizeof f->why, "%s", why);
}

static void on_subscribed(void *arg, const char *channel, size_t channel_len) {
    fixture_t *f = arg;
    f->confirmed++;
    snprintf(f->channel, sizeof f->channel, "%.*s", (int)channel_len, channel);
}

static void on_answer(const redisReply *reply, void *arg) {
    fixture_t *f = arg;
    assert_false(f->inside);
    f->answers++;
    if (reply == NULL) {
        f->failures++;
        return;
    }
    if (reply->type == REDIS_REPLY_INTEGER) {
        f->in_order = f->in_order && reply->integer == f->last + 1;
        f->last = reply->integer;
    }
    snprintf(f->error, sizeof f->error, "%s", reply->type == REDIS_REPLY_ERROR ? reply->str : "");
}

#define SEND(f, ...)                                                                               \
    do {                                                                                           \
        (f)->inside = true;                                                                        \
        ss_redis_send((f)->redis, on_answer, (f), __VA_ARGS__);                                    \
        (f)->inside = false;                                                                       \
    } while (0)

/* --- the loop -------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer) { (void)timer; }

#define RUN_UNTIL(f, condition)                                                                    \
    do {                                                                                           \
        uint64_t end = now_ms() + LIMIT_MS;                                                        \
        while (!(condition) && now_ms() < end) {                                                   \
            uv_run(&(f)->loop, UV_RUN_ONCE);                                                       \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void run_for(fixture_t *f, uint64_t ms) {
    for (uint64_t end = now_ms() + ms; now_ms() < end;) {
        uv_run(&f->loop, UV_RUN_ONCE);
    }
}

/* --- servers --------------------------------------------------------------------------------- */

static void start_server(fixture_t *f, const char *option, const char *value) {
    const char *args[] = {"--port",       "0",  "--unixsocket", f->socket, "--save", "",
                          "--appendonly", "no", option,         value,     NULL};
    f->server = server_start(f->dir, args);
    assert_true(f->server > 0);
}

/* A connection of a client that has nothing to do with the one under test. */
static redisContext *connect_other(fixture_t *f) {
    for (uint64_t end = now_ms() + LIMIT_MS; now_ms() < end; usleep(5000)) {
        redisContext *other = redisConnectUnix(f->socket);
        if (other != NULL && other->err == 0) {
            return other;
        }
        redisFree(other);
    }
    fail_msg("the server does not start");
    return NULL;
}

static void publish(fixture_t *f, const char *channel, const char *text) {
    redisReply *reply = redisCommand(f->other, "PUBLISH %s %s", channel, text);
    assert_non_null(reply);
    freeReplyObject(reply);
}

/* A client with the configuration of one line of JSON. */
static void connect_with(fixture_t *f, const char *json) {
    ss_redis_events_t events = {.name = "redis",
                                .message = on_message,
                                .up = on_up,
                                .down = on_down,
                                .subscribed = on_subscribed,
                                .arg = f};
    ss_buf_t error = {0};
    json_t *config = json_loads(json, 0, NULL);
    assert_non_null(config);
    f->redis = ss_redis_create(&f->loop, config, &events, &error);
    if (f->redis == NULL) {
        fail_msg("%s", ss_buf_string(&error));
    }
    json_decref(config);
}

static void connect_to(fixture_t *f, const char *more) {
    char json[512];
    snprintf(json, sizeof json, "{\"socket\": \"%s\"%s}", f->socket, more);
    connect_with(f, json);
}

static void up_with(fixture_t *f, const char *more) {
    start_server(f, NULL, NULL);
    connect_to(f, more);
    RUN_UNTIL(f, f->ups == 1);
    f->other = connect_other(f);
}

static void up(fixture_t *f) { up_with(f, ", \"command_timeout\": 0.4"); }

static int setup(void **state) {
    fixture_t *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/ss-redis-XXXXXX");
    if (mkdtemp(f->dir) == NULL) {
        return -1;
    }
    snprintf(f->socket, sizeof f->socket, "%s/s", f->dir);
    f->in_order = true;
    uv_loop_init(&f->loop);
    uv_timer_init(&f->loop, &f->tick);
    uv_timer_start(&f->tick, on_tick, 5, 5);
    signal(SIGPIPE, SIG_IGN);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    return remove(path);
}

static int teardown(void **state) {
    fixture_t *f = *state;
    if (f->other != NULL) {
        redisFree(f->other);
    }
    ss_redis_destroy(f->redis);
    uv_close((uv_handle_t *)&f->tick, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    if (f->server > 0) {
        kill(f->server, SIGCONT);
    }
    server_end(&f->server);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void answers_pipelined_commands_in_order(void **state) {
    fixture_t *f = *state;
    up(f);
    assert_false(f->gap);
    for (int i = 0; i < 1000; i++) {
        SEND(f, "INCR n");
    }
    RUN_UNTIL(f, f->answers == 1000);
    assert_int_equal(f->last, 1000);
    assert_true(f->in_order);
    assert_int_equal(f->failures, 0);
}

static void delivers_what_is_published(void **state) {
    fixture_t *f = *state;
    up(f);
    ss_redis_subscribe(f->redis, "channel:room 7", 14);
    RUN_UNTIL(f, f->confirmed == 1);
    assert_string_equal(f->channel, "channel:room 7");
    publish(f, "ss:channel:room 7", "hello");
    RUN_UNTIL(f, f->messages == 1);
    assert_string_equal(f->channel, "channel:room 7");
    assert_string_equal(f->text, "hello");
}

static void hands_on_what_redis_refuses(void **state) {
    fixture_t *f = *state;
    up(f);
    SEND(f, "SET n x");
    SEND(f, "INCR n");
    RUN_UNTIL(f, f->answers == 2);
    assert_int_equal(f->failures, 0);
    assert_non_null(strstr(f->error, "not an integer"));
}

static void fails_commands_from_the_loop_while_it_is_down(void **state) {
    fixture_t *f = *state;
    connect_to(f, "");
    for (int i = 0; i < 3; i++) {
        SEND(f, "PING");
    }
    assert_int_equal(f->answers, 0);
    RUN_UNTIL(f, f->answers == 3);
    assert_int_equal(f->failures, 3);
}

static void does_not_send_what_would_change_the_connection(void **state) {
    static const char *const commands[] = {"SUBSCRIBE x",   "psubscribe x", "SSUBSCRIBE x",
                                           "UNSUBSCRIBE x", "MONITOR",      "HELLO 3",
                                           "Reset",         "QUIT",         "SYNC"};
    fixture_t *f = *state;
    up(f);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        SEND(f, commands[i]);
    }
    SEND(f, "GET monitor");
    RUN_UNTIL(f, f->answers == COUNT_OF(commands) + 1);
    assert_int_equal(f->failures, COUNT_OF(commands));
    assert_int_equal(f->downs, 0);
}

static void more_than_may_be_pending_fails(void **state) {
    fixture_t *f = *state;
    up_with(f, ", \"command_timeout\": 10");
    for (int i = 0; i < SS_REDIS_PENDING_MAX + 10; i++) {
        SEND(f, "INCR n");
    }
    RUN_UNTIL(f, f->answers == SS_REDIS_PENDING_MAX + 10);
    assert_true(f->failures >= 10 && f->failures <= 11); /* a canary may be under way */
    assert_int_equal(f->last, SS_REDIS_PENDING_MAX + 10 - f->failures);
    SEND(f, "INCR n");
    RUN_UNTIL(f, f->answers == SS_REDIS_PENDING_MAX + 11);
    assert_int_equal(f->failures > 11, 0);
}

static void subscribing_and_leaving_keep_their_order(void **state) {
    fixture_t *f = *state;
    up(f);
    for (int i = 0; i < 10; i++) {
        ss_redis_subscribe(f->redis, "a", 1);
        ss_redis_unsubscribe(f->redis, "a", 1);
    }
    ss_redis_subscribe(f->redis, "b", 1);
    ss_redis_unsubscribe(f->redis, "b", 1);
    ss_redis_subscribe(f->redis, "b", 1);
    RUN_UNTIL(f, f->confirmed == 12);
    publish(f, "ss:a", "1");
    publish(f, "ss:b", "2");
    RUN_UNTIL(f, f->messages == 1);
    assert_string_equal(f->text, "2");
    ss_redis_unsubscribe(f->redis, "b", 1);
    ss_redis_unsubscribe(f->redis, "b", 1);
    ss_redis_unsubscribe(f->redis, "never", 5);
    SEND(f, "PING");
    run_for(f, 50);
    publish(f, "ss:b", "3");
    run_for(f, 50);
    assert_int_equal(f->messages, 1);
    assert_int_equal(f->downs, 0);
}

static void channel_names_may_be_any_bytes(void **state) {
    fixture_t *f = *state;
    up(f);
    ss_redis_subscribe(f->redis, "\xff \0\r\n*", 6);
    ss_redis_subscribe(f->redis, "", 0);
    RUN_UNTIL(f, f->confirmed == 2);
    freeReplyObject(redisCommand(f->other, "PUBLISH %b x", "ss:\xff \0\r\n*", (size_t)9));
    RUN_UNTIL(f, f->messages == 1);
    publish(f, "ss:", "y");
    RUN_UNTIL(f, f->messages == 2);
    assert_string_equal(f->channel, "");
}

static void a_restarted_redis_gets_all_subscriptions_again(void **state) {
    enum { N = 2500 };
    fixture_t *f = *state;
    char name[32];
    up(f);
    for (int i = 0; i < N; i++) {
        ss_redis_subscribe(f->redis, name, (size_t)snprintf(name, sizeof name, "c%d", i));
    }
    RUN_UNTIL(f, f->confirmed == N);
    ss_redis_unsubscribe(f->redis, "c7", 2);
    server_end(&f->server);
    SEND(f, "INCR n");
    RUN_UNTIL(f, f->downs == 1);
    RUN_UNTIL(f, f->failures == 1);
    ss_redis_subscribe(f->redis, "late", 4);
    redisFree(f->other);
    f->other = NULL;
    run_for(f, 1500); /* so that the back-off is at its longest */
    start_server(f, NULL, NULL);
    f->other = connect_other(f);
    uint64_t back = now_ms();
    RUN_UNTIL(f, f->ups == 2);
    assert_true(now_ms() - back < 2000);
    assert_true(f->gap);
    assert_int_equal(f->confirmed, N); /* `up` says the same for all */
    publish(f, "ss:c0", "first");
    publish(f, "ss:c7", "left");
    publish(f, "ss:c2499", "last");
    publish(f, "ss:late", "late");
    RUN_UNTIL(f, f->messages == 3);
    assert_string_equal(f->text, "late");
    run_for(f, 50);
    assert_int_equal(f->messages, 3);
    assert_int_equal(f->downs, 1);
}

static void a_silent_redis_costs_its_commands_a_deadline(void **state) {
    fixture_t *f = *state;
    up(f);
    ss_redis_subscribe(f->redis, "c", 1);
    RUN_UNTIL(f, f->confirmed == 1);
    kill(f->server, SIGSTOP);
    uint64_t start = now_ms();
    SEND(f, "INCR n");
    SEND(f, "INCR n");
    RUN_UNTIL(f, f->failures == 2);
    assert_true(now_ms() - start >= 400 && now_ms() - start < 1000);
    RUN_UNTIL(f, f->downs == 1);
    assert_string_equal(f->why, "it does not answer");
    start = now_ms();
    SEND(f, "INCR n");
    RUN_UNTIL(f, f->failures == 3);
    assert_true(now_ms() - start < 100);
    kill(f->server, SIGCONT);
    RUN_UNTIL(f, f->ups == 2);
    assert_false(f->gap); /* the subscriptions' connection has outlived it */
    publish(f, "ss:c", "x");
    RUN_UNTIL(f, f->messages == 1);
    ss_redis_health_t health;
    ss_redis_health(f->redis, &health);
    assert_true(health.up);
    assert_int_equal(health.timeouts >= 2, 1);
    assert_int_equal(health.reconnects, 1);
    assert_true(health.canary_age_ms < 2000);
}

static void a_slow_redis_costs_the_late_commands_only(void **state) {
    fixture_t *f = *state;
    start_server(f, "--enable-debug-command", "local");
    connect_to(f, ", \"command_timeout\": 0.4");
    RUN_UNTIL(f, f->ups == 1);
    for (int i = 0; i < 3; i++) {
        SEND(f, "DEBUG SLEEP 0.3");
        run_for(f, 20); /* what Redis reads in one piece it answers in one piece */
    }
    RUN_UNTIL(f, f->answers == 3);
    assert_int_equal(f->failures, 2);
    run_for(f, 600); /* the two answers that come late are nobody's */
    assert_int_equal(f->answers, 3);
    SEND(f, "INCR n");
    RUN_UNTIL(f, f->answers == 4);
    assert_int_equal(f->last, 1);
    assert_int_equal(f->downs, 0);
}

static void a_canary_that_stays_away_costs_the_subscriptions(void **state) {
    fixture_t *f = *state;
    up(f);
    ss_redis_subscribe(f->redis, "c", 1);
    RUN_UNTIL(f, f->confirmed == 1);
    kill(f->server, SIGSTOP);
    uint64_t start = now_ms();
    RUN_UNTIL(f, f->downs == 1);
    assert_true(now_ms() - start < 2000);
    run_for(f, 4000);
    kill(f->server, SIGCONT);
    start = now_ms();
    RUN_UNTIL(f, f->ups == 2);
    assert_true(now_ms() - start < 2000);
    publish(f, "ss:c", "x");
    RUN_UNTIL(f, f->messages == 1);
    run_for(f, 1200);
    assert_int_equal(f->messages, 1);
    assert_int_equal(f->downs, 1);
}

static void a_subscriber_that_redis_drops_has_a_gap(void **state) {
    fixture_t *f = *state;
    up(f);
    ss_redis_subscribe(f->redis, "c", 1);
    RUN_UNTIL(f, f->confirmed == 1);
    freeReplyObject(redisCommand(f->other, "CLIENT KILL TYPE pubsub"));
    RUN_UNTIL(f, f->ups == 2);
    assert_true(f->gap);
    publish(f, "ss:c", "x");
    RUN_UNTIL(f, f->messages == 1);
}

static void a_loop_that_was_held_up_drops_nothing(void **state) {
    fixture_t *f = *state;
    up(f);
    for (int i = 0; i < 3; i++) {
        SEND(f, "INCR n");
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(600000); /* longer than a command may take */
    }
    usleep(2500000); /* longer than a canary may take */
    RUN_UNTIL(f, f->answers == 3);
    run_for(f, 1500);
    assert_int_equal(f->failures, 0);
    assert_int_equal(f->downs, 0);
}

static bool logged(const char *log, const char *wanted) {
    char text[4096] = "";
    FILE *file = fopen(log, "r");
    ss_log_flush();
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    return strstr(text, wanted) != NULL;
}

static void open_log(fixture_t *f, char *path, size_t size) {
    snprintf(path, size, "%s/log", f->dir);
    assert_true(ss_log_open(path, SS_LOG_LEVEL_MAX, SS_LOG_FORMAT_PRETTY));
}

/* The log says `why`, and nothing is up. */
static void stays_down(fixture_t *f, const char *why) {
    char log[96];
    open_log(f, log, sizeof log);
    RUN_UNTIL(f, logged(log, why));
    run_for(f, 300);
    assert_int_equal(f->ups, 0);
    assert_int_equal(f->downs, 0);
    ss_log_open("/dev/null", SS_LOG_LEVEL_MAX, SS_LOG_FORMAT_PRETTY);
}

static void says_that_a_password_is_missing(void **state) {
    fixture_t *f = *state;
    start_server(f, "--requirepass", "secret");
    connect_to(f, "");
    stays_down(f, "PING: NOAUTH Authentication required.");
}

static void says_that_a_password_is_wrong(void **state) {
    fixture_t *f = *state;
    start_server(f, "--requirepass", "secret");
    connect_to(f, ", \"password\": \"other\"");
    stays_down(f, "AUTH: WRONGPASS invalid username-password pair");
}

static void says_that_there_is_no_such_database(void **state) {
    fixture_t *f = *state;
    start_server(f, "--databases", "1");
    connect_to(f, ", \"db_index\": 3");
    stays_down(f, "SELECT: ERR DB index is out of range");
}

static void start_server_with_user(fixture_t *f, const char *acl) {
    start_server(f, NULL, NULL);
    f->other = connect_other(f);
    redisReply *reply = redisCommand(f->other, acl);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
}

static void says_that_a_user_may_not_subscribe(void **state) {
    fixture_t *f = *state;
    start_server_with_user(f, "ACL SETUSER app on >pw ~* resetchannels +@all");
    connect_to(f, ", \"username\": \"app\", \"password\": \"pw\"");
    stays_down(f, "NOPERM this user has no permissions to access one of the channels");
}

static void logs_in_and_selects_the_database(void **state) {
    fixture_t *f = *state;
    start_server_with_user(f, "ACL SETUSER app on >pw ~ss:* &ss:* +@all -@dangerous +role");
    connect_to(f, ", \"username\": \"app\", \"password\": \"pw\", \"db_index\": 3");
    RUN_UNTIL(f, f->ups == 1);
    SEND(f, "SET ss:here 1");
    RUN_UNTIL(f, f->answers == 1);
    assert_string_equal(f->error, "");
    freeReplyObject(redisCommand(f->other, "SELECT 3"));
    redisReply *reply = redisCommand(f->other, "EXISTS ss:here");
    assert_int_equal(reply->integer, 1);
    freeReplyObject(reply);
}

static void comes_up_when_a_refusing_port_begins_to_listen(void **state) {
    fixture_t *f = *state;
    char json[128], port[16];
    snprintf(port, sizeof port, "%d", server_free_port());
    snprintf(json, sizeof json, "{\"url\": \"redis://localhost:%s\"}", port);
    connect_with(f, json);
    stays_down(f, "Connection refused");
    start_server(f, "--port", port);
    uint64_t start = now_ms();
    RUN_UNTIL(f, f->ups == 1);
    assert_true(now_ms() - start < 3000);
    assert_false(f->gap);
}

static void says_that_a_host_is_not_found(void **state) {
    fixture_t *f = *state;
    connect_with(f, "{\"host\": \"no-such-host.invalid\", \"command_timeout\": 0.5}");
    stays_down(f, "redis: away (no-such-host.invalid:6379): ");
}

static void what_answers_in_another_language_is_not_redis(void **state) {
    fixture_t *f = *state;
    int port = server_free_port(), on = 1;
    char json[128], log[96];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((uint16_t)port);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(server, 8), 0);
    snprintf(json, sizeof json, "{\"host\": \"127.0.0.1\", \"port\": %d}", port);
    connect_with(f, json);
    open_log(f, log, sizeof log);
    for (int i = 0; i < 40; i++) {
        int peer = accept(server, NULL, NULL);
        if (peer != -1) {
            char request[64];
            run_for(f, 20);
            assert_true(read(peer, request, sizeof request) > 0);
            assert_true(write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) == 28);
            run_for(f, 20);
            close(peer);
        }
        run_for(f, 20);
    }
    stays_down(f, "Protocol error");
    close(server);
}

static void fails_what_is_pending_when_it_is_destroyed(void **state) {
    fixture_t *f = *state;
    up(f);
    SEND(f, "INCR n");
    uv_run(&f->loop, UV_RUN_NOWAIT);
    SEND(f, "INCR n");
    ss_redis_t *redis = f->redis;
    f->redis = NULL;
    int answered = f->answers;
    ss_redis_destroy(redis);
    assert_int_equal(f->answers, 2);
    assert_int_equal(f->failures, 2 - answered);
    assert_int_equal(f->downs, 0);
}

/* It may be destroyed in every state of an attempt. */
static void may_be_destroyed_at_any_time(void **state) {
    fixture_t *f = *state;
    start_server(f, NULL, NULL);
    f->other = connect_other(f);
    for (int turns = 0; turns < 12; turns++) {
        connect_to(f, "");
        ss_redis_subscribe(f->redis, "c", 1);
        for (int i = 0; i < turns; i++) {
            uv_run(&f->loop, UV_RUN_ONCE);
        }
        ss_redis_destroy(f->redis);
        run_for(f, 20);
    }
    connect_with(f, "{\"host\": \"localhost\"}");
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

#define T(sentence, function)                                                                      \
    { (sentence), (function), setup, teardown, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        T("answers pipelined commands in order", answers_pipelined_commands_in_order),
        T("delivers what is published", delivers_what_is_published),
        T("hands on what Redis refuses", hands_on_what_redis_refuses),
        T("fails commands from the loop while it is down",
          fails_commands_from_the_loop_while_it_is_down),
        T("does not send what would change the connection",
          does_not_send_what_would_change_the_connection),
        T("more than may be pending fails", more_than_may_be_pending_fails),
        T("subscribing and leaving keep their order", subscribing_and_leaving_keep_their_order),
        T("channel names may be any bytes", channel_names_may_be_any_bytes),
        T("a restarted Redis gets all subscriptions again",
          a_restarted_redis_gets_all_subscriptions_again),
        T("a silent Redis costs its commands a deadline",
          a_silent_redis_costs_its_commands_a_deadline),
        T("a slow Redis costs the late commands only", a_slow_redis_costs_the_late_commands_only),
        T("a canary that stays away costs the subscriptions",
          a_canary_that_stays_away_costs_the_subscriptions),
        T("a subscriber that Redis drops has a gap", a_subscriber_that_redis_drops_has_a_gap),
        T("a loop that was held up drops nothing", a_loop_that_was_held_up_drops_nothing),
        T("says that a password is missing", says_that_a_password_is_missing),
        T("says that a password is wrong", says_that_a_password_is_wrong),
        T("says that there is no such database", says_that_there_is_no_such_database),
        T("says that a user may not subscribe", says_that_a_user_may_not_subscribe),
        T("logs in and selects the database", logs_in_and_selects_the_database),
        T("comes up when a refusing port begins to listen",
          comes_up_when_a_refusing_port_begins_to_listen),
        T("says that a host is not found", says_that_a_host_is_not_found),
        T("what answers in another language is not Redis",
          what_answers_in_another_language_is_not_redis),
        T("fails what is pending when it is destroyed", fails_what_is_pending_when_it_is_destroyed),
        T("may be destroyed at any time", may_be_destroyed_at_any_time),
    };
    ss_log_open("/dev/null", SS_LOG_LEVEL_MAX, SS_LOG_FORMAT_PRETTY);
    return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
