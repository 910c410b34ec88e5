// SPDX-License-Identifier: Apache-2.0
//
// One pass over memory for what PyTorch takes a dozen: batch norm, ReLU, channel mask and
// quantizer, in training, forward and backward. With two sources, an addition whose operands share
// a quantizer stands before the ReLU:
//
//   one source    y = Q(m relu(norm(x)))
//   two sources   y = Q(m relu(J(m_a norm_a(a)) + J(m_b norm_b(b))))
//
// Any part may be missing. Gradients pass quantizers straight through.
//
// Statistics of norms are summed in float64. All else is computed in float32, each step rounded as
// the same step in PyTorch is: norm(x) = fma(x, alpha, beta) with alpha = weight / sigma and
// beta = fma(-mu, alpha, bias), then rounded to the tensor's type; so given the same statistics the
// result has the same bits. A quantizer's extremes are known before its values are written,
// because norm and ReLU are monotonic: they are those of the channels' extremes.

#include <algorithm>
#include <type_traits>

#include "common.hpp"

namespace hwsubnet {

struct Norm {
  const float* weight;
  const float* bias;
  float* running_mean;
  float* running_variance;
  double momentum;
  double epsilon;
};

// The statistics of a channel mask that is being observed.
struct Importance {
  float* l1;
  float* l0;
  Index* batches;
};

// Rows of what a forward pass leaves for its backward pass: the norm's mean and 1 / sigma, then
// alpha and beta with masks in them, and 1 where no mask zeroes the channel.
enum State { kMean, kInverse, kAlpha, kBeta, kKept };

struct Source {
  const void* x;
  Norm* norm;              // or null
  const Flag* keep;        // or null; of two sources
  Importance* importance;  // or null
  float* state;            // (5, channels), written: see State
};

struct Site {
  Index rows;
  Index channels;
  std::int32_t bfloat16;
  std::int32_t threads;
  std::int32_t sources;
  std::int32_t relu;
  std::int32_t counts;     // whether quantizers that are on take statistics
  Source source[2];
  Quantizer* joint;        // or null
  const Flag* keep;        // or null
  Importance* importance;  // or null
  Quantizer* quantizer;    // or null
  void* out;
  Flag* positive;          // where the sum of two sources is; or null
};

struct Branch {
  const void* x;       // of norms, and of ReLU where Gradient::positive is null
  const float* state;  // as the forward pass left it
  void* out;           // gradient of x
  float* weight;       // gradients of the norm's parameters; null without one
  float* bias;
};

struct Gradient {
  Index rows;
  Index channels;
  std::int32_t bfloat16;
  std::int32_t threads;
  std::int32_t sources;
  std::int32_t relu;      // whether to look for what ReLU let pass: in x, or in `positive`
  Branch source[2];
  const Flag* positive;   // or null
  const void* gradient;   // of the result
};

namespace {

constexpr bool kBack = true;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// What is known of each channel of a tensor.
struct Statistics {
  explicit Statistics(Index size)
      : sum(size), square(size), least(size, kInfinity), most(size, -kInfinity) {}

  // Takes in `count` entries of another, from `first` on, entry by entry.
  void take(const Statistics& other, Index first, Index count) {
#pragma omp simd
    for (Index k = 0; k < count; ++k) {
      sum[k] += other.sum[first + k];
      square[k] += other.square[first + k];
      least[k] = std::min(least[k], other.least[first + k]);
      most[k] = std::max(most[k], other.most[first + k]);
    }
  }

  std::vector<double> sum, square;
  std::vector<float> least, most;
};

constexpr Index kRowsAtOnce = 8;

// Calls body(rows, first, length) for several periods at a time, `rows` known to the compiler: sums
// then stay in registers for so long.
template <class F>
void several_periods(Index elements, Index period, F body) {
  constexpr std::integral_constant<Index, kRowsAtOnce> several;
  constexpr std::integral_constant<Index, 1> one;
  Index first = 0;
  for (; first + several * period <= elements; first += several * period) {
    body(several, first, period);
  }
  each_period(elements - first, period,
              [&](Index at, Index length) { body(one, first + at, length); });
}

template <class T, bool kSums>
void add_task(const T* x, Index elements, Index period, Statistics& s) {
  double* sum = s.sum.data();
  double* square = s.square.data();
  float* least = s.least.data();
  float* most = s.most.data();
  several_periods(elements, period, [&](auto rows, Index first, Index length) {
#pragma omp simd
    for (Index k = 0; k < length; ++k) {
      double total = sum[k], squares = square[k];
      float low = least[k], high = most[k];
      for (Index row = 0; row < rows; ++row) {
        const float value = to_float(x[first + row * period + k]);
        if (kSums) {
          total += value;
          squares += static_cast<double>(value) * value;
        }
        low = value < low ? value : low;
        high = value > high ? value : high;
      }
      if (kSums) sum[k] = total, square[k] = squares;
      least[k] = low, most[k] = high;
    }
  });
}

// Adds up, in order, what tasks found, then folds the period into its channels.
Statistics joined(const std::vector<Statistics>& parts, const Period& period) {
  Statistics all(period.length);
  for (const Statistics& part : parts) all.take(part, 0, period.length);
  Statistics whole(period.channels);
  for (Index first = 0; first < period.length; first += period.channels) {
    whole.take(all, first, period.channels);
  }
  return whole;
}

template <class T, bool kSums>
Statistics statistics_of(const T* x, const Tasks& tasks, const Period& period, int threads) {
  std::vector<Statistics> parts(tasks.count, Statistics(0));
  tasks.run(threads, [&](Index task) {
    Statistics part(period.length);
    add_task<T, kSums>(x + tasks.begin(task), tasks.length(task), period.length, part);
    parts[task] = std::move(part);
  });
  return joined(parts, period);
}

// alpha and beta for every channel; a source without norm has 1 and 0.
struct Affine {
  std::vector<float> alpha, beta, kept;

  explicit Affine(Index channels)
      : alpha(channels, 1.0f), beta(channels, 0.0f), kept(channels, 1.0f) {}

  void mask(const Flag* keep) {
    if (keep == nullptr) return;
    for (std::size_t c = 0; c < alpha.size(); ++c) {
      if (!keep[c]) alpha[c] = beta[c] = kept[c] = 0;
    }
  }
};

// Writes mean and 1 / sigma to `state`, and folds them into the running ones.
Affine normalize(const Norm& norm, const Statistics& s, Index rows, Index channels, float* state) {
  Affine affine(channels);
  for (Index c = 0; c < channels; ++c) {
    const double mean = s.sum[c] / rows;
    const double variance = std::max(s.square[c] / rows - mean * mean, 0.0);
    const float center = static_cast<float>(mean);
    const float inverse = static_cast<float>(1.0 / std::sqrt(variance + norm.epsilon));
    state[kMean * channels + c] = center;
    state[kInverse * channels + c] = inverse;
    affine.alpha[c] = inverse * norm.weight[c];
    affine.beta[c] = std::fma(-center, affine.alpha[c], norm.bias[c]);
    const auto follow = [&](float& running, double now) {
      running = static_cast<float>(norm.momentum * now + (1 - norm.momentum) * running);
    };
    follow(norm.running_mean[c], mean);
    follow(norm.running_variance[c], variance * rows / (rows - 1));
  }
  return affine;
}

// Folds mean |a| and the share of a that is not 0 into a mask's cumulative means, where
// a = max(alpha x + beta, floor).
template <class T>
void measure(const T* x, const Affine& affine, float floor, const Tasks& tasks,
             const Period& period, int threads, const Importance& importance) {
  const auto alpha = period.spread([&](Index c) { return affine.alpha[c]; });
  const auto beta = period.spread([&](Index c) { return affine.beta[c]; });
  std::vector<Statistics> parts(tasks.count, Statistics(0));
  tasks.run(threads, [&](Index task) {
    Statistics part(period.length);
    double* magnitude = part.sum.data();
    double* nonzeros = part.square.data();
    const float* a = alpha.data();
    const float* b = beta.data();
    const T* in = x + tasks.begin(task);
    each_period(tasks.length(task), period.length, [&](Index first, Index length) {
#pragma omp simd
      for (Index k = 0; k < length; ++k) {
        float value = rounded<T>(std::fma(to_float(in[first + k]), a[k], b[k]));
        value = value < floor ? floor : value;
        magnitude[k] += std::fabs(value);
        nonzeros[k] += value != 0 ? 1.0 : 0.0;
      }
    });
    parts[task] = std::move(part);
  });
  const Statistics whole = joined(parts, period);
  const Index rows = tasks.elements / period.channels;
  const float seen = static_cast<float>(*importance.batches + 1);
  for (Index c = 0; c < period.channels; ++c) {
    importance.l1[c] += (static_cast<float>(whole.sum[c] / rows) - importance.l1[c]) / seen;
    importance.l0[c] += (static_cast<float>(whole.square[c] / rows) - importance.l0[c]) / seen;
  }
  ++*importance.batches;
}

// Extremes of max(alpha x + beta, floor) over the tensor.
template <class T>
void extremes(const Statistics& s, const Affine& affine, float floor, float& least, float& most) {
  for (std::size_t c = 0; c < affine.alpha.size(); ++c) {
    for (const float end : {s.least[c], s.most[c]}) {
      const float value = std::max(rounded<T>(std::fma(end, affine.alpha[c], affine.beta[c])), floor);
      least = std::min(least, value);
      most = std::max(most, value);
    }
  }
}

// out = Q(max(alpha x + beta, floor)); `out` may be `x`.
template <class T, bool kQuantized>
void apply(const T* x, T* out, const Affine& affine, float floor, const Levels levels,
           const Tasks& tasks, const Period& period, int threads) {
  const auto alpha = period.spread([&](Index c) { return affine.alpha[c]; });
  const auto beta = period.spread([&](Index c) { return affine.beta[c]; });
  tasks.run(threads, [&](Index task) {
    const T* in = x + tasks.begin(task);
    T* to = out + tasks.begin(task);
    const float* a = alpha.data();
    const float* b = beta.data();
    const Levels quantize = levels;
    each_period(tasks.length(task), period.length, [&](Index first, Index length) {
#pragma omp simd
      for (Index k = 0; k < length; ++k) {
        float value = rounded<T>(std::fma(to_float(in[first + k]), a[k], b[k]));
        value = value < floor ? floor : value;
        to[first + k] = from_float<T>(kQuantized ? quantize(value) : value);
      }
    });
  }, kBack);
}

template <class T>
void finish(const T* x, T* out, const Affine& affine, float floor, const Levels& levels,
            const Tasks& tasks, const Period& period, int threads) {
  if (levels.on) {
    apply<T, true>(x, out, affine, floor, levels, tasks, period, threads);
  } else {
    apply<T, false>(x, out, affine, floor, levels, tasks, period, threads);
  }
}

// out = J(alpha_a a + beta_a) + J(alpha_b b + beta_b), and where it is above 0; its extremes.
template <class T, bool kQuantized>
Statistics add(const Site& site, const Affine* affine, const Levels levels, const Tasks& tasks,
               const Period& period) {
  std::vector<float> alpha[2], beta[2];
  for (int i = 0; i < 2; ++i) {
    alpha[i] = period.spread([&](Index c) { return affine[i].alpha[c]; });
    beta[i] = period.spread([&](Index c) { return affine[i].beta[c]; });
  }
  std::vector<Statistics> parts(tasks.count, Statistics(0));
  tasks.run(site.threads, [&](Index task) {
    Statistics part(period.length);
    const Index begin = tasks.begin(task);
    const T* a = static_cast<const T*>(site.source[0].x) + begin;
    const T* b = static_cast<const T*>(site.source[1].x) + begin;
    T* out = static_cast<T*>(site.out) + begin;
    Flag* positive = site.positive == nullptr ? nullptr : site.positive + begin;
    const float *alpha_a = alpha[0].data(), *beta_a = beta[0].data();
    const float *alpha_b = alpha[1].data(), *beta_b = beta[1].data();
    float *least = part.least.data(), *most = part.most.data();
    const Levels quantize = levels;
    each_period(tasks.length(task), period.length, [&](Index first, Index length) {
#pragma omp simd
      for (Index k = 0; k < length; ++k) {
        float left = rounded<T>(std::fma(to_float(a[first + k]), alpha_a[k], beta_a[k]));
        float right = rounded<T>(std::fma(to_float(b[first + k]), alpha_b[k], beta_b[k]));
        if (kQuantized) {
          left = rounded<T>(quantize(left));
          right = rounded<T>(quantize(right));
        }
        out[first + k] = from_float<T>(left + right);
      }
#pragma omp simd
      for (Index k = 0; k < length; ++k) {
        const float sum = to_float(out[first + k]), low = least[k], high = most[k];
        least[k] = sum < low ? sum : low;
        most[k] = sum > high ? sum : high;
      }
      if (positive != nullptr) {
#pragma omp simd
        for (Index k = 0; k < length; ++k) positive[first + k] = to_float(out[first + k]) > 0;
      }
    });
    parts[task] = std::move(part);
  });
  return joined(parts, period);
}

template <class T>
void forward(const Site& site) {
  const Period period(site.channels);
  const Tasks tasks(site.rows, period);
  const bool pair = site.sources == 2;
  const float floor = site.relu ? 0.0f : -kInfinity;
  Quantizer* first = pair ? site.joint : site.quantizer;
  const bool looks = first != nullptr && first->collects(site.counts);
  Affine affine[2] = {Affine(site.channels), Affine(site.channels)};
  float least = kInfinity, most = -kInfinity;
  for (int i = 0; i < site.sources; ++i) {
    const Source& source = site.source[i];
    const T* x = static_cast<const T*>(source.x);
    Statistics s(site.channels);
    if (source.norm != nullptr) {
      s = statistics_of<T, true>(x, tasks, period, site.threads);
      affine[i] = normalize(*source.norm, s, site.rows, site.channels, source.state);
    } else if (looks) {
      s = statistics_of<T, false>(x, tasks, period, site.threads);
    }
    const Importance* importance = pair ? source.importance : site.importance;
    const float least_value = pair ? -kInfinity : floor;
    if (importance != nullptr) {
      measure<T>(x, affine[i], least_value, tasks, period, site.threads, *importance);
    }
    affine[i].mask(pair ? source.keep : site.keep);
    for (Index c = 0; c < site.channels; ++c) {
      source.state[kAlpha * site.channels + c] = affine[i].alpha[c];
      source.state[kBeta * site.channels + c] = affine[i].beta[c];
      const bool goes_on = site.keep == nullptr || site.keep[c];
      source.state[kKept * site.channels + c] = goes_on ? affine[i].kept[c] : 0.0f;
    }
    if (looks) extremes<T>(s, affine[i], least_value, least, most);
  }
  if (looks) first->observe(least, most);
  T* out = static_cast<T*>(site.out);
  if (!pair) {
    finish<T>(static_cast<const T*>(site.source[0].x), out, affine[0], floor,
              Levels(site.quantizer), tasks, period, site.threads);
    return;
  }
  const Levels levels(site.joint);
  const Statistics sums = levels.on ? add<T, true>(site, affine, levels, tasks, period)
                                    : add<T, false>(site, affine, levels, tasks, period);
  if (!site.relu && site.keep == nullptr && site.quantizer == nullptr) return;
  Affine same(site.channels);
  if (site.importance != nullptr) {
    measure<T>(out, same, floor, tasks, period, site.threads, *site.importance);
  }
  same.mask(site.keep);
  if (site.quantizer != nullptr && site.quantizer->collects(site.counts)) {
    least = kInfinity, most = -kInfinity;
    extremes<T>(sums, same, floor, least, most);
    site.quantizer->observe(least, most);
  }
  finish<T>(out, out, same, floor, Levels(site.quantizer), tasks, period, site.threads);
}

// Where ReLU and masks let a gradient pass.
enum class Gate { kOpen, kInput, kStored };

template <class T, Gate kGate>
struct Gated {
  const T* gradient;
  const T* x;
  const Flag* positive;
  const float* alpha;
  const float* beta;
  const float* keep;

  float operator()(Index at, Index k) const {
    const float value = to_float(gradient[at]);
    switch (kGate) {
      case Gate::kStored:
        return only_if(positive[at] != 0, value) * keep[k];
      case Gate::kInput:
        return only_if(std::fma(to_float(x[at]), alpha[k], beta[k]) > 0, value);
      default:
        return value * keep[k];
    }
  }
};

// One source in the backward pass; its values are laid out over a period.
template <class T, Gate kGate>
class Returning {
 public:
  Returning(const Gradient& g, const Branch& branch, const Period& period, Index tasks)
      : g_(g), branch_(branch), period_(period), alpha_(row(kAlpha)), beta_(row(kBeta)),
        keep_(row(kKept)), parts_(has_norm() ? tasks : 0, Statistics(0)) {}

  bool has_norm() const { return branch_.weight != nullptr; }

  void begin(Index task) { parts_[task] = Statistics(period_.length); }

  // Adds up, over some periods from `at` on, what passes and its product with x.
  template <class Rows>
  void add(Index task, Rows rows, Index at, Index length, float* let) {
    const auto pass = gated();
    const T* in = static_cast<const T*>(branch_.x) + at;
    double* sum = parts_[task].sum.data();
    double* product = parts_[task].square.data();
    for (Index row = 0; row < rows; ++row) {
#pragma omp simd
      for (Index k = 0; k < length; ++k) {
        let[row * length + k] = pass(at + row * length + k, k);
      }
    }
#pragma omp simd
    for (Index k = 0; k < length; ++k) {
      double total = sum[k], products = product[k];
      for (Index row = 0; row < rows; ++row) {
        const double value = let[row * length + k];
        total += value;
        products += value * to_float(in[row * length + k]);
      }
      sum[k] = total, product[k] = products;
    }
  }

  // dx = alpha (g - mean(g) - x^ mean(g x^)), x^ = (x - mu) / sigma, as one linear form.
  void solve() {
    const Statistics whole = joined(parts_, period_);
    std::vector<float> slope(g_.channels), shift(g_.channels);
    for (Index c = 0; c < g_.channels; ++c) {
      const double mean = state(kMean, c), inverse = state(kInverse, c), scale = state(kAlpha, c);
      const double total = whole.sum[c];
      const double weight = inverse * (whole.square[c] - mean * total);
      branch_.weight[c] = static_cast<float>(weight);
      branch_.bias[c] = static_cast<float>(total);
      const double along = -scale * inverse * weight / g_.rows;
      slope[c] = static_cast<float>(along);
      shift[c] = static_cast<float>(-scale * total / g_.rows - along * mean);
    }
    slope_ = period_.spread([&](Index c) { return slope[c]; });
    shift_ = period_.spread([&](Index c) { return shift[c]; });
  }

  void write(Index at, Index length) const {
    const auto pass = gated();
    T* to = static_cast<T*>(branch_.out) + at;
    if (!has_norm()) {
#pragma omp simd
      for (Index k = 0; k < length; ++k) to[k] = from_float<T>(pass(at + k, k));
      return;
    }
    const T* in = static_cast<const T*>(branch_.x) + at;
    const float *a = alpha_.data(), *b = slope_.data(), *d = shift_.data();
#pragma omp simd
    for (Index k = 0; k < length; ++k) {
      const float along = std::fma(to_float(in[k]), b[k], d[k]);
      to[k] = from_float<T>(std::fma(pass(at + k, k), a[k], along));
    }
  }

 private:
  float state(State which, Index c) const { return branch_.state[which * g_.channels + c]; }

  std::vector<float> row(State which) const {
    return period_.spread([&](Index c) { return state(which, c); });
  }

  Gated<T, kGate> gated() const {
    return {static_cast<const T*>(g_.gradient), static_cast<const T*>(branch_.x), g_.positive,
            alpha_.data(), beta_.data(), keep_.data()};
  }

  const Gradient& g_;
  const Branch& branch_;
  const Period& period_;
  std::vector<float> alpha_, beta_, keep_, slope_, shift_;
  std::vector<Statistics> parts_;
};

// Both sources of a sum go through memory together: they share gradient and `positive`, which the
// caches hold for the second.
template <class T, Gate kGate>
void backward(const Gradient& g) {
  const Period period(g.channels);
  const Tasks tasks(g.rows, period);
  std::vector<Returning<T, kGate>> all;
  std::vector<Returning<T, kGate>*> with_norm;
  all.reserve(g.sources);
  for (int i = 0; i < g.sources; ++i) {
    all.emplace_back(g, g.source[i], period, tasks.count);
    if (all[i].has_norm()) with_norm.push_back(&all[i]);
  }
  if (!with_norm.empty()) {
    tasks.run(g.threads, [&](Index task) {
      std::vector<float> let(kRowsAtOnce * period.length);
      const Index begin = tasks.begin(task);
      for (auto* one : with_norm) one->begin(task);
      several_periods(tasks.length(task), period.length, [&](auto rows, Index first, Index length) {
        for (auto* one : with_norm) one->add(task, rows, begin + first, length, let.data());
      });
    });
    for (auto* one : with_norm) one->solve();
  }
  tasks.run(g.threads, [&](Index task) {
    const Index begin = tasks.begin(task);
    each_period(tasks.length(task), period.length, [&](Index first, Index length) {
      for (const auto& one : all) one.write(begin + first, length);
    });
  }, kBack);
}

template <class T>
void backward(const Gradient& g) {
  if (g.positive != nullptr) {
    backward<T, Gate::kStored>(g);
  } else if (g.relu) {
    backward<T, Gate::kInput>(g);
  } else {
    backward<T, Gate::kOpen>(g);
  }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void hwsubnet_site_forward(const Site* site) {
  site->bfloat16 ? forward<BFloat16>(*site) : forward<float>(*site);
}

extern "C" __attribute__((visibility("default"))) void hwsubnet_site_backward(const Gradient* gradient) {
  gradient->bfloat16 ? backward<BFloat16>(*gradient) : backward<float>(*gradient);
}

}  // namespace hwsubnet
