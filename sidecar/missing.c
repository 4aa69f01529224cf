/* SPDX-License-Identifier: MIT
 *
 * See missing.h.  Only reached by a caller's mistake, so looking at every action is cheap enough.
 */
#include "missing.h"

#include <stdio.h>
#include <string.h>

#include "host_ready.h"
#include "host_swap.h"

#define PART_MAX 120 /* bytes of a module's or an action's name that are shown */

/* A part of the name as it is shown: a path for a module, its dots as slashes. */
static const char *show(char out[PART_MAX + 1], const char *part, size_t len, char dot) {
    size_t n = len < PART_MAX ? len : PART_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)part[i];
        out[i] = (char)(c < ' ' || c == 0x7f ? '?' : c == '.' ? dot : c);
    }
    out[n] = '\0';
    return out;
}

/* true when an action's name goes on behind `prefix` and a dot. */
static bool is_module(const ss_registry_t *r, const char *prefix, size_t len) {
    for (size_t i = 0; i < r->count; i++) {
        const ss_action_entry_t *a = r->actions[i];
        if (ss_action_told(a) && a->name_len > len && a->name[len] == '.' &&
            memcmp(a->name, prefix, len) == 0) {
            return true;
        }
    }
    return false;
}

const char *ss_missing_action(const ss_registry_t *r, const char *name, size_t len,
                              char out[SS_MISSING_MAX]) {
    char module[PART_MAX + 1];
    char action[PART_MAX + 1];
    const char *dot = len == 0 ? NULL : memrchr(name, '.', len);
    size_t module_len = dot == NULL ? 0 : (size_t)(dot - name);
    const char *last = dot == NULL ? name : dot + 1;
    show(action, last, len - (size_t)(last - name), '.');
    if (strcmp(action, "session") == 0 || strcmp(action, "user") == 0) {
        snprintf(out, SS_MISSING_MAX, "Unable to call the '%s' action as this is a reserved word",
                 action);
    } else if (module_len != 0 && is_module(r, name, module_len)) {
        snprintf(out, SS_MISSING_MAX,
                 "Unable to find the '%s' action in /app/server/%s. "
                 "Action names are case sensitive",
                 action, show(module, name, module_len, '/'));
    } else {
        snprintf(out, SS_MISSING_MAX,
                 "Unable to find the /app/server/%s module. Does the file exist?",
                 show(module, name, dot == NULL ? len : module_len, '/'));
    }
    return out;
}

ss_failure_t ss_missing_failure(const ss_registry_t *r, const char *name, size_t len,
                                char out[SS_MISSING_MAX]) {
    const json_t *problem = ss_host_swap_problem(name, len);
    ss_buf_t text = {0};
    if (problem == NULL) {
        return (ss_failure_t){SS_RPC_METHOD_NOT_FOUND, ss_missing_action(r, name, len, out), NULL};
    }
    ss_host_problem_write(&text, problem);
    const char *line = ss_buf_string(&text);
    snprintf(out, SS_MISSING_MAX, "%.*s", (int)strcspn(line, "\n"), line); /* without the frame */
    ss_buf_free(&text);
    return (ss_failure_t){SS_RPC_INTERNAL, out, NULL};
}
