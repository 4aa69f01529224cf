/* SPDX-License-Identifier: MIT
 *
 * Which of our names somebody meant who misspelt one: a command, an option, a key.
 *
 * Leaves to the caller where the names come from, and how far off still counts as a slip.
 */
#ifndef SS_NEAREST_H
#define SS_NEAREST_H

#define SS_NEAREST_MAX 64      /* bytes of a word; longer ones are like no other */
#define SS_NEAREST_FAR 1000000 /* the distance of words that are not compared */

/* Letters to insert, remove, replace, or swap with the next, to make one word of the other (optimal
 * string alignment), in bytes. */
unsigned ss_nearest_distance(const char *a, const char *b);

/* The search: offer it all names, then read `best`.  Words are borrowed. */
typedef struct {
    const char *word;
    const char *best; /* NULL: none is near enough */
    unsigned least;   /* the distance that a better one must be below */
} ss_nearest_t;

/* Looks for names that are at most `most` away from `word`. */
ss_nearest_t ss_nearest_to(const char *word, unsigned most);

/* Of names that are equally near the first one offered stays. */
void ss_nearest_offer(ss_nearest_t *nearest, const char *name);

#endif
