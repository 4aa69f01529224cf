
/*
 * SPDX-License-Identifier: MIT
 *
 * Locations that are ours: the directives that say what serves one, and what
 * "if" and "limit_except" within it need of that.
 */


#include "ngx_http_socketstream.h"


static char *ngx_http_ss_take_location(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_handler_pt handler);


static char *
ngx_http_ss_take_location(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_handler_pt handler)
{
    ngx_http_ss_loc_conf_t    *slcf;
    ngx_http_ss_main_conf_t   *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return "is duplicate";
    }

    if (clcf->handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in location \"%V\", which has a handler "
                           "already: give it a location of its own",
                           &cmd->name, &clcf->name);
        return NGX_CONF_ERROR;
    }

    clcf->handler = handler;

    slcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_socketstream_module);
    slcf->handler = handler;

#if (NGX_PCRE)
    if (clcf->regex == NULL)
#endif
    {
        if (!clcf->named) {
            slcf->path = clcf->name;
        }
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_socketstream_module);

    if (!mcf->enabled) {
        if (ngx_array_init(&mcf->pools, cf->pool, 4,
                           sizeof(ngx_http_ss_pool_t *))
            != NGX_OK
            || ngx_array_init(&mcf->links, cf->pool, 4,
                              sizeof(ngx_http_ss_link_t *))
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        mcf->enabled = 1;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ss_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_loc_conf_t  *slcf = conf;

    char       *rv;
    ngx_str_t  *value;

    if (slcf->pass) {
        return "is duplicate";
    }

    rv = ngx_http_ss_take_location(cf, cmd, ngx_http_ss_handshake_handler);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    slcf->pass = ngx_http_ss_pool_add(cf, &value[1]);
    if (slcf->pass == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_queue_init(&slcf->ping_due);
    ngx_queue_init(&slcf->pong_due);

    return NGX_CONF_OK;
}


char *
ngx_http_ss_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_loc_conf_t  *slcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (slcf->api) {
        return "is duplicate";
    }

    rv = ngx_http_ss_take_location(cf, cmd, ngx_http_ss_api_handler);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    slcf->api = ngx_http_ss_pool_add(cf, &value[1]);
    if (slcf->api == NULL) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        if (value[2].len <= 7
            || ngx_strncmp(value[2].data, "prefix=/", 8) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": \"prefix=/path/\" "
                               "is understood", &value[2]);
            return NGX_CONF_ERROR;
        }

        slcf->path.data = value[2].data + 7;
        slcf->path.len = value[2].len - 7;

        while (slcf->path.len > 1
               && slcf->path.data[slcf->path.len - 1] == '/')
        {
            slcf->path.len--;
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named && slcf->path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"socketstream_api\" in location \"%V\", whose "
                           "name is no path, needs \"prefix=/path/\"",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ss_assets(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_loc_conf_t  *slcf = conf;

    char       *rv;
    ngx_str_t  *value, path;

    if (slcf->assets.data) {
        return "is duplicate";
    }

    rv = ngx_http_ss_take_location(cf, cmd, ngx_http_ss_assets_handler);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;
    path = value[1];

    if (path.len == 0) {

        /* it would be nginx's own prefix, with its configuration */

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"socketstream_assets\" needs a directory");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    slcf->assets = path;

    return NGX_CONF_OK;
}


char *
ngx_http_ss_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_ss_take_location(cf, cmd, ngx_http_ss_status_handler);
}


/*
 * "if" and "limit_except" make a configuration of their own for some of the
 * location's requests, which are to be served all the same.
 */

void
ngx_http_ss_merge_location(ngx_conf_t *cf, ngx_http_ss_loc_conf_t *prev,
    ngx_http_ss_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname || conf->handler || prev->handler == NULL) {
        return;
    }

    conf->handler = prev->handler;
    conf->path = prev->path;
    conf->pass = prev->pass;
    conf->api = prev->api;
    conf->assets = prev->assets;

    ngx_queue_init(&conf->ping_due);
    ngx_queue_init(&conf->pong_due);

    /* with "if" the handler is the location's, unless a block has its own */

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = conf->handler;
    }
}
