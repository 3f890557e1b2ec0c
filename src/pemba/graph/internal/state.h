// GraphState: everything one graph holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/graph/graph.h"
#include "pemba/graph/internal/append_array.h"
#include "pemba/graph/internal/dictionary.h"
#include "pemba/graph/internal/memory.h"
#include "pemba/graph/internal/pins.h"
#include "pemba/graph/internal/side.h"
#include "pemba/graph/internal/stamps.h"

namespace pemba::graph::internal {

struct Type {
  TypeId id;
  std::string name;
  Dictionary nodes;

  Type(TypeId id_, std::string_view name_, Memory& memory, std::uint64_t seed)
      : id(id_), name(name_), nodes(memory, seed) {}
};

// Unchanging but for its edges, whose protocol is Side's.
struct Partition {
  PartitionId id;
  PartitionKey key;
  Type& object_type;
  Type& subject_type;
  Side forward;  // Objects to subjects.
  Side reverse;
  std::atomic<std::uint64_t> writes{0};  // Edges ever written: at least those of any snapshot.
  Partition* next_sibling = nullptr;     // Same key but for condition and expiry.

  Partition(PartitionId id_, PartitionKey key_, Type& object_type_, Type& subject_type_,
            Memory& memory)
      : id(id_),
        key(std::move(key_)),
        object_type(object_type_),
        subject_type(subject_type_),
        forward(memory, HasContexts() ? kStamps | kContexts : kStamps),
        reverse(memory, HasContexts() ? kContexts : kNoParts) {}

  bool HasContexts() const { return key.expires || !key.condition.empty(); }
};

// Partitions that differ only by condition and by whether their tuples expire. A tuple is in at
// most one of them.
struct Siblings {
  // Stored (release) once the partition is complete; it never leaves the list.
  std::atomic<Partition*> first{nullptr};

  Partition* With(std::string_view condition, bool expires) const {
    Partition* p = first.load(std::memory_order_acquire);
    while (p != nullptr && (p->key.expires != expires || p->key.condition != condition)) {
      p = p->next_sibling;
    }
    return p;
  }
};

// The ends of a tuple, split.
struct TupleParts {
  std::string_view object_type, object_id, relation;
  std::string_view subject_type, subject_id, subject_relation;
  bool wildcard = false;
};
std::optional<TupleParts> SplitTuple(const tuple::TupleView& tuple);  // Nothing if malformed.

PartitionKey KeyOf(const TupleParts& parts, std::string_view condition, bool expires);

// `context` is the text that the edge has.
StoredTuple MakeStoredTuple(const tuple::TupleView& tuple, const PartitionKey& key,
                            std::string_view context, Revision revision);

// Types and partitions by name. Any thread, under a mutex that no reader of edges takes; by id
// without, for ids that were given before.
class Names {
 public:
  Names(Memory& memory, std::uint64_t seed) : memory_(memory), seed_(seed) {}
  ~Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  Type& InternType(std::string_view name);
  Partition& InternPartition(const PartitionKey& key);
  Type* FindType(std::string_view name) const;
  Partition* FindPartition(const PartitionKey& key) const;
  const Siblings* FindSiblings(const TupleParts& parts) const;
  std::vector<Partition*> InOrder() const;  // By key.
  std::vector<Type*> Types() const;         // By id.

  Type& type(TypeId id) const { return *types_[id]; }
  Partition& partition(PartitionId id) const { return *partitions_[id]; }

 private:
  Type& InternTypeLocked(std::string_view name);

  Memory& memory_;
  const std::uint64_t seed_;
  mutable std::mutex mutex_;
  // Appended to under the mutex; elements are read without by those who have been given the id.
  AppendArray<Type*> types_;
  AppendArray<Partition*> partitions_;
  // Guarded by mutex_.
  StringMap<Type*> types_by_name_;
  StringMap<std::unique_ptr<Siblings>> siblings_;  // By SiblingsKey.
  std::vector<Partition*> in_order_;
};

class GraphState {
 public:
  // `held_bytes` of the shared budget have been taken for it.
  GraphState(GraphOptions options, std::uint64_t seed, std::uint64_t held_bytes = 0);
  ~GraphState();

  const GraphOptions options;
  const std::uint64_t hash_seed;
  std::shared_ptr<const void> image;  // Of the checkpoint file, if any. Outlives what follows.
  PinGate gate;
  Memory memory{gate};
  Names names;
  Dictionary contexts;
  Stamps stamps;

  // Statistics that any thread reads; the writer writes.
  std::atomic<Revision> published_revision{0};
  std::atomic<Revision> applied_revision{0};
  std::atomic<std::uint64_t> tuples{0};
  std::atomic<std::uint32_t> expiring{0};  // Partitions with tuples that expire, now or ever.

  // Any thread's that holds a pin.
  void Locate(std::span<const tuple::TupleView> named, std::vector<Place>& places) const;

  // The writer's.
  Status Apply(Revision revision, WallTime time, std::span<const Change> changes);
  Status CheckRoom(std::span<const Change> changes);
  void Publish(Revision revision);
  void Compact();
  void Prefetch(std::span<const Place> ahead) const;
  std::optional<StoredTuple> Lookup(const tuple::TupleView& tuple, const Place* place) const;
  // Holds the shared budget's part for `bytes` of memory in all, no less and no more; kNo: there is
  // not enough, and what was held is still held.
  MemoryBudget::Taken Hold(std::uint64_t bytes);

 private:
  // A change on its way: what it names, then where that is.
  struct Pending {
    const Change* change = nullptr;
    std::optional<TupleParts> parts;  // Only if its place leaves something to be found.
    const Siblings* siblings = nullptr;
    Partition* partition = nullptr;  // To write to; null for deletes.
    Type* object_type = nullptr;
    Type* subject_type = nullptr;
    std::uint64_t object_hash = 0, subject_hash = 0;
    NodeId object = kNoNode, subject = kNoNode;
    enum class Ends : std::uint8_t { kKnown, kNew } ends = Ends::kKnown;  // New: no edge yet.
  };
  struct Found {
    Partition* partition = nullptr;  // Null: no such tuple.
    FoundEdge edge;
  };

  enum class Taken : std::uint8_t { kNo, kYes };
  static Taken TakePlace(const Place* place, Pending& pending);
  void Resolve(Pending& pending);
  void FindEnds(Pending& pending);
  ContextId ContextOf(const Partition& partition, const Change& change);
  void Execute(const Pending& pending, Stamp stamp);
  const Siblings* SiblingsOf(const TupleParts& parts) const;
  static Found FindAtHead(const Siblings& siblings, NodeId object, NodeId subject);
  void Remove(Partition& partition, NodeId object, NodeId subject, Stamp stamp);

  // The writer's way to Names without its mutex. Siblings are never deleted.
  mutable StringMap<const Siblings*> siblings_cache_;
  mutable std::string key_buffer_;
  std::string context_buffer_;
  std::vector<Pending> pending_;
  std::uint64_t held_bytes_;  // Of the shared budget.
};

}  // namespace pemba::graph::internal
