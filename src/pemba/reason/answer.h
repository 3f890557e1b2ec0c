// What queries answer and explanations say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pemba/reason/schema.h"
#include "pemba/reason/thing.h"
#include "pemba/reason/value.h"

namespace pemba::reason {

// What a variable is bound to.
struct Concept {
  enum class Form : std::uint8_t { kThing, kType, kValue };
  Form form = Form::kValue;
  // Of the thing, or the type itself; not of values.
  Kind kind = Kind::kThing;
  TypeId type = 0;
  std::string label;  // `file`, `access:accessed-object`.
  ThingId thing = kNoThing;
  std::optional<Value> value;  // Of attributes and values.

  bool inferred() const { return form == Form::kThing && IsInferred(thing); }
  friend bool operator==(const Concept&, const Concept&) = default;
};

// `0x1f`: how things are written in queries and shown to people.
std::string IidText(ThingId thing);

// Something that holds: that a relation (or attribute) exists, or that a thing owns an attribute.
struct Fact {
  ThingId thing = kNoThing;      // The relation, the attribute, or the owner.
  ThingId attribute = kNoThing;  // Of an ownership.
  bool is_ownership() const { return attribute != kNoThing; }
  friend auto operator<=>(const Fact&, const Fact&) = default;
};

// An inferred fact in an answer, by the variables that show it.
struct Explainable {
  std::string variable;   // The relation, the attribute or the owner.
  std::string attribute;  // Of an ownership.
  Fact fact;
};

enum class AnswerKind : std::uint8_t {
  kNone,          // Define, undefine, delete.
  kMaps,          // Concepts, one for each variable.
  kNumber,        // One answer with a number.
  kGroups,        // Owner and concepts; the answers of one group come one after the other.
  kGroupNumbers,  // Owner and number, one answer for each group.
};

struct Answer {
  std::vector<Concept> concepts;
  std::optional<Concept> owner;
  std::optional<Value> number;  // Nothing: not a number (the mean of no values).
  std::vector<Explainable> explainables;
};

struct BoundVariable {
  std::string name;  // Anonymous ones begin with `_`.
  Concept bound;
};

// One application of one rule.
struct Explanation {
  std::string rule;
  Fact conclusion;
  std::vector<BoundVariable> bindings;            // All variables of the body that were bound.
  std::vector<std::string> conclusion_variables;  // Those of them that the conclusion uses.
  std::vector<Fact> premises;                     // Inferred or not, in the order of the body.
  std::vector<std::string> absent;                // Negated patterns, as TypeQL.
};

struct Proof {
  Fact fact;
  std::optional<Explanation> step;  // Nothing: the fact is persisted.
  std::vector<Proof> premises;      // As in step->premises.
};

struct ExplainOptions {
  std::uint32_t explanations_max = 1000;
  std::uint32_t depth_max = 10'000;  // Of a proof.
};

}  // namespace pemba::reason
