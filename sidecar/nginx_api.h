/* SPDX-License-Identifier: MIT
 *
 * The HTTP API's locations in the generated nginx.conf.
 */
#ifndef SS_NGINX_API_H
#define SS_NGINX_API_H

#include "nginx_conf.h"

/* Nothing when it is off.  The options have been checked: see api_options.h. */
void ss_nginx_api(const ss_nginx_conf_t *conf, FILE *out);

#endif
