/* SPDX-License-Identifier: MIT
 *
 * cmocka with the headers it wants before it, and tests named by a sentence.
 */
#ifndef T_UNIT_TEST_H
#define T_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka hands every test a fixture; few look at it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* One row of a group: TEST("refuses an unmasked client frame", function) */
#define TEST(sentence, function)                                                                   \
    { (sentence), (function), NULL, NULL, NULL }

#endif
