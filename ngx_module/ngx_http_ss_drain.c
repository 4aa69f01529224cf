
/*
 * SPDX-License-Identifier: MIT
 *
 * How clients leave a worker that is to end: a reload, quit.
 *
 * Each has its own moment within socketstream_drain_time, and until the end of
 * it when calls are in flight; who listens to system notifications is told
 * first.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_GOAWAY                                                    \
    "{\"jsonrpc\":\"2.0\",\"method\":\"system.goaway\","                        \
    "\"params\":{\"reason\":\"reload\",\"drain_ms\":%M}}"


static void ngx_http_ss_client_drain(ngx_http_ss_client_t *client);


void
ngx_http_ss_client_quit(ngx_http_ss_client_t *client, ngx_uint_t impatient)
{
    /*
     * The worker's cycle calls this outside of event processing, and what is
     * posted there waits for the next event; "next" events do not wait.
     */

    if (!ngx_http_ss_worker.flush.posted) {
        ngx_post_event(&ngx_http_ss_worker.flush, &ngx_posted_next_events);
    }

    if (impatient) {

        /* worker_shutdown_timeout: what can be said without waiting */

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

void
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
