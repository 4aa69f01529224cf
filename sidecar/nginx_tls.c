/* SPDX-License-Identifier: MIT
 *
 * See nginx_tls.h.
 *
 * A redirect keeps method and body: 308, which browsers remember.  With a self-signed certificate
 * it is 307, which they forget: else https:// of a machine's "localhost" would outlast the day it
 * was tried.
 */
#include "nginx_tls.h"

#include <inttypes.h>
#include <string.h>

#include "nginx_server.h"

#define HTTPS_PORT 443

static void write_listen(const char *host, int port, const char *rest, FILE *out) {
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';

    fprintf(out, "        listen \"%s", brackets ? "[" : "");
    ss_nginx_quote(out, host);
    fprintf(out, "%s:%d\"%s;\n", brackets ? "]" : "", port, rest);
}

/* The name that others are redirected to, or NULL. */
static const char *only_domain(const ss_nginx_conf_t *conf) {
    const char *domain = ss_config_string(conf->config, "https.domain");

    return domain[0] != '\0' && ss_config_boolean(conf->config, "https.ensure_domain") ? domain
                                                                                       : NULL;
}

/* By which name a server is found, and what $host is for those that name none, as HTTP/1.0 may. */
static void write_name(const ss_nginx_conf_t *conf, FILE *out) {
    const char *domain = ss_config_string(conf->config, "https.domain");

    fprintf(out, "        server_name \"%s\";\n\n", domain[0] == '\0' ? "localhost" : domain);
}

static void write_return(const ss_nginx_conf_t *conf, FILE *out) {
    int64_t port = ss_config_integer(conf->config, "https.port");
    const char *domain = only_domain(conf);

    fprintf(out, "            return %d https://%s", conf->https->trusted ? 308 : 307,
            domain == NULL ? "$host" : domain);
    if (port != HTTPS_PORT) {
        fprintf(out, ":%" PRId64, port);
    }
    fputs("$request_uri;\n", out);
}

static void write_redirect(const ss_nginx_conf_t *conf, FILE *out) {
    ss_nginx_location(out, "", "", "");
    write_return(conf, out);
    fputs("        }\n", out);
}

/* With api.https_only the API is no exception from the redirect; where there is none, the sidecar
 * refuses what comes by plain HTTP. */
static void write_plain(const ss_nginx_conf_t *conf, const ss_nginx_body_t *body, FILE *out) {
    bool https = conf->https != NULL;
    bool redirect = https && ss_config_boolean(conf->config, "https.redirect_http");

    fputs("    server {\n", out);
    write_listen(conf->host, conf->port, "", out);
    if (https) {
        write_name(conf, out);
    } else {
        fputc('\n', out);
    }
    if (!redirect || !ss_config_boolean(conf->config, "api.https_only")) {
        body->api(conf, out);
    }
    if (redirect) {
        body->kept(conf, out);
        write_redirect(conf, out);
    } else {
        body->rest(conf, out);
    }
    fputs("    }\n", out);
}

/* nginx's own choice of ciphers.  Sessions are resumed from shared memory, not from tickets: their
 * key would be one for as long as nginx runs (before 1.23.2), and who got it could read what was
 * recorded until then. */
static void write_tls(const ss_nginx_conf_t *conf, const char *rest, FILE *out) {
    bool http2 = ss_config_boolean(conf->config, "https.http2");
    char how[64];

    snprintf(how, sizeof(how), " ssl%s%s", http2 && !conf->http2_directive ? " http2" : "", rest);
    write_listen(ss_config_string(conf->config, "https.hostname"),
                 (int)ss_config_integer(conf->config, "https.port"), how, out);
    if (http2 && conf->http2_directive) {
        fputs("        http2 on;\n", out);
    }
    fputs("        ", out);
    ss_nginx_directive(out, "ssl_certificate", "", conf->https->cert_file);
    fputs("        ", out);
    ss_nginx_directive(out, "ssl_certificate_key", "", conf->https->key_file);
    fputs("        ssl_protocols TLSv1.2 TLSv1.3;\n"
          "        ssl_session_cache shared:ss_tls:10m;\n"
          "        ssl_session_timeout 1h;\n"
          "        ssl_session_tickets off;\n\n",
          out);
}

/* RFC 6797.  Browsers that were told so once refuse a self-signed certificate without a way
 * around it. */
static int64_t hsts_seconds(const ss_nginx_conf_t *conf) {
    return conf->https != NULL && conf->https->trusted
               ? ss_config_integer(conf->config, "https.hsts")
               : 0;
}

static void write_hsts(const ss_nginx_conf_t *conf, FILE *out) {
    int64_t seconds = hsts_seconds(conf);

    if (seconds != 0) {
        fprintf(out, "        add_header Strict-Transport-Security max-age=%" PRId64 " always;\n\n",
                seconds);
    }
}

/* Locations are the same with TLS and without, where it must not be sent. */
void ss_nginx_tls_map(const ss_nginx_conf_t *conf, FILE *out) {
    int64_t seconds = hsts_seconds(conf);

    if (seconds != 0) {
        fprintf(out,
                "    map $https $socketstream_hsts {\n"
                "        default \"\";\n"
                "        on max-age=%" PRId64 ";\n"
                "    }\n\n",
                seconds);
    }
}

void ss_nginx_tls_repeat_hsts(const ss_nginx_conf_t *conf, FILE *out) {
    if (hsts_seconds(conf) != 0) {
        fputs("            add_header Strict-Transport-Security $socketstream_hsts always;\n", out);
    }
}

static void write_secure(const ss_nginx_conf_t *conf, const ss_nginx_body_t *body, FILE *out) {
    fputs("\n    server {\n", out);
    write_tls(conf, "", out);
    write_name(conf, out);
    write_hsts(conf, out);
    body->api(conf, out);
    body->rest(conf, out);
    fputs("    }\n", out);
}

/* Whoever asks for another name. */
static void write_other_names(const ss_nginx_conf_t *conf, const ss_nginx_body_t *body, FILE *out) {
    fputs("\n    server {\n", out);
    write_tls(conf, " default_server", out);
    write_hsts(conf, out);
    body->api(conf, out);
    body->kept(conf, out);
    write_redirect(conf, out);
    fputs("    }\n", out);
}

void ss_nginx_tls_servers(const ss_nginx_conf_t *conf, const ss_nginx_body_t *body, FILE *out) {
    write_plain(conf, body, out);
    if (conf->https != NULL) {
        write_secure(conf, body, out);
        if (only_domain(conf) != NULL) {
            write_other_names(conf, body, out);
        }
    }
}
