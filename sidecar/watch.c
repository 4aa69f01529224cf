/* SPDX-License-Identifier: MIT
 *
 * See watch.h.  The kernel tells of folders, not of trees, so each folder has a watch of its own;
 * after a change the tree is walked anew.  Folders above the watched ones have one too, by which
 * those are found that do not exist yet.
 */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bounds.h"
#include "buf.h"
#include "log.h"

/* Paths below the application's folder: on the way, and those whose content counts. */
static const char *const above[] = {"", "app", "lib"};
static const char *const watched[] = {"app/server", "app/shared", "lib/server", "vendor", "config"};

typedef struct folder {
    uv_fs_event_t event;
    struct folder *next;
    ss_watch_t *watch;
    char *path;
    bool above; /* only folders in it matter */
    bool seen;  /* by the present walk */
} folder_t;

struct ss_watch {
    uv_loop_t *loop;
    uv_timer_t quiet;
    folder_t *folders;
    unsigned n_folders;
    bool full;         /* that there are too many was said */
    bool counts;       /* something has changed that counts */
    bool moved;        /* a folder has been moved or removed: its watch follows it, not the path */
    uint64_t first_ms; /* when the first of these changes was */
    char *app_dir;
    void (*changed)(void);
};

static void walk_all(ss_watch_t *w);

/* --- what counts ----------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end) {
    size_t len = strlen(name);
    size_t n = strlen(end);
    return len > n && strcmp(name + len - n, end) == 0;
}

bool ss_watch_counts(const char *name) {
    static const char *const ends[] = {"~",  ".swp", ".swx", ".tmp", ".bak",
                                       ".c", ".h",   ".o",   ".so"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends_with(name, ends[i])) {
            return false;
        }
    }
    /* 4913 is what vim creates to see whether it may. */
    return *name != '\0' && *name != '.' && *name != '#' && strcmp(name, "4913") != 0;
}

/* What the kernel tells of a folder itself comes under the folder's own name. */
static bool is_itself(const folder_t *f, const char *name) {
    const char *slash = strrchr(f->path, '/');
    return name == NULL || strcmp(name, slash == NULL ? f->path : slash + 1) == 0;
}

/* --- events ---------------------------------------------------------------------------------- */

static void on_quiet(uv_timer_t *timer) {
    ss_watch_t *w = timer->data;
    walk_all(w);
    if (w->counts) {
        w->counts = false;
        w->changed();
    }
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
    const folder_t *f = event->data;
    ss_watch_t *w = f->watch;
    (void)events;
    if (status < 0 || (name != NULL && !ss_watch_counts(name))) {
        return;
    }
    uint64_t now = uv_now(w->loop);
    if (!uv_is_active((const uv_handle_t *)&w->quiet)) {
        w->first_ms = now;
    }
    bool moved = is_itself(f, name);
    w->moved = w->moved || moved;
    w->counts = w->counts || moved || !f->above;
    /* Changes without end shall not put it off without end. */
    if (now - w->first_ms < SS_WATCH_LIMIT_MS) {
        uv_timer_start(&w->quiet, on_quiet, SS_WATCH_MS, 0);
    }
}

/* --- folders --------------------------------------------------------------------------------- */

static void on_folder_closed(uv_handle_t *handle) {
    folder_t *f = handle->data;
    free(f->path);
    free(f);
}

static folder_t *find(const ss_watch_t *w, const char *path) {
    folder_t *f = w->folders;
    while (f != NULL && strcmp(f->path, path) != 0) {
        f = f->next;
    }
    return f;
}

static void watch_path(folder_t *f) {
    int rc = uv_fs_event_start(&f->event, on_event, f->path, 0);
    if (rc != 0) {
        ss_log(SS_LOG_WARNING, "changes in %s are not noticed: %s", f->path, uv_strerror(rc));
    }
}

/* true when there is such a folder; a new one is a change. */
static bool visit(ss_watch_t *w, const char *path, bool is_above) {
    struct stat st;
    folder_t *f = find(w, path);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return false;
    }
    if (f != NULL) {
        f->seen = true;
        return true;
    }
    if (w->n_folders == SS_WATCH_FOLDERS_MAX) {
        if (!w->full) {
            ss_log(SS_LOG_WARNING, "more than %d folders of code: changes in %s are not noticed",
                   SS_WATCH_FOLDERS_MAX, path);
        }
        w->full = true;
        return false;
    }
    f = ss_alloc_zero(sizeof *f);
    f->watch = w;
    f->path = ss_copy(path, strlen(path));
    f->above = is_above;
    f->seen = true;
    f->event.data = f;
    f->next = w->folders;
    w->folders = f;
    w->n_folders++;
    w->counts = w->counts || !is_above;
    uv_fs_event_init(w->loop, &f->event);
    watch_path(f);
    return true;
}

static void walk(ss_watch_t *w, const char *path, unsigned depth) {
    DIR *folder = visit(w, path, false) && depth <= SS_APP_DEPTH_MAX ? opendir(path) : NULL;
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (ss_watch_counts(e->d_name) &&
            (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN || e->d_type == DT_LNK)) {
            ss_buf_t below = {0};
            ss_buf_printf(&below, "%s/%s", path, e->d_name);
            walk(w, ss_buf_string(&below), depth + 1);
            ss_buf_free(&below);
        }
    }
    closedir(folder);
}

/* Those that the walk has not seen are no more. */
static void forget_unseen(ss_watch_t *w) {
    for (folder_t **at = &w->folders; *at != NULL;) {
        folder_t *f = *at;
        if (f->seen) {
            f->seen = false;
            at = &f->next;
            continue;
        }
        *at = f->next;
        w->n_folders--;
        uv_close((uv_handle_t *)&f->event, on_folder_closed);
    }
}

/* What was moved took what is below it along, so all are watched anew. */
static void renew(ss_watch_t *w) {
    w->moved = false;
    for (folder_t *f = w->folders; f != NULL; f = f->next) {
        uv_fs_event_stop(&f->event);
        watch_path(f);
    }
}

static void walk_all(ss_watch_t *w) {
    ss_buf_t path = {0};
    for (size_t i = 0; i < sizeof above / sizeof above[0]; i++) {
        path.len = 0;
        ss_buf_printf(&path, "%s/%s", w->app_dir, above[i]);
        visit(w, ss_buf_string(&path), true);
    }
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        path.len = 0;
        ss_buf_printf(&path, "%s/%s", w->app_dir, watched[i]);
        walk(w, ss_buf_string(&path), 0);
    }
    ss_buf_free(&path);
    forget_unseen(w);
    if (w->moved) {
        renew(w);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

ss_watch_t *ss_watch_start(uv_loop_t *loop, const char *app_dir, void (*changed)(void)) {
    ss_watch_t *w = ss_alloc_zero(sizeof *w);
    w->loop = loop;
    w->app_dir = ss_copy(app_dir, strlen(app_dir));
    w->changed = changed;
    uv_timer_init(loop, &w->quiet);
    w->quiet.data = w;
    walk_all(w);
    w->counts = false;
    return w;
}

void ss_watch_free(ss_watch_t *w) {
    if (w == NULL) {
        return;
    }
    while (w->folders != NULL) {
        folder_t *f = w->folders;
        w->folders = f->next;
        free(f->path);
        free(f);
    }
    free(w->app_dir);
    free(w);
}
