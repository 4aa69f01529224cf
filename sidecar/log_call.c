/* SPDX-License-Identifier: MIT
 *
 * See log_call.h.  Everything that is not a constant of ours goes through put() or put_column(),
 * which escape it.  A line costs no allocation, and no printf() of a number.
 */
#include "log_call.h"

#include <string.h>
#include <unistd.h>

#include "digits.h"
#include "log.h"
#include "session.h"
#include "ss_errors.h"
#include "ss_json.h"

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define CYAN "\033[36m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

#define ACTION_COLUMN 24
#define WHO_COLUMN 16
#define MS_COLUMN 6     /* before the point */
#define SESSION_SHOWN 6 /* of its 27 characters: enough to tell two apart, and no key */
#define VERY_SLOW_MS 1000
#define PAYLOAD_LOOKED_AT (64u << 10) /* a value is serialized so far to be cut */
#define NAMES_SHOWN 4

static ss_buf_t line; /* kept, and used again */

static void literal(const char *text) { ss_buf_append(&line, text, strlen(text)); }

static void color(const char *sequence) { literal(ss_log_color(sequence)); }

static bool is_plain(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\') {
            return false;
        }
    }
    return true;
}

/* Text from outside. */
static void put(const char *text, size_t len) {
    if (is_plain(text, len)) {
        ss_buf_append(&line, text, len); /* nearly always */
        return;
    }
    char safe[4 * SS_USER_ID_MAX + 1];
    size_t n = ss_log_escape(safe, sizeof safe, text, len);
    if (ss_log_is_json()) {
        char *to = ss_buf_reserve(&line, 2 * n + 1);
        line.len += ss_json_escape(to, 2 * n + 1, safe, n);
    } else {
        ss_buf_append(&line, safe, n);
    }
}

static void pad(size_t from, unsigned width) {
    size_t shown = 0;
    for (size_t i = from; i < line.len; i++) {
        shown += ((unsigned char)line.data[i] & 0xc0) != 0x80; /* characters, not bytes */
    }
    for (; shown < width; shown++) {
        literal(" ");
    }
}

static void put_column(const char *text, size_t len, unsigned width) {
    size_t from = line.len;
    put(text, len);
    pad(from, width);
    literal(" ");
}

static void member(const char *name, const char *text, size_t len) {
    literal(",\"");
    literal(name);
    literal("\":\"");
    put(text, len);
    literal("\"");
}

static void decimal(uint64_t value) {
    char *to = ss_buf_reserve(&line, SS_DECIMAL_MAX);
    line.len += (size_t)(ss_decimal(to, value) - to);
}

static void milliseconds(uint64_t ns) {
    uint64_t us = ns / 1000;
    char fraction[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                        (char)('0' + us % 10)};
    decimal(us / 1000);
    ss_buf_append(&line, fraction, sizeof fraction);
}

static void code_number(int code) {
    if (code < 0) {
        literal("-");
    }
    decimal((uint64_t)(code < 0 ? -(int64_t)code : code));
}

static const char *user_of(const ss_client_t *client) {
    return client == NULL ? "" : ss_session_user(client->session);
}

/* A request's number is that of no other in this process. */
static uint64_t process(void) {
    static pid_t pid;
    if (pid == 0) {
        pid = getpid();
    }
    return (uint64_t)pid;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void call_as_json(const ss_request_t *r, const ss_client_t *client, uint64_t ns, int code) {
    const char *user = user_of(client);
    char session[SS_SESSION_ID_TEXT + 1];
    member("action", r->action->name, r->action->name_len);
    member("transport", r->transport->name, strlen(r->transport->name));
    member("address", r->address, strlen(r->address));
    literal(",\"request\":\"");
    decimal(process());
    literal("-");
    decimal(r->number);
    literal("\"");
    if (*user != '\0') {
        member("user", user, strlen(user));
    }
    if (client != NULL && ss_log_level() >= SS_LOG_LEVEL_MAX) {
        ss_session_text(client->session->id, session);
        member("session", session, SS_SESSION_ID_TEXT);
    }
    literal(",\"ms\":");
    milliseconds(ns);
    literal(code == 0 ? ",\"outcome\":\"ok\",\"code\":" : ",\"outcome\":\"error\",\"code\":");
    code_number(code);
}

/* --- for people ------------------------------------------------------------------------------ */

/* The user, else the beginning of the session's id, else the address. */
static void put_who(const ss_client_t *client, const char *address, unsigned width) {
    const char *user = user_of(client);
    char session[1 + SS_SESSION_ID_TEXT + 1] = "#";
    color(DIM);
    if (*user != '\0') {
        put_column(user, strlen(user), width);
    } else if (client != NULL) {
        ss_session_text(client->session->id, session + 1);
        put_column(session, 1 + SESSION_SHOWN, width);
    } else {
        put_column(address, strlen(address), width);
    }
    color(PLAIN);
}

static void put_ms(uint64_t ns) {
    uint64_t ms = ns / 1000000;
    for (uint64_t limit = 10, width = 1; width < MS_COLUMN; width++, limit *= 10) {
        if (ms < limit) {
            literal(" ");
        }
    }
    color(ms >= VERY_SLOW_MS ? RED : ms >= SS_LOG_SLOW_MS ? YELLOW : "");
    milliseconds(ns);
    literal(" ms");
    color(ms >= SS_LOG_SLOW_MS ? PLAIN : "");
    literal("  ");
}

/* What an action says of its failure is as good as a result. */
static void put_failure(const ss_failure_t *failure) {
    const ss_rpc_error_t *known = ss_rpc_error(failure->code);
    const char *text = known == NULL ? "" : known->message;
    if (ss_log_payloads(3) && failure->message != NULL) {
        text = failure->message;
    }
    color(RED);
    literal("error ");
    code_number(failure->code);
    literal(" ");
    put(text, strlen(text));
    color(PLAIN);
}

static void call_for_people(const ss_request_t *r, const ss_client_t *client, uint64_t ns,
                            const ss_failure_t *failure) {
    put_column(r->action->name, r->action->name_len, ACTION_COLUMN);
    put_who(client, r->address, WHO_COLUMN);
    put_ms(ns);
    if (failure != NULL) {
        put_failure(failure);
    } else {
        color(GREEN);
        literal("ok");
        color(PLAIN);
    }
    if (ns / 1000000 >= SS_LOG_SLOW_MS) {
        literal(", slow");
    }
    if (client == NULL) {
        literal(", ");
        literal(r->transport->name);
    }
}

/* --- lines ----------------------------------------------------------------------------------- */

void ss_log_call(const ss_request_t *request, const ss_client_t *client, uint64_t ns,
                 const ss_failure_t *failure) {
    ss_log_begin_call(&line);
    if (ss_log_is_json()) {
        call_as_json(request, client, ns, failure == NULL ? 0 : failure->code);
    } else {
        call_for_people(request, client, ns, failure);
    }
    ss_log_end_call(&line);
}

/* The text of a value, cut, at the end of `text`. */
static void write_cut(ss_buf_t *text, const ss_result_t *value) {
    size_t start = text->len;
    if (ss_result_write(text, value, PAYLOAD_LOOKED_AT) != SS_JSON_WRITTEN) {
        text->len = start;
        ss_buf_literal(text, "(too long to show)");
    } else if (text->len - start > SS_LOG_PAYLOAD_MAX) {
        size_t whole = text->len - start;
        text->len = start + SS_LOG_PAYLOAD_MAX;
        while (((unsigned char)text->data[text->len] & 0xc0) == 0x80) {
            text->len--; /* not within a character */
        }
        ss_buf_printf(text, "… (%zu bytes)", whole);
    }
}

void ss_log_payload(const char *action, const char *what, const ss_result_t *value) {
    ss_buf_t text = {0};
    write_cut(&text, value);
    ss_log_info("%s %s %s", action, what, ss_buf_string(&text));
    ss_buf_free(&text);
}

void ss_log_publish(const ss_publish_t *p) {
    static const char *const to[] = {
        [SS_PUBLISH_BROADCAST] = "all",
        [SS_PUBLISH_USER] = "user",
        [SS_PUBLISH_CHANNEL] = "channel",
        [SS_PUBLISH_SOCKET] = "socket",
    };
    ss_buf_t text = {0};
    if (ss_log_level() < 3) {
        return;
    }
    ss_buf_printf(&text, "publish %s to %s", p->event, to[p->to]);
    for (size_t i = 0; p->to != SS_PUBLISH_BROADCAST && i < p->n && i < NAMES_SHOWN; i++) {
        ss_buf_printf(&text, "%s %s", i == 0 ? "" : ",", p->names[i]);
    }
    if (p->to != SS_PUBLISH_BROADCAST && p->n > NAMES_SHOWN) {
        ss_buf_printf(&text, " and %zu more", p->n - NAMES_SHOWN);
    }
    if (ss_log_payloads(3)) {
        ss_buf_literal(&text, " ");
        write_cut(&text, &p->params);
    }
    ss_log_info("%s", ss_buf_string(&text));
    ss_buf_free(&text);
}

void ss_log_client(const ss_client_t *client, const char *what) {
    char session[SS_SESSION_ID_TEXT + 1];
    if (ss_log_level() < 3 || client->session == NULL) {
        return;
    }
    ss_session_text(client->session->id, session);
    ss_log_info("client %s from %.*s%s%.*s", what, client->address_len, client->address,
                ss_log_is_json() ? "" : ", session #", ss_log_is_json() ? 0 : SESSION_SHOWN,
                session);
}
