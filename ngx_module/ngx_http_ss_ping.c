
/*
 * SPDX-License-Identifier: MIT
 *
 * Pings, and who does not answer them: one sweep for each location, since an idle
 * client shall cost no timer.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_SWEEP       1000    /* ms between two looks at the heads */


static void ngx_http_ss_ping_sweep_handler(ngx_event_t *ev);


void
ngx_http_ss_ping_begin(ngx_http_ss_client_t *client)
{
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = client->conf;

    client->due = ngx_current_msec + slcf->ping_interval;
    ngx_queue_insert_tail(&slcf->ping_due, &client->sweep);

    if (!slcf->sweep.timer_set) {
        slcf->sweep.handler = ngx_http_ss_ping_sweep_handler;
        slcf->sweep.data = slcf;
        slcf->sweep.log = ngx_cycle->log;
        slcf->sweep.cancelable = 1;

        ngx_add_timer(&slcf->sweep,
                      ngx_min(NGX_HTTP_SS_SWEEP, slcf->ping_interval));
    }
}


static void
ngx_http_ss_ping_sweep_handler(ngx_event_t *ev)
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

        /* nobody answers a stream's ping: TCP tells of those who are gone */
        client->alive = client->sse;

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
