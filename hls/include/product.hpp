// SPDX-License-Identifier: Apache-2.0
//
// The product of one activation x and one weight w, by how they are encoded. A bipolar operand is
// -1 or +1, carried as the bit 0 or 1. The product is a TP.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// x * w
struct ordinary {
    template <typename TP, typename TI, typename TW>
    static TP product(const TI& x, const TW& w) {
#pragma HLS INLINE
        return multiply<TP>(x, w);
    }
};

// w bipolar: x or -x
struct bipolar_weight {
    template <typename TP, typename TI, typename TW>
    static TP product(const TI& x, const TW& w) {
#pragma HLS INLINE
        return with_sign<TP>(x, w);
    }
};

// x bipolar: w or -w
struct bipolar_input {
    template <typename TP, typename TI, typename TW>
    static TP product(const TI& x, const TW& w) {
#pragma HLS INLINE
        return with_sign<TP>(w, x);
    }
};

// Both bipolar: XNOR. The sum is the number of matches, the popcount p; the dot product of K terms
// would be 2 p - K, and the thresholds already say so.
struct match {
    template <typename TP, typename TI, typename TW>
    static TP product(const TI& x, const TW& w) {
#pragma HLS INLINE
        return TP(x == TI(w));
    }
};

}  // namespace hwsubnet
