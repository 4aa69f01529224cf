/* SPDX-License-Identifier: MIT
 *
 * Random numbers as short texts: session ids, tickets, the cookie's secret, node ids.
 *
 * The text is base64url without padding (RFC 4648 section 5), and the only one of its bytes: what
 * decodes is what would be encoded.
 */
#ifndef SS_TOKEN_H
#define SS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that `n` bytes take. */
#define SS_TOKEN_TEXT(n) (((n)*4 + 2) / 3)

/* Fills `out` with bytes that nobody can guess. */
void ss_token_random(void *out, size_t n);

/* Writes SS_TOKEN_TEXT(n) characters and a NUL. */
void ss_token_encode(char *out, const void *bytes, size_t n);

/* Reads exactly `n` bytes.  false, with `out` undefined, when the text is not theirs. */
bool ss_token_decode(void *out, size_t n, const char *text, size_t len);

#endif
