
/*
 * SPDX-License-Identifier: MIT
 *
 * What workers share to limit clients: a zone with the accounts of
 * ngx_http_ss_rate.c and with how many connections each address has.
 *
 * There is no zone, and a client has nothing here, where no directive limits
 * anything.  The zone's keys are hashes under a secret of its own, so nobody
 * can choose to stand in another one's place.  Its mutex is its slab pool's,
 * which nginx unlocks when a worker dies that holds it.
 *
 * A connection is counted for the block of counters of its worker: what a
 * worker that crashed had counted goes when its block is found to be dead,
 * which is looked at before a handshake is refused.
 */


#include "ngx_http_socketstream.h"
#include <sys/random.h>


/* an IPv6 client has a network of this length to itself */
#define NGX_HTTP_SS_IPV6_BYTES  8


typedef struct {
    uint8_t                      secret[SS_SIPHASH_KEY];
    uint32_t                     connected;
    ss_rate_entry_t              rates[NGX_HTTP_SS_RATE_SETS * SS_RATE_WAYS];
    ss_tally_entry_t             connections[NGX_HTTP_SS_CONNECTED];
} ngx_http_ss_limits_zone_t;


static ngx_int_t ngx_http_ss_limits_init_zone(ngx_shm_zone_t *zone,
    void *data);
static ngx_http_ss_limits_zone_t *ngx_http_ss_limits_lock(void);
static void ngx_http_ss_limits_unlock(void);
static uint64_t ngx_http_ss_limits_key(ngx_uint_t what,
    const ss_rate_t *rate, const void *data, size_t len);
static uint64_t ngx_http_ss_limits_address(ngx_connection_t *c,
    ngx_uint_t what, const ss_rate_t *rate);
static void ngx_http_ss_limits_prune(ss_tally_t *tally, uint64_t key);


#define ngx_http_ss_limits_block()                                            \
    ((uint32_t) (ngx_http_ss_worker.counters                                  \
                 - (ngx_http_ss_counters_t *)                                 \
                   ngx_http_ss_limits_conf()->zone->data))


static ngx_inline ngx_http_ss_main_conf_t *
ngx_http_ss_limits_conf(void)
{
    return ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_socketstream_module);
}


static ngx_inline ss_tally_t
ngx_http_ss_limits_tally(ngx_http_ss_limits_zone_t *z)
{
    ss_tally_t  tally;

    tally.entries = z->connections;
    tally.size = NGX_HTTP_SS_CONNECTED;
    tally.used = &z->connected;

    return tally;
}


char *
ngx_http_ss_connections_per_ip(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_socketstream_module);
    mcf->connections = 1;

    return ngx_conf_set_num_slot(cf, cmd, conf);
}


ngx_int_t
ngx_http_ss_limits_add_zone(ngx_conf_t *cf, ngx_http_ss_main_conf_t *mcf)
{
    size_t     size;
    ngx_str_t  name = ngx_string("socketstream_limits");

    if (!mcf->rate && !mcf->connections) {
        return NGX_OK;
    }

    /* the slab pool has a head of its own, and a record for each page */

    size = ngx_align(sizeof(ngx_http_ss_limits_zone_t), ngx_pagesize);
    size += 8 * ngx_pagesize + size / 64;

    mcf->limits = ngx_shared_memory_add(cf, &name, size,
                                        &ngx_http_socketstream_module);
    if (mcf->limits == NULL) {
        return NGX_ERROR;
    }

    mcf->limits->init = ngx_http_ss_limits_init_zone;
    mcf->limits->data = mcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ss_limits_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t            *shpool;
    ngx_http_ss_limits_zone_t  *z;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    z = ngx_slab_calloc(shpool, sizeof(ngx_http_ss_limits_zone_t));
    if (z == NULL) {
        return NGX_ERROR;
    }

    if (getrandom(z->secret, SS_SIPHASH_KEY, 0) != SS_SIPHASH_KEY) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, ngx_errno,
                      "socketstream: getrandom() failed");
        return NGX_ERROR;
    }

    shpool->data = z;
    zone->data = z;

    return NGX_OK;
}


static ngx_http_ss_limits_zone_t *
ngx_http_ss_limits_lock(void)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_http_ss_limits_conf()->limits;

    ngx_shmtx_lock(&((ngx_slab_pool_t *) zone->shm.addr)->mutex);

    return zone->data;
}


static void
ngx_http_ss_limits_unlock(void)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_http_ss_limits_conf()->limits;

    ngx_shmtx_unlock(&((ngx_slab_pool_t *) zone->shm.addr)->mutex);
}


ss_rate_entry_t *
ngx_http_ss_limits_rates(void)
{
    return ngx_http_ss_limits_conf()->limits ? ngx_http_ss_limits_lock()->rates
                                             : NULL;
}


void
ngx_http_ss_limits_rates_done(void)
{
    ngx_http_ss_limits_unlock();
}


/* Accounts at different rates are different accounts; 0 is none. */

static uint64_t
ngx_http_ss_limits_key(ngx_uint_t what, const ss_rate_t *rate,
    const void *data, size_t len)
{
    u_char                      text[3 * sizeof(uint64_t)];
    uint64_t                    head[2], key;
    ngx_shm_zone_t             *zone;
    ngx_http_ss_limits_zone_t  *z;

    zone = ngx_http_ss_limits_conf()->limits;

    if (zone == NULL) {

        /* "master_process off", reloaded without a limit */

        return 0;
    }

    z = zone->data;

    head[0] = what;
    head[1] = rate ? rate->interval_us : 0;

    ngx_memcpy(text, head, sizeof(head));
    ngx_memcpy(text + sizeof(head), data, len);

    key = ss_siphash(z->secret, text, sizeof(head) + len);

    return key ? key : 1;
}


/* 0: it has none, as over a Unix socket. */

static uint64_t
ngx_http_ss_limits_address(ngx_connection_t *c, ngx_uint_t what,
    const ss_rate_t *rate)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    u_char               *p;
    struct sockaddr_in6  *sin6;
#endif

    switch (c->sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        return ngx_http_ss_limits_key(what, rate, &sin->sin_addr, 4);

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;
        p = sin6->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            return ngx_http_ss_limits_key(what, rate, p + 12, 4);
        }

        return ngx_http_ss_limits_key(what, rate, p, NGX_HTTP_SS_IPV6_BYTES);
#endif

    default:
        return 0;
    }
}


uint64_t
ngx_http_ss_limits_address_key(ngx_connection_t *c,
    const ngx_http_ss_rate_t *rate)
{
    return rate->address.interval_us
           ? ngx_http_ss_limits_address(c, NGX_HTTP_SS_RATE_ADDRESS,
                                        &rate->address)
           : 0;
}


ngx_int_t
ngx_http_ss_limits_create(ngx_http_ss_client_t *client,
    ngx_http_ss_open_t *o)
{
    ngx_str_t             *address;
    ngx_http_ss_rate_t    *rate;
    ngx_http_ss_limits_t  *l;

    rate = o->conf->rate;

    if (rate == NULL && o->counted == 0) {
        return NGX_OK;
    }

    /* realip's address is undone when the request is freed */

    address = &o->request->connection->addr_text;

    l = ngx_calloc(offsetof(ngx_http_ss_limits_t, address) + address->len,
                   ngx_cycle->log);
    if (l == NULL) {
        return NGX_ERROR;
    }

    l->address_len = address->len;
    ngx_memcpy(l->address, address->data, address->len);

    if (rate) {
        l->keys[NGX_HTTP_SS_RATE_ADDRESS] =
                  ngx_http_ss_limits_address_key(o->request->connection, rate);
    }

    l->counted = o->counted;
    o->counted = 0;

    client->limits = l;

    return NGX_OK;
}


void
ngx_http_ss_limits_free(ngx_http_ss_client_t *client)
{
    if (client->limits == NULL) {
        return;
    }

    ngx_http_ss_connection_end(client->limits->counted);

    ngx_free(client->limits);
    client->limits = NULL;
}


void
ngx_http_ss_limits_keys(ngx_http_ss_client_t *client, u_char *data,
    size_t len)
{
    uint64_t      key;
    ngx_uint_t    i;
    ss_reader_t   r;

    if (client->limits == NULL || client->conf->rate == NULL) {
        return;
    }

    r = ss_reader(data, len);

    for (i = NGX_HTTP_SS_RATE_SESSION; i <= NGX_HTTP_SS_RATE_USER; i++) {
        key = ss_read_u64(&r);

        client->limits->keys[i] = key
            ? ngx_http_ss_limits_key(i, &client->conf->rate->client, &key,
                                     sizeof(uint64_t))
            : 0;
    }
}


ngx_int_t
ngx_http_ss_connection_begin(ngx_http_request_t *r, uint64_t *key)
{
    ngx_int_t                   rc;
    ss_tally_t                  tally;
    ngx_http_ss_loc_conf_t     *slcf;
    ngx_http_ss_limits_zone_t  *z;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    *key = 0;

    if (slcf->connections_per_ip == 0) {
        return NGX_OK;
    }

    *key = ngx_http_ss_limits_address(r->connection,
                                      NGX_HTTP_SS_RATE_CONNECTION, NULL);
    if (*key == 0) {
        return NGX_OK;
    }

    z = ngx_http_ss_limits_lock();
    tally = ngx_http_ss_limits_tally(z);

    if (ss_tally_sum(&tally, *key) >= slcf->connections_per_ip) {
        ngx_http_ss_limits_prune(&tally, *key);
    }

    rc = NGX_OK;

    if (ss_tally_sum(&tally, *key) >= slcf->connections_per_ip) {
        *key = 0;
        rc = NGX_DECLINED;

    } else if (!ss_tally_add(&tally, *key, ngx_http_ss_limits_block())) {

        /* more addresses than are counted: who comes now is not limited */

        *key = 0;
        rc = NGX_AGAIN;
    }

    ngx_http_ss_limits_unlock();

    if (rc == NGX_AGAIN) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "socketstream: too many addresses are connected to "
                      "count them, this one is not limited");
        rc = NGX_OK;
    }

    return rc;
}


void
ngx_http_ss_connection_end(uint64_t key)
{
    ss_tally_t                  tally;
    ngx_http_ss_limits_zone_t  *z;

    if (key == 0 || ngx_http_ss_limits_conf()->limits == NULL) {
        return;
    }

    z = ngx_http_ss_limits_lock();
    tally = ngx_http_ss_limits_tally(z);

    ss_tally_sub(&tally, key, ngx_http_ss_limits_block());

    ngx_http_ss_limits_unlock();
}


/* Before somebody is refused for connections of a worker that is dead. */

static void
ngx_http_ss_limits_prune(ss_tally_t *tally, uint64_t key)
{
    uint32_t                 at, owner;
    ngx_http_ss_counters_t  *block;

    block = ngx_http_ss_limits_conf()->zone->data;
    at = 0;

    while (ss_tally_owner(tally, key, &at, &owner)) {

        if (block[owner].pid && (kill((ngx_pid_t) block[owner].pid, 0) == 0
                                 || ngx_errno != NGX_ESRCH))
        {
            continue;
        }

        ss_tally_forget(tally, owner);
        at = 0;
    }
}


void
ngx_http_ss_limits_reset(ngx_http_ss_main_conf_t *mcf)
{
    ss_tally_t                  tally;
    ngx_http_ss_limits_zone_t  *z;

    if (mcf->limits == NULL || !mcf->connections) {
        return;
    }

    z = ngx_http_ss_limits_lock();
    tally = ngx_http_ss_limits_tally(z);

    if (z->connected) {
        ss_tally_forget(&tally, ngx_http_ss_limits_block());
    }

    ngx_http_ss_limits_unlock();
}
