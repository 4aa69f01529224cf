/* SPDX-License-Identifier: MIT
 *
 * Nanoseconds for each step that one message costs in shared/, best of several rounds:
 *
 *   cc -O2 -Ishared -o build/micro_shared bench/micro/shared.c shared/ss_*.c && build/micro_shared
 *
 * Under `valgrind --tool=callgrind --toggle-collect='step_*'` it counts instructions instead; the
 * best round means nothing then.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ss_errors.h"
#include "ss_jsonrpc.h"
#include "ss_link.h"
#include "ss_utf8.h"
#include "ss_ws.h"

enum { ROUNDS = 15, CALLS = 20000, BIG = 65536 };

static const char call_text[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"app.square\",\"params\":[25]}";
static const size_t call_len = sizeof call_text - 1;

static uint8_t frame[SS_WS_HEADER_MAX + BIG]; /* a masked text frame with the call in it */
static size_t frame_len;
static char big_json[BIG];
static char big_text[BIG];
static uint8_t big_bytes[BIG];
static ss_ws_decoder_t decoder;
static volatile size_t sink; /* keeps results, and so the work, in the program */

static void step_decode_frame(void) {
    uint8_t *pos = frame;
    ss_ws_piece_t piece;
    sink = (size_t)ss_ws_decode(&decoder, &pos, frame + frame_len, &piece);
}

static void step_check_utf8(void) { sink = ss_utf8_valid(call_text, call_len); }

static void step_scan_call(void) {
    ss_rpc_scan_t scan;
    ss_rpc_call_t call;
    ss_rpc_open(&scan, call_text, call_len);
    ss_rpc_next(&scan, &call);
    sink = call.method.len;
}

static void step_encode_frame(void) {
    uint8_t out[SS_WS_HEADER_MAX];
    sink = ss_ws_encode_header(out, true, SS_WS_TEXT, call_len, NULL);
}

static void step_link_header(void) {
    ss_link_header_t h = {.op = SS_LINK_MESSAGE, .length = (uint32_t)call_len, .call = 1};
    uint8_t out[SS_LINK_HEADER];
    ss_link_encode_header(out, &h);
    sink = (size_t)ss_link_decode_header(out, sizeof out, SS_LINK_TO_SIDECAR, &h);
}

static void step_write_error(void) {
    char out[256];
    sink = ss_rpc_write_error(out, sizeof out, (ss_span_t){"1", 1}, SS_RPC_UNAVAILABLE);
}

static void step_big_mask(void) {
    ss_ws_mask(big_bytes, BIG, (const uint8_t *)"\1\2\3\4", 0);
    sink = big_bytes[0];
}

static void step_big_utf8(void) { sink = ss_utf8_valid(big_text, BIG); }

static void step_big_json(void) { sink = ss_json_valid(big_json, BIG); }

static double nanoseconds(void (*step)(void), unsigned calls) {
    double best = 1e12;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (unsigned i = 0; i < calls; i++) {
            step();
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        double took =
            ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / calls;
        best = took < best ? took : best;
    }
    return best;
}

static void prepare(void) {
    static const char row[] = "{\"name\":\"value of it\",\"n\":[1,2.5,true,null]},";
    frame_len = ss_ws_encode_header(frame, true, SS_WS_TEXT, call_len, (const uint8_t *)"\1\2\3\4");
    ss_ws_decoder_init(&decoder, SS_WS_SERVER, BIG);
    for (size_t i = 0; i < BIG; i++) {
        big_text[i] = "\xC3\xA9t\xC3\xA9"[i % 5]; /* two letters of three are not ASCII */
    }
    big_text[BIG - 1] = 't';
    memset(big_json, ' ', BIG);
    big_json[0] = '[';
    size_t at = 1;
    for (; at + sizeof row < BIG; at += sizeof row - 1) {
        memcpy(big_json + at, row, sizeof row - 1);
    }
    big_json[at - 1] = ']';
}

int main(void) {
    static const struct {
        const char *name;
        void (*step)(void);
        size_t bytes;
    } steps[] = {
        {"decode a masked frame of one call", step_decode_frame, 0},
        {"check its UTF-8", step_check_utf8, 0},
        {"ss_rpc_open and ss_rpc_next of it", step_scan_call, 0},
        {"write and read a link header", step_link_header, 0},
        {"write a frame header", step_encode_frame, 0},
        {"write an error", step_write_error, 0},
        {"unmask 64 KiB", step_big_mask, BIG},
        {"check 64 KiB of UTF-8, mostly not ASCII", step_big_utf8, BIG},
        {"check 64 KiB of JSON", step_big_json, BIG},
    };
    prepare();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        double ns = nanoseconds(steps[i].step, steps[i].bytes == 0 ? CALLS : 200);
        printf("%-42s %9.1f ns", steps[i].name, ns);
        if (steps[i].bytes != 0) {
            printf("  %6.2f GB/s", (double)steps[i].bytes / ns);
        }
        printf("\n");
    }
    return 0;
}
