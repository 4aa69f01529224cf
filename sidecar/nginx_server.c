/* SPDX-License-Identifier: MIT
 *
 * The server blocks of the generated nginx.conf: see nginx_server.h.
 */
#include "nginx_server.h"

#include <string.h>

#include "nginx_api.h"
#include "nginx_tls.h"
#include "nginx_browsers.h"
#include "nginx_middleware.h"
#include "nginx_pages.h"

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

void ss_nginx_location(FILE *out, const char *modifier, const char *path, const char *behind) {
    fprintf(out, "        location %s%s\"/", modifier, modifier[0] == '\0' ? "" : " ");
    ss_nginx_quote(out, path);
    fprintf(out, "%s\" {\n", behind);
}

/* A node's clients come through the balancer of this machine. */
static void write_realip(const ss_nginx_conf_t *conf, FILE *out) {
    if (conf->n_nodes != 0) {
        fputs("        set_real_ip_from 127.0.0.1;\n"
              "        real_ip_header X-Forwarded-For;\n"
              "        socketstream_scheme $ss_client_scheme;\n\n",
              out);
    }
}

/* Below its base the application is what it is at the root. */
static void write_base(const ss_nginx_conf_t *conf, FILE *out) {
    const char *base = ss_config_string(conf->config, "http.base");

    if (strcmp(base, "/") != 0) {
        fputs("        rewrite \"^", out);
        ss_nginx_quote(out, base);
        fputs("(.*)$\" \"/$1\";\n\n", out);
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
        ss_nginx_location(out, "", "", "");
        fputs("            ", out);
    }
    ss_nginx_directive(out, "socketstream_assets", "", conf->public_dir);
    ss_nginx_browsers_use(conf, out);
    ss_nginx_pages_use(SS_NGINX_PAGES_ERROR, out);
    fputs("        }\n\n", out);
    ss_nginx_pages(conf, SS_NGINX_PAGES_ERROR, out);
}

static void write_acme(const ss_nginx_conf_t *conf, FILE *out) {
    ss_nginx_location(out, "^~", SS_NGINX_ACME, "/");
    fputs("            socketstream_assets \"", out);
    ss_nginx_quote(out, conf->public_dir);
    fputs("/" SS_NGINX_ACME "\";\n"
          "        }\n\n",
          out);
}

static void write_rest(const ss_nginx_conf_t *conf, FILE *out) {
    write_realip(conf, out);
    write_base(conf, out);
    write_socket(out);
    write_status(out);
    ss_nginx_browsers_location(conf, out);
    if (conf->http_socket != NULL) {
        ss_nginx_middleware_rest(conf, out);
    }
    write_assets(conf, out);
}

/* Monitors on this machine, and authorities that look at what an ACME client has put there, are not
 * sent elsewhere. */
static void write_kept(const ss_nginx_conf_t *conf, FILE *out) {
    write_status(out);
    write_acme(conf, out);
}

void ss_nginx_servers(const ss_nginx_conf_t *conf, FILE *out) {
    static const ss_nginx_body_t body = {write_rest, ss_nginx_api, write_kept};

    ss_nginx_tls_servers(conf, &body, out);
}
