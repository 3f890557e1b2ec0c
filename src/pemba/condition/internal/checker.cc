#include "pemba/condition/internal/checker.h"

#include <string>
#include <utility>
#include <vector>

#include "pemba/condition/internal/message.h"

namespace pemba::condition::internal {
namespace {

// A complaint makes the type of its node dyn, so that it does not cause others.
class Checker {
 public:
  Checker(const Environment& environment, Issues& issues, Arena& arena)
      : environment_(environment), issues_(issues), arena_(arena), types_(arena) {}

  const Type* Run(Node& root) {
    const Type* type = Visit(root);
    if (!issues_.empty()) return nullptr;
    return types_.Apply(type, Substitution::Unknown::kBecomesDyn);
  }

 private:
  static const Type* Dyn() { return SimpleType(TypeKind::kDyn); }

  const Type* Complain(const Node& node, std::string message) {
    issues_.Report(node.offset, std::move(message));
    return Dyn();
  }
  const Type* Undeclared(const Node& node, std::string_view name) {
    return Complain(node, "undeclared reference to '" + std::string(name) + "' (in container '')");
  }
  std::string Text(const Type* type) {
    return ToText(*types_.Apply(type, Substitution::Unknown::kBecomesDyn));
  }
  const Type* Resolved(const Type* type) {
    return types_.Apply(type, Substitution::Unknown::kStays);
  }

  const Type* Visit(Node& node) {
    switch (node.kind) {
      case NodeKind::kConstant:
        return Constant(node);
      case NodeKind::kIdentifier:
        return Identifier(node);
      case NodeKind::kSelect:
        return Select(node);
      case NodeKind::kCall:
        return Call(node);
      case NodeKind::kList:
        return ListType(JoinAll(node), arena_);
      case NodeKind::kMap: {
        VisitChildren(node);
        const Type* key = JoinVisited(0, 2, node.children.size());
        const Type* value = JoinVisited(1, 2, node.children.size());
        visited_.resize(visited_.size() - node.children.size());
        return MapType(key, value, arena_);
      }
      case NodeKind::kMessage:
        return Message(node);
      case NodeKind::kComprehension:
        return Comprehension(node);
    }
    return Dyn();
  }

  static const Type* Constant(const Node& node) {
    switch (node.constant.kind) {
      case Kind::kNull:
        return SimpleType(TypeKind::kNull);
      case Kind::kBool:
        return SimpleType(TypeKind::kBool);
      case Kind::kInt:
        return SimpleType(TypeKind::kInt);
      case Kind::kUint:
        return SimpleType(TypeKind::kUint);
      case Kind::kDouble:
        return SimpleType(TypeKind::kDouble);
      case Kind::kString:
        return SimpleType(TypeKind::kString);
      default:
        return SimpleType(TypeKind::kBytes);
    }
  }

  // The type of what the node names; null if it names nothing.
  const Type* Named(const Reference& reference) {
    switch (reference.target) {
      case Reference::Target::kNothing:
        return nullptr;
      case Reference::Target::kLocal:
        return locals_[reference.index];
      case Reference::Target::kVariable:
        return reference.type;
      case Reference::Target::kType:
        return TypeType(reference.type, arena_);
    }
    return nullptr;
  }

  const Type* Identifier(const Node& node) {
    const auto reference = Resolve(node, scope_, environment_);
    if (const Type* type = Named(reference)) return type;
    return Undeclared(node, node.name.starts_with('.') ? node.name.substr(1) : node.name);
  }

  const Type* Select(Node& node) {
    if (const Type* type = Named(Resolve(node, scope_, environment_))) return type;
    const Type* operand = Resolved(Visit(*node.children[0]));
    const Type* result = Dyn();
    switch (operand->kind) {
      case TypeKind::kMap:
        result = operand->parameters[1];
        break;
      case TypeKind::kVariable:
        types_.Assignable(Dyn(), operand);  // Nothing more specific may be concluded later.
        break;
      case TypeKind::kDyn:
        break;
      default:
        return Complain(node, "type '" + Text(operand) + "' does not support field selection");
    }
    return node.is_test ? SimpleType(TypeKind::kBool) : result;
  }

  // Types of visited children are kept on a stack, for trees are deep and wide.
  void VisitChildren(Node& node) {
    for (Node* child : node.children) visited_.push_back(Visit(*child));
  }

  // The common type of every `stride`-th of the last `count` visited types.
  const Type* JoinVisited(std::size_t first, std::size_t stride, std::size_t count) {
    const Type* joined = nullptr;
    const auto base = visited_.size() - count;
    for (std::size_t i = first; i < count; i += stride) {
      const Type* type = visited_[base + i];
      joined = joined == nullptr ? type : types_.Join(joined, type);
    }
    return joined == nullptr ? types_.NewVariable() : joined;
  }

  const Type* JoinAll(Node& node) {
    VisitChildren(node);
    const Type* joined = JoinVisited(0, 1, node.children.size());
    visited_.resize(visited_.size() - node.children.size());
    return joined;
  }

  const Type* Message(Node& node) {
    const auto message = FindMessage(node.name);
    if (!message) return Undeclared(node, node.name);
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const Type* found = Visit(*node.children[i]);
      const auto field = FindField(*message, node.fields[i]);
      if (!field) {
        Complain(node, "undefined field '" + std::string(node.fields[i]) + "'");
        continue;
      }
      const Type* wanted = FieldType(*message, *field, arena_);
      if (types_.Assignable(found, wanted)) continue;
      Complain(node, "expected type of field '" + std::string(node.fields[i]) + "' is '" +
                         Text(wanted) + "' but provided type is '" + Text(found) + "'");
    }
    return MessageType(*message, arena_);
  }

  const Type* Call(Node& node) {
    const auto* overloads = environment_.library->Find(node.name);
    VisitChildren(node);
    const std::vector<const Type*> arguments(
        visited_.end() - static_cast<std::ptrdiff_t>(node.children.size()), visited_.end());
    visited_.resize(visited_.size() - node.children.size());
    if (overloads == nullptr) return Undeclared(node, node.name);

    const Type* result = nullptr;
    int matches = 0;
    for (const auto& overload : *overloads) {
      const Type* type = Match(overload, node, arguments);
      if (type == nullptr) continue;
      node.overload = ++matches == 1 ? &overload : nullptr;
      result = result == nullptr || Same(*result, *type) ? type : Dyn();
    }
    if (result == nullptr && ComparesNumbersInMacro(node, arguments)) {
      return SimpleType(TypeKind::kBool);
    }
    return result == nullptr ? NoMatch(node, arguments) : result;
  }

  static bool IsNumber(const Type& type) {
    return type.kind == TypeKind::kInt || type.kind == TypeKind::kUint ||
           type.kind == TypeKind::kDouble;
  }

  // Numbers of different kinds have an order in the bodies of macros only: there the yardstick of
  // this dialect lets them pass, and models rely on it. The evaluator compares them anyway.
  bool ComparesNumbersInMacro(const Node& node, const std::vector<const Type*>& arguments) {
    if (locals_.empty() || arguments.size() != 2) return false;
    const auto& name = node.name;
    return (name == "_<_" || name == "_<=_" || name == "_>_" || name == "_>=_") &&
           IsNumber(*Resolved(arguments[0])) && IsNumber(*Resolved(arguments[1]));
  }

  // The result type of the overload for these arguments; null if it does not fit.
  const Type* Match(const Overload& overload, const Node& node,
                    const std::vector<const Type*>& arguments) {
    if (overload.is_member != node.is_member || overload.parameters.size() != arguments.size()) {
      return nullptr;
    }
    Instance instance;
    const auto before = types_.TakeSnapshot();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!types_.Assignable(arguments[i], Instantiate(overload.parameters[i], instance))) {
        types_.Restore(before);
        return nullptr;
      }
    }
    return Resolved(Instantiate(overload.result, instance));
  }

  const Type* NoMatch(const Node& node, const std::vector<const Type*>& arguments) {
    if (node.name == "_&&_" || node.name == "_||_") return NotLogical(node, arguments);
    std::string text;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (i == 0 && node.is_member) {
        text += Text(arguments[i]) + ".(";
        continue;
      }
      const bool first = i == (node.is_member ? 1 : 0);
      text += (first ? "" : ", ") + Text(arguments[i]);
    }
    if (!node.is_member) text = "(" + text;
    return Complain(node, "found no matching overload for '" + std::string(node.name) +
                              "' applied to '" + text + ")'");
  }

  const Type* NotLogical(const Node& node, const std::vector<const Type*>& arguments) {
    const Type* wanted = SimpleType(TypeKind::kBool);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!types_.Assignable(arguments[i], wanted))
        Unexpected(*node.children[i], wanted, arguments[i]);
    }
    return wanted;
  }

  // The variables that stand for the type parameters of one use of an overload.
  using Instance = std::vector<std::pair<std::string_view, const Type*>>;

  const Type* Instantiate(const Type* type, Instance& instance) {
    if (type->kind == TypeKind::kParameter) {
      for (const auto& [name, variable] : instance) {
        if (name == type->name) return variable;
      }
      instance.emplace_back(type->name, types_.NewVariable());
      return instance.back().second;
    }
    if (type->parameters.empty()) return type;
    std::vector<const Type*> parameters;
    for (const Type* p : type->parameters) parameters.push_back(Instantiate(p, instance));
    return WithParameters(*type, parameters, arena_);
  }

  const Type* Comprehension(Node& node) {
    const Type* range = Resolved(Visit(*node.children[kRange]));
    const Type* accumulator = Visit(*node.children[kInitial]);
    const Type* element = ElementType(*node.children[kRange], range);

    Push(kAccumulatorName, accumulator);
    Push(node.name, element);
    Expect(*node.children[kCondition], SimpleType(TypeKind::kBool));
    Expect(*node.children[kStep], accumulator);
    Pop();
    const Type* result = Visit(*node.children[kResult]);
    Pop();
    return Resolved(result);
  }

  const Type* ElementType(const Node& node, const Type* range) {
    switch (range->kind) {
      case TypeKind::kList:
      case TypeKind::kMap:
        return range->parameters[0];
      case TypeKind::kVariable:
        types_.Assignable(Dyn(), range);
        return Dyn();
      case TypeKind::kDyn:
        return Dyn();
      default:
        return Complain(node, "expression of type '" + Text(range) +
                                  "' cannot be range of a comprehension (must be list, map, or "
                                  "dynamic)");
    }
  }

  void Expect(Node& node, const Type* expected) {
    const Type* found = Visit(node);
    if (!types_.Assignable(found, expected)) Unexpected(node, expected, found);
  }
  void Unexpected(const Node& node, const Type* expected, const Type* found) {
    Complain(node, "expected type '" + Text(expected) + "' but found '" + Text(found) + "'");
  }

  void Push(std::string_view name, const Type* type) {
    scope_.Push(name);
    locals_.push_back(type);
  }
  void Pop() {
    scope_.Pop();
    locals_.pop_back();
  }

  const Environment& environment_;
  Issues& issues_;
  Arena& arena_;
  Substitution types_;
  Scope scope_;
  std::vector<const Type*> locals_;  // Types of the names in `scope_`.
  std::vector<const Type*> visited_;
};

}  // namespace

const Type* Check(Node& root, const Environment& environment, Issues& issues, Arena& arena) {
  return Checker(environment, issues, arena).Run(root);
}

}  // namespace pemba::condition::internal
