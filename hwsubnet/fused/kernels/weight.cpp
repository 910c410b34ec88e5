// SPDX-License-Identifier: Apache-2.0
//
// Quantizes weights as Algorithm 3 of Zhang, Colbert & Das (2022) does:
//   s_c = mean(max |w_c|) / 2^(b-1),   w^ = s_c clip(round(w / s_c), low, high)
// with a straight-through gradient that is zero where a weight was clipped.
//
// Output channels are the outermost axis: `channels` filters of `size` weights each. One scale for
// the whole tensor is one channel.

#include <algorithm>

#include "common.hpp"

namespace hwsubnet {

struct Weight {
  Index channels;
  Index size;
  const float* weight;
  float* maximum;  // (channels)
  Index* batches;
  std::int32_t bits;
  float low;
  float high;
  std::int32_t observes;   // whether these values are to be folded into the means
  std::int32_t bfloat16;   // type of the result
  float* scale;            // (channels), written
  void* out;
};

namespace {

template <class T>
void quantize(const Weight& w) {
  T* out = static_cast<T*>(w.out);
  for (Index c = 0; c < w.channels; ++c) {
    const float* in = w.weight + c * w.size;
    T* to = out + c * w.size;
    const float scale = w.scale[c], low = w.low, high = w.high;
#pragma omp simd
    for (Index k = 0; k < w.size; ++k) {
      float level = std::nearbyint(in[k] / scale);
      level = level < low ? low : level;
      level = level > high ? high : level;
      to[k] = from_float<T>(level * scale);
    }
  }
}

float largest_magnitude(const float* values, Index count) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (Index k = 0; k < count; ++k) largest = std::max(largest, std::fabs(values[k]));
  return largest;
}

template <class T>
void clip_gradient(const Weight& w, const T* gradient, float* out) {
  for (Index c = 0; c < w.channels; ++c) {
    const Index first = c * w.size;
    const float scale = w.scale[c], low = w.low, high = w.high;
#pragma omp simd
    for (Index k = first; k < first + w.size; ++k) {
      const float level = std::nearbyint(w.weight[k] / scale);
      out[k] = level >= low && level <= high ? to_float(gradient[k]) : 0.0f;
    }
  }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void hwsubnet_weight_forward(
    const Weight* weight) {
  const Weight& w = *weight;
  if (w.observes) {
    const float seen = static_cast<float>(*w.batches + 1);
    for (Index c = 0; c < w.channels; ++c) {
      const float largest = largest_magnitude(w.weight + c * w.size, w.size);
      w.maximum[c] += (largest - w.maximum[c]) / seen;
    }
    ++*w.batches;
  }
  const float half = std::ldexp(1.0f, w.bits - 1);
  for (Index c = 0; c < w.channels; ++c) w.scale[c] = nonzero(w.maximum[c] / half);
  w.bfloat16 ? quantize<BFloat16>(w) : quantize<float>(w);
}

// `gradient` is of the type of the forward pass's result, `out` float.
extern "C" __attribute__((visibility("default"))) void hwsubnet_weight_backward(const Weight* weight, const void* gradient, float* out) {
  if (weight->bfloat16) {
    clip_gradient(*weight, static_cast<const BFloat16*>(gradient), out);
  } else {
    clip_gradient(*weight, static_cast<const float*>(gradient), out);
  }
}

}  // namespace hwsubnet
