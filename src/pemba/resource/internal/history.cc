#include "pemba/resource/internal/history.h"

#include <algorithm>

namespace pemba::resource::internal {

namespace {

std::size_t BytesOf(const PastChange& change) {
  std::size_t bytes = sizeof(PastChange);
  for (const auto& state : {change.before, change.after}) {
    if (state != nullptr) bytes += state->bytes();
  }
  return bytes;
}

}  // namespace

void History::Add(PastChange change) {
  bytes_ += BytesOf(change);
  changes_.push_back(std::move(change));
  while (changes_.size() > count_max_ || bytes_ > bytes_max_) {
    forgotten_ = changes_.front().revision;  // Whole revisions: some of its changes are gone.
    bytes_ -= BytesOf(changes_.front());
    changes_.pop_front();
  }
}

std::deque<PastChange>::const_iterator History::After(Revision revision) const {
  return std::ranges::upper_bound(changes_, revision, {}, &PastChange::revision);
}

History::Past History::StateAt(Revision revision, const Kind& kind) const {
  Past past;
  for (auto at = After(revision); at != changes_.end(); ++at) {
    const Packed& any = at->any();
    if (&any.kind() == &kind) past.try_emplace(PlaceOf(any), at->before);
  }
  return past;
}

}  // namespace pemba::resource::internal
