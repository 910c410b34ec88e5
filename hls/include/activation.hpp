// SPDX-License-Identifier: Apache-2.0
//
// What a matrix or vector unit does to a finished accumulator of channel (fold, pe).
#pragma once

#include "types.hpp"

namespace hwsubnet {

// How many of the thresholds t[0 .. STEPS-1] the value x has reached, as a count of type TC.
//
// TC  signed type that holds the value, every threshold, and the count
template <unsigned STEPS, typename TC, typename TI, typename TT>
inline TC steps_reached(const TI& x, const TT (&t)[STEPS]) {
#pragma HLS INLINE
    const TC value = TC(x);
    TC count = TC(0);
    for (unsigned s = 0; s < STEPS; s++) {
#pragma HLS UNROLL
        count += TC(value >= TC(t[s]));
    }
    return count;
}

// out = accumulator
template <typename TO>
struct identity {
    template <typename TA>
    TO operator()(const TA& accumulator, unsigned, unsigned) const {
#pragma HLS INLINE
        return TO(accumulator);
    }
};

// out = BIAS + #{ s : accumulator >= thresholds[fold][pe][s] }
//
// TC  signed type that holds the accumulator, every threshold, and the result
template <unsigned FOLDS, unsigned PE, unsigned STEPS, int BIAS, typename TO, typename TC,
          typename TT>
struct staircase {
    const TT (&thresholds)[FOLDS][PE][STEPS];

    template <typename TA>
    TO operator()(const TA& accumulator, unsigned fold, unsigned pe) const {
#pragma HLS INLINE
        return TO(TC(BIAS) + steps_reached<STEPS, TC>(accumulator, thresholds[fold][pe]));
    }
};

}  // namespace hwsubnet
