#include "pemba/resource/internal/history.h"

#include <algorithm>

namespace pemba::resource::internal {

void History::Add(PastChange change) {
  changes_.push_back(std::move(change));
  while (changes_.size() > count_max_) {
    forgotten_ = changes_.front().revision;  // Whole revisions: some of its changes are gone.
    changes_.pop_front();
  }
}

std::deque<PastChange>::const_iterator History::After(Revision revision) const {
  return std::ranges::upper_bound(changes_, revision, {}, &PastChange::revision);
}

History::Past History::StateAt(Revision revision, const Kind& kind) const {
  Past past;
  for (auto at = After(revision); at != changes_.end(); ++at) {
    const ObjectKey& key = at->key();
    if (key.kind == &kind) past.try_emplace({key.name_space, key.name}, at->before);
  }
  return past;
}

}  // namespace pemba::resource::internal
