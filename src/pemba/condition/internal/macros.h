// Macros: calls that are other expressions in disguise.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "pemba/condition/internal/node_builder.h"

namespace pemba::condition::internal {

// What became of a call: its expansion, or why it is none.
struct Expansion {
  Node* node = nullptr;
  std::string complaint;  // Not empty: a malformed use of a macro.
  std::uint32_t complaint_offset = 0;
};

// has(e.f), and on a range: all, exists, exists_one (existsOne), map, filter. `target` is null for
// a global call. Neither a node nor a complaint: the call is no macro. Expansions follow the
// language definition, so that their costs are those that users know.
Expansion ExpandMacro(std::string_view function, Node* target, std::span<Node* const> arguments,
                      std::uint32_t offset, NodeBuilder& build);

}  // namespace pemba::condition::internal
