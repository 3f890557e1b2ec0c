#include "pemba/resource/internal/object_table.h"

#include <algorithm>

#include "pemba/base/assert.h"

namespace pemba::resource::internal {

PackedPtr ObjectTable::Find(const ObjectKey& key) const {
  const Objects& objects = OfKind(*key.kind);
  const auto found = objects.find(PlaceOf(key));
  return found == objects.end() ? nullptr : *found;
}

const ObjectTable::Objects& ObjectTable::OfKind(const Kind& kind) const {
  static const Objects none;
  const auto found = objects_.find(&kind);
  return found == objects_.end() ? none : found->second;
}

ObjectPtr ObjectTable::FindByUid(std::string_view uid, const Unpacker& unpack) const {
  for (const Packed* const packed : by_uid_.Find(uid)) {
    auto object = unpack(*packed);
    if (object->uid() == uid) return object;
  }
  return nullptr;
}

std::vector<ObjectPtr> ObjectTable::OwnedBy(std::string_view uid, const Unpacker& unpack) const {
  std::vector<ObjectPtr> owned;
  for (const Packed* const packed : owned_.Find(uid)) {
    auto object = unpack(*packed);
    const auto owners = object->owners();
    const bool owns =
        std::ranges::any_of(owners, [&](const auto& each) { return each.uid == uid; });
    if (owns) owned.push_back(std::move(object));
  }
  return owned;
}

std::vector<ObjectPtr> ObjectTable::FindBy(IndexId index, std::string_view key,
                                           const Unpacker& unpack) const {
  std::vector<ObjectPtr> objects;
  const auto found = indexed_[index].Find(key);
  objects.reserve(found.size());
  for (const Packed* const packed : found) {
    auto object = unpack(*packed);
    if (std::ranges::count(indexes_[index].keys(*object), key) != 0) {
      objects.push_back(std::move(object));
    }
  }
  return objects;
}

std::vector<std::pair<IndexTable*, std::string>> ObjectTable::KeysOf(const Object& object) {
  std::vector<std::pair<IndexTable*, std::string>> keys;
  keys.emplace_back(&by_uid_, object.uid());
  for (auto& owner : object.owners()) keys.emplace_back(&owned_, std::move(owner.uid));
  for (IndexId index = 0; index < indexes_.size(); ++index) {
    if (indexes_[index].kind != object.key.kind) continue;
    for (auto& key : indexes_[index].keys(object)) {
      keys.emplace_back(&indexed_[index], std::move(key));
    }
  }
  return keys;
}

ObjectTable::Change ObjectTable::Prepare(const ObjectPtr& before, const ObjectPtr& after,
                                         Revision revision) {
  Change change;
  if (before != nullptr) {
    change.before = Find(before->key);
    change.keys_before = KeysOf(*before);
  }
  if (after != nullptr) {
    change.after = Packed::Pack(*after, revision, dictionary_);
    change.keys_after = KeysOf(*after);
  }
  return change;
}

void ObjectTable::Apply(const Change& change) {
  if (change.before != nullptr) {
    for (const auto& [table, key] : change.keys_before) table->Remove(key, change.before.get());
    size_ -= objects_[&change.before->kind()].erase(change.before);
  }
  if (change.after != nullptr) Insert(change.after, change.keys_after);
}

void ObjectTable::Insert(PackedPtr packed,
                         const std::vector<std::pair<IndexTable*, std::string>>& keys) {
  auto& objects = objects_[&packed->kind()];
  const auto count = objects.size();
  for (const auto& [table, key] : keys) table->Add(key, packed.get());
  objects.insert(objects.end(), std::move(packed));  // Read in order, or most often in between.
  PEMBA_CHECK(objects.size() == count + 1);
  ++size_;
}

void ObjectTable::Add(const Object& object) {
  const auto keys = KeysOf(object);
  Insert(Packed::Pack(object, object.revision, dictionary_), keys);
}

ObjectPtr NewestView::Find(const ObjectKey& key) const {
  const auto packed = table_.Find(key);
  return packed == nullptr ? nullptr : Unpack(*packed);
}

ObjectPtr NewestView::Unpack(const Packed& packed) const {
  // Objects lie 16 bytes apart at least.
  auto& cached = cache_[(reinterpret_cast<std::uintptr_t>(&packed) >> 4) % cache_.size()];
  if (cached.packed.get() != &packed) {
    cached.object = table_.Unpack(packed);
    cached.packed = PackedPtr(&packed);
  }
  return cached.object;
}

void NewestView::ForEach(const Kind& kind, std::string_view name_space, const Visit& visit) const {
  const auto& objects = table_.OfKind(kind);
  for (auto at = objects.lower_bound(Place{name_space, ""}); at != objects.end(); ++at) {
    if (!name_space.empty() && (*at)->name_space() != name_space) return;
    if (visit(table_.Unpack(**at)) == storage::Visit::kStop) return;
  }
}

}  // namespace pemba::resource::internal
