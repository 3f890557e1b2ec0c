// What is shared by the server that is killed and the test that kills it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "pemba/base/assert.h"
#include "pemba/iam/control_plane.h"
#include "pemba/iam/kinds.h"
#include "pemba/storage/embedded.h"
#include "pemba/store/stores.h"

namespace pemba::iam::testing {

// A directory with one store, which is made if it is not there.
class VictimsWorld {
 public:
  explicit VictimsWorld(const std::filesystem::path& directory)
      : datastore_(*storage::OpenEmbeddedDatastore({.directory = directory})),
        stores_(*datastore_, clock_) {
    PEMBA_CHECK(AddKinds(registry_).ok());
    const StoreId id{"01J0000000000000000000000A"};
    (void)datastore_->CreateStore({id, "iam", clock_.Now(), clock_.Now()});
    store_.emplace(*stores_.Open(id));
  }

  // "a" and "b" are programs whose settings differ: what either has made of the bindings' statuses
  // is not what the other one wants.
  std::unique_ptr<ControlPlane> OpenPlane(std::string_view setup) {
    ControlPlaneOptions options;
    options.program = setup;
    if (setup == "b") options.settings.grants = Settings::Grants::kWhenProvided;
    auto plane = ControlPlane::Open(store(), registry_, clock_, std::move(options));
    PEMBA_CHECK(plane.ok());
    return *std::move(plane);
  }

  const resource::Kind& kind(std::string_view name) const {
    for (const auto& one : registry_.kinds()) {
      if (one->name == name) return *one;
    }
    PEMBA_CHECK(false);
    return *registry_.kinds().front();
  }
  store::Store& store() { return **store_; }

 private:
  const SystemClock clock_;
  std::unique_ptr<storage::Datastore> datastore_;
  store::Stores stores_;
  std::optional<store::StoreHandle> store_;
  resource::Registry registry_;
};

}  // namespace pemba::iam::testing
