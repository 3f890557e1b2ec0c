// What a write request must be, before and at the state of the store.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/graph/graph.h"
#include "pemba/model/plan.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

// What to do about a tuple that is not in the state that the request needs.
enum class OnMismatch : std::uint8_t { kFail, kSkip };

// A request that is well-formed and fits the model. Borrows from the request.
struct CheckedWrite {
  const WriteRequest* request = nullptr;
  OnMismatch on_duplicate = OnMismatch::kFail;
  OnMismatch on_missing = OnMismatch::kFail;
  std::vector<std::string> contexts;  // Canonical, one per write; empty: none, or empty.
};

// Everything that needs no state, in the order in which callers see it. Errors: store.h, Write.
Result<CheckedWrite> CheckRequest(const WriteRequest& request, const model::Plan& plan,
                                  const StoreOptions& options);

// The tuples that the next write of a batch finds: those of the graph, and what goes before it in
// the batch. Borrows the graph and the texts of what is added.
class Head {
 public:
  Head(const graph::Graph& graph)
      : graph_(graph) {}  // NOLINT(google-explicit-constructor): a
                          // graph with nothing before it.

  std::optional<graph::StoredTuple> Lookup(const tuple::TupleView& tuple) const;
  Revision applied() const { return added_.value_or(graph_.applied()); }

  void Add(Revision revision, std::span<const graph::Change> changes);

 private:
  struct Hash {
    using is_avalanching = void;
    std::uint64_t operator()(const tuple::TupleView& t) const {
      return HashBytes(t.subject, HashBytes(t.relation, HashBytes(t.object)));
    }
  };
  const graph::Graph& graph_;
  std::optional<Revision> added_;
  // By tuple; nothing: deleted.
  boost::unordered_flat_map<tuple::TupleView, std::optional<graph::StoredTuple>, Hash> changed_;
};

// The changes that remain to be made at `head`: deletes, then writes, in request
// order. Borrows from the request and from `checked`. `start` is what the caller could see when it
// asked: what others did since is a conflict, not a mistake. Errors: kTupleStateMismatch,
// kConflict.
Result<std::vector<graph::Change>> ChangesToMake(const CheckedWrite& checked, const Head& head,
                                                 const graph::Snapshot& start);

}  // namespace pemba::store::internal
