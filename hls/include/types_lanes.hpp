// SPDX-License-Identifier: Apache-2.0
//
// The simulation reading of types.hpp: each element is a vector of native integers, one per frame.
// Never synthesized. Compile with -fwrapv: sums wrap as they do in hardware.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <vector>

namespace hwsubnet {

constexpr unsigned LANES = HWSUBNET_LANES;

template <unsigned BITS, bool SIGNED>
using constant = std::conditional_t<
    (BITS <= 8), std::conditional_t<SIGNED, std::int8_t, std::uint8_t>,
    std::conditional_t<
        (BITS <= 16), std::conditional_t<SIGNED, std::int16_t, std::uint16_t>,
        std::conditional_t<(BITS <= 32), std::conditional_t<SIGNED, std::int32_t, std::uint32_t>,
                           std::conditional_t<SIGNED, std::int64_t, std::uint64_t>>>>;

template <typename N>
struct lanes {
    using native = N;
    typedef N vector __attribute__((vector_size(LANES * sizeof(N))));

    vector v;

    lanes() = default;
    lanes(vector raw) : v(raw) {}
    // Every lane gets the same value.
    template <typename S, typename = std::enable_if_t<std::is_integral<S>::value>>
    lanes(S scalar) : v(vector{} + static_cast<N>(scalar)) {}
    template <typename M>
    explicit lanes(const lanes<M>& other) : v(__builtin_convertvector(other.v, vector)) {}

    lanes& operator+=(const lanes& other) {
        v += other.v;
        return *this;
    }
    friend lanes operator+(const lanes& a, const lanes& b) { return a.v + b.v; }
    friend lanes operator-(const lanes& a, const lanes& b) { return a.v - b.v; }
    // A vector comparison gives 0 or -1 for each lane; here true is 1, as it is for ap_int.
    friend lanes operator>=(const lanes& a, const lanes& b) { return boolean(a.v >= b.v); }
    friend lanes operator>(const lanes& a, const lanes& b) { return boolean(a.v > b.v); }
    friend lanes operator==(const lanes& a, const lanes& b) { return boolean(a.v == b.v); }

   private:
    template <typename M>
    static lanes boolean(M mask) {
        return lanes((vector)(-mask));
    }
};

template <unsigned BITS, bool SIGNED>
using integer = lanes<constant<BITS, SIGNED>>;

// Widened once, not for each product.
template <typename TI, typename TP>
using factor = TP;

template <typename T, typename A, typename B>
inline T multiply(const A& a, const B& b) {
    return T(T(a).v * T(b).v);
}

template <typename T, typename A, typename S>
inline T with_sign(const A& a, const S& sign) {
    return T(T(a).v * (T(2).v * T(sign).v - T(1).v));
}

template <unsigned SHIFT, typename N>
inline lanes<N> shift_right(const lanes<N>& a) {
    return lanes<N>(a.v >> SHIFT);
}

template <typename N>
inline lanes<N> select(const lanes<N>& condition, const lanes<N>& a, const lanes<N>& b) {
    return lanes<N>(condition.v != 0 ? a.v : b.v);
}
// The condition may come from a comparison in another width.
template <typename C, typename N>
inline lanes<N> select(const lanes<C>& condition, const lanes<N>& a, const lanes<N>& b) {
    return select(lanes<N>(condition), a, b);
}
// A condition that does not depend on data.
template <typename N>
inline lanes<N> select(bool condition, const lanes<N>& a, const lanes<N>& b) {
    return condition ? a : b;
}

template <typename N>
inline void set_lane(lanes<N>& element, unsigned lane, long long value) {
    element.v[lane] = static_cast<N>(value);
}
template <typename N>
inline long long get_lane(const lanes<N>& element, unsigned lane) {
    return static_cast<long long>(element.v[lane]);
}

// A FIFO that grows as needed, with the interface of hls::stream.
template <typename T>
class stream {
   public:
    explicit stream(const char* name = "") : name_(name) {}
    stream(const stream&) = delete;
    ~stream() {
        if (head_ != tail_) fail("still holds words at the end");
    }

    void write(const T& value) {
        if (tail_ == buffer_.size()) {
            if (tail_ * sizeof(T) > RUNAWAY) fail("grows without end");
            buffer_.resize(tail_ < 64 ? 64 : 2 * tail_);
        }
        buffer_[tail_++] = value;
    }
    T read() {
        if (head_ == tail_) fail("was read while empty");
        const T& value = buffer_[head_++];
        if (head_ == tail_) head_ = tail_ = 0;
        return value;
    }
    bool empty() const { return head_ == tail_; }

   private:
    // No frame is this large: a kernel that never stops writing ends here, not in swapping.
    static constexpr std::size_t RUNAWAY = std::size_t{1} << 30;

    [[noreturn]] void fail(const char* what) const {
        std::fprintf(stderr, "stream %s %s\n", name_, what);
        std::_Exit(3);
    }

    const char* name_;
    std::vector<T> buffer_;
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

}  // namespace hwsubnet
