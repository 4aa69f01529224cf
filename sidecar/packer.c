/* SPDX-License-Identifier: MIT
 *
 * See packer.h.
 */
#include "packer.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bounds.h"
#include "include/socketstream.h"
#include "share.h"

/* What packer/scan.mjs packs. */
static const char *const folders[] = {"app/client", "app/shared", "app/views",
                                      "app/css",    "lib/client", "lib/css"};
#define N_FOLDERS (sizeof(folders) / sizeof(folders[0]))

static bool has_folder(const char *app, const char *name) {
    char path[PATH_MAX];
    struct stat st;

    return snprintf(path, sizeof(path), "%s/%s", app, name) < (int)sizeof(path) &&
           stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool ss_packer_needed(const char *app) {
    return has_folder(app, "app/client") || has_folder(app, "app/views");
}

bool ss_packer_find(ss_buf_t *path, ss_buf_t *error) {
    return ss_share_find("packer/main.mjs", path, error);
}

unsigned ss_packer_args(const char **args, const char *program, const char *app,
                        const ss_config_t *config) {
    const char *const words[] = {"node",   program,
                                 "--app",  app,
                                 "--env",  ss_config_env(config),
                                 "--csp",  ss_config_string(config, "pack.csp"),
                                 "--base", ss_config_string(config, "http.base")};
    unsigned count = sizeof(words) / sizeof(words[0]);

    memcpy(args, words, sizeof(words));
    if (ss_config_boolean(config, "browser_check.enabled") &&
        ss_config_boolean(config, "browser_check.strict")) {
        args[count++] = "--strict";
    }
    args[count] = NULL;
    return count;
}

static bool is_newer(const struct stat *st, const struct stat *than) {
    return st->st_mtim.tv_sec != than->st_mtim.tv_sec ? st->st_mtim.tv_sec > than->st_mtim.tv_sec
                                                      : st->st_mtim.tv_nsec > than->st_mtim.tv_nsec;
}

/* Appends the first file, or folder, below `path` that was changed after `than`.  A folder is
 * changed by what comes and goes in it. */
static bool find_newer(const char *path, const struct stat *than, unsigned depth, ss_buf_t *found) {
    struct stat st;
    DIR *dir;
    const struct dirent *entry;
    bool newer;

    if (stat(path, &st) != 0) {
        return false;
    }
    newer = is_newer(&st, than);
    if (newer) {
        ss_buf_append(found, path, strlen(path));
    }
    dir = newer || !S_ISDIR(st.st_mode) || depth == 0 ? NULL : opendir(path);
    while (dir != NULL && !newer && (entry = readdir(dir)) != NULL) {
        char inner[PATH_MAX];
        size_t len = strlen(entry->d_name);

        if (strchr("._", entry->d_name[0]) == NULL && entry->d_name[len - 1] != '~' &&
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name) < (int)sizeof(inner)) {
            newer = find_newer(inner, than, depth - 1, found);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return newer;
}

/* One of the application's files that is newer than its manifest. */
static bool is_stale(const char *app, const char *manifest, ss_buf_t *detail) {
    struct stat packed;
    char path[PATH_MAX];
    bool stale = false;

    if (stat(manifest, &packed) != 0) {
        return false;
    }
    for (size_t i = 0; i < N_FOLDERS && !stale; i++) {
        stale = snprintf(path, sizeof(path), "%s/%s", app, folders[i]) < (int)sizeof(path) &&
                find_newer(path, &packed, SS_APP_DEPTH_MAX, detail);
    }
    return stale;
}

/* `detail` becomes a file that is newer, or a version. */
static ss_pack_state_t find_state(const char *app, ss_buf_t *detail) {
    char name[PATH_MAX];
    json_t *manifest;
    const char *version;
    ss_pack_state_t state = SS_PACK_GOOD;

    if (snprintf(name, sizeof(name), "%s/public/assets/manifest.json", app) >= (int)sizeof(name)) {
        return SS_PACK_MISSING;
    }
    manifest = json_load_file(name, 0, NULL);
    version = json_string_value(json_object_get(manifest, "version"));
    if (version == NULL) {
        state = SS_PACK_MISSING;
    } else if (json_is_true(json_object_get(manifest, "development"))) {
        state = SS_PACK_DEVELOPMENT;
    } else if (strcmp(version, SS_VERSION) != 0) {
        ss_buf_append(detail, version, strlen(version));
        state = SS_PACK_OTHER_VERSION;
    } else if (is_stale(app, name, detail)) {
        state = SS_PACK_STALE;
    }
    json_decref(manifest);
    return state;
}

ss_pack_state_t ss_packer_look(const char *app, ss_buf_t *what) {
    ss_buf_t detail = {0};
    ss_pack_state_t state = find_state(app, &detail);

    switch (state) {
    case SS_PACK_GOOD:
        break;
    case SS_PACK_STALE:
        ss_buf_printf(what,
                      "%s was changed after the assets were packed, and is not served as it is now",
                      ss_buf_string(&detail));
        break;
    case SS_PACK_MISSING:
        ss_buf_literal(what, "the assets are not packed, there is no public/assets/manifest.json");
        break;
    case SS_PACK_DEVELOPMENT:
        ss_buf_literal(what, "the assets in public/ are those of development");
        break;
    case SS_PACK_OTHER_VERSION:
        ss_buf_printf(what, "the assets were packed by SocketStream %s", ss_buf_string(&detail));
        break;
    }
    ss_buf_free(&detail);
    return state;
}
