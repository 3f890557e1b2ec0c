#include "pemba/condition/internal/macros.h"

#include <array>

namespace pemba::condition::internal {
namespace {

Expansion Complaint(const Node& at, std::string_view text) {
  return {nullptr, std::string(text), at.offset};
}

Expansion ExpandHas(Node* argument, std::uint32_t offset) {
  if (argument->kind != NodeKind::kSelect || argument->is_test) {
    return Complaint(*argument, "invalid argument to has() macro");
  }
  argument->is_test = true;
  argument->offset = offset;
  return {argument, {}, 0};
}

// Builds the comprehension of one macro call.
class Fold {
 public:
  Fold(NodeBuilder& build, std::uint32_t offset) : build_(build), offset_(offset) {}

  Node* Accumulator() { return build_.Identifier(offset_, kAccumulatorName); }
  Node* Constant(const Value& value) { return build_.Constant(offset_, value); }
  Node* Call(std::string_view function, std::initializer_list<Node*> arguments) {
    return build_.Call(offset_, function, arguments);
  }
  // The accumulator with `element` appended to it.
  Node* Append(Node* element) {
    return Call("_+_", {Accumulator(), build_.List(offset_, std::span(&element, 1))});
  }
  Node* EmptyList() { return build_.List(offset_, {}); }

  Node* Make(std::string_view variable, Node* range, Node* initial, Node* condition, Node* step,
             Node* result) {
    const std::array<Node*, 5> parts{range, initial, condition, step, result};
    return build_.Make(NodeKind::kComprehension, offset_, variable, parts);
  }

 private:
  NodeBuilder& build_;
  std::uint32_t offset_;
};

Node* All(Fold fold, std::string_view variable, Node* range, Node* predicate) {
  return fold.Make(variable, range, fold.Constant(Value::Bool(true)),
                   fold.Call(kNotStrictlyFalseName, {fold.Accumulator()}),
                   fold.Call("_&&_", {fold.Accumulator(), predicate}), fold.Accumulator());
}

Node* Exists(Fold fold, std::string_view variable, Node* range, Node* predicate) {
  Node* not_yet = fold.Call("!_", {fold.Accumulator()});
  return fold.Make(variable, range, fold.Constant(Value::Bool(false)),
                   fold.Call(kNotStrictlyFalseName, {not_yet}),
                   fold.Call("_||_", {fold.Accumulator(), predicate}), fold.Accumulator());
}

Node* ExistsOne(Fold fold, std::string_view variable, Node* range, Node* predicate) {
  Node* count_up = fold.Call("_+_", {fold.Accumulator(), fold.Constant(Value::Int(1))});
  return fold.Make(variable, range, fold.Constant(Value::Int(0)), fold.Constant(Value::Bool(true)),
                   fold.Call("_?_:_", {predicate, count_up, fold.Accumulator()}),
                   fold.Call("_==_", {fold.Accumulator(), fold.Constant(Value::Int(1))}));
}

// `predicate` may be null: every element is kept.
Node* Collect(Fold fold, std::string_view variable, Node* range, Node* predicate, Node* element) {
  Node* step = fold.Append(element);
  if (predicate != nullptr) step = fold.Call("_?_:_", {predicate, step, fold.Accumulator()});
  return fold.Make(variable, range, fold.EmptyList(), fold.Constant(Value::Bool(true)), step,
                   fold.Accumulator());
}

}  // namespace

Expansion ExpandMacro(std::string_view function, Node* target, std::span<Node* const> arguments,
                      std::uint32_t offset, NodeBuilder& build) {
  if (target == nullptr) {
    return function == "has" && arguments.size() == 1 ? ExpandHas(arguments[0], offset)
                                                      : Expansion{};
  }
  const bool is_map = function == "map" && (arguments.size() == 2 || arguments.size() == 3);
  const bool is_exists_one = function == "exists_one" || function == "existsOne";
  const bool is_other =
      function == "all" || function == "exists" || is_exists_one || function == "filter";
  if (!is_map && !(is_other && arguments.size() == 2)) return {};

  Node* variable = arguments[0];
  if (variable->kind != NodeKind::kIdentifier || variable->name.starts_with('.')) {
    return Complaint(*variable, "argument must be a simple name");
  }
  const Fold fold(build, offset);
  const auto name = variable->name;
  if (function == "all") return {All(fold, name, target, arguments[1]), {}, 0};
  if (function == "exists") return {Exists(fold, name, target, arguments[1]), {}, 0};
  if (is_exists_one) return {ExistsOne(fold, name, target, arguments[1]), {}, 0};
  if (function == "filter") {
    return {Collect(fold, name, target, arguments[1], build.Identifier(offset, name)), {}, 0};
  }
  if (arguments.size() == 3) {
    return {Collect(fold, name, target, arguments[1], arguments[2]), {}, 0};
  }
  return {Collect(fold, name, target, nullptr, arguments[1]), {}, 0};
}

}  // namespace pemba::condition::internal
