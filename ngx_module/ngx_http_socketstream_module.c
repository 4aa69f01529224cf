
/*
 * SPDX-License-Identifier: MIT
 *
 * Directives, and their merging and checking.
 *
 * Where no directive of ours is used, no zone, timer, handler or memory of
 * ours exists.
 */


#include "ngx_http_socketstream.h"


static void *ngx_http_ss_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_ss_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_ss_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_ss_postconfiguration(ngx_conf_t *cf);


static ngx_conf_num_bounds_t  ngx_http_ss_inflight_bounds = {
    ngx_conf_check_num_bounds, 1, 65535
};


static ngx_command_t  ngx_http_socketstream_commands[] = {

    { ngx_string("socketstream_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ss_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketstream_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ss_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketstream_assets"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ss_assets,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketstream_middleware"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_ss_middleware,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, middleware),
      NULL },

    { ngx_string("socketstream_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_ss_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketstream_max_message"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, max_message),
      NULL },

    { ngx_string("socketstream_max_queue"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, max_queue),
      NULL },

    { ngx_string("socketstream_max_inflight"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, max_inflight),
      &ngx_http_ss_inflight_bounds },

    { ngx_string("socketstream_ping_interval"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, ping_interval),
      NULL },

    { ngx_string("socketstream_pong_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, pong_timeout),
      NULL },

    { ngx_string("socketstream_link_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, link_timeout),
      NULL },

    { ngx_string("socketstream_drain_time"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, drain_time),
      NULL },

    { ngx_string("socketstream_scheme"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, scheme),
      NULL },

    { ngx_string("socketstream_origins"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ss_origins,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketstream_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_ss_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("socketstream_connections_per_ip"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ss_connections_per_ip,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ss_loc_conf_t, connections_per_ip),
      NULL },

    { ngx_string("socketstream_incompatible"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_ss_incompatible,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_socketstream_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_ss_postconfiguration,         /* postconfiguration */

    ngx_http_ss_create_main_conf,          /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_ss_create_loc_conf,           /* create location configuration */
    ngx_http_ss_merge_loc_conf             /* merge location configuration */
};


ngx_module_t  ngx_http_socketstream_module = {
    NGX_MODULE_V1,
    &ngx_http_socketstream_module_ctx,     /* module context */
    ngx_http_socketstream_commands,        /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_ss_init_process,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_ss_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_ss_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_ss_main_conf_t  *mcf;

    /* pcalloc: the arrays are made by the first directive that needs them */

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ss_main_conf_t));

    return mcf;
}


static void *
ngx_http_ss_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ss_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     slcf->handler = NULL;
     *     slcf->path = { 0, NULL };
     *     slcf->pass = NULL;
     *     slcf->api = NULL;
     *     slcf->assets = { 0, NULL };
     *     slcf->scheme = NULL;
     *     slcf->incompatible_page = { 0, NULL };
     */

    slcf->middleware = NGX_CONF_UNSET;
    slcf->max_message = NGX_CONF_UNSET_SIZE;
    slcf->max_queue = NGX_CONF_UNSET_SIZE;
    slcf->max_inflight = NGX_CONF_UNSET_UINT;
    slcf->ping_interval = NGX_CONF_UNSET_MSEC;
    slcf->pong_timeout = NGX_CONF_UNSET_MSEC;
    slcf->link_timeout = NGX_CONF_UNSET_MSEC;
    slcf->drain_time = NGX_CONF_UNSET_MSEC;
    slcf->origins = NGX_CONF_UNSET_PTR;
    slcf->any_origin = NGX_CONF_UNSET;
    slcf->rate = NGX_CONF_UNSET_PTR;
    slcf->connections_per_ip = NGX_CONF_UNSET_UINT;
    slcf->incompatible = NGX_CONF_UNSET_PTR;

    return slcf;
}


static char *
ngx_http_ss_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_ss_loc_conf_t  *prev = parent;
    ngx_http_ss_loc_conf_t  *conf = child;

    ngx_http_ss_merge_location(cf, prev, conf);

    ngx_conf_merge_value(conf->middleware, prev->middleware, 0);
    ngx_conf_merge_size_value(conf->max_message, prev->max_message,
                              1024 * 1024);
    ngx_conf_merge_size_value(conf->max_queue, prev->max_queue, 1024 * 1024);
    ngx_conf_merge_uint_value(conf->max_inflight, prev->max_inflight, 1000);
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval,
                              25000);
    ngx_conf_merge_msec_value(conf->pong_timeout, prev->pong_timeout, 10000);
    ngx_conf_merge_msec_value(conf->link_timeout, prev->link_timeout, 2000);
    ngx_conf_merge_msec_value(conf->drain_time, prev->drain_time, 3000);
    if (conf->scheme == NULL) {
        conf->scheme = prev->scheme;
    }

    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_value(conf->any_origin, prev->any_origin, 0);
    ngx_conf_merge_ptr_value(conf->rate, prev->rate, NULL);
    ngx_conf_merge_uint_value(conf->connections_per_ip,
                              prev->connections_per_ip, 0);
    ngx_conf_merge_ptr_value(conf->incompatible, prev->incompatible, NULL);
    ngx_conf_merge_str_value(conf->incompatible_page,
                             prev->incompatible_page, "");

    if (conf->max_message == 0 || conf->max_message > SS_LINK_MESSAGE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"socketstream_max_message\" must be from 1 byte "
                           "to %uiM", (ngx_uint_t) SS_LINK_MESSAGE_MAX >> 20);
        return NGX_CONF_ERROR;
    }

    if (conf->link_timeout == 0 || conf->pong_timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"socketstream_link_timeout\" and "
                           "\"socketstream_pong_timeout\" must not be 0");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_ss_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_ss_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_socketstream_module);

    if (mcf->middleware && ngx_http_ss_middleware_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!mcf->enabled) {
        return NGX_OK;
    }

    if (ngx_http_ss_pools_resolve(cf, mcf) != NGX_OK
        || ngx_http_ss_limits_add_zone(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ss_counters_add_zone(cf, mcf);
}
