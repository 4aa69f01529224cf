/* SPDX-License-Identifier: MIT
 *
 * RFC 6455 frames, both sides.
 *
 * Owns the rules of section 5 (masking, opcodes, reserved bits, fragmentation, control frames,
 * lengths) and of 7.4 (close codes).  Leaves to the caller: UTF-8, assembling messages, timers,
 * I/O.  The decoder holds no payload: it hands out pieces of the caller's buffer, unmasked in
 * place.
 */
#ifndef SS_WS_H
#define SS_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SS_WS_CONTINUATION = 0x0,
    SS_WS_TEXT = 0x1,
    SS_WS_BINARY = 0x2,
    SS_WS_CLOSE = 0x8,
    SS_WS_PING = 0x9,
    SS_WS_PONG = 0xA,
};

enum {
    SS_WS_CLOSE_NORMAL = 1000,
    SS_WS_CLOSE_GOING_AWAY = 1001,
    SS_WS_CLOSE_PROTOCOL = 1002,
    SS_WS_CLOSE_UNSUPPORTED = 1003,
    SS_WS_CLOSE_NO_STATUS = 1005, /* never on the wire (7.4.1) */
    SS_WS_CLOSE_ABNORMAL = 1006,  /* never on the wire */
    SS_WS_CLOSE_INVALID_DATA = 1007,
    SS_WS_CLOSE_POLICY = 1008,
    SS_WS_CLOSE_TOO_BIG = 1009,
    SS_WS_CLOSE_INTERNAL = 1011,
    SS_WS_CLOSE_RESTART = 1012,
    SS_WS_CLOSE_TRY_LATER = 1013,
};

#define SS_WS_CONTROL_MAX 125 /* payload of a control frame (5.5) */
#define SS_WS_HEADER_MAX 14   /* longest frame header: 2 + 8 + 4 */
#define SS_WS_KEEP_MAX (SS_WS_HEADER_MAX + SS_WS_CONTROL_MAX)

typedef enum {
    SS_WS_MORE,    /* all that could be decoded was; keep the rest and come back with more */
    SS_WS_DATA,    /* a piece of a text or binary message */
    SS_WS_CONTROL, /* a whole close, ping or pong frame */
    SS_WS_ERROR,   /* the peer broke a rule: see ss_ws_decoder_t.close_code, ss_ws_error() */
} ss_ws_rc_t;

typedef enum {
    SS_WS_SERVER, /* reads masked frames, writes unmasked ones */
    SS_WS_CLIENT, /* the reverse */
} ss_ws_role_t;

typedef struct {
    uint8_t *data; /* in the caller's buffer, unmasked */
    size_t len;
    uint8_t opcode; /* of the message (TEXT, BINARY) or of the control frame */
    bool first;     /* first piece of its message */
    bool last;      /* last piece of its message */
} ss_ws_piece_t;

/* 40 bytes a connection; ss_ws_decoder_init() before use. */
typedef struct {
    uint64_t frame_left;    /* payload bytes of the present data frame still to come */
    uint64_t message_bytes; /* of the present message, all its frames so far */
    uint64_t message_max;   /* larger messages are refused with 1009 */
    uint8_t mask[4];        /* rotated to the next payload byte */
    uint16_t close_code;    /* after SS_WS_ERROR */
    uint8_t role;
    uint8_t opcode; /* of the message in progress, 0 between messages */
    uint8_t error;  /* index into the texts of ss_ws_error() */
    bool frame_fin;
    bool in_frame;
    bool started; /* a piece of this message has been given out */
} ss_ws_decoder_t;

void ss_ws_decoder_init(ss_ws_decoder_t *d, ss_ws_role_t role, uint64_t message_max);

/* Decodes the next unit from [*pos, end) and moves *pos behind it.
 *
 * SS_WS_MORE leaves in [*pos, end) at most SS_WS_KEEP_MAX bytes that the caller must offer again
 * in front of what comes next.  A message without payload gives one SS_WS_DATA piece of length 0.
 * Data frames come as they arrive: one frame may give many pieces, and `last` is set once per
 * message.  Control frames come whole, also between the frames of a message.
 * After SS_WS_ERROR the decoder must not be used again; ss_ws_error() says what was wrong. */
ss_ws_rc_t ss_ws_decode(ss_ws_decoder_t *d, uint8_t **pos, uint8_t *end, ss_ws_piece_t *out);

/* What the peer did wrong, for a log line; a constant. */
const char *ss_ws_error(const ss_ws_decoder_t *d);

/* Writes a frame header for `len` payload bytes into `out` (SS_WS_HEADER_MAX bytes) and returns
 * its size.  `mask` is NULL on the server's side, else the 4 bytes the payload is masked with. */
size_t ss_ws_encode_header(uint8_t *out, bool fin, uint8_t opcode, uint64_t len,
                           const uint8_t *mask);

/* XORs `len` bytes with the mask, starting at mask[offset % 4]. */
void ss_ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], size_t offset);

/* The code of a close frame's payload: SS_WS_CLOSE_NO_STATUS when empty, 0 when malformed (one
 * byte, or a code that may not be on the wire, 7.4).  The reason is payload[2..len), UTF-8 not
 * checked. */
uint16_t ss_ws_close_code(const uint8_t *payload, size_t len);

#endif
