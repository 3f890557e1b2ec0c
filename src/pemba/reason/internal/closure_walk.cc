#include "pemba/reason/internal/closure_walk.h"

#include <algorithm>
#include <utility>

#include "pemba/reason/internal/mutation.h"

namespace pemba::reason::internal {

void ClosureWalk::Begin(ThingId start, Direction direction) {
  start_ = start;
  from_ = direction == Direction::kUp ? closure_.below : closure_.above;
  to_ = direction == Direction::kUp ? closure_.above : closure_.below;
  begun_ = false;
  found_.clear();
  direct_ = given_ = expanded_ = 0;
  if (++walk_ == 0) {  // All numbers were used: none of them may mean "now".
    seen_.clear();
    walk_ = 1;
  }
}

ThingId ClosureWalk::Next() {
  if (!begun_) {
    begun_ = true;
    if (!IsInferred(start_)) Expand({&start_, 1});
    direct_ = found_.size();
    // What does not qualify is connected as persisted relations say, and to nothing else.
    if (!Qualifies(start_)) expanded_ = found_.size();
  }
  while (given_ == found_.size()) {
    if (expanded_ == found_.size()) return kNoThing;
    if (Mutated(Mutation::kClosureOneStep) && expanded_ >= direct_) return kNoThing;
    batch_.clear();
    for (; expanded_ < found_.size() && batch_.size() < kBatchThings; ++expanded_) {
      if (Qualifies(found_[expanded_])) batch_.push_back(found_[expanded_]);
    }
    Expand(batch_);
  }
  return found_[given_++];
}

// One loop for each lookup: the memory accesses of one loop do not depend on each other, so that
// the processor has many of them under way. In a large graph they are what a walk costs.
void ClosureWalk::Expand(std::span<const ThingId> things) {
  relations_.clear();
  slots_.clear();
  players_.clear();
  for (const ThingId thing : things) {
    const IdList* list = facts_.Playing(thing, from_);
    for (std::uint32_t i = 0, n = list == nullptr ? 0 : list->size(); i < n; ++i) {
      relations_.push_back((*list)[i]);
    }
  }
  for (const ThingId relation : relations_) {
    if (facts_.TypeOf(relation) == closure_.type) slots_.push_back(facts_.SlotOf(relation));
  }
  const TypeTable* table = facts_.Table(closure_.type);
  const PlayerColumn* column = table == nullptr ? nullptr : table->FindPlayers(to_);
  if (column == nullptr) return;
  for (const std::uint32_t slot : slots_) {
    if (!column->repeated) {
      if (const std::uint32_t player = column->single[slot]) players_.push_back(player - 1);
      continue;
    }
    const IdList& list = column->multiple[slot];
    for (std::uint32_t i = 0, n = list.size(); i < n; ++i) players_.push_back(list[i]);
  }
  const bool direct = things.data() == &start_;
  for (const ThingId player : players_) {
    if (player >= seen_.size()) seen_.resize(std::max<std::size_t>(player + 1, seen_.size() * 2));
    if (std::exchange(seen_[player], walk_) == walk_) continue;
    if (Mutated(Mutation::kClosureSkipsCycles) && player == start_) continue;
    if (direct || Qualifies(player)) found_.push_back(player);
  }
}

bool ClosureWalk::Qualifies(ThingId thing) const {
  if (closure_.attributes.empty() || Mutated(Mutation::kClosureIgnoresFilter)) return true;
  return std::any_of(closure_.attributes.begin(), closure_.attributes.end(), [&](TypeId type) {
    const IdList* list = facts_.Owned(thing, type);
    return list != nullptr && !list->empty();
  });
}

}  // namespace pemba::reason::internal
