/* SPDX-License-Identifier: MIT
 *
 * See share.h.
 */
#include "share.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

void ss_share_program(ss_buf_t *path) {
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
    ss_buf_append(path, exe, n > 0 ? (size_t)n : 0);
}

void ss_share_program_dir(ss_buf_t *path) {
    ss_buf_t exe = {0};
    ss_share_program(&exe);
    while (exe.len > 1 && exe.data[exe.len - 1] != '/') {
        exe.len--;
    }
    ss_buf_append(path, exe.data, exe.len > 1 ? exe.len - 1 : 0);
    ss_buf_free(&exe);
}

static bool append_real(const char *dir, const char *relative, ss_buf_t *path) {
    ss_buf_t joined = {0};
    char real[PATH_MAX];
    ss_buf_printf(&joined, "%s/%s", dir, relative);
    bool found = realpath(ss_buf_string(&joined), real) != NULL && access(real, R_OK) == 0;
    if (found) {
        ss_buf_append(path, real, strlen(real));
    }
    ss_buf_free(&joined);
    return found;
}

bool ss_share_beside(const char *const *places, size_t count, const char *file, ss_buf_t *path) {
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        ss_buf_t dir = {0};
        ss_share_program_dir(&dir);
        ss_buf_printf(&dir, "/%s", places[i]);
        found = append_real(ss_buf_string(&dir), file, path);
        ss_buf_free(&dir);
    }
    return found;
}

bool ss_share_find(const char *relative, ss_buf_t *path, ss_buf_t *error) {
    static const char *const places[] = {"../share/socketstream", "../.."};
    const char *given = getenv("SS_SHARE_DIR");
    bool set = given != NULL && *given != '\0';
    bool found = set ? append_real(given, relative, path)
                     : ss_share_beside(places, sizeof places / sizeof places[0], relative, path);
    if (!found && set) {
        ss_buf_printf(error, "cannot find %s below %s, where SS_SHARE_DIR points to", relative,
                      given);
    } else if (!found) {
        ss_buf_printf(error, "cannot find %s, which comes with SocketStream, near ", relative);
        ss_share_program_dir(error);
        ss_buf_literal(error, "; set SS_SHARE_DIR to the folder that has it");
    }
    return found;
}
