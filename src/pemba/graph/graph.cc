#include "pemba/graph/graph.h"

#include <random>

#include "pemba/base/assert.h"
#include "pemba/graph/internal/checkpoint.h"
#include "pemba/graph/internal/state.h"

namespace pemba::graph {
namespace {

std::uint64_t RandomSeed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

Graph::Graph(GraphOptions options)
    : Graph(std::make_unique<internal::GraphState>(options, RandomSeed())) {}

Graph::Graph(std::unique_ptr<internal::GraphState> state) : state_(std::move(state)) {}

Graph::~Graph() {
  internal::PinSurvey survey;
  internal::Survey(state_->gate, survey);
  PEMBA_ASSERT(survey.stamps.empty());
}

Result<std::unique_ptr<Graph>> Graph::Load(const std::string& path, GraphOptions options) {
  PEMBA_TRY(auto state, internal::LoadCheckpoint(path, options));
  return std::unique_ptr<Graph>(new Graph(std::move(state)));
}

Snapshot Graph::Pin() const {
  const auto pinned = internal::Pin(state_->gate);
  return Snapshot(*state_, pinned.slot, pinned.stamp, state_->stamps.RevisionOf(pinned.stamp));
}

TypeId Graph::InternType(std::string_view name) { return state_->names.InternType(name).id; }

PartitionId Graph::InternPartition(const PartitionKey& key) {
  return state_->names.InternPartition(key).id;
}

std::optional<TypeId> Graph::FindType(std::string_view name) const {
  const internal::Type* const type = state_->names.FindType(name);
  return type == nullptr ? std::nullopt : std::optional(type->id);
}

std::optional<PartitionId> Graph::FindPartition(const PartitionKey& key) const {
  const internal::Partition* const partition = state_->names.FindPartition(key);
  return partition == nullptr ? std::nullopt : std::optional(partition->id);
}

std::vector<PartitionInfo> Graph::Partitions() const {
  std::vector<PartitionInfo> infos;
  for (const internal::Partition* p : state_->names.InOrder()) {
    infos.push_back({p->id, p->key, p->object_type.id, p->subject_type.id});
  }
  return infos;
}

Status Graph::Apply(Revision revision, WallTime time, std::span<const Change> changes) {
  return state_->Apply(revision, time, changes);
}

Status Graph::Reserve(std::span<const Change> changes) { return state_->CheckRoom(changes); }

void Graph::Publish(Revision revision) { state_->Publish(revision); }

void Graph::Prefetch(std::span<const Place> places) const { state_->Prefetch(places); }

Graph::Mine Graph::Has(const Places& places) const {
  return places.graph == state_.get() ? Mine::kYes : Mine::kNo;
}

std::optional<StoredTuple> Graph::Lookup(const tuple::TupleView& tuple, const Place* place) const {
  return state_->Lookup(tuple, place);
}

// Nothing is reclaimed while the writer is here: a pin is not needed.
ScanEnd Graph::ScanHead(const ScanFilter& filter, const StoredTuple* after, std::size_t limit,
                        const std::function<void(const StoredTuple&)>& visit) const {
  const Snapshot head(*state_, nullptr, state_->stamps.last(), applied());
  return head.Scan(filter, after, limit, visit);
}

std::uint32_t Graph::expiring() const { return state_->expiring.load(std::memory_order_acquire); }

std::vector<PartitionKey> Graph::ExpiringPartitions() const {
  std::vector<PartitionKey> keys;
  for (const internal::Partition* p : state_->names.InOrder()) {
    if (p->key.expires && p->writes.load(std::memory_order_acquire) > 0) keys.push_back(p->key);
  }
  return keys;
}

Revision Graph::applied() const { return state_->applied_revision.load(std::memory_order_acquire); }

Revision Graph::published() const {
  return state_->published_revision.load(std::memory_order_acquire);
}

void Graph::Compact() { state_->Compact(); }

MemoryUse Graph::memory_use() const {
  using internal::Use;
  const internal::Memory& memory = state_->memory;
  return {.dictionaries = memory.bytes(Use::kDictionary),
          .base = memory.bytes(Use::kBase),
          .delta = memory.bytes(Use::kDelta),
          .writes = memory.bytes(Use::kWrites),
          .retired = memory.bytes(Use::kRetired),
          .image = memory.image_bytes()};
}

Statistics Graph::statistics() const {
  Statistics statistics{.tuples = state_->tuples.load(std::memory_order_relaxed)};
  for (const internal::Type* type : state_->names.Types()) {
    ++statistics.types;
    statistics.nodes += type->nodes.size();
  }
  for (const internal::Partition* p : state_->names.InOrder()) {
    ++statistics.partitions;
    statistics.merges += p->forward.merges() + p->reverse.merges();
  }
  return statistics;
}

}  // namespace pemba::graph
