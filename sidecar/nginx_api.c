/* SPDX-License-Identifier: MIT
 *
 * See nginx_api.h.  nginx itself refuses a body by its length, so what it then says is told here,
 * in the words that the module and the sidecar have for it.
 */
#include "nginx_api.h"

#include <inttypes.h>

#include "nginx_middleware.h"
#include "nginx_tls.h"
#include "ss_errors.h"

static void write_location(const ss_nginx_conf_t *conf, const char *how, const char *end,
                           FILE *out) {
    fprintf(out,
            "        location %s/%s%s {\n"
            "            socketstream_api sidecars;\n"
            "            client_max_body_size %" PRId64 "k;\n"
            "            error_page 413 @socketstream_api_413;\n"
            "        }\n\n",
            how, ss_config_string(conf->config, "api.prefix"), end,
            ss_config_integer(conf->config, "api.post_max_size_kb"));
}

void ss_nginx_api(const ss_nginx_conf_t *conf, FILE *out) {
    if (conf->http_socket != NULL) {
        ss_nginx_middleware_api(conf, out);
    }
    if (!ss_config_boolean(conf->config, "api.enabled")) {
        return;
    }
    if (conf->http_socket == NULL) {
        write_location(conf, "= ", "", out);
        write_location(conf, "", "/", out);
    }
    fputs("        location @socketstream_api_413 {\n"
          "            default_type application/json;\n"
          "            types { }\n"
          "            add_header Cache-Control no-store always;\n"
          "            add_header X-Content-Type-Options nosniff always;\n",
          out);
    ss_nginx_tls_repeat_hsts(conf, out);
    fprintf(out,
            "            return 413 '{\"error\":{\"code\":%d,\"message\":\"%s\"}}';\n"
            "        }\n\n",
            SS_RPC_TOO_LARGE, ss_rpc_error(SS_RPC_TOO_LARGE)->message);
}
