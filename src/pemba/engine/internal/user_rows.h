// UserRows: who is named directly, in rows of tuples that are read as far as they are asked for.
#pragma once

#include <span>

#include "pemba/base/arena.h"
#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/list_scope.h"
#include "pemba/engine/internal/user_set.h"
#include "pemba/graph/partition_view.h"

namespace pemba::engine::internal {

// A union of rows. Lives in the request's arena.
class UserRows {
 public:
  explicit UserRows(ListScope& scope)
      : scope_(&scope), lists_(scope.arena()), rows_(scope.arena()) {}

  // The users whom the stored tuples of `entry` name on `object`, but for those of `without`.
  void AddRow(model::EntryIndex entry, graph::NodeId object,
              std::span<const graph::NodeId> without);
  void AddSorted(std::span<const graph::NodeId> users);
  void AddAll() { all_ = true; }  // The wildcard.

  // The part of the set that lies in `range`; conditions of the tuples there are evaluated now.
  // Ranges ascend. Borrows from the graph, the request's arena or `scratch`.
  UserSet Cut(Arena& scratch, const UserRange& range);

 private:
  struct Row {
    graph::RowCursor row;
    model::EntryIndex entry;
    graph::NodeId object;
    std::span<const graph::NodeId> without;
    bool careful;  // Each tuple has to be looked at.
  };
  void CutRow(Row& row, const UserRange& range, Arena& scratch,
              ArenaVector<std::span<const graph::NodeId>>& parts);

  ListScope* scope_;
  bool all_ = false;
  ArenaVector<std::span<const graph::NodeId>> lists_;  // What is left of sorted ones.
  ArenaVector<Row> rows_;
};

}  // namespace pemba::engine::internal
