/* SPDX-License-Identifier: MIT
 *
 * What stands in an Authorization header, to the byte.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "api_auth.h"
#include "guard.h"
#include "random.h"

static ss_api_credentials_e read_value(ss_api_credentials_t *out, const char *text, size_t len) {
    ss_api_credentials_e at_end =
        ss_api_credentials_read(out, (ss_span_t){(char *)guard_end(text, len), len});
    ss_api_credentials_e at_start =
        ss_api_credentials_read(out, (ss_span_t){(char *)guard_start(text, len), len});
    assert_int_equal(at_end, at_start);
    return at_start;
}

static void assert_good(const char *value, const char *user, const char *password) {
    ss_api_credentials_t c;
    assert_int_equal(read_value(&c, value, strlen(value)), SS_API_CREDENTIALS_GOOD);
    assert_string_equal(c.text, user);
    assert_string_equal(c.password, password);
}

static void reads_names_and_passwords(void **unused) {
    assert_good("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame");
    assert_good("basic   dGVzdDoxMjPCow==", "test", "123\xc2\xa3"); /* RFC 7617 section 2.1 */
    assert_good("BASIC Og==", "", "");
    assert_good("Basic YTo=", "a", "");
    assert_good("Basic OmI6Yw==", "", "b:c");
    assert_good("Basic Pz8/Oj4+Pj4=", "???", ">>>>");
}

static void every_cut_is_something_else(void **unused) {
    static const char value[] = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    ss_api_credentials_t c;
    for (size_t len = 0; len < sizeof value - 1; len++) {
        ss_api_credentials_e got = read_value(&c, value, len);
        if (len < 5) {
            assert_int_equal(got, SS_API_CREDENTIALS_NONE);
        } else if (got == SS_API_CREDENTIALS_GOOD) { /* whole groups, with the colon among them */
            assert_int_equal((len - 6) % 4, 0);
            assert_string_equal(c.text, "Aladdin");
        }
    }
    assert_int_equal(ss_api_credentials_read(&c, (ss_span_t){NULL, 0}), SS_API_CREDENTIALS_NONE);
}

static void has_a_bound(void **unused) {
    char value[6 + SS_API_CREDENTIALS_MAX + 4 + 1] = "Basic Og==";
    ss_api_credentials_t c;
    memcpy(value + 6, "Onh4", 4); /* ":xx" */
    for (size_t at = 10; at < sizeof value - 1; at += 4) {
        memcpy(value + at, "eHh4", 4); /* "xxx" */
    }
    assert_int_equal(read_value(&c, value, 6 + SS_API_CREDENTIALS_MAX), SS_API_CREDENTIALS_GOOD);
    assert_int_equal(strlen(c.password), SS_API_CREDENTIALS_MAX / 4 * 3 - 1);
    assert_int_equal(read_value(&c, value, 6 + SS_API_CREDENTIALS_MAX + 4), SS_API_CREDENTIALS_BAD);
}

/* Random characters, mostly those of base64. */
static void random_values_are_read_within_their_bytes(void **unused) {
    random_t r = {7};
    static const char often[] = "ABCDwxyz0189+/==:: ";
    for (int i = 0; i < 100000; i++) {
        char value[64] = "Basic ";
        ss_api_credentials_t c;
        size_t len = 6 + random_below(&r, 40);
        for (size_t at = 6; at < len; at++) {
            value[at] = random_below(&r, 50) == 0 ? (char)random_below(&r, 256)
                                                  : often[random_below(&r, sizeof often - 1)];
        }
        if (read_value(&c, value, len) == SS_API_CREDENTIALS_GOOD) {
            assert_true(strlen(c.text) + 1 + strlen(c.password) <= (len - 6) / 4 * 3);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("reads names and passwords", reads_names_and_passwords),
        TEST("every cut is something else", every_cut_is_something_else),
        TEST("has a bound", has_a_bound),
        TEST("random values are read within their bytes",
             random_values_are_read_within_their_bytes),
    };
    return cmocka_run_group_tests_name("sidecar/credentials", tests, NULL, NULL);
}
