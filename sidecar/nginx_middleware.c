/* SPDX-License-Identifier: MIT
 *
 * See nginx_middleware.h.
 *
 * It is nginx that closes idle connections to a host, never the host: whoever waits for requests
 * must not be the one that hangs up, or a request may be lost on its way.  So a host that leaves
 * has lost its last connection keepalive_timeout after it ceased to accept.
 */
#include "nginx_middleware.h"

#include <inttypes.h>

#include "nginx_pages.h"
#include "nginx_server.h"

#define KEEPALIVE 64 /* idle connections of each worker */
#define KEEPALIVE_S 1
#define HEADERS_K 16 /* of one answer, status line included; a longer one is a 503 */

void ss_nginx_middleware_upstream(const ss_nginx_conf_t *conf, FILE *out) {
    fputs("    upstream middleware {\n        ", out);
    ss_nginx_directive(out, "server", "unix:", conf->http_socket);
    fprintf(out,
            "        keepalive %d;\n"
            "        keepalive_timeout %ds;\n"
            "    }\n\n",
            KEEPALIVE, KEEPALIVE_S);
}

/* Nodes of ours hear from their balancer how the client came. */
static void write_headers(const ss_nginx_conf_t *conf, FILE *out) {
    fprintf(out,
            "            proxy_set_header Connection \"\";\n"
            "            proxy_set_header Host $http_host;\n"
            "            proxy_set_header X-Forwarded-For $remote_addr;\n"
            "            proxy_set_header X-Forwarded-Host $http_host;\n"
            "            proxy_set_header X-Forwarded-Proto %s;\n",
            conf->n_nodes == 0 ? "$scheme" : "$ss_client_scheme");
}

static void write_limits(const ss_nginx_conf_t *conf, FILE *out) {
    double timeout_ms = 1000 * ss_config_number(conf->config, "action_timeout");

    fprintf(out,
            "            proxy_buffer_size %dk;\n"
            "            proxy_buffers 4 %dk;\n"
            "            proxy_read_timeout %.0fms;\n"
            "            proxy_send_timeout %.0fms;\n",
            HEADERS_K, HEADERS_K, timeout_ms, timeout_ms);
}

/* A location, to be ended by the caller.  Its path behind proxy_pass makes nginx ask about the URL
 * as it understands it, decoded and without "..", so that none is taken for more harmless than the
 * one that is served then.  Middleware may guard that, so nothing goes by when it is away.  What it
 * says of its own answer's type stays as it is. */
static void write_asking(const ss_nginx_conf_t *conf, const char *how, const char *path,
                         const char *end, FILE *out) {
    fprintf(out,
            "        location %s/%s%s {\n"
            "            proxy_pass http://middleware/%s%s;\n"
            "            proxy_http_version 1.1;\n"
            "            proxy_buffering off;\n"
            "            proxy_next_upstream off;\n"
            "            charset off;\n",
            how, path, end, path, end);
    write_limits(conf, out);
    write_headers(conf, out);
}

/* Its bodies have a limit of their own. */
static void write_api(const ss_nginx_conf_t *conf, const char *how, const char *end, FILE *out) {
    write_asking(conf, how, ss_config_string(conf->config, "api.prefix"), end, out);
    fprintf(out,
            "            client_max_body_size %" PRId64 "k;\n"
            "            error_page 413 @socketstream_api_413;\n"
            "            error_page 502 =503 @socketstream_api_away;\n"
            "        }\n\n",
            ss_config_integer(conf->config, "api.post_max_size_kb"));
}

void ss_nginx_middleware_api(const ss_nginx_conf_t *conf, FILE *out) {
    if (ss_config_boolean(conf->config, "api.enabled")) {
        write_api(conf, "= ", "", out);
        write_api(conf, "", "/", out);
        fprintf(out,
                "        location " SS_NGINX_NEXT_API " {\n"
                "            socketstream_middleware on;\n"
                "            socketstream_api sidecars prefix=/%s;\n"
                "        }\n\n",
                ss_config_string(conf->config, "api.prefix"));
        ss_nginx_pages_short(conf, "@socketstream_api_away", out);
    }
}

void ss_nginx_middleware_rest(const ss_nginx_conf_t *conf, FILE *out) {
    write_asking(conf, "", "", "", out);
    ss_nginx_pages_use(SS_NGINX_PAGES_AWAY, out);
    fputs("        }\n\n", out);
    ss_nginx_pages(conf, SS_NGINX_PAGES_AWAY, out);
}
