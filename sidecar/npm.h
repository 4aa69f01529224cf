/* SPDX-License-Identifier: MIT
 *
 * npm, for applications that begin with packages.
 */
#ifndef SS_NPM_H
#define SS_NPM_H

#include <stdbool.h>

/* Installs what package.json of the folder `dir` asks for, and waits for it.  What npm complains
 * about goes to standard error.  False, after saying what to run then, when it could not. */
bool ss_npm_install(const char *dir);

#endif
