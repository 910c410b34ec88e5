// SPDX-License-Identifier: Apache-2.0
//
// Nearest-neighbour upsampling by whole factors.
//
//   out[h][w] = in[h / SCALE_H][w / SCALE_W]
//
// A row is kept while it is repeated. Initiation interval 1: a frame takes one cycle per output
// word.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// H, W              rows and columns of the input
// FOLDS             words per pixel
// SCALE_H, SCALE_W  factors
// T                 type of a word
template <unsigned H, unsigned W, unsigned FOLDS, unsigned SCALE_H, unsigned SCALE_W, typename T>
void upsample(stream<T>& in, stream<T>& out) {
    static_assert(SCALE_H > 0 && SCALE_W > 0, "factors start at 1");
    T held[W][FOLDS];
    unsigned column = 0, fold = 0;
    unsigned repeat_h = 0, repeat_w = 0;
    for (unsigned i = 0; i < H * SCALE_H * W * SCALE_W * FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        if (repeat_h == 0 && repeat_w == 0) held[column][fold] = in.read();
        out.write(held[column][fold]);
        if (++fold == FOLDS) {
            fold = 0;
            if (++repeat_w == SCALE_W) {
                repeat_w = 0;
                if (++column == W) {
                    column = 0;
                    repeat_h = repeat_h + 1 == SCALE_H ? 0 : repeat_h + 1;
                }
            }
        }
    }
}

}  // namespace hwsubnet
