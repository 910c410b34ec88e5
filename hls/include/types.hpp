// SPDX-License-Identifier: Apache-2.0
//
// Elements, words and streams: what every kernel is written in.
//
//   integer<BITS, SIGNED>   one element of a stream or an accumulator
//   constant<BITS, SIGNED>  one element of a parameter array (weights, thresholds)
//   word<T, N>              N elements that cross an interface in one clock cycle, element 0 in the
//                           least significant bits
//   stream<T>               a FIFO of words
//
// The same kernel source has two readings.
//
// Hardware (the default): integer is ap_int or ap_uint, stream is hls::stream. This is what Vitis
// HLS synthesizes, and g++ compiles it with the ap_types headers.
//
// Lanes (HWSUBNET_LANES = L): integer is a vector of L native integers, one for each of L frames
// that run through the accelerator side by side. The control flow of a kernel never depends on
// data, so all frames take the same path. It is the same arithmetic modulo the native width, which
// is never narrower than BITS; a value that leaves its declared range is refused by the integer
// golden model, not here.
//
//   factor<TI, TP>          a TI that will be multiplied often, with products of type TP
//
// Kernels keep to what both readings share: conversion by T(x), + - += between equal types,
// comparisons (0 or 1), multiply<T>(a, b), with_sign<T>(a, sign), shift_right<S>(a),
// select(condition, a, b).
#pragma once

#ifdef HWSUBNET_LANES
#include "types_lanes.hpp"
#else
#include "types_ap.hpp"
#endif

namespace hwsubnet {

template <typename T, unsigned N>
struct word {
    T data[N];

    T& operator[](unsigned i) { return data[i]; }
    const T& operator[](unsigned i) const { return data[i]; }
};

// The same elements as Ts.
template <typename T, typename TI, unsigned N>
inline word<T, N> converted(const word<TI, N>& x) {
#pragma HLS INLINE
    word<T, N> y;
    for (unsigned i = 0; i < N; i++) {
#pragma HLS UNROLL
        y[i] = T(x[i]);
    }
    return y;
}

}  // namespace hwsubnet
