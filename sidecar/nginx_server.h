/* SPDX-License-Identifier: MIT
 *
 * The server blocks of the generated nginx.conf, and how anything is written into that file.
 *
 * Owns which URL goes where.  Leaves to nginx_conf.c what holds for all of them.
 */
#ifndef SS_NGINX_SERVER_H
#define SS_NGINX_SERVER_H

#include "nginx_conf.h"

/* `text` for between nginx's double quotes. */
void ss_nginx_quote(FILE *out, const char *text);

/* `name "prefixvalue";`, with the value quoted. */
void ss_nginx_directive(FILE *out, const char *name, const char *prefix, const char *value);

/* The first line of a location, `modifier "/<path><behind>" {`, with the path quoted. */
void ss_nginx_location(FILE *out, const char *modifier, const char *path, const char *behind);

/* All server blocks of a node. */
void ss_nginx_servers(const ss_nginx_conf_t *conf, FILE *out);

#endif
