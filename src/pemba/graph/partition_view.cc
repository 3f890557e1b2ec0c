#include "pemba/graph/partition_view.h"

#include <algorithm>

#include "pemba/graph/internal/side.h"
#include "pemba/graph/internal/stamps.h"

namespace pemba::graph {

using internal::FoundEdge;
using internal::Log;

RowCursor::RowCursor(const internal::RowPlace& place, std::uint32_t stamp)
    : stamp_(stamp), local_row_(place.local_row) {
  if (place.big != nullptr) {
    segments_ = place.big->table.load(std::memory_order_acquire);
    local_row_ = 0;
    EnterSegment();
  } else if (place.log == nullptr) {  // Mostly: the row is one run.
    if (place.range.begin == place.range.end) return;
    at_ = place.leaf->nodes() + place.range.begin;
    run_end_ = place.leaf->nodes() + place.range.end;
    const ContextId* const contexts = place.leaf->contexts();
    if (contexts != nullptr) contexts_ = contexts + place.range.begin;
    return;
  } else {
    if (place.range.begin != place.range.end) {
      base_ = place.leaf->nodes() + place.range.begin;
      base_end_ = place.leaf->nodes() + place.range.end;
      const ContextId* const contexts = place.leaf->contexts();
      if (contexts != nullptr) base_contexts_ = contexts + place.range.begin;
    }
    log_ = place.log;
    if (log_ != nullptr) {
      log_count_ = log_->count.load(std::memory_order_acquire);
      FindDelta(0);
    }
  }
  NextRun();
}

// Starts on the segment numbered segment_.
void RowCursor::EnterSegment() {
  const internal::Cell& cell = *segments_->cells()[segment_];
  log_ = cell.log.load(std::memory_order_acquire);  // Before the leaf: see Cell.
  const internal::Leaf* const leaf = cell.leaf.load(std::memory_order_acquire);
  base_ = leaf == nullptr ? nullptr : leaf->nodes();
  base_end_ = leaf == nullptr ? nullptr : leaf->nodes() + leaf->edges;
  base_contexts_ = leaf == nullptr ? nullptr : leaf->contexts();
  if (log_ == nullptr) return;
  log_count_ = log_->count.load(std::memory_order_acquire);
  FindDelta(0);
}

void RowCursor::FindDelta(NodeId at_least) {
  delta_ = log_->FindNext(local_row_, at_least, stamp_, log_count_);
  if (delta_ == Log::kNone) log_ = nullptr;
}

std::uint32_t RowCursor::BaseUntil(NodeId node) const {
  return internal::LowerBound(base_, 0, static_cast<std::uint32_t>(base_end_ - base_), node);
}

void RowCursor::DropBase(std::uint32_t count) {
  base_ += count;
  if (base_contexts_ != nullptr) base_contexts_ += count;
}

void RowCursor::UseBase(std::uint32_t count) {
  at_ = base_;
  run_end_ = base_ + count;
  contexts_ = base_contexts_;
  DropBase(count);
}

void RowCursor::NextRun() {
  for (;;) {
    if (log_ == nullptr) {
      if (base_ != base_end_) return UseBase(static_cast<std::uint32_t>(base_end_ - base_));
      if (segments_ == nullptr || segment_ + 1 == segments_->count) {
        at_ = run_end_;
        return;
      }
      ++segment_;
      EnterSegment();
      continue;
    }
    const NodeId changed = log_->others()[delta_];
    if (const auto before = BaseUntil(changed); before != 0) return UseBase(before);

    // The change is next. It stands for its edge, also against the base.
    if (base_ != base_end_ && *base_ == changed) DropBase(1);
    const Log* const log = log_;
    const std::uint32_t at = delta_;
    FindDelta(changed + 1);
    if (log->Removes(at)) continue;
    at_ = log->others() + at;
    run_end_ = at_ + 1;
    contexts_ = log->contexts() + at;
    return;
  }
}

void RowCursor::Seek(NodeId node) {
  if (done() || *at_ >= node) return;
  if (run_end_[-1] >= node) {
    const auto skipped =
        internal::LowerBound(at_, 0, static_cast<std::uint32_t>(run_end_ - at_), node);
    at_ += skipped;
    if (contexts_ != nullptr) contexts_ += skipped;
    return;
  }
  if (segments_ != nullptr) {
    const auto segment = segments_->IndexOf(std::min(node, kLocalNodes - 1));
    if (segment > segment_) {
      segment_ = segment;
      EnterSegment();
    }
  }
  DropBase(BaseUntil(node));
  if (log_ != nullptr && log_->others()[delta_] < node) FindDelta(node);
  NextRun();
}

std::optional<Edge> PartitionView::Find(NodeId object, NodeId subject) const {
  const FoundEdge edge = internal::FindEdge(forward_, reverse_, object, subject, stamp_);
  if (edge.state == FoundEdge::State::kAbsent) return std::nullopt;
  return Edge{subject, edge.context};
}

PartitionView::Has PartitionView::HasEdge(NodeId object, NodeId subject) const {
  const auto state = internal::HasEdge(forward_, reverse_, object, subject, stamp_);
  return state == FoundEdge::State::kPresent ? Has::kYes : Has::kNo;
}

Revision PartitionView::RevisionOf(NodeId object, NodeId subject) const {
  const FoundEdge edge = internal::FindEdge(internal::FindRow(forward_, object), subject, stamp_);
  return edge.state == FoundEdge::State::kAbsent ? 0 : stamps_->RevisionOf(edge.stamp);
}

RowCursor PartitionView::Subjects(NodeId object) const {
  return RowCursor(internal::FindRow(forward_, object), stamp_);
}

RowCursor PartitionView::Objects(NodeId subject) const {
  return RowCursor(internal::FindRow(reverse_, subject), stamp_);
}

PartitionView::PlainRow PartitionView::PlainSubjects(NodeId object) const {
  const auto row = internal::FindPlainRow(forward_, object);
  return {row.first, row.last};
}

namespace {

std::uint32_t DegreeOf(const internal::Root* root, NodeId row) {
  const internal::RowPlace place = internal::FindRow(root, row);
  return place.BaseDegree() + (place.log == nullptr ? 0 : place.log->WritesOf(place.local_row));
}

}  // namespace

std::uint32_t PartitionView::SubjectDegree(NodeId object) const {
  return DegreeOf(forward_, object);
}

std::uint32_t PartitionView::ObjectDegree(NodeId subject) const {
  return DegreeOf(reverse_, subject);
}

NodeId PartitionView::NextObject(NodeId object) const { return NextRow(forward_, object); }
NodeId PartitionView::NextSubject(NodeId subject) const { return NextRow(reverse_, subject); }

void PartitionView::PrefetchObject(NodeId object) const {
  internal::PrefetchCell(forward_, object);
}

void PartitionView::PrefetchSubjects(NodeId object) const {
  internal::PrefetchLeaf(forward_, object);
}

}  // namespace pemba::graph
