// Small texts around a call: query strings and request ids.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/base/result.h"

namespace pemba::api {

// `a=b&c=d` with '+' and percent-encoding undone, in order. Errors (kValidation): a broken escape.
Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

// A path with percent-encoding undone; `+` stays, and so does what is no escape.
std::string PercentDecoded(std::string_view text);

// A random UUID, version 4 (RFC 9562), as text; not for secrets. Thread-safe: no lock, no heap.
using RequestId = std::array<char, 36>;
RequestId NewRequestId();
inline std::string_view TextOf(const RequestId& id) { return {id.data(), id.size()}; }

}  // namespace pemba::api
