// Page sizes of the wire.
#pragma once

#include <cstddef>

namespace pemba::api::openfga {

inline constexpr std::size_t kPageSizeDefault = 50;

// Of a request whose page size, if set, the field rules have found to be positive.
template <class Request>
std::size_t PageSize(const Request& request) {
  if (!request.has_page_size()) return kPageSizeDefault;
  return static_cast<std::size_t>(request.page_size().value());
}

}  // namespace pemba::api::openfga
