// CreateStore, ListStores, GetStore, DeleteStore.
#include <utility>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/internal/paging.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga {
namespace {

// The fields that Store and the responses about one store share.
template <class Wire>
void SetStore(const store::StoreRecord& record, Wire& out) {
  out.set_id(record.id.value);
  out.set_name(record.name);
  ToWire(record.created_at, *out.mutable_created_at());
  ToWire(record.updated_at, *out.mutable_updated_at());
}

}  // namespace

Status Service::CreateStore(RequestContext&, const wire::CreateStoreRequest& request,
                            wire::CreateStoreResponse& response) {
  PEMBA_TRY(const auto record, stores_.CreateStore(request.name()));
  SetStore(record, response);
  return Done{};
}

Status Service::ListStores(RequestContext&, const wire::ListStoresRequest& request,
                           wire::ListStoresResponse& response) {
  store::ListStoresRequest query;
  query.page_size = PageSize(request);
  query.continuation_token = request.continuation_token();
  if (!request.name().empty()) query.name = request.name();
  PEMBA_TRY(auto page, stores_.ListStores(query));
  for (const auto& record : page.stores) SetStore(record, *response.add_stores());
  response.set_continuation_token(std::move(page.continuation_token));
  return Done{};
}

Status Service::GetStore(RequestContext&, const wire::GetStoreRequest& request,
                         wire::GetStoreResponse& response) {
  PEMBA_TRY(const auto record, stores_.GetStore(StoreId{request.store_id()}));
  SetStore(record, response);
  return Done{};
}

Status Service::DeleteStore(RequestContext&, const wire::DeleteStoreRequest& request,
                            wire::DeleteStoreResponse&) {
  return stores_.DeleteStore(StoreId{request.store_id()});
}

}  // namespace pemba::api::openfga
