
/*
 * SPDX-License-Identifier: MIT
 *
 * Who is served by which link.
 *
 * A lost link takes nobody with it: clients go to another link of their
 * pool that is ready, or stay and wait; handshakes wait for any link until
 * their own time is over; API requests that were sent have failed.  A client
 * that comes from elsewhere is bound by REBIND: at once when it speaks, else
 * in small portions, so that live traffic goes first.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_REBINDS         500     /* in one portion */
#define NGX_HTTP_SS_REBIND_PACE     5       /* ms between two */


static ngx_uint_t ngx_http_ss_route_in_pool(ngx_http_ss_pool_t *pool,
    ngx_http_ss_link_t *link);
static void ngx_http_ss_route_serve(ngx_http_ss_pool_t *pool);
static void ngx_http_ss_route_forget(ngx_http_ss_link_t *link);
static void ngx_http_ss_route_move(ngx_http_ss_link_t *from,
    ngx_http_ss_link_t *to, ngx_http_ss_pool_t *pool);


static ngx_http_ss_main_conf_t *
ngx_http_ss_route_conf(void)
{
    return ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_socketstream_module);
}


static ngx_uint_t
ngx_http_ss_route_in_pool(ngx_http_ss_pool_t *pool, ngx_http_ss_link_t *link)
{
    ngx_uint_t           i;
    ngx_http_ss_peer_t  *peer;

    peer = pool->peers.elts;

    for (i = 0; i < pool->peers.nelts; i++) {
        if (peer[i].link == link) {
            return 1;
        }
    }

    return 0;
}


ngx_http_ss_link_t *
ngx_http_ss_route_select(ngx_http_ss_pool_t *pool)
{
    ngx_uint_t            i;
    ngx_http_ss_link_t   *link;
    ngx_http_ss_peer_t   *peer, *best;

    best = NULL;
    peer = pool->peers.elts;

    for (i = 0; i < pool->peers.nelts; i++) {
        link = peer[i].link;

        if (link->state == NGX_HTTP_SS_LINK_DOWN && !link->timer.timer_set) {
            ngx_http_ss_link_connect(link);
        }

        if (link->state != NGX_HTTP_SS_LINK_READY || link->draining) {
            continue;
        }

        if (best == NULL
            || best->backup > peer[i].backup
            || (best->backup == peer[i].backup
                && link->nclients * best->weight
                   < best->link->nclients * peer[i].weight))
        {
            best = &peer[i];
        }
    }

    return best ? best->link : NULL;
}


void
ngx_http_ss_route_ready(ngx_http_ss_link_t *link)
{
    ngx_uint_t                 i, n;
    ngx_queue_t               *q;
    ngx_http_ss_pool_t       **pool;
    ngx_http_ss_peer_t        *peer;
    ngx_http_ss_client_t      *client;
    ngx_http_ss_main_conf_t   *mcf;

    /* its own clients, whom this sidecar does not know any more */

    for (q = ngx_queue_head(&link->clients);
         q != ngx_queue_sentinel(&link->clients);
         q = ngx_queue_next(q))
    {
        client = ngx_queue_data(q, ngx_http_ss_client_t, queue);
        client->bound = 0;
    }

    if (!ngx_queue_empty(&link->clients)) {
        ngx_queue_add(&link->unbound, &link->clients);
        ngx_queue_init(&link->clients);
    }

    /* and those that wait: clients of lost links, handshakes, requests */

    mcf = ngx_http_ss_route_conf();
    pool = mcf->pools.elts;

    for (i = 0; i < mcf->pools.nelts; i++) {

        if (!ngx_http_ss_route_in_pool(pool[i], link)) {
            continue;
        }

        peer = pool[i]->peers.elts;

        for (n = 0; n < pool[i]->peers.nelts; n++) {
            if (peer[n].link->state != NGX_HTTP_SS_LINK_READY
                || peer[n].link->draining)
            {
                ngx_http_ss_route_move(peer[n].link, link, pool[i]);
            }
        }

        ngx_http_ss_route_serve(pool[i]);
    }

    if (!ngx_queue_empty(&link->unbound) && !link->rebind.timer_set) {
        ngx_add_timer(&link->rebind, NGX_HTTP_SS_REBIND_PACE);
    }
}


static void
ngx_http_ss_route_serve(ngx_http_ss_pool_t *pool)
{
    ngx_queue_t         *q;
    ngx_http_ss_link_t  *link;

    while (!ngx_queue_empty(&pool->opens)) {

        link = ngx_http_ss_route_select(pool);
        if (link == NULL) {
            return;
        }

        q = ngx_queue_head(&pool->opens);
        ngx_http_ss_open_send(ngx_queue_data(q, ngx_http_ss_open_t, queue),
                              link);
    }

    while (!ngx_queue_empty(&pool->apis)) {

        link = ngx_http_ss_route_select(pool);
        if (link == NULL) {
            return;
        }

        q = ngx_queue_head(&pool->apis);
        ngx_http_ss_api_send(ngx_queue_data(q, ngx_http_ss_api_t, queue),
                             link);
    }
}


/* The link's clients go elsewhere, as far as there is a place for them. */

void
ngx_http_ss_route_leave(ngx_http_ss_link_t *link)
{
    ngx_uint_t                 i;
    ngx_http_ss_link_t        *best;
    ngx_http_ss_pool_t       **pool;
    ngx_http_ss_main_conf_t   *mcf;

    mcf = ngx_http_ss_route_conf();
    pool = mcf->pools.elts;

    for (i = 0; i < mcf->pools.nelts; i++) {

        if (!ngx_http_ss_route_in_pool(pool[i], link)) {
            continue;
        }

        best = ngx_http_ss_route_select(pool[i]);

        if (best) {
            ngx_http_ss_route_move(link, best, pool[i]);
        }
    }
}


void
ngx_http_ss_route_lost(ngx_http_ss_link_t *link)
{
    ngx_queue_t           *q, lost;
    ngx_http_ss_client_t  *client;

    for (q = ngx_queue_head(&link->clients);
         q != ngx_queue_sentinel(&link->clients);
         q = ngx_queue_next(q))
    {
        client = ngx_queue_data(q, ngx_http_ss_client_t, queue);
        client->bound = 0;
        ngx_http_ss_topics_leave_all(client);
    }

    ngx_http_ss_route_forget(link);
    ngx_http_ss_route_leave(link);

    /* those that fail leave their queue */

    ngx_queue_init(&lost);

    if (!ngx_queue_empty(&link->opens)) {
        ngx_queue_add(&lost, &link->opens);
        ngx_queue_init(&link->opens);
    }

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_head(&lost);
        ngx_http_ss_open_lost(ngx_queue_data(q, ngx_http_ss_open_t, queue));
    }

    if (!ngx_queue_empty(&link->apis)) {
        ngx_queue_add(&lost, &link->apis);
        ngx_queue_init(&link->apis);
    }

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_head(&lost);
        ngx_http_ss_api_lost(ngx_queue_data(q, ngx_http_ss_api_t, queue));
    }
}


/*
 * What was to come in pieces will not be whole any more, also for those that
 * have moved away while the sidecar was draining.
 */

static void
ngx_http_ss_route_forget(ngx_http_ss_link_t *link)
{
    ngx_uint_t             i;
    ngx_http_ss_slot_t    *slot;
    ngx_http_ss_client_t  *client;

    slot = ngx_http_ss_worker.slots;

    for (i = 0; i < ngx_http_ss_worker.nslots; i++) {

        if (slot[i].type != NGX_HTTP_SS_SLOT_CLIENT) {
            continue;
        }

        client = slot[i].data;

        if (client->reply_link != link) {
            continue;
        }

        client->reply_link = NULL;
        client->reply_skip = 0;

        if (client->reply) {
            ngx_free(client->reply);
            client->reply = NULL;
        }
    }
}


/* All clients of the pool, from one link to another one that is ready. */

static void
ngx_http_ss_route_move(ngx_http_ss_link_t *from, ngx_http_ss_link_t *to,
    ngx_http_ss_pool_t *pool)
{
    ngx_uint_t             i;
    ngx_queue_t           *q, *next, *list[2];
    ngx_http_ss_client_t  *client;

    if (from == to) {
        return;
    }

    list[0] = &from->clients;
    list[1] = &from->unbound;

    for (i = 0; i < 2; i++) {

        for (q = ngx_queue_head(list[i]);
             q != ngx_queue_sentinel(list[i]);
             q = next)
        {
            next = ngx_queue_next(q);
            client = ngx_queue_data(q, ngx_http_ss_client_t, queue);

            if (client->pool == pool) {
                ngx_http_ss_route_detach(client);
                ngx_http_ss_route_attach(to, client);
            }
        }
    }

    if (!ngx_queue_empty(&to->unbound) && !to->rebind.timer_set) {
        ngx_add_timer(&to->rebind, NGX_HTTP_SS_REBIND_PACE);
    }
}


void
ngx_http_ss_route_attach(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client)
{
    client->link = link;
    link->nclients++;

    ngx_queue_insert_tail(client->bound ? &link->clients : &link->unbound,
                          &client->queue);
}


void
ngx_http_ss_route_detach(ngx_http_ss_client_t *client)
{
    ngx_queue_remove(&client->queue);
    client->link->nclients--;

    if (client->blocked) {
        client->blocked = 0;
        ngx_queue_remove(&client->waiting);
        ngx_http_ss_client_resume(client);
    }

    /* memberships are the sidecar's: the next one makes them anew */
    ngx_http_ss_topics_leave_all(client);

    client->bound = 0;
    client->link = NULL;
}


ngx_int_t
ngx_http_ss_route_bind(ngx_http_ss_client_t *client)
{
    u_char              *p;
    ngx_http_ss_link_t  *link;

    link = client->link;

    p = ngx_http_ss_link_reserve(link, client->state_len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, client->state, client->state_len);

    ngx_http_ss_link_commit(link, SS_LINK_REBIND, 0, client->slot,
                            client->generation, 0, client->state_len);

    client->bound = 1;

    ngx_queue_remove(&client->queue);
    ngx_queue_insert_tail(&link->clients, &client->queue);

    ngx_http_ss_count(rebinds_total, 1);

    return NGX_OK;
}


void
ngx_http_ss_route_rebind_handler(ngx_event_t *ev)
{
    ngx_uint_t             n;
    ngx_queue_t           *q;
    ngx_http_ss_link_t    *link;
    ngx_http_ss_client_t  *client;

    link = ev->data;

    if (link->state != NGX_HTTP_SS_LINK_READY) {
        return;
    }

    for (n = 0; n < NGX_HTTP_SS_REBINDS; n++) {

        if (ngx_queue_empty(&link->unbound)) {
            return;
        }

        if (link->out_len - link->out_pos > NGX_HTTP_SS_LINK_QUEUE / 4) {
            break;
        }

        q = ngx_queue_head(&link->unbound);
        client = ngx_queue_data(q, ngx_http_ss_client_t, queue);

        if (ngx_http_ss_route_bind(client) != NGX_OK) {
            break;
        }
    }

    ngx_add_timer(ev, NGX_HTTP_SS_REBIND_PACE);
}


ngx_uint_t
ngx_http_ss_route_needed(ngx_http_ss_link_t *link)
{
    ngx_uint_t                 i;
    ngx_http_ss_pool_t       **pool;
    ngx_http_ss_main_conf_t   *mcf;

    if (link->nclients) {
        return 1;
    }

    mcf = ngx_http_ss_route_conf();
    pool = mcf->pools.elts;

    for (i = 0; i < mcf->pools.nelts; i++) {
        if ((!ngx_queue_empty(&pool[i]->opens)
             || !ngx_queue_empty(&pool[i]->apis))
            && ngx_http_ss_route_in_pool(pool[i], link))
        {
            return 1;
        }
    }

    return 0;
}
