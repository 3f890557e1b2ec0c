#include "pemba/graph/types.h"

#include <chrono>
#include <cstring>

#include "pemba/base/assert.h"

namespace pemba::graph {

// Nanoseconds since 1970 in eight bytes, in the byte order of all our files; then the context.

ExpiringContext SplitExpiringContext(std::string_view text) {
  std::int64_t nanoseconds = 0;
  PEMBA_CHECK(text.size() >= sizeof nanoseconds);
  std::memcpy(&nanoseconds, text.data(), sizeof nanoseconds);
  return {WallTime(std::chrono::nanoseconds(nanoseconds)), text.substr(sizeof nanoseconds)};
}

void AppendExpiringContext(const ExpiringContext& context, std::string& out) {
  const std::int64_t nanoseconds = context.expires_at.time_since_epoch().count();
  out.append(reinterpret_cast<const char*>(&nanoseconds), sizeof nanoseconds);
  out.append(context.context);
}

}  // namespace pemba::graph
