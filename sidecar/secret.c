/* SPDX-License-Identifier: MIT
 *
 * How actions compare secrets: see include/socketstream.h.
 */
#include "include/socketstream.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

/* By their digests, so that the length of what is expected does not show either. */
bool ss_equal_secret(const char *sent, const char *expected) {
    unsigned char a[SHA256_DIGEST_LENGTH];
    unsigned char b[SHA256_DIGEST_LENGTH];
    if (sent == NULL || expected == NULL) {
        return false;
    }
    SHA256((const unsigned char *)sent, strlen(sent), a);
    SHA256((const unsigned char *)expected, strlen(expected), b);
    return CRYPTO_memcmp(a, b, sizeof a) == 0;
}
