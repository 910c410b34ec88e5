// SPDX-License-Identifier: Apache-2.0
//
// Padding: zeros around a feature map.
//
//   out[h][w][c] = in[h - TOP][w - LEFT][c] inside, 0 outside
//
// Initiation interval 1: a frame takes one cycle per output word.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// H, W, C                   rows, columns and channels of the input
// TOP, LEFT, BOTTOM, RIGHT  rows and columns of zeros
// SIMD                      channels per word, a divisor of C
// T                         element type, one that has a 0
template <unsigned H, unsigned W, unsigned C, unsigned TOP, unsigned LEFT, unsigned BOTTOM,
          unsigned RIGHT, unsigned SIMD, typename T>
void padding(stream<word<T, SIMD>>& in, stream<word<T, SIMD>>& out) {
    static_assert(SIMD > 0 && C % SIMD == 0, "SIMD must divide C");
    constexpr unsigned FOLDS = C / SIMD;
    unsigned row = 0, column = 0, fold = 0;
    for (unsigned i = 0; i < (TOP + H + BOTTOM) * (LEFT + W + RIGHT) * FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        // Below 0 wraps to a large number, so one comparison tells both sides.
        const bool inside = row - TOP < H && column - LEFT < W;
        word<T, SIMD> y;
        if (inside) {
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
            if (++column == LEFT + W + RIGHT) {
                column = 0;
                row++;
            }
        }
    }
}

}  // namespace hwsubnet
