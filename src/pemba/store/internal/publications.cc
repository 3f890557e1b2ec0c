#include "pemba/store/internal/publications.h"

#include <utility>

namespace pemba::store::internal {

std::unique_ptr<Publications::Registered> Publications::Listen(const StoreId& store,
                                                               std::function<void()> tell) {
  auto entry = std::make_shared<Entry>();
  entry->tell = std::move(tell);
  entry->store = store.value;
  {
    const std::lock_guard lock(mutex_);
    auto& entries = entries_[store.value];
    entry->place = entries.insert(entries.end(), entry);
  }
  listening_.fetch_add(1);
  return std::make_unique<Registered>(*this, std::move(entry));
}

void Publications::Tell(const StoreId& store) {
  // Reads and writes, so that it and Listen's are in one order: either this one sees the listener,
  // or the listener, who looks at the revision afterwards, sees what was published before.
  if (listening_.fetch_add(0) == 0) return;
  Entries told;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(store.value);
    if (found == entries_.end()) return;
    told.swap(found->second);
    entries_.erase(found);
    for (const auto& entry : told) entry->listed = false;
  }
  listening_.fetch_sub(told.size());
  for (const auto& entry : told) entry->tell();
}

Publications::Heard Publications::IsHeard(const StoreId& store) {
  const std::lock_guard lock(mutex_);
  return entries_.contains(store.value) ? Heard::kYes : Heard::kNo;
}

Publications::Left Publications::Leave(const std::shared_ptr<Entry>& entry) {
  const std::lock_guard lock(mutex_);
  if (!entry->listed) return Left::kEarlier;
  entry->listed = false;
  const auto found = entries_.find(entry->store);
  found->second.erase(entry->place);
  if (found->second.empty()) entries_.erase(found);
  listening_.fetch_sub(1);
  return Left::kNow;
}

void Publications::Registered::Tell() {
  if (publications_.Leave(entry_) == Left::kNow) entry_->tell();
}

}  // namespace pemba::store::internal
