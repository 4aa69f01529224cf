/* SPDX-License-Identifier: MIT
 *
 * `socketstream new`: an application that runs at once, copied from new_project/ of what comes with
 * SocketStream: what all have, and the code in the language that was asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "npm.h"
#include "share.h"
#include "shell_word.h"

#define COPY_DEPTH_MAX 16

static bool complain(const char *path, const char *why) {
    fprintf(stderr, "socketstream: %s: %s\n", path, why);
    return false;
}

static bool copy_file(const char *from, const char *to) {
    FILE *in = fopen(from, "re");
    FILE *out = in == NULL ? NULL : fopen(to, "wxe");
    char data[16384];
    bool good = out != NULL || complain(in == NULL ? from : to, strerror(errno));
    for (size_t n; good && (n = fread(data, 1, sizeof data, in)) != 0;) {
        good = fwrite(data, 1, n, out) == n || complain(to, strerror(errno));
    }
    good = good && (ferror(in) == 0 || complain(from, strerror(errno)));
    if (in != NULL) {
        fclose(in);
    }
    if (out != NULL && fclose(out) != 0) {
        good = good && complain(to, strerror(errno));
    }
    return good;
}

static bool make_folder(const char *path) {
    return mkdir(path, 0777) == 0 || errno == EEXIST ||
           complain(path, errno == ENOENT   ? "the folder that it is to be in is not there: make it"
                          : errno == EACCES ? "Permission denied: make it where you may write"
                                            : strerror(errno));
}

static bool copy_tree(const char *from, const char *to, unsigned depth);

/* A file, or a folder with all that is in it. */
static bool copy_any(const char *from, const char *to, unsigned depth) {
    struct stat st;
    if (stat(from, &st) != 0) {
        return complain(from, strerror(errno));
    }
    return S_ISDIR(st.st_mode) ? copy_tree(from, to, depth) : copy_file(from, to);
}

static bool copy_entry(const char *from, const char *to, const char *name, unsigned depth) {
    ss_buf_t source = {0};
    ss_buf_t target = {0};
    ss_buf_printf(&source, "%s/%s", from, name);
    ss_buf_printf(&target, "%s/%s", to, name);
    bool good = copy_any(ss_buf_string(&source), ss_buf_string(&target), depth + 1);
    ss_buf_free(&source);
    ss_buf_free(&target);
    return good;
}

/* What is there already stays: only new files are made. */
static bool copy_tree(const char *from, const char *to, unsigned depth) {
    DIR *folder = depth < COPY_DEPTH_MAX ? opendir(from) : NULL;
    if (folder == NULL) {
        return complain(from, depth < COPY_DEPTH_MAX ? strerror(errno) : "nested too deeply");
    }
    bool good = make_folder(to);
    for (const struct dirent *entry; good && (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            good = copy_entry(from, to, entry->d_name, depth);
        }
    }
    closedir(folder);
    return good;
}

/* Of the template `part`, its folder or file `below` ("" for all of it). */
static bool copy_part(const char *part, const char *below, const char *to) {
    ss_buf_t relative = {0};
    ss_buf_t source = {0};
    ss_buf_t error = {0};
    ss_buf_t target = {0};
    ss_buf_printf(&relative, "new_project/%s%s", part, below);
    ss_buf_printf(&target, "%s%s", to, below);
    bool good = ss_share_find(ss_buf_string(&relative), &source, &error)
                    ? copy_any(ss_buf_string(&source), ss_buf_string(&target), 0)
                    : complain("new", ss_buf_string(&error));
    ss_buf_free(&relative);
    ss_buf_free(&source);
    ss_buf_free(&error);
    ss_buf_free(&target);
    return good;
}

/* Nobody's files are mixed with ours. */
static bool is_free(const char *path) {
    DIR *folder = opendir(path);
    unsigned entries = 0;
    if (folder == NULL) {
        return errno == ENOENT ||
               complain(path, errno == ENOTDIR ? "a file, or below one; take another name"
                                               : strerror(errno));
    }
    while (readdir(folder) != NULL) {
        entries++; /* two of them are . and .. */
    }
    closedir(folder);
    return entries <= 2 || complain(path, "is there already, and not empty; take another name");
}

/* What is C on the server is JavaScript in the browser: that of --js. */
static bool copy_client(const char *path, const char *language, bool jquery) {
    ss_buf_t part = {0};
    ss_buf_printf(&part, "%s%s", jquery ? "jquery/" : "",
                  strcmp(language, "c") == 0 ? "js" : language);
    bool good = (!jquery || copy_part("jquery/base", "", path)) &&
                copy_part(ss_buf_string(&part), "/app/client", path);
    ss_buf_free(&part);
    return good;
}

/* Actions, and nothing for browsers. */
static bool copy_minimum(const char *path, const char *language) {
    ss_buf_t app = {0};
    ss_buf_printf(&app, "%s/app", path);
    bool good = make_folder(ss_buf_string(&app)) && copy_part("base", "/config", path) &&
                copy_part("base", "/.gitignore", path) && copy_part(language, "/app/server", path);
    ss_buf_free(&app);
    return good;
}

/* With both, jQuery is there for a page that is still to be written. */
static bool make_project(const char *path, const char *language, bool minimal, bool jquery) {
    if (!is_free(path) || !make_folder(path)) {
        return false;
    }
    bool good = minimal ? copy_minimum(path, language)
                        : copy_part("base", "", path) && copy_part(language, "/app/server", path) &&
                              copy_client(path, language, jquery);
    return good && (!jquery || (copy_part("jquery/npm", "", path) && ss_npm_install(path)));
}

/* NULL after saying that there are two. */
static const char *read_language(const ss_args_t *args) {
    static const char *const languages[] = {"js", "coffee", "ts", "c"};
    const char *language = NULL;
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
        if (ss_args_get(args, languages[i]) == NULL) {
            continue;
        }
        if (language != NULL) {
            ss_args_refuse(args->command, "--%s and --%s are two languages: name one", language,
                           languages[i]);
            return NULL;
        }
        language = languages[i];
    }
    return language == NULL ? "js" : language;
}

/* What no application may have in its path, since it would not run there. */
static const char *refuse_path(const char *path) {
    if (path[0] == '\0') {
        return "DIR is empty: name the folder to make";
    }
    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return "DIR has a control character in its name: take another";
        }
        if (*c == '$') {
            return "DIR has a $ in its name, which nginx would take for a variable: take another";
        }
    }
    return NULL;
}

static void tell_ready(const char *path) {
    ss_buf_t word = {0};
    ss_shell_word(&word, path);
    printf("%s is ready: cd %s && socketstream start\n", path, ss_buf_string(&word));
    ss_buf_free(&word);
}

static int run(const ss_args_t *args) {
    bool minimal = ss_args_get(args, "minimal") != NULL;
    bool jquery = ss_args_get(args, "jquery") != NULL;
    const char *path = ss_args_operand(args, 0);
    const char *language = read_language(args);
    if (language == NULL) {
        return SS_EXIT_USAGE;
    }
    if (refuse_path(path) != NULL) {
        return ss_args_refuse(args->command, "%s", refuse_path(path));
    }
    if (!make_project(path, language, minimal, jquery)) {
        return SS_EXIT_FAILED;
    }
    tell_ready(path);
    return SS_EXIT_OK;
}

const ss_command_t ss_command_new = {
    .name = "new",
    .alias = "n",
    .summary = "make a new application",
    .about = "Makes the folder DIR with a small application in it, which runs at once.",
    .operand = "DIR",
    .options =
        {
            {.name = "js", .meaning = "its code is JavaScript, which is the default"},
            {.name = "coffee", .meaning = "its code is CoffeeScript"},
            {.name = "ts", .meaning = "its code is TypeScript"},
            {.name = "c", .meaning = "its code is C on the server, JavaScript in the browser"},
            {.name = "jquery",
             .meaning = "its page uses jQuery, from npm, and a template; needs npm"},
            {.name = "minimal",
             .meaning = "only actions: no page, no styles; with --jquery, jQuery for your own"},
        },
    .examples =
        {
            {"socketstream new chat && cd chat && socketstream start", "from nothing to a page"},
            {"socketstream new shop --coffee --jquery", "as applications began in 2011"},
            {"socketstream new api --c --minimal", "actions in C, and nothing for browsers"},
        },
    .run = run,
};
