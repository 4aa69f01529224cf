/* SPDX-License-Identifier: MIT
 *
 * See failure.h.
 */
#include "failure.h"

#include "json_writer.h"

void ss_failure_write(ss_buf_t *b, const ss_failure_t *failure) {
    const ss_rpc_error_t *known = ss_rpc_error(failure->code);
    const char *message = failure->message != NULL ? failure->message : known->message;
    ss_buf_printf(b, "{\"code\":%d,\"message\":", failure->code);
    ss_buf_json_string(b, message, strlen(message));
    size_t before_data = b->len;
    if (failure->data != NULL) {
        ss_buf_literal(b, ",\"data\":");
        if (ss_json_write(b, failure->data, SS_FAILURE_DATA_MAX) != SS_JSON_WRITTEN) {
            b->len = before_data;
        }
    } else if (known->code == failure->code && known->retryable) {
        ss_buf_literal(b, ",\"data\":{\"retryable\":true}");
    }
    ss_buf_literal(b, "}");
}
