#include "pemba/resource/internal/index_table.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "pemba/base/assert.h"

namespace pemba::resource::internal {
namespace {

constexpr std::size_t kFewMax = 256;

}  // namespace

// Objects of one index may be of several kinds (uids, owners): these are told apart first.
bool IndexTable::Before::operator()(const Packed* a, const Packed* b) const {
  return std::tuple(&a->kind(), PlaceOf(*a)) < std::tuple(&b->kind(), PlaceOf(*b));
}

IndexTable::~IndexTable() {
  for (const auto& [hash, entry] : entries_) {
    if ((entry & 1) != 0) delete ManyOf(entry);
  }
}

void IndexTable::Add(std::string_view key, const Packed* object) {
  const auto [found, added] = entries_.try_emplace(HashBytes(key), reinterpret_cast<Entry>(object));
  if (added) return;
  Entry& entry = found->second;
  if (entry == reinterpret_cast<Entry>(object)) return;
  if ((entry & 1) == 0) {
    auto many = std::make_unique<Many>();
    many->few.push_back(reinterpret_cast<const Packed*>(entry));
    entry = reinterpret_cast<Entry>(many.release()) | 1;
  }
  auto& [few, many] = *ManyOf(entry);
  if (!many.empty()) {
    many.insert(object);
    return;
  }
  const auto at = std::ranges::lower_bound(few, object, Before());
  if (at != few.end() && *at == object) return;
  few.insert(at, object);
  if (few.size() <= kFewMax) return;
  many.insert(few.begin(), few.end());
  few = {};
}

void IndexTable::Remove(std::string_view key, const Packed* object) {
  const auto found = entries_.find(HashBytes(key));
  if (found == entries_.end()) return;
  if ((found->second & 1) == 0) {
    if (found->second == reinterpret_cast<Entry>(object)) entries_.erase(found);
    return;
  }
  auto& [few, many] = *ManyOf(found->second);
  if (!many.empty()) {
    many.erase(object);
    if (many.size() > kFewMax / 2) return;
    few.assign(many.begin(), many.end());
    many.clear();
    return;
  }
  const auto at = std::ranges::lower_bound(few, object, Before());
  if (at == few.end() || *at != object) return;
  few.erase(at);
  if (few.size() > 1) return;
  PEMBA_ASSERT(few.size() == 1);
  const std::unique_ptr<Many> last(ManyOf(found->second));
  found->second = reinterpret_cast<Entry>(last->few.front());
}

std::vector<const Packed*> IndexTable::Find(std::string_view key) const {
  const auto found = entries_.find(HashBytes(key));
  if (found == entries_.end()) return {};
  if ((found->second & 1) == 0) return {reinterpret_cast<const Packed*>(found->second)};
  const auto& [few, many] = *ManyOf(found->second);
  if (many.empty()) return few;
  return {many.begin(), many.end()};
}

}  // namespace pemba::resource::internal
