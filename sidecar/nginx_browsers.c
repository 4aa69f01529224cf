/* SPDX-License-Identifier: MIT
 *
 * See nginx_browsers.h.  A map asks its patterns in their order, and the first that matches counts.
 */
#include "nginx_browsers.h"

#include "browser_rules.h"
#include "nginx_server.h"

static bool enabled(const ss_nginx_conf_t *conf) {
    return ss_config_boolean(conf->config, "browser_check.enabled");
}

void ss_nginx_browsers_map(const ss_nginx_conf_t *conf, FILE *out) {
    const json_t *rules = ss_config_get(conf->config, "browser_check.rules");
    bool strict = ss_config_boolean(conf->config, "browser_check.strict");
    ss_browser_rule_t rule;
    size_t at = 0;
    if (!enabled(conf)) {
        return;
    }
    fprintf(out,
            "    map $http_user_agent $socketstream_incompatible {\n"
            "        default %d;\n",
            strict);
    while (ss_browser_rules_next(rules, strict, &at, &rule)) {
        fputs("        \"~", out);
        ss_nginx_quote(out, rule.pattern);
        fprintf(out, "\" %d;\n", rule.refuse);
    }
    fputs("    }\n\n", out);
}

static void refuse(const ss_nginx_conf_t *conf, const char *whom, FILE *out) {
    fprintf(out, "            socketstream_incompatible %s \"", whom);
    ss_nginx_quote(out, conf->static_dir);
    fputs("/incompatible_browsers/index.html\";\n", out);
}

void ss_nginx_browsers_use(const ss_nginx_conf_t *conf, FILE *out) {
    if (enabled(conf)) {
        refuse(conf, "$socketstream_incompatible", out);
    }
}

void ss_nginx_browsers_location(const ss_nginx_conf_t *conf, FILE *out) {
    if (enabled(conf) && ss_config_boolean(conf->config, "browser_check.strict")) {
        ss_nginx_location(out, "=", "socketstream/incompatible", "");
        fputs("            ", out);
        ss_nginx_directive(out, "socketstream_assets", "", conf->public_dir);
        refuse(conf, "1", out);
        fputs("        }\n\n", out);
    }
}
