// DeclaredObjects: the resource store of a server, of kinds that the operator gives it.
#pragma once

#include <filesystem>
#include <memory>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/resource/resource_store.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/stores.h"

namespace pemba::server {

// Where they are kept: a store like any other, named `resources`, with an id of its own.
inline constexpr const char* kResourceStoreId = "0000000000000000RES0VRCES0";

// Opens that store; makes it, with a model that allows no tuples, if it is not there.
Result<store::StoreHandle> OpenResourceStore(store::Stores& stores, storage::Datastore& datastore,
                                             const Clock& clock);
// The kind Namespace, if it is not there yet, and those of `kinds`: a YAML file or a directory of
// such files; empty: none. Errors (kInvalidArgument): names the file and what is wrong with it.
Status AddDeclaredKinds(const std::filesystem::path& kinds, resource::Registry& registry);

class DeclaredObjects {
 public:
  // `kinds` is a YAML file of CustomResourceDefinitions or a directory of such files; the kind
  // Namespace is there always, and so is the namespace `default`. Borrows everything else.
  // Errors (kInvalidArgument): names the file and what is wrong with it; those of ResourceStore.
  static Result<std::unique_ptr<DeclaredObjects>> Open(const std::filesystem::path& kinds,
                                                       store::Stores& stores,
                                                       storage::Datastore& datastore,
                                                       const Clock& clock);

  resource::ResourceStore& resources() { return *resources_; }

 private:
  explicit DeclaredObjects(store::StoreHandle store) : store_(std::move(store)) {}

  resource::Registry registry_;
  store::StoreHandle store_;
  std::unique_ptr<resource::ResourceStore> resources_;
};

}  // namespace pemba::server
