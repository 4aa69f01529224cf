
/*
 * SPDX-License-Identifier: MIT
 *
 * The sidecars that a name stands for: a pool for each name, with the sockets of
 * its upstream block, and a link for each socket, however many pools name it.
 *
 * Made of the configuration; which link serves whom is ngx_http_ss_route.c's.
 */


#include "ngx_http_socketstream.h"


static ngx_int_t ngx_http_ss_pool_resolve(ngx_conf_t *cf,
    ngx_http_ss_main_conf_t *mcf, ngx_http_ss_pool_t *pool);
static ngx_http_ss_link_t *ngx_http_ss_pool_add_link(ngx_conf_t *cf,
    ngx_http_ss_main_conf_t *mcf, ngx_addr_t *addr);


/* One pool for each name, however many locations use it. */

ngx_http_ss_pool_t *
ngx_http_ss_pool_add(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_url_t                 u;
    ngx_uint_t                i;
    ngx_http_ss_pool_t       *pool, **poolp;
    ngx_http_ss_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_socketstream_module);

    poolp = mcf->pools.elts;

    for (i = 0; i < mcf->pools.nelts; i++) {
        if (poolp[i]->name.len == name->len
            && ngx_strncmp(poolp[i]->name.data, name->data, name->len) == 0)
        {
            return poolp[i];
        }
    }

    if (name->len >= 7 && ngx_strncmp(name->data, "http://", 7) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is a URL, but a sidecar is named by "
                           "\"unix:/path\" or by an upstream", name);
        return NULL;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *name;
    u.no_resolve = 1;

    pool = ngx_pcalloc(cf->pool, sizeof(ngx_http_ss_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->name = *name;
    pool->upstream = ngx_http_upstream_add(cf, &u, 0);
    if (pool->upstream == NULL) {
        return NULL;
    }

    if (ngx_array_init(&pool->peers, cf->pool, 2, sizeof(ngx_http_ss_peer_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_queue_init(&pool->opens);
    ngx_queue_init(&pool->apis);

    poolp = ngx_array_push(&mcf->pools);
    if (poolp == NULL) {
        return NULL;
    }

    *poolp = pool;

    return pool;
}


/* upstream blocks may stand behind their use: looked at when all is read */

ngx_int_t
ngx_http_ss_pools_resolve(ngx_conf_t *cf, ngx_http_ss_main_conf_t *mcf)
{
    ngx_uint_t            i;
    ngx_http_ss_pool_t  **pool;

    pool = mcf->pools.elts;

    for (i = 0; i < mcf->pools.nelts; i++) {
        if (ngx_http_ss_pool_resolve(cf, mcf, pool[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ss_pool_resolve(ngx_conf_t *cf, ngx_http_ss_main_conf_t *mcf,
    ngx_http_ss_pool_t *pool)
{
    ngx_uint_t                   i, n;
    ngx_http_ss_peer_t          *peer;
    ngx_http_upstream_server_t  *server;

    if (pool->upstream->servers == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "no upstream \"%V\" is defined, and it is not "
                      "\"unix:/path\" either, in %s:%ui",
                      &pool->name, pool->upstream->file_name,
                      pool->upstream->line);
        return NGX_ERROR;
    }

    server = pool->upstream->servers->elts;

    for (i = 0; i < pool->upstream->servers->nelts; i++) {

        if (server[i].down) {
            continue;
        }

        for (n = 0; n < server[i].naddrs; n++) {

            if (server[i].addrs[n].sockaddr->sa_family != AF_UNIX) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "server \"%V\" of upstream \"%V\" is not a "
                              "Unix socket: a sidecar listens on "
                              "\"unix:/path\", in %s:%ui",
                              &server[i].addrs[n].name, &pool->name,
                              pool->upstream->file_name,
                              pool->upstream->line);
                return NGX_ERROR;
            }

            peer = ngx_array_push(&pool->peers);
            if (peer == NULL) {
                return NGX_ERROR;
            }

            peer->weight = server[i].weight ? server[i].weight : 1;
            peer->backup = server[i].backup;
            peer->link = ngx_http_ss_pool_add_link(cf, mcf, &server[i].addrs[n]);
            if (peer->link == NULL) {
                return NGX_ERROR;
            }
        }
    }

    if (pool->peers.nelts == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "all servers of upstream \"%V\" are \"down\" in %s:%ui",
                      &pool->name, pool->upstream->file_name,
                      pool->upstream->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* One link for each socket, however many pools name it. */

static ngx_http_ss_link_t *
ngx_http_ss_pool_add_link(ngx_conf_t *cf, ngx_http_ss_main_conf_t *mcf,
    ngx_addr_t *addr)
{
    ngx_uint_t            i;
    ngx_http_ss_link_t   *link, **linkp;

    linkp = mcf->links.elts;

    for (i = 0; i < mcf->links.nelts; i++) {
        if (ngx_cmp_sockaddr(linkp[i]->sockaddr, linkp[i]->socklen,
                             addr->sockaddr, addr->socklen, 1)
            == NGX_OK)
        {
            return linkp[i];
        }
    }

    if (mcf->links.nelts == NGX_HTTP_SS_MAX_LINKS) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "more than %d sidecar sockets are configured",
                      NGX_HTTP_SS_MAX_LINKS);
        return NULL;
    }

    link = ngx_pcalloc(cf->pool, sizeof(ngx_http_ss_link_t));
    if (link == NULL) {
        return NULL;
    }

    link->name = addr->name;

    link->label.len = addr->name.len
                      + ngx_escape_json(NULL, addr->name.data,
                                        addr->name.len);
    link->label.data = ngx_pnalloc(cf->pool, link->label.len);
    if (link->label.data == NULL) {
        return NULL;
    }

    ngx_escape_json(link->label.data, addr->name.data, addr->name.len);

    link->sockaddr = addr->sockaddr;
    link->socklen = addr->socklen;
    link->index = mcf->links.nelts;

    linkp = ngx_array_push(&mcf->links);
    if (linkp == NULL) {
        return NULL;
    }

    *linkp = link;

    return link;
}
