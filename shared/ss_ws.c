/* SPDX-License-Identifier: MIT
 *
 * RFC 6455 frames: the decoder's rules, the header encoder, masking, close codes.
 *
 * Owns nothing: payload stays in the caller's buffer.  Invariants of the decoder: `in_frame` is
 * set between the header of a data frame and its last byte; `opcode` is set from the first frame
 * of a message until its last piece was given out; every rule that the header alone can break is
 * checked as soon as its bytes are there, before any payload is waited for.  What a close frame
 * means for the frames behind it is the caller's to know.
 */
#include "ss_ws.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    BIT_FIN = 0x80,
    BITS_RESERVED = 0x70,
    BITS_OPCODE = 0x0F,
    BIT_CONTROL = 0x08,
    BIT_MASK = 0x80,
    BITS_LENGTH = 0x7F,
    LENGTH_16 = 126, /* two bytes of length follow */
    LENGTH_64 = 127, /* eight */
};

/* X(NAME, close code, text) */
#define ERRORS(X)                                                                                  \
    X(NONE, 0, "no error")                                                                         \
    X(RESERVED, SS_WS_CLOSE_PROTOCOL, "reserved bit set")                                          \
    X(OPCODE, SS_WS_CLOSE_PROTOCOL, "unknown opcode")                                              \
    X(UNMASKED, SS_WS_CLOSE_PROTOCOL, "frame from a client without mask")                          \
    X(MASKED, SS_WS_CLOSE_PROTOCOL, "frame from a server with a mask")                             \
    X(CONTROL_FRAGMENT, SS_WS_CLOSE_PROTOCOL, "fragmented control frame")                          \
    X(CONTROL_LENGTH, SS_WS_CLOSE_PROTOCOL, "control frame over 125 bytes")                        \
    X(CONTINUATION, SS_WS_CLOSE_PROTOCOL, "continuation without a message")                        \
    X(INTERLEAVED, SS_WS_CLOSE_PROTOCOL, "new message inside a fragmented one")                    \
    X(NOT_MINIMAL, SS_WS_CLOSE_PROTOCOL, "length not in its shortest form")                        \
    X(LENGTH, SS_WS_CLOSE_PROTOCOL, "length over 63 bits")                                         \
    X(TOO_BIG, SS_WS_CLOSE_TOO_BIG, "message too big")

enum {
#define X(name, code, text) ERROR_##name,
    ERRORS(X)
#undef X
};

static const struct {
    uint16_t close_code;
    const char *text;
} errors[] = {
#define X(name, code, text) [ERROR_##name] = {(code), (text)},
    ERRORS(X)
#undef X
};

/* A frame header, taken apart. */
typedef struct {
    uint64_t len; /* of the payload */
    size_t size;  /* of the header */
    uint8_t opcode;
    bool fin;
} frame_t;

void ss_ws_decoder_init(ss_ws_decoder_t *d, ss_ws_role_t role, uint64_t message_max) {
    memset(d, 0, sizeof *d);
    d->role = (uint8_t)role;
    d->message_max = message_max;
}

const char *ss_ws_error(const ss_ws_decoder_t *d) { return errors[d->error].text; }

static ss_ws_rc_t fail(ss_ws_decoder_t *d, uint8_t error) {
    d->error = error;
    d->close_code = errors[error].close_code;
    return SS_WS_ERROR;
}

/* What the first two bytes break (5.2, 5.4, 5.5), or ERROR_NONE. */
static inline uint8_t check_start(const ss_ws_decoder_t *d, uint8_t first, uint8_t second) {
    uint8_t opcode = first & BITS_OPCODE;

    if ((first & BITS_RESERVED) != 0) {
        return ERROR_RESERVED;
    }
    if ((opcode & ~BIT_CONTROL) > SS_WS_BINARY) {
        return ERROR_OPCODE; /* of both halves only the first three are in use */
    }
    if (((second & BIT_MASK) != 0) != (d->role == SS_WS_SERVER)) {
        return d->role == SS_WS_SERVER ? ERROR_UNMASKED : ERROR_MASKED;
    }
    if ((opcode & BIT_CONTROL) != 0) {
        if ((first & BIT_FIN) == 0) {
            return ERROR_CONTROL_FRAGMENT;
        }
        return (second & BITS_LENGTH) > SS_WS_CONTROL_MAX ? ERROR_CONTROL_LENGTH : ERROR_NONE;
    }
    if ((opcode == SS_WS_CONTINUATION) != (d->opcode != 0)) {
        return d->opcode == 0 ? ERROR_CONTINUATION : ERROR_INTERLEAVED;
    }
    return ERROR_NONE;
}

/* Reads the `n` bytes of an extended length and checks that they were needed (5.2). */
static uint8_t read_length(const uint8_t *p, unsigned n, uint64_t *out) {
    uint64_t len = 0;
    for (unsigned i = 0; i < n; i++) {
        len = len << 8 | p[i];
    }
    if (len >> 63 != 0) {
        return ERROR_LENGTH;
    }
    *out = len;
    return len < (n == 2 ? LENGTH_16 : UINT64_C(0x10000)) ? ERROR_NOT_MINIMAL : ERROR_NONE;
}

/* Takes the header at `p` apart.  SS_WS_DATA and SS_WS_CONTROL: a complete one, of such a frame;
 * nothing has been taken from the buffer yet. */
static inline ss_ws_rc_t read_header(ss_ws_decoder_t *d, const uint8_t *p, const uint8_t *end,
                                     frame_t *f) {
    size_t have = (size_t)(end - p);
    if (have < 2) {
        return SS_WS_MORE;
    }
    uint8_t error = check_start(d, p[0], p[1]);
    if (error != ERROR_NONE) {
        return fail(d, error);
    }
    f->fin = (p[0] & BIT_FIN) != 0;
    f->opcode = p[0] & BITS_OPCODE;
    f->len = p[1] & BITS_LENGTH;
    f->size = 2;
    if (f->len >= LENGTH_16) {
        unsigned extended = f->len == LENGTH_16 ? 2 : 8;
        if (have < 2 + extended) {
            return SS_WS_MORE;
        }
        error = read_length(p + 2, extended, &f->len);
        if (error != ERROR_NONE) {
            return fail(d, error);
        }
        f->size += extended;
    }
    bool control = (f->opcode & BIT_CONTROL) != 0;
    if (!control && f->len > d->message_max - d->message_bytes) {
        return fail(d, ERROR_TOO_BIG);
    }
    f->size += d->role == SS_WS_SERVER ? sizeof d->mask : 0;
    if (have < f->size) {
        return SS_WS_MORE;
    }
    return control ? SS_WS_CONTROL : SS_WS_DATA;
}

/* A control frame is given out whole, so it is not begun before all of it is there. */
static ss_ws_rc_t take_control(const ss_ws_decoder_t *d, uint8_t **pos, const uint8_t *end,
                               const frame_t *f, ss_ws_piece_t *out) {
    if ((size_t)(end - *pos) < f->size + f->len) {
        return SS_WS_MORE;
    }
    uint8_t *payload = *pos + f->size;
    if (d->role == SS_WS_SERVER) {
        ss_ws_mask(payload, (size_t)f->len, payload - sizeof d->mask, 0);
    }
    *out = (ss_ws_piece_t){payload, (size_t)f->len, f->opcode, true, true};
    *pos = payload + f->len;
    return SS_WS_CONTROL;
}

static void begin_data(ss_ws_decoder_t *d, const uint8_t *payload, const frame_t *f) {
    d->in_frame = true;
    d->frame_fin = f->fin;
    d->frame_left = f->len;
    d->message_bytes += f->len;
    if (f->opcode != SS_WS_CONTINUATION) {
        d->opcode = f->opcode;
    }
    if (d->role == SS_WS_SERVER) {
        memcpy(d->mask, payload - sizeof d->mask, sizeof d->mask);
    }
}

/* Gives out what there is of the present data frame. */
static ss_ws_rc_t take_data(ss_ws_decoder_t *d, uint8_t **pos, const uint8_t *end,
                            ss_ws_piece_t *out) {
    size_t n = (size_t)(end - *pos);
    if (n >= d->frame_left) {
        n = (size_t)d->frame_left;
        d->in_frame = false;
    }
    bool last = !d->in_frame && d->frame_fin;
    *out = (ss_ws_piece_t){*pos, n, d->opcode, !d->started, last};
    if (d->role == SS_WS_SERVER) {
        ss_ws_mask(*pos, n, d->mask, 0);
        if (d->in_frame && n % 4 != 0) {
            const uint8_t old[4] = {d->mask[0], d->mask[1], d->mask[2], d->mask[3]};
            for (unsigned i = 0; i < 4; i++) {
                d->mask[i] = old[(n + i) % 4];
            }
        }
    }
    *pos += n;
    d->frame_left -= n;
    d->started = !last;
    if (last) {
        d->opcode = 0;
        d->message_bytes = 0;
    }
    return SS_WS_DATA;
}

ss_ws_rc_t ss_ws_decode(ss_ws_decoder_t *d, uint8_t **pos, uint8_t *end, ss_ws_piece_t *out) {
    for (;;) {
        if (!d->in_frame) {
            frame_t f;
            ss_ws_rc_t rc = read_header(d, *pos, end, &f);
            if (rc == SS_WS_CONTROL) {
                return take_control(d, pos, end, &f, out);
            }
            if (rc != SS_WS_DATA) {
                return rc;
            }
            *pos += f.size;
            begin_data(d, *pos, &f);
        }
        if (d->frame_left != 0 && *pos == end) {
            return SS_WS_MORE;
        }
        if (d->frame_left != 0 || d->frame_fin) {
            return take_data(d, pos, end, out);
        }
        d->in_frame = false; /* an empty fragment that is not the last says nothing */
    }
}

size_t ss_ws_encode_header(uint8_t *out, bool fin, uint8_t opcode, uint64_t len,
                           const uint8_t *mask) {
    size_t size = 2;
    out[0] = (uint8_t)((fin ? BIT_FIN : 0) | opcode);
    if (len < LENGTH_16) {
        out[1] = (uint8_t)len;
    } else {
        unsigned extended = len <= 0xFFFF ? 2 : 8;
        out[1] = extended == 2 ? LENGTH_16 : LENGTH_64;
        for (unsigned i = 0; i < extended; i++) {
            out[size++] = (uint8_t)(len >> 8 * (extended - 1 - i));
        }
    }
    if (mask != NULL) {
        out[1] |= BIT_MASK;
        memcpy(out + size, mask, 4);
        size += 4;
    }
    return size;
}

void ss_ws_mask(uint8_t *data, size_t len, const uint8_t mask[4], size_t offset) {
    uint8_t m[4] = {mask[0], mask[1], mask[2], mask[3]};
    if (offset % 4 != 0) {
        for (unsigned i = 0; i < 4; i++) {
            m[i] = mask[(offset + i) % 4];
        }
    }
    uint32_t half;
    memcpy(&half, m, sizeof half);
    uint64_t whole = (uint64_t)half << 32 | half;
    size_t i = 0;

#ifdef __SSE2__
    const __m128i wide = _mm_set1_epi32((int)half);
    for (; len - i >= 16; i += 16) {
        __m128i *block = (__m128i *)(void *)(data + i);
        _mm_storeu_si128(block, _mm_xor_si128(_mm_loadu_si128(block), wide));
    }
#endif
    for (; len - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, sizeof word);
        word ^= whole;
        memcpy(data + i, &word, sizeof word);
    }
    for (; i < len; i++) {
        data[i] ^= m[i % 4];
    }
}

/* Codes that may stand in a close frame: those of 7.4.1 and the registry that are not marked as
 * never sent, and the ranges of 7.4.2 for libraries and applications. */
static bool close_code_allowed(uint16_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

uint16_t ss_ws_close_code(const uint8_t *payload, size_t len) {
    if (len == 0) {
        return SS_WS_CLOSE_NO_STATUS;
    }
    if (len == 1) {
        return 0;
    }
    uint16_t code = (uint16_t)(payload[0] << 8 | payload[1]);
    return close_code_allowed(code) ? code : 0;
}
