/* SPDX-License-Identifier: MIT
 *
 * The nginx.conf that `socketstream start` runs nginx with.
 *
 * Owns the text of the file.  Leaves to others: where nginx, its module and the folders are, and
 * that they exist.  Whoever wants to know what to put into an nginx of their own finds the short
 * form in conf_examples/.
 */
#ifndef SS_NGINX_CONF_H
#define SS_NGINX_CONF_H

#include "config.h"
#include "https.h"

#include <stdio.h>

typedef struct {
    const ss_config_t *config;
    const ss_https_t *https; /* NULL: plain HTTP only, as nodes behind a balancer have it */
    bool http2_directive;    /* nginx is 1.25.1 or newer: `http2 on`, and not in `listen` */
    const char *base;        /* NULL: for `start`, with names relative to nginx's prefix (-p); else
                                for an nginx of the user's own, with names below this folder */
    const char *module;      /* path of ngx_http_socketstream_module.so */
    const char *public_dir;  /* what `location /` serves; need not exist */
    const char *static_dir;  /* the application's pages for failures; need not exist */
    const char *socket;      /* the sidecar's; not the balancer's business */
    const char *http_socket; /* where middleware is; NULL: there is none */
    const char *host;        /* where to listen */
    int port;
    const char *user;     /* whose the workers are; NULL leaves it to nginx */
    unsigned connections; /* for each worker */
    unsigned n_nodes;     /* behind a balancer of ours; 0: there is none */
    int first_node_port;  /* the first of n_nodes */
} ss_nginx_conf_t;

/* Writes the configuration; without a `base` nginx must be started with the run folder as its
 * prefix (-p), since pid file, logs and temporary files are named relative to it.  Write errors
 * stay with `out`. */
void ss_nginx_conf_write(const ss_nginx_conf_t *conf, FILE *out);

/* The same for the balancer in front of the nodes, which are on 127.0.0.1. */
void ss_nginx_conf_write_balancer(const ss_nginx_conf_t *conf, FILE *out);

#endif
