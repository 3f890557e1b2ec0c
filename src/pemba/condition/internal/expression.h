// Expression: from text to plan. What Program and the conformance tests are built on.
#pragma once

#include <memory>
#include <string_view>

#include "pemba/base/arena.h"
#include "pemba/base/result.h"
#include "pemba/condition/internal/environment.h"
#include "pemba/condition/internal/parser.h"
#include "pemba/condition/internal/plan.h"

namespace pemba::condition::internal {

enum class TypeCheck : std::uint8_t { kOn, kOff };

struct ExpressionOptions {
  TypeCheck check = TypeCheck::kOn;
  Macros macros = Macros::kExpanded;
  ParseLimits limits;
};

// The syntax tree of an expression and its type. Lives in the arena that it was made with, and
// borrows names from the text.
struct CheckedExpression {
  const Node* root = nullptr;
  const Type* type = nullptr;  // Null without type check.
};

// Parses and checks. `name` is what complaints call the expression.
// Errors (kInvalidModel): the complaints, each with its place.
Result<CheckedExpression> CheckExpression(std::string_view name, std::string_view text,
                                          const Environment& environment, Arena& arena,
                                          const ExpressionOptions& options = {});

}  // namespace pemba::condition::internal
