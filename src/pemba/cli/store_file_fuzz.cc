// Whatever parses as a store file must format as one that parses.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pemba/cli/store_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = pemba::cli::ParseStoreFile(text);
  if (!file.ok()) return 0;
  std::size_t checks = 0;
  for (const auto& test : file->tests) checks += test.checks.size();
  if (checks > 10'000 || file->tests.size() > 10'000) return 0;
  const auto formatted = pemba::cli::FormatStoreFile(*file);
  if (formatted.empty()) std::abort();
  return 0;
}
