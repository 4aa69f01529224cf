/* SPDX-License-Identifier: MIT
 *
 * See log.h.  The lock makes ss_log() usable from the thread pool; everything else runs on the
 * loop's thread.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json_writer.h"
#include "ss_json.h"
#include "ss_utf8.h"

#define LINE_MAX_BYTES 4096
#define GATHER_BYTES 65536
#define STAMP_MAX 64

static const struct {
    const char *name;
    const char *color;
    int level; /* shown from this log level on */
} severities[] = {
    [SS_LOG_ERROR] = {"error", "\033[31m", 0},   [SS_LOG_WARNING] = {"warning", "\033[33m", 0},
    [SS_LOG_NOTICE] = {"notice", "\033[36m", 1}, [SS_LOG_INFO] = {"info", "", 3},
    [SS_LOG_DEBUG] = {"debug", "\033[2m", 4},
};

static struct {
    pthread_mutex_t lock;
    char *path; /* NULL: standard error */
    int fd;
    int level;
    bool json;
    bool color;
    size_t len;
    char gathered[GATHER_BYTES];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .level = 1};

int ss_log_level(void) { return out.level; }

bool ss_log_payloads(int level) { return out.level >= (out.json ? SS_LOG_LEVEL_MAX : level); }

bool ss_log_is_json(void) { return out.json; }

const char *ss_log_color(const char *sequence) { return out.color ? sequence : ""; }

bool ss_log_format(const char *name, ss_log_format_t *format) {
    static const char *const names[] = {"auto", "pretty", "json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *format = (ss_log_format_t)i;
            return true;
        }
    }
    return false;
}

bool ss_log_paintable(int fd) {
    const char *no_color = getenv("NO_COLOR"); /* of no-color.org: set, and not empty */
    return isatty(fd) && (no_color == NULL || *no_color == '\0');
}

static int open_file(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

bool ss_log_open(const char *path, int level, ss_log_format_t format) {
    int fd = path == NULL ? STDERR_FILENO : open_file(path);
    if (fd < 0) {
        return false;
    }
    pthread_mutex_lock(&out.lock);
    if (out.path != NULL) {
        close(out.fd);
        free(out.path);
    }
    out.fd = fd;
    out.path = path == NULL ? NULL : strdup(path);
    out.level = level;
    out.json = format == SS_LOG_FORMAT_JSON || (format == SS_LOG_FORMAT_AUTO && !isatty(fd));
    out.color = !out.json && ss_log_paintable(fd);
    pthread_mutex_unlock(&out.lock);
    return true;
}

void ss_log_paint(bool colored) { out.color = colored && !out.json; }

/* A log that cannot be written must not stop the service: what does not fit is lost. */
static void flush_locked(void) {
    size_t done = 0;
    while (done < out.len) {
        ssize_t n = write(out.fd, out.gathered + done, out.len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    out.len = 0;
}

void ss_log_flush(void) {
    /* Without the lock: a line added meanwhile leaves at the end of the next turn. */
    if (__atomic_load_n(&out.len, __ATOMIC_RELAXED) == 0) {
        return;
    }
    pthread_mutex_lock(&out.lock);
    flush_locked();
    pthread_mutex_unlock(&out.lock);
}

void ss_log_reopen(void) {
    pthread_mutex_lock(&out.lock);
    flush_locked();
    if (out.path != NULL) {
        int fd = open_file(out.path);
        if (fd >= 0) {
            close(out.fd);
            out.fd = fd;
        }
    }
    pthread_mutex_unlock(&out.lock);
}

/* Length of the valid UTF-8 sequence at `text`, 0 when there is none or it is a control. */
static size_t printable(const unsigned char *text, size_t len) {
    unsigned char c = text[0];
    if (c < 0x80) {
        return c >= 0x20 && c != 0x7f;
    }
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (n > len || !ss_utf8_valid(text, n)) {
        return 0;
    }
    return c == 0xc2 && text[1] < 0xa0 ? 0 : n; /* C1 controls steer terminals too */
}

size_t ss_log_escape(char *to, size_t cap, const char *text, size_t len) {
    size_t at = 0;
    for (size_t i = 0; i < len;) {
        size_t n = printable((const unsigned char *)text + i, len - i);
        size_t need = n == 0 ? 4 : n;
        if (at + need >= cap) {
            break;
        }
        if (n == 0) {
            at += (size_t)snprintf(to + at, cap - at, "\\x%02x", (unsigned char)text[i]);
            i++;
        } else {
            memcpy(to + at, text + i, n);
            at += n;
            i += n;
        }
    }
    to[at] = '\0';
    return at;
}

static void append(const char *line, size_t len, bool at_once) {
    pthread_mutex_lock(&out.lock);
    if (out.len + len > sizeof out.gathered) {
        flush_locked();
    }
    len = len < sizeof out.gathered ? len : sizeof out.gathered;
    memcpy(out.gathered + out.len, line, len);
    out.len += len;
    if (at_once) {
        flush_locked();
    }
    pthread_mutex_unlock(&out.lock);
}

/* The time down to the second costs a conversion, so each thread keeps the last. */
static size_t stamp(char to[STAMP_MAX]) {
    static _Thread_local time_t second = -1;
    static _Thread_local bool was_json;
    static _Thread_local char text[STAMP_MAX];
    static _Thread_local size_t len;
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second || was_json != out.json) {
        second = now.tv_sec;
        was_json = out.json;
        len = out.json ? strftime(text, sizeof text, "{\"time\":\"%Y-%m-%dT%H:%M:%S.000Z\"",
                                  gmtime_r(&second, &tm))
                       : strftime(text, sizeof text, "%H:%M:%S.000 ", localtime_r(&second, &tm));
    }
    long ms = now.tv_nsec / 1000000;
    char *digits = to + len - (out.json ? strlen("000Z\"") : strlen("000 "));
    memcpy(to, text, len);
    digits[0] = (char)('0' + ms / 100);
    digits[1] = (char)('0' + ms / 10 % 10);
    digits[2] = (char)('0' + ms % 10);
    return len;
}

/* `text` was escaped before; in JSON its backslashes and quotes are escaped once more. */
static void write_line(ss_log_severity severity, const char *text, size_t len) {
    char line[2 * LINE_MAX_BYTES + 256];
    size_t at = stamp(line);
    if (out.json) {
        at += (size_t)snprintf(line + at, sizeof line - at, ",\"level\":\"%s\",\"message\":\"",
                               severities[severity].name);
        at += ss_json_escape(line + at, 2 * LINE_MAX_BYTES, text, len);
        memcpy(line + at, "\"}\n", 3);
        at += 3;
    } else {
        const char *color = out.color ? severities[severity].color : "";
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%-7s%s ", color,
                               severities[severity].name, *color == '\0' ? "" : "\033[0m");
        memcpy(line + at, text, len);
        at += len;
        line[at++] = '\n';
    }
    append(line, at, severity <= SS_LOG_WARNING);
}

/* A message of several lines, such as a stack, stays readable: JSON has an escape for the break; in
 * text what follows is indented, so that it cannot pass for a line of ours. */
static size_t escape_lines(char *to, size_t cap, const char *text, size_t len) {
    const char *brk = out.json ? "\n" : "\n        ";
    size_t brk_len = strlen(brk);
    size_t at = 0;
    for (;;) {
        const char *end = memchr(text, '\n', len);
        size_t n = end == NULL ? len : (size_t)(end - text);
        at += ss_log_escape(to + at, cap - at, text, n);
        if (end == NULL || at + brk_len >= cap) {
            return at;
        }
        memcpy(to + at, brk, brk_len);
        at += brk_len;
        text += n + 1;
        len -= n + 1;
    }
}

void ss_log_begin_call(ss_buf_t *line) {
    line->len = 0;
    line->len = stamp(ss_buf_reserve(line, STAMP_MAX));
    if (out.json) {
        ss_buf_literal(line, ",\"level\":\"info\",\"message\":\"call\"");
    } else {
        ss_buf_literal(line, "call    ");
    }
}

void ss_log_end_call(ss_buf_t *line) {
    ss_buf_append(line, out.json ? "}\n" : "\n", out.json ? 2 : 1);
    append(line->data, line->len, false);
}

typedef size_t (*escape_fn)(char *to, size_t cap, const char *text, size_t len);

static void log_message(ss_log_severity severity, escape_fn escape, const char *format,
                        va_list args) {
    char raw[LINE_MAX_BYTES];
    char text[LINE_MAX_BYTES];
    int n = vsnprintf(raw, sizeof raw, format, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    write_line(severity, text, escape(text, sizeof text, raw, len));
}

static bool is_shown(ss_log_severity severity) {
    return (unsigned)severity <= SS_LOG_DEBUG && out.level >= severities[severity].level;
}

void ss_log(ss_log_severity severity, const char *format, ...) {
    va_list args;
    if (is_shown(severity)) {
        va_start(args, format);
        log_message(severity, ss_log_escape, format, args);
        va_end(args);
    }
}

void ss_log_info(const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_message(SS_LOG_INFO, ss_log_escape, format, args);
    va_end(args);
}

void ss_log_lines(ss_log_severity severity, const char *format, ...) {
    va_list args;
    if (is_shown(severity)) {
        va_start(args, format);
        log_message(severity, escape_lines, format, args);
        va_end(args);
    }
}
