// Any bytes: the lexer, the parser and the printer agree with themselves, and what is printed reads
// back as the same queries. A definition is also tried against the empty schema.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pemba/reason/definition.h"
#include "pemba/reason/inference.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pemba::reason;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto queries = ParseQueries(text);
  if (!queries.ok()) {
    if (!ProblemOf(queries.error())) std::abort();  // Every error says which problem it is.
    return 0;
  }
  std::string printed;
  for (const auto& query : *queries) printed += ToText(query);
  const auto again = ParseQueries(printed);
  if (!again.ok() || !(*again == *queries)) std::abort();

  Schema schema;
  for (const auto& query : *queries) {
    if (const auto* define = std::get_if<syntax::Define>(&query.node)) {
      if (auto next = Define(schema, *define); next.ok()) schema = *std::move(next);
    } else if (const auto* undefine = std::get_if<syntax::Undefine>(&query.node)) {
      if (auto next = Undefine(schema, *undefine); next.ok()) schema = *std::move(next);
    } else if (const auto* match = std::get_if<syntax::Match>(&query.node)) {
      (void)Resolve(match->patterns, schema);
    }
  }
  return 0;
}
