// Plan: a compiled authorization model; what every query runs on.
//
// Names become dense indexes, each (type, relation) becomes a small program of nodes, and what can
// be known without tuples is worked out once: which subjects can ever reach a relation, which
// relations recurse, which classes of stored tuples count, in which order branches are cheapest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/condition/program.h"
#include "pemba/model/model.h"

namespace pemba::model {

using TypeIndex = std::uint32_t;
using RelationIndex = std::uint32_t;  // Of one relation on one type.
using ConditionIndex = std::uint32_t;
using EntryIndex = std::uint32_t;  // Of one class of stored tuples.
using PlanNodeIndex = std::uint32_t;
inline constexpr std::uint32_t kNoIndex = 0xFFFF'FFFF;

// The condition of tuples that expire: "it is not yet time, and `underlying`", which may be
// kNoIndex. No program of Plan::conditions() stands for it.
inline constexpr ConditionIndex kExpires = 0x8000'0000;
inline constexpr ConditionIndex kExpiresOnly = 0xFFFF'FFFE;
constexpr bool Expires(ConditionIndex condition) {
  return condition >= kExpires && condition != kNoIndex;
}
constexpr ConditionIndex Expiring(ConditionIndex underlying) {
  return underlying == kNoIndex ? kExpiresOnly : kExpires | underlying;
}
constexpr ConditionIndex Underlying(ConditionIndex condition) {
  if (!Expires(condition)) return condition;
  return condition == kExpiresOnly ? kNoIndex : condition & ~kExpires;
}

// One class of stored tuples of one relation that fits the model: whatever does not fall into an
// entry is not seen by queries. An entry is one subject kind under one condition. A condition
// counts if *some* restriction of the same subject type names it (the wire contract compares only
// the type there), so there may be more entries than restrictions.
struct DirectEntry {
  RelationIndex relation = kNoIndex;    // Whose tuples these are.
  TypeIndex type = kNoIndex;            // The subject's.
  RelationIndex userset = kNoIndex;     // `type#relation`; kNoIndex: not a userset.
  bool wildcard = false;                // `type:*`
  ConditionIndex condition = kNoIndex;  // kNoIndex: unconditional. May be one that Expires().
  friend bool operator==(const DirectEntry&, const DirectEntry&) = default;
};

enum class PlanOp : std::uint8_t {
  kDirect,          // Tuples of the relation itself.
  kComputed,        // Another relation of the same object.
  kTupleToUserset,  // A relation of the objects that a tupleset relation names.
  kUnion,
  kIntersection,
  kDifference,  // children[0] but not children[1]
};

struct PlanNode {
  PlanOp op = PlanOp::kDirect;
  // kDirect: the relation whose tuples are read; kComputed: the other relation; kTupleToUserset:
  // the tupleset relation.
  RelationIndex relation = kNoIndex;
  // kTupleToUserset: one target per entry of the tupleset relation (kNoIndex: that type lacks the
  // relation); the operators: children. A range of Plan::links().
  std::uint32_t first = 0, count = 0;
  std::uint32_t cost = 0;  // Unit-less; orders the branches of one operator, cheapest first.
};

// A leaf of a relation that is reached through unions and computed relations alone.
struct UnionLeaf {
  PlanNodeIndex node = 0;  // kDirect, kTupleToUserset; or kComputed, where flattening stopped.
  RelationIndex owner = kNoIndex;  // The relation that the leaf belongs to.
};

struct PlanRelation {
  TypeIndex type = 0;
  std::string name;
  PlanNodeIndex root = 0;
  EntryIndex first_entry = 0, entry_count = 0;  // Direct entries.
  bool direct = false;                          // Has a direct part.
  bool tupleset = false;                        // Stands right of a `from` on its type.
  std::uint32_t group = 0;  // Relations that recurse through each other share a group.
  bool recursive = false;   // It can reach itself.
  // Nothing but unions can be reached from here, also through tuples: a question on it is plain
  // graph search. Then `leaves` are all leaves that belong to the same object, and `aliases` the
  // relations (this one first) whose leaves those are.
  bool unions_only = false;
  std::uint32_t first_leaf = 0, leaf_count = 0;
  std::uint32_t first_alias = 0, alias_count = 0;
  // unions_only, one direct leaf, no usersets: deciding it follows no tuple any further.
  bool terminal = false;
};

struct PlanType {
  std::string name;
  StringMap<RelationIndex> relations;
};

// Whether tuples of that relation may expire. They lie apart: a plan that knows of them has more
// entries, which every query on the relation looks at.
using MayExpire = std::function<bool(std::string_view type, std::string_view relation)>;

// Immutable and thread-safe.
class Plan {
 public:
  // Works for every model that passes server-side validation; models are user input, so nothing
  // here recurses. O(model), but reachability: O(relations^2 / 64).
  // Errors (kInvalidModel): a reference to nothing, a condition that does not compile. Texts are
  // those of validation where it has them.
  // Without `may_expire`, tuples that expire are not seen.
  static Result<std::shared_ptr<const Plan>> Compile(
      const Model& model, const MayExpire& may_expire = {},
      const condition::ProgramOptions& conditions = {});

  TypeIndex FindType(std::string_view name) const;  // kNoIndex: none.
  RelationIndex FindRelation(TypeIndex type, std::string_view name) const;
  ConditionIndex FindCondition(std::string_view name) const;

  std::span<const PlanType> types() const { return types_; }
  std::span<const PlanRelation> relations() const { return relations_; }
  std::span<const DirectEntry> entries() const { return entries_; }
  std::span<const PlanNode> nodes() const { return nodes_; }
  std::span<const std::uint32_t> links() const { return links_; }
  std::span<const std::shared_ptr<const condition::Program>> conditions() const {
    return conditions_;
  }

  std::span<const DirectEntry> EntriesOf(const PlanRelation& relation) const {
    return std::span(entries_).subspan(relation.first_entry, relation.entry_count);
  }
  // The relation's rewrite as it was written: operands in their order, nothing joined.
  const Rewrite& Written(RelationIndex relation) const { return written_[relation]; }
  std::span<const UnionLeaf> LeavesOf(const PlanRelation& relation) const {
    return std::span(leaves_).subspan(relation.first_leaf, relation.leaf_count);
  }
  std::span<const RelationIndex> AliasesOf(const PlanRelation& relation) const {
    return std::span(aliases_).subspan(relation.first_alias, relation.alias_count);
  }
  std::span<const std::uint32_t> LinksOf(const PlanNode& node) const {
    return std::span(links_).subspan(node.first, node.count);
  }

  // Subject kinds, as reachability counts them.
  std::uint32_t ObjectKind(TypeIndex type) const { return type; }
  std::uint32_t WildcardKind(TypeIndex type) const {
    return static_cast<std::uint32_t>(types_.size()) + type;
  }
  std::uint32_t UsersetKind(RelationIndex relation) const {
    return 2 * static_cast<std::uint32_t>(types_.size()) + relation;
  }
  // Whether a path of the model leads from subjects of `kind` to the relation. If not, the answer
  // is "no" whatever the tuples are. An object also goes where its type's wildcard goes: ask for
  // both. A userset reaches itself.
  bool Reaches(std::uint32_t kind, RelationIndex relation) const {
    const auto row = std::size_t{relations_[relation].group} * reach_words_;
    return (reach_[row + kind / 64] >> (kind % 64) & 1) != 0;
  }

  // Whether any entry is of tuples that expire.
  bool knows_expiry() const { return knows_expiry_; }

  // Whether some restriction of the relation is the plain type (under any condition).
  bool AllowsObjects(RelationIndex relation, TypeIndex type) const;

 private:
  friend class PlanCompiler;
  Plan() = default;

  std::vector<PlanType> types_;
  StringMap<TypeIndex> type_index_;
  std::vector<PlanRelation> relations_;
  std::vector<Rewrite> written_;  // By relation.
  std::vector<DirectEntry> entries_;
  std::vector<PlanNode> nodes_;
  std::vector<std::uint32_t> links_;
  std::vector<UnionLeaf> leaves_;
  std::vector<RelationIndex> aliases_;
  std::vector<std::shared_ptr<const condition::Program>> conditions_;
  StringMap<ConditionIndex> condition_index_;
  std::vector<std::uint64_t> reach_;  // One row of bits over subject kinds per group.
  std::size_t reach_words_ = 0;
  bool knows_expiry_ = false;
};

// Groups mutually recursive relations: `group[i]` for node i, numbered callees first.
//
// Tarjan, "Depth-First Search and Linear Graph Algorithms", SIAM J. Comput. 1(2), 1972, with an
// explicit stack. O(nodes + edges).
std::vector<std::uint32_t> RecursiveGroups(std::span<const std::vector<std::uint32_t>> edges);

}  // namespace pemba::model
