/* SPDX-License-Identifier: MIT
 *
 * Versions: any three of them are in one order.  Input: three texts with line breaks between them.
 */
#include "fuzz.h"

#include <string.h>

#include "app_dir.h"

#define VERSION_INPUT_MAX 1024

static void version_check_pair(const char *a, const char *b) {
    int order = ss_version_compare(a, b);
    int back = ss_version_compare(b, a);
    FUZZ_CHECK((order < 0) == (back > 0) && (order > 0) == (back < 0));
    FUZZ_CHECK(ss_version_compare(a, a) == 0);
    FUZZ_CHECK(strcmp(a, b) != 0 || order == 0);
}

int fuzz_version(const uint8_t *data, size_t size) {
    char text[VERSION_INPUT_MAX + 1];
    char *rest = text;
    char *versions[3];
    if (size > VERSION_INPUT_MAX) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        versions[i] = strsep(&rest, "\n");
        if (versions[i] == NULL || !ss_version_good(versions[i])) {
            return 0;
        }
    }
    version_check_pair(versions[0], versions[1]);
    version_check_pair(versions[1], versions[2]);
    if (ss_version_compare(versions[0], versions[1]) <= 0 &&
        ss_version_compare(versions[1], versions[2]) <= 0) {
        FUZZ_CHECK(ss_version_compare(versions[0], versions[2]) <= 0);
    }
    return 0;
}
