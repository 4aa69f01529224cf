/* SPDX-License-Identifier: MIT
 *
 * Checks of the application itself: its configuration, its files, its certificate.  See doctor.h.
 */
#include "doctor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "api_options.h"
#include "app_dir.h"
#include "bounds.h"
#include "config_files.h"
#include "config_table.h"
#include "https.h"
#include "include/socketstream.h"
#include "log.h"
#include "packer.h"

#define HTTP_PORT 80
#define LOG_EVERYTHING 4 /* params and ids of sessions, too */

/* --- the configuration ----------------------------------------------------------------------- */

static void look_at_config(ss_doctor_t *d, ss_finding_t *f) {
    static const char remedy[] = "correct it there; docs/CONFIGURATION.md has every key";
    ss_api_options_t api;
    ss_log_format_t format;
    const char *name;

    if (d->config == NULL) {
        d->config_error[strcspn(d->config_error, "\n")] = '\0';
        ss_doctor_bad(f, SS_DOCTOR_ERROR, remedy, "%s", d->config_error);
        return;
    }
    name = ss_config_string(d->config, "log.format");
    if (!ss_api_options_read(&api, d->config, d->config_error)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, remedy, "%s", d->config_error);
    } else if (!ss_log_format(name, &format)) {
        ss_doctor_bad(f, SS_DOCTOR_ERROR, remedy, SS_LOG_FORMAT_REFUSED, name);
    } else {
        ss_doctor_good(f, "it loads, for %s", ss_config_env(d->config));
    }
}

static bool has_preset(const char *env) {
    bool found = false;

    for (size_t i = 0; i < ss_config_n_presets; i++) {
        found = found || strcmp(ss_config_presets[i].env, env) == 0;
    }
    return found;
}

/* A misspelt one has no preset, and silently runs as development does. */
static void look_at_environment(ss_doctor_t *d, ss_finding_t *f) {
    const char *env = ss_config_env(d->config);
    ss_config_file_t files[SS_CONFIG_FILES] = {0};
    ss_buf_t ignored = {0};

    ss_config_files_read(files, d->app, env, &ignored);
    if (has_preset(env) || files[1].name[0] != '\0') {
        ss_doctor_good(f, "%s", env);
    } else {
        ss_doctor_bad(f, SS_DOCTOR_WARNING,
                      "set SS_ENV to development, test, staging or production, or make the file",
                      "SS_ENV is \"%s\", which has neither settings of its own nor a file "
                      "config/environments/%s.*",
                      env, env);
    }
    ss_config_files_finish(files);
    ss_buf_free(&ignored);
}

/* One more, beside those that were found before. */
static void add_unsafe(ss_finding_t *f, const char *what, const char *remedy) {
    const char *separator = f->found.len == 0 ? "" : "; ";

    ss_doctor_bad(f, SS_DOCTOR_WARNING, separator, "%s%s", separator, what);
    ss_doctor_add_remedy(f, "%s", remedy);
}

static bool takes_any_origin(const ss_config_t *config) {
    const json_t *origins = ss_config_get(config, "nginx.origins");
    bool any = false;

    for (size_t i = 0; i < json_array_size(origins); i++) {
        any = any || strcmp(json_string_value(json_array_get(origins, i)), "any") == 0;
    }
    return any;
}

/* What is safe on a developer's machine alone. */
static void look_at_settings(ss_doctor_t *d, ss_finding_t *f) {
    if (!d->production) {
        ss_doctor_skip(f, "asked in production alone");
        return;
    }
    if (ss_config_boolean(d->config, "throw_errors")) {
        add_unsafe(f, "throw_errors shows stacks to callers", "set throw_errors to false");
    }
    if (ss_config_integer(d->config, "log.level") >= LOG_EVERYTHING) {
        add_unsafe(f, "log.level 4 writes params and sessions into the log",
                   "set log.level to 3 or less");
    }
    if (ss_config_boolean(d->config, "api.auth.basic.allow_http")) {
        add_unsafe(f, "api.auth.basic.allow_http takes passwords that anybody on the way can read",
                   "set api.auth.basic.allow_http to false");
    }
    if (takes_any_origin(d->config)) {
        add_unsafe(f, "nginx.origins lets pages of any site connect",
                   "name the sites in nginx.origins instead of \"any\"");
    }
    if (f->found.len == 0) {
        ss_doctor_good(f, "none is unsafe in production");
    }
}

/* --- secrets --------------------------------------------------------------------------------- */

static bool others_may_read(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

/* Whether it has a password in it; of a URL, before the @. */
static bool is_secret(const ss_config_t *config, const char *key) {
    const char *value = ss_config_string(config, key);
    const char *dot = strrchr(key, '.');

    return strcmp(dot, ".url") == 0 ? strchr(value, '@') != NULL : value[0] != '\0';
}

static void look_at_secrets(ss_doctor_t *d, ss_finding_t *f) {
    static const char *const keys[] = {"redis.password", "redis.url", "redis_pubsub.password",
                                       "redis_pubsub.url"};
    ss_cert_files_t files;
    ss_buf_t ignored = {0};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *origin = ss_config_origin(d->config, keys[i]);

        if (is_secret(d->config, keys[i]) && others_may_read(origin)) {
            ss_doctor_bad(f, SS_DOCTOR_WARNING, "", "%s holds %s, and everybody here may read it",
                          origin, keys[i]);
            ss_doctor_add_remedy(f, "chmod o= %s", origin);
            return;
        }
    }
    if (ss_cert_files_name(&files, SS_CERTS_DIR, ss_config_string(d->config, "https.cert_name"),
                           &ignored) &&
        others_may_read(files.key)) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "", "everybody here may read the key %s", files.key);
        ss_doctor_add_remedy(f, "chmod o= %s", files.key);
    } else {
        ss_doctor_good(f, "no file with a password or key may be read by everybody");
    }
    ss_buf_free(&ignored);
}

/* --- files ----------------------------------------------------------------------------------- */

static void look_at_actions(ss_doctor_t *d, ss_finding_t *f) {
    if (d->files_error.len != 0) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &d->files_error);
    } else {
        ss_doctor_good(f, "app/server: %zu in C, %zu in JavaScript or its like", d->files.c,
                       d->files.scripts);
    }
}

static void look_at_version(ss_doctor_t *d, ss_finding_t *f) {
    char last[SS_VERSION_MAX];
    ss_buf_t error = {0};

    if (!ss_app_dir_last_version(d->app, last)) {
        ss_doctor_skip(f, "it has not run here yet; this is SocketStream " SS_VERSION);
    } else if (!ss_app_dir_check_version(d->app, &error)) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &error);
    } else {
        ss_doctor_good(f, "it last ran with SocketStream %s; this is " SS_VERSION, last);
    }
    ss_buf_free(&error);
}

static void look_at_assets(ss_doctor_t *d, ss_finding_t *f) {
    ss_buf_t what = {0};
    ss_pack_state_t state;

    if (!ss_packer_needed(d->app)) {
        ss_doctor_skip(f, "there is no app/client or app/views to pack");
        return;
    }
    if (d->packs) {
        ss_doctor_skip(f, "`socketstream start` packs them, since pack_assets is false");
        return;
    }
    state = ss_packer_look(d->app, &what);
    if (state == SS_PACK_GOOD) {
        ss_doctor_good(f, "packed, and newer than what they were packed from");
    } else {
        ss_doctor_bad(f, state == SS_PACK_STALE ? SS_DOCTOR_WARNING : SS_DOCTOR_ERROR,
                      SS_PACK_REMEDY, "%s", ss_buf_string(&what));
    }
    ss_buf_free(&what);
}

/* --- HTTPS ----------------------------------------------------------------------------------- */

/* false, with a finding, when there is none to look at. */
static bool open_certificate(ss_doctor_t *d, ss_finding_t *f, ss_https_t *https) {
    ss_buf_t error = {0};
    bool there;

    if (!ss_config_boolean(d->config, "https.enabled")) {
        ss_doctor_skip(f, "https.enabled is false");
        return false;
    }
    there = ss_https_look(https, d->config, &error);
    if (error.len != 0) {
        ss_doctor_complaint(f, SS_DOCTOR_ERROR, &error);
    } else if (!there) {
        ss_doctor_bad(f, d->production ? SS_DOCTOR_WARNING : SS_DOCTOR_GOOD,
                      d->production ? "put one there: socketstream certs acme tells how" : "",
                      "there is none yet; `socketstream start` makes a self-signed one");
    }
    ss_buf_free(&error);
    return there;
}

/* Dates and names: what browsers would refuse ends a start in production. */
static void look_at_certificate(ss_doctor_t *d, ss_finding_t *f) {
    ss_https_t https = {0};
    ss_buf_t why = {0};
    const ss_cert_info_t *info;
    int days;

    if (!open_certificate(d, f, &https)) {
        return;
    }
    info = ss_cert_info(https.cert);
    days = ss_cert_days_left(info);
    if (!ss_https_is_usable(&https, d->config, &why)) {
        ss_doctor_complaint(f, d->production ? SS_DOCTOR_ERROR : SS_DOCTOR_WARNING, &why);
    } else if (days < SS_CERT_DUE_DAYS) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "renew it (socketstream certs acme tells how)",
                      "%s expires in %d days", https.files.cert, days);
    } else if (!https.trusted && d->production) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "have one signed: socketstream certs acme tells how",
                      "%s is self-signed, and browsers warn of it", https.files.cert);
    } else {
        ss_doctor_good(f, "%s for %.*s, %d days left", https.files.cert, (int)info->names.len,
                       info->names.data, days);
    }
    ss_buf_free(&why);
    ss_https_close(&https);
}

/* Browsers that keep to HTTPS ask the port of HTTP for it, too, unless that is 80 (RFC 6797 8.3).
 */
static void look_at_hsts(ss_doctor_t *d, ss_finding_t *f) {
    ss_https_t https = {0};
    ss_finding_t ignored = {.outcome = SS_DOCTOR_GOOD};
    int64_t seconds = ss_config_integer(d->config, "https.hsts");
    int port = (int)ss_config_integer(d->config, "http.port");
    bool there = open_certificate(d, &ignored, &https);

    if (!there || !https.trusted) {
        ss_doctor_skip(f, "sent only with HTTPS, and a certificate that is not self-signed");
    } else if (seconds == 0) {
        ss_doctor_good(f, "https.hsts is 0: browsers are told nothing");
    } else if (port != HTTP_PORT) {
        ss_doctor_bad(f, SS_DOCTOR_WARNING, "set http.port to 80, or https.hsts to 0",
                      "browsers that were here once ask port %d for HTTPS, which is that of HTTP",
                      port);
    } else {
        ss_doctor_good(f, "browsers keep to HTTPS for %lld days", (long long)seconds / 86400);
    }
    ss_buf_free(&ignored.found);
    ss_buf_free(&ignored.remedy);
    ss_https_close(&https);
}

const ss_doctor_check_t ss_doctor_app[] = {
    {"config", true, look_at_config},      {"environment", false, look_at_environment},
    {"settings", false, look_at_settings}, {"secrets", false, look_at_secrets},
    {"actions", true, look_at_actions},    {"version", true, look_at_version},
    {"assets", false, look_at_assets},     {"certificate", false, look_at_certificate},
    {"hsts", false, look_at_hsts},         {0},
};
