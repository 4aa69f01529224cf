/* SPDX-License-Identifier: MIT
 *
 * The part of the generated nginx.conf by which every request but those of /socketstream goes to
 * the application's middleware first (docs/MIDDLEWARE.md).
 *
 * Owns how nginx asks, and what becomes of it when nobody answers.  Leaves to nginx_server.c what
 * serves a request that middleware has passed on: locations whose names a client cannot say.
 */
#ifndef SS_NGINX_MIDDLEWARE_H
#define SS_NGINX_MIDDLEWARE_H

#include "nginx_conf.h"

/* What hosts answer a request with that goes on: host/middleware.mjs names them, too. */
#define SS_NGINX_NEXT_API "@socketstream_api"
#define SS_NGINX_NEXT_ASSETS "@socketstream_assets"

/* For http{}: where the hosts are. */
void ss_nginx_middleware_upstream(const ss_nginx_conf_t *conf, FILE *out);

/* For server{}: the API, asked about in each server that has it, and what is said when nobody
 * answers. */
void ss_nginx_middleware_api(const ss_nginx_conf_t *conf, FILE *out);

/* For a server{} with the above: all URLs that have no location of their own. */
void ss_nginx_middleware_rest(const ss_nginx_conf_t *conf, FILE *out);

#endif
