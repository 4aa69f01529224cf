/* SPDX-License-Identifier: MIT
 *
 * Which certificate an application has, and whether it may be served with it.
 *
 * Owns the choice: the files of https.cert_name below config/ssl_certs/, else one of our own making
 * in .socketstream/ssl/, which is made anew when it no longer fits; and how strict an environment
 * is: what browsers would refuse ends a start in production and is told elsewhere.
 */
#ifndef SS_HTTPS_H
#define SS_HTTPS_H

#include "certs.h"
#include "config.h"

/* All zero before the first use. */
typedef struct {
    ss_cert_t *cert;
    ss_cert_files_t files;            /* relative to the application */
    bool made_here;                   /* the files are in .socketstream/ssl/, not below config/ */
    bool trusted;                     /* not self-signed */
    char cert_file[SS_CERT_PATH_MAX]; /* with its chain, as nginx wants it; absolute */
    char key_file[SS_CERT_PATH_MAX];
} ss_https_t;

/* Finds, or makes, the certificate of the application at `app_dir`, which is absolute, and the
 * working directory.  false with a line in `error` when HTTPS cannot be offered; what is merely not
 * as it should be is told in `warning`, one line each, ended by newlines. */
bool ss_https_open(ss_https_t *https, const ss_config_t *config, const char *app_dir,
                   ss_buf_t *warning, ss_buf_t *error);

/* The same certificate for those that only look: nothing is made, and dates and names are not
 * judged.  false without an `error` when there is none. */
bool ss_https_look(ss_https_t *https, const ss_config_t *config, ss_buf_t *error);

/* false when browsers would refuse it now, or for https.domain; then `why` says it in a line. */
bool ss_https_is_usable(const ss_https_t *https, const ss_config_t *config, ss_buf_t *why);

void ss_https_close(ss_https_t *https);

/* How many names in `list` (room for SS_CERT_NAMES_MAX) a certificate of our own making is for:
 * https.domain, and what this machine is called by itself.  The texts last as
 * long as `config`, this machine's name until the process ends. */
size_t ss_https_own_names(const char **list, const ss_config_t *config);

#endif
