
/*
 * SPDX-License-Identifier: MIT
 *
 * A worker's start and end, and what it has of its own.
 *
 * Where no directive of ours is used it has nothing.
 */


#include "ngx_http_socketstream.h"


ngx_http_ss_worker_t  ngx_http_ss_worker;


ngx_int_t
ngx_http_ss_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_http_ss_link_t       **link;
    ngx_http_ss_worker_t      *w;
    ngx_http_ss_main_conf_t   *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_socketstream_module);

    if (mcf == NULL || !mcf->enabled) {
        return NGX_OK;
    }

    w = &ngx_http_ss_worker;

    /* "master_process off" comes here again on reload, with clients */

    if (w->buffer == NULL) {

        w->buffer = ngx_alloc(NGX_HTTP_SS_READ_SIZE, cycle->log);
        if (w->buffer == NULL) {
            return NGX_ERROR;
        }

        w->counters = ngx_http_ss_counters_claim(mcf->zone);
        if (w->counters == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "socketstream: all %d blocks of counters are in "
                          "use", NGX_HTTP_SS_BLOCKS);
            return NGX_ERROR;
        }

        ngx_http_ss_limits_reset(mcf);

        w->generation = (uint64_t) ngx_time() << 20
                        ^ (uint64_t) ngx_random() << 32 ^ (uint64_t) ngx_pid;

        ngx_queue_init(&w->dirty);
        ngx_queue_init(&w->dirty_links);
        ngx_queue_init(&w->streams);

        w->flush.handler = ngx_http_ss_flush_handler;
        w->flush.data = w;
    }

    w->flush.log = cycle->log;

    if (ngx_http_ss_sse_watch(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a connection has one client or handshake, HTTP/2 several requests */
    w->max_slots = 4 * cycle->connection_n;

    link = mcf->links.elts;

    for (i = 0; i < mcf->links.nelts; i++) {
        ngx_http_ss_link_init(link[i]);
    }

    return NGX_OK;
}


void
ngx_http_ss_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_http_ss_link_t       **link;
    ngx_http_ss_main_conf_t   *mcf;

    if (ngx_http_ss_worker.counters == NULL) {
        return;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_socketstream_module);

    ngx_http_ss_sse_unwatch();

    /* nginx 1.22 exits before posted events run: flush what is queued */

    ngx_http_ss_flush_handler(&ngx_http_ss_worker.flush);

    link = mcf->links.elts;

    for (i = 0; i < mcf->links.nelts; i++) {
        ngx_http_ss_link_exit(link[i]);
    }

#define X(name, text)  ngx_http_ss_worker.counters->name = 0;
    NGX_HTTP_SS_GAUGES(X)
#undef X

    ngx_http_ss_limits_reset(mcf);

    ngx_memory_barrier();
    ngx_http_ss_worker.counters->pid = 0;
}
