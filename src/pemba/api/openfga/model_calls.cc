// WriteAuthorizationModel, ReadAuthorizationModel, ReadAuthorizationModels.
#include <string>
#include <utility>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/internal/paging.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga {
namespace {

// The size that the request's model will have once it is stored under a ULID.
std::size_t StoredBytes(const wire::WriteAuthorizationModelRequest& request) {
  wire::AuthorizationModel model;
  model.set_id(std::string(26, '0'));
  model.set_schema_version(request.schema_version());
  *model.mutable_type_definitions() = request.type_definitions();
  *model.mutable_conditions() = request.conditions();
  return model.ByteSizeLong();
}

}  // namespace

Status Service::WriteAuthorizationModel(RequestContext& context,
                                        const wire::WriteAuthorizationModelRequest& request,
                                        wire::WriteAuthorizationModelResponse& response) {
  PEMBA_TRY(std::ignore,
            PermitOnStore(context, Permission::kWriteAuthorizationModels, request.store_id()));
  if (static_cast<std::size_t>(request.type_definitions_size()) > options_.types_per_model_max) {
    return Error{ErrorCode::kLimitExceeded,
                 "The number of type definitions in an authorization model exceeds the allowed "
                 "limit of " +
                     std::to_string(options_.types_per_model_max)};
  }
  if (const auto bytes = StoredBytes(request); bytes > options_.model_bytes_max) {
    return Error{ErrorCode::kLimitExceeded,
                 "model exceeds size limit: " + std::to_string(bytes) + " bytes vs " +
                     std::to_string(options_.model_bytes_max) + " bytes"};
  }
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(auto id, store->WriteModel(FromWire(request)));
  response.set_authorization_model_id(std::move(id.value));
  return Done{};
}

Status Service::ReadAuthorizationModel(RequestContext& context,
                                       const wire::ReadAuthorizationModelRequest& request,
                                       wire::ReadAuthorizationModelResponse& response) {
  PEMBA_TRY(std::ignore,
            PermitOnStore(context, Permission::kReadAuthorizationModels, request.store_id()));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(const auto model, store->ReadModel(request.id()));
  ToWire(model, *response.mutable_authorization_model());
  return Done{};
}

Status Service::ReadAuthorizationModels(RequestContext& context,
                                        const wire::ReadAuthorizationModelsRequest& request,
                                        wire::ReadAuthorizationModelsResponse& response) {
  PEMBA_TRY(std::ignore,
            PermitOnStore(context, Permission::kReadAuthorizationModels, request.store_id()));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  PEMBA_TRY(auto page, store->ListModels(PageSize(request), request.continuation_token()));
  for (const auto& model : page.models) ToWire(model, *response.add_authorization_models());
  response.set_continuation_token(std::move(page.continuation_token));
  return Done{};
}

}  // namespace pemba::api::openfga
