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
#include "nginx_server.h"

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

static void write_process(const ss_nginx_conf_t *conf, bool with_module, FILE *out) {
    int64_t workers = ss_config_integer(conf->config, "nginx.workers");

    fputs("# Written by `socketstream start` each time it starts: changes here are lost.\n"
          "daemon off;\n"
          "master_process on;\n"
          "pid nginx.pid;\n"
          "error_log logs/error.log notice;\n",
          out);
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

static void write_http(FILE *out) {
    fputs("http {\n"
          "    server_tokens off;\n"
          "    sendfile on;\n"
          "    tcp_nopush on;\n"
          "    access_log logs/access.log;\n",
          out);
    for (size_t i = 0; i < sizeof(temp_paths) / sizeof(temp_paths[0]); i++) {
        fprintf(out, "    %s_temp_path tmp/%s;\n", temp_paths[i], temp_paths[i]);
    }
    fputc('\n', out);
}

void ss_nginx_conf_write(const ss_nginx_conf_t *conf, FILE *out) {
    write_process(conf, true, out);
    write_http(out);
    write_types(out);
    write_limits(conf, out);
    ss_nginx_browsers_map(conf, out);
    fputs("    upstream sidecars {\n        ", out);
    ss_nginx_directive(out, "server", "unix:", conf->socket);
    fputs("    }\n\n", out);
    if (conf->http_socket != NULL) {
        ss_nginx_middleware_upstream(conf, out);
    }
    ss_nginx_server(conf, out);
    fputs("}\n", out);
}

void ss_nginx_conf_write_balancer(const ss_nginx_conf_t *conf, FILE *out) {
    write_process(conf, false, out);
    write_http(out);
    fputs("    upstream nodes {\n", out);
    for (unsigned i = 0; i < conf->n_nodes; i++) {
        fprintf(out, "        server 127.0.0.1:%d;\n", conf->first_node_port + (int)i);
    }
    fputs("        keepalive 16;\n"
          "    }\n\n"
          "    map $http_upgrade $connection_upgrade {\n"
          "        default upgrade;\n"
          "        ''      '';\n"
          "    }\n\n",
          out);
    fputs("    server {\n", out);
    ss_nginx_listen(conf, out);
    /* The nodes look after silent clients and the size of what they get. */
    fputs("        client_max_body_size 0;\n\n"
          "        location / {\n"
          "            proxy_pass http://nodes;\n"
          "            proxy_http_version 1.1;\n"
          "            proxy_read_timeout 1d;\n"
          "            proxy_set_header Host $http_host;\n"
          "            proxy_set_header Upgrade $http_upgrade;\n"
          "            proxy_set_header Connection $connection_upgrade;\n"
          "            proxy_set_header X-Forwarded-For $remote_addr;\n"
          "            proxy_set_header X-Forwarded-Proto $scheme;\n"
          "        }\n"
          "    }\n"
          "}\n",
          out);
}
