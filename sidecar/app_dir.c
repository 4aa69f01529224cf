/* SPDX-License-Identifier: MIT
 *
 * See app_dir.h.
 */
#include "app_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "include/socketstream.h"
#include "rundir.h"
#include "ss_utf8.h"

#define PARENTS_MAX 8 /* folders above that are looked at */

/* --- finding --------------------------------------------------------------------------------- */

static bool has_folder(const char *dir, const char *name) {
    ss_buf_t path = {0};
    struct stat st;
    ss_buf_printf(&path, "%s/%s", dir, name);
    bool found = stat(ss_buf_string(&path), &st) == 0 && S_ISDIR(st.st_mode);
    ss_buf_free(&path);
    return found;
}

/* The folder above that is one.  There may be some /app that is none, so more is asked of it. */
static bool find_above(const char *given, ss_buf_t *found) {
    if (strcmp(given, ".") != 0) {
        ss_buf_printf(found, "%s/", given);
    }
    for (unsigned i = 0; i < PARENTS_MAX; i++) {
        ss_buf_printf(found, i == 0 ? ".." : "/..");
        if (has_folder(ss_buf_string(found), "app/server") ||
            has_folder(found->data, "app/client")) {
            return true;
        }
    }
    return false;
}

static bool is_control(char c) { return (unsigned char)c < ' ' || c == 0x7f; }

/* It is told to hosts, and kept for later runs, in JSON; and stands in lines of logs, of nginx.conf
 * and of terminals. */
static bool is_text(const char *path, ss_buf_t *error) {
    bool utf8 = ss_utf8_valid(path, strlen(path));
    bool controls = false;
    for (const char *c = path; *c != '\0'; c++) {
        controls = controls || is_control(*c);
    }
    if (utf8 && !controls) {
        return true;
    }
    for (const char *c = path; *c != '\0'; c++) {
        ss_buf_append(error, is_control(*c) ? "?" : c, 1);
    }
    ss_buf_printf(error, ": the name %s: rename the folder",
                  utf8 ? "has a control character, shown as ?" : "is not UTF-8");
    return false;
}

bool ss_app_dir_find(const char *given, char path[PATH_MAX], ss_buf_t *error) {
    ss_buf_t above = {0};
    if (*given == '\0') {
        ss_buf_literal(error, "--app is empty: name the folder of an application");
        return false;
    }
    if (realpath(given, path) == NULL) {
        ss_buf_printf(error, "%s: %s%s", given, strerror(errno),
                      errno == EACCES   ? ": give yourself access to it"
                      : errno == ENOENT ? ": name the folder of an application with --app"
                                        : "");
        return false;
    }
    if (!is_text(path, error)) {
        return false;
    }
    errno = 0;
    if (has_folder(path, "app")) {
        return true;
    }
    if (errno == EACCES) {
        ss_buf_printf(error, "%s: %s: give yourself access to it", path, strerror(errno));
        return false;
    }
    ss_buf_printf(error, "%s is no SocketStream application, it has no folder app/: ", path);
    if (find_above(given, &above)) {
        ss_buf_printf(error, "did you mean --app %s?", ss_buf_string(&above));
    } else {
        ss_buf_literal(error, "make one with `socketstream new`, go to the folder of one, or name "
                              "it with --app");
    }
    ss_buf_free(&above);
    return false;
}

/* The names that host/load.mjs looks for. */
const char *ss_app_dir_middleware(const char *app) {
    static const char *const names[] = {"config/http.js", "config/http.coffee", "config/http.ts",
                                        "config/http.mjs", "config/http.cjs"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && found == NULL; i++) {
        ss_buf_t path = {0};
        struct stat st;
        ss_buf_printf(&path, "%s/%s", app, names[i]);
        found = stat(ss_buf_string(&path), &st) == 0 && S_ISREG(st.st_mode) ? names[i] : NULL;
        ss_buf_free(&path);
    }
    return found;
}

/* --- versions -------------------------------------------------------------------------------- */

bool ss_version_good(const char *version) {
    for (unsigned i = 0; i < 3; i++) {
        size_t digits = strspn(version, "0123456789");
        if (digits == 0 || digits > 9 || (i < 2 && version[digits] != '.')) {
            return false;
        }
        version += digits + (i < 2);
    }
    return (*version == '\0' || *version == '-' || *version == '+') &&
           version[strspn(version, "0123456789.-+"
                                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* Up to the next dot, or the end of all that counts. */
static size_t identifier(const char *text) { return strcspn(text, ".+"); }

/* Numbers by their value, and before words. */
static int compare_identifiers(const char *a, size_t a_len, const char *b, size_t b_len) {
    bool a_number = strspn(a, "0123456789") >= a_len;
    bool b_number = strspn(b, "0123456789") >= b_len;
    if (a_number != b_number) {
        return a_number ? -1 : 1;
    }
    if (a_number && a_len != b_len) {
        return a_len < b_len ? -1 : 1; /* they have no zeros in front */
    }
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Behind the three numbers: "" or "-rc.1".  What has none is the release, and newer. */
static int compare_pre_releases(const char *a, const char *b) {
    if (*a != '-' || *b != '-') {
        return (*b == '-') - (*a == '-');
    }
    for (;;) {
        a++;
        b++;
        size_t a_len = identifier(a);
        size_t b_len = identifier(b);
        int order = compare_identifiers(a, a_len, b, b_len);
        a += a_len;
        b += b_len;
        if (order != 0 || *a != '.' || *b != '.') {
            return order != 0 ? order : (*a == '.') - (*b == '.');
        }
    }
}

int ss_version_compare(const char *a, const char *b) {
    for (unsigned i = 0; i < 3; i++) {
        char *a_end;
        char *b_end;
        long left = strtol(a, &a_end, 10);
        long right = strtol(b, &b_end, 10);
        if (left != right) {
            return left < right ? -1 : 1;
        }
        a = a_end + (i < 2);
        b = b_end + (i < 2);
    }
    return compare_pre_releases(a, b);
}

/* false when none is kept, or what is kept is no version. */
static bool read_version(const char *path, char version[SS_VERSION_MAX]) {
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fgets(version, SS_VERSION_MAX, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    if (read) {
        version[strcspn(version, "\n")] = '\0';
    }
    return read && ss_version_good(version);
}

bool ss_app_dir_last_version(const char *app, char version[SS_VERSION_MAX]) {
    ss_buf_t path = {0};
    ss_buf_printf(&path, "%s/" SS_RUNDIR_NAME "/version", app);
    bool read = read_version(ss_buf_string(&path), version);
    ss_buf_free(&path);
    return read;
}

bool ss_app_dir_check_version(const char *app, ss_buf_t *error) {
    char last[SS_VERSION_MAX];
    ss_buf_t path = {0};
    ss_buf_printf(&path, "%s/" SS_RUNDIR_NAME "/version", app);
    bool good =
        !read_version(ss_buf_string(&path), last) || ss_version_compare(last, SS_VERSION) <= 0;
    if (!good) {
        ss_buf_printf(error,
                      "%s last ran with SocketStream %s, and this is %s, which is older: upgrade "
                      "SocketStream, or remove %s to run it all the same",
                      app, last, SS_VERSION, ss_buf_string(&path));
    }
    ss_buf_free(&path);
    return good;
}

void ss_app_dir_keep_version(const char *app) {
    char last[SS_VERSION_MAX];
    ss_buf_t path = {0};
    ss_buf_printf(&path, "%s/" SS_RUNDIR_NAME, app);
    mkdir(ss_buf_string(&path), 0700);
    ss_buf_literal(&path, "/version");
    if (!read_version(ss_buf_string(&path), last) || strcmp(last, SS_VERSION) != 0) {
        FILE *file = fopen(ss_buf_string(&path), "we");
        if (file != NULL) {
            fputs(SS_VERSION "\n", file);
            fclose(file);
        }
    }
    ss_buf_free(&path);
}
