/* SPDX-License-Identifier: MIT
 *
 * See api_options.h.
 */
#include "api_options.h"

#include <stdio.h>
#include <string.h>

#include "names.h"

#define PREFIX_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/"

/* The API would hide what is there. */
static bool taken(const char *prefix) {
    static const char *const ours[] = {"socketstream", "assets"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        size_t len = strlen(ours[i]);
        if (strncmp(prefix, ours[i], len) == 0 && (prefix[len] == '\0' || prefix[len] == '/')) {
            return true;
        }
    }
    return false;
}

static bool check_prefix(const char *prefix, char *error) {
    size_t len = strlen(prefix);
    const char *why = NULL;
    if (len == 0 || len > SS_API_PREFIX_MAX || strspn(prefix, PREFIX_CHARACTERS) != len ||
        prefix[0] == '/' || prefix[len - 1] == '/' || strstr(prefix, "//") != NULL) {
        why = "letters, digits, - and _, with single slashes between them";
    } else if (taken(prefix)) {
        why = "another path than /socketstream and /assets";
    }
    if (why != NULL) {
        snprintf(error, SS_CONFIG_ERROR_MAX, "api.prefix must be %s, but is \"%.80s\"", why,
                 prefix);
    }
    return why == NULL;
}

/* It stands in a header. */
static bool check_realm(const char *realm, char *error) {
    bool good = ss_name_text_good(realm, SS_API_REALM_MAX);
    for (const char *c = realm; good && *c != '\0'; c++) {
        good = (unsigned char)*c >= ' ' && *c != 0x7f;
    }
    if (!good) {
        snprintf(error, SS_CONFIG_ERROR_MAX,
                 "api.auth.basic.realm must be 1 to %d bytes of text without control characters",
                 SS_API_REALM_MAX);
    }
    return good;
}

bool ss_api_options_read(ss_api_options_t *out, const ss_config_t *config, char *error) {
    *out = (ss_api_options_t){
        .enabled = ss_config_boolean(config, "api.enabled"),
        .https_only = ss_config_boolean(config, "api.https_only"),
        .prefix = ss_config_string(config, "api.prefix"),
        .post_max_kib = (uint32_t)ss_config_integer(config, "api.post_max_size_kb"),
        .module = ss_config_string(config, "api.auth.basic.module_name"),
        .module_origin = ss_config_origin(config, "api.auth.basic.module_name"),
        .realm = ss_config_string(config, "api.auth.basic.realm"),
        .allow_http = ss_config_boolean(config, "api.auth.basic.allow_http"),
    };
    return check_prefix(out->prefix, error) && check_realm(out->realm, error);
}
