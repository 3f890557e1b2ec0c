// ObjectTable: the objects of one store as of its newest revision, packed, with what they are found
// by.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/resource/index.h"
#include "pemba/resource/internal/index_table.h"
#include "pemba/resource/internal/object_view.h"
#include "pemba/resource/internal/packed.h"
#include "pemba/resource/object.h"

namespace pemba::resource::internal {

// Any number of threads may read, or one may change it. One thread may prepare changes at any time
// at which the table does not change.
class ObjectTable {
 public:
  using Objects = std::set<PackedPtr, ByPlace>;

  explicit ObjectTable(std::span<const Index> indexes = {})
      : indexes_(indexes), indexed_(indexes.size()) {}

  PackedPtr Find(const ObjectKey& key) const;  // Null if there is none.
  const Objects& OfKind(const Kind& kind) const;
  ObjectPtr Unpack(const Packed& packed) const { return packed.Unpack(dictionary_); }

  using Unpacker = std::function<ObjectPtr(const Packed&)>;
  // Null if there is none.
  ObjectPtr FindByUid(std::string_view uid, const Unpacker& unpack) const;
  // In order of kind, namespace and name.
  std::vector<ObjectPtr> OwnedBy(std::string_view uid, const Unpacker& unpack) const;
  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key, const Unpacker& unpack) const;
  // Unpack, for these.
  Unpacker unpacker() const {
    return [this](const Packed& packed) { return Unpack(packed); };
  }

  // What an object was and what it is going to be; one of both may be null.
  struct Change {
    PackedPtr before, after;
    // Of the two, by the place of their table.
    std::vector<std::pair<IndexTable*, std::string>> keys_before, keys_after;
  };
  // `before` is what the table has; `after` gets the revision, whatever it says itself.
  Change Prepare(const ObjectPtr& before, const ObjectPtr& after, Revision revision);
  void Apply(const Change& change);
  // One that the table does not have, as if prepared and applied.
  void Add(const Object& object);
  std::size_t size() const { return size_; }

 private:
  std::vector<std::pair<IndexTable*, std::string>> KeysOf(const Object& object);
  void Insert(PackedPtr packed, const std::vector<std::pair<IndexTable*, std::string>>& keys);

  const std::span<const Index> indexes_;
  Dictionary dictionary_;
  std::map<const Kind*, Objects> objects_;
  std::size_t size_ = 0;
  IndexTable by_uid_, owned_;        // By uid: the object, and what names it as an owner.
  std::vector<IndexTable> indexed_;  // By IndexId.
};

// The newest objects, for the thread that writes. Remembers some that were unpacked.
class NewestView final : public ObjectView {
 public:
  explicit NewestView(const ObjectTable& table)
      : table_(table),
        cache_(kCached),
        unpack_([this](const Packed& packed) { return Unpack(packed); }) {}

  ObjectPtr Find(const ObjectKey& key) const override;
  ObjectPtr FindByUid(std::string_view uid) const override {
    return table_.FindByUid(uid, unpack_);
  }
  std::vector<ObjectPtr> OwnedBy(std::string_view uid) const override {
    return table_.OwnedBy(uid, unpack_);
  }
  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const override {
    return table_.FindBy(index, key, unpack_);
  }
  void ForEach(const Kind& kind, std::string_view name_space, const Visit& visit) const override;

 private:
  static constexpr std::size_t kCached = 4096;
  struct Cached {
    PackedPtr packed;
    ObjectPtr object;
  };

  ObjectPtr Unpack(const Packed& packed) const;

  const ObjectTable& table_;
  mutable std::vector<Cached> cache_;  // By address.
  const ObjectTable::Unpacker unpack_;
};

}  // namespace pemba::resource::internal
