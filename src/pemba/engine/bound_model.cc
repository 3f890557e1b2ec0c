#include "pemba/engine/bound_model.h"

#include <algorithm>
#include <array>
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
std::size_t SlotOf(std::uint64_t key) { return (key * 0x9E37'79B9'7F4A'7C15ull) >> 40; }

}  // namespace

struct BoundModel::CachedBindings {
  std::uint64_t key;
  std::shared_ptr<const condition::Bindings> bindings;
};

struct BoundModel::Cache {
  std::array<std::atomic<const CachedBindings*>, kCachedBindings> slots{};
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
  bound->plan_ = std::move(plan);
  return bound;
}

BoundModel::~BoundModel() {
  const std::unique_ptr<Cache> cache(cache_.load(std::memory_order_acquire));
  if (cache == nullptr) return;
  for (auto& slot : cache->slots) delete slot.load(std::memory_order_relaxed);
}

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
  auto& slots = cache()->slots;
  const auto key = KeyOf(condition, context);
  std::unique_ptr<const CachedBindings> made;
  for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
    auto& slot = slots[(SlotOf(key) + probe) % kCachedBindings];
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
