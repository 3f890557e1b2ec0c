#include <algorithm>
#include <string>
#include <utility>

#include "pemba/condition/internal/operations.h"
#include "pemba/condition/internal/plan.h"

namespace pemba::condition::internal {
namespace {

// What a step charges depends on where it stands. Identifiers, selections, index steps and
// conditionals are "attributes": paths that are resolved as one. A path costs one for its root and
// one for each step; its root is free where the path is a branch of a conditional or an index.
enum class Place : std::uint8_t { kEvaluated, kResolved };

bool IsAttribute(const Node& node) {
  if (node.kind == NodeKind::kIdentifier || node.kind == NodeKind::kSelect) return true;
  return node.kind == NodeKind::kCall && (node.name == "_[_]" || node.name == "_?_:_");
}

class Planner {
 public:
  Planner(const Environment& environment, Folding folding)
      : environment_(environment), folding_(folding), plan_(std::make_unique<Plan>()) {}

  Result<std::unique_ptr<const Plan>> Run(const Node& root) {
    plan_->root = Make(root, Place::kEvaluated);
    if (!failure_.empty()) return Error{ErrorCode::kInvalidModel, failure_};
    return std::unique_ptr<const Plan>(std::move(plan_));
  }

 private:
  Step* New(StepKind kind) {
    Step* step = plan_->arena.New<Step>();
    step->kind = kind;
    return step;
  }
  const Step* Constant(const Value& value) {
    Step* step = New(StepKind::kConstant);
    step->constant = Copy(value, plan_->arena);
    return step;
  }
  const Step* Failing(const std::string& message) {
    Step* step = New(StepKind::kFailure);
    step->constant = MakeError(plan_->arena, message);
    return step;
  }

  const Step* Make(const Node& node, Place place) {
    switch (node.kind) {
      case NodeKind::kConstant:
        return Constant(node.constant);
      case NodeKind::kIdentifier:
        return Identifier(node, place);
      case NodeKind::kSelect:
        return Select(node, place);
      case NodeKind::kCall:
        return Call(node, place);
      case NodeKind::kList:
        return List(node);
      case NodeKind::kMap:
        return Map(node);
      case NodeKind::kMessage:
        return Message(node);
      case NodeKind::kComprehension:
        return Comprehension(node);
    }
    return Failing("unsupported expression");
  }

  // The step for a name; null if it names nothing.
  const Step* Named(const Reference& reference, Place place) {
    switch (reference.target) {
      case Reference::Target::kNothing:
        return nullptr;
      case Reference::Target::kType:
        return Constant(Value::Type(ValueName(*reference.type)));
      case Reference::Target::kLocal:
      case Reference::Target::kVariable: {
        Step* step = New(reference.target == Reference::Target::kLocal ? StepKind::kLocal
                                                                       : StepKind::kVariable);
        step->index = reference.index;
        step->charge = place == Place::kEvaluated ? 1 : 0;
        return step;
      }
    }
    return nullptr;
  }

  // Types as values know nothing of parameters: `list(int)` is `list`.
  static std::string ValueName(const Type& type) {
    const auto name = RuntimeName(type);
    return name.substr(0, name.find('('));
  }

  const Step* Identifier(const Node& node, Place place) {
    const auto reference = Resolve(node, scope_, environment_);
    if (const Step* step = Named(reference, place)) return step;
    return Failing("undeclared reference to '" + reference.name + "' (in container '')");
  }

  // The path below a step of a path. What is no path itself is charged like a root.
  const Step* Below(const Node& node, Place place, std::uint8_t& charge) {
    if (IsAttribute(node)) return Make(node, place);
    if (place == Place::kEvaluated) ++charge;
    return Make(node, Place::kEvaluated);
  }

  const Step* Select(const Node& node, Place place) {
    if (const Step* step = Named(Resolve(node, scope_, environment_), place)) return step;
    Step* step = New(node.is_test ? StepKind::kTest : StepKind::kSelect);
    step->charge = 1;
    const Step* operand = Below(*node.children[0], place, step->charge);
    step->constant = Value::String(plan_->arena.Copy(node.name));
    step->children = Children({operand});
    return step;
  }

  const Step* Call(const Node& node, Place place) {
    const auto function = environment_.library->FindFunction(node.name);
    Step* step = New(StepKind::kCall);
    step->function = function;
    if (function == Function::kIndex) {
      step->charge = 1;
      const Step* operand = Below(*node.children[0], place, step->charge);
      step->children = Children({operand, Make(*node.children[1], Place::kResolved)});
      return step;
    }
    if (function == Function::kConditional) {
      step->children = Children({Make(*node.children[0], Place::kEvaluated),
                                 Make(*node.children[1], Place::kResolved),
                                 Make(*node.children[2], Place::kResolved)});
      return step;
    }
    const auto children = plan_->arena.NewArray<const Step*>(node.children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = Make(*node.children[i], Place::kEvaluated);
    }
    step->children = children;
    if (function == Function::kNone) return Failing("unbound function: " + std::string(node.name));
    step->cost = node.overload != nullptr ? node.overload->cost : UncheckedCost(function);
    return Specialized(node, *step);
  }

  // Where several overloads fit, the arguments' sizes are not looked at.
  static CostRule UncheckedCost(Function function) {
    switch (function) {
      case Function::kAnd:
      case Function::kOr:
        return CostRule::kNothing;
      case Function::kEqual:
      case Function::kNotEqual:
        return CostRule::kSmaller;
      default:
        return CostRule::kOne;
    }
  }

  const Step* Specialized(const Node& node, Step& step) {
    const auto is_constant = [&](std::size_t i) {
      return i < step.children.size() && step.children[i]->kind == StepKind::kConstant;
    };
    if (folding_ == Folding::kOff) return &step;
    if (IsConversion(step.function) && step.children.size() == 1 && is_constant(0)) {
      return FoldConversion(step);
    }
    if (step.children.size() != 2 || !is_constant(1)) return &step;
    const Value& second = step.children[1]->constant;
    if (step.function == Function::kIn && second.kind == Kind::kList && node.overload != nullptr) {
      return Membership(step, second);
    }
    if (second.kind != Kind::kString) return &step;
    if (step.function == Function::kMatches) return WithPattern(step, second.text());
    if (step.function == Function::kInCidr) return WithPrefix(step, second.text());
    return &step;
  }

  const Step* FoldConversion(const Step& step) {
    const Value result =
        Apply(step.function, std::span(&step.children[0]->constant, 1), plan_->arena);
    if (result.kind == Kind::kError && failure_.empty()) failure_ = std::string(result.text());
    return Constant(result);
  }

  // `x in [constants]` asks a sorted set. It is free, and `x in []` does not even look at x.
  const Step* Membership(Step& step, const Value& list) {
    if (list.size == 0) return Constant(Value::Bool(false));
    const std::span<const Value> elements(list.elements, list.size);
    const bool primitive = std::all_of(elements.begin(), elements.end(), [](const Value& value) {
      return value.is_number() || value.kind == Kind::kBool || value.kind == Kind::kString;
    });
    if (!primitive) return &step;
    const auto entries = plan_->arena.NewArray<MapEntry>(elements.size());
    std::size_t count = 0;
    for (const Value& element : elements) {
      if (Equal(element, element)) entries[count++].key = element;  // NaN is in no set.
    }
    SortEntries(entries.data(), count);
    const auto* end =
        std::unique(entries.data(), entries.data() + count,
                    [](const MapEntry& a, const MapEntry& b) { return Equal(a.key, b.key); });
    step.kind = StepKind::kInSet;
    step.cost = CostRule::kNothing;
    step.constant = Value::Map(entries.data(), static_cast<std::size_t>(end - entries.data()));
    step.children = step.children.first(1);
    return &step;
  }

  const Step* WithPattern(Step& step, std::string_view pattern) {
    auto compiled = std::make_unique<const RE2>(re2::StringPiece(pattern.data(), pattern.size()),
                                                PatternOptions());
    if (!compiled->ok()) {
      if (failure_.empty()) failure_ = "error parsing regexp: " + compiled->error();
      return &step;
    }
    step.kind = StepKind::kMatches;
    step.pattern = compiled.get();
    plan_->patterns.push_back(std::move(compiled));
    return &step;
  }

  // A malformed prefix stays a failure of each evaluation.
  const Step* WithPrefix(Step& step, std::string_view cidr) {
    const auto prefix = ParseIpPrefix(cidr);
    if (!prefix) return &step;
    step.kind = StepKind::kInCidr;
    step.prefix = plan_->arena.New<IpPrefix>(*prefix);
    return &step;
  }

  const Step* List(const Node& node) {
    Step* step = New(StepKind::kList);
    step->charge = 10;
    MakeChildren(node, *step);
    if (!AllConstant(*step)) return step;
    const auto elements = plan_->arena.NewArray<Value>(step->children.size());
    for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = step->children[i]->constant;
    return Constant(Value::List(elements.data(), elements.size()));
  }

  const Step* Map(const Node& node) {
    Step* step = New(StepKind::kMap);
    step->charge = 30;
    MakeChildren(node, *step);
    if (!AllConstant(*step)) return step;
    const auto entries = plan_->arena.NewArray<MapEntry>(step->children.size() / 2);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i] = {step->children[2 * i]->constant, step->children[2 * i + 1]->constant};
      if (!IsKey(entries[i].key)) return step;
    }
    if (SortEntries(entries.data(), entries.size())) return step;
    return Constant(Value::Map(entries.data(), entries.size()));
  }

  const Step* Message(const Node& node) {
    const auto message = FindMessage(node.name);
    if (!message) {
      return Failing("undeclared reference to '" + std::string(node.name) + "' (in container '')");
    }
    Step* step = New(StepKind::kMessage);
    step->message = *message;
    step->charge = 40;
    const auto fields = plan_->arena.NewArray<MessageField>(node.fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto field = FindField(*message, node.fields[i]);
      if (!field) return Failing("undefined field '" + std::string(node.fields[i]) + "'");
      fields[i] = *field;
    }
    step->fields = fields;
    MakeChildren(node, *step);
    return step;
  }

  void MakeChildren(const Node& node, Step& step) {
    const auto children = plan_->arena.NewArray<const Step*>(node.children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = Make(*node.children[i], Place::kEvaluated);
    }
    step.children = children;
  }

  bool AllConstant(const Step& step) const {
    return folding_ == Folding::kOn &&
           std::all_of(step.children.begin(), step.children.end(),
                       [](const Step* child) { return child->kind == StepKind::kConstant; });
  }

  const Step* Comprehension(const Node& node) {
    Step* step = New(StepKind::kComprehension);
    const Step* range = Make(*node.children[kRange], Place::kEvaluated);
    const Step* initial = Make(*node.children[kInitial], Place::kEvaluated);
    step->index = scope_.size();
    scope_.Push(kAccumulatorName);
    scope_.Push(node.name);
    plan_->locals = std::max(plan_->locals, scope_.size());
    const Step* condition = Make(*node.children[kCondition], Place::kEvaluated);
    const Step* next = Make(*node.children[kStep], Place::kEvaluated);
    scope_.Pop();
    const Step* result = Make(*node.children[kResult], Place::kEvaluated);
    scope_.Pop();
    step->children = Children({range, initial, condition, next, result});
    return step;
  }

  std::span<const Step* const> Children(std::initializer_list<const Step*> steps) {
    const auto children = plan_->arena.NewArray<const Step*>(steps.size());
    std::copy(steps.begin(), steps.end(), children.begin());
    return children;
  }

  const Environment& environment_;
  Folding folding_;
  std::unique_ptr<Plan> plan_;
  Scope scope_;
  std::string failure_;  // The first constant that could not be folded.
};

}  // namespace

RE2::Options PatternOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return options;
}

Result<std::unique_ptr<const Plan>> MakePlan(const Node& root, const Environment& environment,
                                             Folding folding) {
  return Planner(environment, folding).Run(root);
}

}  // namespace pemba::condition::internal
