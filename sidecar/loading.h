/* SPDX-License-Identifier: MIT
 *
 * Names the application's code that ends the process while it is loaded or started, by a crash or
 * by exit(): on standard error, since there is nobody left who could tell otherwise.
 */
#ifndef SS_LOADING_H
#define SS_LOADING_H

/* From now on it is `path` that runs, which stays the caller's, and stays as it is. */
void ss_loading_begin(const char *path);

/* It does no more. */
void ss_loading_end(void);

#define SS_LOADING_MARK "socketstream sidecar: " /* what such a line begins with */

#endif
