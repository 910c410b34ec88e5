// SPDX-License-Identifier: Apache-2.0
//
// Thresholding: a quantized activation function as a staircase per channel.
//
//   out[c] = BIAS + #{ s : in[c] >= thresholds[c][s] }
//
// The channel axis is folded over PE: word f of a pixel holds channels f * PE ... f * PE + PE - 1.
// Initiation interval 1: a frame takes PIXELS * CHANNELS / PE cycles.
#pragma once

#include "activation.hpp"
#include "types.hpp"

namespace hwsubnet {

// PIXELS    words of one channel fold per frame
// CHANNELS  channels, a multiple of PE
// PE        channels per cycle
// STEPS     thresholds per channel
// BIAS      the output below all thresholds
// TI, TO    element types of the input and the output
// TC        signed type that holds the value, every threshold, and the result
// TT        type of a threshold
template <unsigned PIXELS, unsigned CHANNELS, unsigned PE, unsigned STEPS, int BIAS, typename TI,
          typename TO, typename TC, typename TT>
void thresholding(stream<word<TI, PE>>& in, stream<word<TO, PE>>& out,
                  const TT (&thresholds)[CHANNELS / PE][PE][STEPS]) {
    static_assert(PE > 0 && CHANNELS % PE == 0, "PE must divide CHANNELS");
    static_assert(STEPS > 0, "at least one threshold");
    constexpr unsigned FOLDS = CHANNELS / PE;
#pragma HLS ARRAY_PARTITION variable = thresholds complete dim = 2
#pragma HLS ARRAY_PARTITION variable = thresholds complete dim = 3
    const staircase<FOLDS, PE, STEPS, BIAS, TO, TC, TT> activation = {thresholds};
    unsigned fold = 0;
    for (unsigned i = 0; i < PIXELS * FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        const word<TI, PE> x = in.read();
        word<TO, PE> y;
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            y[pe] = activation(x[pe], fold, pe);
        }
        out.write(y);
        fold = fold + 1 == FOLDS ? 0 : fold + 1;
    }
}

}  // namespace hwsubnet
