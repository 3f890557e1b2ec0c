// Metrics: counters and histograms that cost nanoseconds, and their text for Prometheus.
//
// Handles are made once, by name and labels, and kept by whoever counts. Counting is one or two
// additions to cells of the calling thread: no lock, no lookup, no shared cache line.
// Reading adds the threads' cells up.
//
// Labels come from closed sets that are known at construction: never ids, never texts of callers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/telemetry/internal/cells.h"

namespace pemba::telemetry {

using Label = std::pair<std::string, std::string>;  // Name, value.
using Labels = std::vector<Label>;

// Grows only. Thread-safe.
class Counter {
 public:
  void Add(std::uint64_t amount = 1) { cells_.Add(0, amount); }
  std::uint64_t Value() const { return cells_.Sum(0); }

 private:
  friend class Registry;
  explicit Counter(internal::Cells cells) : cells_(cells) {}
  internal::Cells cells_;
};

// What is observed are whole numbers of a small unit (nanoseconds, bytes, items); `scale` turns
// them into the unit that the name promises.
struct Buckets {
  std::vector<std::uint64_t> bounds;  // Ascending, each inclusive; one more bucket is +Inf.
  double scale = 1;                   // One divided by a whole number.
};
Buckets Milliseconds(const std::vector<double>& bounds);  // Observed in nanoseconds.
Buckets Seconds(const std::vector<double>& bounds);       // Observed in nanoseconds.

// Thread-safe.
class Histogram {
 public:
  void Observe(std::uint64_t value) {
    std::size_t bucket = 0;
    while (bucket < buckets_.bounds.size() && value > buckets_.bounds[bucket]) ++bucket;
    cells_.Add(bucket, 1);
    cells_.Add(buckets_.bounds.size() + 1, value);
  }
  std::uint64_t Count() const;

 private:
  friend class Registry;
  Histogram(Buckets buckets, internal::Cells cells) : buckets_(std::move(buckets)), cells_(cells) {}
  const Buckets buckets_;
  internal::Cells cells_;  // A count per bucket, then the sum.
};

// A value that is known elsewhere and set when somebody asks (Registry::OnScrape). Thread-safe.
class Reading {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }

 private:
  friend class Registry;
  std::atomic<double> value_{0};
};

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };
enum class Show : std::uint8_t {
  kAlways,
  kWhenCounted,  // Not before the first count: for labels with many values, few of them ever used.
};

// All metrics of one server. Thread-safe; handles live as long as the registry. A name has one kind
// and one help text, and every set of labels is there once (checked: breaking it is our bug).
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter& AddCounter(std::string_view name, std::string_view help, Labels labels = {},
                      Show show = Show::kAlways);
  Histogram& AddHistogram(std::string_view name, std::string_view help, Buckets buckets,
                          Labels labels = {}, Show show = Show::kAlways);
  // kCounter or kGauge.
  Reading& AddReading(MetricKind kind, std::string_view name, std::string_view help,
                      Labels labels = {});
  // Shows `counter`, which this registry has made, under another name too.
  void AddAlias(std::string_view name, std::string_view help, Labels labels,
                const Counter& counter);
  // A histogram of something that is zero whenever `occasions` counts: it costs nothing to keep.
  void AddZeros(std::string_view name, std::string_view help, Buckets buckets, Labels labels,
                const Histogram& occasions);

  // Run at the start of each Scrape, one at a time, on the thread that scrapes. To set readings;
  // must not call the registry.
  void OnScrape(std::function<void()> refresh);

  // Prometheus text exposition format 0.0.4, families by name. O(series x shards).
  std::string Scrape();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace pemba::telemetry
