// WriteAssertions, ReadAssertions.
#include <utility>
#include <vector>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/openfga/service.h"
#include "pemba/api/struct_json.h"

namespace pemba::api::openfga {
namespace {

void SetAssertion(const store::Assertion& assertion, wire::Assertion& out) {
  out.mutable_tuple_key()->set_object(assertion.tuple.object);
  out.mutable_tuple_key()->set_relation(assertion.tuple.relation);
  out.mutable_tuple_key()->set_user(assertion.tuple.subject);
  out.set_expectation(assertion.expectation);
  for (const auto& tuple : assertion.contextual_tuples) ToWire(tuple, *out.add_contextual_tuples());
  if (assertion.context) FromJsonObject(*assertion.context, *out.mutable_context());
}

}  // namespace

Status Service::WriteAssertions(RequestContext& context,
                                const wire::WriteAssertionsRequest& request,
                                wire::WriteAssertionsResponse&) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kWriteAssertions, request.store_id()));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  {
    PEMBA_TRY(const auto view, Pin(context, store));
    PEMBA_TRY(std::ignore, Resolve(context, view, request.authorization_model_id()));
  }
  std::vector<store::Assertion> assertions;
  assertions.reserve(static_cast<std::size_t>(request.assertions_size()));
  for (const auto& assertion : request.assertions()) {
    PEMBA_TRY(auto converted, FromWire(assertion));
    assertions.push_back(std::move(converted));
  }
  store::WriteAssertionsRequest write;
  write.model_id = context.model_id;
  write.assertions = assertions;
  write.wire_bytes = BytesOf(request.assertions());
  return store->WriteAssertions(write);
}

Status Service::ReadAssertions(RequestContext& context, const wire::ReadAssertionsRequest& request,
                               wire::ReadAssertionsResponse& response) {
  PEMBA_TRY(std::ignore, PermitOnStore(context, Permission::kReadAssertions, request.store_id()));
  PEMBA_TRY(const auto store, Open(request.store_id()));
  {
    PEMBA_TRY(const auto view, Pin(context, store));
    PEMBA_TRY(std::ignore, Resolve(context, view, request.authorization_model_id()));
  }
  PEMBA_TRY(const auto assertions, store->ReadAssertions(context.model_id));
  response.set_authorization_model_id(context.model_id);
  for (const auto& assertion : assertions) SetAssertion(assertion, *response.add_assertions());
  return Done{};
}

}  // namespace pemba::api::openfga
