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

void ObjectTable::Put(ObjectPtr object) {
  Remove(object->key);
  const std::string uid(object->uid());
  for (const auto& owner : object->owners()) owned_[owner.uid].insert(uid);
  by_uid_[uid] = object;
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
  by_uid_.erase(std::string(object->uid()));
  objects_[key.kind].erase({key.name_space, key.name});
}

}  // namespace pemba::resource::internal
