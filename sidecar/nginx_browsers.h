/* SPDX-License-Identifier: MIT
 *
 * The browser check in the generated nginx.conf.
 */
#ifndef SS_NGINX_BROWSERS_H
#define SS_NGINX_BROWSERS_H

#include "nginx_conf.h"

/* In http{}: the map that says which User-Agents are refused; nothing when none are. */
void ss_nginx_browsers_map(const ss_nginx_conf_t *conf, FILE *out);

/* In a location of socketstream_assets: what they get instead. */
void ss_nginx_browsers_use(const ss_nginx_conf_t *conf, FILE *out);

/* Where a strict page sends a browser that turns out to have no WebSocket: the same, for all. */
void ss_nginx_browsers_location(const ss_nginx_conf_t *conf, FILE *out);

#endif
