// The vocabulary of the graph: dense ids, partitions, edges and changes.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

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
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

// One end of an edge, seen from the other.
struct Edge {
  NodeId node = kNoNode;
  ContextId context = 0;
  friend bool operator==(const Edge&, const Edge&) = default;
};

// One change of one tuple, borrowed.
struct Change {
  enum class Operation : std::uint8_t { kWrite = 0, kDelete = 1 } operation = Operation::kWrite;
  tuple::TupleView tuple = {};
  std::string_view condition = {};  // Name; empty: unconditional. Ignored by deletes.
  std::string_view context = {};    // Canonical text (tuple/context.h); empty: none.
};

}  // namespace pemba::graph
