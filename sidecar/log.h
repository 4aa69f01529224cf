/* SPDX-License-Identifier: MIT
 *
 * The sidecar's log: readable lines on a terminal, one JSON object a line elsewhere.
 *
 * Every line is escaped as a whole, so that nothing from outside can forge or break one.  Lines
 * are gathered and written once per turn of the loop; warnings and errors leave at once.
 *
 * Levels: 0 only what is broken; 1 also one line for each call; 2 with its params; 3 with its
 * result, what is published, and clients that come and go; 4 everything.  JSON lines are kept, so
 * params, results and the ids of sessions appear in them at level 4 only.
 */
#ifndef SS_LOG_H
#define SS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/socketstream.h"
#include "buf.h"

#define SS_LOG_LEVEL_MAX 4

typedef enum {
    SS_LOG_FORMAT_AUTO, /* by what the log is written to */
    SS_LOG_FORMAT_PRETTY,
    SS_LOG_FORMAT_JSON,
} ss_log_format_t;

/* Opens the log: `path`, or standard error when NULL.  Readable lines are coloured where
 * ss_log_paintable() says so.  false with errno when it cannot. */
bool ss_log_open(const char *path, int level, ss_log_format_t format);

/* Colours readable lines, or does not, wherever they go. */
void ss_log_paint(bool colored);

/* What to say of a bad log.format. */
#define SS_LOG_FORMAT_REFUSED                                                                      \
    "log.format must be \"auto\", \"pretty\" or \"json\", but is \"%.40s\""

/* "auto", "pretty" or "json"; false when the name is none of these. */
bool ss_log_format(const char *name, ss_log_format_t *format);

/* Whether what is written there may be coloured: a terminal, and no NO_COLOR. */
bool ss_log_paintable(int fd);

/* Opens the file anew, after it was rotated away.  Nothing to do for standard error. */
void ss_log_reopen(void);

/* Writes what was gathered.  Called once per turn of the loop. */
void ss_log_flush(void);

int ss_log_level(void);

/* true when call lines are to show params or results at `level`. */
bool ss_log_payloads(int level);

/* ss_log() for a message of several lines, such as a stack: in JSON it stays one line, in text
 * those that follow the first are indented. */
void ss_log_lines(ss_log_severity severity, const char *format, ...) SS_PRINTF(2, 3);

/* ss_log() with SS_LOG_INFO, whatever the level: the caller has looked at it. */
void ss_log_info(const char *format, ...) SS_PRINTF(1, 2);

/* For log_call.c, which puts the lines of calls together: the beginning of one, in place of what
 * `line` held, and its end.  In JSON the members of an object come in between, each with a comma
 * before it; all of it must have been escaped. */
void ss_log_begin_call(ss_buf_t *line);
void ss_log_end_call(ss_buf_t *line);

bool ss_log_is_json(void);

/* The escape sequence where lines are coloured, else "". */
const char *ss_log_color(const char *sequence);

/* Escapes control characters and what is not UTF-8 as \xNN into `out` and ends it with a NUL;
 * cut at `cap`.  Gives the bytes written without the NUL. */
size_t ss_log_escape(char *out, size_t cap, const char *text, size_t len);

#endif
