/* SPDX-License-Identifier: MIT
 *
 * An authentication module, whose answer depends on the user's name.
 */
#include <string.h>

#include <socketstream.h>

void ss_module_authenticate(ss_req *req, json_t *params) {
    const json_t *sent = json_array_get(params, 0);
    const char *user = json_string_value(json_object_get(sent, "username"));
    const char *password = json_string_value(json_object_get(sent, "password"));
    bool good = ss_equal_secret(password, "se:cret");
    if (strcmp(user, "slow") == 0) {
        return; /* its time will end */
    }
    if (strcmp(user, "broken") == 0) {
        ss_error(req, SS_ERROR_APPLICATION, "the directory is away");
    } else if (strcmp(user, "vague") == 0) {
        ss_reply(req, json_pack("{s:b}", "success", 1));
    } else if (strcmp(user, "text") == 0) {
        ss_reply(req, json_string("yes"));
    } else if (strcmp(user, "number") == 0) {
        ss_reply(req, json_pack("{s:b, s:i}", "success", good, "user_id", 7));
    } else {
        ss_reply(req, json_pack("{s:b, s:s}", "success", good, "user_id", user));
    }
}

SS_ACTIONS = {{NULL, NULL, 0}};
