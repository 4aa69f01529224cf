/* SPDX-License-Identifier: MIT
 *
 * The application's own pages for failures in the generated nginx.conf: static/error/index.html for
 * what is missing or broken, static/offline/index.html when nobody is there who could answer.
 */
#ifndef SS_NGINX_PAGES_H
#define SS_NGINX_PAGES_H

#include "nginx_conf.h"

typedef enum {
    SS_NGINX_PAGES_ERROR, /* files: 404, 500 */
    SS_NGINX_PAGES_AWAY   /* a proxied server: 503 in place of 502, and 504 */
} ss_nginx_pages_t;

/* In http{}: who gets pages. */
void ss_nginx_pages_map(FILE *out);

/* In the location that may fail. */
void ss_nginx_pages_use(ss_nginx_pages_t pages, FILE *out);

/* In its server. */
void ss_nginx_pages(const ss_nginx_conf_t *conf, ss_nginx_pages_t pages, FILE *out);

/* The short answer alone, 503, as the named location `name`. */
void ss_nginx_pages_short(const ss_nginx_conf_t *conf, const char *name, FILE *out);

#endif
