/* SPDX-License-Identifier: MIT
 *
 * See host.h.
 */
#include "host.h"

#include "json_writer.h"

void ss_host_answer_failure(ss_peer_t *host, uint32_t number, const ss_failure_t *failure) {
    if (number == 0) {
        return;
    }
    ss_buf_t *b = ss_peer_begin(host);
    ss_buf_append(b, "\0", 1);
    ss_failure_write(b, failure);
    ss_peer_end(host, SS_LINK_ANSWER, 0, 0, number);
}

void ss_host_answer(ss_peer_t *host, uint32_t number, const json_t *result) {
    if (number == 0) {
        return;
    }
    ss_buf_t *b = ss_peer_begin(host);
    size_t start = b->len;
    ss_buf_append(b, "\1", 1);
    ss_json_write_t rc = ss_json_write(b, result, host->max_answer);
    if (rc != SS_JSON_WRITTEN) {
        b->len = start - SS_LINK_HEADER;
        int code = rc == SS_JSON_BROKEN ? SS_RPC_INTERNAL : SS_RPC_TOO_LARGE;
        ss_host_answer_failure(host, number, &(ss_failure_t){.code = code});
        return;
    }
    ss_peer_end(host, SS_LINK_ANSWER, 0, 0, number);
}

void ss_host_answer_text(ss_peer_t *host, uint32_t number, ss_span_t json) {
    if (number == 0) {
        return;
    }
    if (json.len > host->max_answer) {
        ss_host_answer_failure(host, number, &(ss_failure_t){.code = SS_RPC_TOO_LARGE});
        return;
    }
    ss_buf_t *b = ss_peer_begin(host);
    ss_buf_append(b, "\1", 1);
    ss_buf_append(b, json.ptr, json.len);
    ss_peer_end(host, SS_LINK_ANSWER, 0, 0, number);
}

void ss_host_listen(ss_peer_t *host, uint32_t events) {
    (void)host;
    (void)events;
}

bool ss_host_listened(uint32_t events) {
    (void)events;
    return false;
}

void ss_host_event(uint32_t event, uint8_t pin, ss_span_t json) {
    (void)event;
    (void)pin;
    (void)json;
}
