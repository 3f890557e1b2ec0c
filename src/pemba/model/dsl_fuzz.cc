// What parses must print and parse back to an equal model, or be refused by the printer.
#include <cstdint>
#include <cstdlib>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/language_validation.h"
#include "pemba/model/modules.h"
#include "pemba/model/validation.h"

using namespace pemba::model;  // NOLINT(google-build-using-namespace): a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = ParseDsl(text);
  for (const auto& e : parsed.errors) {
    if (e.message.empty() || e.line_start < 0 || e.column_start < 0) std::abort();
  }
  (void)ValidateDsl(text);
  const SourceFile file{"a.fga", std::string(text)};
  (void)MergeModules(std::span(&file, 1), "1.2");
  if (!parsed.errors.empty()) return 0;
  (void)ValidateModelStructure(parsed.model);
  const auto json = ModelFromJson(ModelToJson(parsed.model));
  if (!json.ok() || *json != parsed.model) std::abort();
  if (const auto printed = PrintDsl(parsed.model); printed.ok()) {
    const auto again = ModelFromDsl(*printed);
    if (!again.ok() || *again != parsed.model) std::abort();
  }
  return 0;
}
