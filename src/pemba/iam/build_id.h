// BuildId: which program this is, as its linker has marked it.
#pragma once

#include <string>

namespace pemba::iam {

// In hexadecimal digits; the same for the same code, built alike. Empty if the linker left none.
std::string BuildId();

}  // namespace pemba::iam
