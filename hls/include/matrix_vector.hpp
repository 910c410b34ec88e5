// SPDX-License-Identifier: Apache-2.0
//
// Matrix-vector unit: a fully connected layer, or a convolution over the windows of
// sliding_window.hpp.
//
//   out[r] = activation( sum_c weights(r, c) * in[c] )      r < MH, c < MW
//
// Word s of an input vector holds columns s * SIMD ..., word n of an output vector rows n * PE ...
// The input vector is kept while the MH / PE row folds go over it. Weights lie in the order of use:
// weights[n][s][pe][simd] = weights(n * PE + pe, s * SIMD + simd).
// Initiation interval 1: a frame takes VECTORS * (MH / PE) * (MW / SIMD) cycles.
#pragma once

#include "activation.hpp"
#include "product.hpp"
#include "types.hpp"

namespace hwsubnet {

// PRODUCT     how operands are encoded: product.hpp
// VECTORS     input vectors per frame
// MW, MH      columns, a multiple of SIMD; rows, a multiple of PE
// SIMD, PE    columns and rows per cycle
// TP          type that holds the sum of one word's products
// TA          type of the accumulator
// TI, TO, TW  types of the input, the output and a weight
// ACTIVATION  turns the accumulator of (fold, pe) into a TO: activation.hpp
template <typename PRODUCT, unsigned VECTORS, unsigned MW, unsigned MH, unsigned SIMD, unsigned PE,
          typename TP, typename TA, typename TI, typename TO, typename TW, typename ACTIVATION>
void matrix_vector(stream<word<TI, SIMD>>& in, stream<word<TO, PE>>& out,
                   const TW (&weights)[MH / PE][MW / SIMD][PE][SIMD],
                   const ACTIVATION& activation) {
    static_assert(SIMD > 0 && MW % SIMD == 0, "SIMD must divide MW");
    static_assert(PE > 0 && MH % PE == 0, "PE must divide MH");
    constexpr unsigned SYNAPSE_FOLDS = MW / SIMD;
    constexpr unsigned NEURON_FOLDS = MH / PE;
#pragma HLS ARRAY_PARTITION variable = weights complete dim = 3
#pragma HLS ARRAY_PARTITION variable = weights complete dim = 4
    using TX = factor<TI, TP>;
    word<TX, SIMD> held[SYNAPSE_FOLDS];
    TA accumulators[PE];
#pragma HLS ARRAY_PARTITION variable = accumulators complete
    unsigned synapse = 0;
    unsigned neuron = 0;
    for (unsigned i = 0; i < VECTORS * NEURON_FOLDS * SYNAPSE_FOLDS; i++) {
#pragma HLS PIPELINE II = 1
        if (neuron == 0) held[synapse] = converted<TX>(in.read());
        const word<TX, SIMD>& x = held[synapse];
        for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
            TP sum = TP(0);
            for (unsigned simd = 0; simd < SIMD; simd++) {
#pragma HLS UNROLL
                sum += PRODUCT::template product<TP>(x[simd], weights[neuron][synapse][pe][simd]);
            }
            accumulators[pe] = synapse == 0 ? TA(sum) : TA(accumulators[pe] + TA(sum));
        }
        if (++synapse == SYNAPSE_FOLDS) {
            word<TO, PE> y;
            for (unsigned pe = 0; pe < PE; pe++) {
#pragma HLS UNROLL
                y[pe] = activation(accumulators[pe], neuron, pe);
            }
            out.write(y);
            synapse = 0;
            neuron = neuron + 1 == NEURON_FOLDS ? 0 : neuron + 1;
        }
    }
}

// The accumulators themselves.
template <typename PRODUCT, unsigned VECTORS, unsigned MW, unsigned MH, unsigned SIMD, unsigned PE,
          typename TP, typename TA, typename TI, typename TO, typename TW>
void matrix_vector(stream<word<TI, SIMD>>& in, stream<word<TO, PE>>& out,
                   const TW (&weights)[MH / PE][MW / SIMD][PE][SIMD]) {
    matrix_vector<PRODUCT, VECTORS, MW, MH, SIMD, PE, TP, TA>(in, out, weights, identity<TO>());
}

// With thresholds inside: STEPS, BIAS and TC as in thresholding.hpp.
template <typename PRODUCT, unsigned VECTORS, unsigned MW, unsigned MH, unsigned SIMD, unsigned PE,
          typename TP, typename TA, unsigned STEPS, int BIAS, typename TC, typename TI, typename TO,
          typename TW, typename TT>
void matrix_vector_thresholds(stream<word<TI, SIMD>>& in, stream<word<TO, PE>>& out,
                              const TW (&weights)[MH / PE][MW / SIMD][PE][SIMD],
                              const TT (&thresholds)[MH / PE][PE][STEPS]) {
#pragma HLS ARRAY_PARTITION variable = thresholds complete dim = 2
#pragma HLS ARRAY_PARTITION variable = thresholds complete dim = 3
    const staircase<MH / PE, PE, STEPS, BIAS, TO, TC, TT> activation = {thresholds};
    matrix_vector<PRODUCT, VECTORS, MW, MH, SIMD, PE, TP, TA>(in, out, weights, activation);
}

}  // namespace hwsubnet
