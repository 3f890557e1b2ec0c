#include "pemba/api/openfga/service.h"

#include <utility>

namespace pemba::api::openfga {

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

Status Service::UpdateStore(RequestContext&, const wire::UpdateStoreRequest&,
                            wire::UpdateStoreResponse&) {
  return Error{ErrorCode::kUnimplemented, "method UpdateStore not implemented"};
}

}  // namespace pemba::api::openfga
