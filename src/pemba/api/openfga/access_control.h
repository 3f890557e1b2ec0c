// Access control: whether a caller may make a call, decided by one of Pemba's own stores.
//
// A call becomes a Check in the *control store*: subject `application:<client id>`, object
// `store:<store id>` under the contextual tuple `system:fga system store:<store id>`; calls that
// are about no one store ask for `system:fga`. The relation names the call.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "pemba/api/authn/caller.h"
#include "pemba/base/clock.h"
#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/engine/checker.h"
#include "pemba/store/stores.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::api::openfga {

// What a caller may be allowed to do. One per call, but for calls that give the same insight.
enum class Permission : std::uint8_t {
  kCreateStores,
  kListStores,
  kGetStore,
  kDeleteStore,
  kReadAuthorizationModels,
  kWriteAuthorizationModels,
  kReadAssertions,
  kWriteAssertions,
  kRead,
  kWrite,
  kReadChanges,
  kCheck,
  kExpand,
  kListObjects,
  kListUsers,
};

// "can_call_check"
std::string_view RelationOf(Permission permission);

struct AccessControlOptions {
  StoreId store;
  ModelId model;
  telemetry::Histogram* duration = nullptr;  // Nanoseconds of each Check; null: not counted.
};

// Thread-safe; blocks only while the control store is loaded for the first time.
//
// Every answer but a clean "allowed" is kForbidden: a caller without client id, a missing control
// store or model, an error, a deadline.
class AccessControl {
 public:
  // Borrows all but the options.
  AccessControl(store::Stores& stores, const Clock& clock, const engine::Checker& checker,
                AccessControlOptions options)
      : stores_(stores), clock_(clock), checker_(checker), options_(std::move(options)) {}

  Status OnSystem(const authn::Caller& caller, Permission permission,
                  std::optional<SteadyTime> deadline) const;
  Status OnStore(const authn::Caller& caller, Permission permission, std::string_view store_id,
                 std::optional<SteadyTime> deadline) const;
  // kWrite for what belongs to `module` of the store: object `module:<store id>|<module>`.
  Status OnModule(const authn::Caller& caller, std::string_view store_id, std::string_view module,
                  std::optional<SteadyTime> deadline) const;

 private:
  Status Ask(const authn::Caller& caller, Permission permission, std::string_view object,
             std::span<const tuple::Tuple> contextual_tuples,
             std::optional<SteadyTime> deadline) const;

  store::Stores& stores_;
  const Clock& clock_;
  const engine::Checker& checker_;
  const AccessControlOptions options_;
};

// The one module that everything which `request` touches belongs to, by relation, else by type.
// Nothing if there are several, or something belongs to none.
class ModuleOfWrite {
 public:
  explicit ModuleOfWrite(const model::Model& model) : model_(model) {}
  void Add(std::string_view object, std::string_view relation);
  std::optional<std::string> module() const;

 private:
  const model::Model& model_;
  std::set<std::string> modules_;  // "" stands for: none.
};

}  // namespace pemba::api::openfga
