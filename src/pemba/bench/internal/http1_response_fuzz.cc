// What is read in one piece is read byte by byte.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pemba/bench/internal/http1_response.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using pemba::bench::internal::Http1Response;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  Http1Response whole;
  std::string_view rest = all;
  const auto outcome = whole.Read(rest);
  Http1Response piecewise;
  for (std::size_t at = 0; at < size; ++at) {
    auto byte = all.substr(at, 1);
    const auto read = piecewise.Read(byte);
    if (!read.ok()) {
      if (outcome.ok()) std::abort();
      return 0;
    }
    if (*read == Http1Response::State::kIncomplete) continue;
    if (!outcome.ok() || *outcome != Http1Response::State::kComplete) std::abort();
    if (whole.body() != piecewise.body() || whole.status() != piecewise.status()) std::abort();
    if (size - at - 1 != rest.size()) std::abort();
    return 0;
  }
  if (size > 0 && outcome.ok() && *outcome == Http1Response::State::kComplete) std::abort();
  return 0;
}
