/* SPDX-License-Identifier: MIT
 *
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a hash under a key, so that nobody who lacks the key
 * can choose what collides.
 */
#ifndef SS_SIPHASH_H
#define SS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SS_SIPHASH_KEY 16 /* bytes */

uint64_t ss_siphash(const uint8_t key[SS_SIPHASH_KEY], const void *data, size_t len);

#endif
