// Traces: spans of calls, sampled at the door, on their way to a collector.
//
// A call that is not sampled carries an empty span: every operation on it is one branch. W3C Trace
// Context (https://www.w3.org/TR/trace-context/) is how a caller's trace goes on here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pemba/base/clock.h"

namespace pemba::telemetry {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

// What travels between processes.
struct TraceContext {
  TraceId trace_id{};
  SpanId span_id{};
  bool sampled = false;
};

// A `traceparent` header; nothing if it is malformed or has an id of zeros.
std::optional<TraceContext> ParseTraceParent(std::string_view text);
std::string ToTraceParent(const TraceContext& context);
std::string ToHex(const TraceId& id);

using AttributeValue = std::variant<std::string, std::int64_t, bool>;

struct SpanData {
  TraceId trace_id{};
  SpanId span_id{}, parent_id{};  // No parent: zeros.
  std::string trace_state;        // As the caller's `tracestate` had it.
  std::string name;
  WallTime start{}, end{};
  std::vector<std::pair<std::string, AttributeValue>> attributes;
  std::optional<std::string> error;  // Why it failed.
};

// Where ended spans go. Thread-safe; must not block.
class SpanQueue {
 public:
  virtual ~SpanQueue() = default;
  virtual void Push(SpanData span) = 0;
};

enum class Sampling : std::uint8_t { kAlwaysOn, kAlwaysOff, kRatio };
struct SamplerOptions {
  Sampling sampling = Sampling::kRatio;
  double ratio = 0.2;         // For kRatio, by trace id.
  bool parent_based = false;  // The caller's decision holds if there is one.
};
// `always_on`, `traceidratio`, ... and the `parentbased_` forms; nothing for other names.
std::optional<SamplerOptions> ParseSampler(std::string_view name);

class Tracer;

// Ends when it is destroyed. Empty (not sampled): does nothing. Movable; one thread at a time.
class Span {
 public:
  Span() = default;
  Span(Span&&) noexcept = default;
  Span& operator=(Span&&) noexcept = default;  // To an empty one.
  ~Span() {
    if (data_) End();
  }

  explicit operator bool() const { return data_ != nullptr; }  // Sampled.
  TraceContext context() const {                               // Of a sampled one.
    return {.trace_id = data_->trace_id, .span_id = data_->span_id, .sampled = true};
  }
  void Set(std::string_view key, std::string_view value) { Add(key, std::string(value)); }
  void SetNumber(std::string_view key, std::int64_t value) { Add(key, value); }
  void SetFlag(std::string_view key, bool value) { Add(key, value); }
  void Fail(std::string_view why) {
    if (data_) data_->error = why;
  }

 private:
  friend class Tracer;
  void Add(std::string_view key, AttributeValue value) {
    if (data_) data_->attributes.emplace_back(std::string(key), std::move(value));
  }
  void End();
  const Tracer* tracer_ = nullptr;
  std::unique_ptr<SpanData> data_;
};

// Thread-safe.
class Tracer {
 public:
  // Borrows the clock and the queue.
  Tracer(SamplerOptions sampler, const Clock& clock, SpanQueue& queue)
      : sampler_(sampler), clock_(clock), queue_(queue) {}

  // The headers `traceparent` and `tracestate` of a call.
  struct Caller {
    std::optional<std::string_view> parent = {};
    std::optional<std::string_view> state = {};  // Nothing without a valid parent.
  };
  // The span of one call; every call has a trace id, sampled or not, which is also its request id.
  struct Begun {
    Span span;
    TraceId trace_id{};
  };
  Begun Begin(std::string_view name, const Caller& caller) const;

 private:
  friend class Span;
  bool Samples(const TraceId& id, const std::optional<TraceContext>& parent) const;

  const SamplerOptions sampler_;
  const Clock& clock_;
  SpanQueue& queue_;
};

}  // namespace pemba::telemetry
