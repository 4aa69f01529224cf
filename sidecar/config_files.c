/* SPDX-License-Identifier: MIT
 *
 * See config_files.h.
 */
#include "config_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_eval.h"

/* JSON is the one that needs no Node. */
static const char *const endings[] = {"json", "js", "mjs", "cjs", "coffee", "ts"};

static bool exists(const char *app_dir, const char *name) {
    ss_buf_t path = {0};
    struct stat st;
    ss_buf_printf(&path, "%s/%s", app_dir, name);
    bool there = lstat(ss_buf_string(&path), &st) == 0;
    ss_buf_free(&path);
    return there;
}

/* The one file that begins with `stem`, if any.  false with `error` when there are two. */
static bool find(ss_config_file_t *file, const char *app_dir, const char *stem, ss_buf_t *error) {
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[SS_CONFIG_FILE_NAME];
        snprintf(name, sizeof name, "%.*s.%s", SS_CONFIG_FILE_NAME - 16, stem, endings[i]);
        if (!exists(app_dir, name)) {
            continue;
        }
        if (file->name[0] != '\0') {
            ss_buf_printf(error, "%s and %s conflict: one file holds all, remove the other",
                          file->name, name);
            return false;
        }
        memcpy(file->name, name, sizeof name);
        file->program = i != 0;
    }
    return true;
}

/* All of the file, up to SS_CONFIG_FILE_MAX: it may grow meanwhile. */
static void read_text(ss_buf_t *text, int fd) {
    ssize_t n = 1;
    while (n > 0 && text->len < SS_CONFIG_FILE_MAX) {
        n = read(fd, ss_buf_reserve(text, 65536), 65536);
        text->len += n > 0 ? (size_t)n : 0;
    }
}

static bool load_json(ss_config_file_t *file, int fd, ss_buf_t *error) {
    json_error_t where;
    read_text(&file->text, fd);
    json_t *value =
        json_loadb(ss_buf_string(&file->text), file->text.len, JSON_REJECT_DUPLICATES, &where);
    if (value == NULL) {
        ss_buf_printf(error, "%s:%d:%d: %s", file->name, where.line, where.column, where.text);
    } else if (!json_is_object(value)) {
        ss_buf_printf(error, "%s: must hold a JSON object", file->name);
        json_decref(value);
    } else {
        file->value = value;
    }
    return file->value != NULL;
}

static bool read_json(ss_config_file_t *file, const char *app_dir, ss_buf_t *error) {
    ss_buf_t path = {0};
    struct stat st;
    ss_buf_printf(&path, "%s/%s", app_dir, file->name);
    int fd = open(ss_buf_string(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ss_buf_free(&path);
    if (fd == -1) {
        ss_buf_printf(error, "%s: %s: %s", file->name, strerror(errno),
                      errno == ENOENT ? "the link leads nowhere: remove it"
                                      : "give yourself access to it");
        return false;
    }
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= SS_CONFIG_FILE_MAX;
    if (good) {
        good = load_json(file, fd, error);
    } else {
        ss_buf_printf(error, "%s: not a regular file of at most %d bytes", file->name,
                      SS_CONFIG_FILE_MAX);
    }
    close(fd);
    return good;
}

bool ss_config_files_read(ss_config_file_t files[SS_CONFIG_FILES], const char *app_dir,
                          const char *env, ss_buf_t *error) {
    char stems[SS_CONFIG_FILES][SS_CONFIG_FILE_NAME - 8] = {"config/app"};
    snprintf(stems[1], sizeof stems[1], "config/environments/%s", env);
    memset(files, 0, SS_CONFIG_FILES * sizeof files[0]);
    for (int i = 0; i < SS_CONFIG_FILES; i++) {
        bool good = find(&files[i], app_dir, stems[i], error);
        if (good && files[i].name[0] != '\0' && !files[i].program) {
            good = read_json(&files[i], app_dir, error);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

bool ss_config_files_need_node(const ss_config_file_t files[SS_CONFIG_FILES]) {
    bool need = false;
    for (int i = 0; i < SS_CONFIG_FILES; i++) {
        need = need || files[i].program;
    }
    return need;
}

/* Hands out the values, in the order of the programs. */
static bool take_values(ss_config_file_t files[SS_CONFIG_FILES], const json_t *values,
                        ss_buf_t *error) {
    size_t next = 0;
    for (int i = 0; i < SS_CONFIG_FILES; i++) {
        json_t *value = files[i].program ? json_array_get(values, next++) : NULL;
        if (files[i].program && !json_is_object(value)) {
            ss_buf_printf(error, "%s: must export an object", files[i].name);
            return false;
        }
        if (files[i].program) {
            files[i].value = json_incref(value);
        }
    }
    return true;
}

bool ss_config_files_run(ss_config_file_t files[SS_CONFIG_FILES], const char *app_dir,
                         const char *env, const char *node, ss_buf_t *error) {
    char real[PATH_MAX];
    ss_config_eval_t what = {
        .node = node, .app_dir = real, .env = env, .limit_ms = SS_CONFIG_EVAL_MS};
    if (realpath(app_dir, real) == NULL) {
        ss_buf_printf(error, "%s: %s", app_dir, strerror(errno));
        return false;
    }
    for (int i = 0; i < SS_CONFIG_FILES; i++) {
        if (files[i].program) {
            what.files[what.n++] = files[i].name;
        }
    }
    json_t *values = ss_config_eval(&what, error);
    bool good = values != NULL && take_values(files, values, error);
    json_decref(values);
    return good;
}

void ss_config_files_finish(ss_config_file_t files[SS_CONFIG_FILES]) {
    for (int i = 0; i < SS_CONFIG_FILES; i++) {
        json_decref(files[i].value);
        files[i].value = NULL;
        ss_buf_free(&files[i].text);
    }
}
