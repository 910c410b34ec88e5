// SPDX-License-Identifier: Apache-2.0
//
// The hardware reading of types.hpp: arbitrary-precision integers, one frame at a time.
#pragma once

#include <ap_int.h>
#include <hls_stream.h>

namespace hwsubnet {

constexpr unsigned LANES = 1;

namespace detail {

template <unsigned BITS, bool SIGNED>
struct integer {
    using type = ap_uint<BITS>;
};
template <unsigned BITS>
struct integer<BITS, true> {
    using type = ap_int<BITS>;
};

}  // namespace detail

template <unsigned BITS, bool SIGNED>
using integer = typename detail::integer<BITS, SIGNED>::type;

template <unsigned BITS, bool SIGNED>
using constant = integer<BITS, SIGNED>;

// A multiplier's operand stays as narrow as it is.
template <typename TI, typename TP>
using factor = TI;

template <typename T>
using stream = hls::stream<T>;

// a * b as a T. The product is formed at the operands' own widths, so that a multiplier is no
// wider than they are.
template <typename T, typename A, typename B>
inline T multiply(const A& a, const B& b) {
#pragma HLS INLINE
    return T(a * b);
}

// a or -a as a T: the bipolar `sign` 1 or 0 decides.
template <typename T, typename A, typename S>
inline T with_sign(const A& a, const S& sign) {
#pragma HLS INLINE
    return sign == 1 ? T(a) : T(-a);
}

// floor(a / 2^SHIFT)
template <unsigned SHIFT, typename T>
inline T shift_right(const T& a) {
#pragma HLS INLINE
    return a >> SHIFT;
}

// condition ? a : b, as a multiplexer.
template <typename C, typename T>
inline T select(const C& condition, const T& a, const T& b) {
#pragma HLS INLINE
    return condition ? a : b;
}

// The frame `lane` of an element, for the test bench.
template <typename T>
inline void set_lane(T& element, unsigned, long long value) {
    element = value;
}
template <typename T>
inline long long get_lane(const T& element, unsigned) {
    return static_cast<long long>(element);
}

}  // namespace hwsubnet
