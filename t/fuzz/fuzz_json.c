/* SPDX-License-Identifier: MIT
 *
 * JSON and JSON-RPC: the scan finds in the text what jansson finds in the tree it builds.  Where
 * jansson refuses what we accept (numbers it cannot hold, lone surrogates, \u0000 in names), only
 * our own promises are checked.
 */
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

#include "ss_errors.h"
#include "ss_jsonrpc.h"
#include "ss_utf8.h"

#define JANSSON_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

static void json_check_span(ss_span_t span, const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    FUZZ_CHECK(span.ptr != NULL || span.len == 0);
    FUZZ_CHECK(span.ptr == NULL || (span.ptr >= text && span.ptr + span.len <= text + size));
}

static void json_check_same(ss_span_t span, const json_t *expected) {
    json_t *value = json_loadb(span.ptr, span.len, JANSSON_FLAGS, NULL);
    FUZZ_CHECK(value != NULL && json_equal(value, expected));
    json_decref(value);
}

static bool json_is_text(const json_t *value, const char *text) {
    return json_is_string(value) && json_string_length(value) == strlen(text) &&
           memcmp(json_string_value(value), text, strlen(text)) == 0;
}

static void json_check_method(const ss_rpc_call_t *call, const json_t *method) {
    char plain[SS_RPC_METHOD_MAX];
    if (call->method.ptr == NULL) {
        FUZZ_CHECK(!json_is_string(method) || json_string_length(method) == 0 ||
                   json_string_length(method) * SS_JSON_ESCAPE_LEN > SS_RPC_METHOD_MAX);
        return;
    }
    FUZZ_CHECK(call->method.len > 0 && call->method.len <= SS_RPC_METHOD_MAX);
    size_t n = ss_json_unescape(plain, call->method.ptr, call->method.len);
    FUZZ_CHECK(json_is_string(method) && json_string_length(method) == n);
    FUZZ_CHECK(memcmp(plain, json_string_value(method), n) == 0);
    FUZZ_CHECK(call->method_escaped || n == call->method.len);
}

/* The call against the element of jansson's tree that it was read from. */
static void json_check_call(const ss_rpc_call_t *call, const json_t *tree) {
    const json_t *id = json_object_get(tree, "id");
    const json_t *method = json_object_get(tree, "method");
    const json_t *params = json_object_get(tree, "params");
    bool structured = json_is_array(params) || json_is_object(params);

    json_check_method(call, method);
    if (call->id.ptr != NULL) {
        FUZZ_CHECK(call->id.len <= SS_RPC_ID_MAX);
        json_check_same(call->id, id);
    }
    FUZZ_CHECK((call->params.ptr != NULL) == structured);
    if (structured) {
        json_check_same(call->params, params);
    }
    FUZZ_CHECK(call->valid ==
               (json_is_text(json_object_get(tree, "jsonrpc"), "2.0") && call->method.ptr != NULL &&
                (params == NULL || structured) && (id == NULL || call->id.ptr != NULL)));
    FUZZ_CHECK(call->notification == (call->valid && id == NULL));
    FUZZ_CHECK(call->response == (method == NULL && (json_object_get(tree, "result") != NULL ||
                                                     json_object_get(tree, "error") != NULL)));
}

/* What must hold without a tree to compare with. */
static void json_check_promises(const ss_rpc_call_t *call, const uint8_t *data, size_t size) {
    char out[256];
    json_check_span(call->id, data, size);
    json_check_span(call->method, data, size);
    json_check_span(call->params, data, size);
    FUZZ_CHECK(call->id.ptr == NULL || ss_json_valid(call->id.ptr, call->id.len));
    FUZZ_CHECK(call->params.ptr == NULL || ss_json_valid(call->params.ptr, call->params.len));
    FUZZ_CHECK(!call->valid || call->method.ptr != NULL);
    size_t n = ss_rpc_write_error(out, sizeof out, call->id, SS_RPC_TOO_MANY_CALLS);
    FUZZ_CHECK(n > sizeof out || ss_json_valid(out, n));
}

static void json_check_strings(const uint8_t *data, size_t size) {
    char *escaped = malloc(size * SS_JSON_ESCAPE_LEN + 2);
    char *plain = malloc(size * SS_JSON_ESCAPE_LEN + 1);
    FUZZ_CHECK(escaped != NULL && plain != NULL);
    size_t n = ss_json_escape(escaped + 1, size * SS_JSON_ESCAPE_LEN, (const char *)data, size);
    FUZZ_CHECK(n <= size * SS_JSON_ESCAPE_LEN);
    escaped[0] = escaped[n + 1] = '"';
    FUZZ_CHECK(ss_json_valid(escaped, n + 2));
    FUZZ_CHECK(ss_json_unescape(plain, escaped + 1, n) == size);
    FUZZ_CHECK(size == 0 || memcmp(plain, data, size) == 0);
    free(escaped);
    free(plain);
}

int fuzz_json(const uint8_t *data, size_t size) {
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    const char *text = (const char *)data;
    ss_rpc_kind_t kind = ss_rpc_open(&scan, text, size);
    FUZZ_CHECK((kind != SS_RPC_MALFORMED) == ss_json_valid(text, size));
    json_check_strings(data, size);

    json_t *tree = NULL;
    if (ss_utf8_valid(data, size) && size != 0 && memchr(data, '\0', size) == NULL) {
        tree = json_loadb(text, size, JANSSON_FLAGS, NULL);
    }
    unsigned count = 0;
    for (; ss_rpc_next(&scan, &call); count++) {
        json_check_promises(&call, data, size);
        if (tree != NULL) {
            json_check_call(&call, scan.batch ? json_array_get(tree, count) : tree);
        }
    }
    FUZZ_CHECK(count == scan.count);
    if (tree != NULL) {
        FUZZ_CHECK(kind != SS_RPC_SINGLE || json_is_object(tree));
        FUZZ_CHECK(kind != SS_RPC_BATCH || json_array_size(tree) == count);
    }
    json_decref(tree);
    return 0;
}
