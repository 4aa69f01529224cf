
/*
 * SPDX-License-Identifier: MIT
 *
 * Slots: the numbers by which a sidecar knows this worker's clients,
 * handshakes and API requests.
 *
 * A slot's generation changes whenever it is taken, so that a late frame
 * for its former owner finds nothing.  Also here: bytes that grow.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_FIRST_SLOTS  64


static ngx_int_t ngx_http_ss_slots_grow(ngx_http_ss_worker_t *w);


ngx_int_t
ngx_http_ss_slot_take(ngx_http_ss_slot_type_e type, void *data,
    uint32_t *slot, uint32_t *generation)
{
    ngx_http_ss_slot_t    *s;
    ngx_http_ss_worker_t  *w;

    w = &ngx_http_ss_worker;

    if (w->free_slot == w->nslots && ngx_http_ss_slots_grow(w) != NGX_OK) {
        return NGX_ERROR;
    }

    s = &w->slots[w->free_slot];

    *slot = w->free_slot;
    w->free_slot = (uint32_t) (uintptr_t) s->data;

    /* 0 is never a generation: {0, 0} is the link's own */

    if (++s->generation == 0) {
        s->generation = 1;
    }

    *generation = s->generation;

    s->type = type;
    s->data = data;

    return NGX_OK;
}


ngx_http_ss_slot_t *
ngx_http_ss_slot_find(uint32_t slot, uint32_t generation)
{
    ngx_http_ss_slot_t    *s;
    ngx_http_ss_worker_t  *w;

    w = &ngx_http_ss_worker;

    if (slot >= w->nslots) {
        return NULL;
    }

    s = &w->slots[slot];

    if (s->type == NGX_HTTP_SS_SLOT_FREE || s->generation != generation) {
        return NULL;
    }

    return s;
}


void
ngx_http_ss_slot_free(uint32_t slot)
{
    ngx_http_ss_slot_t    *s;
    ngx_http_ss_worker_t  *w;

    w = &ngx_http_ss_worker;

    s = &w->slots[slot];

    s->type = NGX_HTTP_SS_SLOT_FREE;
    s->data = (void *) (uintptr_t) w->free_slot;

    w->free_slot = slot;
}


static ngx_int_t
ngx_http_ss_slots_grow(ngx_http_ss_worker_t *w)
{
    ngx_uint_t           i, n;
    ngx_http_ss_slot_t  *slots;

    n = w->nslots ? w->nslots * 2 : NGX_HTTP_SS_FIRST_SLOTS;
    n = ngx_min(n, w->max_slots);

    if (n <= w->nslots) {
        return NGX_ERROR;
    }

    slots = ngx_alloc(n * sizeof(ngx_http_ss_slot_t), ngx_cycle->log);
    if (slots == NULL) {
        return NGX_ERROR;
    }

    if (w->nslots) {
        ngx_memcpy(slots, w->slots, w->nslots * sizeof(ngx_http_ss_slot_t));
        ngx_free(w->slots);
    }

    /* the last one names n: none is free behind it */

    for (i = w->nslots; i < n; i++) {
        slots[i].type = NGX_HTTP_SS_SLOT_FREE;
        slots[i].generation = 0;
        slots[i].data = (void *) (uintptr_t) (i + 1);
    }

    w->free_slot = w->nslots;
    w->slots = slots;
    w->nslots = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_ss_buf_add(ngx_http_ss_buf_t **bp, const void *data, size_t len)
{
    size_t              size;
    ngx_http_ss_buf_t  *b, *old;

    old = *bp;

    if (old && old->size - old->len >= len) {
        ngx_memcpy(old->data + old->len, data, len);
        old->len += len;
        return NGX_OK;
    }

    size = old ? old->len + len : len;

    if (old && size < old->size * 2) {
        size = old->size * 2;
    }

    b = ngx_alloc(offsetof(ngx_http_ss_buf_t, data) + size, ngx_cycle->log);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->size = size;
    b->len = 0;

    if (old) {
        ngx_memcpy(b->data, old->data, old->len);
        b->len = old->len;
        ngx_free(old);
    }

    ngx_memcpy(b->data + b->len, data, len);
    b->len += len;

    *bp = b;

    return NGX_OK;
}
