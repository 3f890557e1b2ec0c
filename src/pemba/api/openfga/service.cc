#include "pemba/api/openfga/service.h"

#include <utility>

#include "pemba/api/authn/authenticator.h"

namespace pemba::api::openfga {

namespace {

engine::CheckLimits ListLimitsOf(const ServiceOptions& options) {
  auto limits = options.check_limits;
  limits.memory_bytes_max = options.list_memory_bytes_max;
  return limits;
}

}  // namespace

Service::Service(store::Stores& stores, const Clock& clock, ServiceOptions options)
    : stores_(stores),
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

Result<store::View> Service::Pin(RequestContext& context, const store::StoreHandle& store) const {
  if (!context.at_least) {
    auto view = store->Pin();
    context.revision = view.revision();
    return view;
  }
  const bool wait = context.waiting == RequestContext::Waiting::kUntilDeadline;
  PEMBA_TRY(auto view,
            store->PinAtLeast(*context.at_least, wait ? context.deadline : std::nullopt));
  context.revision = view.revision();
  return view;
}

Status Service::Await(RequestContext& context, const store::StoreHandle& store) const {
  if (!context.at_least) return Done{};
  PEMBA_TRY(std::ignore, Pin(context, store));
  return Done{};
}

Result<const engine::BoundModel*> Service::Resolve(RequestContext& context, const store::View& view,
                                                   const std::string& model_id) const {
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
