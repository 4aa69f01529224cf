/* SPDX-License-Identifier: MIT
 *
 * What is below app/server: finds all of it, and names, compiles and loads the .c and .so files.
 *
 * Owns the rules of naming and of what conflicts, whatever language a file is in.  Leaves .js,
 * .mjs, .cjs, .coffee and .ts files to action hosts, compiling to compile.c, calling to request.c.
 * Modules stay loaded to the end of the process: their code may still be on a thread.
 */
#ifndef SS_MODULE_H
#define SS_MODULE_H

#include <stdbool.h>

#include "buf.h"
#include "registry.h"

/* All zero is a valid, empty list. */
typedef struct {
    struct {
        char *path;
        char *name; /* "foo.bar" for app/server/foo/bar.c */
        void *handle;
        bool started;
    } * items;
    size_t count;
} ss_modules_t;

/* Puts the prefix of the names in a file's module into `name`: for "foo/bar.c", a path below
 * app/server, "foo.bar".  false with `error` when the path makes no good name. */
bool ss_module_name(const char *path, ss_buf_t *name, ss_buf_t *error);

/* Checks names and conflicts below <app_dir>/app/server as ss_module_load_all() does, loads
 * nothing, and tells whether there is anything for an action host.  false with `error`. */
bool ss_module_check(const char *app_dir, bool *scripts, ss_buf_t *error);

/* Loads all modules in C below <app_dir>/app/server into `registry`; compiled objects go to
 * <app_dir>/.socketstream/build.  No such folder means no actions.  false with `error`: some may
 * have been loaded, but no hook has run. */
bool ss_module_load_all(const char *app_dir, ss_modules_t *modules, ss_registry_t *registry,
                        ss_buf_t *error);

/* Runs the start hooks in order; false with `error` at the first that refuses. */
bool ss_module_start_all(ss_modules_t *modules, ss_buf_t *error);

/* The hook ss_module_authenticate() of the module with that name; NULL when there is none. */
ss_action_fn ss_module_authenticator(const ss_modules_t *modules, const char *name);

/* Runs the stop hooks of what was started, last first, and frees the list. */
void ss_module_stop_all(ss_modules_t *modules);

#endif
