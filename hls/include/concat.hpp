// SPDX-License-Identifier: Apache-2.0
//
// Concatenation of feature maps along their channels.
//
//   out[p] = ( in_0[p], in_1[p], ... )
//
// Initiation interval 1: a frame takes one cycle per output word.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// One input of a concatenation: FOLDS words per pixel, of elements T.
template <unsigned FOLDS_, typename T>
struct branch {
    static constexpr unsigned FOLDS = FOLDS_;
    using type = T;
};

namespace detail {

// One pixel's words from one input to the output.
template <unsigned FOLDS, typename TO, typename TI, unsigned SIMD>
inline int forward(stream<word<TI, SIMD>>& in, stream<word<TO, SIMD>>& out) {
#pragma HLS INLINE
    for (unsigned fold = 0; fold < FOLDS; fold++) {
#pragma HLS PIPELINE II = 1
        const word<TI, SIMD> x = in.read();
        word<TO, SIMD> y;
        for (unsigned simd = 0; simd < SIMD; simd++) {
#pragma HLS UNROLL
            y[simd] = TO(x[simd]);
        }
        out.write(y);
    }
    return 0;
}

}  // namespace detail

// PIXELS    pixels per frame
// SIMD      channels per word; divides the channels of every input
// TO        element type of the output; holds the elements of all inputs
// BRANCHES  one `branch` for each input
template <unsigned PIXELS, unsigned SIMD, typename TO, typename... BRANCHES>
void concat(stream<word<typename BRANCHES::type, SIMD>>&... ins, stream<word<TO, SIMD>>& out) {
    static_assert(sizeof...(BRANCHES) > 0, "at least one input");
    for (unsigned pixel = 0; pixel < PIXELS; pixel++) {
        // Braces evaluate from left to right.
        const int done[] = {detail::forward<BRANCHES::FOLDS, TO>(ins, out)...};
        (void)done;
    }
}

}  // namespace hwsubnet
