// SPDX-License-Identifier: Apache-2.0
//
// Pixel padding: zeros between the pixels of a feature map, the first half of a deconvolution.
//
//   out[h * STRIDE_H][w * STRIDE_W][c] = in[h][w][c], 0 between
//
// Initiation interval 1: a frame takes one cycle per output word.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// H, W, C             rows, columns and channels of the input
// STRIDE_H, STRIDE_W  distance of the pixels in the output
// SIMD                channels per word, a divisor of C
// T                   element type, one that has a 0
template <unsigned H, unsigned W, unsigned C, unsigned STRIDE_H, unsigned STRIDE_W, unsigned SIMD,
          typename T>
void pixel_padding(stream<word<T, SIMD>>& in, stream<word<T, SIMD>>& out) {
    static_assert(SIMD > 0 && C % SIMD == 0, "SIMD must divide C");
    constexpr unsigned FOLDS = C / SIMD;
    constexpr unsigned OH = (H - 1) * STRIDE_H + 1;
    constexpr unsigned OW = (W - 1) * STRIDE_W + 1;
    unsigned column = 0, fold = 0;
    unsigned gap_h = 0, gap_w = 0;  // rows and columns of zeros still to come
    for (unsigned i = 0; i < OH * OW * FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        word<T, SIMD> y;
        if (gap_h == 0 && gap_w == 0) {
            y = in.read();
        } else {
            for (unsigned simd = 0; simd < SIMD; simd++) {
#pragma HLS UNROLL
                y[simd] = T(0);
            }
        }
        out.write(y);
        if (++fold == FOLDS) {
            fold = 0;
            gap_w = gap_w == 0 ? STRIDE_W - 1 : gap_w - 1;
            if (++column == OW) {
                column = 0;
                gap_w = 0;
                gap_h = gap_h == 0 ? STRIDE_H - 1 : gap_h - 1;
            }
        }
    }
}

}  // namespace hwsubnet
