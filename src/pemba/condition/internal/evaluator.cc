#include "pemba/condition/internal/evaluator.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "pemba/base/assert.h"
#include "pemba/condition/internal/operations.h"

namespace pemba::condition::internal {
namespace {

constexpr std::string_view kCostExceeded = "operation cancelled: actual cost limit exceeded";
constexpr double kTextFactor = 0.1;
constexpr double kPatternFactor = 0.25;

std::uint64_t Scaled(std::uint64_t size, double factor) {
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(size) * factor));
}

std::uint64_t CallCost(CostRule rule, std::span<const Value> arguments) {
  switch (rule) {
    case CostRule::kOne:
      return 1;
    case CostRule::kNothing:
      return 0;
    case CostRule::kFirstText:
      return Scaled(CostSize(arguments[0]), kTextFactor);
    case CostRule::kSecondList:
      return CostSize(arguments[1]);
    case CostRule::kSmaller:
      return Scaled(std::min(CostSize(arguments[0]), CostSize(arguments[1])), kTextFactor);
    case CostRule::kSum:
      return Scaled(CostSize(arguments[0]) + CostSize(arguments[1]), kTextFactor);
    case CostRule::kContains:
      return Scaled(CostSize(arguments[0]), kTextFactor) *
             Scaled(CostSize(arguments[1]), kTextFactor);
    case CostRule::kMatches:
      return Scaled(1 + CostSize(arguments[0]), kTextFactor) *
             Scaled(CostSize(arguments[1]), kPatternFactor);
  }
  return 1;
}

class Evaluator {
 public:
  Evaluator(const Plan& plan, std::span<const Value> variables, std::uint64_t cost_max,
            Arena& arena)
      : variables_(variables), cost_max_(cost_max), arena_(arena) {
    if (plan.locals > 0) locals_ = arena.NewArray<Value>(plan.locals);
  }

  Evaluation Run(const Step& root) {
    const Value value = Eval(root);
    if (exhausted()) return {Value::Error(kCostExceeded), cost_};
    return {value, cost_};
  }

 private:
  bool exhausted() const { return cost_ > cost_max_; }

  Value Eval(const Step& step) {
    cost_ += step.charge;
    switch (step.kind) {
      case StepKind::kConstant:
      case StepKind::kFailure:
        return step.constant;
      case StepKind::kVariable:
        PEMBA_ASSERT(step.index < variables_.size());
        return variables_[step.index];
      case StepKind::kLocal:
        return locals_[step.index];
      case StepKind::kSelect: {
        const Value map = Eval(*step.children[0]);
        return map.is_failure() ? map : SelectKey(map, step.constant, arena_);
      }
      case StepKind::kTest: {
        const Value map = Eval(*step.children[0]);
        return map.is_failure() ? map : TestKey(map, step.constant);
      }
      case StepKind::kCall:
        return Call(step);
      case StepKind::kMatches:
        return Matches(step);
      case StepKind::kInCidr:
        return InCidr(step);
      case StepKind::kInSet: {
        const Value element = Eval(*step.children[0]);
        return element.is_failure() ? element
                                    : Value::Bool(Find(step.constant, element) != nullptr);
      }
      case StepKind::kList:
        return List(step);
      case StepKind::kMap:
        return Map(step);
      case StepKind::kMessage:
        return Message(step);
      case StepKind::kComprehension:
        return Comprehension(step);
    }
    return Value::Error(kNoSuchOverload);
  }

  Value Call(const Step& step) {
    switch (step.function) {
      case Function::kAnd:
      case Function::kOr:
        return Logical(step, step.function == Function::kOr);
      case Function::kConditional:
        return Conditional(step);
      case Function::kNotStrictlyFalse: {
        ++cost_;
        return Value::Bool(!Eval(*step.children[0]).is_false());
      }
      default:
        return Strict(step);
    }
  }

  // `decisive` on either side decides, whatever became of the other side. Else unknowns win over
  // errors, and the left over the right.
  Value Logical(const Step& step, bool decisive) {
    if (step.children.size() != 2) return Value::Error(kNoSuchOverload);
    const Value left = Eval(*step.children[0]);
    if (left.kind == Kind::kBool && left.boolean == decisive) return left;
    const Value right = Eval(*step.children[1]);
    if (right.kind == Kind::kBool && right.boolean == decisive) return right;
    if (left.kind == Kind::kUnknown || right.kind == Kind::kUnknown) return Value::Unknown();
    if (left.kind == Kind::kError) return left;
    if (left.kind != Kind::kBool) return Value::Error(kNoSuchOverload);
    if (right.kind == Kind::kError) return right;
    if (right.kind != Kind::kBool) return Value::Error(kNoSuchOverload);
    return Value::Bool(!decisive);
  }

  Value Conditional(const Step& step) {
    const Value condition = Eval(*step.children[0]);
    if (condition.is_true()) return Eval(*step.children[1]);
    if (condition.is_false()) return Eval(*step.children[2]);
    return condition.is_failure() ? condition : Value::Error(kNoSuchOverload);
  }

  // Arguments first; then the leftmost failure is the outcome.
  Value Strict(const Step& step) {
    std::array<Value, 3> arguments;
    const auto count = step.children.size();
    if (count > arguments.size()) return Value::Error(kNoSuchOverload);
    for (std::size_t i = 0; i < count; ++i) arguments[i] = Eval(*step.children[i]);
    const std::span<const Value> values(arguments.data(), count);
    cost_ += CallCost(step.cost, values);
    for (const Value& value : values) {
      if (value.is_failure()) return value;
    }
    // Beyond the limit the outcome no longer matters, but the work would.
    return exhausted() ? Value::Error(kCostExceeded) : Apply(step.function, values, arena_);
  }

  Value Matches(const Step& step) {
    const std::array<Value, 2> arguments{Eval(*step.children[0]), step.children[1]->constant};
    cost_ += CallCost(step.cost, arguments);
    const Value& text = arguments[0];
    if (text.is_failure()) return text;
    if (text.kind != Kind::kString) return Value::Error(kNoSuchOverload);
    if (exhausted()) return Value::Error(kCostExceeded);
    return Value::Bool(RE2::PartialMatch(re2::StringPiece(text.bytes, text.size), *step.pattern));
  }

  Value InCidr(const Step& step) {
    const Value address = Eval(*step.children[0]);
    ++cost_;
    if (address.is_failure()) return address;
    if (address.kind != Kind::kIpAddress) return Value::Error(kNoSuchOverload);
    return Value::Bool(Contains(*step.prefix, *address.address));
  }

  Value List(const Step& step) {
    const auto elements = arena_.NewArray<Value>(step.children.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      elements[i] = Eval(*step.children[i]);
      if (elements[i].is_failure()) return elements[i];
    }
    return Value::List(elements.data(), elements.size());
  }

  Value Map(const Step& step) {
    const auto entries = arena_.NewArray<MapEntry>(step.children.size() / 2);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i].key = Eval(*step.children[2 * i]);
      if (entries[i].key.is_failure()) return entries[i].key;
      entries[i].value = Eval(*step.children[2 * i + 1]);
      if (entries[i].value.is_failure()) return entries[i].value;
      if (!IsKey(entries[i].key)) {
        return MakeError(arena_,
                         "unsupported key type: " + std::string(TypeName(entries[i].key.kind)));
      }
    }
    if (const auto twice = SortEntries(entries.data(), entries.size())) {
      return MakeError(arena_, "Failed with repeated key: " + ToText(*twice));
    }
    return Value::Map(entries.data(), entries.size());
  }

  Value Message(const Step& step) {
    const auto values = arena_.NewArray<Value>(step.children.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = Eval(*step.children[i]);
      if (values[i].is_failure()) return values[i];
    }
    return MakeMessage(step.message, step.fields, values, arena_);
  }

  Value Comprehension(const Step& step) {
    const Value range = Eval(*step.children[kRange]);
    if (range.is_failure()) return range;
    if (range.kind != Kind::kList && range.kind != Kind::kMap) {
      return MakeError(arena_,
                       "got '" + std::string(TypeName(range.kind)) + "', expected iterable type");
    }
    const Value initial = Eval(*step.children[kInitial]);
    Value& accumulator = locals_[step.index];
    Value& element = locals_[step.index + 1];
    accumulator = initial;
    for (std::uint32_t i = 0; i < range.size && !exhausted(); ++i) {
      element = range.kind == Kind::kList ? range.elements[i] : range.entries[i].key;
      if (Eval(*step.children[kCondition]).is_false()) break;
      accumulator = Eval(*step.children[kStep]);
    }
    return Eval(*step.children[kResult]);
  }

  std::span<const Value> variables_;
  std::span<Value> locals_;
  std::uint64_t cost_ = 0;
  std::uint64_t cost_max_;
  Arena& arena_;
};

}  // namespace

Evaluation Evaluate(const Plan& plan, std::span<const Value> variables, std::uint64_t cost_max,
                    Arena& arena) {
  return Evaluator(plan, variables, cost_max, arena).Run(*plan.root);
}

}  // namespace pemba::condition::internal
