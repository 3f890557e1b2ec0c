// ProofSearch: the questions behind a question, and which of them are settled by what.
//
// A vertex is a rewrite (or a whole relation) of one object, a number of hops away from the
// question. What a vertex comes to is found from what its children have come to, from the leaves
// up: a vertex is settled once, by vertices settled before it. So what settles a vertex is a proof
// without circles. This is the least fixpoint of docs/decisions/0003-check-evaluation.md; what is
// never settled hangs on a cycle, on the limit of hops or on a condition that failed.
//
// Dowling and Gallier, "Linear-time algorithms for testing the satisfiability of propositional Horn
// formulae", J. Logic Programming 1(3), 1984, for both truth values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "pemba/engine/internal/request.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

using VertexId = std::uint32_t;
inline constexpr VertexId kNoVertex = 0xFFFF'FFFF;

// A tuple that was read, and whether its condition is met.
struct ReadTuple {
  model::EntryIndex entry = model::kNoIndex;
  graph::NodeId object = 0, subject = 0;
  graph::ContextId context = 0;                // Of a stored tuple.
  const ContextualEdge* contextual = nullptr;  // Null: a stored tuple.
  Outcome held;
};

enum class VertexKind : std::uint8_t {
  kReflexive,
  kUnreachable,
  kTooDeep,
  kRelation,  // As its one child, the root of the relation's rewrite.
  kDirect,
  kComputed,
  kTupleToUserset,
  kUnion,
  kIntersection,
  kDifference,
};

// A way from a vertex to another, perhaps over a tuple.
struct VertexEdge {
  VertexId to = kNoVertex;  // kNoVertex: ends here.
  std::uint32_t tuple = kNoTuple;
  static constexpr std::uint32_t kNoTuple = 0xFFFF'FFFF;
};

struct Vertex {
  VertexKind kind = VertexKind::kRelation;
  bool explored = false;
  bool settled = false;
  Decision decision = Decision::kDenied;  // Once settled.
  bool failed = false;                    // A set of tuples failed: it cannot be denied any more.
  std::uint32_t depth = 0;
  model::RelationIndex relation = model::kNoIndex;  // Whose rewrite it is part of.
  graph::NodeId object = 0;
  model::PlanNodeIndex node = 0;  // But for kReflexive, kUnreachable, kTooDeep.
  VertexEdge choice;              // What settled it, where one thing does.
  std::uint32_t open = 0;         // Counting edges that are not settled yet.
  std::vector<VertexEdge> edges;  // Of leaves: every tuple that was read.
  std::vector<VertexId> parents;  // One for each counting edge.
};

class ProofSearch {
 public:
  enum class Extent : std::uint8_t {
    kUntilSettled,
    kEverything,  // Also behind tuples whose condition is not met.
  };

  ProofSearch(Request& request, Extent extent, std::size_t questions_max)
      : request_(request), extent_(extent), questions_max_(questions_max) {}

  enum class End : std::uint8_t { kDone, kTooMany, kStopped };  // kStopped: see the request.
  End Run();

  VertexId root() const { return 0; }
  std::span<const Vertex> vertices() const { return vertices_; }
  const Vertex& vertex(VertexId id) const { return vertices_[id]; }
  const ReadTuple& tuple(std::uint32_t id) const { return tuples_[id]; }
  // Whether the vertex counts what lies behind this edge.
  bool Counts(const VertexEdge& edge) const {
    return edge.to != kNoVertex &&
           (edge.tuple == VertexEdge::kNoTuple || tuples_[edge.tuple].held.truth == Truth::kTrue);
  }

 private:
  struct Key {
    model::RelationIndex relation;
    graph::NodeId object;
    std::uint32_t depth;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const {
      auto hash = (std::uint64_t{key.relation} << 32 | key.object) * 0x9E37'79B9'7F4A'7C15U;
      return (hash ^ (hash >> 29)) + key.depth * 0xBF58'476D'1CE4'E5B9U;
    }
  };

  VertexId Question(model::RelationIndex relation, graph::NodeId object, std::uint32_t depth);
  VertexId Rewrite(model::PlanNodeIndex node, const Vertex& owner);
  void Explore(VertexId id);
  void ReadExact(VertexId id);
  void ReadHops(VertexId id);
  void ReadSet(VertexId id, std::span<ReadTuple> set, const model::RelationIndex* targets);
  void Connect(VertexId id);
  void Settle(VertexId id, Decision decision, VertexEdge choice = {});
  void Propagate();
  void Tell(VertexId parent, VertexId child);

  Request& request_;
  const Extent extent_;
  const std::size_t questions_max_;
  std::vector<Vertex> vertices_;
  std::vector<ReadTuple> tuples_;
  std::unordered_map<Key, VertexId, HashKey> questions_;
  std::deque<VertexId> to_explore_;
  bool too_many_ = false;          // A set of tuples was not read to its end.
  std::vector<VertexId> to_tell_;  // Settled; their parents do not know yet.
};

}  // namespace pemba::engine::internal
