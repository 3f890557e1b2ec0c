// What is read must be written and read back equal; what prints as DSL must parse.
#include <cstdint>
#include <cstdlib>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/language_validation.h"
#include "pemba/model/validation.h"

using namespace pemba::model;  // NOLINT(google-build-using-namespace): a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model = ModelFromJson({reinterpret_cast<const char*>(data), size});
  if (!model.ok()) return 0;
  const auto again = ModelFromJson(ModelToJson(*model));
  if (!again.ok() || *again != *model) std::abort();
  (void)ValidateLanguage(*model);
  (void)ValidateModelStructure(*model);
  if (const auto printed = PrintDsl(*model); printed.ok()) {
    // Types or conditions may repeat a name only where the DSL lets them.
    const auto parsed = ModelFromDsl(*printed);
    if (!parsed.ok() || parsed->types.size() != model->types.size() ||
        parsed->conditions.size() != model->conditions.size()) {
      std::abort();
    }
  }
  return 0;
}
