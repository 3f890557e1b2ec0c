// ObjectTable: the objects of one store as of its newest revision, with the indexes that the
// resource store needs.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/base/hash.h"
#include "pemba/resource/index.h"
#include "pemba/resource/object.h"

namespace pemba::resource::internal {

// Not thread-safe. O(log n) per object and owner reference.
class ObjectTable {
 public:
  explicit ObjectTable(std::span<const Index> indexes = {})
      : indexes_(indexes), indexed_(indexes.size()) {}

  using Objects = std::map<std::pair<std::string, std::string>, ObjectPtr>;  // Namespace, name.

  ObjectPtr Find(const ObjectKey& key) const;  // Null if there is none.
  ObjectPtr FindByUid(std::string_view uid) const;
  const Objects& OfKind(const Kind& kind) const;
  std::vector<ObjectPtr> OwnedBy(std::string_view uid) const;  // In no order.

  // In order of namespace and name.
  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const;

  void Put(ObjectPtr object);  // Replaces the one with its key.
  void Remove(const ObjectKey& key);
  std::size_t size() const { return by_uid_.size(); }

 private:
  // Namespace and name, of one kind.
  using Places = std::set<std::pair<std::string, std::string>>;

  const std::span<const Index> indexes_;
  std::map<const Kind*, Objects> objects_;
  StringMap<ObjectPtr> by_uid_;
  // Uid of an owner -> uids of what it owns.
  StringMap<StringSet> owned_;
  std::vector<StringMap<Places>> indexed_;  // By IndexId.
};

}  // namespace pemba::resource::internal
