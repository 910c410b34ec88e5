// SPDX-License-Identifier: Apache-2.0
//
// Width converter: the same elements in the same order, with another number of them per word.
//
//   out_flat[e] = in_flat[e]
//
// Works through a shift register of lcm(IN, OUT) elements at most. Initiation interval 1 on the
// narrower side: a frame takes ELEMENTS / min(IN, OUT) cycles when one divides the other.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// ELEMENTS  elements per frame, a multiple of IN and of OUT
// IN, OUT   elements per word
// T         element type
template <unsigned ELEMENTS, unsigned IN, unsigned OUT, typename T>
void width_converter(stream<word<T, IN>>& in, stream<word<T, OUT>>& out) {
    static_assert(IN > 0 && ELEMENTS % IN == 0, "IN must divide ELEMENTS");
    static_assert(OUT > 0 && ELEMENTS % OUT == 0, "OUT must divide ELEMENTS");
    T held[IN + OUT];
#pragma HLS ARRAY_PARTITION variable = held complete
    unsigned count = 0;
    unsigned taken = 0;
    unsigned given = 0;
    while (given < ELEMENTS / OUT) {
#pragma HLS PIPELINE II = 1
        if (count < OUT) {
            const word<T, IN> x = in.read();
            for (unsigned i = 0; i < IN; i++) {
#pragma HLS UNROLL
                held[count + i] = x[i];
            }
            count += IN;
            taken++;
        }
        if (count >= OUT) {
            word<T, OUT> y;
            for (unsigned i = 0; i < OUT; i++) {
#pragma HLS UNROLL
                y[i] = held[i];
            }
            for (unsigned i = 0; i < IN; i++) {
#pragma HLS UNROLL
                held[i] = held[i + OUT];
            }
            count -= OUT;
            given++;
            out.write(y);
        }
    }
}

}  // namespace hwsubnet
