// SPDX-License-Identifier: Apache-2.0
//
// Vector-vector unit: a depthwise convolution over the windows of sliding_window.hpp.
//
//   out[c] = activation( sum_k weights(c, k) * in[c][k] )   c < CHANNELS, k < K
//
// Windows come channel fold by channel fold: [CHANNELS / PE][K][PE], SIMD window positions of PE
// channels to a word. weights[n][s][pe][simd] = weights(n * PE + pe, s * SIMD + simd).
// Initiation interval 1: a frame takes PIXELS * (CHANNELS / PE) * (K / SIMD) cycles.
#pragma once

#include "activation.hpp"
#include "product.hpp"
#include "types.hpp"

namespace hwsubnet {

// PRODUCT     how operands are encoded: product.hpp
// PIXELS      windows per frame
// CHANNELS    channels, a multiple of PE
// K           positions of a window, a multiple of SIMD
// SIMD, PE    positions and channels per cycle
// TP          type that holds the sum of one word's products
// TA          type of the accumulator
// TI, TO, TW  types of the input, the output and a weight
// ACTIVATION  turns the accumulator of (fold, pe) into a TO: activation.hpp
template <typename PRODUCT, unsigned PIXELS, unsigned CHANNELS, unsigned K, unsigned SIMD,
          unsigned PE, typename TP, typename TA, typename TI, typename TO, typename TW,
          typename ACTIVATION>
void vector_vector(stream<word<TI, SIMD * PE>>& in, stream<word<TO, PE>>& out,
                   const TW (&weights)[CHANNELS / PE][K / SIMD][PE][SIMD],
                   const ACTIVATION& activation) {
    static_assert(SIMD > 0 && K % SIMD == 0, "SIMD must divide K");
    static_assert(PE > 0 && CHANNELS % PE == 0, "PE must divide CHANNELS");
    constexpr unsigned POSITION_FOLDS = K / SIMD;
    constexpr unsigned CHANNEL_FOLDS = CHANNELS / PE;
#pragma HLS ARRAY_PARTITION variable = weights complete dim = 3
#pragma HLS ARRAY_PARTITION variable = weights complete dim = 4
    using TX = factor<TI, TP>;
    TA accumulators[PE];
#pragma HLS ARRAY_PARTITION variable = accumulators complete
    unsigned position = 0;
    unsigned channel = 0;
    for (unsigned i = 0; i < PIXELS * CHANNEL_FOLDS * POSITION_FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        const word<TX, SIMD * PE> x = converted<TX>(in.read());
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            TP sum = TP(0);
            for (unsigned simd = 0; simd < SIMD; simd++) {
#pragma HLS UNROLL
                sum += PRODUCT::template product<TP>(x[simd * PE + pe],
                                                     weights[channel][position][pe][simd]);
            }
            accumulators[pe] = position == 0 ? TA(sum) : TA(accumulators[pe] + TA(sum));
        }
        if (++position == POSITION_FOLDS) {
            word<TO, PE> y;
            for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
                y[pe] = activation(accumulators[pe], channel, pe);
            }
            out.write(y);
            position = 0;
            channel = channel + 1 == CHANNEL_FOLDS ? 0 : channel + 1;
        }
    }
}

// The accumulators themselves.
template <typename PRODUCT, unsigned PIXELS, unsigned CHANNELS, unsigned K, unsigned SIMD,
          unsigned PE, typename TP, typename TA, typename TI, typename TO, typename TW>
void vector_vector(stream<word<TI, SIMD * PE>>& in, stream<word<TO, PE>>& out,
                   const TW (&weights)[CHANNELS / PE][K / SIMD][PE][SIMD]) {
    vector_vector<PRODUCT, PIXELS, CHANNELS, K, SIMD, PE, TP, TA>(in, out, weights, identity<TO>());
}

// With thresholds inside: STEPS, BIAS and TC as in thresholding.hpp.
template <typename PRODUCT, unsigned PIXELS, unsigned CHANNELS, unsigned K, unsigned SIMD,
          unsigned PE, typename TP, typename TA, unsigned STEPS, int BIAS, typename TC, typename TI,
          typename TO, typename TW, typename TT>
void vector_vector_thresholds(stream<word<TI, SIMD * PE>>& in, stream<word<TO, PE>>& out,
                              const TW (&weights)[CHANNELS / PE][K / SIMD][PE][SIMD],
                              const TT (&thresholds)[CHANNELS / PE][PE][STEPS]) {
#pragma HLS ARRAY_PARTITION variable = thresholds complete dim = 2
#pragma HLS ARRAY_PARTITION variable = thresholds complete dim = 3
    const staircase<CHANNELS / PE, PE, STEPS, BIAS, TO, TC, TT> activation = {thresholds};
    vector_vector<PRODUCT, PIXELS, CHANNELS, K, SIMD, PE, TP, TA>(in, out, weights, activation);
}

}  // namespace hwsubnet
