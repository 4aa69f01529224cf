/* SPDX-License-Identifier: MIT
 *
 * See ended.h.
 */
#include "ended.h"

#include <time.h>

#include "bounds.h"
#include "hub.h"
#include "json_writer.h"

bool ss_ended_write(ss_ended_t *ended, const ss_session_t *session) {
    const ss_online_options_t *options = &ss_hub_options()->online;
    const ss_topic_t *user = session->data == NULL ? NULL : session->data->user;
    uint64_t now_ms = ss_hub_now_ms();
    time_t now = (time_t)(now_ms / 1000);
    char day[sizeof "9999-12-31"];
    struct tm utc;
    ended->text = (ss_buf_t){0};
    if (!options->enabled || !options->keep_historic || user == NULL) {
        return false;
    }
    strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now, &utc));
    ss_store_key(ended->key, "ended", day);
    snprintf(ended->first, sizeof ended->first, "-%d", SS_ENDED_MAX);
    snprintf(ended->ttl, sizeof ended->ttl, "%d", SS_ENDED_S);
    ss_buf_literal(&ended->text, "{\"user\":");
    ss_buf_json_string(&ended->text, ss_topic_name(user), ss_topic_name_len(user));
    ss_buf_printf(&ended->text, ",\"created_at\":%llu,\"ended_at\":%llu}",
                  (unsigned long long)session->created_at * 1000, (unsigned long long)now_ms);
    return true;
}
