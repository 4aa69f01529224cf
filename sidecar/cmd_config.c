/* SPDX-License-Identifier: MIT
 *
 * `socketstream config`: prints the configuration as the other commands see it: a table for people,
 * JSON for programs, and what may be configured as Markdown.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "config_print.h"
#include "config_table.h"
#include "nearest.h"

#define KEY_NEAREST 3 /* letters that a key may be off */

static unsigned terminal_width(void) {
    struct winsize size;

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int refuse_key(const char *key) {
    ss_nearest_t nearest = ss_nearest_to(key, KEY_NEAREST);

    for (size_t i = 0; i < ss_config_n_keys; i++) {
        ss_nearest_offer(&nearest, ss_config_keys[i].path);
    }
    if (nearest.best == NULL) {
        fprintf(stderr,
                "socketstream: there is no \"%s\" in the configuration; `socketstream config` "
                "lists all\n",
                key);
    } else {
        fprintf(stderr,
                "socketstream: there is no \"%s\" in the configuration; did you mean "
                "\"%s\"?\n",
                key, nearest.best);
    }
    return SS_EXIT_FAILED;
}

static int print_json(const ss_config_t *config, const char *key) {
    const json_t *value = ss_config_get(config, key);

    if (value == NULL) {
        return refuse_key(key);
    }
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    putchar('\n');
    return SS_EXIT_OK;
}

static int print(const ss_args_t *args, const char *key) {
    char error[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load(args->app, error);
    int status = SS_EXIT_OK;

    if (config == NULL) {
        fprintf(stderr, "socketstream: %s\n", error);
        return SS_EXIT_FAILED;
    }
    if (ss_args_get(args, "json") != NULL || key != NULL) {
        status = print_json(config, key == NULL ? "" : key);
    } else {
        ss_config_print_table(config, stdout, terminal_width());
    }
    ss_config_destroy(config);
    return status;
}

static int run(const ss_args_t *args) {
    const char *key = ss_args_operand(args, 0);

    if (ss_args_get(args, "markdown") == NULL) {
        return print(args, key);
    }
    if (ss_args_get(args, "json") != NULL || key != NULL) {
        return ss_args_refuse(args->command, "--markdown goes with neither --json nor a KEY");
    }
    ss_config_print_markdown(stdout);
    return SS_EXIT_OK;
}

const ss_command_t ss_command_config = {
    .name = "config",
    .summary = "print the configuration: values, where from, meanings",
    .about = "Prints every key of the configuration of the environment SS_ENV with its value, "
             "where that came from, and what it means; or, as JSON, the value of KEY.",
    .operand = "[KEY]",
    .needs_app = true,
    .options =
        {
            SS_OPTION_APP,
            {.name = "json", .meaning = "everything as JSON, which hides no passwords"},
            {.name = "markdown",
             .meaning = "all keys that there are, as in docs/CONFIGURATION.md",
             .without_app = true},
        },
    .examples =
        {
            {"socketstream config", "the table"},
            {"SS_ENV=production socketstream config log.level", "one value"},
            {"socketstream config --json | jq .client", "for programs"},
        },
    .run = run,
};
