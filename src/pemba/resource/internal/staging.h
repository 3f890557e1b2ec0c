// Staging: changes laid over a view, which is then seen as changed.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/resource/index.h"
#include "pemba/resource/internal/object_view.h"

namespace pemba::resource::internal {

class Staging final : public ObjectView {
 public:
  // Borrows both.
  Staging(const ObjectView& base, std::span<const Index> indexes)
      : base_(base), indexes_(indexes) {}

  // Null: it is removed. The object's key is `key`.
  void Put(const ObjectKey& key, ObjectPtr object);

  const std::map<ObjectKey, ObjectPtr>& staged() const { return staged_; }
  const ObjectView& base() const { return base_; }

  ObjectPtr Find(const ObjectKey& key) const override;
  ObjectPtr FindByUid(std::string_view uid) const override;
  std::vector<ObjectPtr> OwnedBy(std::string_view uid) const override;
  std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const override;
  void ForEach(const Kind& kind, std::string_view name_space, const Visit& visit) const override;

 private:
  using Keys = StringMap<std::set<ObjectKey>>;
  static std::string InIndex(IndexId index, std::string_view key);
  std::vector<ObjectPtr> Merge(std::vector<ObjectPtr> base, const Keys& staged,
                               std::string_view key,
                               const std::function<bool(const Object&)>& still) const;

  const ObjectView& base_;
  const std::span<const Index> indexes_;
  std::map<ObjectKey, ObjectPtr> staged_;
  // Of what was ever staged: whoever looks up looks at the object again.
  StringMap<ObjectKey> by_uid_;
  Keys by_owner_;
  Keys by_index_;  // By InIndex: one table, for a staging is made for each write.
};

}  // namespace pemba::resource::internal
