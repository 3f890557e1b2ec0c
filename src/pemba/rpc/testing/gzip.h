// Gzip: compression, which only tests need.
#pragma once

#include <string>
#include <string_view>

namespace pemba::rpc::testing {

std::string Gzip(std::string_view bytes);

}  // namespace pemba::rpc::testing
