// The vocabulary of the graph: dense ids, partitions, edges and changes.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/tuple/tuple.h"

namespace pemba::graph {

using Revision = std::uint64_t;     // 0: the empty store. Grows with every committed write.
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
  // Tuples that expire lie apart from all others, so that those cost what they did. The texts of
  // their contexts begin with the time: see ExpiringContext.
  bool expires = false;
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

// One end of an edge, seen from the other.
struct Edge {
  NodeId node = kNoNode;
  ContextId context = 0;
  friend bool operator==(const Edge&, const Edge&) = default;
};

namespace internal {
struct Siblings;
class GraphState;
}  // namespace internal

// Where the names of a tuple lie in a graph, as far as it knew them when it was asked. Names keep
// their ids: what a place says stays true, and what it does not know may have come since.
struct Place {
  const internal::Siblings* siblings = nullptr;  // Null: nothing is known.
  std::uint64_t object_hash = 0, subject_hash = 0;
  NodeId object = kNoNode, subject = kNoNode;
};

// The places of some tuples, in one graph.
struct Places {
  const internal::GraphState* graph = nullptr;
  std::vector<Place> places;
};

// One change of one tuple, borrowed.
struct Change {
  enum class Operation : std::uint8_t { kWrite = 0, kDelete = 1 } operation = Operation::kWrite;
  tuple::TupleView tuple = {};
  std::string_view condition = {};          // Name; empty: unconditional. Ignored by deletes.
  std::string_view context = {};            // Canonical text (tuple/context.h); empty: none.
  std::optional<WallTime> expires_at = {};  // Absent: never. Ignored by deletes.
  const Place* place = nullptr;             // Of the tuple, in the graph that applies the change.
};

// What the context of a tuple that expires says. A tuple holds before `expires_at`, not at it.
struct ExpiringContext {
  WallTime expires_at;
  std::string_view context;  // As in a tuple that does not expire.
};
// Of a text that the graph made: O(1), borrows.
ExpiringContext SplitExpiringContext(std::string_view text);
void AppendExpiringContext(const ExpiringContext& context, std::string& out);

}  // namespace pemba::graph
