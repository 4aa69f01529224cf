
/*
 * SPDX-License-Identifier: MIT
 *
 * What a WebSocket's client sends: bytes to frames to messages.
 *
 * An idle client owns no buffer: bytes are read into the worker's, and only
 * the beginning of a frame or of a message is kept.  Checked here are masking
 * and frames (shared/ss_ws), UTF-8 and sizes; a whole message goes to
 * ngx_http_ss_client.c.
 *
 * What happens inside the read handler marks the client dead, and the handler
 * frees it at its end.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_READS       16      /* buffers in a row for one client */


static void ngx_http_ss_ws_read_handler(ngx_event_t *rev);
static void ngx_http_ss_ws_write_handler(ngx_event_t *wev);
static void ngx_http_ss_ws_read(ngx_http_ss_client_t *client);
static ngx_int_t ngx_http_ss_ws_recv(ngx_http_ss_client_t *client);
static ngx_int_t ngx_http_ss_ws_input(ngx_http_ss_client_t *client,
    u_char *p, u_char *end);
static void ngx_http_ss_ws_data(ngx_http_ss_client_t *client,
    ss_ws_piece_t *piece);
static void ngx_http_ss_ws_control(ngx_http_ss_client_t *client,
    ss_ws_piece_t *piece);


#define ngx_http_ss_ws_held(client)                                       \
    (((client)->throttled || (client)->blocked) && !(client)->closing)


void
ngx_http_ss_ws_start(ngx_http_ss_client_t *client, u_char *data, size_t len)
{
    ngx_connection_t  *c;

    c = client->connection;

    c->data = client;
    c->read->handler = ngx_http_ss_ws_read_handler;
    c->write->handler = ngx_http_ss_ws_write_handler;
    c->log->action = "talking WebSocket";

    /* nginx visits idle connections when the worker is to leave */
    c->idle = 1;

    ngx_http_ss_client_begin(client);

    ngx_http_ss_count(connections_total, 1);

    if (!client->gone) {
        ngx_http_ss_count(connections, 1);
    }

    if (ngx_exiting) {

        /* the 101 was not out when nginx visited those that are idle */

        ngx_http_ss_client_quit(client, 0);
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
ngx_http_ss_ws_read_handler(ngx_event_t *rev)
{
    ngx_uint_t             impatient;
    ngx_connection_t      *c;
    ngx_http_ss_client_t  *client;

    c = rev->data;
    client = c->data;

    if (c->close) {
        impatient = c->error;

        c->close = 0;
        c->error = 0;

        ngx_http_ss_client_quit(client, impatient);
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_http_ss_client_timeout(client);
        return;
    }

    client->reading = 1;

    ngx_http_ss_ws_read(client);

    client->reading = 0;

    if (client->dead) {
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
    }
}


static void
ngx_http_ss_ws_read(ngx_http_ss_client_t *client)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_event_t        *rev;
    ngx_http_ss_buf_t  *kept;

    rev = client->connection->read;

    for (i = 0; i < NGX_HTTP_SS_READS; i++) {

        if (client->dead || ngx_http_ss_ws_held(client)) {
            return;
        }

        if (client->kept && !client->partial) {

            /* where it is: behind a handshake may stand more than is read */

            kept = client->kept;
            client->kept = NULL;

            rc = ngx_http_ss_ws_input(client, kept->data,
                                      kept->data + kept->len);
            ngx_free(kept);

        } else {
            rc = ngx_http_ss_ws_recv(client);
        }

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_http_ss_client_drop(client, SS_WS_CLOSE_INTERNAL);
            return;
        }
    }

    /* others have their turn before more of this one */

    if (!client->dead) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }
}


/* More from the socket, behind the beginning of a frame that is kept. */

static ngx_int_t
ngx_http_ss_ws_recv(ngx_http_ss_client_t *client)
{
    size_t             len;
    ssize_t            n;
    u_char            *p;
    ngx_connection_t  *c;

    c = client->connection;

    if (!c->read->ready) {
        return NGX_AGAIN;
    }

    p = ngx_http_ss_worker.buffer;
    len = client->kept ? client->kept->len : 0;

    n = c->recv(c, p + len, NGX_HTTP_SS_READ_SIZE - len);

    if (n == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (n == 0 || n == NGX_ERROR) {
        ngx_http_ss_client_drop(client, SS_WS_CLOSE_ABNORMAL);
        return NGX_AGAIN;
    }

    client->alive = 1;

    if (len) {
        ngx_memcpy(p, client->kept->data, len);
        ngx_free(client->kept);
        client->kept = NULL;
    }

    return ngx_http_ss_ws_input(client, p, p + len + n);
}


/* Frames of [p, end), until the client is held up or closed. */

static ngx_int_t
ngx_http_ss_ws_input(ngx_http_ss_client_t *client, u_char *p,
    u_char *end)
{
    ss_ws_rc_t     rc;
    ss_ws_piece_t  piece;

    client->partial = 0;

    while (p < end) {

        if (client->dead || client->close_seen || client->deaf) {
            return NGX_OK;
        }

        if (ngx_http_ss_ws_held(client)) {
            break;
        }

        rc = ss_ws_decode(&client->decoder, &p, end, &piece);

        if (rc == SS_WS_DATA) {
            ngx_http_ss_ws_data(client, &piece);
            continue;
        }

        if (rc == SS_WS_CONTROL) {
            ngx_http_ss_ws_control(client, &piece);
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
ngx_http_ss_ws_data(ngx_http_ss_client_t *client, ss_ws_piece_t *piece)
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
ngx_http_ss_ws_control(ngx_http_ss_client_t *client,
    ss_ws_piece_t *piece)
{
    uint16_t  code;

    switch (piece->opcode) {

    case SS_WS_PING:
        if (client->closing) {
            return;
        }

        ngx_http_ss_output_control(client, SS_WS_PONG, piece->data,
                                   piece->len);

        /* no limit holds back a pong, so who asks for it is */

        if (client->out_bytes > client->conf->max_queue / 2) {
            client->throttled = 1;
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


static void
ngx_http_ss_ws_write_handler(ngx_event_t *wev)
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
