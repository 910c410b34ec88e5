// SPDX-License-Identifier: Apache-2.0
//
// Files of raw integers in and out of streams, for the generated test bench of an accelerator.
// A file holds one native integer per element, frame after frame, in stream order.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "types.hpp"

namespace hwsubnet {

[[noreturn]] inline void refuse(const char* what, const char* path) {
    std::fprintf(stderr, "%s: %s\n", path, what);
    std::exit(2);
}

// All elements of the file at `path`, `count` of type N.
template <typename N>
std::vector<N> read_elements(const char* path, std::size_t count) {
    std::vector<N> data(count);
    std::FILE* file = std::fopen(path, "rb");
    if (!file) refuse("cannot be opened", path);
    const bool whole = std::fread(data.data(), sizeof(N), count, file) == count;
    const bool ended = std::fgetc(file) == EOF;
    std::fclose(file);
    if (!whole || !ended) refuse("does not hold the expected number of elements", path);
    return data;
}

template <typename N>
void write_elements(const char* path, const std::vector<N>& data) {
    std::FILE* file = std::fopen(path, "wb");
    if (!file) refuse("cannot be opened", path);
    const bool whole = std::fwrite(data.data(), sizeof(N), data.size(), file) == data.size();
    if (std::fclose(file) != 0 || !whole) refuse("cannot be written", path);
}

// Write `words` words for the frames `first` ... to `to`; lanes past the last frame repeat it.
template <typename N, typename T, unsigned PE>
void feed(stream<word<T, PE>>& to, const std::vector<N>& data, std::size_t words,
          std::size_t first, std::size_t frames) {
    const std::size_t size = words * PE;
    for (std::size_t w = 0; w < words; w++) {
        word<T, PE> value;
        for (unsigned pe = 0; pe < PE; pe++)
            for (unsigned lane = 0; lane < LANES; lane++) {
                const std::size_t frame = first + lane < frames ? first + lane : frames - 1;
                set_lane(value[pe], lane, data[frame * size + w * PE + pe]);
            }
        to.write(value);
    }
}

// Read `words` words for the frames `first` ... from `from`.
template <typename N, typename T, unsigned PE>
void drain(stream<word<T, PE>>& from, std::vector<N>& data, std::size_t words, std::size_t first,
           std::size_t frames) {
    const std::size_t size = words * PE;
    for (std::size_t w = 0; w < words; w++) {
        const word<T, PE> value = from.read();
        for (unsigned pe = 0; pe < PE; pe++)
            for (unsigned lane = 0; lane < LANES && first + lane < frames; lane++)
                data[(first + lane) * size + w * PE + pe] =
                    static_cast<N>(get_lane(value[pe], lane));
    }
}

}  // namespace hwsubnet
