/* SPDX-License-Identifier: MIT
 *
 * See login.h.  Neither tickets nor cookies are logged.
 */
#include "login.h"

#include "connection.h"
#include "hub.h"
#include "mem.h"
#include "request.h"
#include "store.h"

#define HEAD_MAX 1024

/* Redis before 6.2 has no GETDEL. */
static const char take_script[] = "local v=redis.call('GET',KEYS[1]) "
                                  "redis.call('DEL',KEYS[1]) "
                                  "return v";

/* One exchange, until Redis has answered. */
typedef struct {
    ss_api_target_t target; /* with a reference to the peer */
    bool tls;
} exchange_t;

void ss_login_make(ss_login_t *login) {
    uint8_t ticket[SS_SESSION_ID_BYTES];
    ss_token_random(login->id, sizeof login->id);
    ss_token_random(ticket, sizeof ticket);
    ss_session_text(ticket, login->ticket);
}

void ss_login_tell(const ss_session_t *session, ss_req *req, const ss_login_t *login) {
    const uint16_t wanted = SS_CLIENT_SYSTEM | SS_CLIENT_JOINED;
    const ss_request_t *request = req == NULL ? NULL : ss_request_get(req);
    const ss_client_t *caller = request == NULL ? NULL : ss_request_client(request);
    if (caller == NULL || caller->session != session || (caller->flags & wanted) != wanted) {
        caller = session->clients;
        while (caller != NULL && (caller->flags & wanted) != wanted) {
            caller = caller->next;
        }
    }
    if (caller != NULL) {
        ss_buf_t text = {0};
        ss_buf_printf(&text,
                      "{\"jsonrpc\":\"2.0\",\"method\":\"system.session\","
                      "\"params\":{\"ticket\":\"%s\"}}",
                      login->ticket);
        ss_connection_send(caller, text.data, text.len);
        ss_buf_free(&text);
    }
}

static void respond_cookie(const exchange_t *e, const uint8_t *id) {
    char header[SS_COOKIE_HEADER_MAX];
    ss_cookie_t cookie = {.issued_at = ss_hub_now_ms() / 1000};
    memcpy(cookie.id, id, SS_SESSION_ID_BYTES);
    ss_cookie_header(header, &cookie, e->tls, ss_hub_secret(),
                     ss_hub_options()->session_ttl_ms / 1000);
    ss_buf_t *b = ss_peer_begin(e->target.peer);
    ss_writer_t w = ss_writer(ss_buf_reserve(b, HEAD_MAX), HEAD_MAX);
    ss_link_pairs_t pairs;
    ss_link_encode_response(&w, 204, &pairs);
    ss_link_add_pair(&pairs, (ss_span_t){"Set-Cookie", 10}, (ss_span_t){header, strlen(header)});
    ss_link_add_pair(&pairs, (ss_span_t){"Cache-Control", 13}, (ss_span_t){"no-store", 8});
    b->len += ss_written(&w);
    ss_api_end(&e->target);
}

static void refuse(const ss_api_target_t *t, int code, unsigned status, const char *message) {
    ss_api_refuse(t, &(ss_failure_t){.code = code, .message = message}, status, NULL);
}

static void on_taken(const redisReply *reply, void *arg) {
    exchange_t *e = arg;
    ss_peer_t *peer = e->target.peer;
    uint8_t id[SS_SESSION_ID_BYTES];
    peer->calls--;
    if (ss_client_find(&peer->clients, e->target.slot, e->target.generation) == NULL) {
        /* cancelled */
    } else if (reply == NULL || reply->type == REDIS_REPLY_ERROR || ss_hub_secret() == NULL) {
        refuse(&e->target, SS_RPC_UNAVAILABLE, 0, NULL);
    } else if (reply->type != REDIS_REPLY_STRING ||
               !ss_token_decode(id, sizeof id, reply->str, reply->len)) {
        refuse(&e->target, SS_RPC_NOT_AUTHENTICATED, 403, "The ticket is unknown, used or expired");
    } else {
        respond_cookie(e, id);
    }
    ss_peer_unref(peer);
    free(e);
}

/* true for a ticket that has the form of one. */
static bool read_ticket(ss_span_t body, char *ticket) {
    uint8_t bytes[SS_SESSION_ID_BYTES];
    json_t *json = json_loadb(body.len == 0 ? "" : body.ptr, body.len, 0, NULL);
    const json_t *value = json_object_get(json, "ticket");
    bool good =
        json_is_string(value) &&
        ss_token_decode(bytes, sizeof bytes, json_string_value(value), json_string_length(value));
    if (good) {
        ss_session_text(bytes, ticket);
    }
    json_decref(json);
    return good;
}

void ss_login_exchange(const ss_api_target_t *t, const ss_link_request_t *request) {
    char ticket[SS_SESSION_ID_TEXT + 1];
    char key[SS_STORE_KEY_MAX];
    if (request->method.len != 4 || memcmp(request->method.ptr, "POST", 4) != 0) {
        ss_api_refuse(t, &(ss_failure_t){SS_RPC_INVALID_REQUEST, "Method not allowed", NULL}, 405,
                      &(ss_api_header_t){"Allow", "POST"});
        return;
    }
    if (request->body.len == 0 || !ss_api_body_acceptable(request)) {
        bool empty = request->body.len == 0;
        refuse(t, SS_RPC_INVALID_REQUEST, empty ? 400 : 415,
               empty ? "A ticket is needed" : "The body must be application/json");
        return;
    }
    if (!read_ticket(request->body, ticket)) {
        refuse(t, SS_RPC_INVALID_PARAMS, 400, "The body must be {\"ticket\":\"...\"}");
        return;
    }
    if (ss_hub_redis() == NULL) {
        refuse(t, SS_RPC_UNAVAILABLE, 0, NULL);
        return;
    }
    exchange_t *e = ss_alloc(sizeof *e);
    *e = (exchange_t){*t, (request->flags & SS_LINK_OPEN_TLS) != 0};
    ss_peer_ref(t->peer);
    t->peer->calls++;
    ss_store_key(key, "ticket", ticket);
    ss_redis_send(ss_hub_redis(), on_taken, e, "EVAL %s 1 %s", take_script, key);
}
