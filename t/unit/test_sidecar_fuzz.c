/* SPDX-License-Identifier: MIT
 *
 * What the sidecar and its commands alone read: see mutate.h.
 */
#include "mutate.h"

/* A unit test is built from one file, so the targets come along as text. */
#include "../fuzz/fuzz_cookie.c"
#include "../fuzz/fuzz_credentials.c"
#include "../fuzz/fuzz_nearest.c"
#include "../fuzz/fuzz_place.c"
#include "../fuzz/fuzz_version.c"

static const seed_t cookie_seeds[] = {
    SEED("ss_session\0a=b; c=\"d e\"; ss_session=; =; __Host-ss_session"),
    SEED("n\0"),
    SEED("twice\0twice=0123456789012345678901234567890123456789012345678901234567890; twice"),
    SEED("01234567890123456789012345678901\0\t; ;;x = y ;"),
    SEED("__Host-x\0x"),
};

static const seed_t credentials_seeds[] = {
    SEED("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    SEED("basic   dGVzdDoxMjPCow=="),
    SEED("BASIC Og=="),
    SEED("Basic Pz8/Oj4+Pj4="),
    SEED("Basic OmI6Yw=="),
    SEED("Bearer Og=="),
};

static const seed_t nearest_seeds[] = {
    SEED("sesion\0session"),
    SEED("otpr\0port"),
    SEED("\0abc"),
    SEED("0123456789012345678901234567890123456789012345678901234567890123\0"
         "1032547698103254769810325476981032547698103254769810325476981032"),
};

static const seed_t place_seeds[] = {
    SEED("a\0{\"a\":1}"),
    SEED("a.b\0{\n  \"a\": {\n    \"b\": 1\n  }\n}"),
    SEED("a.b\0{\"b\":1,\"a\":{\"c\":{\"b\":0},\"b\":1}}"),
    SEED("a.b\0{\"a\":[{\"b\":1}],\"c\":1}"),
    SEED("a.b\0{\"a\":1,\"c\":{\"b\":2}}"),
    SEED("a\0{\"x\\\"\": [1, \"\\\\\"], \"a\" : {\"b\": true}}"),
    SEED("a..b\0{\"a\":{\"\":{\"b\":\"\xc3\xb6\"}}}"),
};

static const seed_t version_seeds[] = {
    SEED("1.0.0-alpha\n1.0.0-alpha.1\n1.0.0"),
    SEED("1.0.0-rc.1+a\n1.0.0-rc.1+b.c\n1.0.1"),
    SEED("0.0.0-0\n0.0.0--\n0.0.0-00"),
    SEED("999999999.0.0\n1.999999999.0\n1.0.0-a..b"),
    SEED("1.0.0-beta.2\n1.0.0-beta.11\n1.0.0-beta.11a"),
};

#define SURVIVES(name)                                                                             \
    static void survives_##name(void **unused) {                                                   \
        fuzz(fuzz_##name, name##_seeds, COUNT_OF(name##_seeds));                                   \
    }
SURVIVES(cookie)
SURVIVES(credentials)
SURVIVES(nearest)
SURVIVES(place)
SURVIVES(version)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("the session's cookie is found among mutated others, by any name", survives_cookie),
        TEST("Basic credentials keep their promises on mutated headers", survives_credentials),
        TEST("distances keep their promises on mutated words", survives_nearest),
        TEST("places of keys agree with jansson on mutated configurations", survives_place),
        TEST("mutated versions have an order", survives_version),
    };
    return cmocka_run_group_tests_name("sidecar fuzz targets", tests, NULL, NULL);
}
