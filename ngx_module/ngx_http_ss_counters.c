
/*
 * SPDX-License-Identifier: MIT
 *
 * The zone of counters: a block for each worker, which alone writes to it, so
 * there is no lock.
 *
 * A block outlives its worker, since totals go on: a later worker takes it,
 * given back or not.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_ZONE_SIZE   (256 * 1024)


static ngx_int_t ngx_http_ss_counters_init_zone(ngx_shm_zone_t *zone,
    void *data);


ngx_int_t
ngx_http_ss_counters_add_zone(ngx_conf_t *cf, ngx_http_ss_main_conf_t *mcf)
{
    ngx_str_t  name = ngx_string("socketstream");

    mcf->zone = ngx_shared_memory_add(cf, &name, NGX_HTTP_SS_ZONE_SIZE,
                                      &ngx_http_socketstream_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    mcf->zone->init = ngx_http_ss_counters_init_zone;
    mcf->zone->data = mcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ss_counters_init_zone(ngx_shm_zone_t *zone, void *data)
{
    size_t            size;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        /* of the former configuration: counting goes on */
        zone->data = shpool->data;
        return NGX_OK;
    }

    size = NGX_HTTP_SS_BLOCKS * sizeof(ngx_http_ss_counters_t);

    shpool->data = ngx_slab_calloc(shpool, size);
    if (shpool->data == NULL) {
        return NGX_ERROR;
    }

    zone->data = shpool->data;

    return NGX_OK;
}


ngx_http_ss_counters_t *
ngx_http_ss_counters_claim(ngx_shm_zone_t *zone)
{
    ngx_uint_t               i, pass;
    ngx_atomic_uint_t        pid;
    ngx_http_ss_counters_t  *block;

    block = zone->data;

    /* a free block; else one whose process is gone without giving it back */

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < NGX_HTTP_SS_BLOCKS; i++) {
            pid = block[i].pid;

            if (pid && (pass == 0
                        || kill((ngx_pid_t) pid, 0) == 0
                        || ngx_errno != NGX_ESRCH))
            {
                continue;
            }

            if (!ngx_atomic_cmp_set(&block[i].pid, pid,
                                    (ngx_atomic_uint_t) ngx_pid))
            {
                continue;
            }

#define X(name, text)  block[i].name = 0;
            NGX_HTTP_SS_GAUGES(X)
#undef X
            ngx_memzero((void *) block[i].link_up, sizeof(block[i].link_up));
            ngx_memzero((void *) block[i].link_broken,
                        sizeof(block[i].link_broken));
            ngx_memzero((void *) block[i].canary_ms,
                        sizeof(block[i].canary_ms));

            return &block[i];
        }
    }

    return NULL;
}
