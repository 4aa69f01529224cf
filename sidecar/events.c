/* SPDX-License-Identifier: MIT
 *
 * See events.h.  The names are a table, so that a misspelt one is told where it is registered.
 */
#include "events.h"

#include <string.h>

#include "connection.h"
#include "facts.h"
#include "host.h"
#include "include/socketstream.h"
#include "log.h"
#include "mem.h"

typedef struct handler {
    struct handler *next;
    ss_event_fn fn;
    void *arg;
} handler_t;

typedef enum {
    CLIENT_CONNECT,
    CLIENT_DISCONNECT,
    SESSION_DISCONNECT,
    CHANNEL_SUBSCRIBE,
    CHANNEL_UNSUBSCRIBE,
    USER_OFFLINE,
    N_EVENTS
} event_t;

/* The second name is that of SocketStream 0.2. */
static const struct {
    const char *name;
    const char *alias;
} names[N_EVENTS] = {
    [CLIENT_CONNECT] = {"client:connect", "client:init"},
    [CLIENT_DISCONNECT] = {"client:disconnect", NULL},
    [SESSION_DISCONNECT] = {"session:disconnect", "disconnect"},
    [CHANNEL_SUBSCRIBE] = {"channel:subscribe", NULL},
    [CHANNEL_UNSUBSCRIBE] = {"channel:unsubscribe", NULL},
    [USER_OFFLINE] = {"user:offline", NULL},
};

/* For hosts alone, which know sessions by their ids. */
static const char renamed[] = "session:renamed";
#define RENAMED_BIT (1u << N_EVENTS)

static handler_t *handlers[N_EVENTS];

static event_t find(const char *name) {
    unsigned i = 0;
    while (i < N_EVENTS && strcmp(names[i].name, name) != 0 &&
           (names[i].alias == NULL || strcmp(names[i].alias, name) != 0)) {
        i++;
    }
    return (event_t)i;
}

void ss_events_init(void) { memset(handlers, 0, sizeof handlers); }

void ss_events_finish(void) {
    for (unsigned i = 0; i < N_EVENTS; i++) {
        while (handlers[i] != NULL) {
            handler_t *h = handlers[i];
            handlers[i] = h->next;
            free(h);
        }
    }
}

bool ss_on(const char *event, ss_event_fn fn, void *arg) {
    event_t which = event == NULL ? N_EVENTS : find(event);
    if (which == N_EVENTS || fn == NULL) {
        ss_log(SS_LOG_ERROR, "ss_on: there is no event '%s'", event == NULL ? "" : event);
        return false;
    }
    handler_t *h = ss_alloc(sizeof *h);
    *h = (handler_t){NULL, fn, arg};
    handler_t **end = &handlers[which];
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = h;
    return true;
}

uint32_t ss_events_bit(const char *event) {
    event_t which = find(event);
    return which != N_EVENTS ? 1u << which : strcmp(event, renamed) == 0 ? RENAMED_BIT : 0;
}

bool ss_events_wanted(const char *event) {
    event_t which = find(event);
    return handlers[which] != NULL || ss_host_listened(1u << which);
}

/* --- for hosts ------------------------------------------------------------------------------- */

static void add_text(ss_buf_t *b, const char *name, const char *text) {
    if (*text != '\0') {
        ss_buf_printf(b, ",\"%s\":", name);
        ss_buf_json_string(b, text, strlen(text));
    }
}

static void tell_hosts(event_t which, const ss_event *e, const ss_session_t *session) {
    ss_buf_t b = {0};
    if (!ss_host_listened(1u << which)) {
        return;
    }
    ss_buf_printf(&b, "{\"event\":\"%s\"", e->name);
    if (session != NULL) {
        ss_buf_literal(&b, ",\"session\":");
        ss_facts_session(&b, session);
    } else {
        add_text(&b, "user", e->user_id);
    }
    add_text(&b, "socket", e->socket_id);
    add_text(&b, "address", e->address);
    add_text(&b, "channel", e->channel);
    ss_buf_literal(&b, "}");
    uint8_t pin = session != NULL ? session->pin : (uint8_t)e->user_id[0];
    ss_host_event(1u << which, pin, (ss_span_t){b.data, b.len});
    ss_buf_free(&b);
}

void ss_events_emit_renamed(const ss_session_t *session, const uint8_t *from) {
    char old[SS_SESSION_ID_TEXT + 1];
    char now[SS_SESSION_ID_TEXT + 1];
    ss_buf_t b = {0};
    if (!ss_host_listened(RENAMED_BIT)) {
        return;
    }
    ss_session_text(from, old);
    ss_session_text(session->id, now);
    ss_buf_printf(&b, "{\"event\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"session\":", renamed, old,
                  now);
    ss_facts_session(&b, session);
    ss_buf_literal(&b, "}");
    ss_host_event(RENAMED_BIT, session->pin, (ss_span_t){b.data, b.len});
    ss_buf_free(&b);
}

/* --- for all --------------------------------------------------------------------------------- */

static void call(event_t which, const ss_event *event) {
    for (const handler_t *h = handlers[which]; h != NULL; h = h->next) {
        h->fn(event, h->arg);
    }
}

void ss_events_emit(const char *name, const ss_session_t *session, const ss_client_t *client,
                    const char *channel) {
    char id[SS_SESSION_ID_TEXT + 1];
    char socket[SS_SOCKET_ID_MAX] = "";
    char address[SS_ADDRESS_MAX + 1] = "";
    event_t which = find(name);
    if (!ss_events_wanted(name)) {
        return;
    }
    ss_session_text(session->id, id);
    if (client != NULL) {
        ss_connection_socket_id(client, socket);
        memcpy(address, client->address, client->address_len);
    }
    const ss_event event = {
        .name = names[which].name,
        .session_id = id,
        .user_id = ss_session_user(session),
        .socket_id = socket,
        .address = address,
        .channel = channel == NULL ? "" : channel,
    };
    call(which, &event);
    tell_hosts(which, &event, session);
}

void ss_events_emit_user(const char *name, const char *user) {
    event_t which = find(name);
    const ss_event event = {names[which].name, "", user, "", "", ""};
    call(which, &event);
    tell_hosts(which, &event, NULL);
}
