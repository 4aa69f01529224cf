/* SPDX-License-Identifier: MIT
 *
 * `socketstream config`: prints the configuration as the other commands see it, whole or the value
 * of one key, as JSON.
 */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "config.h"

static const char usage[] =
    "usage: socketstream config [--app DIR] [KEY]\n"
    "\n"
    "Prints the merged configuration of SS_ENV, or the value of KEY such as http.port.\n";

int ss_cmd_config(int argc, char **argv) {
    static const struct option options[] = {
        {"app", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    char error[SS_CONFIG_ERROR_MAX];
    const char *app = ".";
    ss_config_t *config;
    const json_t *value;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return SS_EXIT_OK;
        }
        if (option != 'a') {
            fputs(usage, stderr);
            return SS_EXIT_USAGE;
        }
        app = optarg;
    }
    if (argc - optind > 1) {
        fputs(usage, stderr);
        return SS_EXIT_USAGE;
    }
    config = ss_config_load(app, error);
    if (config == NULL) {
        fprintf(stderr, "socketstream: %s\n", error);
        return SS_EXIT_FAILED;
    }
    value = ss_config_get(config, argc > optind ? argv[optind] : "");
    if (value == NULL) {
        fprintf(stderr, "socketstream: there is no \"%s\" in the configuration\n", argv[optind]);
    } else {
        json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        putchar('\n');
    }
    ss_config_destroy(config);
    return value == NULL ? SS_EXIT_FAILED : SS_EXIT_OK;
}
