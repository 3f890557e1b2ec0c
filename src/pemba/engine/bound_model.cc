#include "pemba/engine/bound_model.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "pemba/engine/internal/mutation.h"
#include "pemba/tuple/context.h"

namespace pemba::engine {
namespace {

using internal::Mutated;
using internal::Mutation;

constexpr std::size_t kProbesMax = 8;

std::uint64_t KeyOf(model::ConditionIndex condition, graph::ContextId context) {
  return std::uint64_t{condition} << 32 | context;
}

// Contexts are numbered as the store first saw them: those of a small store share a page.
std::size_t SlotOf(model::ConditionIndex condition, graph::ContextId context) {
  constexpr std::size_t kApart = 4099;  // So that conditions do not meet at once.
  return context + std::size_t{model::Underlying(condition)} * kApart;
}

model::RelationIndex DirectOwnerOf(const model::Plan& plan, model::RelationIndex relation) {
  if (!plan.relations()[relation].terminal) return model::kNoIndex;
  const auto owner = plan.LeavesOf(plan.relations()[relation])[0].owner;
  const auto entries = plan.EntriesOf(plan.relations()[owner]);
  const bool plain = std::all_of(entries.begin(), entries.end(), [](const auto& entry) {
    return entry.condition == model::kNoIndex && entry.userset == model::kNoIndex;
  });
  return plain ? owner : model::kNoIndex;
}

internal::NameTable NamesOf(const model::Plan& plan, std::uint32_t types_scope) {
  internal::NameTable names(plan.types().size() + plan.relations().size());
  for (model::TypeIndex i = 0; i < plan.types().size(); ++i) {
    names.Add(types_scope, plan.types()[i].name, i);
  }
  for (model::RelationIndex i = 0; i < plan.relations().size(); ++i) {
    names.Add(plan.relations()[i].type, plan.relations()[i].name, i);
  }
  return names;
}

}  // namespace

struct BoundModel::CachedBindings {
  std::uint64_t key;
  std::shared_ptr<const condition::Bindings> bindings;
};

// In pages that are made when they are first needed: a store with few contexts pays for few.
struct BoundModel::Cache {
  using Slot = std::atomic<const CachedBindings*>;
  struct Page {
    std::array<Slot, 256> slots{};
  };

  ~Cache() {
    for (auto& page : pages) {
      const std::unique_ptr<Page> owned(page.load(std::memory_order_acquire));
      if (owned == nullptr) continue;
      for (auto& slot : owned->slots) delete slot.load(std::memory_order_relaxed);
    }
  }

  Slot& SlotAt(std::size_t index) {
    auto& page = pages[index / kSlotsPerPage % pages.size()];
    Page* current = page.load(std::memory_order_acquire);
    if (current == nullptr) {
      auto made = std::make_unique<Page>();
      if (page.compare_exchange_strong(current, made.get(), std::memory_order_acq_rel)) {
        current = made.release();
      }
    }
    return current->slots[index % kSlotsPerPage];
  }

  static constexpr std::size_t kSlotsPerPage = std::tuple_size_v<decltype(Page::slots)>;
  std::array<std::atomic<Page*>, kCachedBindings / kSlotsPerPage> pages{};
};

model::MayExpire MayExpireIn(const graph::Graph& graph) {
  auto expiring = graph.ExpiringPartitions();
  if (expiring.empty()) return {};
  return [expiring = std::move(expiring)](std::string_view type, std::string_view relation) {
    return std::any_of(expiring.begin(), expiring.end(), [&](const graph::PartitionKey& key) {
      return key.object_type == type && key.relation == relation;
    });
  };
}

std::shared_ptr<const BoundModel> BoundModel::Bind(std::shared_ptr<const model::Plan> plan,
                                                   graph::Graph& graph) {
  std::shared_ptr<BoundModel> bound(new BoundModel());
  for (const auto& type : plan->types()) bound->types_.push_back(graph.InternType(type.name));
  for (const auto& entry : plan->entries()) {
    const auto& relation = plan->relations()[entry.relation];
    graph::PartitionKey key;
    key.object_type = plan->types()[relation.type].name;
    key.relation = relation.name;
    key.subject_type = plan->types()[entry.type].name;
    if (entry.userset != model::kNoIndex) {
      key.subject_relation = plan->relations()[entry.userset].name;
    }
    key.wildcard = entry.wildcard ||
                   (Mutated(Mutation::kReadWildcardsAsObjects) && entry.userset == model::kNoIndex);
    const auto condition = model::Underlying(entry.condition);
    if (condition != model::kNoIndex && !Mutated(Mutation::kForgetConditionName)) {
      key.condition = plan->conditions()[condition]->name();
    }
    key.expires = model::Expires(entry.condition);
    bound->partitions_.push_back(graph.InternPartition(key));
  }
  for (model::RelationIndex i = 0; i < plan->relations().size(); ++i) {
    bound->direct_owners_.push_back(DirectOwnerOf(*plan, i));
  }
  bound->names_ = NamesOf(*plan, kTypes);
  bound->plan_ = std::move(plan);
  return bound;
}

BoundModel::~BoundModel() { delete cache_.load(std::memory_order_acquire); }

BoundModel::Cache* BoundModel::cache() const {
  Cache* current = cache_.load(std::memory_order_acquire);
  if (current != nullptr) return current;
  auto made = std::make_unique<Cache>();
  if (cache_.compare_exchange_strong(current, made.get(), std::memory_order_acq_rel)) {
    return made.release();
  }
  return current;
}

const condition::Bindings* BoundModel::BindingsOf(
    const graph::Snapshot& snapshot, model::ConditionIndex condition, graph::ContextId context,
    std::shared_ptr<const condition::Bindings>& spare) const {
  Cache& slots = *cache();
  const auto first = SlotOf(condition, context);
  const auto key = KeyOf(condition, context);
  std::unique_ptr<const CachedBindings> made;
  for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
    auto& slot = slots.SlotAt(first + probe);
    const auto* cached = slot.load(std::memory_order_acquire);
    if (cached == nullptr) {
      if (made == nullptr) {
        made = std::make_unique<const CachedBindings>(
            CachedBindings{key, Convert(snapshot, condition, context)});
      }
      if (slot.compare_exchange_strong(cached, made.get(), std::memory_order_acq_rel)) {
        return made.release()->bindings.get();
      }
    }
    if (cached->key == key) return cached->bindings.get();
  }
  spare = made != nullptr ? made->bindings : Convert(snapshot, condition, context);
  return spare.get();
}

std::shared_ptr<const condition::Bindings> BoundModel::Convert(const graph::Snapshot& snapshot,
                                                               model::ConditionIndex condition,
                                                               graph::ContextId context) const {
  auto text = snapshot.ContextText(context);
  if (model::Expires(condition)) text = graph::SplitExpiringContext(text).context;
  const auto object = tuple::ParseContext(text);
  const auto& program = *plan_->conditions()[model::Underlying(condition)];
  if (!object.ok() || !program.ValidateContext(*object).ok()) return nullptr;
  return program.Bind(*object);
}

}  // namespace pemba::engine
