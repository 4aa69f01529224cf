/* SPDX-License-Identifier: MIT
 *
 * The fuzz targets of t/fuzz without libFuzzer: random mutations of good input, against a guard
 * page, in every build.
 *
 * The mutations follow from SS_FUZZ_SEED (1) alone; SS_FUZZ_ROUNDS says how many inputs each target
 * gets.  It runs in a child, so that whatever kills it, or keeps it from ending, leaves the input
 * to be printed.
 */
#ifndef T_UNIT_MUTATE_H
#define T_UNIT_MUTATE_H

#include <signal.h>
#include <sys/wait.h>

#include "guard.h"
#include "random.h"
#include "test.h"

#define INPUT_MAX 600
#define ROUNDS 300000
#define ROUNDS_LONG 3000000
#define ALARM_ROUNDS 1000
#define HANG_SECONDS 20 /* that so many rounds may take */

typedef struct {
    const void *data;
    size_t len;
} seed_t;

#define SEED(literal)                                                                              \
    { (literal), sizeof(literal) - 1 }

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

/* The child: mutates until it has done its rounds. */
static void run_target(int (*target)(const uint8_t *, size_t), const seed_t *seeds, uint32_t n,
                       input_t *in) {
    random_t r = {(uint64_t)setting("SS_FUZZ_SEED", 1)};
    long rounds = setting("SS_FUZZ_ROUNDS", setting("SS_TEST_LONG", 0) != 0 ? ROUNDS_LONG : ROUNDS);
    for (long round = 0; round < rounds; round++) {
        const seed_t *seed = &seeds[round % n];
        if (round % ALARM_ROUNDS == 0) {
            alarm(HANG_SECONDS);
        }
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

#endif
