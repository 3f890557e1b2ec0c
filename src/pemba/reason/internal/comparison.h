// Comparing values and computing with them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <re2/re2.h>

#include "pemba/reason/syntax.h"
#include "pemba/reason/value.h"

namespace pemba::reason::internal {

// A comparator with its literal, made ready once: `like` and `contains` compile their patterns.
// Incomparable values do not match.
class Comparison {
 public:
  Comparison(syntax::Comparator comparator, Value literal);
  // `value` stands to the left: `value < literal`.
  bool Holds(const Value& value) const;
  bool HoldsForText(std::string_view text) const;  // As Holds for a string, without a copy.

 private:
  syntax::Comparator comparator_;
  Value literal_;
  std::shared_ptr<const re2::RE2> pattern_;
};

// Compares two values; kContains and kLike take the pattern from `right`.
bool Holds(const Value& left, syntax::Comparator comparator, const Value& right);

// Values of value variables by number: equal values of one type have one number.
class ValuePool {
 public:
  std::uint32_t Intern(const Value& value);
  const Value& Get(std::uint32_t id) const { return values_[id]; }

 private:
  std::vector<Value> values_;
  boost::unordered_flat_map<std::uint64_t, std::vector<std::uint32_t>> by_hash_;
};

// The value of a literal expression tree whose variables `lookup` resolves; nothing if it is not
// defined (division by zero, overflow, operands that are not numbers).
template <class Lookup>
std::optional<Value> Evaluate(const syntax::Expression& expression, const Lookup& lookup);

// The value as one of this type, if it has exactly one there: 2 as 2.0 and back.
std::optional<Value> Convert(const Value& value, ValueType type);

std::optional<Value> Apply(syntax::Operator op, const Value& left, const Value& right);
std::optional<Value> Apply(syntax::Function function, const std::vector<Value>& arguments);

template <class Lookup>
std::optional<Value> Evaluate(const syntax::Expression& expression, const Lookup& lookup) {
  if (const auto* literal = std::get_if<Value>(&expression.node)) return *literal;
  if (const auto* variable = std::get_if<syntax::Variable>(&expression.node)) {
    return lookup(*variable);
  }
  if (const auto* operation = std::get_if<syntax::Operation>(&expression.node)) {
    const auto left = Evaluate(*operation->left, lookup);
    const auto right = Evaluate(*operation->right, lookup);
    if (!left || !right) return std::nullopt;
    return Apply(operation->op, *left, *right);
  }
  const auto& call = std::get<syntax::Call>(expression.node);
  std::vector<Value> arguments;
  for (const auto& argument : call.arguments) {
    auto value = Evaluate(*argument, lookup);
    if (!value) return std::nullopt;
    arguments.push_back(*std::move(value));
  }
  return Apply(call.function, arguments);
}

}  // namespace pemba::reason::internal
