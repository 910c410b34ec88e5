// SPDX-License-Identifier: Apache-2.0
//
// Label select: the indices of the K largest elements of a vector, the largest first; of equal
// elements the one with the lower index first.
//
// Elements are inserted into a sorted list of K: an element goes before the first entry that is
// smaller, and pushes the rest down by one.
// Initiation interval 1: a vector takes LABELS / PE + K cycles.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// VECTORS  vectors per frame
// LABELS   elements of a vector, a multiple of PE
// PE       elements per cycle
// K        how many indices
// LOWEST   a value below every element
// TI, TO   type of an element, and of an index
// TC       signed type that holds every element and LOWEST
template <unsigned VECTORS, unsigned LABELS, unsigned PE, unsigned K, long long LOWEST, typename TI,
          typename TO, typename TC>
void label_select(stream<word<TI, PE>>& in, stream<word<TO, 1>>& out) {
    static_assert(PE > 0 && LABELS % PE == 0, "PE must divide LABELS");
    static_assert(K > 0 && K <= LABELS, "K must be at most LABELS");
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        TC values[K];
        TO labels[K];
#pragma HLS ARRAY_PARTITION variable = values complete
#pragma HLS ARRAY_PARTITION variable = labels complete
        for (unsigned k = 0; k < K; k++) {
#pragma HLS UNROLL
            values[k] = TC(LOWEST);
            labels[k] = TO(0);
        }
        for (unsigned fold = 0; fold < LABELS / PE; fold++) {
#pragma HLS PIPELINE II = 1
            const word<TI, PE> x = in.read();
            for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
                const TC value = TC(x[pe]);
                const TO label = TO(fold * PE + pe);
                // From the end, so that each entry is moved before it is replaced. Values descend:
                // what is above entry k - 1 is above entry k as well.
                for (unsigned k = K; k-- > 0;) {
#pragma HLS UNROLL
                    const auto above = value > values[k];
                    if (k > 0) {
                        const auto pushed = value > values[k - 1];
                        const TC moved_value = select(pushed, values[k - 1], value);
                        const TO moved_label = select(pushed, labels[k - 1], label);
                        values[k] = select(above, moved_value, values[k]);
                        labels[k] = select(above, moved_label, labels[k]);
                    } else {
                        values[k] = select(above, value, values[k]);
                        labels[k] = select(above, label, labels[k]);
                    }
                }
            }
        }
        for (unsigned k = 0; k < K; k++) {
#pragma HLS PIPELINE II = 1
            word<TO, 1> y;
            y[0] = labels[k];
            out.write(y);
        }
    }
}

}  // namespace hwsubnet
