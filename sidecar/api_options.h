/* SPDX-License-Identifier: MIT
 *
 * What the configuration says about the HTTP API, checked: for the sidecar that answers, and for
 * the nginx.conf that leads there.
 */
#ifndef SS_API_OPTIONS_H
#define SS_API_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

#define SS_API_PREFIX_MAX 128 /* bytes of api.prefix */
#define SS_API_REALM_MAX 128  /* bytes of api.auth.basic.realm */

/* Strings belong to the configuration. */
typedef struct {
    bool enabled;
    bool https_only;
    const char *prefix;        /* without slashes around it: "api" */
    uint32_t post_max_kib;     /* of a body */
    const char *module;        /* of Basic Auth; "": there is none */
    const char *module_origin; /* where that was configured */
    const char *realm;
    bool allow_http; /* passwords without TLS */
} ss_api_options_t;

/* false with one line in `error`, SS_CONFIG_ERROR_MAX bytes, that names the key. */
bool ss_api_options_read(ss_api_options_t *out, const ss_config_t *config, char *error);

#endif
