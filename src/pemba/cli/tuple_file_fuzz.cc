// The first byte picks the format; what parses must survive formatting and parsing in that format.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pemba/cli/tuple_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto format = static_cast<pemba::cli::TupleFormat>(data[0] % 4);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto tuples = pemba::cli::ParseTuples(format, text);
  if (!tuples.ok() || tuples->empty()) return 0;
  const auto again = pemba::cli::ParseTuples(format, pemba::cli::FormatTuples(format, *tuples));
  if (!again.ok() || again->size() != tuples->size()) std::abort();
  if (format == pemba::cli::TupleFormat::kYaml) return 0;  // Its scalars may change their form.
  if (*again != *tuples) std::abort();
  return 0;
}
