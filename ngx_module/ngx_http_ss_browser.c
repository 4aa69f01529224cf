
/*
 * SPDX-License-Identifier: MIT
 *
 * socketstream_incompatible: pages are not for browsers that cannot run them.
 *
 * Which these are says a variable, commonly a map of $http_user_agent; which
 * page they get instead, or that there is none, ngx_http_ss_assets.c.  Asked
 * for pages alone: what else is served is the same for all.
 */


#include "ngx_http_socketstream.h"


/* Old browsers show a text of their own in place of a short error page. */

static const u_char  ngx_http_ss_browser_body[] =
    "<!doctype html>" CRLF
    "<html lang=\"en\">" CRLF
    "<head>" CRLF
    "<meta charset=\"utf-8\">" CRLF
    "<meta name=\"viewport\" content=\"width=device-width\">" CRLF
    "<title>This browser is too old</title>" CRLF
    "<style>" CRLF
    "body { font: 18px/1.6 sans-serif; max-width: 30em; margin: 4em auto; "
    "padding: 0 1em; color: #17242b; }" CRLF
    "</style>" CRLF
    "</head>" CRLF
    "<body>" CRLF
    "<h1>This browser is too old</h1>" CRLF
    "<p>This page talks to its server all the time, and needs a browser that "
    "can do so. Any Chrome, Edge, Firefox or Safari of the last years will "
    "do.</p>" CRLF
    "<p>Please come again with one of them: nothing here would work in this "
    "one, or not as it was meant to.</p>" CRLF
    "</body>" CRLF
    "</html>" CRLF;


/* $variable /path/of/page.html */

char *
ngx_http_ss_incompatible(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ss_loc_conf_t  *slcf = conf;

    ngx_str_t                         *value;
    ngx_http_compile_complex_value_t   ccv;

    if (slcf->incompatible != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->incompatible = ngx_palloc(cf->pool,
                                    sizeof(ngx_http_complex_value_t));
    if (slcf->incompatible == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = slcf->incompatible;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    slcf->incompatible_page = value[2];

    if (ngx_conf_full_name(cf->cycle, &slcf->incompatible_page, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_ss_browser_check(ngx_http_request_t *r)
{
    ngx_str_t                name, value, answer;
    ngx_http_ss_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_socketstream_module);

    if (ngx_http_complex_value(r, slcf->incompatible, &answer) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&name, "Vary");
    ngx_str_set(&value, "User-Agent");

    if (ngx_http_ss_add_header(r, &name, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (answer.len == 0 || (answer.len == 1 && answer.data[0] == '0')) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "socketstream: page refused, by its User-Agent the browser "
                  "cannot run it");

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_ss_browser_refuse(ngx_http_request_t *r)
{
    ngx_str_t  type;

    ngx_str_set(&type, "text/html");

    if (ngx_http_ss_no_store(r, &type) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ss_send_text(r, NGX_HTTP_FORBIDDEN,
                                 ngx_http_ss_browser_body,
                                 sizeof(ngx_http_ss_browser_body) - 1);
}
