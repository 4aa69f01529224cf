/* SPDX-License-Identifier: MIT
 *
 * The root of the HTTP API: a page for people, an OpenAPI document for programs.
 *
 * Owns which of the two is asked for, and what both say of the application.  The texts are
 * api_page.c's and api_openapi.c's.
 */
#ifndef SS_API_ROOT_H
#define SS_API_ROOT_H

#include "api.h"
#include "ss_jsonrpc.h"

/* What the application says about itself in its package.json. */
typedef struct {
    char *name;        /* else the folder's */
    char *version;     /* else "0.0.0" */
    char *description; /* else "" */
    char *license;     /* else "" */
} ss_api_about_t;

/* Reads that; the sidecar starts. */
void ss_api_root_init(const char *app_dir);
void ss_api_root_finish(void);

/* Answers a request for the root or the document; false when it is for something else. */
bool ss_api_root(const ss_api_target_t *target, const ss_link_request_t *request);

/* An action as it is shown. */
typedef struct {
    const ss_action_entry_t *action;
    char path[SS_RPC_METHOD_MAX + 1]; /* "users/online/now" */
    bool guarded;                     /* for signed-in users */
} ss_api_shown_t;

/* Calls `show` for each action that is told, in order of their names. */
void ss_api_each_action(const ss_registry_t *registry,
                        void (*show)(const ss_api_shown_t *shown, void *arg), void *arg);

/* api_page.c: appends the page.  `base` is the API's URL: "https://example.com/api". */
void ss_api_page_write(ss_buf_t *b, const ss_sidecar_t *sidecar, const ss_api_about_t *about,
                       const char *base);
extern const char ss_api_page_policy[]; /* its Content-Security-Policy */

/* api_openapi.c: the document, the caller's reference. */
json_t *ss_api_openapi(const ss_sidecar_t *sidecar, const ss_api_about_t *about);

#endif
