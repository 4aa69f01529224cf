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
    bool color_allowed;
    size_t len;
    char gathered[GATHER_BYTES];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .level = 1, .color_allowed = true};

int ss_log_level(void) { return out.level; }

bool ss_log_payloads(int level) { return out.level >= (out.json ? SS_LOG_LEVEL_MAX : level); }

void ss_log_allow_color(bool allow) { out.color_allowed = allow; }

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
    out.color = out.color_allowed && !out.json && isatty(fd) && getenv("NO_COLOR") == NULL;
    pthread_mutex_unlock(&out.lock);
    return true;
}

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
    memcpy(out.gathered + out.len, line, len);
    out.len += len;
    if (at_once) {
        flush_locked();
    }
    pthread_mutex_unlock(&out.lock);
}

static size_t stamp(char *to, size_t cap) {
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    int ms = (int)(now.tv_nsec / 1000000);
    if (out.json) {
        gmtime_r(&now.tv_sec, &tm);
        return (size_t)snprintf(to, cap, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                                tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                                tm.tm_sec, ms);
    }
    localtime_r(&now.tv_sec, &tm);
    return (size_t)snprintf(to, cap, "%02d:%02d:%02d.%03d ", tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}

/* `text` was escaped before; in JSON its backslashes and quotes are escaped once more. */
static void write_line(ss_log_severity severity, const char *text, size_t len) {
    char line[2 * LINE_MAX_BYTES + 256];
    size_t at = stamp(line, sizeof line);
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

typedef size_t (*escape_fn)(char *to, size_t cap, const char *text, size_t len);

static void log_message(ss_log_severity severity, escape_fn escape, const char *format,
                        va_list args) {
    if ((unsigned)severity > SS_LOG_DEBUG || out.level < severities[severity].level) {
        return;
    }
    char raw[LINE_MAX_BYTES];
    char text[LINE_MAX_BYTES];
    int n = vsnprintf(raw, sizeof raw, format, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    write_line(severity, text, escape(text, sizeof text, raw, len));
}

void ss_log(ss_log_severity severity, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_message(severity, ss_log_escape, format, args);
    va_end(args);
}

void ss_log_lines(ss_log_severity severity, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_message(severity, escape_lines, format, args);
    va_end(args);
}

void ss_log_call(const ss_log_call_t *call) {
    char line[1024];
    size_t at = stamp(line, sizeof line);
    const char *format =
        out.json
            ? ",\"level\":\"info\",\"message\":\"call\",\"action\":\"%s\",\"transport\":\"%s\","
              "\"address\":\"%s\",\"ms\":%.3f,\"code\":%d}\n"
            : "call    %s  %s %s  %.3f ms  ";
    char address[256];
    ss_log_escape(address, sizeof address, call->address, strlen(call->address));
    /* Names of actions hold letters, digits and _ $ - . only; an address may hold anything. */
    for (char *p = address; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            *p = '?';
        }
    }
    at += (size_t)snprintf(line + at, sizeof line - at, format, call->action, call->transport,
                           address, call->ms, call->code);
    if (!out.json) {
        at += call->code == 0
                  ? (size_t)snprintf(line + at, sizeof line - at, "ok\n")
                  : (size_t)snprintf(line + at, sizeof line - at, "error %d\n", call->code);
    }
    append(line, at < sizeof line ? at : sizeof line - 1, false);
}

void ss_log_payload(const char *action, const char *what, const ss_result_t *value) {
    ss_buf_t raw = {0};
    char text[LINE_MAX_BYTES];
    size_t at = (size_t)snprintf(text, sizeof text, "%s %s ", action, what);
    if (ss_result_write(&raw, value, SS_LOG_PAYLOAD_MAX) == SS_JSON_WRITTEN) {
        at += ss_log_escape(text + at, sizeof text - at, raw.data, raw.len);
    } else {
        at += (size_t)snprintf(text + at, sizeof text - at, "(too long to show)");
    }
    ss_buf_free(&raw);
    write_line(SS_LOG_INFO, text, at);
}
