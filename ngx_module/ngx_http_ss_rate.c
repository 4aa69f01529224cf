
/*
 * SPDX-License-Identifier: MIT
 *
 * socketstream_rate: how fast calls may come, by connection, by session, by
 * user and by address.
 *
 * A call that is over one of the limits counts for none, so who slows down is
 * served at once.  The connection's own account is the client's; the others
 * are shared by all workers (ngx_http_ss_limits.c).  Who is over a limit is
 * logged once, until its bucket has been full again.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_RATE_MAX    100000


static ngx_uint_t ngx_http_ss_rate_parse(ngx_str_t *value,
    uint64_t *interval);
static const ss_rate_t *ngx_http_ss_rate_of(ngx_http_ss_rate_t *rate,
    ngx_uint_t which);


#define ngx_http_ss_rate_now()  ((uint64_t) ngx_current_msec * 1000)


/* off | 15r/s [burst=30] [address=60r/s | address=off] */

char *
ngx_http_ss_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_loc_conf_t  *slcf = conf;

    ngx_str_t                *value, s;
    uint64_t                  n;
    ngx_int_t                 burst;
    ngx_uint_t                i, has_burst, has_address;
    ngx_http_ss_rate_t       *rate;
    ngx_http_ss_main_conf_t  *mcf;

    if (slcf->rate != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->rate = NULL;
        return NGX_CONF_OK;
    }

    rate = ngx_pcalloc(cf->pool, sizeof(ngx_http_ss_rate_t));
    if (rate == NULL) {
        return NGX_CONF_ERROR;
    }

    i = 1;

    if (!ngx_http_ss_rate_parse(&value[1], &rate->client.interval_us)) {
        goto invalid;
    }

    /* by default what two seconds allow, and four times the rate */

    burst = (ngx_int_t) (2 * 1000000 / rate->client.interval_us);
    burst = ngx_max(burst, 1);
    rate->address.interval_us = rate->client.interval_us / 4;
    has_burst = 0;
    has_address = 0;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "burst=", 6) == 0 && !has_burst) {
            has_burst = 1;
            burst = ngx_atoi(value[i].data + 6, value[i].len - 6);

            if (burst <= 0 || burst > NGX_HTTP_SS_RATE_MAX) {
                goto invalid;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "address=", 8) != 0 || has_address) {
            goto invalid;
        }

        has_address = 1;
        s.data = value[i].data + 8;
        s.len = value[i].len - 8;

        if (s.len == 3 && ngx_strncmp(s.data, "off", 3) == 0) {
            rate->address.interval_us = 0;

        } else if (!ngx_http_ss_rate_parse(&s, &rate->address.interval_us)) {
            goto invalid;
        }
    }

    rate->client.depth_us = burst * rate->client.interval_us;

    /* as many seconds' worth as the others may have at once */

    n = rate->client.depth_us;
    rate->address.depth_us = ngx_max(n, rate->address.interval_us);

    slcf->rate = rate;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_socketstream_module);
    mcf->rate = 1;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\": it must be \"off\" or like "
                       "\"15r/s burst=30 address=60r/s\", a rate being from "
                       "1r/m to %dr/s and a burst from 1 to %d",
                       &value[i], NGX_HTTP_SS_RATE_MAX, NGX_HTTP_SS_RATE_MAX);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_ss_rate_parse(ngx_str_t *value, uint64_t *interval)
{
    ngx_int_t  n;
    uint64_t   unit;

    if (value->len < 4) {
        return 0;
    }

    if (ngx_strncmp(value->data + value->len - 3, "r/s", 3) == 0) {
        unit = 1000000;

    } else if (ngx_strncmp(value->data + value->len - 3, "r/m", 3) == 0) {
        unit = 60 * 1000000;

    } else {
        return 0;
    }

    n = ngx_atoi(value->data, value->len - 3);

    if (n <= 0 || n > NGX_HTTP_SS_RATE_MAX) {
        return 0;
    }

    *interval = unit / n;

    return 1;
}


static const ss_rate_t *
ngx_http_ss_rate_of(ngx_http_ss_rate_t *rate, ngx_uint_t which)
{
    return which == NGX_HTTP_SS_RATE_ADDRESS ? &rate->address : &rate->client;
}


ngx_msec_t
ngx_http_ss_rate_calls(ngx_http_ss_client_t *client, ngx_uint_t n)
{
    uint64_t               now, wait, worst;
    ngx_uint_t             i, which, told;
    ss_rate_entry_t       *rates, *entry[NGX_HTTP_SS_RATE_SHARED];
    ngx_http_ss_rate_t    *rate;
    ngx_http_ss_limits_t  *l;

    static const char  *names[] = { "address", "session", "user",
                                    "connection" };

    l = client->limits;
    rate = client->conf->rate;
    now = ngx_http_ss_rate_now();

    which = NGX_HTTP_SS_RATE_CONNECTION;
    worst = ss_rate_wait(&rate->client, l->account, now, n);
    told = 0;

    rates = ngx_http_ss_limits_rates();

    if (rates == NULL) {

        /* "master_process off", reloaded without a limit */

        return 0;
    }

    for (i = 0; i < NGX_HTTP_SS_RATE_SHARED; i++) {
        entry[i] = l->keys[i] ? ss_rate_find(rates, NGX_HTTP_SS_RATE_SETS,
                                             l->keys[i])
                              : NULL;
        if (entry[i] == NULL) {
            continue;
        }

        wait = ss_rate_wait(ngx_http_ss_rate_of(rate, i), entry[i]->account,
                            now, n);
        if (wait > worst) {
            worst = wait;
            which = i;
        }
    }

    if (worst) {
        told = !ss_rate_refuse(which == NGX_HTTP_SS_RATE_CONNECTION
                               ? &l->account : &entry[which]->account);

    } else {
        ss_rate_take(&rate->client, &l->account, now, n);

        for (i = 0; i < NGX_HTTP_SS_RATE_SHARED; i++) {

            if (l->keys[i] == 0) {
                continue;
            }

            /* what was found may have made room for the one before */

            if (entry[i] == NULL || entry[i]->key != l->keys[i]) {
                entry[i] = ss_rate_put(rates, NGX_HTTP_SS_RATE_SETS,
                                       l->keys[i]);
            }

            ss_rate_take(ngx_http_ss_rate_of(rate, i), &entry[i]->account,
                         now, n);
        }
    }

    ngx_http_ss_limits_rates_done();

    if (worst == 0) {
        return 0;
    }

    ngx_http_ss_count(calls_limited_total, n);

    if (!told) {
        ngx_log_error(NGX_LOG_WARN, client->connection->log, 0,
                      "socketstream: client %*s calls faster than "
                      "socketstream_rate allows its %s: calls are refused "
                      "until it slows down",
                      l->address_len, l->address, names[which]);
    }

    return (ngx_msec_t) (worst / 1000) + 1 + NGX_HTTP_SS_TICK;
}


ngx_msec_t
ngx_http_ss_rate_request(ngx_http_request_t *r)
{
    uint64_t                 now, key, wait;
    ngx_uint_t               told;
    ss_rate_entry_t         *rates, *entry;
    ngx_http_ss_rate_t      *rate;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);
    rate = slcf->rate;

    if (rate == NULL) {
        return 0;
    }

    key = ngx_http_ss_limits_address_key(r->connection, rate);

    if (key == 0) {
        return 0;
    }

    now = ngx_http_ss_rate_now();
    told = 0;
    rates = ngx_http_ss_limits_rates();
    entry = ss_rate_put(rates, NGX_HTTP_SS_RATE_SETS, key);

    wait = ss_rate_wait(&rate->address, entry->account, now, 1);

    if (wait) {
        told = !ss_rate_refuse(&entry->account);

    } else {
        ss_rate_take(&rate->address, &entry->account, now, 1);
    }

    ngx_http_ss_limits_rates_done();

    if (wait == 0) {
        return 0;
    }

    ngx_http_ss_count(requests_limited_total, 1);

    if (!told) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "socketstream: client %V asks faster than "
                      "socketstream_rate allows its address: requests are "
                      "refused until it slows down",
                      &r->connection->addr_text);
    }

    return (ngx_msec_t) (wait / 1000) + 1 + NGX_HTTP_SS_TICK;
}
