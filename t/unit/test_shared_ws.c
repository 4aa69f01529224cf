/* SPDX-License-Identifier: MIT
 *
 * ss_ws: the rules of RFC 6455, section 5, one by one, and both sides against each other.
 *
 * The decoder is driven as a server would: what it leaves is offered again in front of what comes
 * next.  What it says is written down as text, the same for any way of cutting the input:
 * T<hex> and B<hex> a message, 8<hex> 9<hex> A<hex> a control frame, P<hex> the part of a message
 * before the end of input, E<code> an error.
 */
#include "test.h"

#include "guard.h"
#include "random.h"

#include "ss_ws.h"

#define MESSAGE_MAX 70000

typedef struct {
    char text[3 * MESSAGE_MAX];
    size_t text_len;
    uint8_t message[MESSAGE_MAX];
    size_t message_len;
    uint8_t opcode; /* of the message begun, 0 between messages */
} transcript_t;

static const uint8_t MASK[4] = {0x37, 0xFA, 0x21, 0x3D}; /* the one of section 5.7 */

static void note(transcript_t *t, char kind, const uint8_t *data, size_t len) {
    static const char hex[] = "0123456789abcdef";
    assert_true(t->text_len + 2 * len + 3 < sizeof t->text);
    t->text[t->text_len++] = kind;
    for (size_t i = 0; i < len; i++) {
        t->text[t->text_len++] = hex[data[i] >> 4];
        t->text[t->text_len++] = hex[data[i] & 15];
    }
    t->text[t->text_len++] = ' ';
    t->text[t->text_len] = '\0';
}

static void note_data(transcript_t *t, const ss_ws_piece_t *piece) {
    assert_int_equal(piece->first, t->opcode == 0);
    assert_true(piece->len != 0 || piece->last);
    assert_true(piece->opcode == SS_WS_TEXT || piece->opcode == SS_WS_BINARY);
    if (!piece->first) {
        assert_int_equal(piece->opcode, t->opcode);
    }
    t->opcode = piece->opcode;
    assert_true(t->message_len + piece->len <= MESSAGE_MAX);
    memcpy(t->message + t->message_len, piece->data, piece->len);
    t->message_len += piece->len;
    if (piece->last) {
        note(t, piece->opcode == SS_WS_TEXT ? 'T' : 'B', t->message, t->message_len);
        t->message_len = 0;
        t->opcode = 0;
    }
}

/* Decodes all of [pos, end); gives what was left, or -1 after an error. */
static ssize_t decode_all(ss_ws_decoder_t *d, uint8_t *pos, uint8_t *end, transcript_t *t) {
    for (;;) {
        ss_ws_piece_t piece = {NULL, 0, 0, false, false};
        uint8_t *before = pos;
        ss_ws_rc_t rc = ss_ws_decode(d, &pos, end, &piece);
        assert_true(pos >= before && pos <= end);
        if (rc == SS_WS_DATA || rc == SS_WS_CONTROL) {
            assert_true(piece.data >= before && piece.data + piece.len == pos);
        }
        switch (rc) {
        case SS_WS_DATA:
            note_data(t, &piece);
            break;
        case SS_WS_CONTROL:
            assert_true(piece.first && piece.last && piece.len <= SS_WS_CONTROL_MAX);
            note(t, (char)(piece.opcode < 10 ? '0' + piece.opcode : 'A'), piece.data, piece.len);
            break;
        case SS_WS_MORE:
            assert_true(end - pos <= SS_WS_KEEP_MAX);
            return end - pos;
        case SS_WS_ERROR:
            return -1;
        }
    }
}

/* The transcript of `in` when it arrives as its first `first` bytes, then `step` at a time. */
static const char *decode(ss_ws_role_t role, uint64_t max, const uint8_t *in, size_t len,
                          size_t first, size_t step) {
    static transcript_t t;
    static uint8_t buffer[SS_WS_KEEP_MAX + MESSAGE_MAX];
    ss_ws_decoder_t d;
    ssize_t left = 0;

    ss_ws_decoder_init(&d, role, max);
    t.text_len = t.message_len = t.opcode = 0;
    t.text[0] = '\0';
    size_t at = 0;
    size_t n = first;
    do {
        n = n < len - at ? n : len - at;
        memcpy(buffer + left, in + at, n);
        at += n;
        size_t offered = (size_t)left + n;
        uint8_t *pos = guard_end(buffer, offered);
        left = decode_all(&d, pos, pos + offered, &t);
        if (left > 0) {
            memcpy(buffer, pos + offered - left, (size_t)left);
        }
        n = step;
    } while (left >= 0 && at < len);
    if (t.opcode != 0) {
        note(&t, 'P', t.message, t.message_len);
    }
    if (left < 0) {
        t.text_len += (size_t)sprintf(t.text + t.text_len, "E%u", d.close_code);
        assert_string_not_equal(ss_ws_error(&d), "no error");
    } else {
        assert_int_equal(d.close_code, 0);
    }
    return t.text;
}

/* The same transcript whole, byte by byte, and cut in two anywhere. */
static void check(ss_ws_role_t role, uint64_t max, const void *in, size_t len,
                  const char *expected) {
    assert_string_equal(decode(role, max, in, len, len, len), expected);
    assert_string_equal(decode(role, max, in, len, 1, 1), expected);
    for (size_t cut = 1; cut < len && len < 1000; cut++) {
        assert_string_equal(decode(role, max, in, len, cut, len), expected);
    }
}

#define CHECK_CLIENT(bytes, expected)                                                              \
    check(SS_WS_CLIENT, 1 << 20, (bytes), sizeof(bytes) - 1, (expected))
#define CHECK_SERVER(bytes, expected)                                                              \
    check(SS_WS_SERVER, 1 << 20, (bytes), sizeof(bytes) - 1, (expected))

/* Appends a frame of `len` payload bytes as the given side writes it. */
static size_t write_frame(uint8_t *out, ss_ws_role_t from, bool fin, uint8_t opcode,
                          const void *payload, size_t len) {
    const uint8_t *mask = from == SS_WS_CLIENT ? MASK : NULL;
    size_t header = ss_ws_encode_header(out, fin, opcode, len, mask);
    if (len != 0) {
        memcpy(out + header, payload, len);
    }
    if (mask != NULL) {
        ss_ws_mask(out + header, len, mask, 0);
    }
    return header + len;
}

static void decodes_the_examples_of_the_rfc(void **unused) {
    CHECK_CLIENT("\x81\x05\x48\x65\x6c\x6c\x6f", "T48656c6c6f ");
    CHECK_SERVER("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "T48656c6c6f ");
    CHECK_CLIENT("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", "T48656c6c6f ");
    CHECK_CLIENT("\x89\x05\x48\x65\x6c\x6c\x6f", "948656c6c6f ");
    CHECK_SERVER("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "A48656c6c6f ");

    static uint8_t payload[65536];
    static uint8_t frame[10 + sizeof payload];
    static transcript_t expected;
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    memcpy(frame, "\x82\x7E\x01\x00", 4);
    memcpy(frame + 4, payload, 256);
    expected.text_len = 0;
    note(&expected, 'B', payload, 256);
    check(SS_WS_CLIENT, 256, frame, 4 + 256, expected.text);

    memcpy(frame, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    memcpy(frame + 10, payload, sizeof payload);
    expected.text_len = 0;
    note(&expected, 'B', payload, sizeof payload);
    assert_string_equal(decode(SS_WS_CLIENT, 65536, frame, sizeof frame, 9, 1000), expected.text);
}

static void encodes_the_examples_of_the_rfc(void **unused) {
    uint8_t out[SS_WS_HEADER_MAX];
    assert_int_equal(ss_ws_encode_header(out, true, SS_WS_TEXT, 5, NULL), 2);
    assert_memory_equal(out, "\x81\x05", 2);
    assert_int_equal(ss_ws_encode_header(out, true, SS_WS_TEXT, 5, MASK), 6);
    assert_memory_equal(out, "\x81\x85\x37\xfa\x21\x3d", 6);
    assert_int_equal(ss_ws_encode_header(out, false, SS_WS_TEXT, 3, NULL), 2);
    assert_memory_equal(out, "\x01\x03", 2);
    assert_int_equal(ss_ws_encode_header(out, true, SS_WS_CONTINUATION, 2, NULL), 2);
    assert_memory_equal(out, "\x80\x02", 2);
    assert_int_equal(ss_ws_encode_header(out, true, SS_WS_BINARY, 256, NULL), 4);
    assert_memory_equal(out, "\x82\x7E\x01\x00", 4);
    assert_int_equal(ss_ws_encode_header(out, true, SS_WS_BINARY, 65536, NULL), 10);
    assert_memory_equal(out, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    assert_int_equal(ss_ws_encode_header(out, true, SS_WS_BINARY, INT64_MAX, MASK), 14);
    assert_memory_equal(out, "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x37\xfa\x21\x3d", 14);
}

static void gives_empty_messages_and_skips_empty_fragments(void **unused) {
    CHECK_CLIENT("", "");
    CHECK_CLIENT("\x81\x00", "T ");
    CHECK_CLIENT("\x82\x00", "B ");
    CHECK_SERVER("\x81\x80\x01\x02\x03\x04\x82\x80\x05\x06\x07\x08", "T B ");
    CHECK_CLIENT("\x01\x00\x00\x00\x80\x00", "T ");
    CHECK_CLIENT("\x01\x00\x00\x01q\x00\x00\x80\x00\x81\x01r", "T71 T72 ");
    CHECK_CLIENT("\x01\x01q\x80\x00", "T71 ");
    CHECK_CLIENT("\x89\x00\x8A\x00\x88\x00", "9 A 8 ");
}

static void lets_control_frames_stand_between_fragments(void **unused) {
    CHECK_CLIENT("\x01\x01"
                 "a\x89\x01p\x00\x01"
                 "b\x8A\x00\x80\x01"
                 "c\x82\x01z",
                 "970 A T616263 B7a ");
    CHECK_CLIENT("\x02\x01"
                 "a\x88\x02\x03\xE8\x80\x01"
                 "b",
                 "803e8 B6162 ");
}

static void keeps_an_unfinished_message(void **unused) {
    CHECK_CLIENT("\x81\x05Hel", "P48656c ");
    CHECK_CLIENT("\x01\x03Hel", "P48656c ");
    CHECK_CLIENT("\x01\x03Hel\x80\x02l", "P48656c6c ");
    CHECK_CLIENT("\x89\x05Hel", "");
}

static void refuses_what_breaks_the_frame_rules(void **unused) {
    static const struct {
        const char *bytes;
        size_t len;
        ss_ws_role_t role;
        const char *error;
    } rows[] = {
#define ROW(role, bytes, error) {(bytes), sizeof(bytes) - 1, (role), (error)}
        ROW(SS_WS_SERVER, "\x81\x05", "frame from a client without mask"),
        ROW(SS_WS_SERVER, "\x89\x00", "frame from a client without mask"),
        ROW(SS_WS_CLIENT, "\x81\x85", "frame from a server with a mask"),
        ROW(SS_WS_CLIENT, "\x88\x80", "frame from a server with a mask"),
        ROW(SS_WS_CLIENT, "\x09\x00", "fragmented control frame"),
        ROW(SS_WS_CLIENT, "\x08\x00", "fragmented control frame"),
        ROW(SS_WS_CLIENT, "\x0A\x00", "fragmented control frame"),
        ROW(SS_WS_CLIENT, "\x89\x7E", "control frame over 125 bytes"),
        ROW(SS_WS_CLIENT, "\x88\x7F", "control frame over 125 bytes"),
        ROW(SS_WS_SERVER, "\x8A\xFE", "control frame over 125 bytes"),
        ROW(SS_WS_CLIENT, "\x80\x00", "continuation without a message"),
        ROW(SS_WS_CLIENT, "\x00\x05", "continuation without a message"),
        ROW(SS_WS_CLIENT, "\x81\x00\x80\x00", "continuation without a message"),
        ROW(SS_WS_CLIENT, "\x01\x00\x80\x00\x80\x00", "continuation without a message"),
        ROW(SS_WS_CLIENT, "\x01\x00\x81\x00", "new message inside a fragmented one"),
        ROW(SS_WS_CLIENT, "\x01\x00\x02\x00", "new message inside a fragmented one"),
        ROW(SS_WS_CLIENT, "\x02\x00\x89\x00\x81\x00", "new message inside a fragmented one"),
        ROW(SS_WS_CLIENT, "\x81\x7E\x00\x7D", "length not in its shortest form"),
        ROW(SS_WS_CLIENT, "\x81\x7E\x00\x00", "length not in its shortest form"),
        ROW(SS_WS_SERVER, "\x82\xFE\x00\x01", "length not in its shortest form"),
        ROW(SS_WS_CLIENT, "\x81\x7F\0\0\0\0\0\0\xFF\xFF", "length not in its shortest form"),
        ROW(SS_WS_CLIENT, "\x81\x7F\0\0\0\0\0\0\0\x05", "length not in its shortest form"),
        ROW(SS_WS_CLIENT, "\x81\x7F\x80\0\0\0\0\0\0\0", "length over 63 bits"),
        ROW(SS_WS_CLIENT, "\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "length over 63 bits"),
#undef ROW
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text =
            decode(rows[i].role, UINT64_MAX, (const uint8_t *)rows[i].bytes, rows[i].len - 1, 1, 1);
        assert_null(strstr(text, "E")); /* its last byte is what makes it wrong */
        const uint8_t *in = (const uint8_t *)rows[i].bytes;
        text = decode(rows[i].role, UINT64_MAX, in, rows[i].len, 1, 1);
        assert_non_null(strstr(text, "E1002"));

        uint8_t *pos = guard_end(in, rows[i].len);
        uint8_t *end = pos + rows[i].len;
        ss_ws_decoder_t d;
        ss_ws_decoder_init(&d, rows[i].role, UINT64_MAX);
        ss_ws_piece_t piece;
        ss_ws_rc_t rc;
        do {
            rc = ss_ws_decode(&d, &pos, end, &piece);
        } while (rc == SS_WS_DATA || rc == SS_WS_CONTROL);
        assert_int_equal(rc, SS_WS_ERROR);
        assert_string_equal(ss_ws_error(&d), rows[i].error);
    }
}

static void refuses_every_reserved_bit_and_opcode(void **unused) {
    for (unsigned first = 0; first < 256; first++) {
        unsigned opcode = first & 15;
        bool fin = (first & 0x80) != 0;
        bool good = (first & 0x70) == 0 &&
                    (opcode == 1 || opcode == 2 || (fin && opcode >= 8 && opcode <= 10));
        uint8_t from_server[2] = {(uint8_t)first, 0};
        uint8_t from_client[6] = {(uint8_t)first, 0x80, 1, 2, 3, 4};
        const char *text = decode(SS_WS_CLIENT, 10, from_server, 2, 2, 2);
        assert_int_equal(strcmp(text, "E1002") != 0, good);
        text = decode(SS_WS_SERVER, 10, from_client, 6, 6, 6);
        assert_int_equal(strcmp(text, "E1002") != 0, good);
    }
}

static void takes_control_frames_of_125_bytes_only_whole(void **unused) {
    uint8_t payload[125], frame[6 + 125];
    static transcript_t expected;
    memset(payload, 0xA5, sizeof payload);
    size_t len = write_frame(frame, SS_WS_CLIENT, true, SS_WS_PING, payload, sizeof payload);
    note(&expected, '9', payload, sizeof payload);
    check(SS_WS_SERVER, 0, frame, len, expected.text);

    uint8_t *pos = guard_end(frame, len - 1);
    uint8_t *start = pos;
    ss_ws_decoder_t d;
    ss_ws_piece_t piece;
    ss_ws_decoder_init(&d, SS_WS_SERVER, 0);
    assert_int_equal(ss_ws_decode(&d, &pos, pos + len - 1, &piece), SS_WS_MORE);
    assert_ptr_equal(pos, start);
    assert_memory_equal(start, frame, len - 1); /* not unmasked yet, so it may be offered again */
}

static void holds_messages_to_their_limit(void **unused) {
    CHECK_CLIENT("", "");
    check(SS_WS_CLIENT, 5, "\x81\x05Hello\x81\x05Hello", 14, "T48656c6c6f T48656c6c6f ");
    check(SS_WS_CLIENT, 4, "\x81\x05Hello", 7, "E1009");
    check(SS_WS_CLIENT, 0, "\x81\x00", 2, "T ");
    check(SS_WS_CLIENT, 0, "\x81\x01q", 3, "E1009");
    check(SS_WS_CLIENT, 5, "\x01\x03Hel\x00\x02lo\x80\x00", 11, "T48656c6c6f ");
    check(SS_WS_CLIENT, 5, "\x01\x03Hel\x00\x02lo\x80\x01!", 12, "P48656c6c6f E1009");
    check(SS_WS_CLIENT, 3, "\x01\x03Hel\x89\x05Hello\x80\x00", 14, "948656c6c6f T48656c ");
    check(SS_WS_CLIENT, UINT64_MAX, "\x01\x01q\x80\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFr", 14,
          "P7172 ");
    check(SS_WS_CLIENT, INT64_MAX, "\x01\x01q\x80\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFr", 14,
          "P71 E1009");
}

static void refuses_too_big_a_message_by_its_header(void **unused) {
    /* Not even the mask has arrived. */
    assert_string_equal(decode(SS_WS_SERVER, 125, (const uint8_t *)"\x81\xFE\x00\x7E", 4, 1, 1),
                        "E1009");
    assert_string_equal(decode(SS_WS_SERVER, 126, (const uint8_t *)"\x81\xFE\x00\x7E", 4, 1, 1),
                        "");
    assert_string_equal(
        decode(SS_WS_SERVER, 65535, (const uint8_t *)"\x81\xFF\0\0\0\0\0\1\0\0", 10, 1, 1),
        "E1009");
}

static void masks_at_every_length_offset_and_alignment(void **unused) {
    uint8_t plain[100], expected[100];
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * 31 + 7);
    }
    for (size_t len = 0; len <= 80; len++) {
        for (size_t offset = 0; offset < 9; offset++) {
            for (size_t i = 0; i < len; i++) {
                expected[i] = plain[i] ^ MASK[(offset + i) % 4];
            }
            uint8_t *copy = guard_end(plain, len);
            ss_ws_mask(copy, len, MASK, offset);
            assert_memory_equal(copy, expected, len);
            copy = guard_start(plain, len);
            ss_ws_mask(copy, len, MASK, offset);
            assert_memory_equal(copy, expected, len);
            copy = guard_start(plain, sizeof plain) + offset;
            ss_ws_mask(copy, len, MASK, 0);
            ss_ws_mask(copy, len, MASK, 0); /* twice is not at all */
            assert_memory_equal(copy - offset, plain, sizeof plain);
        }
    }
}

static void agrees_with_the_other_side_on_every_length(void **unused) {
    static const size_t lengths[] = {0,   1,   2,     3,     15,    124,  125,
                                     126, 127, 65534, 65535, 65536, 65537};
    static uint8_t payload[65537], wire[SS_WS_HEADER_MAX + sizeof payload];
    static transcript_t expected;
    random_t r = {3};
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)random_next(&r);
    }
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        size_t n = lengths[i];
        expected.text_len = 0;
        note(&expected, 'B', payload, n);
        for (ss_ws_role_t from = SS_WS_SERVER; from <= SS_WS_CLIENT; from++) {
            ss_ws_role_t to = from == SS_WS_SERVER ? SS_WS_CLIENT : SS_WS_SERVER;
            size_t len = write_frame(wire, from, true, SS_WS_BINARY, payload, n);
            assert_int_equal(len - n, 2 +
                                          (n > 65535 ? 8
                                           : n > 125 ? 2
                                                     : 0) +
                                          (from == SS_WS_CLIENT ? 4 : 0));
            assert_string_equal(decode(to, n, wire, len, len, len), expected.text);
            assert_string_equal(decode(to, n, wire, len, 3, 777), expected.text);
            if (n > 0) {
                assert_string_equal(decode(to, n - 1, wire, len, len, len), "E1009");
            }
        }
    }
}

/* A message in random fragments with pings between them, cut up at random. */
static void agrees_with_the_other_side_on_random_fragments(void **unused) {
    static uint8_t payload[300], wire[4096];
    static transcript_t expected;
    random_t r = {4};
    for (unsigned round = 0; round < 3000; round++) {
        ss_ws_role_t from = round % 2 == 0 ? SS_WS_CLIENT : SS_WS_SERVER;
        ss_ws_role_t to = round % 2 == 0 ? SS_WS_SERVER : SS_WS_CLIENT;
        size_t len = 0;
        expected.text_len = 0;
        for (unsigned message = 0; message < 3; message++) {
            size_t n = random_below(&r, sizeof payload);
            for (size_t i = 0; i < n; i++) {
                payload[i] = (uint8_t)random_next(&r);
            }
            uint8_t opcode = SS_WS_TEXT;
            for (size_t at = 0; opcode != SS_WS_PONG;) {
                size_t part = random_below(&r, (uint32_t)(n - at) + 1);
                bool fin = at + part == n && random_below(&r, 2) == 0;
                len += write_frame(wire + len, from, fin, opcode, payload + at, part);
                at += part;
                opcode = fin ? SS_WS_PONG : SS_WS_CONTINUATION; /* PONG: the message is complete */
                if (!fin && random_below(&r, 4) == 0) {
                    len += write_frame(wire + len, from, true, SS_WS_PING, payload, n % 126);
                    note(&expected, '9', payload, n % 126);
                }
                assert_true(len < sizeof wire - 500);
            }
            note(&expected, 'T', payload, n);
        }
        size_t step = 1 + random_below(&r, 40);
        assert_string_equal(decode(to, 300, wire, len, random_below(&r, 40) + 1, step),
                            expected.text);
        assert_string_equal(decode(to, 300, wire, len, len, len), expected.text);
    }
}

static void knows_the_codes_that_may_be_sent(void **unused) {
    for (unsigned code = 0; code <= 0xFFFF; code++) {
        uint8_t payload[5] = {(uint8_t)(code >> 8), (uint8_t)code, 'b', 'y', 'e'};
        bool reserved = code < 1000 || (code >= 1004 && code <= 1006) ||
                        (code >= 1015 && code <= 2999) || code >= 5000;
        assert_int_equal(ss_ws_close_code(guard_end(payload, 2), 2), reserved ? 0 : code);
        assert_int_equal(ss_ws_close_code(payload, 5), reserved ? 0 : code);
    }
    assert_int_equal(ss_ws_close_code(NULL, 0), SS_WS_CLOSE_NO_STATUS);
    assert_int_equal(ss_ws_close_code(guard_end("\x03", 1), 1), 0);
}

static void stays_small(void **unused) {
    assert_int_equal(sizeof(ss_ws_decoder_t), 40); /* one for each connection */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST("decodes the examples of RFC 6455, 5.7", decodes_the_examples_of_the_rfc),
        TEST("encodes the examples of RFC 6455, 5.7", encodes_the_examples_of_the_rfc),
        TEST("gives empty messages, skips empty fragments",
             gives_empty_messages_and_skips_empty_fragments),
        TEST("lets control frames stand between fragments",
             lets_control_frames_stand_between_fragments),
        TEST("keeps an unfinished message", keeps_an_unfinished_message),
        TEST("refuses what breaks the frame rules, at once", refuses_what_breaks_the_frame_rules),
        TEST("refuses every reserved bit and opcode", refuses_every_reserved_bit_and_opcode),
        TEST("takes control frames of 125 bytes, only whole",
             takes_control_frames_of_125_bytes_only_whole),
        TEST("holds messages to their limit across fragments", holds_messages_to_their_limit),
        TEST("refuses too big a message by its header", refuses_too_big_a_message_by_its_header),
        TEST("masks at every length, offset and alignment",
             masks_at_every_length_offset_and_alignment),
        TEST("agrees with the other side on every length",
             agrees_with_the_other_side_on_every_length),
        TEST("agrees with the other side on random fragments",
             agrees_with_the_other_side_on_random_fragments),
        TEST("knows the close codes that may be sent", knows_the_codes_that_may_be_sent),
        TEST("needs 40 bytes for a connection", stays_small),
    };
    return cmocka_run_group_tests_name("shared/ss_ws", tests, NULL, NULL);
}
