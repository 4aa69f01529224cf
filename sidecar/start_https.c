/* SPDX-License-Identifier: MIT
 *
 * The certificate that `socketstream start` serves with, and the address it does so at: see
 * start.h.
 */
#include "start.h"

#include <string.h>

#include "bounds.h"
#include "programs.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443

#define complain ss_start_complain

static bool enabled(const ss_start_t *start) {
    return ss_config_boolean(start->config, "https.enabled");
}

/* Warnings come one a line. */
static void tell(ss_buf_t *warning) {
    char *rest = NULL;

    if (warning->len != 0) {
        ss_buf_append(warning, "", 1);
        for (char *line = strtok_r(warning->data, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            complain("%s", line);
        }
    }
}

static bool open_https(ss_https_t *https, const ss_start_t *start) {
    ss_buf_t warning = {0};
    ss_buf_t error = {0};
    bool ok = ss_https_open(https, start->config, start->app, &warning, &error);

    tell(&warning);
    if (!ok) {
        complain("%s", ss_buf_string(&error));
    }
    ss_buf_free(&warning);
    ss_buf_free(&error);
    return ok;
}

bool ss_start_open_https(ss_start_t *start) {
    return !enabled(start) || open_https(&start->https, start);
}

bool ss_start_has_http2_directive(const ss_start_t *start) {
    char *const argv[] = {(char *)"nginx", (char *)"-v", NULL};
    ss_buf_t said = {0};
    int version[3];
    bool is_new = enabled(start) && ss_config_boolean(start->config, "https.http2") &&
                  ss_program_run(start->nginx_binary, argv, SS_PROGRAM_VERSION_MS, &said) == 0 &&
                  ss_program_version(ss_buf_string(&said), version) &&
                  ss_program_is_new(version, "1.25.1");

    ss_buf_free(&said);
    return is_new;
}

bool ss_start_renew_https(ss_start_t *start) {
    ss_https_t fresh = {0};

    if (!enabled(start)) {
        return true;
    }
    if (!open_https(&fresh, start)) {
        return complain("the former certificate stays in use");
    }
    ss_https_close(&start->https);
    start->https = fresh;
    return ss_start_write_confs(start);
}

/* An address that a client on this machine can connect to. */
static const char *reachable(const char *host) {
    if (strcmp(host, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(host, "::") == 0 ? "::1" : host;
}

void ss_start_url(const ss_start_t *start, const char *host, char *out) {
    const char *scheme = enabled(start) ? "https" : "http";
    const char *domain = enabled(start) ? ss_config_string(start->config, "https.domain") : "";
    char key[32];
    char port[16] = "";
    int number;
    bool brackets;

    snprintf(key, sizeof(key), "%s.hostname", scheme);
    if (host == NULL) {
        host = domain[0] != '\0' ? domain : reachable(ss_config_string(start->config, key));
    }
    brackets = strchr(host, ':') != NULL && host[0] != '[';
    snprintf(key, sizeof(key), "%s.port", scheme);
    number = (int)ss_config_integer(start->config, key);
    if (number != (enabled(start) ? HTTPS_PORT : HTTP_PORT)) {
        snprintf(port, sizeof(port), ":%d", number);
    }
    snprintf(out, SS_START_URL_MAX, "%s://%s%s%s%s/", scheme, brackets ? "[" : "", host,
             brackets ? "]" : "", port);
}
