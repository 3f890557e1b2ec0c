#include "pemba/resource/internal/object_table.h"

namespace pemba::resource::internal {

ObjectPtr ObjectTable::Find(const ObjectKey& key) const {
  const Objects& objects = OfKind(*key.kind);
  const auto found = objects.find({key.name_space, key.name});
  return found == objects.end() ? nullptr : found->second;
}

ObjectPtr ObjectTable::FindByUid(std::string_view uid) const {
  const auto found = by_uid_.find(uid);
  return found == by_uid_.end() ? nullptr : found->second;
}

const ObjectTable::Objects& ObjectTable::OfKind(const Kind& kind) const {
  static const Objects none;
  const auto found = objects_.find(&kind);
  return found == objects_.end() ? none : found->second;
}

std::vector<ObjectPtr> ObjectTable::OwnedBy(std::string_view uid) const {
  std::vector<ObjectPtr> owned;
  const auto found = owned_.find(uid);
  if (found == owned_.end()) return owned;
  for (const auto& dependent : found->second) owned.push_back(by_uid_.at(dependent));
  return owned;
}

std::vector<ObjectPtr> ObjectTable::FindBy(IndexId index, std::string_view key) const {
  std::vector<ObjectPtr> objects;
  const auto found = indexed_[index].find(key);
  if (found == indexed_[index].end()) return objects;
  const Objects& all = OfKind(*indexes_[index].kind);
  objects.reserve(found->second.size());
  for (const auto& place : found->second) objects.push_back(all.at(place));
  return objects;
}

void ObjectTable::Put(ObjectPtr object) {
  Remove(object->key);
  const std::string uid(object->uid());
  for (const auto& owner : object->owners()) owned_[owner.uid].insert(uid);
  by_uid_[uid] = object;
  for (IndexId index = 0; index < indexes_.size(); ++index) {
    if (indexes_[index].kind != object->key.kind) continue;
    for (auto& key : indexes_[index].keys(*object)) {
      indexed_[index][std::move(key)].emplace(object->key.name_space, object->key.name);
    }
  }
  objects_[object->key.kind][{object->key.name_space, object->key.name}] = std::move(object);
}

void ObjectTable::Remove(const ObjectKey& key) {
  const ObjectPtr object = Find(key);
  if (object == nullptr) return;
  for (const auto& owner : object->owners()) {
    const auto owned = owned_.find(owner.uid);
    if (owned == owned_.end()) continue;
    owned->second.erase(std::string(object->uid()));
    if (owned->second.empty()) owned_.erase(owned);
  }
  for (IndexId index = 0; index < indexes_.size(); ++index) {
    if (indexes_[index].kind != key.kind) continue;
    for (const auto& each : indexes_[index].keys(*object)) {
      const auto places = indexed_[index].find(each);
      if (places == indexed_[index].end()) continue;
      places->second.erase({key.name_space, key.name});
      if (places->second.empty()) indexed_[index].erase(places);
    }
  }
  by_uid_.erase(std::string(object->uid()));
  objects_[key.kind].erase({key.name_space, key.name});
}

}  // namespace pemba::resource::internal
