/* SPDX-License-Identifier: MIT
 *
 * Basic credentials: what was read is text, comes from the value's own base64, and reads the same
 * when it is written again.  Input: the value of an Authorization header.
 */
#include "fuzz.h"

#include <openssl/evp.h>

#include "api_auth.h"
#include "ss_utf8.h"

#define CREDENTIALS_VALUE_MAX (6 + SS_API_CREDENTIALS_MAX)

static void credentials_check_text(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
    }
    FUZZ_CHECK(ss_utf8_valid(text, len));
}

/* Only the last group may differ, by bits that stand for nothing. */
static void credentials_check_again(const ss_api_credentials_t *c, const char *value, size_t len) {
    static ss_api_credentials_t again;
    static char plain[SS_API_CREDENTIALS_TEXT];
    static char written[CREDENTIALS_VALUE_MAX + 1] = "Basic ";
    size_t n = (size_t)snprintf(plain, sizeof plain, "%s:%s", c->text, c->password);
    FUZZ_CHECK(n < sizeof plain);
    size_t coded = (size_t)EVP_EncodeBlock((uint8_t *)written + 6, (const uint8_t *)plain, (int)n);
    FUZZ_CHECK(coded >= 4 && coded <= SS_API_CREDENTIALS_MAX && coded <= len);
    FUZZ_CHECK(memcmp(written + 6, value + len - coded, coded - 4) == 0);

    ss_span_t span = {written, 6 + coded};
    FUZZ_CHECK(ss_api_credentials_read(&again, span) == SS_API_CREDENTIALS_GOOD);
    FUZZ_CHECK(strcmp(again.text, c->text) == 0 && strcmp(again.password, c->password) == 0);
}

int fuzz_credentials(const uint8_t *data, size_t size) {
    static ss_api_credentials_t c;
    ss_span_t value = {(const char *)data, size};
    ss_api_credentials_e found = ss_api_credentials_read(&c, value);
    FUZZ_CHECK(size >= 5 || found == SS_API_CREDENTIALS_NONE);
    if (found != SS_API_CREDENTIALS_GOOD) {
        return 0;
    }
    size_t user = strlen(c.text);
    FUZZ_CHECK(c.password == c.text + user + 1 && memchr(c.text, ':', user) == NULL);
    credentials_check_text(c.text, user);
    credentials_check_text(c.password, strlen(c.password));
    credentials_check_again(&c, value.ptr, size);
    return 0;
}
