/* SPDX-License-Identifier: MIT
 *
 * See module.h.
 */
#include "module.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>

#include "compile.h"
#include "bounds.h"
#include "loading.h"
#include "log.h"
#include "ss_jsonrpc.h"

/* What the walk carries along. */
typedef struct {
    const char *app_dir;
    ss_buf_t header_dir; /* found when the first .c file needs it */
    ss_modules_t *modules;
    ss_registry_t *registry; /* NULL: nothing is loaded */
    ss_module_files_t files; /* counted */
    ss_buf_t *error;
} loader_t;

typedef enum { ENTRY_OTHER, ENTRY_FOLDER, ENTRY_C, ENTRY_SO, ENTRY_SCRIPT } entry_kind_t;

typedef struct {
    char *name;      /* as in the folder */
    size_t stem_len; /* without the ending that tells its kind */
    entry_kind_t kind;
} entry_t;

static const struct {
    const char *text;
    entry_kind_t kind;
} endings[] = {
    {".d.ts", ENTRY_OTHER}, /* types alone */
    {".c", ENTRY_C},        {".so", ENTRY_SO},      {".js", ENTRY_SCRIPT},
    {".mjs", ENTRY_SCRIPT}, {".cjs", ENTRY_SCRIPT}, {".coffee", ENTRY_SCRIPT},
    {".ts", ENTRY_SCRIPT},
};

static bool name_character(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '-';
}

static entry_kind_t file_kind(const char *file, size_t *stem_len) {
    size_t len = strlen(file);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t n = strlen(endings[i].text);
        if (len > n && strcmp(file + len - n, endings[i].text) == 0) {
            *stem_len = len - n;
            return endings[i].kind;
        }
    }
    *stem_len = len;
    return ENTRY_OTHER;
}

static size_t stem_length(const char *file) {
    size_t stem_len;
    file_kind(file, &stem_len);
    return stem_len;
}

bool ss_module_name(const char *path, ss_buf_t *name, ss_buf_t *error) {
    static const char *const reserved[] = {"system", "event", "rpc"};
    size_t len = stem_length(path);
    size_t first = name->len;
    for (size_t i = 0; i < len; i++) {
        if (path[i] != '/' && !name_character(path[i])) {
            ss_buf_printf(error,
                          "app/server/%s: names of modules and their folders may hold letters, "
                          "digits, _ $ and -",
                          path);
            return false;
        }
        ss_buf_append(name, path[i] == '/' ? "." : &path[i], 1);
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        size_t n = strlen(reserved[i]);
        if (len >= n && strncmp(name->data + first, reserved[i], n) == 0 &&
            (len == n || path[n] == '/')) {
            ss_buf_printf(error, "app/server/%s: '%s' is a name of the protocol; take another",
                          path, reserved[i]);
            return false;
        }
    }
    return true;
}

static bool register_actions(loader_t *l, const char *path, const char *prefix,
                             const ss_action *actions, unsigned flags) {
    if (actions[SS_MODULE_ACTIONS].name != NULL) { /* compilers only warn */
        ss_buf_printf(l->error, "%s has more than %d actions", path, SS_MODULE_ACTIONS);
        return false;
    }
    for (unsigned i = 0; actions[i].name != NULL; i++) {
        if (!ss_action_name_good(actions[i].name) || actions[i].run == NULL ||
            strlen(prefix) + 1 + strlen(actions[i].name) > SS_RPC_METHOD_MAX) {
            ss_buf_printf(l->error, "%s: '%s' is no good action: %s", path, actions[i].name,
                          actions[i].run == NULL ? "it has no function"
                                                 : "its name is empty, too long or holds more than "
                                                   "letters, digits, _ $ - and dots");
            return false;
        }
        ss_buf_t full = {0};
        ss_buf_printf(&full, "%s.%s", prefix, actions[i].name);
        bool added = ss_registry_add(l->registry, ss_buf_string(&full), actions[i].run,
                                     flags | actions[i].flags) != NULL;
        if (!added) {
            ss_buf_printf(l->error, "%s: there are two actions of the name %s", path, full.data);
        }
        ss_buf_free(&full);
        if (!added) {
            return false;
        }
    }
    return true;
}

/* Loads `object`; `path` is what the user knows it by. */
static bool load(loader_t *l, const char *path, const char *object, const char *prefix) {
    ss_loading_begin(path);
    void *handle = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    ss_loading_end();
    if (handle == NULL) {
        ss_buf_printf(l->error, "%s cannot be loaded: %s", path, dlerror());
        return false;
    }
    ss_modules_t *m = l->modules;
    m->items = ss_realloc(m->items, (m->count + 1) * sizeof m->items[0]);
    m->items[m->count].path = ss_copy(path, strlen(path));
    m->items[m->count].name = ss_copy(prefix, strlen(prefix));
    m->items[m->count].handle = handle;
    m->items[m->count].started = false;
    m->count++;

    const uint32_t *abi = dlsym(handle, "ss_module_abi");
    const ss_action *actions = dlsym(handle, "ss_module_actions");
    if (abi == NULL || actions == NULL) {
        ss_buf_printf(l->error, "%s exports no actions: SS_ACTIONS = { … }; is missing", path);
        return false;
    }
    if (*abi != SS_ABI) {
        ss_buf_printf(l->error,
                      "%s was compiled for version %u of the action interface, this is version "
                      "%u: compile it again",
                      path, (unsigned)*abi, (unsigned)SS_ABI);
        return false;
    }
    const unsigned *flags = dlsym(handle, "ss_module_flags");
    return register_actions(l, path, prefix, actions, flags == NULL ? 0 : *flags);
}

/* The object of a .c file: its path below app/server, with .so, below .socketstream/build. */
static bool compile_source(loader_t *l, const char *path, const char *relative, ss_buf_t *object) {
    if (l->header_dir.len == 0 && !ss_compile_find_header(&l->header_dir, l->error)) {
        return false;
    }
    ss_buf_printf(object, "%s/.socketstream/build/%.*s.so", l->app_dir, (int)stem_length(relative),
                  relative);
    return ss_compile(path, ss_buf_string(object), ss_buf_string(&l->header_dir), l->error);
}

static bool load_module(loader_t *l, const char *relative, entry_kind_t kind, const char *prefix) {
    ss_buf_t path = {0};
    ss_buf_t object = {0};
    bool ready = true;
    ss_buf_printf(&path, "%s/app/server/%s", l->app_dir, relative);
    if (kind == ENTRY_C) {
        ready = compile_source(l, ss_buf_string(&path), relative, &object);
    } else {
        ss_buf_append(&object, path.data, path.len);
    }
    ready = ready && load(l, ss_buf_string(&path), ss_buf_string(&object), prefix);
    ss_buf_free(&path);
    ss_buf_free(&object);
    return ready;
}

/* Scripts are for a host to load; their names are checked here as those of all others. */
static bool take_file(loader_t *l, const char *relative, entry_kind_t kind) {
    ss_buf_t prefix = {0};
    bool taken = ss_module_name(relative, &prefix, l->error);
    *(kind == ENTRY_SCRIPT ? &l->files.scripts : &l->files.c) += 1;
    if (taken && kind != ENTRY_SCRIPT && l->registry != NULL) {
        taken = load_module(l, relative, kind, ss_buf_string(&prefix));
    }
    ss_buf_free(&prefix);
    return taken;
}

static int skip_hidden(const struct dirent *d) {
    size_t len = strlen(d->d_name);
    return d->d_name[0] != '.' && d->d_name[0] != '_' && d->d_name[len - 1] != '~';
}

/* strcmp(), not the locale's order: the order of loading is the same everywhere. */
static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static entry_t classify(const char *folder, const char *name) {
    entry_t e = {ss_copy(name, strlen(name)), 0, ENTRY_OTHER};
    ss_buf_t path = {0};
    struct stat st;
    ss_buf_printf(&path, "%s/%s", folder, name);
    e.kind = file_kind(name, &e.stem_len);
    if (stat(ss_buf_string(&path), &st) == 0 && S_ISDIR(st.st_mode)) {
        e.kind = ENTRY_FOLDER;
        e.stem_len = strlen(name);
    }
    ss_buf_free(&path);
    return e;
}

/* In the seed's words. */
static void tell_conflict(const entry_t *a, const entry_t *b, const char *folder, ss_buf_t *error) {
    if (b->kind == ENTRY_FOLDER) {
        const entry_t *other = a;
        a = b;
        b = other;
    }
    ss_buf_printf(error,
                  "Unable to load the %s/%s %s\n"
                  "It conflicts with a %s of the same name, %s/%s: both are '%.*s'; rename one",
                  folder, a->name, a->kind == ENTRY_FOLDER ? "directory" : "file",
                  b->kind == ENTRY_FOLDER ? "directory" : "file", folder, b->name, (int)a->stem_len,
                  a->name);
}

/* Two entries of one folder that would give one name. */
static bool find_conflict(const entry_t *entries, int n, const char *folder, ss_buf_t *error) {
    for (int i = 0; i < n; i++) {
        for (int k = i + 1; k < n; k++) {
            const entry_t *a = &entries[i];
            const entry_t *b = &entries[k];
            if (a->kind != ENTRY_OTHER && b->kind != ENTRY_OTHER && a->stem_len == b->stem_len &&
                memcmp(a->name, b->name, a->stem_len) == 0) {
                tell_conflict(a, b, folder, error);
                return true;
            }
        }
    }
    return false;
}

static bool walk(loader_t *l, const char *relative, unsigned depth);

static bool take_entry(loader_t *l, const char *relative, const entry_t *e, unsigned depth) {
    ss_buf_t path = {0};
    ss_buf_printf(&path, "%s%s%s", relative, *relative == '\0' ? "" : "/", e->name);
    bool taken = e->kind == ENTRY_OTHER    ? true
                 : e->kind == ENTRY_FOLDER ? walk(l, ss_buf_string(&path), depth + 1)
                                           : take_file(l, ss_buf_string(&path), e->kind);
    ss_buf_free(&path);
    return taken;
}

/* Takes one folder, given by its path below app/server. */
static bool walk(loader_t *l, const char *relative, unsigned depth) {
    ss_buf_t folder = {0};
    ss_buf_printf(&folder, "%s/app/server%s%s", l->app_dir, *relative == '\0' ? "" : "/", relative);
    struct dirent **found = NULL;
    int n = scandir(ss_buf_string(&folder), &found, skip_hidden, by_bytes);
    bool good = n >= 0 || (depth == 0 && errno == ENOENT);
    if (!good) {
        ss_buf_printf(l->error, "cannot read the folder %s: %s%s", folder.data, strerror(errno),
                      errno == EACCES ? ": give yourself access to it" : "");
    } else if (depth > SS_APP_DEPTH_MAX) {
        ss_buf_printf(l->error, "%s: more than %d folders deep; does a link point upwards?",
                      folder.data, SS_APP_DEPTH_MAX);
        good = false;
    }
    n = n < 0 ? 0 : n;
    entry_t *entries = ss_alloc(((size_t)n + 1) * sizeof entries[0]);
    for (int i = 0; i < n; i++) {
        entries[i] = classify(folder.data, found[i]->d_name);
        free(found[i]);
    }
    good = good && !find_conflict(entries, n, folder.data, l->error);
    for (int i = 0; i < n; i++) {
        good = good && take_entry(l, relative, &entries[i], depth);
        free(entries[i].name);
    }
    free(entries);
    free(found);
    ss_buf_free(&folder);
    return good;
}

bool ss_module_load_all(const char *app_dir, ss_modules_t *modules, ss_registry_t *registry,
                        ss_buf_t *error) {
    loader_t l = {.app_dir = app_dir, .modules = modules, .registry = registry, .error = error};
    bool loaded = walk(&l, "", 0);
    ss_buf_free(&l.header_dir);
    return loaded;
}

bool ss_module_count(const char *app_dir, ss_module_files_t *files, ss_buf_t *error) {
    loader_t l = {.app_dir = app_dir, .error = error};
    bool good = walk(&l, "", 0);
    *files = l.files;
    return good;
}

bool ss_module_check(const char *app_dir, bool *scripts, ss_buf_t *error) {
    ss_module_files_t files;
    bool good = ss_module_count(app_dir, &files, error);
    *scripts = files.scripts != 0;
    return good;
}

/* ISO C has no conversion from an object's address to a function's; POSIX defines this one. */
static void find_function(void *handle, const char *name, void *function) {
    void *found = dlsym(handle, name);
    memcpy(function, &found, sizeof found);
}

bool ss_module_start_all(ss_modules_t *modules, ss_buf_t *error) {
    for (size_t i = 0; i < modules->count; i++) {
        int (*start)(void);
        find_function(modules->items[i].handle, "ss_module_start", &start);
        ss_loading_begin(modules->items[i].path);
        int rc = start == NULL ? 0 : start();
        ss_loading_end();
        if (rc != 0) {
            ss_buf_printf(error, "%s: ss_module_start() refused with %d", modules->items[i].path,
                          rc);
            return false;
        }
        modules->items[i].started = true;
    }
    return true;
}

ss_action_fn ss_module_authenticator(const ss_modules_t *modules, const char *name) {
    ss_action_fn found = NULL;
    for (size_t i = 0; i < modules->count && found == NULL; i++) {
        if (strcmp(modules->items[i].name, name) == 0) {
            find_function(modules->items[i].handle, "ss_module_authenticate", &found);
        }
    }
    return found;
}

void ss_module_stop_all(ss_modules_t *modules) {
    for (size_t i = modules->count; i-- > 0;) {
        void (*stop)(void);
        find_function(modules->items[i].handle, "ss_module_stop", &stop);
        if (modules->items[i].started && stop != NULL) {
            stop();
        }
        free(modules->items[i].path);
        free(modules->items[i].name);
    }
    free(modules->items);
    *modules = (ss_modules_t){0};
}
