#include "pemba/reason/internal/comparison.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>

#include "pemba/reason/internal/facts.h"

namespace pemba::reason::internal {
namespace {

using syntax::Comparator;

// Java's `String.matches` for `like`; whole Unicode, any case, for `contains`.
std::shared_ptr<const re2::RE2> CompilePattern(Comparator comparator, const std::string& text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  if (comparator == Comparator::kContains) {
    options.set_literal(true);
    options.set_case_sensitive(false);
  }
  return std::make_shared<const re2::RE2>(text, options);
}

bool HoldsInOrder(std::partial_ordering order, Comparator comparator) {
  switch (comparator) {
    case Comparator::kEqual:
      return order == 0;
    case Comparator::kNotEqual:
      return order < 0 || order > 0;
    case Comparator::kLess:
      return order < 0;
    case Comparator::kLessEqual:
      return order <= 0;
    case Comparator::kGreater:
      return order > 0;
    case Comparator::kGreaterEqual:
      return order >= 0;
    case Comparator::kContains:
    case Comparator::kLike:
      break;
  }
  return false;
}

std::optional<double> AsDouble(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  return std::nullopt;
}

std::optional<Value> Finite(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<Value> ApplyToLongs(syntax::Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case syntax::Operator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
      return result;
    case syntax::Operator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return std::nullopt;
      return result;
    case syntax::Operator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
      return result;
    case syntax::Operator::kModulo:
      if (b == 0) return std::nullopt;
      return b == -1 ? 0 : a % b;
    case syntax::Operator::kDivide:
    case syntax::Operator::kPower:
      break;
  }
  return std::nullopt;
}

}  // namespace

Comparison::Comparison(Comparator comparator, Value literal)
    : comparator_(comparator), literal_(std::move(literal)) {
  const auto* text = std::get_if<std::string>(&literal_);
  if (text != nullptr && (comparator == Comparator::kContains || comparator == Comparator::kLike)) {
    pattern_ = CompilePattern(comparator, *text);
  }
}

bool Comparison::HoldsForText(std::string_view text) const {
  if (pattern_ != nullptr) {
    if (!pattern_->ok()) return false;
    return comparator_ == Comparator::kLike ? re2::RE2::FullMatch(text, *pattern_)
                                            : re2::RE2::PartialMatch(text, *pattern_);
  }
  const auto* literal = std::get_if<std::string>(&literal_);
  return literal != nullptr && HoldsInOrder(text <=> std::string_view(*literal), comparator_);
}

bool Comparison::Holds(const Value& value) const {
  if (const auto* text = std::get_if<std::string>(&value)) return HoldsForText(*text);
  return pattern_ == nullptr && HoldsInOrder(Compare(value, literal_), comparator_);
}

bool Holds(const Value& left, Comparator comparator, const Value& right) {
  if (comparator == Comparator::kContains || comparator == Comparator::kLike) {
    return Comparison(comparator, right).Holds(left);
  }
  return HoldsInOrder(Compare(left, right), comparator);
}

std::uint32_t ValuePool::Intern(const Value& value) {
  std::vector<std::uint32_t>& candidates = by_hash_[HashValue(value)];
  for (const std::uint32_t id : candidates) {
    if (values_[id] == value) return id;
  }
  candidates.push_back(static_cast<std::uint32_t>(values_.size()));
  values_.push_back(value);
  return candidates.back();
}

std::optional<Value> Convert(const Value& value, ValueType type) {
  if (TypeOf(value) == type) return value;
  if (type == ValueType::kDouble && TypeOf(value) == ValueType::kLong) {
    const Value converted = static_cast<double>(std::get<std::int64_t>(value));
    if (Compare(value, converted) == 0) return converted;
  }
  if (type == ValueType::kLong && TypeOf(value) == ValueType::kDouble) {
    const double number = std::get<double>(value);
    if (number >= -0x1p63 && number < 0x1p63 && std::trunc(number) == number) {
      return static_cast<std::int64_t>(number);
    }
  }
  return std::nullopt;
}

std::optional<Value> Apply(syntax::Operator op, const Value& left, const Value& right) {
  const auto* a = std::get_if<std::int64_t>(&left);
  const auto* b = std::get_if<std::int64_t>(&right);
  if (a != nullptr && b != nullptr && op != syntax::Operator::kDivide &&
      op != syntax::Operator::kPower) {
    return ApplyToLongs(op, *a, *b);
  }
  const auto x = AsDouble(left), y = AsDouble(right);
  if (!x || !y) return std::nullopt;
  switch (op) {
    case syntax::Operator::kAdd:
      return Finite(*x + *y);
    case syntax::Operator::kSubtract:
      return Finite(*x - *y);
    case syntax::Operator::kMultiply:
      return Finite(*x * *y);
    case syntax::Operator::kDivide:
      return *y == 0 ? std::nullopt : Finite(*x / *y);
    case syntax::Operator::kModulo:
      return *y == 0 ? std::nullopt : Finite(std::fmod(*x, *y));
    case syntax::Operator::kPower:
      return Finite(std::pow(*x, *y));
  }
  return std::nullopt;
}

std::optional<Value> Apply(syntax::Function function, const std::vector<Value>& arguments) {
  if (function == syntax::Function::kMin || function == syntax::Function::kMax) {
    const auto less = [](const Value& a, const Value& b) { return Compare(a, b) < 0; };
    for (const Value& value : arguments) {
      if (!AsDouble(value)) return std::nullopt;
    }
    return function == syntax::Function::kMin
               ? *std::min_element(arguments.begin(), arguments.end(), less)
               : *std::max_element(arguments.begin(), arguments.end(), less);
  }
  const Value& value = arguments.front();
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (function != syntax::Function::kAbs) return value;
    if (*number == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    return *number < 0 ? -*number : *number;
  }
  const auto number = AsDouble(value);
  if (!number) return std::nullopt;
  switch (function) {
    case syntax::Function::kAbs:
      return std::fabs(*number);
    case syntax::Function::kCeil:
      return Convert(std::ceil(*number), ValueType::kLong);
    case syntax::Function::kFloor:
      return Convert(std::floor(*number), ValueType::kLong);
    case syntax::Function::kRound:
      return Convert(std::floor(*number + 0.5), ValueType::kLong);
    default:
      return std::nullopt;
  }
}

}  // namespace pemba::reason::internal
