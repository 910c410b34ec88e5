// SPDX-License-Identifier: Apache-2.0
//
// What drivers of a verilated module share: random pauses, and words of any width on its ports.
#pragma once

#include "verilated.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

// Marsaglia's xorshift64*.
class Random {
public:
    explicit Random(std::uint64_t seed) : state(seed * 2654435769u + 1) {}
    // True in `percent` of 100 calls.
    bool chance(std::uint64_t percent) {
        if (percent == 0) return false;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return ((state * 2685821657736338717u) >> 32) % 100 < percent;
    }

private:
    std::uint64_t state;
};

// Verilator's ports are integers up to 64 bits, and arrays of 32-bit words beyond.
template <class Port>
inline void store(Port &port, const std::uint8_t *word, std::size_t bytes) {
    port = 0;
    std::memcpy(&port, word, bytes);
}
template <std::size_t N>
inline void store(VlWide<N> &port, const std::uint8_t *word, std::size_t bytes) {
    port[N - 1] = 0;
    std::memcpy(port.data(), word, bytes);
}
template <class Port> inline const void *load(const Port &port) { return &port; }
template <std::size_t N> inline const void *load(const VlWide<N> &port) { return port.data(); }
