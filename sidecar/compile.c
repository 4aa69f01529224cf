/* SPDX-License-Identifier: MIT
 *
 * See compile.h.  Beside an object stand two files: <object>.d with the files it was made of, as
 * the compiler lists them, and <object>.cmd with the command that made it.  Any difference in the
 * command, or a listed file that is newer than the start of the last compilation, makes it stale.
 */
#include "compile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "programs.h"
#include "share.h"

#define WORDS_MAX 256
#define SIDE_FILE_MAX (1u << 20) /* bytes of a .d or .cmd file */

/* A command line; its words point into `copies` or belong to the caller. */
typedef struct {
    char *argv[WORDS_MAX + 1];
    unsigned count;
    bool too_long;
    char *copies[3]; /* of $CC, $SS_CFLAGS and $SS_LIBS, cut into words */
} command_t;

/* The files beside an object. */
typedef struct {
    ss_buf_t list;  /* what it was made of */
    ss_buf_t stamp; /* how it was made */
    ss_buf_t part;  /* what it is called until it is complete, one for each process */
} side_files_t;

bool ss_compile_find_header(ss_buf_t *dir, ss_buf_t *error) {
    static const char *const places[] = {"../../sidecar/include", "../include/socketstream",
                                         "../include"};
    const char *given = getenv("SS_INCLUDE_DIR");
    if (given != NULL && *given != '\0') {
        ss_buf_append(dir, given, strlen(given));
        return true;
    }
    if (ss_share_beside(places, sizeof places / sizeof places[0], "socketstream.h", dir)) {
        dir->len -= strlen("/socketstream.h");
        return true;
    }
    ss_buf_literal(error, "cannot find socketstream.h, which C actions need, near ");
    ss_share_program_dir(error);
    ss_buf_literal(error, "; set SS_INCLUDE_DIR to its folder");
    return false;
}

bool ss_compile_make_folders(const char *path, ss_buf_t *error) {
    char *copy = ss_copy(path, strlen(path));
    bool made = true;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL && made; slash = strchr(slash, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST) {
            ss_buf_printf(error, "cannot make the folder %s: %s", copy, strerror(errno));
            made = false;
        }
        *slash++ = '/';
    }
    free(copy);
    return made;
}

static bool read_file(const char *path, ss_buf_t *to) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t n;
    do {
        n = fread(ss_buf_reserve(to, 4096), 1, 4096, file);
        to->len += n;
    } while (n != 0 && to->len < SIDE_FILE_MAX);
    fclose(file);
    return to->len < SIDE_FILE_MAX;
}

static bool older(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Takes the next file name from make's syntax: spaces part them, a backslash quotes one. */
static bool next_dependency(const char **at, const char *end, ss_buf_t *name) {
    const char *p = *at;
    name->len = 0;
    for (; p != end; p++) {
        bool quoted = *p == '\\' && p + 1 != end;
        if (quoted && p[1] == '\n') {
            p++;
        } else if (quoted && (p[1] == ' ' || p[1] == '#' || p[1] == '\\')) {
            ss_buf_append(name, ++p, 1);
        } else if (*p == '$' && p + 1 != end && p[1] == '$') {
            ss_buf_append(name, ++p, 1);
        } else if (*p != ' ' && *p != '\n') {
            ss_buf_append(name, p, 1);
        } else if (name->len != 0) {
            break;
        }
    }
    *at = p;
    return name->len != 0;
}

static bool dependencies_older(const char *list_path, const struct timespec *made) {
    ss_buf_t list = {0};
    ss_buf_t name = {0};
    bool fresh = read_file(list_path, &list);
    const char *colon = fresh ? memchr(list.data, ':', list.len) : NULL;
    unsigned count = 0;
    if (colon != NULL) {
        const char *at = colon + 1;
        while (fresh && next_dependency(&at, list.data + list.len, &name)) {
            struct stat st;
            fresh = stat(ss_buf_string(&name), &st) == 0 && older(&st.st_mtim, made);
            count++;
        }
    }
    ss_buf_free(&list);
    ss_buf_free(&name);
    return fresh && count != 0;
}

static bool same_command(const char *path, const command_t *command) {
    ss_buf_t now = {0};
    ss_buf_t then = {0};
    for (unsigned i = 0; i < command->count; i++) {
        ss_buf_printf(&now, "%s\n", command->argv[i]);
    }
    bool same =
        read_file(path, &then) && then.len == now.len && memcmp(then.data, now.data, now.len) == 0;
    ss_buf_free(&now);
    ss_buf_free(&then);
    return same;
}

static bool save_command(const char *path, const command_t *command) {
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    for (unsigned i = 0; i < command->count; i++) {
        fprintf(file, "%s\n", command->argv[i]);
    }
    return fclose(file) == 0;
}

static void add_word(command_t *command, const char *word) {
    if (command->count == WORDS_MAX) {
        command->too_long = true;
        return;
    }
    command->argv[command->count++] = (char *)word;
    command->argv[command->count] = NULL;
}

static void add_words(command_t *command, char *words) {
    char *rest = NULL;
    for (char *word = strtok_r(words, " \t", &rest); word != NULL;
         word = strtok_r(NULL, " \t", &rest)) {
        add_word(command, word);
    }
}

/* A variable of the environment, or what stands for it when it is unset or empty. */
static char *copy_variable(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    if (value == NULL || *value == '\0') {
        value = otherwise;
    }
    return ss_copy(value, strlen(value));
}

/* Warnings are told once, with the compilation that they belong to. */
static void log_warnings(const char *source, ss_buf_t *output) {
    char *rest = NULL;
    if (output->len != 0) {
        ss_log(SS_LOG_WARNING, "%s compiles with warnings:", source);
    }
    for (char *line = strtok_r((char *)ss_buf_string(output), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        ss_log(SS_LOG_WARNING, "%s", line);
    }
}

/* Compiles to `part` and renames it to `object`, dated back to the start of the compilation: what
 * was edited meanwhile is newer. */
static bool build(const char *source, const char *object, const char *part, command_t *command,
                  ss_buf_t *error) {
    struct timespec start;
    clock_gettime(CLOCK_REALTIME_COARSE, &start); /* the clock of file times */
    ss_buf_t output = {0};
    int status = ss_program_run(command->argv[0], command->argv, 0, &output);
    bool built = false;
    if (status == -1) {
        ss_buf_printf(error, "cannot run the C compiler '%s' for %s: %s", command->argv[0], source,
                      strerror(errno));
    } else if (status != 0) {
        ss_buf_printf(error, "%s does not compile:\n%s", source, ss_buf_string(&output));
    } else {
        struct timespec times[2] = {start, start};
        log_warnings(source, &output);
        built = utimensat(AT_FDCWD, part, times, 0) == 0 && rename(part, object) == 0;
        if (!built) {
            ss_buf_printf(error, "cannot write %s: %s", object, strerror(errno));
        }
    }
    if (!built) {
        unlink(part);
    }
    ss_buf_free(&output);
    return built;
}

static void make_command(command_t *command, const char *source, const char *list,
                         const char *header_dir) {
    static const char *const fixed[] = {"-std=gnu11", "-O2", "-g", "-Wall", "-fPIC", "-shared"};
    command->copies[0] = copy_variable("CC", "cc");
    command->copies[1] = copy_variable("SS_CFLAGS", "");
    command->copies[2] = copy_variable("SS_LIBS", "");
    add_words(command, command->copies[0]);
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        add_word(command, fixed[i]);
    }
    add_words(command, command->copies[1]);
    add_word(command, "-I");
    add_word(command, header_dir);
    add_word(command, "-MD");
    add_word(command, "-MF");
    add_word(command, list);
    add_word(command, source);
    add_words(command, command->copies[2]);
}

bool ss_compile_ask(unsigned limit_ms, ss_buf_t *version, ss_buf_t *error) {
    command_t command = {.count = 0};
    command.copies[0] = copy_variable("CC", "cc");
    add_words(&command, command.copies[0]);
    add_word(&command, "--version");
    int status = ss_program_run(command.argv[0], command.argv, limit_ms, version);
    if (status == -1) {
        ss_buf_printf(error, "cannot run the C compiler '%s': %s", command.argv[0],
                      strerror(errno));
    } else if (status != 0) {
        ss_buf_printf(error, "the C compiler '%s' does not tell its version", command.argv[0]);
    }
    free(command.copies[0]);
    return status == 0;
}

static bool up_to_date(const char *object, const side_files_t *side, const command_t *command) {
    struct stat st;
    return stat(object, &st) == 0 && same_command(side->stamp.data, command) &&
           dependencies_older(side->list.data, &st.st_mtim);
}

/* The stamp is gone while the object may not be what it says. */
static bool rebuild(const char *source, const char *object, const side_files_t *side,
                    command_t *command, ss_buf_t *error) {
    unsigned words = command->count;
    add_word(command, "-o");
    add_word(command, side->part.data);
    if (command->too_long) {
        ss_buf_printf(error, "more than %d words in CC, SS_CFLAGS and SS_LIBS", WORDS_MAX);
        return false;
    }
    unlink(side->stamp.data);
    if (!ss_compile_make_folders(object, error) ||
        !build(source, object, side->part.data, command, error)) {
        return false;
    }
    command->count = words;
    if (!save_command(side->stamp.data, command)) {
        ss_buf_printf(error, "cannot write %s: %s", side->stamp.data, strerror(errno));
        return false;
    }
    return true;
}

bool ss_compile(const char *source, const char *object, const char *header_dir, ss_buf_t *error) {
    side_files_t side = {{0}, {0}, {0}};
    ss_buf_printf(&side.list, "%s.d", object);
    ss_buf_printf(&side.stamp, "%s.cmd", object);
    ss_buf_printf(&side.part, "%s.%ld", object, (long)getpid());
    ss_buf_string(&side.list);
    ss_buf_string(&side.stamp);
    ss_buf_string(&side.part);

    command_t command = {.count = 0};
    make_command(&command, source, side.list.data, header_dir);
    bool ready =
        up_to_date(object, &side, &command) || rebuild(source, object, &side, &command, error);

    for (size_t i = 0; i < sizeof command.copies / sizeof command.copies[0]; i++) {
        free(command.copies[i]);
    }
    ss_buf_free(&side.list);
    ss_buf_free(&side.stamp);
    ss_buf_free(&side.part);
    return ready;
}
