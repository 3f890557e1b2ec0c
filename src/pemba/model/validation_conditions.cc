#include <utility>

#include "pemba/model/validation.h"

namespace pemba::model {

Result<CompiledConditions> CompileConditions(const Model& model) {
  CompiledConditions programs;
  for (const auto& [name, definition] : model.conditions) {
    auto program = condition::Program::Compile(
        {definition.name, definition.expression, definition.parameters});
    if (!program.ok()) {
      return Error{ErrorCode::kInvalidModel, "failed to compile expression on condition '" + name +
                                                 "' - " + program.error().message};
    }
    programs.emplace(name, *std::move(program));
  }
  return programs;
}

Result<CompiledConditions> ValidateAndCompile(const Model& model) {
  PEMBA_TRY(std::ignore, ValidateModelStructure(model));
  return CompileConditions(model);
}

Status ValidateModel(const Model& model) {
  PEMBA_TRY(std::ignore, ValidateAndCompile(model));
  return Done{};
}

}  // namespace pemba::model
