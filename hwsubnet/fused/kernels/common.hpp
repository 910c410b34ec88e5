// SPDX-License-Identifier: Apache-2.0
//
// What the kernels share: element types, work in parallel, and the quantizer of
// hwsubnet/quant/quantizers.py.
//
// An image's tensor lies channels-last: a matrix of `rows` = N H W by `channels`. It is read as one
// flat array in which channel values repeat with the period of Period::length, a multiple of the
// channels that is long enough to fill vector registers however few channels there are.
//
// Rows are split into tasks whose size depends on the shape alone, and what tasks sum up is added
// in their order. So no result depends on the number of threads.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace hwsubnet {

using Index = std::int64_t;
using Flag = std::uint8_t;  // torch.bool

struct BFloat16 {
  std::uint16_t bits;
};

inline float to_float(float value) { return value; }

inline float to_float(BFloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

template <class T>
T from_float(float value);

template <>
inline float from_float<float>(float value) {
  return value;
}

// To the nearest, halves to even; a NaN stays one. Without a branch, which would be in the way of
// vector code.
template <>
inline BFloat16 from_float<BFloat16>(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t is_nan = -static_cast<std::uint32_t>(value != value);
  return {static_cast<std::uint16_t>((nearest & ~is_nan) | (0x7fc0u & is_nan))};
}

// The value as an operation that gives tensors of type T would hand it on.
template <class T>
float rounded(float value) {
  return to_float(from_float<T>(value));
}

// The value, or 0; without a branch.
inline float only_if(bool condition, float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits &= -static_cast<std::uint32_t>(condition);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Channel values laid out over a period.
struct Period {
  static constexpr Index kAtLeast = 256;

  explicit Period(Index channels)
      : channels(channels), length(channels * ((kAtLeast + channels - 1) / channels)) {}

  template <class F>
  std::vector<float> spread(F of_channel) const {
    std::vector<float> values(length);
    for (Index k = 0; k < length; ++k) values[k] = of_channel(k % channels);
    return values;
  }

  const Index channels;
  const Index length;
};

// How the elements are split into tasks: whole periods, the last task takes what is left.
struct Tasks {
  static constexpr Index kElements = 32768;

  Tasks(Index rows, const Period& period)
      : elements(rows * period.channels),
        size(period.length * ((kElements + period.length - 1) / period.length)),
        count((elements + size - 1) / size) {}

  Index begin(Index task) const { return task * size; }
  Index length(Index task) const { return std::min(size, elements - begin(task)); }

  // Calls body(task) for all; `back` begins with the last ones, whose memory the caches may still
  // hold from a pass before. Either way a thread has the same tasks, and about the same part of a
  // tensor as in PyTorch's own loops: what it reads is in its own core's caches.
  template <class F>
  void run(int threads, F body, bool back = false) const {
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1 && count > 1)
    {
      const Index all = omp_get_num_threads(), mine = omp_get_thread_num();
      share(count * mine / all, count * (mine + 1) / all, body, back);
    }
#else
    share(0, count, body, back);
    (void)threads;
#endif
  }

  const Index elements;
  const Index size;
  const Index count;

 private:
  template <class F>
  static void share(Index first, Index last, F& body, bool back) {
    for (Index i = first; i < last; ++i) body(back ? first + last - 1 - i : i);
  }
};

// Calls body(first, length) for one period after the other; the last may be cut short.
template <class F>
void each_period(Index elements, Index period, F body) {
  Index first = 0;
  for (; first + period <= elements; first += period) body(first, period);
  if (first < elements) body(first, elements - first);
}

enum Range : std::int32_t { kUnsigned = 0, kSymmetric = 1, kAffine = 2, kFixed = 3 };

// The state of an activation quantizer, in its buffers.
struct Quantizer {
  const Flag* enabled;
  float* minimum;
  float* maximum;
  Index* batches;
  const float* step;  // of kFixed, which has none of the others
  std::int32_t range;
  std::int32_t bits;
  float low;
  float high;

  bool is_on() const { return range == kFixed || *enabled; }
  bool collects(bool counts) const { return counts && range != kFixed && *enabled; }

  // Fold the extremes of a batch into the cumulative means.
  void observe(float least, float most) {
    const float seen = static_cast<float>(*batches + 1);
    *minimum += (least - *minimum) / seen;
    *maximum += (most - *maximum) / seen;
    ++*batches;
  }
};

inline float nonzero(float scale) { return scale > 0 ? scale : 1e-4f; }

// Quantizes and dequantizes: s (clip(round(x / s + z), low, high) - z), halves to even.
struct Levels {
  bool on = false;
  float scale = 1, zero = 0, low = 0, high = 0;

  explicit Levels(const Quantizer* quantizer) {
    if (quantizer == nullptr || !quantizer->is_on()) return;
    const Quantizer& q = *quantizer;
    if (q.range != kFixed && *q.batches == 0) return;
    on = true, low = q.low, high = q.high;
    const float steps = std::ldexp(1.0f, q.bits);
    switch (q.range) {
      case kFixed:
        scale = *q.step;
        break;
      case kUnsigned:
        scale = nonzero(*q.maximum / steps);
        break;
      case kSymmetric:
        scale = nonzero(std::max(-*q.minimum, *q.maximum) / (steps / 2));
        break;
      default: {
        const float least = std::min(*q.minimum, 0.0f);
        scale = nonzero((std::max(*q.maximum, 0.0f) - least) / steps);
        zero = std::min(std::max(std::nearbyint(-least / scale), 0.0f), high);
      }
    }
  }

  float operator()(float value) const {
    float level = std::nearbyint(value / scale + zero);
    level = level < low ? low : level;  // so written, a NaN stays one
    level = level > high ? high : level;
    return (level - zero) * scale;
  }
};

}  // namespace hwsubnet
