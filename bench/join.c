/* SPDX-License-Identifier: MIT
 *
 * See join.h.
 */
#include "join.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"

void join_names(char out[JOIN_NAMES_MAX], unsigned n, unsigned i) {
    char all[3][JOIN_NAMES_MAX / 4];
    snprintf(all[0], sizeof all[0], "\"all\"");
    snprintf(all[1], sizeof all[1], ",\"room:%u\"", i / 100);
    snprintf(all[2], sizeof all[2], ",\"own:%u\"", i);
    snprintf(out, JOIN_NAMES_MAX, "%s%s%s", all[0], n > 1 ? all[1] : "", n > 2 ? all[2] : "");
}

void join_call(client_t *c, const char *names) {
    char text[512];
    int len = snprintf(text, sizeof text,
                       "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"bench.join\",\"params\":[%s]}",
                       c->index + 1u, names);
    if (len < 0 || (size_t)len >= sizeof text) {
        die("the channels' names are too long");
    }
    client_queue_text(c, text, (size_t)len);
    client_flush(c);
}

void join_check(const client_t *c, const char *text, size_t len) {
    answer_t answer;
    if (!answer_parse(&answer, text, len) || answer.id != c->index + 1u ||
        answer.result.len != strlen("true") || memcmp(answer.result.ptr, "true", 4) != 0) {
        die("client %u: not the answer to bench.join: %.*s", c->index, (int)(len < 200 ? len : 200),
            text);
    }
}
