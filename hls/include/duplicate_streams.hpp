// SPDX-License-Identifier: Apache-2.0
//
// Duplicate streams: the same words to several readers.
//
//   out_i = in      for every output i
//
// Initiation interval 1: a frame takes WORDS cycles.
#pragma once

#include "types.hpp"

namespace hwsubnet {

// WORDS  words per frame
// T      type of a word
// OUT    one type of stream for each output
template <unsigned WORDS, typename T, typename... OUT>
void duplicate_streams(stream<T>& in, OUT&... outs) {
    static_assert(sizeof...(OUT) > 0, "at least one output");
    for (unsigned i = 0; i < WORDS; i++) {
#pragma HLS PIPELINE II = 1
        const T value = in.read();
        const int written[] = {(outs.write(value), 0)...};
        (void)written;
    }
}

}  // namespace hwsubnet
