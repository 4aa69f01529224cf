
/*
 * SPDX-License-Identifier: MIT
 *
 * A client, from being accepted to its last byte, whether it talks WebSocket
 * (ngx_http_ss_ws.c) or reads an event stream (ngx_http_ss_sse.c).
 *
 *     open ---- they close, or we do ----> closing ----> shut ----> freed
 *      |                                   (close frame  (SHUT_WR,
 *      +-- reload: draining, 1012 at its    or event      linger; a
 *          own moment of drain_time         queued)       stream ends)
 *
 * It has no timer while it is open: pings come from ngx_http_ss_ping.c, and
 * what a leaving worker does with it is in ngx_http_ss_drain.c.
 *
 * A client is never freed under somebody's feet: what happens inside a
 * WebSocket's read handler marks it dead, and the handler frees it at its
 * end.
 */


#include "ngx_http_socketstream.h"


static void ngx_http_ss_client_gone(ngx_http_ss_client_t *client,
    ngx_uint_t code);
static void ngx_http_ss_client_finish(ngx_http_ss_client_t *client);


ngx_http_ss_client_t *
ngx_http_ss_client_create(ngx_http_ss_open_t *o, ss_span_t state)
{
    ngx_http_ss_link_t    *link;
    ngx_http_ss_slot_t    *slot;
    ngx_http_ss_client_t  *client;

    client = ngx_calloc(sizeof(ngx_http_ss_client_t), ngx_cycle->log);
    if (client == NULL) {
        return NULL;
    }

    if (ngx_http_ss_client_set_state(client, (u_char *) state.ptr, state.len)
        != NGX_OK)
    {
        ngx_free(client);
        return NULL;
    }

    if (ngx_http_ss_limits_create(client, o) != NGX_OK) {
        ngx_free(client->state);
        ngx_free(client);
        return NULL;
    }

    client->connection = o->request->connection;
    client->conf = o->conf;
    client->pool = o->pool;
    client->slot = o->slot;
    client->generation = o->generation;
    client->system = o->system;
    client->sse = o->sse;
    ss_ws_decoder_init(&client->decoder, SS_WS_SERVER, o->conf->max_message);

    ngx_queue_init(&client->calls);
    ngx_queue_init(&client->sweep);

    link = o->link;
    ngx_http_ss_open_detach(o);

    client->bound = 1;
    ngx_http_ss_route_attach(link, client);

    slot = ngx_http_ss_slot_find(o->slot, o->generation);
    slot->type = NGX_HTTP_SS_SLOT_CLIENT;
    slot->data = client;
    o->generation = 0;

    return client;
}


ngx_int_t
ngx_http_ss_client_set_state(ngx_http_ss_client_t *client, u_char *data,
    size_t len)
{
    u_char  *state;

    state = ngx_alloc(len ? len : 1, ngx_cycle->log);
    if (state == NULL) {
        return NGX_ERROR;
    }

    if (len) {
        ngx_memcpy(state, data, len);
    }

    if (client->state) {
        ngx_free(client->state);
    }

    client->state = state;
    client->state_len = (uint16_t) len;

    return NGX_OK;
}


void
ngx_http_ss_client_begin(ngx_http_ss_client_t *client)
{
    client->upgraded = 1;

    if (client->closing) {

        /* the sidecar did not wait for the 101 */

        ngx_add_timer(client->connection->read, NGX_HTTP_SS_LINGER);

    } else if (client->conf->ping_interval) {
        ngx_http_ss_ping_begin(client);
    }

    /* what the sidecar sent while the answer was under way */

    if (client->out) {
        ngx_http_ss_output_ready(client);
    }
}


void
ngx_http_ss_client_timeout(ngx_http_ss_client_t *client)
{
    if (client->closing) {
        ngx_http_ss_client_finish(client);

    } else {
        ngx_http_ss_client_drain_due(client);
    }
}


void
ngx_http_ss_client_message(ngx_http_ss_client_t *client, ngx_uint_t opcode,
    u_char *data, size_t len)
{
    int                  code;
    uint32_t             number;
    ngx_uint_t           flags;
    ngx_http_ss_link_t  *link;

    ngx_http_ss_count(messages_in_total, 1);
    ngx_http_ss_count(bytes_in_total, len);

    link = client->link;
    code = 0;
    flags = 0;
    number = 0;

    if (link->state != NGX_HTTP_SS_LINK_READY || link->draining) {
        code = SS_RPC_UNAVAILABLE;

    } else if (len > link->max_message) {
        code = SS_RPC_TOO_LARGE;
    }

    if (opcode == SS_WS_BINARY) {

        if (code
            || (client->conf->rate && ngx_http_ss_rate_calls(client, 1)))
        {
            return;
        }

        flags = SS_LINK_BINARY;

    } else if (ngx_http_ss_call_begin(client, data, len, code, &number)
               != NGX_OK)
    {
        return;
    }

    if (code) {
        return;
    }

    if ((!client->bound && ngx_http_ss_route_bind(client) != NGX_OK)
        || ngx_http_ss_link_message(link, SS_LINK_MESSAGE, flags,
                                    client->slot, client->generation, number,
                                    data, len)
           != NGX_OK)
    {
        /* no memory: half a message may be under way, so the client goes */

        ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
        return;
    }

    if (ngx_http_ss_link_full(link) && !client->blocked) {
        client->blocked = 1;
        ngx_queue_insert_tail(&link->blocked, &client->waiting);
    }
}


void
ngx_http_ss_client_close(ngx_http_ss_client_t *client, ngx_uint_t code,
    const char *reason, size_t len)
{
    size_t   n;
    u_char   payload[SS_WS_CONTROL_MAX];

    if (client->closing) {
        return;
    }

    if (client->sse && code == SS_WS_CLOSE_NO_STATUS) {
        code = SS_WS_CLOSE_NORMAL;
    }

    ngx_http_ss_client_gone(client, code);

    n = 0;

    if (code != SS_WS_CLOSE_NO_STATUS) {
        payload[0] = (u_char) (code >> 8);
        payload[1] = (u_char) code;

        if (ss_ws_close_code(payload, 2) == 0) {

            /* a code that may not be on the wire */

            payload[0] = SS_WS_CLOSE_INTERNAL >> 8;
            payload[1] = SS_WS_CLOSE_INTERNAL & 0xff;
        }

        n = ngx_min(len, SS_WS_CONTROL_MAX - 2);

        if (n) {
            ngx_memcpy(payload + 2, reason, n);
        }

        n += 2;
    }

    ngx_http_ss_output_control(client, SS_WS_CLOSE, payload, n);

    client->closing = 1;

    if (client->upgraded) {
        ngx_add_timer(client->connection->read,
                      ngx_exiting ? NGX_HTTP_SS_EXIT_LINGER
                                  : NGX_HTTP_SS_LINGER);

        /* read on, whatever held it up: their close frame is to come */

        ngx_http_ss_client_resume(client);
    }
}


/* Nobody but the socket knows the client any more. */

static void
ngx_http_ss_client_gone(ngx_http_ss_client_t *client, ngx_uint_t code)
{
    ngx_uint_t           i;
    ngx_http_ss_link_t  *link;

    static const uint16_t  codes[] = {
#define X(n)  n,
        NGX_HTTP_SS_CLOSE_CODES(X)
#undef X
    };

    if (client->gone) {
        return;
    }

    client->gone = 1;

    for (i = 0; i < NGX_HTTP_SS_CLOSED_other; i++) {
        if (codes[i] == code) {
            break;
        }
    }

    ngx_http_ss_worker.counters->closed[i]++;

    if (client->upgraded && client->sse) {
        ngx_http_ss_count(streams, -1);

    } else if (client->upgraded) {
        ngx_http_ss_count(connections, -1);
    }

    if (client->draining) {
        ngx_http_ss_count(draining, -1);
    }

    link = client->link;

    if (client->bound && link->state == NGX_HTTP_SS_LINK_READY) {
        ngx_http_ss_link_closed(link, client->slot, client->generation, code);
    }

    ngx_http_ss_calls_forget(client);
    ngx_http_ss_route_detach(client);
    ngx_http_ss_slot_free(client->slot);

    ngx_queue_remove(&client->sweep);
    ngx_queue_init(&client->sweep);
}


void
ngx_http_ss_client_free(ngx_http_ss_client_t *client, ngx_uint_t code)
{
    ngx_http_ss_client_gone(client, code);
    ngx_http_ss_output_free(client);

    if (client->kept) {
        ngx_free(client->kept);
    }

    if (client->message) {
        ngx_free(client->message);
    }

    if (client->reply) {
        ngx_free(client->reply);
    }

    ngx_http_ss_limits_free(client);

    ngx_free(client->state);
    ngx_free(client);
}


void
ngx_http_ss_client_drop(ngx_http_ss_client_t *client, ngx_uint_t code)
{
    ngx_http_ss_client_gone(client, code);
    ngx_http_ss_client_finish(client);
}


static void
ngx_http_ss_client_finish(ngx_http_ss_client_t *client)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (client->reading) {
        client->dead = 1;
        return;
    }

    if (client->sse) {
        ngx_http_ss_sse_finish(client);
        return;
    }

    c = client->connection;
    r = client->request;

    ngx_http_ss_client_free(client, SS_WS_CLOSE_ABNORMAL);

    c->idle = 0;

    if (r) {
        ngx_http_free_request(r, 0);
    }

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
    }
#endif

    ngx_http_close_connection(c);
}


void
ngx_http_ss_client_drained(ngx_http_ss_client_t *client)
{
    if (client->out == NULL && client->closing && client->sse) {

        /* HTTP says by itself that nothing follows */

        ngx_http_ss_client_finish(client);
        return;
    }

    if (client->out == NULL && client->closing && !client->shut) {

        /*
         * Closing a socket while the peer is still sending resets it, which
         * would eat our close frame and what went before: say that nothing
         * follows, and wait for the peer's end.  TLS has an end of its own.
         */

        client->shut = 1;

#if (NGX_HTTP_SSL)
        if (client->connection->ssl) {

            if (client->close_seen) {
                ngx_http_ss_client_finish(client);
            }

            return;
        }
#endif

        if (ngx_shutdown_socket(client->connection->fd, NGX_WRITE_SHUTDOWN)
            == -1)
        {
            ngx_http_ss_client_finish(client);
        }

        return;
    }

    if (client->throttled
        && client->out_bytes <= client->conf->max_queue / 4)
    {
        client->throttled = 0;
        ngx_http_ss_client_resume(client);
    }
}


void
ngx_http_ss_client_resume(ngx_http_ss_client_t *client)
{
    ngx_event_t  *rev;

    /* to a stream's client a POST that is refused says so: it tries again */

    if (!client->upgraded || client->sse) {
        return;
    }

    rev = client->connection->read;

    if (!rev->posted && (rev->ready || client->kept)) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}
