/* SPDX-License-Identifier: MIT
 *
 * Certificates in files: reading them, and judging them before nginx has to.
 *
 * Owns the three names that a certificate has below config/ssl_certs/, what must be true of their
 * contents, and the order of a chain.  Leaves to others: which certificate an application uses
 * (https.h), and making one (cert_make.h).  A loaded certificate has the key that belongs to it.
 */
#ifndef SS_CERTS_H
#define SS_CERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define SS_CERTS_DIR "config/ssl_certs" /* below the application */
#define SS_CERT_PATH_MAX 4096
#define SS_CERT_DATE_MAX 11

/* <folder>/<name>.key.pem and so on; they need not exist. */
typedef struct {
    char key[SS_CERT_PATH_MAX];
    char cert[SS_CERT_PATH_MAX];
    char ca[SS_CERT_PATH_MAX]; /* certificates between `cert` and a root: optional */
    char csr[SS_CERT_PATH_MAX];
} ss_cert_files_t;

typedef struct ss_cert ss_cert_t;

typedef struct {
    ss_buf_t names;     /* "example.com, 192.0.2.1" */
    ss_buf_t issuer;    /* "CN=R11, O=Let's Encrypt, C=US" */
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    bool self_signed;
} ss_cert_info_t;

/* false with `error` when `name` is none for a file, or the whole is too long. */
bool ss_cert_files_name(ss_cert_files_t *files, const char *folder, const char *name,
                        ss_buf_t *error);

/* Reads certificate, key and chain.  NULL, with one line in `error` that names the file and the
 * remedy, when one cannot be read, is damaged or encrypted, is too weak for OpenSSL, or does not
 * belong to the others.  Dates are not judged here.  The caller owns the result. */
ss_cert_t *ss_cert_load(const ss_cert_files_t *files, ss_buf_t *error);

/* Takes NULL. */
void ss_cert_destroy(ss_cert_t *cert);

/* Lives as long as `cert`. */
const ss_cert_info_t *ss_cert_info(const ss_cert_t *cert);

/* Whether browsers take it for this name or address, wildcards included. */
bool ss_cert_is_for(const ss_cert_t *cert, const char *host);

/* Writes the certificate and those between it and the root, in this order, as nginx wants them:
 * whole or not at all. */
bool ss_cert_write_chain(const ss_cert_t *cert, const char *path, ss_buf_t *error);

/* Whether it is an IPv4 or IPv6 address. */
bool ss_cert_is_address(const char *host);

/* Whether a certificate can be for it: an address, or a name of letters, digits, hyphens and dots;
 * so it can stand in nginx's configuration as it is. */
bool ss_cert_is_host(const char *host);

/* Whole days from now on; negative when it is over. */
int ss_cert_days_left(const ss_cert_info_t *info);

/* "2027-01-31" (SS_CERT_DATE_MAX bytes). */
void ss_cert_date(char *out, int64_t time);

#endif
