/* SPDX-License-Identifier: MIT
 *
 * Server blocks by scheme and name: who is served, and who is sent elsewhere.
 *
 * Owns listen directives, TLS, HSTS and redirects.  Leaves to its callers the locations, which are
 * others in a node than in the balancer before it.
 */
#ifndef SS_NGINX_TLS_H
#define SS_NGINX_TLS_H

#include "nginx_conf.h"

/* Where authorities look for the answer of an ACME client (RFC 8555 section 8.3). */
#define SS_NGINX_ACME ".well-known/acme-challenge"

typedef void (*ss_nginx_write_fn)(const ss_nginx_conf_t *conf, FILE *out);

/* The locations of a server, in three parts. */
typedef struct {
    ss_nginx_write_fn rest; /* what may be redirected: `location /` and all that is in no other */
    ss_nginx_write_fn api;  /* the HTTP API, which is left alone unless api.https_only */
    ss_nginx_write_fn kept; /* what is served by a server that redirects the rest */
} ss_nginx_body_t;

/* All servers: the plain one, and with HTTPS the other, and one for other names than its own. */
void ss_nginx_tls_servers(const ss_nginx_conf_t *conf, const ss_nginx_body_t *body, FILE *out);

/* In http{}: what the next one needs. */
void ss_nginx_tls_map(const ss_nginx_conf_t *conf, FILE *out);

/* HSTS for a location with an add_header of its own, which inherits none. */
void ss_nginx_tls_repeat_hsts(const ss_nginx_conf_t *conf, FILE *out);

#endif
