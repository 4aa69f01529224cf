/* SPDX-License-Identifier: MIT
 *
 * The server blocks of the generated nginx.conf: see nginx_server.h.
 */
#include "nginx_server.h"

#include <string.h>

#include "nginx_api.h"
#include "nginx_browsers.h"
#include "nginx_middleware.h"

/* Inside nginx's double quotes only the quote and the backslash mean something. */
void ss_nginx_quote(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

void ss_nginx_directive(FILE *out, const char *name, const char *prefix, const char *value) {
    fprintf(out, "%s \"%s", name, prefix);
    ss_nginx_quote(out, value);
    fputs("\";\n", out);
}

void ss_nginx_listen(const ss_nginx_conf_t *conf, FILE *out) {
    bool brackets = strchr(conf->host, ':') != NULL && conf->host[0] != '[';

    fprintf(out, "        listen \"%s", brackets ? "[" : "");
    ss_nginx_quote(out, conf->host);
    fprintf(out, "%s:%d\";\n\n", brackets ? "]" : "", conf->port);
}

/* A node's clients come through the balancer of this machine. */
static void write_realip(const ss_nginx_conf_t *conf, FILE *out) {
    if (conf->n_nodes != 0) {
        fputs("        set_real_ip_from 127.0.0.1;\n"
              "        real_ip_header X-Forwarded-For;\n\n",
              out);
    }
}

static void write_socket(FILE *out) {
    fputs("        location = /socketstream {\n"
          "            socketstream_pass sidecars;\n"
          "        }\n\n",
          out);
}

static void write_status(FILE *out) {
    fputs("        location = /socketstream/status {\n"
          "            socketstream_status;\n"
          "            allow 127.0.0.1;\n"
          "            allow ::1;\n"
          "            deny all;\n"
          "            access_log off;\n"
          "        }\n\n",
          out);
}

static void write_assets(const ss_nginx_conf_t *conf, FILE *out) {
    if (conf->http_socket != NULL) {
        fputs("        location " SS_NGINX_NEXT_ASSETS " {\n"
              "            socketstream_middleware on;\n            ",
              out);
    } else {
        fputs("        location / {\n            ", out);
    }
    ss_nginx_directive(out, "socketstream_assets", "", conf->public_dir);
    ss_nginx_browsers_location(conf, out);
    fputs("        }\n", out);
}

void ss_nginx_server(const ss_nginx_conf_t *conf, FILE *out) {
    fputs("    server {\n", out);
    ss_nginx_listen(conf, out);
    write_realip(conf, out);
    write_socket(out);
    ss_nginx_api(conf, out);
    write_status(out);
    if (conf->http_socket != NULL) {
        ss_nginx_middleware_locations(conf, out);
    }
    write_assets(conf, out);
    fputs("    }\n", out);
}
