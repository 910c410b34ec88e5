// SPDX-License-Identifier: Apache-2.0
//
// Sliding window: the patches that a convolution or a pooling sees (im2col), without padding.
//
//   window(oh, ow)[kh, kw][c] = in[oh * STRIDE_H + kh * DILATION_H]
//                                 [ow * STRIDE_W + kw * DILATION_W][c]
//
// Dense windows leave in the order [kh][kw][C / SIMD][SIMD], depthwise ones in
// [C / SIMD][kh][kw][SIMD]. PARALLEL puts all positions (kh, kw) of a window into one word.
//
// A ring of rows is filled ahead while windows are read from it; each cycle takes at most one word
// in and gives at most one out (initiation interval 1). A frame takes about the longer of the two.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// H, W, C                 rows, columns and channels of the input
// KH, KW                  window
// STRIDE_H, STRIDE_W      distance between windows
// DILATION_H, DILATION_W  distance between positions of a window
// SIMD                    channels per word, a divisor of C
// DEPTHWISE               order of the windows
// PARALLEL                KH * KW positions per word; dense ones need SIMD = C, but for 1 x 1
// T                       element type
template <unsigned H, unsigned W, unsigned C, unsigned KH, unsigned KW, unsigned STRIDE_H,
          unsigned STRIDE_W, unsigned DILATION_H, unsigned DILATION_W, unsigned SIMD,
          bool DEPTHWISE, bool PARALLEL, typename T>
void sliding_window(stream<word<T, SIMD>>& in,
                    stream<word<T, SIMD*(PARALLEL ? KH * KW : 1)>>& out) {
    static_assert(SIMD > 0 && C % SIMD == 0, "SIMD must divide C");
    static_assert(!PARALLEL || DEPTHWISE || SIMD == C || KH * KW == 1,
                  "dense parallel windows need SIMD = C");
    constexpr unsigned SPAN_H = (KH - 1) * DILATION_H + 1;
    constexpr unsigned SPAN_W = (KW - 1) * DILATION_W + 1;
    static_assert(SPAN_H <= H && SPAN_W <= W, "the window must fit into the input");
    constexpr unsigned FOLDS = C / SIMD;
    constexpr unsigned OH = (H - SPAN_H) / STRIDE_H + 1;
    constexpr unsigned OW = (W - SPAN_W) / STRIDE_W + 1;
    // The windows of one output row, and the rows by which the next ones lie lower.
    constexpr unsigned ROWS = SPAN_H + STRIDE_H < H ? SPAN_H + STRIDE_H : H;
    constexpr unsigned POSITIONS = PARALLEL ? KH * KW : 1;
    // Loop bounds of (kh, kw) and of the channel fold around or inside of it.
    constexpr unsigned LOOP_H = PARALLEL ? 1 : KH;
    constexpr unsigned LOOP_W = PARALLEL ? 1 : KW;

    word<T, SIMD> ring[ROWS][W][FOLDS];
#pragma HLS ARRAY_PARTITION variable = ring complete dim = 1
#pragma HLS DEPENDENCE variable = ring inter false

    unsigned row = 0, column = 0, fold = 0, slot = 0;          // of the next word to come
    unsigned oh = 0, ow = 0, kh = 0, kw = 0, channel = 0;      // of the next word to leave
    unsigned base = 0;                                         // slot of the windows' first row
    while (oh < OH || row < H) {
#pragma HLS PIPELINE II = 1
        // The last position that the next word needs has arrived.
        const unsigned top = oh * STRIDE_H;
        const unsigned last_row = top + (PARALLEL ? SPAN_H - 1 : kh * DILATION_H);
        const unsigned last_column = ow * STRIDE_W + (PARALLEL ? SPAN_W - 1 : kw * DILATION_W);
        const bool ready =
            oh < OH && (row > last_row ||
                        (row == last_row &&
                         (column > last_column || (column == last_column && fold > channel))));
        // The slot of the word to come holds nothing that a window still needs.
        const bool room = row < H && (oh == OH || row < top + ROWS);
        if (ready) {
            word<T, SIMD * POSITIONS> y;
            for (unsigned p = 0; p < POSITIONS; p++) {
#pragma HLS UNROLL
                const unsigned dh = PARALLEL ? p / KW : kh;
                const unsigned dw = PARALLEL ? p % KW : kw;
                unsigned from = base + dh * DILATION_H;
                if (from >= ROWS) from -= ROWS;
                const word<T, SIMD>& x = ring[from][ow * STRIDE_W + dw * DILATION_W][channel];
                for (unsigned simd = 0; simd < SIMD; simd++) {
#pragma HLS UNROLL
                    y[p * SIMD + simd] = x[simd];
                }
            }
            out.write(y);
            bool next = true;  // the window is complete
            if (!DEPTHWISE) {
                next = ++channel == FOLDS;
                if (next) channel = 0;
            }
            if (next) {
                next = ++kw == LOOP_W;
                if (next) kw = 0;
            }
            if (next) {
                next = ++kh == LOOP_H;
                if (next) kh = 0;
            }
            if (DEPTHWISE && next) {
                next = ++channel == FOLDS;
                if (next) channel = 0;
            }
            if (next && ++ow == OW) {
                ow = 0;
                oh++;
                base += STRIDE_H % ROWS;
                if (base >= ROWS) base -= ROWS;
            }
        }
        if (room) {
            ring[slot][column][fold] = in.read();
            if (++fold == FOLDS) {
                fold = 0;
                if (++column == W) {
                    column = 0;
                    row++;
                    slot = slot + 1 == ROWS ? 0 : slot + 1;
                }
            }
        }
    }
}

}  // namespace hwsubnet
