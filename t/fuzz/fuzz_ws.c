/* SPDX-License-Identifier: MIT
 *
 * Frames: what is decoded does not depend on how the stream is cut, no promise of ss_ws.h is
 * broken, and messages stay within their limit.  Input: a byte for role and limit, one that says
 * where to cut, then the stream.
 */
#include "fuzz.h"

#include <string.h>

#include "ss_ws.h"

/* All that was decoded, as one number, and the state that pieces must follow. */
typedef struct {
    uint64_t hash;
    uint64_t message_bytes;
    uint64_t message_max;
    uint8_t opcode; /* of the message begun, 0 between messages */
    const char *error;
} stream_t;

static void stream_add(stream_t *s, const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        s->hash = (s->hash ^ data[i]) * UINT64_C(0x100000001B3);
    }
}

static void stream_mark(stream_t *s, char kind, uint8_t opcode) {
    const uint8_t mark[2] = {(uint8_t)kind, opcode};
    stream_add(s, mark, sizeof mark);
}

static void stream_data(stream_t *s, const ss_ws_piece_t *piece) {
    FUZZ_CHECK(piece->first == (s->opcode == 0));
    FUZZ_CHECK(piece->opcode == (piece->first ? piece->opcode : s->opcode));
    FUZZ_CHECK(piece->opcode == SS_WS_TEXT || piece->opcode == SS_WS_BINARY);
    if (piece->first) {
        stream_mark(s, 'F', piece->opcode);
        s->message_bytes = 0;
    }
    stream_add(s, piece->data, piece->len);
    s->message_bytes += piece->len;
    s->opcode = piece->last ? 0 : piece->opcode;
    FUZZ_CHECK(s->message_bytes <= s->message_max);
    FUZZ_CHECK(piece->len != 0 || piece->last);
    if (piece->last) {
        stream_mark(s, 'L', piece->opcode);
    }
}

static void stream_control(stream_t *s, const ss_ws_piece_t *piece) {
    FUZZ_CHECK(piece->opcode >= SS_WS_CLOSE && piece->opcode <= SS_WS_PONG);
    FUZZ_CHECK(piece->len <= SS_WS_CONTROL_MAX && piece->first && piece->last);
    stream_mark(s, 'C', piece->opcode);
    stream_mark(s, 'N', (uint8_t)piece->len);
    stream_add(s, piece->data, piece->len);
    if (piece->opcode == SS_WS_CLOSE) {
        uint16_t code = ss_ws_close_code(piece->data, piece->len);
        FUZZ_CHECK(code == 0 || (code >= 1000 && code < 5000));
    }
}

/* Decodes what is there; gives the number of bytes left over. */
static size_t stream_decode(stream_t *s, ss_ws_decoder_t *d, uint8_t *pos, uint8_t *end) {
    for (;;) {
        ss_ws_piece_t piece;
        uint8_t *before = pos;
        ss_ws_rc_t rc = ss_ws_decode(d, &pos, end, &piece);
        FUZZ_CHECK(pos >= before && pos <= end);
        if (rc == SS_WS_MORE) {
            FUZZ_CHECK(end - pos <= SS_WS_KEEP_MAX);
            return (size_t)(end - pos);
        }
        if (rc == SS_WS_ERROR) {
            FUZZ_CHECK(d->close_code == SS_WS_CLOSE_PROTOCOL ||
                       d->close_code == SS_WS_CLOSE_TOO_BIG);
            s->error = ss_ws_error(d);
            return 0;
        }
        FUZZ_CHECK(piece.data >= before && piece.data + piece.len == pos);
        if (rc == SS_WS_DATA) {
            stream_data(s, &piece);
        } else {
            stream_control(s, &piece);
        }
    }
}

static stream_t stream_in_steps(ss_ws_role_t role, uint64_t max, const uint8_t *in, size_t len,
                                size_t step) {
    stream_t s = {.message_max = max};
    ss_ws_decoder_t d;
    ss_ws_decoder_init(&d, role, max);
    size_t left = 0;
    for (size_t at = 0; at < len && s.error == NULL;) {
        size_t n = len - at < step ? len - at : step;
        uint8_t *buffer =
            malloc(left + n); /* of this very size, so that a sanitizer sees its end */
        FUZZ_CHECK(buffer != NULL);
        memcpy(buffer, in + at - left, left + n); /* what is left was not touched yet */
        at += n;
        left = stream_decode(&s, &d, buffer, buffer + left + n);
        free(buffer);
    }
    return s;
}

int fuzz_ws(const uint8_t *data, size_t size) {
    static const uint64_t limits[] = {0, 5, 125, 126, 1000, 65535, 1 << 20, UINT64_MAX};
    if (size < 2) {
        return 0;
    }
    ss_ws_role_t role = (data[0] & 1) != 0 ? SS_WS_CLIENT : SS_WS_SERVER;
    uint64_t max = limits[data[0] >> 1 & 7];
    size_t steps[] = {1, data[1] + 1u};
    const uint8_t *in = data + 2;
    size_t len = size - 2;

    stream_t whole = stream_in_steps(role, max, in, len, len);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        stream_t cut = stream_in_steps(role, max, in, len, steps[i]);
        FUZZ_CHECK(cut.hash == whole.hash && cut.opcode == whole.opcode);
        FUZZ_CHECK(cut.error == whole.error);
    }
    return 0;
}
