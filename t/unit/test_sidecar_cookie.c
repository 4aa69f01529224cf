/* SPDX-License-Identifier: MIT
 *
 * Tokens and the session's cookie: what is ours is accepted, and nothing else is.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "cookie.h"
#include "guard.h"
#include "random.h"
#include "ss_link.h"

#define NOW 1800000000u
#define TTL 2592000u

static const uint8_t secret[SS_SECRET_BYTES] = "0123456789abcdef0123456789abcde";
static const uint8_t other_secret[SS_SECRET_BYTES] = "0123456789abcdef0123456789abcdf";

static ss_cookie_t fresh(uint64_t issued_at) {
    ss_cookie_t cookie = {.issued_at = issued_at};
    ss_token_random(cookie.id, sizeof cookie.id);
    return cookie;
}

static bool accepts(const char *text, size_t len) {
    ss_cookie_t out;
    return ss_cookie_verify(&out, (const char *)guard_end(text, len), len, secret, NOW, TTL);
}

static void a_token_reads_back_and_is_the_only_text_of_its_bytes(void **state) {
    for (size_t n = 1; n <= 48; n++) {
        uint8_t bytes[48];
        uint8_t back[48];
        char text[SS_TOKEN_TEXT(48) + 1];
        ss_token_random(bytes, n);
        ss_token_encode(text, bytes, n);
        assert_int_equal(strlen(text), SS_TOKEN_TEXT(n));
        assert_true(ss_token_decode(back, n, text, strlen(text)));
        assert_memory_equal(back, bytes, n);
        assert_false(ss_token_decode(back, n, text, strlen(text) - 1));
        unsigned accepted = 0;
        for (int c = 0; c < 256; c++) { /* the last character carries up to four bits of nothing */
            text[SS_TOKEN_TEXT(n) - 1] = (char)c;
            accepted += ss_token_decode(back, n, text, SS_TOKEN_TEXT(n));
        }
        assert_int_equal(accepted, n % 3 == 0 ? 64 : n % 3 == 1 ? 4 : 16);
    }
}

static void a_token_is_base64url(void **state) {
    (void)state;
    char text[SS_TOKEN_TEXT(6) + 1];
    const char *texts[] = {"", "-w", "-_8", "-_8B", "-_8BAg", "-_8BAgM", "-_8BAgP_"};
    for (size_t n = 0; n <= 6; n++) {
        ss_token_encode(text, (const uint8_t[]){0xfb, 0xff, 1, 2, 3, 0xff}, n);
        assert_int_equal(strlen(text), SS_TOKEN_TEXT(n));
        assert_string_equal(text, texts[n]);
    }
}

static void a_cookie_reads_back(void **state) {
    for (unsigned i = 0; i < 1000; i++) {
        ss_cookie_t cookie = fresh(NOW - i);
        ss_cookie_t back;
        char text[SS_COOKIE_TEXT + 1];
        ss_cookie_make(text, &cookie, secret);
        assert_int_equal(strlen(text), SS_COOKIE_TEXT);
        assert_true(ss_cookie_verify(&back, text, SS_COOKIE_TEXT, secret, NOW, TTL));
        assert_memory_equal(back.id, cookie.id, sizeof cookie.id);
        assert_int_equal(back.issued_at, cookie.issued_at);
        assert_false(ss_cookie_verify(&back, text, SS_COOKIE_TEXT, other_secret, NOW, TTL));
    }
}

static void a_cookie_is_good_from_its_time_to_its_end(void **state) {
    const struct {
        uint64_t issued_at;
        bool good;
    } cases[] = {{NOW, true},
                 {NOW - TTL + 1, true},
                 {NOW - TTL, false},
                 {0, false},
                 {NOW + SS_COOKIE_SKEW_S, true},
                 {NOW + SS_COOKIE_SKEW_S + 1, false},
                 {(UINT64_C(1) << 40) - 1, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ss_cookie_t cookie = fresh(cases[i].issued_at);
        char text[SS_COOKIE_TEXT + 1];
        ss_cookie_make(text, &cookie, secret);
        assert_int_equal(accepts(text, SS_COOKIE_TEXT), cases[i].good);
    }
}

static void ten_thousand_forged_cookies_are_refused(void **state) {
    random_t seed = {7};
    for (unsigned i = 0; i < 10000; i++) {
        ss_cookie_t cookie = fresh(NOW - i);
        char text[8 * SS_COOKIE_TEXT];
        size_t len = SS_COOKIE_TEXT;
        ss_cookie_make(text, &cookie, i % 5 == 0 ? other_secret : secret);
        switch (i % 5) {
        case 1: { /* one character changed */
            char *c = &text[random_next(&seed) % SS_COOKIE_TEXT];
            char before = *c;
            do {
                *c = (char)random_next(&seed);
            } while (*c == before);
            break;
        }
        case 2: /* cut */
            len = random_next(&seed) % SS_COOKIE_TEXT;
            break;
        case 3: /* with more behind it */
            len += 1 + random_next(&seed) % (sizeof text - SS_COOKIE_TEXT - 1);
            memset(text + SS_COOKIE_TEXT, 'A', len - SS_COOKIE_TEXT);
            break;
        case 4: /* noise */
            len = random_next(&seed) % sizeof text;
            for (size_t k = 0; k < len; k++) {
                text[k] = (char)random_next(&seed);
            }
            break;
        }
        assert_false(accepts(text, len));
    }
}

/* --- in a list of headers -------------------------------------------------------------------- */

static bool finds(ss_cookie_t *out, bool tls, const char *const *headers, unsigned n) {
    uint8_t payload[4096];
    ss_writer_t w = ss_writer(payload, sizeof payload);
    for (unsigned i = 0; i < n; i += 2) {
        ss_write_str16(&w, headers[i], strlen(headers[i]));
        ss_write_str16(&w, headers[i + 1], strlen(headers[i + 1]));
    }
    assert_false(w.failed);
    size_t len = ss_written(&w);
    return ss_cookie_find(out, ss_reader(guard_end(payload, len), len), tls, secret, NOW, TTL);
}

static void the_good_cookie_is_found_among_others(void **state) {
    ss_cookie_t cookie = fresh(NOW);
    ss_cookie_t out;
    char value[SS_COOKIE_TEXT + 1];
    char line[512];
    static const struct {
        const char *before, *after;
    } forms[] = {{"", ""},           {"a=b; ", ""},          {"a; ", " ;c"},
                 {" ;; ", "\t; d="}, {"ss_session=x; ", ""}, {"ss_session;", ""}};
    ss_cookie_make(value, &cookie, secret);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        snprintf(line, sizeof line, "%sss_session=%s%s", forms[i].before, value, forms[i].after);
        const char *headers[] = {"host", "x", "Cookie", "y=z", "COOKIE", line};
        assert_true(finds(&out, false, headers, 6));
        assert_memory_equal(out.id, cookie.id, sizeof out.id);
        assert_false(finds(&out, true, headers, 6));
    }
}

static void a_cookie_of_another_name_or_header_is_not(void **state) {
    ss_cookie_t cookie = fresh(NOW);
    ss_cookie_t out;
    char value[SS_COOKIE_TEXT + 1];
    char line[256];
    static const char *const names[] = {"ss_sessio", "ss_session2", "Ss_session", "",
                                        "=ss_session"};
    ss_cookie_make(value, &cookie, secret);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(line, sizeof line, "%s=%s", names[i], value);
        const char *headers[] = {"cookie", line};
        assert_false(finds(&out, false, headers, 2));
    }
    snprintf(line, sizeof line, "ss_session=%s", value);
    const char *headers[] = {"set-cookie", line, "cookies", line};
    assert_false(finds(&out, false, headers, 4));
}

static void the_header_says_what_a_browser_may_do_with_it(void **state) {
    ss_cookie_t cookie = fresh(NOW);
    char plain[SS_COOKIE_HEADER_MAX];
    char tls[SS_COOKIE_HEADER_MAX];
    ss_cookie_header(plain, &cookie, false, secret, TTL);
    ss_cookie_header(tls, &cookie, true, secret, UINT64_MAX);
    assert_non_null(strstr(plain, "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"));
    assert_null(strstr(plain, "Secure"));
    assert_memory_equal(tls, "__Host-ss_session=", 18);
    assert_non_null(strstr(tls, "; Secure"));
    assert_true(strlen(tls) < sizeof tls - 1);
}

static void an_application_names_its_cookie(void **state) {
    static const char *const bad[] = {"", "a b", "a=b", "a;b", "__Host-x", "__x", "\xc3\xa4"};
    ss_cookie_t cookie = fresh(NOW);
    ss_cookie_t out;
    char value[SS_COOKIE_TEXT + 1];
    char line[256];
    char name[SS_COOKIE_NAME_MAX + 2] = {0};
    char header[SS_COOKIE_HEADER_MAX];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(ss_cookie_set_name(bad[i]));
    }
    memset(name, 'n', SS_COOKIE_NAME_MAX + 1);
    assert_false(ss_cookie_set_name(name));
    name[SS_COOKIE_NAME_MAX] = '\0';
    assert_true(ss_cookie_set_name(name));
    ss_cookie_header(header, &cookie, true, secret, UINT64_MAX);
    assert_non_null(strstr(header, "; Secure"));
    assert_true(strlen(header) < sizeof header - 1);

    assert_true(ss_cookie_set_name("shop"));
    ss_cookie_make(value, &cookie, secret);
    snprintf(line, sizeof line, "ss_session=x; shop=%s", value);
    const char *headers[] = {"cookie", line};
    assert_true(finds(&out, false, headers, 2));
    snprintf(line, sizeof line, "ss_session=%s", value);
    assert_false(finds(&out, false, headers, 2));
    ss_cookie_header(header, &cookie, false, secret, TTL);
    assert_memory_equal(header, "shop=", 5);
    assert_true(ss_cookie_set_name("ss_session"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("a token is base64url", a_token_is_base64url),
        TEST("a token reads back, and is the only text of its bytes",
             a_token_reads_back_and_is_the_only_text_of_its_bytes),
        TEST("a cookie reads back, under its own secret only", a_cookie_reads_back),
        TEST("a cookie is good from its time to its end",
             a_cookie_is_good_from_its_time_to_its_end),
        TEST("10,000 forged, cut, over-long and noisy cookies are refused",
             ten_thousand_forged_cookies_are_refused),
        TEST("the good cookie is found among others", the_good_cookie_is_found_among_others),
        TEST("a cookie of another name, or in another header, is not found",
             a_cookie_of_another_name_or_header_is_not),
        TEST("the header says what a browser may do with it",
             the_header_says_what_a_browser_may_do_with_it),
        TEST("an application names its cookie", an_application_names_its_cookie),
    };
    return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
