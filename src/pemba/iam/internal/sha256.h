#pragma once

#include <string>
#include <string_view>

namespace pemba::iam::internal {

// 64 hexadecimal digits, lower case.
std::string Sha256Hex(std::string_view bytes);

}  // namespace pemba::iam::internal
