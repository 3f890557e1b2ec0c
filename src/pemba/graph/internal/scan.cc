#include "pemba/graph/internal/scan.h"

#include <optional>
#include <string>

#include "pemba/graph/internal/state.h"

namespace pemba::graph::internal {
namespace {

// Where a partition's walk begins: the first edge that is greater, by object, then subject.
struct Start {
  NodeId object = 0;
  NodeId subject = 0;  // Within the object's row; edges of greater objects all follow.
};

class Scanner {
 public:
  Scanner(const Snapshot& snapshot, const ScanFilter& filter, std::size_t limit,
          const std::function<void(const StoredTuple&)>& visit)
      : snapshot_(snapshot), filter_(filter), limit_(limit), visit_(visit) {
    if (!filter.subject.empty()) subject_ = tuple::SplitSubject(filter.subject);
  }

  enum class Matches : std::uint8_t { kNo, kYes };
  Matches Match(const PartitionKey& key) const {
    bool match = filter_.object_type.empty() || key.object_type == filter_.object_type;
    match = match && (filter_.relation.empty() || key.relation == filter_.relation);
    if (subject_) {
      match = match && key.subject_type == subject_->type &&
              key.subject_relation == subject_->relation &&
              key.wildcard == (subject_->kind == tuple::SubjectKind::kWildcard);
    }
    match = match && (filter_.subject_type.empty() || key.subject_type == filter_.subject_type) &&
            (filter_.subject_id.empty() || key.wildcard == (filter_.subject_id == "*")) &&
            (!filter_.subject_relation || key.subject_relation == *filter_.subject_relation) &&
            (!filter_.expired_at || key.expires);
    return match ? Matches::kYes : Matches::kNo;
  }

  ScanEnd ScanPartition(const Partition& partition, Start start) {
    partition_ = &partition;
    view_ = snapshot_.View(partition.id);
    if (view_.EdgesMax() == 0) return ScanEnd::kComplete;

    std::optional<NodeId> subject;
    const auto subject_id = subject_ ? subject_->id : filter_.subject_id;
    if (!subject_id.empty()) {
      subject = partition.key.wildcard ? 0 : partition.subject_type.nodes.Find(subject_id);
      if (*subject == kNoNode) return ScanEnd::kComplete;
    }
    if (!filter_.object_id.empty()) {
      const NodeId object = partition.object_type.nodes.Find(filter_.object_id);
      if (object == kNoNode || object < start.object) return ScanEnd::kComplete;
      const NodeId first = object == start.object ? start.subject : 0;
      return subject ? ScanEdge(object, *subject, first) : ScanRow(object, first);
    }
    if (subject) return ScanObjects(*subject, start);

    for (NodeId object = view_.NextObject(start.object); object != kNoNode;
         object = view_.NextObject(object + 1)) {
      const NodeId first = object == start.object ? start.subject : 0;
      if (ScanRow(object, first) == ScanEnd::kMore) return ScanEnd::kMore;
    }
    return ScanEnd::kComplete;
  }

 private:
  ScanEnd ScanEdge(NodeId object, NodeId subject, NodeId first) {
    if (subject < first) return ScanEnd::kComplete;
    const auto edge = view_.Find(object, subject);
    return edge ? Visit(object, *edge) : ScanEnd::kComplete;
  }

  ScanEnd ScanRow(NodeId object, NodeId first) {
    RowCursor row = view_.Subjects(object);
    for (row.Seek(first); !row.done(); row.Next()) {
      if (Visit(object, {row.node(), row.context()}) == ScanEnd::kMore) return ScanEnd::kMore;
    }
    return ScanEnd::kComplete;
  }

  ScanEnd ScanObjects(NodeId subject, Start start) {
    RowCursor row = view_.Objects(subject);
    for (row.Seek(subject >= start.subject ? start.object : start.object + 1); !row.done();
         row.Next()) {
      if (Visit(row.node(), {subject, row.context()}) == ScanEnd::kMore) return ScanEnd::kMore;
    }
    return ScanEnd::kComplete;
  }

  ScanEnd Visit(NodeId object, Edge edge) {
    const PartitionKey& key = partition_->key;
    const auto context = snapshot_.ContextText(edge.context);
    if (key.expires && IsLeftOut(SplitExpiringContext(context).expires_at)) {
      return ScanEnd::kComplete;
    }
    if (visited_ == limit_) return ScanEnd::kMore;
    ++visited_;
    object_text_.assign(key.object_type).append(":");
    object_text_.append(partition_->object_type.nodes.Text(object));
    subject_text_.assign(key.subject_type);
    if (!key.subject_type.empty()) subject_text_.append(":");
    subject_text_.append(key.wildcard ? "*" : partition_->subject_type.nodes.Text(edge.node));
    if (!key.subject_relation.empty()) subject_text_.append("#").append(key.subject_relation);
    visit_(MakeStoredTuple({object_text_, key.relation, subject_text_}, key, context,
                           view_.RevisionOf(object, edge.node)));
    return ScanEnd::kComplete;
  }

  bool IsLeftOut(WallTime expires_at) const {
    return (filter_.alive_at && expires_at <= *filter_.alive_at) ||
           (filter_.expired_at && expires_at > *filter_.expired_at);
  }

  const Snapshot& snapshot_;
  const ScanFilter& filter_;
  const std::size_t limit_;
  const std::function<void(const StoredTuple&)>& visit_;
  std::optional<tuple::SubjectParts> subject_;
  std::size_t visited_ = 0;
  const Partition* partition_ = nullptr;  // The one being scanned.
  PartitionView view_;
  std::string object_text_, subject_text_;
};

// The edge that follows `after` in its partition. A text that the graph does not know has no place
// in the order; then the partition starts over: repeating is better than losing.
Start StartAfter(const Partition& partition, const TupleParts& after) {
  const auto object = partition.object_type.nodes.Find(after.object_id);
  const auto subject = after.wildcard ? 0 : partition.subject_type.nodes.Find(after.subject_id);
  if (object == kNoNode || subject == kNoNode) return {};
  return {object, subject + 1};
}

}  // namespace

ScanEnd Scan(const Snapshot& snapshot, const GraphState& state, const ScanFilter& filter,
             const StoredTuple* after, std::size_t limit,
             const std::function<void(const StoredTuple&)>& visit) {
  const auto parts = after == nullptr ? std::nullopt : SplitTuple(after->tuple);
  const auto after_key =
      parts ? KeyOf(*parts, after->condition, after->expires_at.has_value()) : PartitionKey{};

  Scanner scanner(snapshot, filter, limit, visit);
  for (const Partition* partition : state.names.InOrder()) {
    if (scanner.Match(partition->key) == Scanner::Matches::kNo) continue;
    if (parts && partition->key < after_key) continue;
    const bool resumes = parts && partition->key == after_key;
    const Start start = resumes ? StartAfter(*partition, *parts) : Start{};
    if (scanner.ScanPartition(*partition, start) == ScanEnd::kMore) return ScanEnd::kMore;
  }
  return ScanEnd::kComplete;
}

}  // namespace pemba::graph::internal
