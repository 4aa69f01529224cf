/* SPDX-License-Identifier: MIT
 *
 * A text as one word of a shell's command line, for commands that we show, to be copied.
 */
#ifndef SS_SHELL_WORD_H
#define SS_SHELL_WORD_H

#include "buf.h"

/* Appends it, in quotes where it needs some. */
void ss_shell_word(ss_buf_t *out, const char *text);

#endif
