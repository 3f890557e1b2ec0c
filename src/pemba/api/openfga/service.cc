#include "pemba/api/openfga/service.h"

#include <chrono>
#include <utility>

#include "pemba/api/authn/authenticator.h"

namespace pemba::api::openfga {
namespace {

// While the datastore can be heard, everything is looked at every second.
constexpr std::chrono::seconds kSilenceWorthTelling{3};
// For calls without a time limit.
constexpr std::chrono::seconds kPatience{10};

}  // namespace

namespace {

engine::CheckLimits ListLimitsOf(const ServiceOptions& options) {
  auto limits = options.check_limits;
  limits.memory_bytes_max = options.list_memory_bytes_max;
  return limits;
}

}  // namespace

Service::Service(store::Stores& stores, const Clock& clock, ServiceOptions options)
    : stores_(stores),
      shared_(stores.following().has_value()),
      clock_(clock),
      options_(std::move(options)),
      checker_(options_.check_limits, clock),
      explainer_({.check = options_.check_limits}, clock),
      lister_(ListLimitsOf(options_), clock),
      expander_(clock),
      access_control_(options_.access_control
                          ? std::make_optional<AccessControl>(stores_, clock_, checker_,
                                                              *options_.access_control)
                          : std::nullopt) {}

Status Service::PermitOnSystem(const RequestContext& context, Permission permission) const {
  if (!context.caller.admitted()) return authn::Unauthenticated();
  if (!access_control_) return Done{};
  return access_control_->OnSystem(context.caller, permission, context.deadline);
}

Status Service::PermitOnStore(const RequestContext& context, Permission permission,
                              std::string_view store_id) const {
  if (!context.caller.admitted()) return authn::Unauthenticated();
  if (!access_control_) return Done{};
  return access_control_->OnStore(context.caller, permission, store_id, context.deadline);
}

Status Service::PermitWrite(const RequestContext& context, const store::StoreHandle& store,
                            Touched touched) const {
  const auto& id = store->id().value;
  auto permitted = PermitOnStore(context, Permission::kWrite, id);
  if (permitted.ok() || !access_control_) return permitted;
  const auto model = store->ReadModel(context.model_id);
  if (!model.ok()) return permitted;
  ModuleOfWrite modules(*model);
  for (const auto& [object, relation] : touched) modules.Add(object, relation);
  const auto module = modules.module();
  if (!module) return permitted;
  return access_control_->OnModule(context.caller, id, *module, context.deadline);
}

Service::Visible Service::VisibleTo(const RequestContext& context,
                                    std::string_view store_id) const {
  return PermitOnStore(context, Permission::kGetStore, store_id).ok() ? Visible::kYes
                                                                      : Visible::kNo;
}

Result<store::StoreHandle> Service::Open(const std::string& store_id) {
  return stores_.Open(StoreId{store_id});
}

Error Service::MustWait(RequestContext& context) const {
  context.must_wait = true;
  return {ErrorCode::kInternal, "the call must wait"};
}

Result<store::StoreHandle> Service::Open(RequestContext& context, std::string_view store_id) {
  static thread_local StoreId id;  // Keeps its memory from call to call.
  id.value.assign(store_id);
  if (shared_ && context.waiting == RequestContext::Waiting::kNever &&
      stores_.IsLoaded(id) == store::Stores::Loaded::kNo) {
    return MustWait(context);
  }
  return stores_.Open(id);
}

Result<store::View> Service::PinFor(RequestContext& context,
                                    const store::StoreHandle& store) const {
  const bool may_wait = context.waiting == RequestContext::Waiting::kUntilDeadline;
  if (shared_) {
    auto view = store->Pin();
    const bool reached = !context.at_least || view.revision() >= *context.at_least;
    if (reached && !context.newest) return view;
    if (!may_wait) return MustWait(context);
    const auto deadline = context.deadline.value_or(clock_.Steady() + kPatience);
    if (!context.at_least) return store->PinNewest(deadline);
    return store->PinAtLeast(*context.at_least, deadline);
  }
  if (!context.at_least) return store->Pin();
  return store->PinAtLeast(*context.at_least, may_wait ? context.deadline : std::nullopt);
}

Result<store::View> Service::Pin(RequestContext& context, const store::StoreHandle& store) const {
  PEMBA_TRY(auto view, PinFor(context, store));
  context.revision = view.revision();
  if (shared_) {
    const auto silent_for = stores_.following()->silent_for;
    if (silent_for >= kSilenceWorthTelling) {
      context.staleness = std::chrono::ceil<std::chrono::seconds>(silent_for);
    }
  }
  return view;
}

Status Service::Await(RequestContext& context, const store::StoreHandle& store) const {
  if (!context.at_least && !context.newest && !shared_) return Done{};
  PEMBA_TRY(std::ignore, Pin(context, store));
  return Done{};
}

Result<const engine::BoundModel*> Service::Resolve(RequestContext& context, const store::View& view,
                                                   std::string_view model_id) const {
  if (shared_ && context.waiting == RequestContext::Waiting::kNever && !view.KnowsModel(model_id)) {
    return MustWait(context);
  }
  PEMBA_TRY(const auto model, view.ResolveModel(model_id));
  context.model_id = model.id;
  return model.bound;
}

Status Service::UpdateStore(RequestContext& context, const wire::UpdateStoreRequest&,
                            wire::UpdateStoreResponse&) {
  if (!context.caller.admitted()) return authn::Unauthenticated();
  return Error{ErrorCode::kUnimplemented, "method UpdateStore not implemented"};
}

}  // namespace pemba::api::openfga
