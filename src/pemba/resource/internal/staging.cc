#include "pemba/resource/internal/staging.h"

#include <algorithm>
#include <cstring>

namespace pemba::resource::internal {

void Staging::Put(const ObjectKey& key, ObjectPtr object) {
  if (object != nullptr) {
    by_uid_.insert_or_assign(std::string(object->uid()), key);
    for (const auto& owner : object->owners()) by_owner_[owner.uid].insert(key);
    for (IndexId index = 0; index < indexes_.size(); ++index) {
      if (indexes_[index].kind != key.kind) continue;
      for (const auto& each : indexes_[index].keys(*object)) {
        by_index_[InIndex(index, each)].insert(key);
      }
    }
  }
  staged_.insert_or_assign(key, std::move(object));
}

ObjectPtr Staging::Find(const ObjectKey& key) const {
  const auto staged = staged_.find(key);
  return staged == staged_.end() ? base_.Find(key) : staged->second;
}

ObjectPtr Staging::FindByUid(std::string_view uid) const {
  if (const auto staged = by_uid_.find(uid); staged != by_uid_.end()) {
    const auto object = Find(staged->second);
    return object != nullptr && object->uid() == uid ? object : nullptr;
  }
  const ObjectPtr object = base_.FindByUid(uid);
  return object == nullptr || staged_.contains(object->key) ? nullptr : object;
}

std::vector<ObjectPtr> Staging::Merge(std::vector<ObjectPtr> base, const Keys& staged,
                                      std::string_view key,
                                      const std::function<bool(const Object&)>& still) const {
  std::erase_if(base, [&](const ObjectPtr& object) { return staged_.contains(object->key); });
  const auto hits = staged.find(key);
  if (hits == staged.end()) return base;
  for (const auto& hit : hits->second) {
    auto object = Find(hit);
    if (object != nullptr && still(*object)) base.push_back(std::move(object));
  }
  std::ranges::sort(base, {},
                    [](const ObjectPtr& object) -> const ObjectKey& { return object->key; });
  return base;
}

std::vector<ObjectPtr> Staging::OwnedBy(std::string_view uid) const {
  return Merge(base_.OwnedBy(uid), by_owner_, uid, [&](const Object& object) {
    const auto owners = object.owners();
    return std::ranges::any_of(owners, [&](const auto& owner) { return owner.uid == uid; });
  });
}

std::vector<ObjectPtr> Staging::FindBy(IndexId index, std::string_view key) const {
  const auto still = [&](const Object& object) {
    return std::ranges::count(indexes_[index].keys(object), key) != 0;
  };
  return Merge(base_.FindBy(index, key), by_index_, InIndex(index, key), still);
}

std::string Staging::InIndex(IndexId index, std::string_view key) {
  std::string place(key.size() + sizeof(index), '\0');
  std::memcpy(place.data(), &index, sizeof(index));
  std::memcpy(place.data() + sizeof(index), key.data(), key.size());
  return place;
}

void Staging::ForEach(const Kind& kind, std::string_view name_space, const Visit& visit) const {
  auto staged = staged_.lower_bound({&kind, std::string(name_space), ""});
  // The staged object that comes next, if it is within the question.
  const auto next = [&] {
    const bool within = staged != staged_.end() && staged->first.kind == &kind &&
                        (name_space.empty() || staged->first.name_space == name_space);
    return within ? &staged->first : nullptr;
  };
  auto going = storage::Visit::kContinue;
  base_.ForEach(kind, name_space, [&](const ObjectPtr& object) {
    for (; next() != nullptr && *next() < object->key; ++staged) {
      if (staged->second != nullptr) going = visit(staged->second);
      if (going == storage::Visit::kStop) return going;
    }
    if (next() != nullptr && *next() == object->key)
      return storage::Visit::kContinue;  // It comes next.
    return going = visit(object);
  });
  for (; going == storage::Visit::kContinue && next() != nullptr; ++staged) {
    if (staged->second != nullptr) going = visit(staged->second);
  }
}

}  // namespace pemba::resource::internal
