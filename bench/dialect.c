/* SPDX-License-Identifier: MIT
 *
 * See dialect.h.  Packets of engine.io: 0 open, 2 ping, 3 pong, 4 message; of socket.io within
 * message: 0 connect, 2 event, 3 acknowledgement.
 */
#include "dialect.h"

#include <string.h>

static said_t read_jsonrpc(answer_t *answer, const char **reply, const char *text, size_t len) {
    (void)reply;
    return answer_parse(answer, text, len) ? SAID_ANSWER : SAID_WRONG;
}

/* 43<id>[<result>] */
static said_t read_acknowledgement(answer_t *answer, const char *text, size_t len) {
    size_t at = 2;
    *answer = (answer_t){0};
    for (; at < len && text[at] >= '0' && text[at] <= '9' && at < 20; at++) {
        answer->id = answer->id * 10 + (uint64_t)(text[at] - '0');
    }
    if (at + 2 > len || text[at] != '[' || text[len - 1] != ']') {
        return SAID_WRONG;
    }
    answer->result = (ss_span_t){text + at + 1, len - at - 2};
    return SAID_ANSWER;
}

static said_t read_socketio(answer_t *answer, const char **reply, const char *text, size_t len) {
    if (len >= 2 && text[0] == '4') {
        return text[1] == '3'   ? read_acknowledgement(answer, text, len)
               : text[1] == '0' ? SAID_WELCOME
                                : SAID_NOTHING;
    }
    if (len != 0 && text[0] == '0') {
        *reply = "40";
        return SAID_ASK;
    }
    if (len == 1 && text[0] == '2') {
        *reply = "3";
        return SAID_ASK;
    }
    return SAID_WRONG;
}

static const dialect_t dialects[] = {
    {"jsonrpc", false, "{\"jsonrpc\":\"2.0\",\"id\":", ",\"method\":\"",
     "\",\"params\":[" DIALECT_PARAM "]}", read_jsonrpc},
    {"socketio", true, "42", "[\"", "\"," DIALECT_PARAM "]", read_socketio},
};

const dialect_t *dialect_find(const char *name) {
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        if (strcmp(dialects[i].name, name) == 0) {
            return &dialects[i];
        }
    }
    return NULL;
}
