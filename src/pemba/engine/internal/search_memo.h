// SearchMemo: what the searches of one batch found out about the goals they visited.
//
// Questions of one batch and one subject mostly meet: documents of one tree share its folders and
// the groups behind them. What a search has decided about a goal is the same for the next one; see
// docs/decisions/0018-batches.md for why, and for what has to be kept beside the answer. Lives in
// the request's arena and ends with it: no decision outlives its snapshot.
#pragma once

#include <cstdint>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/mutation.h"

namespace pemba::engine::internal {

class SearchMemo {
 public:
  struct Known {
    enum class Truth : std::uint8_t { kFalse, kTrue } truth = Truth::kFalse;
    // kFalse: and no way behind it comes back to itself. Else nobody has looked.
    bool acyclic = false;
    // kTrue: of some way from here to the subject; kFalse: of the longest way from here. At most:
    // it may say more. What is known only counts where so many hops are left.
    std::uint32_t hops = 0;
  };

  explicit SearchMemo(Arena& arena) : index_(arena), known_(arena) {}

  const Known* Find(std::uint64_t goal) const {
    const auto* position = index_.Find(goal);
    return position == nullptr ? nullptr : &known_[*position];
  }

  void Add(std::uint64_t goal, const Known& known) {
    const auto position = index_.FindOrAdd(goal, known_.size());
    if (position == GoalIndex::kNew) {
      known_.push_back(known);
    } else if (known_[position].truth != known.truth || known.hops < known_[position].hops ||
               known.acyclic) {
      known_[position] = known;
    }
  }

 private:
  GoalIndex index_;
  ArenaVector<Known> known_;
};

}  // namespace pemba::engine::internal
