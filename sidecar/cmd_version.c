/* SPDX-License-Identifier: MIT
 *
 * `socketstream version`: this program's, and those of the libraries it runs with, which may be
 * others than it was built with.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <openssl/crypto.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <uv.h>

#include "args.h"
#include "include/socketstream.h"

/* hiredis does not tell at run time. */
#define TEXT_OF(number) #number
#define DOTTED(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

#define LIBRARIES 5
#define VERSION_MAX 64

static const char *const names[LIBRARIES] = {"libuv", "hiredis", "jansson", "PCRE2", "OpenSSL"};

static void read_versions(char versions[LIBRARIES][VERSION_MAX]) {
    char pcre2[VERSION_MAX] = "";
    pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    const char *const texts[LIBRARIES] = {
        uv_version_string(),
        DOTTED(HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH),
        jansson_version_str(),
        pcre2,
        OpenSSL_version(OPENSSL_VERSION_STRING),
    };
    for (size_t i = 0; i < LIBRARIES; i++) {
        /* The date behind it, which PCRE2 adds, stays away. */
        snprintf(versions[i], VERSION_MAX, "%.*s", (int)strcspn(texts[i], " "), texts[i]);
    }
}

static int run(const ss_args_t *args) {
    char versions[LIBRARIES][VERSION_MAX];
    read_versions(versions);
    if (ss_args_get(args, "json") == NULL) {
        puts("socketstream " SS_VERSION);
        for (size_t i = 0; i < LIBRARIES; i++) {
            printf("%-9s %s\n", names[i], versions[i]);
        }
        return SS_EXIT_OK;
    }
    json_t *all = json_pack("{s:s}", "socketstream", SS_VERSION);
    for (size_t i = 0; i < LIBRARIES; i++) {
        json_object_set_new(all, names[i], json_string(versions[i]));
    }
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return SS_EXIT_OK;
}

const ss_command_t ss_command_version = {
    .name = "version",
    .alias = "v",
    .summary = "print the version, and those of the libraries",
    .about = "Prints the version on the first line, and behind it those of the libraries that the "
             "program runs with.",
    .options = {{.name = "json", .meaning = "as an object of JSON"}},
    .examples =
        {
            {"socketstream version", "what to tell when something is wrong"},
            {"socketstream version --json", "the same for a program"},
        },
    .run = run,
};
