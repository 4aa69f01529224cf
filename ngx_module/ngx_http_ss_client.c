
/*
 * SPDX-License-Identifier: MIT
 *
 * A client: a WebSocket, from its 101 to its last byte.
 *
 *     open ---- they close, or we do ----> closing ----> shut ----> freed
 *      |                                   (close frame  (SHUT_WR,
 *      +-- reload: draining, 1012 at its    queued)       linger)
 *          own moment of drain_time
 *
 * Reading is frames to messages (shared/ss_ws), checks (masking, UTF-8,
 * size), and one MESSAGE to the sidecar.  An idle client owns no buffer:
 * bytes are read into the worker's, and only the beginning of a frame or of
 * a message is kept.  It has no timer either: pings come from one sweep for
 * each location.
 *
 * A client is never freed under somebody's feet: what happens inside the
 * read handler marks it dead, and the handler frees it at its end.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_READS       16      /* buffers in a row for one client */
#define NGX_HTTP_SS_SWEEP       1000    /* ms between two looks at the heads */


static void ngx_http_ss_client_read_handler(ngx_event_t *rev);
static void ngx_http_ss_client_write_handler(ngx_event_t *wev);
static void ngx_http_ss_client_quit(ngx_http_ss_client_t *client);
static void ngx_http_ss_client_read(ngx_http_ss_client_t *client);
static ngx_int_t ngx_http_ss_client_input(ngx_http_ss_client_t *client,
    u_char *p, u_char *end);
static void ngx_http_ss_client_data(ngx_http_ss_client_t *client,
    ss_ws_piece_t *piece);
static void ngx_http_ss_client_message(ngx_http_ss_client_t *client,
    ngx_uint_t opcode, u_char *data, size_t len);
static void ngx_http_ss_client_control(ngx_http_ss_client_t *client,
    ss_ws_piece_t *piece);
static void ngx_http_ss_client_drain(ngx_http_ss_client_t *client);
static void ngx_http_ss_client_drain_due(ngx_http_ss_client_t *client);
static void ngx_http_ss_client_gone(ngx_http_ss_client_t *client,
    ngx_uint_t code);
static void ngx_http_ss_client_finish(ngx_http_ss_client_t *client);


#define NGX_HTTP_SS_GOAWAY                                                    \
    "{\"jsonrpc\":\"2.0\",\"method\":\"system.goaway\","                        \
    "\"params\":{\"reason\":\"reload\",\"drain_ms\":%M}}"

#define ngx_http_ss_client_held(client)                                       \
    (((client)->throttled || (client)->blocked) && !(client)->closing)


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

    client->connection = o->request->connection;
    client->conf = o->conf;
    client->pool = o->pool;
    client->slot = o->slot;
    client->generation = o->generation;
    client->system = o->system;
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
ngx_http_ss_client_start(ngx_http_ss_client_t *client, u_char *data,
    size_t len)
{
    ngx_connection_t        *c;
    ngx_http_ss_loc_conf_t  *slcf;

    c = client->connection;
    slcf = client->conf;

    c->data = client;
    c->read->handler = ngx_http_ss_client_read_handler;
    c->write->handler = ngx_http_ss_client_write_handler;
    c->log->action = "talking WebSocket";

    /* nginx visits idle connections when the worker is to leave */
    c->idle = 1;

    client->upgraded = 1;

    ngx_http_ss_count(connections_total, 1);
    ngx_http_ss_count(connections, 1);

    if (slcf->ping_interval) {
        client->due = ngx_current_msec + slcf->ping_interval;
        ngx_queue_insert_tail(&slcf->ping_due, &client->sweep);

        if (!slcf->sweep.timer_set) {
            slcf->sweep.handler = ngx_http_ss_client_sweep_handler;
            slcf->sweep.data = slcf;
            slcf->sweep.log = ngx_cycle->log;
            slcf->sweep.cancelable = 1;

            ngx_add_timer(&slcf->sweep,
                          ngx_min(NGX_HTTP_SS_SWEEP, slcf->ping_interval));
        }
    }

    /* what the sidecar sent while the 101 was under way */

    if (client->out) {
        ngx_http_ss_output_ready(client);
    }

    /*
     * From the posted event on, so that no frame is decoded while a link's
     * input is: both use the worker's buffer.
     */

    if (len && ngx_http_ss_buf_add(&client->kept, data, len) != NGX_OK) {
        ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
    }

    if (len || c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_ss_client_read_handler(ngx_event_t *rev)
{
    ngx_connection_t      *c;
    ngx_http_ss_client_t  *client;

    c = rev->data;
    client = c->data;

    if (c->close) {
        ngx_http_ss_client_quit(client);
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;

        if (client->closing) {
            ngx_http_ss_client_finish(client);
            return;
        }

        ngx_http_ss_client_drain_due(client);
        return;
    }

    client->reading = 1;

    ngx_http_ss_client_read(client);

    client->reading = 0;

    if (client->dead) {
        ngx_http_ss_client_finish(client);
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
    }
}


/* nginx wants the connection back: a reload, or out of patience. */

static void
ngx_http_ss_client_quit(ngx_http_ss_client_t *client)
{
    ngx_connection_t  *c;

    c = client->connection;
    c->close = 0;

    /*
     * The worker's cycle calls this outside of event processing, and what is
     * posted there waits for the next event; "next" events do not wait.
     */

    if (!ngx_http_ss_worker.flush.posted) {
        ngx_post_event(&ngx_http_ss_worker.flush, &ngx_posted_next_events);
    }

    if (c->error) {

        /* worker_shutdown_timeout: what can be said without waiting */

        c->error = 0;

        ngx_http_ss_calls_fail_client(client, SS_RPC_UNAVAILABLE);
        ngx_http_ss_client_close(client, SS_WS_CLOSE_RESTART, NULL, 0);
        (void) ngx_http_ss_output_flush(client);
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_RESTART);

        return;
    }

    if (!client->draining) {
        ngx_http_ss_client_drain(client);
    }
}


static void
ngx_http_ss_client_read(ngx_http_ss_client_t *client)
{
    size_t             len;
    ssize_t            n;
    u_char            *p;
    ngx_uint_t         i;
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    c = client->connection;
    rev = c->read;
    p = ngx_http_ss_worker.buffer;

    for (i = 0; i < NGX_HTTP_SS_READS; i++) {

        if (client->dead || ngx_http_ss_client_held(client)) {
            return;
        }

        len = client->kept ? client->kept->len : 0;
        n = 0;

        if (len == 0 || client->partial) {

            if (!rev->ready) {
                return;
            }

            n = c->recv(c, p + len, NGX_HTTP_SS_READ_SIZE - len);

            if (n == NGX_AGAIN) {
                return;
            }

            if (n == 0 || n == NGX_ERROR) {
                ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
                return;
            }

            client->alive = 1;
        }

        if (len) {
            ngx_memcpy(p, client->kept->data, len);
            ngx_free(client->kept);
            client->kept = NULL;
        }

        if (ngx_http_ss_client_input(client, p, p + len + n) != NGX_OK) {
            ngx_http_ss_client_drop(client, SS_WS_CLOSE_INTERNAL);
            return;
        }
    }

    /* others have their turn before more of this one */

    if (!client->dead) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }
}


/* Frames of [p, end), until the client is held up or closed. */

static ngx_int_t
ngx_http_ss_client_input(ngx_http_ss_client_t *client, u_char *p,
    u_char *end)
{
    ss_ws_rc_t     rc;
    ss_ws_piece_t  piece;

    client->partial = 0;

    while (p < end) {

        if (client->dead || client->close_seen || client->deaf) {
            return NGX_OK;
        }

        if (ngx_http_ss_client_held(client)) {
            break;
        }

        rc = ss_ws_decode(&client->decoder, &p, end, &piece);

        if (rc == SS_WS_DATA) {
            ngx_http_ss_client_data(client, &piece);
            continue;
        }

        if (rc == SS_WS_CONTROL) {
            ngx_http_ss_client_control(client, &piece);
            continue;
        }

        if (rc == SS_WS_MORE) {
            client->partial = 1;
            break;
        }

        ngx_log_error(NGX_LOG_INFO, client->connection->log, 0,
                      "socketstream: client closed with %ui: %s",
                      (ngx_uint_t) client->decoder.close_code,
                      ss_ws_error(&client->decoder));

        ngx_http_ss_client_close(client, client->decoder.close_code,
                                 ss_ws_error(&client->decoder),
                                 ngx_strlen(ss_ws_error(&client->decoder)));

        /* nothing that follows can be understood, their close neither */

        client->deaf = 1;
        return NGX_OK;
    }

    if (p == end) {
        client->partial = 1;
        return NGX_OK;
    }

    return ngx_http_ss_buf_add(&client->kept, p, end - p);
}


static void
ngx_http_ss_client_data(ngx_http_ss_client_t *client, ss_ws_piece_t *piece)
{
    ngx_http_ss_buf_t  *whole;

    if (client->closing) {
        return;
    }

    if (piece->opcode == SS_WS_TEXT) {

        if (piece->first) {
            ngx_memzero(&client->utf8, sizeof(ss_utf8_t));
        }

        if (!ss_utf8_feed(&client->utf8, piece->data, piece->len)
            || (piece->last && !ss_utf8_complete(&client->utf8)))
        {
            ngx_log_error(NGX_LOG_INFO, client->connection->log, 0,
                          "socketstream: client closed with 1007: "
                          "text is not UTF-8");

            ngx_http_ss_client_close(client, SS_WS_CLOSE_INVALID_DATA,
                                     "text is not UTF-8", 17);
            return;
        }
    }

    if (piece->first && piece->last) {
        ngx_http_ss_client_message(client, piece->opcode, piece->data,
                                   piece->len);
        return;
    }

    if (ngx_http_ss_buf_add(&client->message, piece->data, piece->len)
        != NGX_OK)
    {
        ngx_http_ss_client_close(client, SS_WS_CLOSE_INTERNAL, NULL, 0);
        return;
    }

    if (piece->last) {
        whole = client->message;
        client->message = NULL;

        ngx_http_ss_client_message(client, piece->opcode, whole->data,
                                   whole->len);
        ngx_free(whole);
    }
}


static void
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

        if (code) {
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


static void
ngx_http_ss_client_control(ngx_http_ss_client_t *client,
    ss_ws_piece_t *piece)
{
    uint16_t  code;

    switch (piece->opcode) {

    case SS_WS_PING:
        if (!client->closing) {
            ngx_http_ss_output_control(client, SS_WS_PONG, piece->data,
                                       piece->len);
        }

        return;

    case SS_WS_PONG:
        return;
    }

    /* close */

    client->close_seen = 1;

    if (client->closing) {

        /* the answer to ours */

        if (client->out == NULL) {
            client->dead = 1;
        }

        return;
    }

    code = ss_ws_close_code(piece->data, piece->len);

    if (code == 0) {
        code = SS_WS_CLOSE_PROTOCOL;

    } else if (piece->len > 2
               && !ss_utf8_valid(piece->data + 2, piece->len - 2))
    {
        code = SS_WS_CLOSE_INVALID_DATA;
    }

    ngx_http_ss_client_close(client, code, NULL, 0);
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

    if (client->upgraded) {
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

    if (!client->upgraded) {
        return;
    }

    rev = client->connection->read;

    if (!rev->posted && (rev->ready || client->kept)) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


static void
ngx_http_ss_client_write_handler(ngx_event_t *wev)
{
    ngx_connection_t      *c;
    ngx_http_ss_client_t  *client;

    c = wev->data;
    client = c->data;

    if (client->out == NULL || client->ready_set) {
        return;
    }

    /* the peer has taken something, however slowly: that is a sign of life */
    client->alive = 1;

    if (ngx_http_ss_output_flush(client) == NGX_ERROR) {
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
        return;
    }

    ngx_http_ss_client_drained(client);
}


/*
 * The worker is to leave.  Each client has its own moment within
 * drain_time, so that they do not all knock at the new workers at once.
 * Those that listen to system notifications are told at the beginning, and
 * have the first half of the time to move by themselves: who had to go before
 * being connected anew would miss events.
 */

static void
ngx_http_ss_client_drain(ngx_http_ss_client_t *client)
{
    u_char      *last;
    ngx_msec_t   time, grace;
    u_char       goaway[sizeof(NGX_HTTP_SS_GOAWAY) + NGX_INT_T_LEN];

    if (client->closing) {
        return;
    }

    client->draining = 1;
    ngx_http_ss_count(draining, 1);

    time = client->conf->drain_time;

    ngx_queue_remove(&client->sweep);
    ngx_queue_init(&client->sweep);

    client->due = ngx_current_msec + time;

    if (time == 0) {
        ngx_http_ss_client_drain_due(client);
        return;
    }

    grace = 0;

    if (client->system) {
        grace = time / 2;
        last = ngx_sprintf(goaway, NGX_HTTP_SS_GOAWAY, time);
        ngx_http_ss_output_message(client, SS_WS_TEXT, goaway, last - goaway);
    }

    if (!client->closing) {
        ngx_add_timer(client->connection->read,
                      grace + (ngx_msec_t) ngx_random() % (time - grace));
    }
}


/* Its moment: with calls in flight it has until the end of drain_time. */

static void
ngx_http_ss_client_drain_due(ngx_http_ss_client_t *client)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (client->due - ngx_current_msec);

    if (client->ncalls && left > 0) {
        ngx_add_timer(client->connection->read,
                      ngx_min((ngx_msec_t) left, 50));
        return;
    }

    ngx_http_ss_calls_fail_client(client, SS_RPC_UNAVAILABLE);
    ngx_http_ss_client_close(client, SS_WS_CLOSE_RESTART, NULL, 0);
}


void
ngx_http_ss_client_sweep_handler(ngx_event_t *ev)
{
    ngx_queue_t             *q;
    ngx_http_ss_client_t    *client;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ev->data;

    while (!ngx_queue_empty(&slcf->pong_due)) {
        q = ngx_queue_head(&slcf->pong_due);
        client = ngx_queue_data(q, ngx_http_ss_client_t, sweep);

        if ((ngx_msec_int_t) (client->due - ngx_current_msec) > 0) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_init(q);

        if (!client->alive && !client->blocked) {
            ngx_log_error(NGX_LOG_INFO, client->connection->log, 0,
                          "socketstream: no answer to a ping in %M ms",
                          slcf->pong_timeout);

            ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
            continue;
        }

        client->due = ngx_current_msec
                      + (slcf->ping_interval > slcf->pong_timeout
                         ? slcf->ping_interval - slcf->pong_timeout : 0);
        ngx_queue_insert_tail(&slcf->ping_due, q);
    }

    while (!ngx_queue_empty(&slcf->ping_due)) {
        q = ngx_queue_head(&slcf->ping_due);
        client = ngx_queue_data(q, ngx_http_ss_client_t, sweep);

        if ((ngx_msec_int_t) (client->due - ngx_current_msec) > 0) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&slcf->pong_due, q);

        client->due = ngx_current_msec + slcf->pong_timeout;
        client->alive = 0;

        ngx_http_ss_output_control(client, SS_WS_PING, NULL, 0);
        ngx_http_ss_count(pings_total, 1);
    }

    if (!ngx_queue_empty(&slcf->ping_due)
        || !ngx_queue_empty(&slcf->pong_due))
    {
        ngx_add_timer(ev, ngx_min(NGX_HTTP_SS_SWEEP,
                                  ngx_min(slcf->ping_interval,
                                          slcf->pong_timeout)));
    }
}
