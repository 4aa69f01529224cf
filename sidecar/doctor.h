/* SPDX-License-Identifier: MIT
 *
 * What the checks of `socketstream doctor` share: cmd_doctor.c runs them in order and prints what
 * they find, doctor_app.c looks at the application, doctor_programs.c at other programs,
 * doctor_redis.c at Redis, doctor_system.c at this machine, doctor_run.c at what runs.
 *
 * A check looks, and changes nothing that stays: it makes no file, and talks to others only to ask.
 * It gives one finding; what several are needed for is several checks.
 */
#ifndef SS_DOCTOR_H
#define SS_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include <hiredis/hiredis.h>

#include "buf.h"
#include "config.h"
#include "module.h"
#include "rundir.h"

#define SS_REDIS_LEAST "6"

typedef enum {
    SS_DOCTOR_GOOD,
    SS_DOCTOR_WARNING, /* it runs, but not as it should */
    SS_DOCTOR_ERROR,   /* it does not start, or not all of it works */
    SS_DOCTOR_SKIPPED, /* there is nothing to look at */
} ss_doctor_outcome_t;

typedef struct {
    ss_doctor_outcome_t outcome;
    ss_buf_t found;  /* a line, without a stop */
    ss_buf_t remedy; /* a line; empty for what is good or skipped */
} ss_finding_t;

/* What several checks need, gathered before the first. */
typedef struct {
    const char *app;     /* absolute, and the working directory */
    ss_config_t *config; /* NULL: it does not load */
    char config_error[SS_CONFIG_ERROR_MAX];
    bool production;
    bool development;
    bool runs_scripts; /* in hosts of ours */
    bool packs;        /* `start` runs the packer */
    ss_module_files_t files;
    ss_buf_t files_error; /* empty: they could be counted */
    ss_rundir_t dir;      /* all zero where the application's path is too long for it */
    pid_t runner;         /* the `socketstream start` that runs the application, 0: none */
    pid_t killed;         /* one that was there, and did not clean up */
    char nginx[PATH_MAX]; /* "": not found */
    ss_buf_t nginx_build; /* what it says of itself, by -V */
    redisContext *redis;  /* NULL: none, or it does not take us */
    ss_buf_t redis_info;  /* INFO of it, ended by a NUL */
} ss_doctor_t;

typedef struct {
    const char *name;
    bool without_config; /* it has something to say even where that does not load */
    void (*look)(ss_doctor_t *doctor, ss_finding_t *finding);
} ss_doctor_check_t;

/* Each ends with one without a name. */
extern const ss_doctor_check_t ss_doctor_app[];
extern const ss_doctor_check_t ss_doctor_programs[];
extern const ss_doctor_check_t ss_doctor_redis[];
extern const ss_doctor_check_t ss_doctor_system[];
extern const ss_doctor_check_t ss_doctor_run[];

/* What a check says, once. */
void ss_doctor_good(ss_finding_t *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ss_doctor_skip(ss_finding_t *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ss_doctor_bad(ss_finding_t *finding, ss_doctor_outcome_t outcome, const char *remedy,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same for a complaint that other commands print: "what: remedy", parted at the last ": ". */
void ss_doctor_complaint(ss_finding_t *finding, ss_doctor_outcome_t outcome, ss_buf_t *complaint);

/* For a remedy with something in it: appends to it. */
void ss_doctor_add_remedy(ss_finding_t *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of `name` in what Redis answers to INFO, up to the end of its line, or NULL; `len` is
 * its length. */
const char *ss_doctor_redis_value(const char *info, const char *name, size_t *len);

/* Whether the process is the application's: `runner`, or a descendant of it. */
bool ss_doctor_descends(pid_t pid, pid_t runner);

#endif
