
/*
 * SPDX-License-Identifier: MIT
 *
 * What the module's files share: types, and each file's functions.
 *
 * One worker, one set of everything: slots name clients and API requests
 * towards the sidecar, links carry their frames, calls remember what was
 * asked and not yet answered, the output queue holds what a client has not
 * taken yet.  Nothing here is shared between workers but the counters.
 */


#ifndef _NGX_HTTP_SOCKETSTREAM_H_INCLUDED_
#define _NGX_HTTP_SOCKETSTREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Nothing but nginx's own tables is looked up in the module from outside: what
 * is hidden needs no symbol, no relocation and no detour, which every worker
 * pays for, also those that do not use us.
 */
#pragma GCC visibility push(hidden)


#include "../shared/ss_errors.h"
#include "../shared/ss_jsonrpc.h"
#include "../shared/ss_link.h"
#include "../shared/ss_rate.h"
#include "../shared/ss_siphash.h"
#include "../shared/ss_sse.h"
#include "../shared/ss_tally.h"
#include "../shared/ss_utf8.h"
#include "../shared/ss_ws.h"


/* what a worker reads from clients and links at once, into one buffer */
#define NGX_HTTP_SS_READ_SIZE       (128 * 1024)

/* bytes waiting for a sidecar; past it the worker stops reading clients */
#define NGX_HTTP_SS_LINK_QUEUE      (4 * 1024 * 1024)

/* sidecars that one configuration can name */
#define NGX_HTTP_SS_MAX_LINKS       16

/* processes that can count at a time: workers, old and new */
#define NGX_HTTP_SS_BLOCKS          256

/* ms for a POST to be taken by another worker */
#define NGX_HTTP_SS_POST_TIMEOUT    5000

/* what is queued for a stream first, beside the opcodes of RFC 6455 */
#define NGX_HTTP_SS_SSE_OPEN        16

/* ms for a peer to answer our close frame and go, also in a leaving worker */
#define NGX_HTTP_SS_LINGER          1000
#define NGX_HTTP_SS_EXIT_LINGER     500

/* of a POST's body, over socketstream_max_message: small ones beside it */
#define NGX_HTTP_SS_POST_EXTRA      (64 * 1024)

/* messages of one POST */
#define NGX_HTTP_SS_POST_MESSAGES   1000

/* addresses, sessions and users whose rate is known, in sets of SS_RATE_WAYS */
#define NGX_HTTP_SS_RATE_SETS       8192

/* addresses that can be connected to a worker each; seven eighths of it */
#define NGX_HTTP_SS_CONNECTED       131072

/* ms that nginx's clock may be behind: a tick of the kernel */
#define NGX_HTTP_SS_TICK            10


typedef struct ngx_http_ss_link_s    ngx_http_ss_link_t;
typedef struct ngx_http_ss_client_s  ngx_http_ss_client_t;
typedef struct ngx_http_ss_api_s     ngx_http_ss_api_t;
typedef struct ngx_http_ss_open_s    ngx_http_ss_open_t;
typedef struct ngx_http_ss_stream_s  ngx_http_ss_stream_t;
typedef struct ngx_http_ss_topic_s   ngx_http_ss_topic_t;
typedef struct ngx_http_ss_member_s  ngx_http_ss_member_t;
typedef struct ngx_http_ss_limits_s  ngx_http_ss_limits_t;
typedef struct ngx_http_ss_variant_s ngx_http_ss_variant_t;


/* bytes that grow: a message in pieces */

typedef struct {
    size_t                       len;
    size_t                       size;
    u_char                       data[1];
} ngx_http_ss_buf_t;


/* counters */

#define NGX_HTTP_SS_COUNTERS(X)                                               \
    X(connections_total, "WebSocket connections accepted")                    \
    X(streams_total, "event streams accepted, the fallback for WebSocket")     \
    X(posts_total, "POSTs taken for event streams, repeats included")         \
    X(posts_forwarded_total, "POSTs for event streams of other workers")      \
    X(messages_in_total, "messages received from clients")                    \
    X(messages_out_total, "messages queued for clients")                      \
    X(bytes_in_total, "payload bytes of messages received from clients")      \
    X(bytes_out_total, "payload bytes of messages queued for clients")        \
    X(pings_total, "pings sent to clients")                                   \
    X(calls_total, "calls forwarded to a sidecar")                            \
    X(calls_unavailable_total, "calls answered with -32003 by nginx")         \
    X(calls_timeout_total, "calls answered with -32004 by nginx")             \
    X(calls_refused_total, "calls over socketstream_max_inflight")            \
    X(calls_limited_total, "calls and notifications over socketstream_rate")  \
    X(requests_limited_total, "HTTP requests over socketstream_rate")         \
    X(api_requests_total, "HTTP API requests forwarded to a sidecar")         \
    X(link_connects_total, "links established")                               \
    X(link_losses_total, "links lost")                                        \
    X(rebinds_total, "clients rebound after the loss of a link")              \
    X(publishes_total, "messages that sidecars published to topics")

#define NGX_HTTP_SS_GAUGES(X)                                                 \
    X(connections, "open WebSocket connections")                              \
    X(streams, "open event streams")                                          \
    X(calls_in_flight, "calls forwarded and not yet answered")                \
    X(queue_bytes, "bytes queued for clients")                                \
    X(link_queue_bytes, "bytes queued for sidecars")                          \
    X(draining, "connections of workers that are shutting down")              \
    X(topics, "topics with members")                                          \
    X(memberships, "memberships of connections in topics")

/* X(name, HTTP status, what the client did or met) */
#define NGX_HTTP_SS_REFUSALS(X)                                               \
    X(method, 405, "method not allowed")                                      \
    X(http_version, 400, "WebSocket needs HTTP/1.1")                          \
    X(no_upgrade, 426, "a WebSocket handshake is expected here")              \
    X(connection_header, 400,                                                 \
      "the Connection header must contain \"upgrade\"")                       \
    X(body, 400, "a WebSocket handshake has no body")                         \
    X(version, 426, "Sec-WebSocket-Version must be 13")                       \
    X(key, 400, "a single valid Sec-WebSocket-Key header is needed")          \
    X(origin, 403, "this Origin is not allowed")                              \
    X(connections, 429, "too many connections from this address")             \
    X(too_large, 431, "the request's headers are too large")                  \
    X(unavailable, 503, "the service is not available at the moment")         \
    X(sidecar, 0, "refused by the application")

typedef enum {
#define X(name, status, text)  NGX_HTTP_SS_REFUSED_##name,
    NGX_HTTP_SS_REFUSALS(X)
#undef X
    NGX_HTTP_SS_REFUSED_N
} ngx_http_ss_refusal_e;

/* close codes that are counted one by one; the rest goes to "other" */
#define NGX_HTTP_SS_CLOSE_CODES(X)                                            \
    X(1000) X(1001) X(1002) X(1003) X(1005) X(1006) X(1007) X(1008) X(1009)   \
    X(1011) X(1012) X(1013)

typedef enum {
#define X(code)  NGX_HTTP_SS_CLOSED_##code,
    NGX_HTTP_SS_CLOSE_CODES(X)
#undef X
    NGX_HTTP_SS_CLOSED_other,
    NGX_HTTP_SS_CLOSED_N
} ngx_http_ss_closed_e;


/*
 * One worker's counters.  A block belongs to one process, so plain stores
 * are enough; the reader adds up all blocks.  When a process is gone, its
 * totals stay and its gauges are taken as zero.
 */

typedef struct {
    ngx_atomic_t                 pid;
#define X(name, text)  ngx_atomic_t  name;
    NGX_HTTP_SS_COUNTERS(X)
    NGX_HTTP_SS_GAUGES(X)
#undef X
    ngx_atomic_t                 refused[NGX_HTTP_SS_REFUSED_N];
    ngx_atomic_t                 closed[NGX_HTTP_SS_CLOSED_N];
    ngx_atomic_t                 link_up[NGX_HTTP_SS_MAX_LINKS];
    ngx_atomic_t                 link_broken[NGX_HTTP_SS_MAX_LINKS];
    ngx_atomic_t                 canary_ms[NGX_HTTP_SS_MAX_LINKS];
} ngx_http_ss_counters_t;


/* configuration */

/* a sidecar's socket, and the worker's one connection to it */

typedef enum {
    NGX_HTTP_SS_LINK_DOWN = 0,      /* nothing to do for it, or backing off */
    NGX_HTTP_SS_LINK_CONNECTING,    /* connected or not, no HELLO yet */
    NGX_HTTP_SS_LINK_READY
} ngx_http_ss_link_state_e;


struct ngx_http_ss_link_s {
    ngx_str_t                    name;      /* "unix:/path" */
    ngx_str_t                    label;     /* the same within quotes */
    struct sockaddr             *sockaddr;
    socklen_t                    socklen;
    ngx_uint_t                   index;

    ngx_http_ss_link_state_e     state;
    ngx_connection_t            *connection;
    ngx_event_t                  timer;     /* heartbeat, or the next try */
    ngx_event_t                  rebind;
    ngx_msec_t                   last_received;
    ngx_msec_t                   backoff;
    ngx_msec_t                   call_timeout;
    uint32_t                     max_message;

    u_char                      *in;        /* a frame's beginning */
    size_t                       in_len;

    u_char                      *out;
    size_t                       out_pos;
    size_t                       out_len;
    size_t                       out_cap;

    ngx_queue_t                  clients;   /* bound */
    ngx_queue_t                  unbound;   /* to be rebound, in this order */
    ngx_uint_t                   nclients;  /* both, and handshakes */
    ngx_queue_t                  opens;     /* handshakes sent, not answered */
    ngx_queue_t                  apis;      /* requests sent, not answered */
    ngx_queue_t                  calls;     /* in flight, oldest first */
    ngx_queue_t                  blocked;   /* clients not read: link full */

    ngx_http_ss_topic_t        **topics;    /* buckets, a power of two */
    ngx_uint_t                   topics_size;
    ngx_uint_t                   ntopics;
    ngx_http_ss_buf_t           *own;       /* beginning of a message */

    size_t                       node_len;
    u_char                       node[SS_STREAM_NODE_MAX]; /* its name */

    ngx_queue_t                  dirty;     /* in worker.dirty_links */

    unsigned                     draining:1;
    unsigned                     dirty_set:1;
    unsigned                     logged:1;  /* this outage is in the log */
    unsigned                     skip:1;    /* that message is too long */
};


/* an outage is said once, a sidecar that drains is no outage */

#define ngx_http_ss_link_level(link)                                          \
    ((ngx_uint_t) ((link)->draining ? NGX_LOG_NOTICE                          \
                   : (link)->logged ? NGX_LOG_INFO : NGX_LOG_ERR))


typedef struct {
    ngx_http_ss_link_t          *link;
    ngx_uint_t                   weight;
    unsigned                     backup:1;
} ngx_http_ss_peer_t;


/* the sidecars behind one "socketstream_pass" or "socketstream_api" name */

typedef struct {
    ngx_http_upstream_srv_conf_t *upstream;
    ngx_str_t                    name;
    ngx_array_t                  peers;     /* ngx_http_ss_peer_t */
    ngx_queue_t                  opens;     /* handshakes without a link yet */
    ngx_queue_t                  apis;      /* requests without a link yet */
} ngx_http_ss_pool_t;


typedef struct {
    ngx_array_t                  pools;     /* ngx_http_ss_pool_t * */
    ngx_array_t                  links;     /* ngx_http_ss_link_t * */
    ngx_shm_zone_t              *zone;
    ngx_shm_zone_t              *limits;    /* NULL: nothing is limited */
    unsigned                     enabled:1;
    unsigned                     middleware:1;
    unsigned                     rate:1;    /* calls are limited somewhere */
    unsigned                     connections:1; /* of an address, too */
} ngx_http_ss_main_conf_t;


/* socketstream_rate */

typedef struct {
    ss_rate_t                    client;    /* a connection, session, user */
    ss_rate_t                    address;
} ngx_http_ss_rate_t;


typedef struct {
    ngx_http_handler_pt          handler;   /* ours, NULL: the location's not */
    ngx_str_t                    path;      /* the location's, if it has one:
                                               what is below it is asked for */
    ngx_http_ss_pool_t          *pass;
    ngx_http_ss_pool_t          *api;
    ngx_str_t                    assets;    /* without trailing slash */
    ngx_flag_t                   middleware;

    size_t                       max_message;
    size_t                       max_queue;
    ngx_uint_t                   max_inflight;
    ngx_msec_t                   ping_interval;
    ngx_msec_t                   pong_timeout;
    ngx_msec_t                   link_timeout;
    ngx_msec_t                   drain_time;
    ngx_http_complex_value_t    *scheme;    /* the client's, NULL: our own */
    ngx_array_t                 *origins;   /* ngx_str_t, lower case */
    ngx_flag_t                   any_origin;

    ngx_http_ss_rate_t          *rate;      /* NULL: not limited */
    ngx_uint_t                   connections_per_ip; /* 0: not limited */

    ngx_http_complex_value_t    *incompatible; /* is this browser?  NULL */
    ngx_str_t                    incompatible_page;

    /* the ping sweep: both first in, first out, so only heads are looked at */
    ngx_queue_t                  ping_due;
    ngx_queue_t                  pong_due;
    ngx_event_t                  sweep;
} ngx_http_ss_loc_conf_t;


/* slots: what {slot, generation} of a link frame stands for */

typedef enum {
    NGX_HTTP_SS_SLOT_FREE = 0,
    NGX_HTTP_SS_SLOT_OPEN,          /* ngx_http_ss_open_t */
    NGX_HTTP_SS_SLOT_CLIENT,        /* ngx_http_ss_client_t */
    NGX_HTTP_SS_SLOT_API            /* ngx_http_ss_api_t */
} ngx_http_ss_slot_type_e;


typedef struct {
    void                        *data;      /* or the next free slot */
    uint32_t                     generation;
    uint32_t                     type;
} ngx_http_ss_slot_t;


/* output: bytes framed once, of which many queues may hold the same range */

typedef struct {
    uint32_t                     refs;
    uint32_t                     size;
    uint32_t                     len;
    u_char                       data[1];
} ngx_http_ss_frame_t;


typedef struct ngx_http_ss_out_s  ngx_http_ss_out_t;

struct ngx_http_ss_out_s {
    ngx_http_ss_out_t           *next;
    ngx_http_ss_frame_t         *frame;
    uint32_t                     start;
    uint32_t                     end;
};


/* a client: a WebSocket whose request is gone, or an event stream */

struct ngx_http_ss_client_s {
    ngx_connection_t            *connection;
    ngx_http_request_t          *request;   /* a stream's; for limit_conn */
    ngx_http_ss_loc_conf_t      *conf;
    ngx_http_ss_pool_t          *pool;
    ngx_http_ss_link_t          *link;
    ngx_queue_t                  queue;     /* link->clients or ->unbound */
    ngx_queue_t                  sweep;     /* conf->ping_due or ->pong_due */
    ngx_queue_t                  ready;     /* worker.dirty */
    ngx_queue_t                  waiting;   /* link->blocked */
    ngx_queue_t                  calls;
    ngx_http_ss_member_t        *members;
    u_char                      *state;     /* the sidecar's, opaque */
    ngx_http_ss_limits_t        *limits;    /* NULL: nothing is limited */
    ngx_msec_t                   due;       /* of the sweep; end of the drain */

    uint32_t                     slot;
    uint32_t                     generation;
    uint32_t                     stamp;     /* of the last message published */
    uint16_t                     ncalls;
    uint16_t                     state_len;

    ngx_http_ss_buf_t           *kept;      /* a frame's beginning */
    ngx_http_ss_buf_t           *message;   /* a message's beginning */
    ngx_http_ss_buf_t           *reply;     /* the same, from a sidecar */
    ngx_http_ss_link_t          *reply_link; /* whose message goes on */

    ngx_http_ss_out_t           *out;
    ngx_http_ss_out_t           *out_last;
    size_t                       out_bytes;
    size_t                       out_sent;  /* of the first range */

    ss_ws_decoder_t              decoder;
    ss_utf8_t                    utf8;

    unsigned                     upgraded:1;   /* the 101 is out */
    unsigned                     sse:1;        /* an event stream */
    unsigned                     system:1;     /* subprotocol socketstream */
    unsigned                     bound:1;      /* the sidecar knows it */
    unsigned                     ready_set:1;  /* in worker.dirty */
    unsigned                     blocked:1;    /* in link->blocked */
    unsigned                     throttled:1;  /* not read: output waits */
    unsigned                     reply_skip:1; /* too long: thrown away */
    unsigned                     alive:1;      /* heard of since the ping */
    unsigned                     partial:1;    /* kept needs more bytes */
    unsigned                     gone:1;       /* slot and link are given up */
    unsigned                     draining:1;
    unsigned                     closing:1;    /* our close frame is queued */
    unsigned                     close_seen:1; /* theirs has come */
    unsigned                     deaf:1;       /* input is thrown away */
    unsigned                     shut:1;       /* SHUT_WR done */
    unsigned                     reading:1;    /* inside the read handler */
    unsigned                     dead:1;       /* close when that returns */
};


/* what of a client is limited; there is none where nothing is */

typedef enum {
    NGX_HTTP_SS_RATE_ADDRESS = 0,
    NGX_HTTP_SS_RATE_SESSION,
    NGX_HTTP_SS_RATE_USER,
    NGX_HTTP_SS_RATE_SHARED,        /* these are, with other connections */
    NGX_HTTP_SS_RATE_CONNECTION = NGX_HTTP_SS_RATE_SHARED
} ngx_http_ss_rate_e;


/* a file that is served */

typedef struct {
    ngx_str_t                    path;     /* as asked for */
    ngx_str_t                    name;     /* of what is open, also a sibling */
    ngx_open_file_info_t         of;
    ngx_http_ss_variant_t       *variant;  /* NULL for the file itself */
    ngx_uint_t                   status;
} ngx_http_ss_file_t;


struct ngx_http_ss_limits_s {
    uint64_t                     account;   /* the connection's own */
    uint64_t                     keys[NGX_HTTP_SS_RATE_SHARED]; /* 0: none */
    uint64_t                     counted;   /* 0: not */
    size_t                       address_len;
    u_char                       address[1]; /* as realip left it, for logs */
};


/* what a client has that is an event stream; the context of its request */

struct ngx_http_ss_stream_s {
    ngx_http_ss_client_t        *client;    /* NULL: it has ended */
    ngx_http_request_t          *request;
    ngx_queue_t                  queue;     /* worker.streams */
    ngx_chain_t                 *free;
    ngx_chain_t                 *busy;      /* ranges that nginx has */
    size_t                       passed;    /* bytes of these, not yet sent */
    ngx_http_ss_out_t           *left;      /* to be freed with the request */
    uint64_t                     seq;       /* of the last POST taken */
    u_char                       key[SS_STREAM_KEY_LEN];
};


/* what is of interest among a request's headers */

typedef struct {
    ngx_str_t                    key;
    ngx_str_t                    version;
    ngx_str_t                    origin;
    ngx_str_t                    site;
    ngx_str_t                    stream;
    ngx_str_t                    seq;
    ngx_uint_t                   nkeys;
    unsigned                     upgrade:1;
    unsigned                     connection:1;
    unsigned                     system:1;
    unsigned                     events:1;
} ngx_http_ss_headers_t;


/* a handshake that waits for the sidecar's ACCEPT or REJECT */

struct ngx_http_ss_open_s {
    ngx_http_request_t          *request;
    ngx_http_ss_loc_conf_t      *conf;
    ngx_http_ss_pool_t          *pool;
    ngx_http_ss_link_t          *link;      /* NULL: in pool->opens */
    ngx_queue_t                  queue;
    ngx_event_t                  timer;
    ngx_str_t                    key;
    uint32_t                     slot;
    uint32_t                     generation;
    ngx_http_ss_client_t        *client;    /* accepted, 101 not yet out */
    uint64_t                     counted;   /* its key, see _connection_begin() */
    unsigned                     system:1;
    unsigned                     sse:1;
};


/* an HTTP API request that waits for its answer */

struct ngx_http_ss_api_s {
    ngx_http_request_t          *request;
    ngx_http_ss_loc_conf_t      *conf;
    ngx_http_ss_pool_t          *pool;
    ngx_http_ss_link_t          *link;      /* NULL: in pool->apis */
    ngx_queue_t                  queue;
    ngx_event_t                  timer;
    uint32_t                     slot;
    uint32_t                     generation;
    ngx_chain_t                 *out;
    ngx_chain_t                **out_last;
    off_t                        out_len;
    unsigned                     started:1; /* status and headers are set */
    unsigned                     session:1; /* POST to the WebSocket's URL */
    unsigned                     stream:1;  /* for another worker's stream */
};


/* a message with at least one call that wants an answer */

#define NGX_HTTP_SS_CALL_INLINE     28

typedef struct {
    ngx_queue_t                  queue;     /* link->calls */
    ngx_queue_t                  siblings;  /* client->calls; or free list */
    ngx_http_ss_client_t        *client;    /* NULL: free */
    ngx_msec_t                   deadline;
    u_char                      *ids;       /* n times: u8 length, JSON text */
    uint32_t                     number;    /* as it stands in the frame */
    uint16_t                     ids_len;
    uint8_t                      n;
    uint8_t                      batch;
    u_char                       room[NGX_HTTP_SS_CALL_INLINE];
} ngx_http_ss_call_t;


/* one worker's own */

typedef struct {
    ngx_http_ss_slot_t          *slots;
    ngx_uint_t                   nslots;
    ngx_uint_t                   max_slots;
    uint32_t                     free_slot; /* nslots: none */

    u_char                      *buffer;    /* NGX_HTTP_SS_READ_SIZE */

    struct {
        ngx_http_ss_frame_t     *frame;     /* may still grow in this turn */
        void                    *sharer;    /* for whom */
    }                            shared[2]; /* for WebSocket, for streams */

    ngx_queue_t                  streams;   /* ngx_http_ss_stream_t */
    ngx_connection_t            *watcher;   /* hears when nginx quits */

    ngx_queue_t                  dirty;     /* clients with new output */
    ngx_queue_t                  dirty_links;
    ngx_event_t                  flush;

    ngx_http_ss_counters_t      *counters;
    uint64_t                     generation;
    uint32_t                     stamp;     /* messages published */
} ngx_http_ss_worker_t;


extern ngx_module_t              ngx_http_socketstream_module;
extern ngx_http_ss_worker_t      ngx_http_ss_worker;

#define ngx_http_ss_count(name, n)                                            \
    (ngx_http_ss_worker.counters->name += (n))


/* ngx_http_ss_location.c: what serves a location */

char *ngx_http_ss_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ss_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ss_assets(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ss_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_http_ss_merge_location(ngx_conf_t *cf,
    ngx_http_ss_loc_conf_t *prev, ngx_http_ss_loc_conf_t *conf);


/* ngx_http_ss_worker.c: a worker's start and end */

ngx_int_t ngx_http_ss_init_process(ngx_cycle_t *cycle);
void ngx_http_ss_exit_process(ngx_cycle_t *cycle);


/* ngx_http_ss_slots.c: numbers for clients, handshakes and API requests */

/* Takes a slot for data.  NGX_ERROR: as many as there can be are in use. */
ngx_int_t ngx_http_ss_slot_take(ngx_http_ss_slot_type_e type, void *data,
    uint32_t *slot, uint32_t *generation);
/* What the slot stands for, or NULL when it is free or of another time. */
ngx_http_ss_slot_t *ngx_http_ss_slot_find(uint32_t slot, uint32_t generation);
void ngx_http_ss_slot_free(uint32_t slot);

/* Appends to *bp, which may be NULL and may move; NGX_ERROR: no memory. */
ngx_int_t ngx_http_ss_buf_add(ngx_http_ss_buf_t **bp, const void *data,
    size_t len);


/* ngx_http_ss_handshake.c: what comes to the URL of socketstream_pass */

ngx_int_t ngx_http_ss_handshake_handler(ngx_http_request_t *r);
/* Finds the headers that matter; spans into the request's own. */
void ngx_http_ss_read_headers(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs);
/* Answers with the reason's status; what the request is finalized with. */
ngx_int_t ngx_http_ss_refuse(ngx_http_request_t *r,
    ngx_http_ss_refusal_e why);


/* ngx_http_ss_origin.c: which pages may use it, and what browsers hear of it */

char *ngx_http_ss_origins(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_uint_t ngx_http_ss_origin_allowed(ngx_http_request_t *r,
    ngx_str_t *origin);
/* The same for a request without Origin. */
ngx_uint_t ngx_http_ss_site_allowed(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs);
/* For a listed page of another origin, adds to the answer that it may see it. */
ngx_int_t ngx_http_ss_origin_headers(ngx_http_request_t *r,
    ngx_str_t *origin);
/* Answers OPTIONS of an origin that is allowed; what the request is finalized
 * with. */
ngx_int_t ngx_http_ss_origin_preflight(ngx_http_request_t *r,
    ngx_str_t *origin);


/* ngx_http_ss_open.c: from the HTTP request to the client */

/* Shows a checked request to a sidecar, and lets it wait for the answer.  key
 * is that of a WebSocket's handshake, NULL is for an event stream.  What the
 * request is to be finalized with. */
ngx_int_t ngx_http_ss_open(ngx_http_request_t *r, ngx_str_t *key,
    ngx_uint_t system);
/* The waiting handshake got a link that is ready. */
void ngx_http_ss_open_send(ngx_http_ss_open_t *o, ngx_http_ss_link_t *link);
void ngx_http_ss_open_accept(ngx_http_ss_open_t *o, u_char *data, size_t len);
void ngx_http_ss_open_reject(ngx_http_ss_open_t *o, u_char *data, size_t len);
/* Its link was lost: it waits for another one, until its time is over. */
void ngx_http_ss_open_lost(ngx_http_ss_open_t *o);
/* Takes it out of the queue it stands in, and off its link. */
void ngx_http_ss_open_detach(ngx_http_ss_open_t *o);


/* ngx_http_ss_upgrade.c: the 101, and the end of the HTTP request */

/* NGX_ERROR: the request is to be finalized, and takes the client along. */
ngx_int_t ngx_http_ss_upgrade(ngx_http_ss_open_t *o,
    ss_link_accept_t *accept);


/* ngx_http_ss_ws.c: what a WebSocket's client sends */

/* The 101 is out: starts reading, beginning with what came before it. */
void ngx_http_ss_ws_start(ngx_http_ss_client_t *client, u_char *data,
    size_t len);


/* ngx_http_ss_sse.c: event streams */

/* Makes a stream of the accepted request.  NGX_ERROR as above. */
ngx_int_t ngx_http_ss_sse_start(ngx_http_ss_open_t *o,
    ss_link_accept_t *accept);
/* ngx_http_ss_output_flush() for a stream. */
ngx_int_t ngx_http_ss_sse_flush(ngx_http_ss_client_t *client);
/* Frees the client and ends its request: well, if all is said. */
void ngx_http_ss_sse_finish(ngx_http_ss_client_t *client);
/* Takes over what nginx may still point into. */
void ngx_http_ss_sse_keep(ngx_http_ss_client_t *client);
/* Hears when nginx quits, from now on; or no more. */
ngx_int_t ngx_http_ss_sse_watch(ngx_cycle_t *cycle);
void ngx_http_ss_sse_unwatch(void);


/* ngx_http_ss_post.c: what a stream's client sends */

ngx_int_t ngx_http_ss_post_handler(ngx_http_request_t *r,
    ngx_http_ss_headers_t *hs);
/* Answers a POST to a stream; what the request is finalized with. */
ngx_int_t ngx_http_ss_post_answer(ngx_http_request_t *r, ngx_uint_t status);
/* The payload of a whole DELIVER.  NGX_ERROR: it is malformed. */
ngx_int_t ngx_http_ss_post_deliver(ngx_http_ss_link_t *link,
    const u_char *data, size_t len);


/* ngx_http_ss_client.c: a client's life, whatever its transport */

/* Makes a client of the accepted handshake; its slot and link go over. */
ngx_http_ss_client_t *ngx_http_ss_client_create(ngx_http_ss_open_t *o,
    ss_span_t state);
/* Replaces what the sidecar wants to be told in REBIND. */
ngx_int_t ngx_http_ss_client_set_state(ngx_http_ss_client_t *client,
    u_char *data, size_t len);
/* It can be written to from now on, and is pinged. */
void ngx_http_ss_client_begin(ngx_http_ss_client_t *client);
/* A whole message of the client, on its way to the sidecar. */
void ngx_http_ss_client_message(ngx_http_ss_client_t *client,
    ngx_uint_t opcode, u_char *data, size_t len);
/* The connection's read timer: an end of waiting. */
void ngx_http_ss_client_timeout(ngx_http_ss_client_t *client);
/* Starts closing: close frame, then, once it is out, the socket. */
void ngx_http_ss_client_close(ngx_http_ss_client_t *client, ngx_uint_t code,
    const char *reason, size_t len);
/* Closes the socket now; code is for the counters and the sidecar. */
void ngx_http_ss_client_drop(ngx_http_ss_client_t *client, ngx_uint_t code);
/* Forgets the client but leaves the connection alone. */
void ngx_http_ss_client_free(ngx_http_ss_client_t *client, ngx_uint_t code);
/* The output queue was written to the socket, all or in part. */
void ngx_http_ss_client_drained(ngx_http_ss_client_t *client);
/* Reads again, what was held up by a full link or a full queue. */
void ngx_http_ss_client_resume(ngx_http_ss_client_t *client);


/* ngx_http_ss_ping.c: who does not answer any more */

void ngx_http_ss_ping_begin(ngx_http_ss_client_t *client);


/* ngx_http_ss_drain.c: clients of a worker that leaves */

/* nginx wants the connection back: a reload, or out of patience. */
void ngx_http_ss_client_quit(ngx_http_ss_client_t *client,
    ngx_uint_t impatient);
/* Its moment has come, or its calls have had more time. */
void ngx_http_ss_client_drain_due(ngx_http_ss_client_t *client);


/* ngx_http_ss_wire.c: messages as they go on the wire */

/* Room that a message of len bytes takes, and not less. */
size_t ngx_http_ss_wire_size(ngx_uint_t sse, ngx_uint_t opcode, size_t len);
/* Writes a message, whose payload is a with b behind it; its end. */
u_char *ngx_http_ss_wire_put(ngx_uint_t sse, u_char *p, ngx_uint_t opcode,
    const u_char *a, size_t a_len, const char *b, size_t b_len);
/* Adds a text message, body and tail, to a frame for many queues, those of
 * event streams or of WebSockets; *start is where it begins.  Those of one
 * sharer, any address, that come in one turn of the loop stand in one frame as
 * far as it goes.  The caller holds no reference: it is good until the next
 * call for the same transport.  NULL: no memory. */
ngx_http_ss_frame_t *ngx_http_ss_wire_share(ngx_uint_t sse, void *sharer,
    ss_span_t *body, ss_span_t *tail, size_t *start);
/* Nothing more is added to the frame of that transport. */
void ngx_http_ss_wire_unshare(ngx_uint_t sse);


/* ngx_http_ss_output.c: what clients have not taken yet */

/* Queues one message for the client; it leaves in this turn of the loop.
 * Past socketstream_max_queue the client is closed instead (1013). */
void ngx_http_ss_output_message(ngx_http_ss_client_t *client,
    ngx_uint_t opcode, const u_char *data, size_t len);
/* The same for a control frame, which no limit holds back. */
void ngx_http_ss_output_control(ngx_http_ss_client_t *client,
    ngx_uint_t opcode, const u_char *data, size_t len);
/* Queues what a shared frame has from start on; the queue takes a reference. */
void ngx_http_ss_output_shared(ngx_http_ss_client_t *client,
    ngx_http_ss_frame_t *frame, size_t start);
/* Has the queue written at the end of this turn, once the 101 is out. */
void ngx_http_ss_output_ready(ngx_http_ss_client_t *client);
/* Writes what it can.  NGX_OK: all; NGX_AGAIN: the rest waits for the
 * socket; NGX_ERROR: the connection is broken, the caller drops it. */
ngx_int_t ngx_http_ss_output_flush(ngx_http_ss_client_t *client);
/* n bytes of the queue are on their way. */
void ngx_http_ss_output_sent(ngx_http_ss_client_t *client, size_t n);
/* Gives back a range of a queue, and the frame with its last range. */
void ngx_http_ss_output_release(ngx_http_ss_out_t *out);
void ngx_http_ss_output_free(ngx_http_ss_client_t *client);
void ngx_http_ss_flush_handler(ngx_event_t *ev);


/* ngx_http_ss_calls.c: what was asked and not yet answered */

/* Remembers the ids of a message.  NGX_OK sets the number for its frame, 0
 * when nothing in it wants an answer; code != 0 answers the ids with that
 * error at once.  NGX_DECLINED: all is answered, forward nothing. */
ngx_int_t ngx_http_ss_call_begin(ngx_http_ss_client_t *client,
    const u_char *data, size_t len, int code, uint32_t *number);
/* The call of that number, if it is still open and the client's. */
ngx_http_ss_call_t *ngx_http_ss_call_find(ngx_http_ss_client_t *client,
    uint32_t number);
void ngx_http_ss_call_end(ngx_http_ss_call_t *call);
/* Answers it with an error, and ends it. */
void ngx_http_ss_call_fail(ngx_http_ss_call_t *call, int code);
/* Fails all of one link, or of one client; or forgets those of a client. */
void ngx_http_ss_calls_fail_link(ngx_http_ss_link_t *link, int code);
void ngx_http_ss_calls_fail_client(ngx_http_ss_client_t *client, int code);
void ngx_http_ss_calls_forget(ngx_http_ss_client_t *client);
void ngx_http_ss_calls_expire(ngx_http_ss_link_t *link);


/* ngx_http_ss_counters.c: what is counted, in shared memory */

ngx_int_t ngx_http_ss_counters_add_zone(ngx_conf_t *cf,
    ngx_http_ss_main_conf_t *mcf);
/* A block for this process, its gauges at 0; NULL: all are in use. */
ngx_http_ss_counters_t *ngx_http_ss_counters_claim(ngx_shm_zone_t *zone);


/* ngx_http_ss_pool.c: the sidecars that a name stands for */

/* The pool of that name; NULL: it cannot be one, which is logged. */
ngx_http_ss_pool_t *ngx_http_ss_pool_add(ngx_conf_t *cf, ngx_str_t *name);
/* Finds the sockets of all pools. */
ngx_int_t ngx_http_ss_pools_resolve(ngx_conf_t *cf,
    ngx_http_ss_main_conf_t *mcf);


/* ngx_http_ss_link.c: the worker's connections to sidecars */

void ngx_http_ss_link_init(ngx_http_ss_link_t *link);
void ngx_http_ss_link_exit(ngx_http_ss_link_t *link);
void ngx_http_ss_link_connect(ngx_http_ss_link_t *link);
void ngx_http_ss_link_lost(ngx_http_ss_link_t *link, const char *why);


/* ngx_http_ss_link_io.c: bytes of a link */

/* Queues a message of any size in frames.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_ss_link_message(ngx_http_ss_link_t *link, ngx_uint_t op,
    ngx_uint_t flags, uint32_t slot, uint32_t generation, uint32_t call,
    const u_char *data, size_t len);
/* Room for a frame's payload; the frame is queued by _commit. */
u_char *ngx_http_ss_link_reserve(ngx_http_ss_link_t *link, size_t len);
void ngx_http_ss_link_commit(ngx_http_ss_link_t *link, ngx_uint_t op,
    ngx_uint_t flags, uint32_t slot, uint32_t generation, uint32_t call,
    size_t len);
/* Tells the sidecar that one of its clients is gone, with the close code. */
void ngx_http_ss_link_closed(ngx_http_ss_link_t *link, uint32_t slot,
    uint32_t generation, ngx_uint_t code);
ngx_int_t ngx_http_ss_link_flush(ngx_http_ss_link_t *link);
/* Clients are read again that the link's queue had held up. */
void ngx_http_ss_link_unblock(ngx_http_ss_link_t *link);
void ngx_http_ss_link_read_handler(ngx_event_t *rev);
void ngx_http_ss_link_write_handler(ngx_event_t *wev);
#define ngx_http_ss_link_full(link)                                           \
    ((link)->out_len - (link)->out_pos > NGX_HTTP_SS_LINK_QUEUE)


/* ngx_http_ss_frames.c: what a sidecar says */

/* One whole frame of a sidecar.  NGX_ERROR: it breaks
 * a rule; NGX_DONE: the link is gone. */
ngx_int_t ngx_http_ss_frame(ngx_http_ss_link_t *link, ss_link_header_t *h,
    u_char *data);


/* ngx_http_ss_route.c: who is served by which link */

/* A link of the pool that is ready, the least loaded one; else NULL, and
 * those that could become ready are being connected. */
ngx_http_ss_link_t *ngx_http_ss_route_select(ngx_http_ss_pool_t *pool);
/* The link got ready, is about to go, or is gone. */
void ngx_http_ss_route_ready(ngx_http_ss_link_t *link);
void ngx_http_ss_route_leave(ngx_http_ss_link_t *link);
void ngx_http_ss_route_lost(ngx_http_ss_link_t *link);
/* Does anybody wait for it? */
ngx_uint_t ngx_http_ss_route_needed(ngx_http_ss_link_t *link);
/* Puts a client under a link, or takes it away from its own. */
void ngx_http_ss_route_attach(ngx_http_ss_link_t *link,
    ngx_http_ss_client_t *client);
void ngx_http_ss_route_detach(ngx_http_ss_client_t *client);
/* Sends REBIND for a client the sidecar does not know yet. */
ngx_int_t ngx_http_ss_route_bind(ngx_http_ss_client_t *client);
void ngx_http_ss_route_rebind_handler(ngx_event_t *ev);


/* ngx_http_ss_topics.c: which clients get what is published */

ngx_int_t ngx_http_ss_topic_join(ngx_http_ss_client_t *client,
    const u_char *name, size_t len);
void ngx_http_ss_topic_leave(ngx_http_ss_client_t *client,
    const u_char *name, size_t len);
void ngx_http_ss_topics_leave_all(ngx_http_ss_client_t *client);
/* The payload of a whole PUBLISH.  NGX_ERROR: it is malformed. */
ngx_int_t ngx_http_ss_publish(ngx_http_ss_link_t *link, const u_char *data,
    size_t len);


/* ngx_http_ss_middleware.c: requests that middleware has passed on */

char *ngx_http_ss_middleware(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Where "socketstream_middleware" is used at all. */
ngx_int_t ngx_http_ss_middleware_init(ngx_conf_t *cf);


/* ngx_http_ss_limits.c: what workers share to limit, and what it is about */

char *ngx_http_ss_connections_per_ip(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* Adds the zone, if any directive limits something. */
ngx_int_t ngx_http_ss_limits_add_zone(ngx_conf_t *cf,
    ngx_http_ss_main_conf_t *mcf);
/* The worker begins or ends: whatever its block had counted is over. */
void ngx_http_ss_limits_reset(ngx_http_ss_main_conf_t *mcf);
/* What calls count for; also the client's part of what the handshake had. */
ngx_int_t ngx_http_ss_limits_create(ngx_http_ss_client_t *client,
    ngx_http_ss_open_t *o);
void ngx_http_ss_limits_free(ngx_http_ss_client_t *client);
/* The accounts, which are locked until _rates_done(); NULL: there are none. */
ss_rate_entry_t *ngx_http_ss_limits_rates(void);
void ngx_http_ss_limits_rates_done(void);
/* The account of a client's address; 0: it has none. */
uint64_t ngx_http_ss_limits_address_key(ngx_connection_t *c,
    const ngx_http_ss_rate_t *rate);
/* The sidecar's RATE_KEYS. */
void ngx_http_ss_limits_keys(ngx_http_ss_client_t *client, u_char *data,
    size_t len);
/* Counts a handshake for its address, *key says under what.  NGX_DECLINED:
 * there are as many as socketstream_connections_per_ip allows. */
ngx_int_t ngx_http_ss_connection_begin(ngx_http_request_t *r, uint64_t *key);
void ngx_http_ss_connection_end(uint64_t key);


/* ngx_http_ss_rate.c: how fast calls may come */

char *ngx_http_ss_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* Lets n calls of the client pass, and counts them: 0.  Else the ms until they
 * would pass; it is counted and logged. */
ngx_msec_t ngx_http_ss_rate_calls(ngx_http_ss_client_t *client, ngx_uint_t n);
/* The same for an HTTP request, which counts for its address. */
ngx_msec_t ngx_http_ss_rate_request(ngx_http_request_t *r);


/* ngx_http_ss_browser.c: browsers that cannot run the application */

char *ngx_http_ss_incompatible(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
/* Says in the answer that it depends on the browser.  NGX_DECLINED: this one
 * cannot show the page. */
ngx_int_t ngx_http_ss_browser_check(ngx_http_request_t *r);
/* For that browser, where there is no page of the application's. */
ngx_int_t ngx_http_ss_browser_refuse(ngx_http_request_t *r);


/* ngx_http_ss_variants.c: compressed siblings of files */

/* Opens one in place of the file.  NGX_DECLINED, and the file is as it was:
 * there is none that the client takes. */
ngx_int_t ngx_http_ss_variant_open(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);
/* Says in the answer which it is, and whether other clients get another. */
ngx_int_t ngx_http_ss_variant_headers(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);


/* ngx_http_ss_api.c: an API request on its way to a sidecar */

ngx_int_t ngx_http_ss_api_handler(ngx_http_request_t *r);
/* The body of a POST for a stream of another worker is here. */
void ngx_http_ss_api_forward(ngx_http_request_t *r);
void ngx_http_ss_api_send(ngx_http_ss_api_t *api, ngx_http_ss_link_t *link);
void ngx_http_ss_api_lost(ngx_http_ss_api_t *api);
/* Nothing of a sidecar reaches the request any more; notify: tell it so. */
void ngx_http_ss_api_release(ngx_http_ss_api_t *api, ngx_uint_t notify);


/* ngx_http_ss_api_answer.c: what an API request is answered with */

void ngx_http_ss_api_response(ngx_http_ss_api_t *api, ngx_uint_t flags,
    u_char *data, size_t len);
/* Answers with an error, from an event of ours; the request may be gone. */
void ngx_http_ss_api_fail(ngx_http_ss_api_t *api, int code);
/* The same while nginx is on its way back to the request. */
void ngx_http_ss_api_refuse(ngx_http_ss_api_t *api, int code);
/* These return what the request is to be finalized with. */
ngx_int_t ngx_http_ss_api_error(ngx_http_ss_api_t *api, int code);
ngx_int_t ngx_http_ss_api_limited(ngx_http_request_t *r, ngx_msec_t retry);
ngx_int_t ngx_http_ss_api_send_error(ngx_http_request_t *r,
    ngx_uint_t status, ngx_msec_t retry, u_char *text, size_t len);


/* ngx_http_ss_assets.c, ngx_http_ss_assets_send.c, ngx_http_ss_status.c */

ngx_int_t ngx_http_ss_assets_handler(ngx_http_request_t *r);
/* Answers with the file, which is open. */
ngx_int_t ngx_http_ss_assets_send(ngx_http_request_t *r,
    ngx_http_ss_file_t *file);
/* As nginx's own files are opened; a status, if it cannot be. */
ngx_int_t ngx_http_ss_assets_open(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of, ngx_uint_t test_only);
ngx_int_t ngx_http_ss_status_handler(ngx_http_request_t *r);


/* ngx_http_ss_http.c: headers in both directions, and short texts */

/* Did the client come by https, to us or to who is in front of us? */
ngx_uint_t ngx_http_ss_is_tls(ngx_http_request_t *r);
/* All headers of the request, for a sidecar. */
void ngx_http_ss_encode_headers(ngx_http_request_t *r,
    ss_link_pairs_t *pairs);

/* A header for the client, its bytes not copied; NULL: no memory. */
ngx_table_elt_t *ngx_http_ss_add_header(ngx_http_request_t *r,
    ngx_str_t *name, ngx_str_t *value);
/* The answer's type, its parameters behind it; not copied. */
void ngx_http_ss_set_type(ngx_http_request_t *r, ngx_str_t *type);
/* What nobody may keep: "Cache-Control: no-store", and a type, unless NULL. */
ngx_int_t ngx_http_ss_no_store(ngx_http_request_t *r, ngx_str_t *type);
/* A sidecar's headers, copied: its bytes do not outlive the event. */
ngx_int_t ngx_http_ss_copy_headers(ngx_http_request_t *r,
    ss_reader_t *headers);
/* A whole answer of this text, which is copied; text/plain unless a type is
 * set.  Returns what the request is to be finalized with. */
ngx_int_t ngx_http_ss_send_text(ngx_http_request_t *r, ngx_uint_t status,
    const u_char *text, size_t len);


#pragma GCC visibility pop


#endif /* _NGX_HTTP_SOCKETSTREAM_H_INCLUDED_ */
