// NodeBuilder: makes nodes and watches the depth of the tree.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string_view>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/ast.h"

namespace pemba::condition::internal {

class NodeBuilder {
 public:
  explicit NodeBuilder(Arena& arena) : arena_(arena) {}

  Node* Constant(std::uint32_t offset, const Value& value) {
    Node* node = Make(NodeKind::kConstant, offset, {}, {});
    node->constant = value;
    return node;
  }
  Node* Identifier(std::uint32_t offset, std::string_view name) {
    return Make(NodeKind::kIdentifier, offset, name, {});
  }
  Node* Select(std::uint32_t offset, Node* operand, std::string_view field) {
    return Make(NodeKind::kSelect, offset, field, std::span(&operand, 1));
  }
  Node* Call(std::uint32_t offset, std::string_view function, std::span<Node* const> arguments) {
    return Make(NodeKind::kCall, offset, function, arguments);
  }
  Node* Call(std::uint32_t offset, std::string_view function,
             std::initializer_list<Node*> arguments) {
    return Call(offset, function, std::span(arguments.begin(), arguments.size()));
  }
  Node* List(std::uint32_t offset, std::span<Node* const> elements) {
    return Make(NodeKind::kList, offset, {}, elements);
  }

  // Copies `children` into the arena.
  Node* Make(NodeKind kind, std::uint32_t offset, std::string_view name,
             std::span<Node* const> children) {
    const auto copy = arena_.NewArray<Node*>(children.size());
    std::copy(children.begin(), children.end(), copy.begin());
    Node* node = arena_.New<Node>();
    node->kind = kind;
    node->offset = offset;
    node->name = name;
    node->children = copy;
    for (const Node* child : children) {
      node->depth = std::max<std::uint16_t>(node->depth, child->depth + 1);
    }
    return node;
  }

  Arena& arena() { return arena_; }

 private:
  Arena& arena_;
};

}  // namespace pemba::condition::internal
