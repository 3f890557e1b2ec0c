// Parser: from the text of an expression to its syntax tree.
#pragma once

#include <string_view>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/ast.h"
#include "pemba/condition/internal/source.h"

namespace pemba::condition::internal {

struct ParseLimits {
  std::uint32_t bytes_max = 100'000;
  std::uint32_t nesting_max = 250;  // Of parentheses, brackets, arguments and conditionals.
  std::uint16_t depth_max = 500;    // Of the tree: chains of operators nest to the left.
};

enum class Macros : std::uint8_t { kExpanded, kOff };

// Recursive descent over the grammar of the Common Expression Language definition
// (https://github.com/google/cel-spec, doc/langdef.md). Null if there is a syntax error, which is
// then in `issues`; parsing stops at the first. The tree and its texts live in `arena`, but names
// are borrowed from `source`. O(source).
Node* Parse(std::string_view source, Macros macros, Issues& issues, Arena& arena,
            const ParseLimits& limits = {});

}  // namespace pemba::condition::internal
