#include "pemba/telemetry/trace.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <span>

namespace pemba::telemetry {
namespace {

// Lower case only, as the recommendation has it.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

template <std::size_t kSize>
bool ReadHex(std::string_view text, std::array<std::uint8_t, kSize>& out) {
  for (std::size_t i = 0; i < kSize; ++i) {
    const int high = HexDigit(text[2 * i]);
    const int low = HexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

template <std::size_t kSize>
bool IsZero(const std::array<std::uint8_t, kSize>& id) {
  return std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; });
}

void AppendHex(std::span<const std::uint8_t> bytes, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const auto byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

// Random and never zero.
template <std::size_t kSize>
void Fill(std::array<std::uint8_t, kSize>& id) {
  static thread_local std::mt19937_64 random(
      (static_cast<std::uint64_t>(std::random_device{}()) << 32) | std::random_device{}());
  do {
    for (std::size_t at = 0; at < kSize; at += 8) {
      const std::uint64_t word = random();
      std::memcpy(id.data() + at, &word, 8);
    }
  } while (IsZero(id));
}

}  // namespace

std::optional<TraceContext> ParseTraceParent(std::string_view text) {
  // version "-" trace-id "-" parent-id "-" flags; later versions may have more behind that.
  constexpr std::size_t kSize = 55;
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  std::array<std::uint8_t, 1> version{}, flags{};
  TraceContext context;
  if (!ReadHex(text.substr(0, 2), version) || !ReadHex(text.substr(3, 32), context.trace_id) ||
      !ReadHex(text.substr(36, 16), context.span_id) || !ReadHex(text.substr(53, 2), flags)) {
    return std::nullopt;
  }
  if (version[0] == 0xFF || (version[0] == 0 && text.size() != kSize) ||
      (text.size() > kSize && text[kSize] != '-') || IsZero(context.trace_id) ||
      IsZero(context.span_id)) {
    return std::nullopt;
  }
  context.sampled = (flags[0] & 1) != 0;
  return context;
}

std::string ToTraceParent(const TraceContext& context) {
  std::string text = "00-";
  AppendHex(context.trace_id, text);
  text += '-';
  AppendHex(context.span_id, text);
  return text += context.sampled ? "-01" : "-00";
}

std::string ToHex(const TraceId& id) {
  std::string text;
  text.reserve(2 * id.size());
  AppendHex(id, text);
  return text;
}

std::optional<SamplerOptions> ParseSampler(std::string_view name) {
  SamplerOptions options;
  constexpr std::string_view kParentBased = "parentbased_";
  options.parent_based = name.starts_with(kParentBased);
  if (options.parent_based) name.remove_prefix(kParentBased.size());
  if (name == "always_on") {
    options.sampling = Sampling::kAlwaysOn;
  } else if (name == "always_off") {
    options.sampling = Sampling::kAlwaysOff;
  } else if (name == "traceidratio") {
    options.sampling = Sampling::kRatio;
  } else {
    return std::nullopt;
  }
  return options;
}

void Span::End() {
  data_->end = tracer_->clock_.Now();
  tracer_->queue_.Push(std::move(*data_));
}

bool Tracer::Samples(const TraceId& id, const std::optional<TraceContext>& parent) const {
  if (sampler_.parent_based && parent) return parent->sampled;
  switch (sampler_.sampling) {
    case Sampling::kAlwaysOn:
      return true;
    case Sampling::kAlwaysOff:
      return false;
    case Sampling::kRatio:
      break;
  }
  // The last 63 bits decide, so that every service with this ratio decides alike.
  std::uint64_t tail = 0;
  for (std::size_t i = 8; i < 16; ++i) tail = (tail << 8) | id[i];
  return static_cast<double>(tail >> 1) < sampler_.ratio * 0x1p63;
}

Tracer::Begun Tracer::Begin(std::string_view name, const Caller& caller) const {
  Begun begun;
  const auto parent = caller.parent ? ParseTraceParent(*caller.parent) : std::nullopt;
  if (parent) {
    begun.trace_id = parent->trace_id;
  } else {
    Fill(begun.trace_id);
  }
  if (!Samples(begun.trace_id, parent)) return begun;
  auto data = std::make_unique<SpanData>();
  data->trace_id = begun.trace_id;
  Fill(data->span_id);
  if (parent) {
    constexpr std::size_t kStateBytesMax = 512;  // What the recommendation asks to pass on.
    data->parent_id = parent->span_id;
    if (caller.state && caller.state->size() <= kStateBytesMax) data->trace_state = *caller.state;
  }
  data->name = name;
  data->start = clock_.Now();
  begun.span.tracer_ = this;
  begun.span.data_ = std::move(data);
  return begun;
}

}  // namespace pemba::telemetry
