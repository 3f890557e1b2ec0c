// A path that is accepted stays below its directory.
#include <cstdint>
#include <cstdlib>

#include "pemba/model/modules.h"

using namespace pemba::model;  // NOLINT(google-build-using-namespace): a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = ParseModFile({reinterpret_cast<const char*>(data), size});
  for (const auto& item : parsed.file.contents) {
    if (item.value.starts_with('/') || item.value.find("../") != std::string::npos) std::abort();
    if (item.range.line_start < 0 || item.range.column_start < 0) std::abort();
  }
  return 0;
}
