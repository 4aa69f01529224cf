
/*
 * SPDX-License-Identifier: MIT
 *
 * Messages as they go on the wire: frames of WebSocket, unmasked, or events of
 * a stream.  And frames that many queues share.
 *
 * What is published to one topic in one turn stands in one frame for each
 * transport, one message behind the other, and a queue that ends where the
 * next begins has only its range to widen.  Such a frame begins with the size
 * of one message and its successors double, so that a client that is slow to
 * take what is in it does not hold much else.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_FRAME_SHARED  16384     /* so far shared ones double */

#define NGX_HTTP_SS_SSE_PING    ": ping\n\n"


size_t
ngx_http_ss_wire_size(ngx_uint_t sse, ngx_uint_t opcode, size_t len)
{
    if (!sse) {
        return len + (len < 126 ? 2 : len < 65536 ? 4 : 10);
    }

    switch (opcode) {

    case SS_WS_PING:
        return sizeof(NGX_HTTP_SS_SSE_PING) - 1;

    case SS_WS_CLOSE:
        return SS_SSE_CLOSE_MAX;

    case NGX_HTTP_SS_SSE_OPEN:
        return SS_SSE_OPEN_EXTRA + len;

    default:
        return SS_SSE_DATA_EXTRA + len;
    }
}


u_char *
ngx_http_ss_wire_put(ngx_uint_t sse, u_char *p, ngx_uint_t opcode,
    const u_char *a, size_t a_len, const char *b, size_t b_len)
{
    if (!sse) {
        p += ss_ws_encode_header(p, 1, (uint8_t) opcode, a_len + b_len, NULL);

        if (a_len) {
            p = ngx_cpymem(p, a, a_len);
        }

        return b_len ? ngx_cpymem(p, b, b_len) : p;
    }

    switch (opcode) {

    case SS_WS_PING:
        return ngx_cpymem(p, NGX_HTTP_SS_SSE_PING,
                          sizeof(NGX_HTTP_SS_SSE_PING) - 1);

    case SS_WS_CLOSE:
        return p + ss_sse_close(p, (uint16_t) (a[0] << 8 | a[1]), a + 2,
                                a_len - 2);

    case NGX_HTTP_SS_SSE_OPEN:
        ss_sse_open(p, a, a_len);
        return p + SS_SSE_OPEN_EXTRA + a_len;

    default:
        ss_sse_data(p, a, a_len, b, b_len);
        return p + SS_SSE_DATA_EXTRA + a_len + b_len;
    }
}


ngx_http_ss_frame_t *
ngx_http_ss_wire_share(ngx_uint_t sse, void *sharer, ss_span_t *body,
    ss_span_t *tail, size_t *start)
{
    u_char               *p;
    size_t                len, size;
    ngx_http_ss_frame_t  *f;

    len = ngx_http_ss_wire_size(sse, SS_WS_TEXT, body->len + tail->len);

    f = ngx_http_ss_worker.shared[sse].frame;
    size = len;

    if (f && ngx_http_ss_worker.shared[sse].sharer != sharer) {
        f = NULL;

    } else if (f) {
        size = ngx_min(2 * (size_t) f->size, NGX_HTTP_SS_FRAME_SHARED);
        size = ngx_max(size, len);
    }

    if (f == NULL || f->size - f->len < len) {

        ngx_http_ss_wire_unshare(sse);

        f = ngx_alloc(offsetof(ngx_http_ss_frame_t, data) + size,
                      ngx_cycle->log);
        if (f == NULL) {
            return NULL;
        }

        f->refs = 1;
        f->size = (uint32_t) size;
        f->len = 0;

        ngx_http_ss_worker.shared[sse].frame = f;
        ngx_http_ss_worker.shared[sse].sharer = sharer;
    }

    *start = f->len;

    p = ngx_http_ss_wire_put(sse, f->data + f->len, SS_WS_TEXT,
                                 (const u_char *) body->ptr, body->len,
                                 tail->ptr, tail->len);

    f->len = (uint32_t) (p - f->data);

    return f;
}


void
ngx_http_ss_wire_unshare(ngx_uint_t sse)
{
    ngx_http_ss_frame_t  *f;

    f = ngx_http_ss_worker.shared[sse].frame;

    if (f && --f->refs == 0) {
        ngx_free(f);
    }

    ngx_http_ss_worker.shared[sse].frame = NULL;
}
