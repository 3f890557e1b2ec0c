// BoundModel: a plan bound to one store's graph.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pemba/condition/program.h"
#include "pemba/engine/internal/name_table.h"
#include "pemba/graph/graph.h"
#include "pemba/model/plan.h"

namespace pemba::engine {

// Of which relations the graph holds tuples that expire: what to compile a plan with.
model::MayExpire MayExpireIn(const graph::Graph& graph);

// Where the plan's names lie in one graph: types to type ids, classes of tuples to partitions. Made
// once per (model, store); stays true for the graph's lifetime, because names get their ids before
// tuples use them.
//
// A partition that no entry of the plan is bound to is invisible: tuples that the model no longer
// allows lie there, and no query pays for them.
//
// Immutable but for the cache of converted condition contexts, which holds conversions, never
// decisions. Thread-safe.
class BoundModel {
 public:
  // The graph must outlive the result.
  static std::shared_ptr<const BoundModel> Bind(std::shared_ptr<const model::Plan> plan,
                                                graph::Graph& graph);
  ~BoundModel();
  BoundModel(const BoundModel&) = delete;
  BoundModel& operator=(const BoundModel&) = delete;

  const model::Plan& plan() const { return *plan_; }
  graph::TypeId type(model::TypeIndex type) const { return types_[type]; }
  graph::PartitionId partition(model::EntryIndex entry) const { return partitions_[entry]; }

  // As the plan's, and faster.
  model::TypeIndex FindType(std::string_view name) const { return names_.Find(kTypes, name); }
  model::RelationIndex FindRelation(model::TypeIndex type, std::string_view name) const {
    return names_.Find(type, name);
  }

  // The relation whose tuples alone decide this one, none of them under a condition nor naming a
  // userset; kNoIndex: there is more to it.
  model::RelationIndex DirectOwner(model::RelationIndex relation) const {
    return direct_owners_[relation];
  }

  // The values of a stored context, which is not empty, for the parameters of a condition (for
  // those of the underlying one if it Expires()); null if the context does not fit the condition as
  // this model has it: queries do not see such a tuple. Wait-free once cached; the
  // first kCachedBindings distinct contexts are. `spare` keeps the result alive if it is not.
  const condition::Bindings* BindingsOf(const graph::Snapshot& snapshot,
                                        model::ConditionIndex condition, graph::ContextId context,
                                        std::shared_ptr<const condition::Bindings>& spare) const;
  static constexpr std::size_t kCachedBindings = std::size_t{1} << 14;

 private:
  BoundModel() = default;

  struct CachedBindings;
  struct Cache;
  Cache* cache() const;
  std::shared_ptr<const condition::Bindings> Convert(const graph::Snapshot& snapshot,
                                                     model::ConditionIndex condition,
                                                     graph::ContextId context) const;

  std::shared_ptr<const model::Plan> plan_;
  std::vector<graph::TypeId> types_;
  std::vector<graph::PartitionId> partitions_;  // By entry.

  static constexpr std::uint32_t kTypes = 0xFFFF'FFFF;  // The scope; of relations: their type.
  internal::NameTable names_;                           // Borrowed from the plan.
  std::vector<model::RelationIndex> direct_owners_;     // By relation.

  // Made by the first request that needs it (compare-and-swap), freed by the destructor. Slots are
  // filled once, by compare-and-swap, and never change again: readers only load (acquire).
  mutable std::atomic<Cache*> cache_{nullptr};
};

}  // namespace pemba::engine
