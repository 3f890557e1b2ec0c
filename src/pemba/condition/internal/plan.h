// Plan: an expression made ready to be evaluated many times.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "pemba/base/arena.h"
#include "pemba/base/result.h"
#include "pemba/condition/internal/ast.h"
#include "pemba/condition/internal/environment.h"
#include "pemba/condition/internal/library.h"
#include "pemba/condition/internal/message.h"
#include "pemba/condition/internal/value.h"

namespace pemba::condition::internal {

enum class StepKind : std::uint8_t {
  kConstant,       // constant
  kVariable,       // index
  kLocal,          // index
  kSelect,         // children: map. constant: the key.
  kTest,           // The same; only asks whether the key is there.
  kCall,           // function, children
  kMatches,        // children: text. pattern
  kInCidr,         // children: address. prefix
  kInSet,          // children: element. constant: a map whose keys are the set.
  kList,           // children
  kMap,            // children: key, value, key, value, ...
  kMessage,        // message, fields; children: the values of the fields.
  kComprehension,  // children: see ComprehensionPart. index: of the accumulator; element: + 1.
  kFailure,        // constant: an error.
};

// One node of the plan. Lives in the plan's arena.
struct Step {
  StepKind kind = StepKind::kConstant;
  Function function = Function::kNone;
  CostRule cost = CostRule::kNothing;
  MessageKind message = MessageKind::kValue;
  std::uint8_t charge = 0;  // Cost of the step itself, whatever its values.
  std::uint32_t index = 0;
  Value constant;
  std::span<const Step* const> children;
  std::span<const MessageField> fields;
  const RE2* pattern = nullptr;
  const IpPrefix* prefix = nullptr;
};

// Immutable and thread-safe.
struct Plan {
  Arena arena;
  std::vector<std::unique_ptr<const RE2>> patterns;
  const Step* root = nullptr;
  std::uint32_t locals = 0;  // Slots that the comprehensions need.
};

// Folding carries out at once what depends on nothing: literals of constants, conversions of
// constants, patterns, and membership in constant lists. A conversion or pattern that fails then
// fails the plan, with its message alone.
enum class Folding : std::uint8_t { kOn, kOff };

Result<std::unique_ptr<const Plan>> MakePlan(const Node& root, const Environment& environment,
                                             Folding folding);

// The options under which patterns are compiled: quiet, and with bounded memory.
RE2::Options PatternOptions();

}  // namespace pemba::condition::internal
