/* SPDX-License-Identifier: MIT
 *
 * The sidecar's log: readable lines on a terminal, one JSON object a line elsewhere.
 *
 * Every line is escaped as a whole, so that nothing from outside can forge or break one.  Lines
 * are gathered and written once per turn of the loop; warnings and errors leave at once.
 *
 * Levels: 0 only what is broken; 1 also one line for each call; 2 with its params; 3 with its
 * result, and clients that come and go; 4 everything.  In JSON lines params and results appear at
 * level 4 only, since those lines are kept.
 */
#ifndef SS_LOG_H
#define SS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/socketstream.h"
#include "result.h"
#include "ss_wire.h"

#define SS_LOG_LEVEL_MAX 4
#define SS_LOG_PAYLOAD_MAX 200 /* bytes of params or result shown */

typedef enum {
    SS_LOG_FORMAT_AUTO, /* by what the log is written to */
    SS_LOG_FORMAT_PRETTY,
    SS_LOG_FORMAT_JSON,
} ss_log_format_t;

/* Without colours, wherever the log goes; counts from the next ss_log_open() on.  They are on at
 * first, on terminals, unless the variable NO_COLOR is there. */
void ss_log_allow_color(bool allow);

/* Opens the log: `path`, or standard error when NULL.  false with errno when it cannot. */
bool ss_log_open(const char *path, int level, ss_log_format_t format);

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

/* One line about a finished call. */
typedef struct {
    const char *action;
    const char *transport;
    const char *address;
    double ms;
    int code; /* 0: answered with a result, else the error's code */
} ss_log_call_t;

void ss_log_call(const ss_log_call_t *call);

/* One line with a call's params or result, if that is no longer than SS_LOG_PAYLOAD_MAX. */
void ss_log_payload(const char *action, const char *what, const ss_result_t *value);

/* Escapes control characters and what is not UTF-8 as \xNN into `out` and ends it with a NUL;
 * cut at `cap`.  Gives the bytes written without the NUL. */
size_t ss_log_escape(char *out, size_t cap, const char *text, size_t len);

#endif
