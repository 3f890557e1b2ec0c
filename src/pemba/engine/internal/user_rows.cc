#include "pemba/engine/internal/user_rows.h"

#include <algorithm>

namespace pemba::engine::internal {
namespace {

using graph::NodeId;
using model::kNoIndex;
using Lists = ArenaVector<std::span<const NodeId>>;

// Takes what lies in `range` from the front of `list`, and drops what lies before it.
std::span<const NodeId> TakeFront(std::span<const NodeId>& list, const UserRange& range) {
  const auto first = std::lower_bound(list.begin(), list.end(), range.first);
  const auto last = std::lower_bound(first, list.end(), range.end);
  list = {last, list.end()};
  return {first, last};
}

}  // namespace

void UserRows::AddRow(model::EntryIndex entry, NodeId object, std::span<const NodeId> without) {
  Row row{};
  row.row = scope_->request().View(entry).Subjects(object);
  row.entry = entry;
  row.object = object;
  row.without = without;
  row.careful = scope_->plan().entries()[entry].condition != kNoIndex || !without.empty();
  if (!row.careful && !row.row.done()) lists_.push_back(row.row.TakeRun());  // Mostly all of it.
  if (!row.row.done()) rows_.push_back(row);
}

void UserRows::AddSorted(std::span<const NodeId> users) {
  if (!users.empty()) lists_.push_back(users);
}

UserSet UserRows::Cut(Arena& scratch, const UserRange& range) {
  Lists parts(scratch);
  std::uint32_t kept = 0;
  for (auto& list : lists_) {
    const auto part = TakeFront(list, range);
    if (!part.empty()) parts.push_back(part);
    if (!list.empty()) lists_[kept++] = list;
  }
  lists_.truncate(kept);
  for (auto& row : rows_) CutRow(row, range, scratch, parts);
  scope_->Work(parts.size());
  auto users = UserSet::Named(UniteLists(scratch, {parts.begin(), parts.end()}, range));
  users.all = all_;
  return users;
}

void UserRows::CutRow(Row& row, const UserRange& range, Arena& scratch, Lists& parts) {
  if (!row.row.done() && row.row.node() < range.first) row.row.Seek(range.first);
  if (!row.careful) {
    while (!row.row.done() && row.row.node() < range.end && scope_->Work()) {
      auto run = row.row.TakeRun();
      parts.push_back(TakeFront(run, range));
      if (!run.empty()) lists_.push_back(run);
    }
    return;
  }
  ArenaVector<NodeId> held(scratch);
  for (; !row.row.done() && row.row.node() < range.end; row.row.Next()) {
    if (!scope_->Work()) return;
    const auto node = row.row.node();
    if (std::binary_search(row.without.begin(), row.without.end(), node)) continue;
    if (scope_->Holds(row.entry, row.object, node, row.row.context(), nullptr)) {
      held.push_back(node);
    }
  }
  if (!held.empty()) parts.push_back({held.begin(), held.end()});
}

}  // namespace pemba::engine::internal
