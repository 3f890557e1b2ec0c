#include "pemba/graph/internal/state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/tuple/split.h"

namespace pemba::graph::internal {
namespace {

// A text that differs for different values: the parts of a partition key without the condition.
// Type and relation names have no control characters; were there any, lengths keep them apart.
void AppendSiblingsKey(std::string_view object_type, std::string_view relation,
                       std::string_view subject_type, std::string_view subject_relation,
                       bool wildcard, std::string& key) {
  key.clear();
  for (const auto part : {object_type, relation, subject_type, subject_relation}) {
    const auto length = static_cast<std::uint32_t>(part.size());
    key.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(part);
  }
  key.push_back(wildcard ? '*' : '.');
}

void AppendSiblingsKey(const TupleParts& parts, std::string& key) {
  AppendSiblingsKey(parts.object_type, parts.relation, parts.subject_type, parts.subject_relation,
                    parts.wildcard, key);
}

constexpr std::size_t kPipeline = 32;           // Changes whose cache misses overlap.
constexpr std::uint64_t kChangeBytesMax = 512;  // Rows, logs and tables per change, without texts.
constexpr std::uint64_t kReserveBytes = 1 << 20;  // For the merges of one write; less if the budget
constexpr std::uint64_t kReserveShare = 16;       // is small: this share of it.
constexpr std::uint64_t kSlackShare = 8;          // See GraphOptions::budget.
constexpr Stamp kStampsMax = 0xFFFF'0000;
constexpr Stamp kHead = 0xFFFF'FFFF;  // Sees everything.

}  // namespace

std::optional<TupleParts> SplitTuple(const tuple::TupleView& tuple) {
  const auto object = tuple::SplitObjectInline(tuple.object);
  const auto subject = tuple::SplitSubjectInline(tuple.subject);
  if (object.type.empty() || object.id.empty() || tuple.relation.empty()) return std::nullopt;
  if (subject.id.empty() || tuple.subject.front() == ':') return std::nullopt;
  if (subject.kind == tuple::SubjectKind::kUserset && subject.relation.empty()) return std::nullopt;
  const bool wildcard = subject.kind == tuple::SubjectKind::kWildcard;
  return TupleParts{object.type, object.id,        tuple.relation, subject.type,
                    subject.id,  subject.relation, wildcard};
}

PartitionKey KeyOf(const TupleParts& parts, std::string_view condition, bool expires) {
  return {std::string(parts.object_type),
          std::string(parts.relation),
          std::string(parts.subject_type),
          std::string(parts.subject_relation),
          parts.wildcard,
          std::string(condition),
          expires};
}

StoredTuple MakeStoredTuple(const tuple::TupleView& tuple, const PartitionKey& key,
                            std::string_view context, Revision revision) {
  StoredTuple stored{tuple, key.condition, context, revision, {}};
  if (!key.expires) return stored;
  const auto parts = SplitExpiringContext(context);
  stored.context = parts.context;
  stored.expires_at = parts.expires_at;
  return stored;
}

Names::~Names() {
  for (Partition* partition : in_order_) delete partition;
  for (std::uint32_t i = 0; i < types_.size(); ++i) delete types_[i];
}

Type& Names::InternType(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return InternTypeLocked(name);
}

Type& Names::InternTypeLocked(std::string_view name) {
  if (const auto at = types_by_name_.find(name); at != types_by_name_.end()) return *at->second;
  auto* const type = new Type(types_.size(), name, memory_, seed_);
  types_.Append(memory_, Use::kBase, type);
  memory_.Count(Use::kBase, sizeof(Type));
  types_by_name_.emplace(std::string(name), type);
  return *type;
}

Partition& Names::InternPartition(const PartitionKey& key) {
  const std::lock_guard lock(mutex_);
  std::string text;
  AppendSiblingsKey(key.object_type, key.relation, key.subject_type, key.subject_relation,
                    key.wildcard, text);
  auto& siblings = siblings_[text];
  if (siblings == nullptr) siblings = std::make_unique<Siblings>();
  if (Partition* const known = siblings->With(key.condition, key.expires)) return *known;

  Type& object_type = InternTypeLocked(key.object_type);
  Type& subject_type = InternTypeLocked(key.subject_type);
  auto* const partition =
      new Partition(partitions_.size(), key, object_type, subject_type, memory_);
  partition->next_sibling = siblings->first.load(std::memory_order_relaxed);
  partitions_.Append(memory_, Use::kBase, partition);
  memory_.Count(Use::kBase, sizeof(Partition));
  in_order_.insert(
      std::upper_bound(in_order_.begin(), in_order_.end(), key,
                       [](const PartitionKey& k, const Partition* p) { return k < p->key; }),
      partition);
  siblings->first.store(partition, std::memory_order_release);
  return *partition;
}

Type* Names::FindType(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto at = types_by_name_.find(name);
  return at == types_by_name_.end() ? nullptr : at->second;
}

Partition* Names::FindPartition(const PartitionKey& key) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  AppendSiblingsKey(key.object_type, key.relation, key.subject_type, key.subject_relation,
                    key.wildcard, text);
  const auto at = siblings_.find(text);
  return at == siblings_.end() ? nullptr : at->second->With(key.condition, key.expires);
}

const Siblings* Names::FindSiblings(const TupleParts& parts) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  AppendSiblingsKey(parts, text);
  const auto at = siblings_.find(text);
  return at == siblings_.end() ? nullptr : at->second.get();
}

std::vector<Partition*> Names::InOrder() const {
  const std::lock_guard lock(mutex_);
  return in_order_;
}

std::vector<Type*> Names::Types() const {
  const std::lock_guard lock(mutex_);
  std::vector<Type*> types;
  for (std::uint32_t i = 0; i < types_.size(); ++i) types.push_back(types_[i]);
  return types;
}

GraphState::GraphState(GraphOptions options_, std::uint64_t seed, std::uint64_t held_bytes)
    : options(options_),
      hash_seed(seed),
      names(memory, seed),
      contexts(memory, seed),
      held_bytes_(held_bytes) {}

GraphState::~GraphState() {
  if (options.budget != nullptr) options.budget->Give(held_bytes_);
}

Status GraphState::CheckRoom(std::span<const Change> changes) {
  std::uint64_t text_bytes = 0;
  for (const Change& change : changes) {
    text_bytes += change.tuple.object.size() + change.tuple.subject.size() + change.context.size();
  }
  const Error too_many{ErrorCode::kResourceExhausted,
                       "the store holds as many distinct ids or writes as it can"};
  if (stamps.last() >= kStampsMax) return too_many;
  if (contexts.RoomFor(changes.size(), text_bytes) == Dictionary::Room::kNo) return too_many;
  for (const Type* type : names.Types()) {
    if (type->nodes.RoomFor(2 * changes.size(), text_bytes) == Dictionary::Room::kNo) {
      return too_many;
    }
  }

  const std::uint64_t limit = options.memory_bytes_max;
  if (limit == 0 && options.budget == nullptr) return Done{};
  const std::uint64_t smaller = limit == 0 ? options.budget->bytes_max() : limit;
  const std::uint64_t reserve =
      smaller == 0 ? kReserveBytes : std::min(kReserveBytes, smaller / kReserveShare);
  const std::uint64_t need = text_bytes + changes.size() * kChangeBytesMax + reserve;
  const std::uint64_t used = memory.total();
  if (limit != 0 && used + need > limit) {
    return Error{ErrorCode::kResourceExhausted,
                 "the store's memory budget of " + std::to_string(limit) + " bytes is spent"};
  }
  if (Hold(used + need) == MemoryBudget::Taken::kNo) {
    return Error{ErrorCode::kResourceExhausted, "the server's memory budget of " +
                                                    std::to_string(options.budget->bytes_max()) +
                                                    " bytes is spent"};
  }
  return Done{};
}

MemoryBudget::Taken GraphState::Hold(std::uint64_t bytes) {
  if (options.budget == nullptr) return MemoryBudget::Taken::kYes;
  const std::uint64_t wanted = bytes + bytes / kSlackShare;
  if (wanted > held_bytes_) {
    const auto taken = options.budget->Take(wanted - held_bytes_);
    if (taken == MemoryBudget::Taken::kNo) return taken;
  } else {
    options.budget->Give(held_bytes_ - wanted);
  }
  held_bytes_ = wanted;
  return MemoryBudget::Taken::kYes;
}

Status GraphState::Apply(Revision revision, WallTime time, std::span<const Change> changes) {
  PEMBA_CHECK(revision > stamps.last_revision());
  memory.Collect();
  pending_.clear();
  for (const Change& change : changes) {
    Pending& pending = pending_.emplace_back();
    pending.change = &change;
    if (TakePlace(change.place, pending) == Taken::kYes) continue;
    pending.parts = SplitTuple(change.tuple);
    if (!pending.parts) {
      return Error{ErrorCode::kInvalidTuple,
                   "`" + tuple::ToText(change.tuple) +
                       "` is not a tuple of typed object, relation and subject"};
    }
  }
  PEMBA_TRY(std::ignore, CheckRoom(changes));

  stamps.Append(memory, revision, time);
  const Stamp stamp = stamps.last();
  for (std::size_t first = 0; first < pending_.size(); first += kPipeline) {
    // Each step starts loading what the next one needs, for all changes of the group.
    const auto group =
        std::span(pending_).subspan(first, std::min(kPipeline, pending_.size() - first));
    for (Pending& pending : group) Resolve(pending);
    for (Pending& pending : group) {
      if (pending.siblings == nullptr) continue;
      if (pending.object == kNoNode) {
        pending.object_type->nodes.PrefetchRecord(pending.object_hash);
      }
      if (pending.subject == kNoNode) {
        pending.subject_type->nodes.PrefetchRecord(pending.subject_hash);
      }
    }
    for (Pending& pending : group) FindEnds(pending);
    for (const Pending& pending : group) {
      if (pending.partition == nullptr) continue;
      PrefetchLeaf(pending.partition->forward.root(), pending.object);
      PrefetchLeaf(pending.partition->reverse.root(), pending.subject);
    }
    for (const Pending& pending : group) Execute(pending, stamp);
  }
  applied_revision.store(revision, std::memory_order_release);
  static_cast<void>(Hold(memory.total()));  // Less than CheckRoom took.
  return Done{};
}

const Siblings* GraphState::SiblingsOf(const TupleParts& parts) const {
  AppendSiblingsKey(parts, key_buffer_);
  if (const auto at = siblings_cache_.find(std::string_view(key_buffer_));
      at != siblings_cache_.end()) {
    return at->second;
  }
  const Siblings* const siblings = names.FindSiblings(parts);
  if (siblings != nullptr) siblings_cache_.emplace(key_buffer_, siblings);
  return siblings;
}

// What the place knows. kYes: that is all.
GraphState::Taken GraphState::TakePlace(const Place* place, Pending& pending) {
  if (place == nullptr || place->siblings == nullptr) return Taken::kNo;
  pending.siblings = place->siblings;
  pending.object_hash = place->object_hash;
  pending.subject_hash = place->subject_hash;
  pending.object = place->object;
  pending.subject = place->subject;
  return place->object == kNoNode || place->subject == kNoNode ? Taken::kNo : Taken::kYes;
}

void GraphState::Resolve(Pending& pending) {
  const bool placed = pending.siblings != nullptr;
  if (!placed) pending.siblings = SiblingsOf(*pending.parts);
  if (pending.change->operation == Change::Operation::kWrite) {
    const auto condition = pending.change->condition;
    const bool expires = pending.change->expires_at.has_value();
    if (pending.siblings != nullptr) pending.partition = pending.siblings->With(condition, expires);
    if (pending.partition == nullptr) {
      if (!pending.parts) pending.parts = SplitTuple(pending.change->tuple);
      pending.partition = &names.InternPartition(KeyOf(*pending.parts, condition, expires));
      pending.siblings = SiblingsOf(*pending.parts);
    }
  }
  if (pending.siblings == nullptr) return;  // A delete of what never was.
  const Partition& any = *pending.siblings->first.load(std::memory_order_acquire);
  pending.object_type = &any.object_type;
  pending.subject_type = &any.subject_type;
  if (!pending.parts) return;
  const auto& parts = *pending.parts;
  if (!placed) {
    pending.object_hash = pending.object_type->nodes.Hash(parts.object_id);
    pending.subject_hash = pending.subject_type->nodes.Hash(parts.subject_id);
    if (parts.wildcard) pending.subject = 0;
  }
  if (pending.object == kNoNode) pending.object_type->nodes.PrefetchBucket(pending.object_hash);
  if (pending.subject == kNoNode) pending.subject_type->nodes.PrefetchBucket(pending.subject_hash);
}

void GraphState::FindEnds(Pending& pending) {
  if (pending.siblings == nullptr) return;
  const auto find = [&](Dictionary& nodes, std::string_view text, std::uint64_t hash) {
    if (pending.partition == nullptr) return nodes.Find(text, hash);
    const auto known = nodes.size();
    const NodeId node = nodes.FindOrAdd(text, hash);
    if (node >= known) pending.ends = Pending::Ends::kNew;
    return node;
  };
  if (pending.object == kNoNode) {
    pending.object =
        find(pending.object_type->nodes, pending.parts->object_id, pending.object_hash);
  }
  if (pending.subject == kNoNode) {
    pending.subject =
        find(pending.subject_type->nodes, pending.parts->subject_id, pending.subject_hash);
  }
  if (pending.partition == nullptr) return;
  PrefetchCell(pending.partition->forward.root(), pending.object);
  PrefetchCell(pending.partition->reverse.root(), pending.subject);
}

GraphState::Found GraphState::FindAtHead(const Siblings& siblings, NodeId object, NodeId subject) {
  for (Partition* p = siblings.first.load(std::memory_order_acquire); p != nullptr;
       p = p->next_sibling) {
    const auto edge = FindEdge(p->forward.root(), p->reverse.root(), object, subject, kHead);
    if (edge.state == FoundEdge::State::kPresent) return {p, edge};
  }
  return {};
}

void GraphState::Remove(Partition& partition, NodeId object, NodeId subject, Stamp stamp) {
  partition.forward.Append(object, {subject, stamp, 0, 0, true});
  partition.reverse.Append(subject, {object, stamp, 0, 0, true});
}

ContextId GraphState::ContextOf(const Partition& partition, const Change& change) {
  const auto text = partition.key.condition.empty() ? std::string_view() : change.context;
  if (partition.key.expires) {
    context_buffer_.clear();
    AppendExpiringContext({*change.expires_at, text}, context_buffer_);
    return 1 + contexts.FindOrAdd(context_buffer_);
  }
  return text.empty() ? 0 : 1 + contexts.FindOrAdd(text);
}

void GraphState::Execute(const Pending& pending, Stamp stamp) {
  if (pending.object == kNoNode || pending.subject == kNoNode) return;
  const auto count = tuples.load(std::memory_order_relaxed);
  Found found;
  if (pending.ends == Pending::Ends::kKnown) {
    found = FindAtHead(*pending.siblings, pending.object, pending.subject);
  }
  if (pending.partition == nullptr) {
    if (found.partition == nullptr) return;
    Remove(*found.partition, pending.object, pending.subject, stamp);
    tuples.store(count - 1, std::memory_order_relaxed);
    return;
  }

  Partition& partition = *pending.partition;
  if (found.partition != nullptr && found.partition != &partition) {
    Remove(*found.partition, pending.object, pending.subject, stamp);
  }
  if (found.partition == nullptr) tuples.store(count + 1, std::memory_order_relaxed);
  const ContextId context = ContextOf(partition, *pending.change);
  // Before the edge itself: whoever sees the edge sees a bound that includes it.
  const auto writes = partition.writes.load(std::memory_order_relaxed);
  partition.writes.store(writes + 1, std::memory_order_release);
  if (partition.key.expires && writes == 0) expiring.fetch_add(1);
  partition.forward.Append(pending.object, {pending.subject, stamp, context, 0, false});
  partition.reverse.Append(pending.subject, {pending.object, stamp, context, 0, false});
}

void GraphState::Publish(Revision revision) {
  const Stamp stamp = stamps.StampOf(revision, stamps.last());
  if (stamp > gate.published.load(std::memory_order_relaxed)) {
    published_revision.store(stamps.RevisionOf(stamp), std::memory_order_release);
    gate.published.store(stamp, std::memory_order_seq_cst);
  }
  memory.Collect();
}

void GraphState::Compact() {
  memory.Collect();
  for (Partition* partition : names.InOrder()) {
    partition->forward.MergeAll();
    partition->reverse.MergeAll();
    memory.Collect();
  }
  memory.Trim();
  static_cast<void>(Hold(memory.total()));
}

namespace {

// The siblings of the last few kinds of tuples: those of one write are of few kinds. For threads
// that may not use the writer's way.
class RecentSiblings {
 public:
  explicit RecentSiblings(const Names& names) : names_(names) {}

  const Siblings* Of(const TupleParts& parts) {
    for (const Known& known : known_) {
      if (known.siblings != nullptr && SameKind(known.parts, parts)) return known.siblings;
    }
    const Siblings* const siblings = names_.FindSiblings(parts);
    known_[next_++ % known_.size()] = {parts, siblings};
    return siblings;
  }

 private:
  struct Known {
    TupleParts parts;
    const Siblings* siblings = nullptr;
  };
  static bool SameKind(const TupleParts& a, const TupleParts& b) {
    return a.relation == b.relation && a.object_type == b.object_type &&
           a.subject_type == b.subject_type && a.subject_relation == b.subject_relation &&
           a.wildcard == b.wildcard;
  }

  const Names& names_;
  std::array<Known, 8> known_{};
  std::size_t next_ = 0;
};

}  // namespace

void GraphState::Locate(std::span<const tuple::TupleView> named, std::vector<Place>& places) const {
  places.resize(named.size());
  RecentSiblings recent(names);
  std::array<TupleParts, kPipeline> parts;
  for (std::size_t first = 0; first < named.size(); first += kPipeline) {
    const auto count = std::min(kPipeline, named.size() - first);
    const std::span group(places.data() + first, count);
    const auto partition = [&](std::size_t i) -> const Partition& {
      return *group[i].siblings->first.load(std::memory_order_acquire);
    };
    for (std::size_t i = 0; i < count; ++i) {
      const auto split = SplitTuple(named[first + i]);
      if (!split) continue;
      parts[i] = *split;
      group[i].siblings = recent.Of(parts[i]);
      if (group[i].siblings == nullptr) continue;
      const Dictionary& objects = partition(i).object_type.nodes;
      const Dictionary& subjects = partition(i).subject_type.nodes;
      group[i].object_hash = objects.Hash(parts[i].object_id);
      group[i].subject_hash = subjects.Hash(parts[i].subject_id);
      objects.PrefetchBucket(group[i].object_hash);
      subjects.PrefetchBucket(group[i].subject_hash);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (group[i].siblings == nullptr) continue;
      partition(i).object_type.nodes.PrefetchRecord(group[i].object_hash);
      partition(i).subject_type.nodes.PrefetchRecord(group[i].subject_hash);
    }
    for (std::size_t i = 0; i < count; ++i) {
      Place& place = group[i];
      if (place.siblings == nullptr) continue;
      place.object = partition(i).object_type.nodes.Find(parts[i].object_id, place.object_hash);
      place.subject = parts[i].wildcard ? 0
                                        : partition(i).subject_type.nodes.Find(parts[i].subject_id,
                                                                               place.subject_hash);
    }
  }
}

void GraphState::Prefetch(std::span<const Place> ahead) const {
  const auto for_each_edge = [&](const auto& prefetch) {
    for (const Place& place : ahead) {
      if (place.siblings == nullptr) continue;
      const Partition& p = *place.siblings->first.load(std::memory_order_acquire);
      if (place.object != kNoNode) prefetch(p.forward.root(), place.object);
      if (place.subject != kNoNode) prefetch(p.reverse.root(), place.subject);
    }
  };
  for_each_edge(PrefetchCell);
  for_each_edge(PrefetchLeaf);
}

std::optional<StoredTuple> GraphState::Lookup(const tuple::TupleView& tuple,
                                              const Place* place) const {
  const Siblings* siblings = place == nullptr ? nullptr : place->siblings;
  NodeId object = siblings == nullptr ? kNoNode : place->object;
  NodeId subject = siblings == nullptr ? kNoNode : place->subject;
  if (object == kNoNode || subject == kNoNode) {
    const auto parts = SplitTuple(tuple);
    if (!parts) return std::nullopt;
    const bool placed = siblings != nullptr;
    if (!placed) siblings = SiblingsOf(*parts);
    if (siblings == nullptr) return std::nullopt;
    const Partition& any = *siblings->first.load(std::memory_order_acquire);
    const auto find = [&](const Dictionary& nodes, std::string_view text, std::uint64_t hash) {
      return nodes.Find(text, placed ? hash : nodes.Hash(text));
    };
    if (object == kNoNode) {
      object = find(any.object_type.nodes, parts->object_id, placed ? place->object_hash : 0);
    }
    if (object == kNoNode) return std::nullopt;
    if (parts->wildcard) {
      subject = 0;
    } else if (subject == kNoNode) {
      subject = find(any.subject_type.nodes, parts->subject_id, placed ? place->subject_hash : 0);
    }
    if (subject == kNoNode) return std::nullopt;
  }
  const Found found = FindAtHead(*siblings, object, subject);
  if (found.partition == nullptr) return std::nullopt;
  const auto edge = FindEdge(FindRow(found.partition->forward.root(), object), subject, kHead);
  const auto text = edge.context == 0 ? std::string_view() : contexts.Text(edge.context - 1);
  return MakeStoredTuple(tuple, found.partition->key, text, stamps.RevisionOf(edge.stamp));
}

}  // namespace pemba::graph::internal
