/* SPDX-License-Identifier: MIT
 *
 * The link: what an nginx worker or an action host and a sidecar say to each other over a Unix
 * stream socket.  docs/PROTOCOL.md tells the same with examples, docs/ACTION_HOSTS.md as a host
 * sees it.
 *
 * Owns the operations with their directions and limits, the frame header, and the payload codecs.
 * Leaves to the two programs: sockets, queues, timers.  Every frame is a 20-byte header, all
 * fields little-endian, followed by `length` bytes of payload:
 *
 *     0  u32 length       payload bytes, at most SS_LINK_PAYLOAD_MAX
 *     4  u8  op           SS_LINK_…
 *     5  u8  flags        SS_LINK_MORE | SS_LINK_BINARY
 *     6  u16 reserved     0
 *     8  u32 slot         the client, as its worker numbers it; 0 where the op is the link's own
 *    12  u32 generation   of that slot; a frame for an older generation is dropped in silence
 *    16  u32 call         MESSAGE, REPLY, ASK and ANSWER: the message's number; else 0
 *
 * Between host and sidecar slot and generation are the two halves of one number, the handle of a
 * call, low half first.
 *
 * A message over SS_LINK_CHUNK bytes travels as several frames of one op, all but the last with
 * SS_LINK_MORE.  Chunks of different clients may be interleaved; between the chunks of one client's
 * message no other message of that client stands.  To and from a host no other chunked message at
 * all stands between them.
 */
#ifndef SS_LINK_H
#define SS_LINK_H

#include "ss_wire.h"

#define SS_LINK_VERSION 1
#define SS_LINK_HEADER 20
#define SS_LINK_PAYLOAD_MAX 65536
#define SS_LINK_CHUNK 65536             /* a sender splits message bytes at this size */
#define SS_LINK_MESSAGE_MAX (64u << 20) /* bytes of one chunked message, at any setting */
#define SS_LINK_STATE_MAX 1024          /* bytes of a client's opaque state in ACCEPT and REBIND */
#define SS_LINK_TOPIC_MAX 512           /* bytes of a topic's name */
#define SS_LINK_HEADERS_MAX 128         /* pairs in one list: headers, or a PUBLISH's topics */
#define SS_LINK_HEARTBEAT_MS 1000       /* a PING this often from both ends */
#define SS_LINK_SILENCE_MS 3000         /* nothing received for so long is a lost link */

/* Who receives.  A sidecar is two receivers, by who is at the other end of the link. */
typedef enum {
    SS_LINK_TO_SIDECAR = 1, /* from a worker */
    SS_LINK_TO_WORKER = 2,
    SS_LINK_TO_HOST = 4,
    SS_LINK_FROM_HOST = 8,
    SS_LINK_FROM_SIDECAR = SS_LINK_TO_WORKER | SS_LINK_TO_HOST,
    SS_LINK_ALL = 15,
} ss_link_direction_t;

/* X(value, NAME, direction, min payload, max payload, chunked, of a client or a call) */
#define SS_LINK_OPS(X)                                                                             \
    /* first frame each way; the worker speaks first and waits for the answer */                   \
    X(0x01, HELLO, SS_LINK_ALL, 26, 512, false, false)                                             \
    /* heartbeat: 8 opaque bytes, returned in PONG */                                              \
    X(0x02, PING, SS_LINK_ALL, 8, 8, false, false)                                                 \
    X(0x03, PONG, SS_LINK_ALL, 8, 8, false, false)                                                 \
    /* last frame before closing on purpose: str16 reason */                                       \
    X(0x04, GOODBYE, SS_LINK_ALL, 2, 1024, false, false)                                           \
    /* the sidecar is leaving: give it nothing new; it answers what it has and closes */           \
    X(0x05, DRAIN, SS_LINK_FROM_SIDECAR, 0, 0, false, false)                                       \
    /* with each heartbeat: u8 SS_LINK_HEALTH_…, u32 ms of the last canary through Redis */      \
    X(0x06, HEALTH, SS_LINK_TO_WORKER, 5, 5, false, false)                                         \
    /* a client asks to connect; answered by ACCEPT or REJECT */                                   \
    X(0x10, OPEN, SS_LINK_TO_SIDECAR, 6, SS_LINK_PAYLOAD_MAX, false, true)                         \
    X(0x11, ACCEPT, SS_LINK_TO_WORKER, 3, 16384, false, true)                                      \
    X(0x12, REJECT, SS_LINK_TO_WORKER, 3, 16384, false, true)                                      \
    /* a client of a former link: the state bytes of its ACCEPT; not answered */                   \
    X(0x13, REBIND, SS_LINK_TO_SIDECAR, 0, SS_LINK_STATE_MAX, false, true)                         \
    /* the client is gone: u16 close code */                                                       \
    X(0x14, CLOSED, SS_LINK_TO_SIDECAR, 2, 2, false, true)                                         \
    /* close the client: u16 close code, then the reason, UTF-8 */                                 \
    X(0x15, CLOSE, SS_LINK_TO_WORKER, 2, 125, false, true)                                         \
    /* replaces the opaque state that REBIND will return */                                        \
    X(0x16, STATE, SS_LINK_TO_WORKER, 0, SS_LINK_STATE_MAX, false, true)                           \
    /* what calls of the client count for besides it, if HELLO asked for it: u64 session, u64 */   \
    /* user, 0: none */                                                                            \
    X(0x17, RATE_KEYS, SS_LINK_TO_WORKER, 16, 16, false, true)                                     \
    /* client -> server, one whole message; call != 0 wants exactly one REPLY */                   \
    X(0x20, MESSAGE, SS_LINK_TO_SIDECAR, 0, SS_LINK_PAYLOAD_MAX, true, true)                       \
    /* the answer to MESSAGE `call`, and a message nobody asked for (call 0) */                    \
    X(0x21, REPLY, SS_LINK_TO_WORKER, 0, SS_LINK_PAYLOAD_MAX, true, true)                          \
    X(0x22, SEND, SS_LINK_TO_WORKER, 0, SS_LINK_PAYLOAD_MAX, true, true)                           \
    /* HTTP API: a request and its one answer, or the requester is gone */                         \
    X(0x30, REQUEST, SS_LINK_TO_SIDECAR, 0, SS_LINK_PAYLOAD_MAX, true, true)                       \
    X(0x31, RESPONSE, SS_LINK_TO_WORKER, 0, SS_LINK_PAYLOAD_MAX, true, true)                       \
    X(0x32, CANCEL, SS_LINK_TO_SIDECAR, 0, 0, false, true)                                         \
    /* the client becomes a member of a topic, or ceases to be; topics are opaque names, and a */  \
    /* membership ends with its client, and with its REBIND */                                     \
    X(0x40, JOIN, SS_LINK_TO_WORKER, 1, SS_LINK_TOPIC_MAX, false, true)                            \
    X(0x41, LEAVE, SS_LINK_TO_WORKER, 1, SS_LINK_TOPIC_MAX, false, true)                           \
    /* one text message for the members of topics, for each of them once */                        \
    X(0x42, PUBLISH, SS_LINK_TO_WORKER, 0, SS_LINK_PAYLOAD_MAX, true, false)                       \
    /* after HELLO: the sidecar's name among all that share a Redis, for the secrets of streams */ \
    X(0x44, NODE, SS_LINK_TO_WORKER, 1, 64, false, false)                                          \
    /* a POST for a stream of this worker that landed elsewhere, and what became of it */          \
    X(0x45, DELIVER, SS_LINK_TO_WORKER, 0, SS_LINK_PAYLOAD_MAX, true, false)                       \
    X(0x46, DELIVERED, SS_LINK_TO_SIDECAR, 6, 6, false, false)                                     \
    /* a host's life, all JSON but the reason (str16): what it has to know, what it offers; it */  \
    /* wants to be replaced */                                                                     \
    X(0x50, SETUP, SS_LINK_TO_HOST, 0, SS_LINK_PAYLOAD_MAX, true, false)                           \
    X(0x51, READY, SS_LINK_FROM_HOST, 0, SS_LINK_PAYLOAD_MAX, true, false)                         \
    X(0x52, RETIRE, SS_LINK_FROM_HOST, 2, 1024, false, false)                                      \
    /* a call of an action, and its one answer: a result or an error, as JSON */                   \
    X(0x53, CALL, SS_LINK_TO_HOST, 0, SS_LINK_PAYLOAD_MAX, true, true)                             \
    X(0x54, RETURN, SS_LINK_FROM_HOST, 0, SS_LINK_PAYLOAD_MAX, true, true)                         \
    X(0x55, FAIL, SS_LINK_FROM_HOST, 0, SS_LINK_PAYLOAD_MAX, true, true)                           \
    /* the host wants something; call != 0 wants exactly one ANSWER */                             \
    X(0x56, ASK, SS_LINK_FROM_HOST, 0, SS_LINK_PAYLOAD_MAX, true, true)                            \
    X(0x57, ANSWER, SS_LINK_TO_HOST, 0, SS_LINK_PAYLOAD_MAX, true, false)                          \
    /* what it asked to be told, and the names of all actions: JSON */                             \
    X(0x58, EVENT, SS_LINK_TO_HOST, 0, SS_LINK_PAYLOAD_MAX, true, false)                           \
    X(0x59, ACTIONS, SS_LINK_TO_HOST, 0, SS_LINK_PAYLOAD_MAX, true, false)                         \
    /* it has its place now: it may accept the connections that wait for middleware */             \
    X(0x5a, SERVE, SS_LINK_TO_HOST, 0, 0, false, false)

typedef enum {
#define X(value, name, direction, min, max, chunked, client) SS_LINK_##name = (value),
    SS_LINK_OPS(X)
#undef X
} ss_link_op_t;

enum {
    SS_LINK_MORE = 0x01,   /* the message goes on in the client's next frame of this op */
    SS_LINK_BINARY = 0x02, /* MESSAGE, SEND: a binary WebSocket message, else text */
};

typedef struct {
    uint32_t length;
    uint32_t slot;
    uint32_t generation;
    uint32_t call;
    uint8_t op;
    uint8_t flags;
} ss_link_header_t;

enum {
    SS_LINK_HEALTH_NO_REDIS = 0, /* none is configured: calls work, events do not exist */
    SS_LINK_HEALTH_GOOD = 1,     /* a canary went through Redis and came back */
    SS_LINK_HEALTH_BROKEN = 2,   /* events are not delivered */
};

typedef enum {
    SS_LINK_OK,
    SS_LINK_AGAIN,         /* fewer than SS_LINK_HEADER bytes */
    SS_LINK_BAD_OP,        /* unknown operation */
    SS_LINK_BAD_DIRECTION, /* one that this side never receives */
    SS_LINK_BAD_LENGTH,    /* outside the operation's limits */
    SS_LINK_BAD_FLAGS,     /* flags the operation does not have, or reserved not 0 */
    SS_LINK_BAD_SLOT,      /* slot or call set where the operation has none */
} ss_link_rc_t;

/* The call that a frame of a host is about, or is to a host; 0: none. */
static inline uint64_t ss_link_handle(const ss_link_header_t *h) {
    return (uint64_t)h->generation << 32 | h->slot;
}

/* Reads and checks a header against the table.  `towards` is the receiver's side. */
ss_link_rc_t ss_link_decode_header(const uint8_t *data, size_t len, ss_link_direction_t towards,
                                   ss_link_header_t *out);

/* Writes SS_LINK_HEADER bytes. */
void ss_link_encode_header(uint8_t out[SS_LINK_HEADER], const ss_link_header_t *h);

/* Names for log lines; constants. */
const char *ss_link_op_name(uint8_t op);
const char *ss_link_strerror(ss_link_rc_t rc);

/* --- payloads ------------------------------------------------------------------------------
 * Each encode writes the payload to a writer; each decode fills spans that point into the payload
 * and gives false when it is malformed (short, trailing bytes, too many headers). */

typedef enum {
    SS_LINK_ROLE_WORKER = 1,
    SS_LINK_ROLE_SIDECAR = 2,
    SS_LINK_ROLE_HOST = 3,
} ss_link_role_t;

enum {
    SS_LINK_HELLO_RATE = 0x01, /* worker: it limits calls, and is to be told RATE_KEYS */
};

typedef struct {
    uint16_t version; /* first, at a fixed place in every version to come */
    uint16_t role;    /* ss_link_role_t */
    uint32_t pid;
    uint64_t generation;  /* differs with every start of the process */
    uint32_t timeout_ms;  /* sidecar: the action timeout; worker: 0 */
    uint32_t max_message; /* largest message, in bytes, that this side takes */
    ss_span_t software;   /* "socketstream/0.1.0", for log lines */
    uint8_t flags;        /* SS_LINK_HELLO_…; on the wire only when not 0 */
} ss_link_hello_t;

void ss_link_encode_hello(ss_writer_t *w, const ss_link_hello_t *hello);
/* Of another version only `version` is filled, the rest zero: true, so that it can be told. */
bool ss_link_decode_hello(const void *payload, size_t len, ss_link_hello_t *out);

/* A list of header pairs: u8 count, then count times str16 name, str16 value. */
typedef struct {
    ss_span_t name;
    ss_span_t value;
} ss_link_pair_t;

/* Walks the pairs of a decoded payload; the bytes were checked by the decode before. */
bool ss_link_next_pair(ss_reader_t *pairs, ss_link_pair_t *out);

enum {
    SS_LINK_OPEN_TLS = 0x01,    /* the client's own scheme is https/wss; also in REQUEST */
    SS_LINK_OPEN_SYSTEM = 0x02, /* the client offered the subprotocol "socketstream" */
};

typedef struct {
    uint8_t flags;     /* SS_LINK_OPEN_… */
    ss_span_t uri;     /* path and arguments as sent */
    ss_span_t address; /* the client's, as realip left it */
    unsigned n_headers;
    ss_reader_t headers; /* for ss_link_next_pair() */
} ss_link_open_t;

/* Encoding is incremental: begin, any number of pairs, end. */
typedef struct {
    ss_writer_t *w;
    uint8_t *count;
} ss_link_pairs_t;

void ss_link_encode_open(ss_writer_t *w, uint8_t flags, ss_span_t uri, ss_span_t address,
                         ss_link_pairs_t *pairs);
/* Fails the writer past SS_LINK_HEADERS_MAX. */
void ss_link_add_pair(ss_link_pairs_t *pairs, ss_span_t name, ss_span_t value);
bool ss_link_decode_open(const void *payload, size_t len, ss_link_open_t *out);

typedef struct {
    ss_span_t state; /* opaque to the worker, returned in REBIND */
    unsigned n_headers;
    ss_reader_t headers; /* to add to the 101 */
} ss_link_accept_t;

void ss_link_encode_accept(ss_writer_t *w, ss_span_t state, ss_link_pairs_t *pairs);
bool ss_link_decode_accept(const void *payload, size_t len, ss_link_accept_t *out);

/* REJECT, and the first frame of a RESPONSE: u16 status, pairs, then the body, which in a
 * RESPONSE goes on in the frames that follow. */
typedef struct {
    uint16_t status; /* 100..599 */
    unsigned n_headers;
    ss_reader_t headers;
    ss_span_t body;
} ss_link_response_t;

void ss_link_encode_response(ss_writer_t *w, uint16_t status, ss_link_pairs_t *pairs);
bool ss_link_decode_response(const void *payload, size_t len, ss_link_response_t *out);

enum {
    SS_LINK_REQUEST_SESSION = 0x04, /* a POST to the WebSocket's own URL: about the session */
    SS_LINK_REQUEST_STREAM = 0x08,  /* or for a stream of another worker, named in its headers */
};

/* First frame of a REQUEST; the body goes on in the frames that follow. */
typedef struct {
    uint8_t flags;    /* SS_LINK_OPEN_TLS, SS_LINK_REQUEST_… */
    ss_span_t method; /* "GET" */
    ss_span_t path;   /* below the location, decoded, without leading slash: "app/square" */
    ss_span_t args;   /* after the question mark, as sent */
    ss_span_t address;
    unsigned n_headers;
    ss_reader_t headers;
    ss_span_t body;
} ss_link_request_t;

void ss_link_encode_request(ss_writer_t *w, uint8_t flags, ss_span_t method, ss_span_t path,
                            ss_span_t args, ss_span_t address, ss_link_pairs_t *pairs);
bool ss_link_decode_request(const void *payload, size_t len, ss_link_request_t *out);

/* PUBLISH: u8 flags, u8 count, then count times str16 topic, str16 tail, then the body, which goes
 * on in the frames that follow.  A member is sent the body with the tail of the first topic in
 * this list that it is a member of; so one body serves topics that name themselves in the text. */
enum {
    SS_LINK_PUBLISH_ALL = 0x01,    /* every client of the worker; the list is empty */
    SS_LINK_PUBLISH_SYSTEM = 0x02, /* only clients that offered the subprotocol "socketstream" */
};

typedef struct {
    uint8_t flags;
    unsigned n_topics;
    ss_reader_t topics; /* for ss_link_next_pair(): name is the topic, value the tail */
    ss_span_t body;
} ss_link_publish_t;

/* Then ss_link_add_pair() for each topic, and the body. */
void ss_link_encode_publish(ss_writer_t *w, uint8_t flags, ss_link_pairs_t *pairs);
/* false also for an empty or over-long topic, and for SS_LINK_PUBLISH_ALL with topics. */
bool ss_link_decode_publish(const void *payload, size_t len, ss_link_publish_t *out);

enum {
    SS_LINK_CALL_SILENT = 0x01,     /* the call is not to be logged */
    SS_LINK_CALL_UNANSWERED = 0x02, /* nobody waits for the answer, which is due all the same */
};

/* CALL: u8 flags, str16 action, u32 length and as many bytes of facts, then the params.  The
 * payload may be longer than a frame. */
typedef struct {
    uint8_t flags;    /* SS_LINK_CALL_… */
    ss_span_t action; /* its full name */
    ss_span_t facts;  /* JSON object: who calls */
    ss_span_t params; /* JSON array */
} ss_link_call_t;

/* Without the params, which follow. */
void ss_link_encode_call(ss_writer_t *w, uint8_t flags, ss_span_t action, ss_span_t facts);
bool ss_link_decode_call(const void *payload, size_t len, ss_link_call_t *out);

/* ASK: str16 what, u32 length and as many bytes of arguments, then the body. */
typedef struct {
    ss_span_t what; /* "session.save" */
    ss_span_t args; /* JSON object */
    ss_span_t body; /* as `what` demands; may be empty */
} ss_link_ask_t;

void ss_link_encode_ask(ss_writer_t *w, ss_span_t what, ss_span_t args);
bool ss_link_decode_ask(const void *payload, size_t len, ss_link_ask_t *out);

/* ANSWER: u8 1 and the answer as JSON, or u8 0 and an error like that of a FAIL. */
typedef struct {
    bool ok;
    ss_span_t json;
} ss_link_answer_t;

bool ss_link_decode_answer(const void *payload, size_t len, ss_link_answer_t *out);

/* First frame of a DELIVER; the body goes on in the frames that follow.  DELIVERED: u32 number, u16
 * HTTP status. */
typedef struct {
    uint32_t number;  /* for DELIVERED */
    uint64_t seq;     /* of the POST */
    ss_span_t secret; /* of the stream */
    ss_span_t body;   /* messages, one a line */
} ss_link_deliver_t;

void ss_link_encode_deliver(ss_writer_t *w, uint32_t number, uint64_t seq, ss_span_t secret);
bool ss_link_decode_deliver(const void *payload, size_t len, ss_link_deliver_t *out);

#endif
