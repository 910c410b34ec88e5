// SPDX-License-Identifier: Apache-2.0
//
// Pooling over the depthwise windows of sliding_window.hpp.
//
//   out[c] = finish( reduce_k in[c][k] )      c < CHANNELS, k < K
//
// Windows come channel fold by channel fold: [CHANNELS / PE][K][PE].
// Initiation interval 1: a frame takes PIXELS * K * CHANNELS / PE cycles.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// The largest element.
struct largest {
    template <typename TA>
    static TA reduce(const TA& so_far, const TA& x) {
#pragma HLS INLINE
        return select(x > so_far, x, so_far);
    }
    template <typename TA>
    static TA finish(const TA& value) {
        return value;
    }
};

// The sum of the elements.
struct sum {
    template <typename TA>
    static TA reduce(const TA& so_far, const TA& x) {
#pragma HLS INLINE
        return TA(so_far + x);
    }
    template <typename TA>
    static TA finish(const TA& value) {
        return value;
    }
};

// The sum of the elements without its SHIFT low bits: floor(sum / 2^SHIFT).
template <unsigned SHIFT>
struct shifted_sum : sum {
    template <typename TA>
    static TA finish(const TA& value) {
#pragma HLS INLINE
        return shift_right<SHIFT>(value);
    }
};

// POOL      largest, sum or shifted_sum
// PIXELS    windows per frame
// CHANNELS  channels, a multiple of PE
// K         positions of a window
// PE        channels per cycle
// TA        type of the accumulator
// TI, TO    element types of the input and the output
template <typename POOL, unsigned PIXELS, unsigned CHANNELS, unsigned K, unsigned PE, typename TA,
          typename TI, typename TO>
void pool(stream<word<TI, PE>>& in, stream<word<TO, PE>>& out) {
    static_assert(PE > 0 && CHANNELS % PE == 0, "PE must divide CHANNELS");
    TA accumulators[PE];
#pragma HLS ARRAY_PARTITION variable = accumulators complete
    unsigned position = 0;
    for (unsigned i = 0; i < PIXELS * (CHANNELS / PE) * K; i++) {
#pragma HLS PIPELINE II = 1
        const word<TI, PE> x = in.read();
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            const TA value = TA(x[pe]);
            accumulators[pe] = position == 0 ? value : POOL::reduce(accumulators[pe], value);
        }
        if (++position == K) {
            word<TO, PE> y;
            for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
                y[pe] = TO(POOL::finish(accumulators[pe]));
            }
            out.write(y);
            position = 0;
        }
    }
}

}  // namespace hwsubnet
