#include "pemba/graph/snapshot.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pemba/graph/graph.h"
#include "pemba/graph/internal/checkpoint.h"
#include "pemba/graph/internal/scan.h"
#include "pemba/graph/internal/state.h"

namespace pemba::graph {

Snapshot::Snapshot(Snapshot&& other) noexcept
    : state_(other.state_),
      slot_(std::exchange(other.slot_, nullptr)),
      stamp_(other.stamp_),
      revision_(other.revision_) {}

Snapshot& Snapshot::operator=(Snapshot&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(slot_, other.slot_);
  std::swap(stamp_, other.stamp_);
  std::swap(revision_, other.revision_);
  return *this;
}

Snapshot::~Snapshot() {
  if (slot_ != nullptr) internal::Unpin(slot_);
}

NodeId Snapshot::FindNode(TypeId type, std::string_view text) const {
  return state_->names.type(type).nodes.Find(text);
}

void Snapshot::FindNodes(std::span<NodeQuery> queries) const {
  using Lookup = internal::Dictionary::Lookup;
  std::array<Lookup, internal::Dictionary::kLookupsMax> lookups;
  while (!queries.empty()) {
    const auto group = queries.first(std::min(lookups.size(), queries.size()));
    queries = queries.subspan(group.size());
    for (std::size_t i = 0; i < group.size(); ++i) {
      lookups[i] = {&state_->names.type(group[i].type).nodes, group[i].text};
    }
    internal::Dictionary::FindAll({lookups.data(), group.size()});
    for (std::size_t i = 0; i < group.size(); ++i) group[i].node = lookups[i].id;
  }
}

void Snapshot::FindBoth(NodeQuery& a, NodeQuery& b) const {
  const auto ids = internal::Dictionary::FindBoth(
      state_->names.type(a.type).nodes, {a.text.data(), a.text.size()},
      state_->names.type(b.type).nodes, {b.text.data(), b.text.size()});
  a.node = ids.first();
  b.node = ids.second();
}

Places Snapshot::Locate(std::span<const tuple::TupleView> tuples) const {
  Places located{state_, {}};
  state_->Locate(tuples, located.places);
  return located;
}

NodeId Snapshot::NodesMax(TypeId type) const { return state_->names.type(type).nodes.size(); }

std::string_view Snapshot::NodeText(TypeId type, NodeId node) const {
  return state_->names.type(type).nodes.Text(node);
}

std::string_view Snapshot::ContextText(ContextId context) const {
  return context == 0 ? std::string_view() : state_->contexts.Text(context - 1);
}

WallTime Snapshot::TimeOf(Revision revision) const {
  const auto stamp = state_->stamps.StampOf(revision, stamp_);
  const bool known = state_->stamps.RevisionOf(stamp) == revision;
  return known ? state_->stamps.TimeOf(stamp) : WallTime{};
}

PartitionView Snapshot::View(PartitionId partition) const {
  const internal::Partition& from = state_->names.partition(partition);
  PartitionView view;
  view.edges_max_ = from.writes.load(std::memory_order_acquire);
  if (view.edges_max_ == 0) return view;
  view.forward_ = from.forward.root();
  view.reverse_ = from.reverse.root();
  view.stamps_ = &state_->stamps;
  view.stamp_ = stamp_;
  return view;
}

ScanEnd Snapshot::Scan(const ScanFilter& filter, const StoredTuple* after, std::size_t limit,
                       const std::function<void(const StoredTuple&)>& visit) const {
  return internal::Scan(*this, *state_, filter, after, limit, visit);
}

Status Snapshot::SaveCheckpoint(const std::string& path) const {
  return internal::SaveCheckpoint(*this, *state_, stamp_, path);
}

}  // namespace pemba::graph
