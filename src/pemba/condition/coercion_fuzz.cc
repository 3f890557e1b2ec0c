// Any JSON as the value of a parameter of any type: the first byte picks the type, the rest is the
// JSON, or a JSON string of it if it is none. What converts to a timestamp prints as itself.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <boost/json/parse.hpp>

#include "pemba/condition/internal/coercion.h"
#include "pemba/condition/internal/ip_address.h"
#include "pemba/condition/internal/time.h"

namespace {

using pemba::condition::ParameterType;
using Name = pemba::condition::ParameterTypeName;
namespace internal = pemba::condition::internal;

const std::array<ParameterType, 13> kTypes{{{Name::kAny, {}},
                                            {Name::kBool, {}},
                                            {Name::kString, {}},
                                            {Name::kInt, {}},
                                            {Name::kUint, {}},
                                            {Name::kDouble, {}},
                                            {Name::kDuration, {}},
                                            {Name::kTimestamp, {}},
                                            {Name::kIpAddress, {}},
                                            {Name::kList, {{Name::kInt, {}}}},
                                            {Name::kMap, {{Name::kTimestamp, {}}}},
                                            {Name::kList, {{Name::kAny, {}}}},
                                            {Name::kMap, {{Name::kList, {{Name::kString, {}}}}}}}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& type = kTypes[data[0] % kTypes.size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  boost::json::error_code failed;
  auto json = boost::json::parse({text.data(), text.size()}, failed);
  if (failed) json = boost::json::string(text.data(), text.size());

  pemba::Arena arena;
  const auto value = internal::Coerce(json, type, arena);
  if (internal::ToText(value).empty() && value.kind != internal::Kind::kString) std::abort();
  if (value.kind == internal::Kind::kTimestamp && internal::IsInCalendar(value.integer)) {
    const auto again = internal::ParseTimestamp(internal::ToText(value));
    if (!again || again->seconds != value.integer || again->nanoseconds != value.size) std::abort();
  }
  // Every address is in the prefix of all its bits, unless it has a zone.
  if (value.kind == internal::Kind::kIpAddress) {
    const auto& address = *value.address;
    const internal::IpPrefix whole{address, 128};
    if (address.is_v4 && !internal::Contains(whole, address)) std::abort();
  }
  if (const auto prefix = internal::ParseIpPrefix(text)) {
    if (prefix->bits < 0 || prefix->bits > 128) std::abort();
    // Not so for IPv6: a wide prefix around mapped addresses holds none of them.
    if (prefix->address.is_v4 && !internal::Contains(*prefix, prefix->address)) std::abort();
  }
  return 0;
}
