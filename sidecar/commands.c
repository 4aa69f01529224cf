/* SPDX-License-Identifier: MIT
 *
 * The list of commands, and how one is found by its name.
 */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"

#define WORD_SHOWN 32  /* bytes of an unknown word that are repeated */
#define NEAREST_MOST 2 /* further away it is no slip of the fingers */

const ss_command_t *const ss_commands[] = {
    &ss_command_new,
    &ss_command_start,
    &ss_command_sidecar,
    &ss_command_pack,
    &ss_command_console,
    &ss_command_config,
    &ss_command_routes,
    &ss_command_types,
    &ss_command_certs,
    &ss_command_doctor,
    &ss_command_version,
    &ss_command_help,
    NULL,
};

const ss_command_t *ss_command_find(const char *word) {
    ss_nearest_t nearest = ss_nearest_to(word, NEAREST_MOST);

    for (size_t i = 0; ss_commands[i] != NULL; i++) {
        const ss_command_t *c = ss_commands[i];

        if (strcmp(word, c->name) == 0 || (c->alias != NULL && strcmp(word, c->alias) == 0)) {
            return c;
        }
        ss_nearest_offer(&nearest, c->name);
    }
    fprintf(stderr, "socketstream: there is no command \"%.*s\"", WORD_SHOWN, word);
    if (nearest.best != NULL) {
        fprintf(stderr, "; did you mean \"%s\"?\n", nearest.best);
    } else {
        fputs("; `socketstream help` lists them\n", stderr);
    }
    return NULL;
}
