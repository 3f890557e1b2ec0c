// What is read of a traceparent prints back, and is what the recommendation allows.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pemba/telemetry/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pemba::telemetry::ParseTraceParent;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto context = ParseTraceParent(text);
  if (!context) return 0;
  if (context->trace_id == pemba::telemetry::TraceId{}) std::abort();
  if (context->span_id == pemba::telemetry::SpanId{}) std::abort();
  const auto printed = pemba::telemetry::ToTraceParent(*context);
  // Version and flags beside `sampled` are not ours to repeat.
  if (printed.substr(2, 51) != text.substr(2, 51)) std::abort();
  const auto again = ParseTraceParent(printed);
  if (!again || again->trace_id != context->trace_id || again->span_id != context->span_id ||
      again->sampled != context->sampled) {
    std::abort();
  }
  return 0;
}
