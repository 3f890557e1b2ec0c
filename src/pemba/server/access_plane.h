// AccessPlane: identities and access of a server: the control plane, who decides, and what serves
// both.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/api/access/object_authorizer.h"
#include "pemba/api/access/service.h"
#include "pemba/api/access/webhooks.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/iam/control_plane.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/grants.h"
#include "pemba/provider/openfga.h"
#include "pemba/provider/outbox.h"
#include "pemba/provider/provider.h"
#include "pemba/provider/shadow.h"
#include "pemba/server/config.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/stores.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::server {

// Who a caller is, as the configuration has it.
api::k8s::CallerOptions CallerOptionsOf(const ServerConfig& config);

// What an address, a store and a token of the configuration come to.
provider::OpenFgaOptions OpenFgaOptionsOf(const IamConfig& config);

// The rules of external authorization; of no path, none. Errors (kInvalidArgument): the file cannot
// be read or is not of the form.
Result<api::access::HttpMapping> ReadHttpMapping(const std::filesystem::path& path);

class AccessPlane {
 public:
  // Borrows everything but the configuration, of which it copies what it needs. `metrics` may be
  // null. `report` is told what an operator should know, from any thread. Errors: those of the
  // kinds, of the mapping file, of ControlPlane::Open and of the provider's options.
  static Result<std::unique_ptr<AccessPlane>> Open(const ServerConfig& config,
                                                   store::Stores& stores,
                                                   storage::Datastore& datastore,
                                                   const Clock& clock, telemetry::Registry* metrics,
                                                   std::function<void(std::string_view)> report);
  ~AccessPlane();

  resource::ResourceStore& resources() { return plane_->resources(); }
  api::k8s::Authorizer& authorizer() { return *authorizer_; }
  api::access::Service& service() { return *service_; }
  const iam::Decider& decider() const { return *decider_; }
  api::access::WebhookOptions webhook_options() const;
  // Whether questions are decided now, by a provider that follows what is declared. Errors
  // (kUnavailable) say what has to be looked at. Does not block.
  Status Ready() const;

 private:
  explicit AccessPlane(const ServerConfig& config) : config_(config.iam) {}
  using Report = std::function<void(std::string_view)>;
  Status OpenProvider(store::Stores& stores, const Clock& clock, const Report& report);
  Status OpenRemote(store::Stores& stores, const Clock& clock, const Report& report);
  void OpenShadow(const Clock& clock, const Report& report);
  void WatchProvider();
  Status Provided(iam::ControlPlane& control, store::Revision revision);

  const IamConfig config_;
  std::atomic<bool> open_{false};  // From here on the outbox may call the control plane.
  api::k8s::CallerOptions callers_;
  api::access::HttpMapping mapping_;
  telemetry::Registry* metrics_ = nullptr;
  resource::Registry registry_;
  std::optional<store::StoreHandle> store_;
  std::unique_ptr<iam::ControlPlane> plane_;
  std::mutex refused_mutex_;
  std::vector<iam::ControlPlane::Refusal> refused_;  // By the remote provider; guarded.
  // What is null is not configured. Who decides is the first one, in the shadow is another.
  std::unique_ptr<provider::Provider> embedded_;
  std::unique_ptr<provider::Provider> remote_;
  std::unique_ptr<provider::Outbox> outbox_;  // Of the remote one.
  std::unique_ptr<provider::Provider> replica_;
  std::unique_ptr<provider::Shadow> shadow_;
  provider::Provider* provider_ = nullptr;
  std::unique_ptr<iam::Decider> decider_;
  std::unique_ptr<iam::Grants> grants_;
  std::unique_ptr<api::access::ObjectAuthorizer> authorizer_;
  std::unique_ptr<api::access::Service> service_;
};

}  // namespace pemba::server
