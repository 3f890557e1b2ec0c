// ObjectView: objects to read from, as of one moment. What a transaction is laid over.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "pemba/resource/index.h"
#include "pemba/resource/object.h"
#include "pemba/storage/datastore.h"

namespace pemba::resource::internal {

// Used by one thread.
class ObjectView {
 public:
  virtual ~ObjectView() = default;

  // Null if there is none.
  virtual ObjectPtr Find(const ObjectKey& key) const = 0;
  virtual ObjectPtr FindByUid(std::string_view uid) const = 0;
  // In order of kind, namespace and name.
  virtual std::vector<ObjectPtr> OwnedBy(std::string_view uid) const = 0;
  virtual std::vector<ObjectPtr> FindBy(IndexId index, std::string_view key) const = 0;

  using Visit = std::function<storage::Visit(const ObjectPtr&)>;
  // In order of namespace and name, until `visit` stops; an empty namespace means all. The view is
  // not to change meanwhile.
  virtual void ForEach(const Kind& kind, std::string_view name_space, const Visit& visit) const = 0;
};

}  // namespace pemba::resource::internal
