/* SPDX-License-Identifier: MIT
 *
 * See host_frames.h.  Invariant: at most one message of a host is unfinished at a time.
 */
#include "host_frames.h"

#include "host_ask.h"
#include "host.h"
#include "host_call.h"
#include "host_swap.h"
#include "json_writer.h"
#include "log.h"

/* --- to hosts -------------------------------------------------------------------------------- */

static void send_json(ss_peer_t *peer, uint8_t op, const json_t *json) {
    ss_buf_t *b = ss_peer_begin(peer);
    if (ss_json_write(b, json, SIZE_MAX - b->len) != SS_JSON_WRITTEN) {
        ss_buf_literal(b, "null"); /* a configuration that nests too deep */
    }
    ss_peer_end(peer, op, 0, 0, 0);
}

/* The names of all actions but those of `group`. */
static json_t *names_of_others(const ss_registry_t *registry, const ss_host_group_t *group) {
    json_t *names = ss_registry_names(registry);
    for (size_t i = json_array_size(names); group != NULL && i-- > 0;) {
        const json_t *name = json_array_get(names, i);
        const ss_action_entry_t *action =
            ss_registry_find(registry, json_string_value(name), json_string_length(name));
        if (action != NULL && action->group == group) {
            json_array_remove(names, i);
        }
    }
    return names;
}

void ss_host_frames_hello(ss_peer_t *peer) {
    const ss_sidecar_t *sidecar = peer->sidecar;
    const ss_sidecar_options_t *o = &sidecar->options;
    const ss_host_slot_t *slot = peer->host == NULL ? NULL : peer->host->slot;
    const ss_host_group_t *group = slot == NULL ? NULL : slot->group;
    if (peer->host == NULL) {
        peer->silence_limit_ms = o->action_timeout_ms;
    }
    json_t *config = o->config == NULL ? json_object() : json_deep_copy(o->config);
    json_t *setup = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o}", "app", o->app_dir,
                              "env", o->env, "version", SS_VERSION, "root", o->hosts.root, "name",
                              slot == NULL ? "console" : slot->name, "index",
                              slot == NULL ? 0 : (int)slot->index, "count",
                              group == NULL ? 1 : (int)group->count, "config", config, "actions",
                              names_of_others(&sidecar->registry, group));
    send_json(peer, SS_LINK_SETUP, setup);
    json_decref(setup);
}

void ss_host_frames_actions(ss_sidecar_t *sidecar) {
    json_t *names = ss_registry_names(&sidecar->registry);
    for (ss_peer_t *p = sidecar->hosts, *next; p != NULL; p = next) {
        next = p->next;
        if (p->state == SS_PEER_OPEN) {
            send_json(p, SS_LINK_ACTIONS, names);
        }
    }
    json_decref(names);
}

/* --- from hosts ------------------------------------------------------------------------------ */

static void on_ready(ss_peer_t *peer, ss_span_t text) {
    if (peer->host != NULL) {
        ss_host_swap_ready(peer->host, text);
        return;
    }
    ss_host_ready_t ready = {0};
    ss_buf_t error = {0};
    if (!ss_host_ready_parse(text, &ready, &error)) {
        ss_peer_fail(peer, "malformed READY: %s", ss_buf_string(&error));
    } else if (json_array_size(ready.actions) != 0) {
        ss_peer_fail(peer, "a console has no actions: hosts are started by the sidecar, see "
                           "`host.commands`");
    }
    ss_host_ready_free(&ready);
    ss_buf_free(&error);
}

static void on_retire(ss_peer_t *peer, ss_span_t payload) {
    ss_reader_t r = ss_reader(payload.ptr, payload.len);
    ss_span_t reason = ss_read_str16(&r);
    if (r.failed || ss_read_left(&r) != 0) {
        ss_peer_fail(peer, "malformed RETIRE");
    } else if (peer->host != NULL) {
        ss_host_swap_retire(peer->host, reason);
    }
}

static void on_ask(ss_peer_t *peer, const ss_link_header_t *h, ss_span_t payload) {
    ss_link_ask_t ask;
    if (ss_link_decode_ask(payload.ptr, payload.len, &ask)) {
        ss_host_ask(peer, h, &ask);
    } else {
        ss_peer_fail(peer, "malformed ASK");
    }
}

/* `refused` is 0, or why the message is not here. */
static void deliver(ss_peer_t *peer, const ss_link_header_t *h, ss_span_t payload, int refused) {
    switch (h->op) {
    case SS_LINK_RETURN:
        ss_host_call_returned(peer, ss_link_handle(h), payload, refused);
        break;
    case SS_LINK_FAIL:
        ss_host_call_failed(peer, ss_link_handle(h), payload, refused);
        break;
    case SS_LINK_READY:
        on_ready(peer, payload); /* refused it is empty, and so malformed */
        break;
    case SS_LINK_RETIRE:
        on_retire(peer, payload);
        break;
    case SS_LINK_ASK:
        if (refused != 0) {
            ss_host_answer_failure(peer, h->call, &(ss_failure_t){.code = refused});
        } else {
            on_ask(peer, h, payload);
        }
        break;
    default:
        ss_peer_fail(peer, "%s is not for a sidecar", ss_link_op_name(h->op));
        break;
    }
}

static bool same_message(const ss_link_header_t *a, const ss_link_header_t *b) {
    return a->op == b->op && a->call == b->call && ss_link_handle(a) == ss_link_handle(b);
}

void ss_host_frames_handle(ss_peer_t *peer, const ss_link_header_t *h, const uint8_t *payload) {
    bool more = (h->flags & SS_LINK_MORE) != 0;
    ss_partial_t *partial = peer->partials.first;
    if (!more && (partial == NULL || partial->first.op != h->op)) {
        deliver(peer, h, (ss_span_t){(const char *)payload, h->length}, 0);
        return;
    }
    if (partial != NULL && !same_message(&partial->first, h)) {
        ss_peer_fail(peer, "a message began between the chunks of another");
        return;
    }
    if (partial == NULL) {
        partial = ss_partial_begin(&peer->partials, h);
    }
    ss_partial_append(&peer->partials, partial, payload, h->length,
                      peer->sidecar->options.max_message);
    if (more) {
        return;
    }
    deliver(peer, h, (ss_span_t){partial->data.data, partial->data.len}, partial->refused);
    ss_partial_remove(&peer->partials, partial);
}
