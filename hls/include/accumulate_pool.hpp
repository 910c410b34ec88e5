// SPDX-License-Identifier: Apache-2.0
//
// Global accumulate-pool: the sum of every channel over all pixels.
//
//   out[c] = sum_p in[p][c]
//
// Initiation interval 1: a frame takes PIXELS * CHANNELS / PE cycles; the sums leave with the last
// pixel.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// PIXELS    pixels per frame
// CHANNELS  channels, a multiple of PE
// PE        channels per cycle
// TI, TO    element types of the input and the output; TO holds the sum
template <unsigned PIXELS, unsigned CHANNELS, unsigned PE, typename TI, typename TO>
void accumulate_pool(stream<word<TI, PE>>& in, stream<word<TO, PE>>& out) {
    static_assert(PE > 0 && CHANNELS % PE == 0, "PE must divide CHANNELS");
    constexpr unsigned FOLDS = CHANNELS / PE;
    word<TO, PE> sums[FOLDS];
#pragma HLS DEPENDENCE variable = sums inter false
    unsigned pixel = 0, fold = 0;
    for (unsigned i = 0; i < PIXELS * FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        const word<TI, PE> x = in.read();
        word<TO, PE> y;
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            const TO value = TO(x[pe]);
            y[pe] = pixel == 0 ? value : TO(sums[fold][pe] + value);
        }
        sums[fold] = y;
        if (pixel + 1 == PIXELS) out.write(y);
        if (++fold == FOLDS) {
            fold = 0;
            pixel++;
        }
    }
}

}  // namespace hwsubnet
