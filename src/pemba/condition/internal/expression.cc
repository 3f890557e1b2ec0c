#include "pemba/condition/internal/expression.h"

#include "pemba/condition/internal/checker.h"
#include "pemba/condition/internal/source.h"

namespace pemba::condition::internal {

Result<CheckedExpression> CheckExpression(std::string_view name, std::string_view text,
                                          const Environment& environment, Arena& arena,
                                          const ExpressionOptions& options) {
  Issues issues(name, text);
  Node* root = Parse(text, options.macros, issues, arena, options.limits);
  if (root == nullptr) return Error{ErrorCode::kInvalidModel, issues.Text()};
  if (options.check == TypeCheck::kOff) return CheckedExpression{root, nullptr};
  const Type* type = Check(*root, environment, issues, arena);
  if (type == nullptr) return Error{ErrorCode::kInvalidModel, issues.Text()};
  return CheckedExpression{root, type};
}

}  // namespace pemba::condition::internal
