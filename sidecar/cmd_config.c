/* SPDX-License-Identifier: MIT
 *
 * `socketstream config`: prints the configuration as the other commands see it, whole or the value
 * of one key, as JSON.
 */
#include <stdio.h>

#include "args.h"
#include "config.h"

static int run(const ss_args_t *args) {
    const char *key = ss_args_operand(args, 0);
    char error[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load(args->app, error);
    const json_t *value;

    if (config == NULL) {
        fprintf(stderr, "socketstream: %s\n", error);
        return SS_EXIT_FAILED;
    }
    value = ss_config_get(config, key == NULL ? "" : key);
    if (value == NULL) {
        fprintf(stderr, "socketstream: there is no \"%s\" in the configuration\n", key);
    } else {
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        putchar('\n');
    }
    ss_config_destroy(config);
    return value == NULL ? SS_EXIT_FAILED : SS_EXIT_OK;
}

const ss_command_t ss_command_config = {
    .name = "config",
    .summary = "print the merged configuration",
    .about = "Prints the configuration of the environment SS_ENV as the application gets it, or "
             "the value of KEY, as JSON.",
    .operand = "[KEY]",
    .needs_app = true,
    .options = {SS_OPTION_APP},
    .examples =
        {
            {"socketstream config http.port", "one value"},
            {"SS_ENV=production socketstream config log", "what production would have"},
        },
    .run = run,
};
