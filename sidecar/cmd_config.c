/* SPDX-License-Identifier: MIT
 *
 * `socketstream config`: prints the configuration as the other commands see it: a table for people,
 * JSON for programs, and what may be configured as Markdown.
 */
#include "cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config.h"
#include "config_print.h"

static const char usage[] = "usage: socketstream config [--app DIR] [--json] [KEY]\n"
                            "       socketstream config --markdown\n"
                            "\n"
                            "Prints every key of the configuration of SS_ENV with its value, where "
                            "that came from, and what\n"
                            "it means; or, as JSON, the value of KEY such as http.port.\n"
                            "\n"
                            "  --app DIR    the application's folder; this one when not given\n"
                            "  --json       everything as JSON, which hides no passwords\n"
                            "  --markdown   all keys that there are, as in docs/CONFIGURATION.md\n"
                            "\n"
                            "Examples:\n"
                            "  socketstream config\n"
                            "  SS_ENV=production socketstream config log.level\n"
                            "  socketstream config --json | jq .client\n";

typedef struct {
    const char *app;
    const char *key; /* NULL: all */
    bool json;
    bool markdown;
} asked_t;

static unsigned terminal_width(void) {
    struct winsize size;

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int print_json(const ss_config_t *config, const char *key) {
    const json_t *value = ss_config_get(config, key);

    if (value == NULL) {
        fprintf(stderr, "socketstream: there is no \"%s\" in the configuration\n", key);
        return SS_EXIT_FAILED;
    }
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    putchar('\n');
    return SS_EXIT_OK;
}

static int print(const asked_t *asked) {
    char error[SS_CONFIG_ERROR_MAX];
    ss_config_t *config = ss_config_load(asked->app, error);
    int status = SS_EXIT_OK;

    if (config == NULL) {
        fprintf(stderr, "socketstream: %s\n", error);
        return SS_EXIT_FAILED;
    }
    if (asked->json || asked->key != NULL) {
        status = print_json(config, asked->key == NULL ? "" : asked->key);
    } else {
        ss_config_print_table(config, stdout, terminal_width());
    }
    ss_config_destroy(config);
    return status;
}

/* -1: go on; else the status to end with. */
static int parse(int argc, char **argv, asked_t *asked) {
    static const struct option options[] = {
        {"app", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"markdown", no_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return SS_EXIT_OK;
        }
        if (option == '?') {
            fputs(usage, stderr);
            return SS_EXIT_USAGE;
        }
        asked->app = option == 'a' ? optarg : asked->app;
        asked->json = asked->json || option == 'j';
        asked->markdown = asked->markdown || option == 'm';
    }
    asked->key = optind < argc ? argv[optind] : NULL;
    if (argc - optind > 1 || (asked->markdown && (asked->json || asked->key != NULL))) {
        fputs(usage, stderr);
        return SS_EXIT_USAGE;
    }
    return -1;
}

int ss_cmd_config(int argc, char **argv) {
    asked_t asked = {.app = "."};
    int status = parse(argc, argv, &asked);

    if (status >= 0) {
        return status;
    }
    if (asked.markdown) {
        ss_config_print_markdown(stdout);
        return SS_EXIT_OK;
    }
    return print(&asked);
}
