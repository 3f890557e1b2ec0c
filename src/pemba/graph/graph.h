// Graph: the relationship tuples of one store, in memory, forward and reverse.
//
// A tuple (object type, object id, relation, subject, condition) takes few values in everything but
// its two ids. Those few are interned once as a *partition*; a partition is then a bipartite graph
// between two dense sets of 32-bit node ids, one set per type.
//
// Readers pin a Snapshot: they take no lock, write no shared cache line and never wait. One writer
// at a time applies changes under a revision that nobody can see yet, and publishes it later, once
// it is durable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/tuple/tuple.h"

namespace pemba::graph {

using Revision = std::uint64_t;     // 0: the empty store. Grows by one with every committed write.
using TypeId = std::uint32_t;       // Of an object or subject type, dense per store.
using NodeId = std::uint32_t;       // Of an object id within its type, dense per store and type.
using PartitionId = std::uint32_t;  // Dense per store.
using ContextId = std::uint32_t;    // Of a distinct condition context; 0: the empty one.

// Node ids from here on are never given by a graph. A query may use them for names of its own (its
// contextual tuples): they have empty rows everywhere.
inline constexpr NodeId kLocalNodes = 0x8000'0000;
inline constexpr NodeId kNoNode = 0xFFFF'FFFF;

// What the tuples of a partition have in common: exactly one entry of a type restriction on one
// relation, e.g. document#viewer with `group#member` or with `user:*` or `user with not_expired`.
struct PartitionKey {
  std::string object_type, relation;
  std::string subject_type;
  std::string subject_relation;  // Of usersets, else empty.
  bool wildcard = false;         // `type:*`; the subject's node id is then 0.
  std::string condition;         // Empty: unconditional.
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

// One end of an edge, seen from the other.
struct Edge {
  NodeId node = kNoNode;
  ContextId context = 0;
  Revision revision = 0;  // Of the write that made it.
};

class Snapshot;

// Walks one row in ascending node order. Valid while the snapshot lives.
class RowCursor;

// One partition as of one snapshot. A few pointers: pass by value. Any node id is a valid argument;
// one that the graph has not given has an empty row.
class PartitionView;

// One change of one tuple, borrowed.
struct Change {
  enum class Operation : std::uint8_t { kWrite = 0, kDelete = 1 } operation = Operation::kWrite;
  tuple::TupleView tuple;
  std::string_view condition;  // Name; empty: unconditional. Ignored by deletes.
  std::string_view context;    // Canonical text (tuple/context.h); empty: none.
};

}  // namespace pemba::graph
