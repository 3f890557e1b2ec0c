// A model: all facts as plain sets, and what patterns and rules mean over them, written down as
// directly as possible. The definition that the engine is compared with.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pemba/reason/database.h"
#include "pemba/reason/schema.h"
#include "pemba/reason/syntax.h"

namespace pemba::reason::testing {

struct ModelThing {
  TypeId type = 0;
  std::optional<Value> value;                       // Attributes.
  std::multiset<std::pair<TypeId, ThingId>> edges;  // Relations: role and player.
  std::set<ThingId> owned;                          // Attributes.
  bool inferred = false;
};

struct Model {
  std::map<ThingId, ModelThing> things;
  std::set<std::pair<ThingId, ThingId>> inferred_ownerships;

  // The same text for the same fact, whoever numbered it: persisted things by number, inferred ones
  // by what they are.
  std::string NameOf(ThingId thing, const Schema& schema) const;
  std::string NameOfInferred(const ModelThing& thing, const Schema& schema) const;
};

Model LoadModel(Transaction& transaction);

// What a variable is bound to.
struct ModelValue {
  enum class Form : std::uint8_t { kThing, kType, kValue };
  Form form = Form::kThing;
  ThingId id = 0;  // Or the TypeId.
  Value value = false;
  friend auto operator<=>(const ModelValue&, const ModelValue&) = default;
};
using Binding = std::map<std::string, ModelValue>;  // By name, without sigil.

// All bindings that extend `begin` and satisfy the patterns. Bindings of branches are kept, those
// of negations are not. `negated_in` is where negations look; null: `model`.
std::vector<Binding> Solve(const syntax::Patterns& patterns, const Model& model,
                           const Schema& schema, const Binding& begin = {},
                           const Model* negated_in = nullptr);

// `model` and all that the rules conclude from it: each group of rules to its fixed point, by
// trying everything again until nothing new comes.
Model LeastModel(Model model, const Schema& schema);

// The relation that a rule concludes for a binding; only for rules that conclude one.
ModelThing ConcludedBy(const Rule& rule, const Binding& binding, const Schema& schema);

// The fact that a rule concludes for a binding, added to the model unless it is there already.
// Returns whether it was added.
enum class Added : std::uint8_t { kNo, kYes };
Added ConcludeInModel(const Rule& rule, const Binding& binding, const Schema& schema, Model& model,
                      ThingId number);

}  // namespace pemba::reason::testing
