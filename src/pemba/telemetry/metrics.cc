#include "pemba/telemetry/metrics.h"

#include <charconv>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <mutex>

#include "pemba/base/assert.h"
#include "pemba/base/hash.h"

namespace pemba::telemetry {
namespace {

Buckets Scaled(const std::vector<double>& bounds, double scale) {
  Buckets buckets{.bounds = {}, .scale = scale};
  for (const double bound : bounds) {
    buckets.bounds.push_back(static_cast<std::uint64_t>(std::llround(bound / scale)));
  }
  return buckets;
}

bool IsName(std::string_view text) {
  const auto is_start = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (text.empty() || !is_start(text[0])) return false;
  for (const char c : text) {
    if (!is_start(c) && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

void AppendNumber(double value, std::string& out) {
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

void AppendNumber(std::uint64_t value, std::string& out) { out += std::to_string(value); }

// Help texts escape backslash and line feed, label values quotes too.
void AppendEscaped(std::string_view text, bool quotes, std::string& out) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out.push_back(c);
    }
  }
}

// `{a="b",c="d"}`, or nothing if there are no labels.
std::string LabelText(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += out.empty() ? '{' : ',';
    out += name;
    out += "=\"";
    AppendEscaped(value, true, out);
    out += '"';
  }
  if (!out.empty()) out += '}';
  return out;
}

Labels With(Labels labels, std::string_view name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

template <class Number>
void AppendSample(std::string_view name, const std::string& labels, Number value,
                  std::string& out) {
  out.append(name).append(labels).append(" ");
  AppendNumber(value, out);
  out += '\n';
}

std::string_view KindText(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

Buckets Milliseconds(const std::vector<double>& bounds) { return Scaled(bounds, 1e-6); }
Buckets Seconds(const std::vector<double>& bounds) { return Scaled(bounds, 1e-9); }

std::uint64_t Histogram::Count() const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= buckets_.bounds.size(); ++i) count += cells_.Sum(i);
  return count;
}

class Registry::Impl {
 public:
  // Writes the samples of one series, or nothing.
  using Write = std::function<void(std::string_view name, const Labels& labels, std::string& out)>;

  Counter& AddCounter(std::string_view name, std::string_view help, Labels labels, Show show) {
    const std::lock_guard lock(mutex_);
    auto& counter = counters_.emplace_back(Counter(cells_.Take(1)));
    Add(MetricKind::kCounter, name, help, std::move(labels), WriteOf(counter, show));
    return counter;
  }

  void AddAlias(std::string_view name, std::string_view help, Labels labels,
                const Counter& counter) {
    const std::lock_guard lock(mutex_);
    Add(MetricKind::kCounter, name, help, std::move(labels), WriteOf(counter, Show::kAlways));
  }

  Histogram& AddHistogram(std::string_view name, std::string_view help, Buckets buckets,
                          Labels labels, Show show) {
    const std::lock_guard lock(mutex_);
    const auto cells = cells_.Take(buckets.bounds.size() + 2);
    auto& histogram = histograms_.emplace_back(Histogram(std::move(buckets), cells));
    Add(MetricKind::kHistogram, name, help, std::move(labels),
        [&histogram, show](std::string_view family, const Labels& given, std::string& out) {
          const auto& bounds = histogram.buckets_.bounds;
          std::vector<std::uint64_t> counts;
          std::uint64_t total = 0;
          for (std::size_t i = 0; i <= bounds.size(); ++i) {
            counts.push_back(histogram.cells_.Sum(i));
            total += counts.back();
          }
          if (total == 0 && show == Show::kWhenCounted) return;
          const auto sum = static_cast<double>(histogram.cells_.Sum(bounds.size() + 1));
          WriteHistogram(family, given, histogram.buckets_, counts, sum, out);
        });
    return histogram;
  }

  void AddZeros(std::string_view name, std::string_view help, Buckets buckets, Labels labels,
                const Histogram& occasions) {
    const std::lock_guard lock(mutex_);
    Add(MetricKind::kHistogram, name, help, std::move(labels),
        [&occasions, buckets = std::move(buckets)](std::string_view family, const Labels& given,
                                                   std::string& out) {
          std::vector<std::uint64_t> counts(buckets.bounds.size() + 1);
          counts[0] = occasions.Count();
          WriteHistogram(family, given, buckets, counts, 0, out);
        });
  }

  Reading& AddReading(MetricKind kind, std::string_view name, std::string_view help,
                      Labels labels) {
    PEMBA_CHECK(kind != MetricKind::kHistogram);
    const std::lock_guard lock(mutex_);
    auto& reading = readings_.emplace_back();
    Add(kind, name, help, std::move(labels),
        [&reading](std::string_view family, const Labels& given, std::string& out) {
          AppendSample(family, LabelText(given), reading.value_.load(std::memory_order_relaxed),
                       out);
        });
    return reading;
  }

  void OnScrape(std::function<void()> refresh) {
    const std::lock_guard lock(mutex_);
    refreshes_.push_back(std::move(refresh));
  }

  std::string Scrape() {
    const std::lock_guard lock(mutex_);
    for (const auto& refresh : refreshes_) refresh();
    std::string out;
    std::string samples;
    for (const auto& [name, family] : families_) {
      samples.clear();
      for (const auto& series : family.series) series.write(name, series.labels, samples);
      if (samples.empty()) continue;
      out.append("# HELP ").append(name).append(" ");
      AppendEscaped(family.help, false, out);
      out.append("\n# TYPE ").append(name).append(" ").append(KindText(family.kind)).append("\n");
      out += samples;
    }
    return out;
  }

 private:
  struct Series {
    Labels labels;
    Write write;
  };
  struct Family {
    MetricKind kind;
    std::string help;
    std::vector<Series> series;
    StringSet labels;  // Of each series, as text: there may be thousands.
  };

  // mutex_ is held.
  void Add(MetricKind kind, std::string_view name, std::string_view help, Labels labels,
           Write write) {
    PEMBA_CHECK(IsName(name));
    for (const auto& label : labels) PEMBA_CHECK(IsName(label.first));
    auto& family = families_.try_emplace(std::string(name), Family{kind, std::string(help), {}, {}})
                       .first->second;
    PEMBA_CHECK(family.kind == kind && family.help == help);
    PEMBA_CHECK(family.labels.insert(LabelText(labels)).second);  // Another series.
    family.series.push_back({std::move(labels), std::move(write)});
  }

  static Write WriteOf(const Counter& counter, Show show) {
    return [&counter, show](std::string_view name, const Labels& labels, std::string& out) {
      const auto value = counter.Value();
      if (value == 0 && show == Show::kWhenCounted) return;
      AppendSample(name, LabelText(labels), value, out);
    };
  }

  // INVARIANT: `_count` is the last bucket; both come from the same reading of the cells.
  static void WriteHistogram(std::string_view name, const Labels& labels, const Buckets& buckets,
                             const std::vector<std::uint64_t>& counts, double sum,
                             std::string& out) {
    const std::string base(name);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      below += counts[i];
      std::string bound;
      AppendNumber(BoundOf(buckets, i), bound);
      AppendSample(base + "_bucket", LabelText(With(labels, "le", bound)), below, out);
    }
    AppendSample(base + "_sum", LabelText(labels), sum / Unit(buckets), out);
    AppendSample(base + "_count", LabelText(labels), below, out);
  }

  static double BoundOf(const Buckets& buckets, std::size_t index) {
    if (index == buckets.bounds.size()) return std::numeric_limits<double>::infinity();
    // Division by a whole number gives back the bound as it was written: 0.25, not 0.25000000001.
    return static_cast<double>(buckets.bounds[index]) / Unit(buckets);
  }

  static double Unit(const Buckets& buckets) { return std::round(1 / buckets.scale); }

  std::mutex mutex_;  // Guards everything below, but not what handles count.
  internal::CellStore cells_;
  std::deque<Counter> counters_;  // Deques: handles stay where they are.
  std::deque<Histogram> histograms_;
  std::deque<Reading> readings_;
  std::map<std::string, Family, std::less<>> families_;
  std::vector<std::function<void()>> refreshes_;
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter& Registry::AddCounter(std::string_view name, std::string_view help, Labels labels,
                              Show show) {
  return impl_->AddCounter(name, help, std::move(labels), show);
}
Histogram& Registry::AddHistogram(std::string_view name, std::string_view help, Buckets buckets,
                                  Labels labels, Show show) {
  return impl_->AddHistogram(name, help, std::move(buckets), std::move(labels), show);
}
Reading& Registry::AddReading(MetricKind kind, std::string_view name, std::string_view help,
                              Labels labels) {
  return impl_->AddReading(kind, name, help, std::move(labels));
}
void Registry::AddAlias(std::string_view name, std::string_view help, Labels labels,
                        const Counter& counter) {
  impl_->AddAlias(name, help, std::move(labels), counter);
}
void Registry::AddZeros(std::string_view name, std::string_view help, Buckets buckets,
                        Labels labels, const Histogram& occasions) {
  impl_->AddZeros(name, help, std::move(buckets), std::move(labels), occasions);
}
void Registry::OnScrape(std::function<void()> refresh) { impl_->OnScrape(std::move(refresh)); }
std::string Registry::Scrape() { return impl_->Scrape(); }

}  // namespace pemba::telemetry
