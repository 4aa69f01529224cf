/* SPDX-License-Identifier: MIT
 *
 * See cookie.h.
 */
#include "cookie.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ss_link.h"

#define TIME_BYTES 5
#define SIGNED_BYTES (SS_SESSION_ID_BYTES + TIME_BYTES)
#define SIGNATURE_BYTES 20
#define COOKIE_BYTES (SIGNED_BYTES + SIGNATURE_BYTES)

/* RFC 6265bis: of a __Host- cookie the browser itself sees to Secure, Path=/ and no Domain. */
#define TLS_PREFIX "__Host-"
#define TLS_PREFIX_LEN (sizeof TLS_PREFIX - 1)

/* With the prefix; without it for plain HTTP. */
static char tls_name[TLS_PREFIX_LEN + SS_COOKIE_NAME_MAX + 1] = TLS_PREFIX "ss_session";

_Static_assert(SS_TOKEN_TEXT(COOKIE_BYTES) == SS_COOKIE_TEXT, "the cookie fills its text");

static const char *cookie_name(bool tls) { return tls ? tls_name : tls_name + TLS_PREFIX_LEN; }

bool ss_cookie_set_name(const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strlen(name);
    if (len == 0 || len > SS_COOKIE_NAME_MAX || strspn(name, allowed) != len ||
        strncmp(name, "__", 2) == 0) {
        return false;
    }
    memcpy(tls_name + TLS_PREFIX_LEN, name, len + 1);
    return true;
}

/* The purpose comes first, so that the secret may sign other things one day. */
static void sign(uint8_t *out, const uint8_t *cookie, const uint8_t *secret) {
    static const char purpose[] = "session cookie";
    uint8_t text[sizeof purpose + SIGNED_BYTES];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, cookie, SIGNED_BYTES);
    HMAC(EVP_sha256(), secret, SS_SECRET_BYTES, text, sizeof text, digest, &len);
    memcpy(out, digest, SIGNATURE_BYTES);
}

void ss_cookie_make(char *out, const ss_cookie_t *cookie, const uint8_t *secret) {
    uint8_t bytes[COOKIE_BYTES];
    memcpy(bytes, cookie->id, SS_SESSION_ID_BYTES);
    for (unsigned i = 0; i < TIME_BYTES; i++) {
        bytes[SS_SESSION_ID_BYTES + i] = (uint8_t)(cookie->issued_at >> (8 * (TIME_BYTES - 1 - i)));
    }
    sign(bytes + SIGNED_BYTES, bytes, secret);
    ss_token_encode(out, bytes, sizeof bytes);
}

bool ss_cookie_verify(ss_cookie_t *out, const char *text, size_t len, const uint8_t *secret,
                      uint64_t now_s, uint64_t ttl_s) {
    uint8_t bytes[COOKIE_BYTES];
    uint8_t expected[SIGNATURE_BYTES];
    if (!ss_token_decode(bytes, sizeof bytes, text, len)) {
        return false;
    }
    sign(expected, bytes, secret);
    if (CRYPTO_memcmp(expected, bytes + SIGNED_BYTES, SIGNATURE_BYTES) != 0) {
        return false;
    }
    memcpy(out->id, bytes, SS_SESSION_ID_BYTES);
    out->issued_at = 0;
    for (unsigned i = 0; i < TIME_BYTES; i++) {
        out->issued_at = out->issued_at << 8 | bytes[SS_SESSION_ID_BYTES + i];
    }
    return out->issued_at <= now_s + SS_COOKIE_SKEW_S && out->issued_at + ttl_s > now_s;
}

/* The next name=value of a Cookie header (RFC 6265 section 4.2.1); false at its end. */
static bool next_cookie(ss_span_t *rest, ss_span_t *name, ss_span_t *value) {
    while (rest->len != 0 && (*rest->ptr == ' ' || *rest->ptr == '\t' || *rest->ptr == ';')) {
        rest->ptr++;
        rest->len--;
    }
    if (rest->len == 0) {
        return false;
    }
    const char *end = memchr(rest->ptr, ';', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    const char *equals = memchr(rest->ptr, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - rest->ptr);
    *name = (ss_span_t){rest->ptr, name_len};
    *value = equals == NULL ? (ss_span_t){rest->ptr + len, 0}
                            : (ss_span_t){equals + 1, len - name_len - 1};
    while (value->len != 0 &&
           (value->ptr[value->len - 1] == ' ' || value->ptr[value->len - 1] == '\t')) {
        value->len--;
    }
    rest->ptr += len;
    rest->len -= len;
    return true;
}

static bool is(ss_span_t span, const char *text) {
    return span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

bool ss_cookie_find(ss_cookie_t *out, ss_reader_t headers, bool tls, const uint8_t *secret,
                    uint64_t now_s, uint64_t ttl_s) {
    ss_link_pair_t header;
    while (ss_link_next_pair(&headers, &header)) {
        if (header.name.len != 6 || strncasecmp(header.name.ptr, "cookie", 6) != 0) {
            continue;
        }
        ss_span_t name;
        ss_span_t value;
        while (next_cookie(&header.value, &name, &value)) {
            if (is(name, cookie_name(tls)) &&
                ss_cookie_verify(out, value.ptr, value.len, secret, now_s, ttl_s)) {
                return true;
            }
        }
    }
    return false;
}

void ss_cookie_header(char *out, const ss_cookie_t *cookie, bool tls, const uint8_t *secret,
                      uint64_t ttl_s) {
    char text[SS_COOKIE_TEXT + 1];
    ss_cookie_make(text, cookie, secret);
    snprintf(out, SS_COOKIE_HEADER_MAX, "%s=%s; Path=/; Max-Age=%llu; HttpOnly; SameSite=Lax%s",
             cookie_name(tls), text, (unsigned long long)ttl_s, tls ? "; Secure" : "");
}
