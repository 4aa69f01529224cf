
/*
 * SPDX-License-Identifier: MIT
 *
 * The counters of all workers, added up: as JSON, or with
 * ?format=prometheus in the Prometheus text format.  With ?format=health an
 * answer for balancers: 200 when a sidecar is there whose events get through
 * Redis and back, else 503.
 *
 * Reading is without a lock: each number is right, two of them may be a
 * moment apart.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_STATUS_SIZE  32768


static void ngx_http_ss_status_sum(ngx_http_ss_counters_t *sum,
    ngx_uint_t *workers);
static ngx_uint_t ngx_http_ss_status_healthy(ngx_http_ss_counters_t *sum,
    ngx_http_ss_main_conf_t *mcf);
static u_char *ngx_http_ss_status_json(u_char *p, u_char *last,
    ngx_http_ss_counters_t *sum, ngx_uint_t workers,
    ngx_http_ss_main_conf_t *mcf);
static u_char *ngx_http_ss_status_prometheus(u_char *p, u_char *last,
    ngx_http_ss_counters_t *sum, ngx_uint_t workers,
    ngx_http_ss_main_conf_t *mcf);


ngx_int_t
ngx_http_ss_status_handler(ngx_http_request_t *r)
{
    u_char                   *buf, *p;
    ngx_int_t                 rc;
    ngx_str_t                 format, type;
    ngx_uint_t                workers;
    ngx_http_ss_counters_t    sum;
    ngx_http_ss_main_conf_t  *mcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_socketstream_module);

    buf = ngx_palloc(r->pool, NGX_HTTP_SS_STATUS_SIZE);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ss_no_store(r, NULL) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_ss_status_sum(&sum, &workers);

    if (ngx_http_arg(r, (u_char *) "format", 6, &format) != NGX_OK
        || (format.len == 4 && ngx_strncmp(format.data, "json", 4) == 0))
    {
        ngx_str_set(&type, "application/json");

        p = ngx_http_ss_status_json(buf, buf + NGX_HTTP_SS_STATUS_SIZE, &sum,
                                    workers, mcf);

    } else if (format.len == 10
               && ngx_strncmp(format.data, "prometheus", 10) == 0)
    {
        ngx_str_set(&type, "text/plain; version=0.0.4; charset=utf-8");

        p = ngx_http_ss_status_prometheus(buf, buf + NGX_HTTP_SS_STATUS_SIZE,
                                          &sum, workers, mcf);

    } else if (format.len == 6 && ngx_strncmp(format.data, "health", 6) == 0) {

        if (ngx_http_ss_status_healthy(&sum, mcf)) {
            return ngx_http_ss_send_text(r, NGX_HTTP_OK,
                                         (u_char *) "healthy" CRLF, 9);
        }

        p = ngx_sprintf(buf, "events are not delivered" CRLF);

        return ngx_http_ss_send_text(r, NGX_HTTP_SERVICE_UNAVAILABLE, buf,
                                     p - buf);

    } else {
        p = ngx_sprintf(buf, "format must be json, prometheus or health"
                        CRLF);

        return ngx_http_ss_send_text(r, NGX_HTTP_BAD_REQUEST, buf, p - buf);
    }

    ngx_http_ss_set_type(r, &type);

    return ngx_http_ss_send_text(r, NGX_HTTP_OK, buf, p - buf);
}


static void
ngx_http_ss_status_sum(ngx_http_ss_counters_t *sum, ngx_uint_t *workers)
{
    ngx_uint_t                n, live;
    ngx_http_ss_counters_t   *block, *end;
    ngx_http_ss_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_socketstream_module);

    ngx_memzero(sum, sizeof(ngx_http_ss_counters_t));
    *workers = 0;

    block = mcf->zone->data;
    end = block + NGX_HTTP_SS_BLOCKS;

    for ( /* void */ ; block < end; block++) {

        /* a killed worker leaves its gauges behind */

        live = block->pid != 0
               && (kill((ngx_pid_t) block->pid, 0) == 0
                   || ngx_errno != NGX_ESRCH);

        *workers += live;

#define X(name, text)  sum->name += block->name;
        NGX_HTTP_SS_COUNTERS(X)
#undef X

#define X(name, text)  sum->name += live ? block->name : 0;
        NGX_HTTP_SS_GAUGES(X)
#undef X

        for (n = 0; n < NGX_HTTP_SS_REFUSED_N; n++) {
            sum->refused[n] += block->refused[n];
        }

        for (n = 0; n < NGX_HTTP_SS_CLOSED_N; n++) {
            sum->closed[n] += block->closed[n];
        }

        for (n = 0; live && n < NGX_HTTP_SS_MAX_LINKS; n++) {
            sum->link_up[n] += block->link_up[n];
            sum->link_broken[n] += block->link_broken[n];
            sum->canary_ms[n] = ngx_max(sum->canary_ms[n],
                                        block->canary_ms[n]);
        }
    }
}


/* Is there a link whose sidecar delivers?  Links are made when they are
 * needed: being asked is a need. */

static ngx_uint_t
ngx_http_ss_status_healthy(ngx_http_ss_counters_t *sum,
    ngx_http_ss_main_conf_t *mcf)
{
    ngx_uint_t            i;
    ngx_http_ss_pool_t  **pool;

    for (i = 0; i < mcf->links.nelts; i++) {
        if (sum->link_up[i] > sum->link_broken[i]) {
            return 1;
        }
    }

    pool = mcf->pools.elts;

    for (i = 0; i < mcf->pools.nelts; i++) {
        (void) ngx_http_ss_route_select(pool[i]);
    }

    return 0;
}


static u_char *
ngx_http_ss_status_json(u_char *p, u_char *last, ngx_http_ss_counters_t *sum,
    ngx_uint_t workers, ngx_http_ss_main_conf_t *mcf)
{
    ngx_uint_t            i;
    ngx_http_ss_link_t  **link;

    p = ngx_slprintf(p, last, "{\"healthy\":%s,\"workers\":%ui",
                     ngx_http_ss_status_healthy(sum, mcf) ? "true" : "false",
                     workers);

#define X(name, text)                                                         \
    p = ngx_slprintf(p, last, ",\"" #name "\":%uA", sum->name);
    NGX_HTTP_SS_GAUGES(X)
    NGX_HTTP_SS_COUNTERS(X)
#undef X

    p = ngx_slprintf(p, last, ",\"refused_total\":{");

#define X(name, status, text)                                                 \
    p = ngx_slprintf(p, last, "\"" #name "\":%uA,",                           \
                     sum->refused[NGX_HTTP_SS_REFUSED_##name]);
    NGX_HTTP_SS_REFUSALS(X)
#undef X

    p[-1] = '}';
    p = ngx_slprintf(p, last, ",\"closed_total\":{");

#define X(code)                                                               \
    p = ngx_slprintf(p, last, "\"" #code "\":%uA,",                           \
                     sum->closed[NGX_HTTP_SS_CLOSED_##code]);
    NGX_HTTP_SS_CLOSE_CODES(X)
    X(other)
#undef X

    p[-1] = '}';
    p = ngx_slprintf(p, last, ",\"links\":[");

    link = mcf->links.elts;

    for (i = 0; i < mcf->links.nelts; i++) {
        p = ngx_slprintf(p, last,
                         "%s{\"socket\":\"%V\",\"workers_linked\":%uA,"
                         "\"healthy\":%s,\"canary_ms\":%uA}",
                         i ? "," : "", &link[i]->label, sum->link_up[i],
                         sum->link_up[i] > sum->link_broken[i] ? "true"
                                                               : "false",
                         sum->canary_ms[i]);
    }

    return ngx_slprintf(p, last, "]}" CRLF);
}


static u_char *
ngx_http_ss_status_prometheus(u_char *p, u_char *last,
    ngx_http_ss_counters_t *sum, ngx_uint_t workers,
    ngx_http_ss_main_conf_t *mcf)
{
    ngx_uint_t            i;
    ngx_http_ss_link_t  **link;

#define ngx_http_ss_metric(name, type, text)                                  \
    p = ngx_slprintf(p, last, "# HELP socketstream_" name " " text "\n"       \
                     "# TYPE socketstream_" name " " type "\n")

    ngx_http_ss_metric("workers", "gauge", "nginx workers that count");
    p = ngx_slprintf(p, last, "socketstream_workers %ui\n", workers);

#define X(name, text)                                                         \
    ngx_http_ss_metric(#name, "gauge", text);                                 \
    p = ngx_slprintf(p, last, "socketstream_" #name " %uA\n", sum->name);
    NGX_HTTP_SS_GAUGES(X)
#undef X

#define X(name, text)                                                         \
    ngx_http_ss_metric(#name, "counter", text);                               \
    p = ngx_slprintf(p, last, "socketstream_" #name " %uA\n", sum->name);
    NGX_HTTP_SS_COUNTERS(X)
#undef X

    ngx_http_ss_metric("refused_total", "counter",
                       "handshakes refused, by reason");

#define X(name, status, text)                                                 \
    p = ngx_slprintf(p, last,                                                 \
                     "socketstream_refused_total{reason=\"" #name "\"} %uA\n",\
                     sum->refused[NGX_HTTP_SS_REFUSED_##name]);
    NGX_HTTP_SS_REFUSALS(X)
#undef X

    ngx_http_ss_metric("closed_total", "counter",
                       "WebSocket connections closed, by code");

#define X(code)                                                               \
    p = ngx_slprintf(p, last,                                                 \
                     "socketstream_closed_total{code=\"" #code "\"} %uA\n",   \
                     sum->closed[NGX_HTTP_SS_CLOSED_##code]);
    NGX_HTTP_SS_CLOSE_CODES(X)
    X(other)
#undef X

    ngx_http_ss_metric("link_up", "gauge",
                       "workers linked to the sidecar of this socket");

    link = mcf->links.elts;

    for (i = 0; i < mcf->links.nelts; i++) {
        p = ngx_slprintf(p, last,
                         "socketstream_link_up{socket=\"%V\"} %uA\n",
                         &link[i]->label, sum->link_up[i]);
    }

    ngx_http_ss_metric("link_healthy", "gauge",
                       "of these, whose events get through Redis and back");

    for (i = 0; i < mcf->links.nelts; i++) {
        p = ngx_slprintf(p, last,
                         "socketstream_link_healthy{socket=\"%V\"} %uA\n",
                         &link[i]->label,
                         sum->link_up[i] - sum->link_broken[i]);
    }

    return p;
}
