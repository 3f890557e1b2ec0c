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

Status Service::CreateStore(RequestContext& context, const wire::CreateStoreRequest& request,
                            wire::CreateStoreResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnSystem(context, Permission::kCreateStores));
  PEMBA_TRY(const auto record, stores_.CreateStore(request.name()));
  SetStore(record, response);
  return Done{};
}

Status Service::ListStores(RequestContext& context, const wire::ListStoresRequest& request,
                           wire::ListStoresResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnSystem(context, Permission::kListStores));
  store::ListStoresRequest query;
  query.page_size = PageSize(request);
  query.continuation_token = request.continuation_token();
  if (!request.name().empty()) query.name = request.name();
  // A page is filled with what the caller may see; what is hidden does not shorten it.
  std::string token;
  do {
    PEMBA_TRY(auto page, stores_.ListStores(query));
    for (const auto& record : page.stores) {
      if (access_control_ && VisibleTo(context, record.id.value) == Visible::kNo) continue;
      SetStore(record, *response.add_stores());
      --query.page_size;
    }
    // Past the deadline every store looks hidden; that is no answer.
    if (context.deadline && clock_.Steady() >= *context.deadline) {
      return Error{ErrorCode::kDeadlineExceeded, "the stores were not all looked at"};
    }
    token = std::move(page.continuation_token);
    query.continuation_token = token;
  } while (query.page_size > 0 && !token.empty());
  response.set_continuation_token(std::move(token));
  return Done{};
}

Status Service::GetStore(RequestContext& context, const wire::GetStoreRequest& request,
                         wire::GetStoreResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kGetStore, request.store_id()));
  PEMBA_TRY(const auto record, stores_.GetStore(StoreId{request.store_id()}));
  SetStore(record, response);
  return Done{};
}

Status Service::DeleteStore(RequestContext& context, const wire::DeleteStoreRequest& request,
                            wire::DeleteStoreResponse&) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kDeleteStore, request.store_id()));
  return stores_.DeleteStore(StoreId{request.store_id()});
}

}  // namespace pemba::api::openfga
