/* SPDX-License-Identifier: MIT
 *
 * `socketstream doctor`: looks at everything that can be wrong with an application and with the
 * machine it is on, and says for each what was found, and what to do.
 *
 * Owns its row, the order of the checks, and how findings are printed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "doctor.h"
#include "log.h"
#include "packer.h"

static const ss_doctor_check_t *const groups[] = {
    ss_doctor_app, ss_doctor_programs, ss_doctor_redis, ss_doctor_system, ss_doctor_run,
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

static const struct {
    const char *word;
    const char *color;
} outcomes[] = {
    [SS_DOCTOR_GOOD] = {"ok", "\033[32m"},
    [SS_DOCTOR_WARNING] = {"warning", "\033[33m"},
    [SS_DOCTOR_ERROR] = {"error", "\033[31m"},
    [SS_DOCTOR_SKIPPED] = {"not applicable", "\033[2m"},
};
#define N_OUTCOMES (sizeof outcomes / sizeof outcomes[0])
#define PLAIN "\033[0m"

/* Where the findings go. */
typedef struct {
    json_t *list; /* NULL: they are printed as they come */
    bool paints;
    unsigned counts[N_OUTCOMES];
} report_t;

/* --- what checks share ----------------------------------------------------------------------- */

/* Alive, and one of ours: the number may be another's by now. */
static bool is_runner(pid_t pid) {
    char path[64];
    char name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL) {
            name[0] = '\0';
        }
        fclose(file);
    }
    return strcmp(name, "socketstream\n") == 0;
}

/* What runs may have been given another port by --port. */
static void take_port(const ss_doctor_t *doctor) {
    char text[16];
    snprintf(text, sizeof text, "%d", doctor->dir.port);
    if (doctor->runner != 0 && doctor->dir.port != 0) {
        setenv("SS__http__port", text, 1);
    }
}

static void gather(ss_doctor_t *doctor) {
    pid_t pid = 0;
    if (!ss_rundir_look(&doctor->dir, doctor->app, &pid)) {
        doctor->dir = (ss_rundir_t){0};
    }
    *(is_runner(pid) ? &doctor->runner : &doctor->killed) = pid;
    take_port(doctor);
    doctor->config = ss_config_load(doctor->app, doctor->config_error);
    ss_module_count(doctor->app, &doctor->files, &doctor->files_error);
    if (doctor->config != NULL) {
        const char *env = ss_config_env(doctor->config);
        doctor->production = strcmp(env, "production") == 0;
        doctor->development = strcmp(env, "development") == 0;
        doctor->runs_scripts =
            doctor->files.scripts != 0 && ss_config_integer(doctor->config, "hosts") != 0;
        doctor->packs =
            ss_packer_needed(doctor->app) && !ss_config_boolean(doctor->config, "pack_assets");
    }
}

static void finish(ss_doctor_t *doctor) {
    if (doctor->redis != NULL) {
        redisFree(doctor->redis);
    }
    ss_buf_free(&doctor->files_error);
    ss_buf_free(&doctor->nginx_build);
    ss_buf_free(&doctor->redis_info);
    ss_config_destroy(doctor->config);
}

/* --- printing -------------------------------------------------------------------------------- */

static const char *color(const report_t *report, const char *sequence) {
    return report->paints ? sequence : "";
}

/* Names of files and words of other programs are in it: nothing of them may steer a terminal. */
static void print_text(ss_buf_t *text) {
    char *escaped = ss_alloc(4 * text->len + 1);
    ss_log_escape(escaped, 4 * text->len + 1, ss_buf_string(text), text->len);
    puts(escaped);
    free(escaped);
}

static void print_finding(const report_t *report, const char *name, ss_finding_t *finding) {
    printf("%s%-14s%s  %-18s  ", color(report, outcomes[finding->outcome].color),
           outcomes[finding->outcome].word, color(report, PLAIN), name);
    print_text(&finding->found);
    if (finding->remedy.len != 0) {
        printf("%36s", "-> ");
        print_text(&finding->remedy);
    }
    fflush(stdout);
}

static json_t *json_text(ss_buf_t *text) {
    ss_buf_t quoted = {0};
    ss_buf_json_string(&quoted, ss_buf_string(text), text->len);
    json_t *value = json_loads(ss_buf_string(&quoted), JSON_DECODE_ANY, NULL);
    ss_buf_free(&quoted);
    return value;
}

static void take(report_t *report, const char *name, ss_finding_t *finding) {
    report->counts[finding->outcome]++;
    if (report->list == NULL) {
        print_finding(report, name, finding);
        return;
    }
    json_array_append_new(
        report->list,
        json_pack("{s:s, s:s, s:o, s:o}", "name", name, "outcome", outcomes[finding->outcome].word,
                  "found", json_text(&finding->found), "remedy",
                  finding->remedy.len == 0 ? json_null() : json_text(&finding->remedy)));
}

static void print_sum(const report_t *report) {
    const unsigned *counts = report->counts;
    printf("\n%u ok, %u warning%s, %u error%s, %u not applicable\n", counts[SS_DOCTOR_GOOD],
           counts[SS_DOCTOR_WARNING], counts[SS_DOCTOR_WARNING] == 1 ? "" : "s",
           counts[SS_DOCTOR_ERROR], counts[SS_DOCTOR_ERROR] == 1 ? "" : "s",
           counts[SS_DOCTOR_SKIPPED]);
}

static void print_json(const ss_doctor_t *doctor, report_t *report) {
    const char *env = doctor->config == NULL ? NULL : ss_config_env(doctor->config);
    json_t *all = json_pack("{s:s, s:s?, s:b, s:i, s:i, s:O}", "application", doctor->app,
                            "environment", env, "healthy", report->counts[SS_DOCTOR_ERROR] == 0,
                            "errors", (int)report->counts[SS_DOCTOR_ERROR], "warnings",
                            (int)report->counts[SS_DOCTOR_WARNING], "checks", report->list);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

/* --- the command ----------------------------------------------------------------------------- */

static void look(ss_doctor_t *doctor, const ss_doctor_check_t *check, report_t *report) {
    ss_finding_t finding = {.outcome = SS_DOCTOR_GOOD};
    if (doctor->config == NULL && !check->without_config) {
        ss_doctor_skip(&finding, "not looked at: the configuration does not load");
    } else {
        check->look(doctor, &finding);
    }
    take(report, check->name, &finding);
    ss_buf_free(&finding.found);
    ss_buf_free(&finding.remedy);
}

static int run(const ss_args_t *args) {
    static ss_doctor_t doctor;
    report_t report = {0};
    doctor.app = args->app;
    if (chdir(args->app) != 0) {
        fprintf(stderr, "socketstream: %s: %s: give yourself access to it\n", args->app,
                strerror(errno));
        return SS_EXIT_FAILED;
    }
    signal(SIGPIPE, SIG_IGN);
    gather(&doctor);
    if (ss_args_get(args, "json") != NULL) {
        report.list = json_array();
    }
    report.paints = (doctor.config == NULL || ss_config_boolean(doctor.config, "enable_color")) &&
                    ss_log_paintable(STDOUT_FILENO);
    for (size_t i = 0; i < N_GROUPS; i++) {
        for (const ss_doctor_check_t *check = groups[i]; check->name != NULL; check++) {
            look(&doctor, check, &report);
        }
    }
    if (report.list != NULL) {
        print_json(&doctor, &report);
    } else {
        print_sum(&report);
    }
    json_decref(report.list);
    finish(&doctor);
    return report.counts[SS_DOCTOR_ERROR] == 0 ? SS_EXIT_OK : SS_EXIT_FAILED;
}

const ss_command_t ss_command_doctor = {
    .name = "doctor",
    .summary = "find what is wrong with an application or its machine",
    .about = "Looks at the configuration of the environment SS_ENV, at the programs and the Redis "
             "that it names, at ports, certificates, files, limits and the kernel, and at what "
             "runs; says for each check what was found, and what to do. Changes nothing, whether "
             "the application runs or not. The status is 1 when there is an error; a warning is "
             "none.",
    .needs_app = true,
    .any_version = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "json", .meaning = "for programs"},
        },
    .examples =
        {
            {"SS_ENV=production socketstream doctor", "before the first start on a server"},
            {"socketstream doctor --json | jq -r '.checks[] | select(.remedy) | .remedy'",
             "what to do, alone"},
        },
    .run = run,
};
