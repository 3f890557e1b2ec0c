#include "pemba/engine/testing/texts.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "pemba/model/dsl.h"
#include "pemba/model/validation.h"
#include "pemba/tuple/context.h"

namespace pemba::engine::testing {
namespace {

[[noreturn]] void Refuse(std::string_view text, const std::string& why) {
  std::fprintf(stderr, "%.*s\n%s\n", static_cast<int>(text.size()), text.data(), why.c_str());
  std::abort();
}

}  // namespace

model::Model UncheckedModelOf(std::string_view types) {
  auto model = model::ModelFromDsl("model\n  schema 1.1\n" + std::string(types));
  if (!model.ok()) Refuse(types, model.error().message);
  return *std::move(model);
}

model::Model ModelOf(std::string_view types) {
  auto model = UncheckedModelOf(types);
  const auto valid = model::ValidateModel(model);
  if (!valid.ok()) Refuse(types, valid.error().message);
  return model;
}

tuple::Tuple Parsed(std::string_view text) {
  const auto mark = text.find(" ? ");
  const auto view = tuple::ParseTuple(text.substr(0, mark));
  if (!view.ok()) Refuse(text, view.error().message);
  tuple::Tuple tuple{std::string(view->object), std::string(view->relation),
                     std::string(view->subject), std::nullopt};
  if (mark == text.npos) return tuple;
  const auto rest = text.substr(mark + 3);
  const auto space = rest.find(' ');
  const auto context = tuple::ParseContext(space == rest.npos ? "" : rest.substr(space + 1));
  if (!context.ok()) Refuse(text, context.error().message);
  tuple.condition = {std::string(rest.substr(0, space)), *context};
  return tuple;
}

std::vector<tuple::Tuple> Parsed(const std::vector<std::string>& texts) {
  std::vector<tuple::Tuple> tuples;
  for (const auto& text : texts) tuples.push_back(Parsed(text));
  return tuples;
}

}  // namespace pemba::engine::testing
