// ObjectTable: the objects of one store as of its newest revision, with the indexes that the
// resource store needs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pemba/base/hash.h"
#include "pemba/resource/object.h"

namespace pemba::resource::internal {

// Not thread-safe. O(log n) per object and owner reference.
class ObjectTable {
 public:
  using Objects = std::map<std::pair<std::string, std::string>, ObjectPtr>;  // Namespace, name.

  ObjectPtr Find(const ObjectKey& key) const;  // Null if there is none.
  ObjectPtr FindByUid(std::string_view uid) const;
  const Objects& OfKind(const Kind& kind) const;
  std::vector<ObjectPtr> OwnedBy(std::string_view uid) const;  // In no order.

  void Put(ObjectPtr object);  // Replaces the one with its key.
  void Remove(const ObjectKey& key);
  std::size_t size() const { return by_uid_.size(); }

 private:
  std::map<const Kind*, Objects> objects_;
  StringMap<ObjectPtr> by_uid_;
  // Uid of an owner -> uids of what it owns.
  StringMap<StringSet> owned_;
};

}  // namespace pemba::resource::internal
