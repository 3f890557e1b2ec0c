#include "pemba/resource/internal/index_table.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "pemba/base/assert.h"

namespace pemba::resource::internal {
namespace {

// Objects of one index may be of several kinds (uids, owners): these are told apart first.
bool Before(const Packed* a, const Packed* b) {
  return std::tuple(&a->kind(), PlaceOf(*a)) < std::tuple(&b->kind(), PlaceOf(*b));
}

}  // namespace

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
    auto many = std::make_unique<Many>(1, reinterpret_cast<const Packed*>(entry));
    entry = reinterpret_cast<Entry>(many.release()) | 1;
  }
  Many& many = *ManyOf(entry);
  const auto at = std::ranges::lower_bound(many, object, Before);
  if (at == many.end() || *at != object) many.insert(at, object);
}

void IndexTable::Remove(std::string_view key, const Packed* object) {
  const auto found = entries_.find(HashBytes(key));
  if (found == entries_.end()) return;
  if ((found->second & 1) == 0) {
    if (found->second == reinterpret_cast<Entry>(object)) entries_.erase(found);
    return;
  }
  Many& many = *ManyOf(found->second);
  const auto at = std::ranges::lower_bound(many, object, Before);
  if (at == many.end() || *at != object) return;
  many.erase(at);
  if (many.size() > 1) return;
  PEMBA_ASSERT(many.size() == 1);
  const std::unique_ptr<Many> last(&many);
  found->second = reinterpret_cast<Entry>(last->front());
}

std::vector<const Packed*> IndexTable::Find(std::string_view key) const {
  const auto found = entries_.find(HashBytes(key));
  if (found == entries_.end()) return {};
  if ((found->second & 1) == 0) return {reinterpret_cast<const Packed*>(found->second)};
  return *ManyOf(found->second);
}

}  // namespace pemba::resource::internal
