/* SPDX-License-Identifier: MIT
 *
 * See nginx_pages.h.
 *
 * Browsers that navigate ask for text/html; scripts, images and programs do not, and get the short
 * answer.  The status stays what it was, whether there is a page or not: try_files finds none for a
 * request that is to have none, and whether the file is there is seen at each request.
 */
#include "nginx_pages.h"

#include "nginx_server.h"
#include "nginx_tls.h"

typedef struct {
    int from; /* what nginx came to */
    int status;
    const char *folder; /* of the application's static/ */
} failure_t;

/* For a server that is away, 502 says too much: our clients know 503. */
static const failure_t failures[][2] = {
    [SS_NGINX_PAGES_ERROR] = {{404, 404, "error"}, {500, 500, "error"}},
    [SS_NGINX_PAGES_AWAY] = {{502, 503, "offline"}, {504, 504, "offline"}},
};

void ss_nginx_pages_map(FILE *out) {
    fputs("    map $request_method:$http_accept $socketstream_page {\n"
          "        default \"\";\n"
          "        \"~*^(?:GET|HEAD):.*text/html\" /index.html;\n"
          "    }\n\n",
          out);
}

void ss_nginx_pages_use(ss_nginx_pages_t pages, FILE *out) {
    for (size_t i = 0; i < 2; i++) {
        const failure_t *one = &failures[pages][i];

        fprintf(out, "            error_page %d =%d @socketstream_%d;\n", one->from, one->status,
                one->status);
    }
}

void ss_nginx_pages_short(const ss_nginx_conf_t *conf, const char *name, FILE *out) {
    fprintf(out,
            "        location %s {\n"
            "            default_type text/plain;\n"
            "            add_header Retry-After 1 always;\n",
            name);
    ss_nginx_tls_repeat_hsts(conf, out);
    fputs("            return 503 \"the application is not there, try again\\n\";\n"
          "        }\n\n",
          out);
}

/* What middleware has set stays, if it was asked. */
static void write_page(const ss_nginx_conf_t *conf, const failure_t *one, bool asked, FILE *out) {
    fprintf(out, "        location @socketstream_%d {\n            root \"", one->status);
    ss_nginx_quote(out, conf->static_dir);
    fprintf(out,
            "/%s\";\n"
            "            add_header Cache-Control no-store always;\n",
            one->folder);
    if (one->status == 503) {
        fputs("            add_header Retry-After 1 always;\n", out);
    }
    ss_nginx_tls_repeat_hsts(conf, out);
    if (asked) {
        fputs("            socketstream_middleware on;\n", out);
    }
    fputs("            try_files $socketstream_page ", out);
    if (one->status == 503) {
        fputs("@socketstream_away;\n", out);
    } else {
        fprintf(out, "=%d;\n", one->status);
    }
    fputs("        }\n\n", out);
}

void ss_nginx_pages(const ss_nginx_conf_t *conf, ss_nginx_pages_t pages, FILE *out) {
    bool asked = pages == SS_NGINX_PAGES_ERROR && conf->http_socket != NULL;

    for (size_t i = 0; i < 2; i++) {
        write_page(conf, &failures[pages][i], asked, out);
    }
    if (pages == SS_NGINX_PAGES_AWAY) {
        ss_nginx_pages_short(conf, "@socketstream_away", out);
    }
}
