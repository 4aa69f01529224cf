/* SPDX-License-Identifier: MIT
 *
 * What nginx and the sidecar both read: see mutate.h.
 */
#include "mutate.h"

/* A unit test is built from one file, so the targets come along as text. */
#include "../fuzz/fuzz_json.c"
#include "../fuzz/fuzz_link.c"
#include "../fuzz/fuzz_utf8.c"
#include "../fuzz/fuzz_ws.c"

#define V "\"jsonrpc\":\"2.0\","

static const seed_t utf8_seeds[] = {
    SEED("\x03plain ASCII, long enough for a block of sixteen bytes and another"),
    SEED("\x05"
         "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 mixed \xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"),
    SEED("\x00\xE0\xA0\x80\xF0\x90\x80\x80\xC2\x80\xDF\xBF"),
};

static const seed_t ws_seeds[] = {
    SEED("\x08\x02\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80\x01\x02\x03\x04"),
    SEED("\x09\x00\x01\x03Hel\x89\x02hi\x00\x00\x80\x02lo\x82\x00\x88\x02\x03\xE8"),
    SEED("\x0B\x03\x82\x7E\x00\x80"
         "0123456789012345678901234567890123456789012345678901234567890123"
         "0123456789012345678901234567890123456789012345678901234567890123\x81\x01q"),
    SEED("\x0F\x07\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00payload, not all of it"),
    SEED("\x03\x01\x01\x03Hel\x80\x02lo\x81\x05Hello\x88\x03\x0F\xA0!"),
};

static const seed_t json_seeds[] = {
    SEED("{" V "\"id\":1,\"method\":\"app.square\",\"params\":[25]}"),
    SEED("{" V "\"id\":\"a\\u0041\",\"m\\u0065thod\":\"\\ud83d\\ude00\",\"params\":{\"a\":[{}]}}"),
    SEED("[{" V "\"id\":1,\"method\":\"a\"},{" V "\"method\":\"b\"},{\"id\":2,\"result\":null},3]"),
    SEED(" [ { \"id\" : -1.5e+3 , \"error\" : { \"code\" : 0 } } , [ [ ] ] , \"\" , true ] "),
    SEED("{\"params\":[],\"params\":{},\"id\":null,\"id\":9," V "\"method\":\"x\"}"),
};

static const seed_t link_seeds[] = {
    SEED("\0\x1A\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    SEED("\1\x05\0\0\0\x21\1\0\0\7\0\0\0\1\0\0\0\3\0\0\0"),
    SEED("\0\1\0\1\0\4\3\2\1\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\1\0\2\0ss"),
    SEED("\0\1\0\1\0\4\3\2\1\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\1\0\2\0ss\1"), /* with flags */
    SEED("\1\x10\0\0\0\x17\0\0\0\7\0\0\0\1\0\0\0\0\0\0\0"),               /* RATE_KEYS */
    SEED("\0\1\4\0/uri\3\0::1\2\1\0n\1\0v\0\0\0\0"),
    SEED("\0\5\0state\1\6\0Cookie\3\0a=b"),
    SEED("\0\xC8\0\1\4\0Type\4\0json625"),
    SEED("\0\1\3\0GET\3\0a/b\2\0"
         "25\3\0::1\1\1\0n\1\0vbody"),
};

static void survives_utf8(void **unused) { fuzz(fuzz_utf8, utf8_seeds, COUNT_OF(utf8_seeds)); }

static void survives_frames(void **unused) { fuzz(fuzz_ws, ws_seeds, COUNT_OF(ws_seeds)); }

static void survives_json(void **unused) { fuzz(fuzz_json, json_seeds, COUNT_OF(json_seeds)); }

static void survives_link(void **unused) { fuzz(fuzz_link, link_seeds, COUNT_OF(link_seeds)); }

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("UTF-8 keeps its promises on mutated texts", survives_utf8),
        TEST("the frame decoder keeps its promises on mutated streams", survives_frames),
        TEST("the JSON-RPC scan agrees with jansson on mutated messages", survives_json),
        TEST("the link's codecs keep their promises on mutated frames", survives_link),
    };
    return cmocka_run_group_tests_name("shared fuzz targets", tests, NULL, NULL);
}
