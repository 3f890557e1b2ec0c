// Durations as configuration writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace pemba::server {

// Go's form: "3s", "500ms", "1m30s", "10µs", "1.5h", "-2s", "0". Nothing if malformed or beyond
// about 292 years.
std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace pemba::server
