/* SPDX-License-Identifier: MIT
 *
 * Why there is no action of a name, in the words that SocketStream 0.1.4 had for it.
 */
#ifndef SS_MISSING_H
#define SS_MISSING_H

#include <stddef.h>

#include "failure.h"
#include "registry.h"

#define SS_MISSING_MAX 384 /* bytes of a message, with the NUL */

/* Writes the message for `name`, of which the registry has no action that is told, and returns
 * `out`.  A long name is cut, control characters in it become '?'. */
const char *ss_missing_action(const ss_registry_t *registry, const char *name, size_t len,
                              char out[SS_MISSING_MAX]);

/* What a call of that name gets: this message, or, where its module could not be loaded, why.  The
 * text is in `out`. */
ss_failure_t ss_missing_failure(const ss_registry_t *registry, const char *name, size_t len,
                                char out[SS_MISSING_MAX]);

#endif
