// The syntax tree of an expression, macros expanded.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pemba/condition/internal/value.h"

namespace pemba::condition::internal {

struct Overload;

enum class NodeKind : std::uint8_t {
  kConstant,
  kIdentifier,     // name; a leading dot means: not a variable of a comprehension.
  kSelect,         // children: operand. name: the field. is_test: only asks whether it is there.
  kCall,           // name: the function. children: arguments, of a member call the receiver first.
  kList,           // children: elements.
  kMap,            // children: key, value, key, value, ...
  kMessage,        // name: of the message type. children: values of `fields`.
  kComprehension,  // name: the iteration variable. children: see ComprehensionPart.
};

// A comprehension folds a list or the keys of a map into its accumulator:
//   a = initial; for (name : range) { if (!condition) break; a = step; } return result;
enum ComprehensionPart : std::uint8_t { kRange, kInitial, kCondition, kStep, kResult };

// The name of the accumulator of the innermost comprehension. No source text can spell it.
inline constexpr std::string_view kAccumulatorName = "@result";
inline constexpr std::string_view kNotStrictlyFalseName = "@not_strictly_false";

// Lives in an arena with all that it refers to.
struct Node {
  NodeKind kind = NodeKind::kConstant;
  bool is_test = false;
  bool is_member = false;
  std::uint16_t depth = 1;   // Of the tree below, this node included.
  std::uint32_t offset = 0;  // Where complaints about this node point to.
  Value constant;
  std::string_view name;
  std::span<Node* const> children;
  std::span<const std::string_view> fields;

  // Set by the checker: the only overload that fits a call, or null if that is left to run time.
  const Overload* overload = nullptr;
};

}  // namespace pemba::condition::internal
