/* SPDX-License-Identifier: MIT
 *
 * See shell_word.h.  Inside a shell's single quotes nothing means anything but their end.
 */
#include "shell_word.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Bytes of UTF-8 above ASCII are part of words. */
static bool is_plain(const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x80 && !isalnum((unsigned char)*c) &&
            strchr("/._-+,:@%", *c) == NULL) {
            return false;
        }
    }
    return *text != '\0';
}

void ss_shell_word(ss_buf_t *out, const char *text) {
    if (is_plain(text)) {
        ss_buf_append(out, text, strlen(text));
        return;
    }
    ss_buf_literal(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            ss_buf_literal(out, "'\\''");
        } else {
            ss_buf_append(out, text, 1);
        }
    }
    ss_buf_literal(out, "'");
}
