/* SPDX-License-Identifier: MIT
 *
 * Making what a certificate needs: keys, requests, self-signed certificates.
 *
 * Owns how strong they are and what they say.  A key is its owner's only from its first byte on,
 * and no key that exists is ever written over.  All tell one line in `error` when they return
 * false.
 */
#ifndef SS_CERT_MAKE_H
#define SS_CERT_MAKE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/bio.h>

#include "buf.h"

/* The names a certificate is for: ss_cert_is_host() of each is true.  At least one. */
typedef struct {
    const char *const *names;
    size_t count;
} ss_cert_names_t;

/* A key for P-256, mode 0600.  false when the file exists. */
bool ss_cert_make_key(const char *path, ss_buf_t *error);

/* A request (PKCS #10) signed with the key in the file `key`. */
bool ss_cert_make_request(const char *key, const ss_cert_names_t *names, const char *path,
                          ss_buf_t *error);

/* A certificate signed with its own key, good from an hour ago for SS_CERT_SELF_DAYS. */
bool ss_cert_make_self_signed(const char *key, const ss_cert_names_t *names, const char *path,
                              ss_buf_t *error);

/* Replaces the file by what is in `bio`, a BIO_s_mem(): whole or not at all. */
bool ss_cert_write_file(const char *path, BIO *bio, unsigned mode, ss_buf_t *error);

#endif
