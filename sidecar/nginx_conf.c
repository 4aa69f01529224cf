/* SPDX-License-Identifier: MIT
 *
 * The generated nginx.conf: see nginx_conf.h for the contract.
 *
 * Every word that comes from outside goes through ss_nginx_quote() into quotes, so that no path or
 * configured value can become a directive.
 */
#include "nginx_conf.h"

#include <inttypes.h>
#include <string.h>

#include "nginx_browsers.h"
#include "nginx_middleware.h"
#include "nginx_pages.h"
#include "nginx_server.h"
#include "nginx_tls.h"

#define POST_EXTRA (64 << 10) /* the module's own, over max_message */

/* nginx without a packaged mime.types serves the same types on every machine. */
static const char *const types[][2] = {
    {"text/html", "html htm"},
    {"text/css", "css"},
    {"text/javascript", "js mjs"},
    {"text/plain", "txt"},
    {"text/markdown", "md"},
    {"text/csv", "csv"},
    {"text/vtt", "vtt"},
    {"text/xml", "xml"},
    {"application/json", "json map"},
    {"application/manifest+json", "webmanifest"},
    {"application/wasm", "wasm"},
    {"application/pdf", "pdf"},
    {"application/zip", "zip"},
    {"application/rss+xml", "rss"},
    {"application/atom+xml", "atom"},
    {"image/svg+xml", "svg svgz"},
    {"image/png", "png"},
    {"image/jpeg", "jpg jpeg"},
    {"image/gif", "gif"},
    {"image/webp", "webp"},
    {"image/avif", "avif"},
    {"image/bmp", "bmp"},
    {"image/x-icon", "ico"},
    {"font/woff", "woff"},
    {"font/woff2", "woff2"},
    {"font/ttf", "ttf"},
    {"font/otf", "otf"},
    {"application/vnd.ms-fontobject", "eot"},
    {"audio/mpeg", "mp3"},
    {"audio/ogg", "ogg oga"},
    {"audio/wav", "wav"},
    {"audio/mp4", "m4a"},
    {"video/mp4", "mp4 m4v"},
    {"video/webm", "webm"},
    {"video/quicktime", "mov"},
};

static const char *const temp_paths[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};

/* A file of nginx's own, in the run folder. */
static void write_file(const ss_nginx_conf_t *conf, FILE *out, const char *name, const char *file,
                       const char *rest) {
    fprintf(out, "%s \"", name);
    if (conf->base != NULL) {
        ss_nginx_quote(out, conf->base);
        fputc('/', out);
    }
    fprintf(out, "%s\"%s;\n", file, rest);
}

/* Whoever starts an nginx of their own says how, and where its pid file is. */
static void write_process(const ss_nginx_conf_t *conf, bool with_module, FILE *out) {
    int64_t workers = ss_config_integer(conf->config, "nginx.workers");

    if (conf->base == NULL) {
        fputs("# Written by `socketstream start` each time it starts: changes here are lost.\n"
              "daemon off;\n"
              "master_process on;\n",
              out);
        write_file(conf, out, "pid", "nginx.pid", "");
    }
    write_file(conf, out, "error_log", "logs/error.log", " notice");
    if (with_module) {
        ss_nginx_directive(out, "load_module", "", conf->module);
    }
    if (conf->user != NULL) {
        ss_nginx_directive(out, "user", "", conf->user);
    }
    if (workers == 0) {
        fputs("worker_processes auto;\n", out);
    } else {
        fprintf(out, "worker_processes %" PRId64 ";\n", workers);
    }
    /* Calls may take as long as an action may; then an old worker has no reason left to stay. */
    fprintf(out, "worker_shutdown_timeout %.0fs;\n",
            1 + ss_config_number(conf->config, "action_timeout") +
                ss_config_number(conf->config, "nginx.drain_time"));
    fprintf(out, "\nevents {\n    worker_connections %u;\n}\n\n", conf->connections);
}

static void write_types(FILE *out) {
    fputs("    types {\n", out);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        fprintf(out, "        %s %s;\n", types[i][0], types[i][1]);
    }
    fputs("    }\n"
          "    default_type application/octet-stream;\n"
          "    charset utf-8;\n"
          "    charset_types text/css text/javascript text/plain text/markdown text/csv\n"
          "                  text/vtt text/xml;\n\n",
          out);
}

static void write_limits(const ss_nginx_conf_t *conf, FILE *out) {
    static const char *const sizes[] = {"max_message", "max_queue", "max_inflight"};
    static const char *const times[] = {"ping_interval", "pong_timeout", "link_timeout",
                                        "drain_time"};
    const json_t *origins = ss_config_get(conf->config, "nginx.origins");
    const json_t *origin;
    char key[64];
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(key, sizeof(key), "nginx.%s", sizes[i]);
        fprintf(out, "    socketstream_%s %" PRId64 ";\n", sizes[i],
                ss_config_integer(conf->config, key));
    }
    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        double seconds;

        snprintf(key, sizeof(key), "nginx.%s", times[i]);
        seconds = ss_config_number(conf->config, key);
        if (seconds == 0 && strcmp(times[i], "ping_interval") == 0) {
            seconds = ss_config_number(conf->config, "client.heartbeat_interval");
        }
        fprintf(out, "    socketstream_%s %.0fms;\n", times[i], 1000 * seconds);
    }
    if (json_array_size(origins) != 0) {
        fputs("    socketstream_origins", out);
        json_array_foreach(origins, i, origin) {
            fputs(" \"", out);
            ss_nginx_quote(out, json_string_value(origin));
            fputc('"', out);
        }
        fputs(";\n", out);
    }
    if (ss_config_boolean(conf->config, "limiter.enabled")) {
        fprintf(out, "    socketstream_rate %" PRId64 "r/s burst=%" PRId64 ";\n",
                ss_config_integer(conf->config, "limiter.websockets.rps"),
                ss_config_integer(conf->config, "limiter.websockets.burst"));
    }
    /* A POST to an event stream may hold small messages beside the largest one. */
    fprintf(out, "    client_max_body_size %" PRId64 ";\n\n",
            ss_config_integer(conf->config, "nginx.max_message") + POST_EXTRA);
}

/* Redirects name no host, scheme and port: behind a balancer ours are not the client's. */
static void write_http(const ss_nginx_conf_t *conf, FILE *out) {
    char name[64];
    char file[64];

    fputs("http {\n"
          "    server_tokens off;\n"
          "    absolute_redirect off;\n"
          "    sendfile on;\n"
          "    tcp_nopush on;\n",
          out);
    write_file(conf, out, "    access_log", "logs/access.log", "");
    for (size_t i = 0; i < sizeof(temp_paths) / sizeof(temp_paths[0]); i++) {
        snprintf(name, sizeof(name), "    %s_temp_path", temp_paths[i]);
        snprintf(file, sizeof(file), "tmp/%s", temp_paths[i]);
        write_file(conf, out, name, file, "");
    }
    fputc('\n', out);
}

/* By what scheme a node's client came to the balancer: that, on this machine, is believed. */
static void write_scheme(const ss_nginx_conf_t *conf, FILE *out) {
    if (conf->n_nodes != 0) {
        fputs("    geo $realip_remote_addr $ss_from_balancer {\n"
              "        default   0;\n"
              "        127.0.0.1 1;\n"
              "    }\n\n"
              "    map $ss_from_balancer:$http_x_forwarded_proto $ss_client_scheme {\n"
              "        default \"\";\n"
              "        1:https https;\n"
              "        1:http  http;\n"
              "    }\n\n",
              out);
    }
}

void ss_nginx_conf_write(const ss_nginx_conf_t *conf, FILE *out) {
    write_process(conf, true, out);
    write_http(conf, out);
    write_types(out);
    write_limits(conf, out);
    write_scheme(conf, out);
    ss_nginx_browsers_map(conf, out);
    ss_nginx_pages_map(out);
    ss_nginx_tls_map(conf, out);
    fputs("    upstream sidecars {\n        ", out);
    ss_nginx_directive(out, "server", "unix:", conf->socket);
    fputs("    }\n\n", out);
    if (conf->http_socket != NULL) {
        ss_nginx_middleware_upstream(conf, out);
    }
    ss_nginx_servers(conf, out);
    fputs("}\n", out);
}

/* --- the balancer ---------------------------------------------------------------------------- */

static void write_proxy(FILE *out) {
    fputs("    map $http_upgrade $connection_upgrade {\n"
          "        default upgrade;\n"
          "        ''      '';\n"
          "    }\n\n"
          "    proxy_http_version 1.1;\n"
          "    proxy_read_timeout 1d;\n"
          "    proxy_set_header Host $http_host;\n"
          "    proxy_set_header Upgrade $http_upgrade;\n"
          "    proxy_set_header Connection $connection_upgrade;\n"
          "    proxy_set_header X-Forwarded-For $remote_addr;\n"
          "    proxy_set_header X-Forwarded-Proto $scheme;\n"
          /* The nodes look after silent clients and the size of what they get. */
          "    client_max_body_size 0;\n\n",
          out);
}

static void pass_on(FILE *out, const char *modifier, const char *path, const char *behind) {
    ss_nginx_location(out, modifier, path, behind);
    fputs("            proxy_pass http://nodes;\n"
          "        }\n\n",
          out);
}

static void balance_rest(const ss_nginx_conf_t *conf, FILE *out) {
    ss_nginx_location(out, "", "", "");
    fputs("            proxy_pass http://nodes;\n", out);
    ss_nginx_pages_use(SS_NGINX_PAGES_AWAY, out);
    fputs("        }\n\n", out);
    ss_nginx_pages(conf, SS_NGINX_PAGES_AWAY, out);
}

static void balance_api(const ss_nginx_conf_t *conf, FILE *out) {
    const char *prefix = ss_config_string(conf->config, "api.prefix");

    if (ss_config_boolean(conf->config, "api.enabled")) {
        pass_on(out, "=", prefix, "");
        pass_on(out, "", prefix, "/");
    }
}

static void balance_kept(const ss_nginx_conf_t *conf, FILE *out) {
    (void)conf;
    pass_on(out, "=", "socketstream/status", "");
    pass_on(out, "^~", SS_NGINX_ACME, "/");
}

void ss_nginx_conf_write_balancer(const ss_nginx_conf_t *conf, FILE *out) {
    static const ss_nginx_body_t body = {balance_rest, balance_api, balance_kept};

    write_process(conf, false, out);
    write_http(conf, out);
    write_types(out);
    ss_nginx_pages_map(out);
    ss_nginx_tls_map(conf, out);
    fputs("    upstream nodes {\n", out);
    for (unsigned i = 0; i < conf->n_nodes; i++) {
        fprintf(out, "        server 127.0.0.1:%d;\n", conf->first_node_port + (int)i);
    }
    fputs("        keepalive 16;\n"
          "    }\n\n",
          out);
    write_proxy(out);
    ss_nginx_tls_servers(conf, &body, out);
    fputs("}\n", out);
}
