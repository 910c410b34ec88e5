// SPDX-License-Identifier: Apache-2.0
//
// Elementwise operations between two streams, or between a stream and a constant that repeats with
// a period (one value, one per channel, one per element).
//
//   out[e] = lhs[e] OP rhs[e]
//
// Initiation interval 1: a frame takes WORDS cycles.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// An operation gets operands of their own types, and gives a TO that holds the exact result.
struct add {
    template <typename TO, typename A, typename B>
    static TO apply(const A& a, const B& b) {
#pragma HLS INLINE
        return TO(TO(a) + TO(b));
    }
};

struct subtract {
    template <typename TO, typename A, typename B>
    static TO apply(const A& a, const B& b) {
#pragma HLS INLINE
        return TO(TO(a) - TO(b));
    }
};

struct subtract_from {
    template <typename TO, typename A, typename B>
    static TO apply(const A& a, const B& b) {
#pragma HLS INLINE
        return TO(TO(b) - TO(a));
    }
};

struct multiply_by {
    template <typename TO, typename A, typename B>
    static TO apply(const A& a, const B& b) {
#pragma HLS INLINE
        return multiply<TO>(a, b);
    }
};

// TC  type that holds both operands
template <typename TC>
struct maximum {
    template <typename TO, typename A, typename B>
    static TO apply(const A& a, const B& b) {
#pragma HLS INLINE
        const TC left = TC(a), right = TC(b);
        return TO(select(left > right, left, right));
    }
};

// Two streams.
//
// OP          operation
// WORDS       words per frame
// PE          elements per word
// TA, TB, TO  element types of the two inputs and the output
template <typename OP, unsigned WORDS, unsigned PE, typename TA, typename TB, typename TO>
void elementwise(stream<word<TA, PE>>& lhs, stream<word<TB, PE>>& rhs, stream<word<TO, PE>>& out) {
    for (unsigned i = 0; i < WORDS; i++) {
#pragma HLS PIPELINE II = 1
        const word<TA, PE> a = lhs.read();
        const word<TB, PE> b = rhs.read();
        word<TO, PE> y;
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            y[pe] = OP::template apply<TO>(a[pe], b[pe]);
        }
        out.write(y);
    }
}

// A stream and a constant of PERIOD words.
template <typename OP, unsigned WORDS, unsigned PE, unsigned PERIOD, typename TA, typename TO,
          typename TW>
void elementwise_constant(stream<word<TA, PE>>& in, stream<word<TO, PE>>& out,
                          const TW (&constants)[PERIOD][PE]) {
    static_assert(PERIOD > 0 && WORDS % PERIOD == 0, "PERIOD must divide WORDS");
#pragma HLS ARRAY_PARTITION variable = constants complete dim = 2
    unsigned index = 0;
    for (unsigned i = 0; i < WORDS; i++) {
#pragma HLS PIPELINE II = 1
        const word<TA, PE> a = in.read();
        word<TO, PE> y;
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            y[pe] = OP::template apply<TO>(a[pe], constants[index][pe]);
        }
        out.write(y);
        index = index + 1 == PERIOD ? 0 : index + 1;
    }
}

}  // namespace hwsubnet
