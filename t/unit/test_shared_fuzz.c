/* SPDX-License-Identifier: MIT
 *
 * The fuzz targets of t/fuzz without libFuzzer: random mutations of good input, against a guard
 * page, in every build.
 *
 * The mutations follow from SS_FUZZ_SEED (1) alone; SS_FUZZ_SECONDS (2) says for how long each
 * target runs.  It runs in a child, so that whatever kills it, or keeps it from ending, leaves the
 * input to be printed.
 */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "guard.h"
#include "random.h"

/* A unit test is built from one file, so the targets come along as text. */
#include "../fuzz/fuzz_json.c"
#include "../fuzz/fuzz_link.c"
#include "../fuzz/fuzz_utf8.c"
#include "../fuzz/fuzz_ws.c"

#define INPUT_MAX 600
#define HANG_SECONDS 20 /* past the time a target was given */

typedef struct {
    const void *data;
    size_t len;
} seed_t;

#define SEED(literal)                                                                              \
    { (literal), sizeof(literal) - 1 }
#define V "\"jsonrpc\":\"2.0\","

static const seed_t utf8_seeds[] = {
    SEED("\x03plain ASCII, long enough for a block of sixteen bytes and another"),
    SEED("\x05"
         "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 mixed \xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"),
    SEED("\x00\xE0\xA0\x80\xF0\x90\x80\x80\xC2\x80\xDF\xBF"),
};

static const seed_t ws_seeds[] = {
    SEED("\x08\x02\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80\x01\x02\x03\x04"),
    SEED("\x09\x00\x01\x03Hel\x89\x02hi\x00\x00\x80\x02lo\x82\x00\x88\x02\x03\xE8"),
    SEED("\x0B\x03\x82\x7E\x00\x80"
         "0123456789012345678901234567890123456789012345678901234567890123"
         "0123456789012345678901234567890123456789012345678901234567890123\x81\x01q"),
    SEED("\x0F\x07\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00payload, not all of it"),
    SEED("\x03\x01\x01\x03Hel\x80\x02lo\x81\x05Hello\x88\x03\x0F\xA0!"),
};

static const seed_t json_seeds[] = {
    SEED("{" V "\"id\":1,\"method\":\"app.square\",\"params\":[25]}"),
    SEED("{" V "\"id\":\"a\\u0041\",\"m\\u0065thod\":\"\\ud83d\\ude00\",\"params\":{\"a\":[{}]}}"),
    SEED("[{" V "\"id\":1,\"method\":\"a\"},{" V "\"method\":\"b\"},{\"id\":2,\"result\":null},3]"),
    SEED(" [ { \"id\" : -1.5e+3 , \"error\" : { \"code\" : 0 } } , [ [ ] ] , \"\" , true ] "),
    SEED("{\"params\":[],\"params\":{},\"id\":null,\"id\":9," V "\"method\":\"x\"}"),
};

static const seed_t link_seeds[] = {
    SEED("\0\x1A\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    SEED("\1\x05\0\0\0\x21\1\0\0\7\0\0\0\1\0\0\0\3\0\0\0"),
    SEED("\0\1\0\1\0\4\3\2\1\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\1\0\2\0ss"),
    SEED("\0\1\4\0/uri\3\0::1\2\1\0n\1\0v\0\0\0\0"),
    SEED("\0\5\0state\1\6\0Cookie\3\0a=b"),
    SEED("\0\xC8\0\1\4\0Type\4\0json625"),
    SEED("\0\1\3\0GET\3\0a/b\2\0"
         "25\3\0::1\1\1\0n\1\0vbody"),
};

/* The input in use, where the parent can read it. */
typedef struct {
    size_t len;
    uint8_t data[INPUT_MAX];
} input_t;

static void remove_bytes(input_t *in, size_t at, size_t n) {
    memmove(in->data + at, in->data + at + n, in->len - at - n);
    in->len -= n;
}

/* Copies a piece of other input into this one. */
static void insert_bytes(input_t *in, size_t at, const uint8_t *from, size_t n) {
    uint8_t copy[INPUT_MAX];
    n = n < INPUT_MAX - in->len ? n : INPUT_MAX - in->len;
    memcpy(copy, from, n); /* it may be a piece of this input */
    memmove(in->data + at + n, in->data + at, in->len - at);
    memcpy(in->data + at, copy, n);
    in->len += n;
}

static void mutate(random_t *r, input_t *in, const seed_t *other) {
    static const uint8_t borders[] = {0,    1,    0x0A, 0x1F, 0x20, '"',  '\\', '{',  '}',  '[',
                                      ']',  ',',  ':',  'u',  125,  126,  127,  0x80, 0x81, 0x82,
                                      0x88, 0xBF, 0xC0, 0xE0, 0xED, 0xF0, 0xF4, 0xFE, 0xFF};
    size_t at = random_below(r, (uint32_t)in->len + 1);
    size_t n = random_below(r, (uint32_t)(in->len - at) + 1);
    uint8_t byte = borders[random_below(r, sizeof borders)];
    size_t from = random_below(r, (uint32_t)other->len);
    switch (random_below(r, 6)) {
    case 0:
        insert_bytes(in, at, &byte, 1);
        break;
    case 1:
        remove_bytes(in, at, n < 8 ? n : 1);
        break;
    case 2:
        insert_bytes(in, at, in->data + at, n);
        break;
    case 3:
        insert_bytes(in, at, (const uint8_t *)other->data + from,
                     random_below(r, (uint32_t)(other->len - from) + 1));
        break;
    default:
        if (at < in->len) {
            in->data[at] =
                random_below(r, 2) == 0 ? byte : (uint8_t)(in->data[at] ^ 1u << random_below(r, 8));
        }
    }
}

static long setting(const char *name, long fallback) {
    const char *value = getenv(name);
    return value == NULL ? fallback : strtol(value, NULL, 10);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The child: mutates until its time is over. */
static void run_target(int (*target)(const uint8_t *, size_t), const seed_t *seeds, uint32_t n,
                       input_t *in) {
    random_t r = {(uint64_t)setting("SS_FUZZ_SEED", 1)};
    int64_t end = now_ms() + setting("SS_FUZZ_SECONDS", 2) * 1000;
    for (uint64_t round = 0; round % 64 != 0 || now_ms() < end; round++) {
        const seed_t *seed = &seeds[round % n];
        in->len = 0;
        insert_bytes(in, 0, seed->data, seed->len);
        if (round >= n) { /* each seed once as it is */
            for (unsigned i = random_below(&r, 6) + 1; i-- > 0;) {
                mutate(&r, in, &seeds[random_below(&r, n)]);
            }
        }
        target(guard_end(in->data, in->len), in->len);
    }
}

static void print_input(const input_t *in) {
    fprintf(stderr, "# the input was ");
    for (size_t i = 0; i < in->len; i++) {
        fprintf(stderr, "%02x", in->data[i]);
    }
    fprintf(stderr, "\n");
}

static void fuzz(int (*target)(const uint8_t *, size_t), const seed_t *seeds, uint32_t n) {
    input_t *in = mmap(NULL, sizeof *in, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(in != MAP_FAILED);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS}; /* by cmocka */
        for (size_t i = 0; i < COUNT_OF(caught); i++) {
            signal(caught[i], SIG_DFL);
        }
        alarm((unsigned)setting("SS_FUZZ_SECONDS", 2) + HANG_SECONDS);
        run_target(target, seeds, n, in);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0) {
        print_input(in);
    }
    munmap(in, sizeof *in);
    assert_int_equal(status, 0);
}

static void survives_utf8(void **unused) { fuzz(fuzz_utf8, utf8_seeds, COUNT_OF(utf8_seeds)); }

static void survives_frames(void **unused) { fuzz(fuzz_ws, ws_seeds, COUNT_OF(ws_seeds)); }

static void survives_json(void **unused) { fuzz(fuzz_json, json_seeds, COUNT_OF(json_seeds)); }

static void survives_link(void **unused) { fuzz(fuzz_link, link_seeds, COUNT_OF(link_seeds)); }

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("UTF-8 keeps its promises on mutated texts", survives_utf8),
        TEST("the frame decoder keeps its promises on mutated streams", survives_frames),
        TEST("the JSON-RPC scan agrees with jansson on mutated messages", survives_json),
        TEST("the link's codecs keep their promises on mutated frames", survives_link),
    };
    return cmocka_run_group_tests_name("shared fuzz targets", tests, NULL, NULL);
}
