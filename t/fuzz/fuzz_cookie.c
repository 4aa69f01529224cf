/* SPDX-License-Identifier: MIT
 *
 * The session's cookie by any name: whatever else a browser sends, ours is found, over the scheme
 * that it was given out for and no other.  Input: a name, a NUL, other cookies.
 */
#include "fuzz.h"

#include <string.h>

#include "cookie.h"
#include "ss_link.h"

#define COOKIE_OTHERS_MAX 2048
#define COOKIE_NOW 1800000000u
#define COOKIE_TTL 3600u

static const uint8_t cookie_secret[SS_SECRET_BYTES] = "0123456789abcdef0123456789abcde";

static bool cookie_found(const char *value, size_t len, bool tls, ss_cookie_t *out) {
    static uint8_t list[COOKIE_OTHERS_MAX + SS_COOKIE_HEADER_MAX + 16];
    ss_writer_t w = ss_writer(list, sizeof list);
    ss_write_str16(&w, "Cookie", 6);
    ss_write_str16(&w, value, len);
    return ss_cookie_find(out, ss_reader(list, ss_written(&w)), tls, cookie_secret, COOKIE_NOW,
                          COOKIE_TTL);
}

/* Behind the others, as it stands in our Set-Cookie. */
static void cookie_check(const char *name, const uint8_t *others, size_t len, bool tls) {
    static char sent[COOKIE_OTHERS_MAX + SS_COOKIE_HEADER_MAX + 2];
    char header[SS_COOKIE_HEADER_MAX];
    ss_cookie_t out;
    ss_cookie_t cookie = {.issued_at = COOKIE_NOW - 1};
    memcpy(cookie.id, cookie_secret, sizeof cookie.id);

    ss_cookie_header(header, &cookie, tls, cookie_secret, COOKIE_TTL);
    size_t n = strcspn(header, ";");
    FUZZ_CHECK(strlen(header) < sizeof header - 1 && n > SS_COOKIE_TEXT);
    FUZZ_CHECK(n == (tls ? strlen("__Host-") : 0) + strlen(name) + 1 + SS_COOKIE_TEXT);

    memcpy(sent, others, len);
    memcpy(sent + len, "; ", 2);
    memcpy(sent + len + 2, header, n);
    FUZZ_CHECK(!cookie_found(sent, len, tls, &out));
    FUZZ_CHECK(!cookie_found(sent, len + 2 + n, !tls, &out));
    FUZZ_CHECK(cookie_found(sent, len + 2 + n, tls, &out));
    FUZZ_CHECK(memcmp(out.id, cookie.id, sizeof out.id) == 0 && out.issued_at == cookie.issued_at);
}

int fuzz_cookie(const uint8_t *data, size_t size) {
    const char *name = (const char *)data;
    size_t name_len = strnlen(name, size);
    size_t others = size - name_len - 1;
    if (name_len == size || others > COOKIE_OTHERS_MAX || !ss_cookie_set_name(name)) {
        return 0;
    }
    FUZZ_CHECK(name_len >= 1 && name_len <= SS_COOKIE_NAME_MAX);
    FUZZ_CHECK(strpbrk(name, " \t\r\n;,=\"") == NULL && strncmp(name, "__", 2) != 0);
    cookie_check(name, data + name_len + 1, others, false);
    cookie_check(name, data + name_len + 1, others, true);
    return 0;
}
