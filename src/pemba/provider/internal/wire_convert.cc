#include "pemba/provider/internal/wire_convert.h"

#include <string>
#include <utility>

#include <boost/json/serialize.hpp>
#include <google/protobuf/util/json_util.h>

#include "pemba/model/json.h"
#include "pemba/tuple/context.h"

namespace pemba::provider::internal {

namespace util = google::protobuf::util;

// Models have one JSON form, the wire's; it is the bridge.
Result<wire::WriteAuthorizationModelRequest> ToWire(const model::Model& model) {
  wire::WriteAuthorizationModelRequest request;
  util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // The id, which the server chooses.
  const auto read = util::JsonStringToMessage(model::ModelToJson(model), &request, options);
  if (!read.ok()) return Error{ErrorCode::kInvalidModel, std::string(read.message())};
  return request;
}

Result<model::Model> FromWire(const wire::AuthorizationModel& model) {
  std::string json;
  const auto written = util::MessageToJsonString(model, &json);
  if (!written.ok()) {
    return Error{ErrorCode::kUnavailable, "the server's authorization model cannot be read"};
  }
  return model::ModelFromJson(json);
}

Status ToWire(const tuple::Tuple& tuple, wire::TupleKey& out) {
  out.set_user(tuple.subject);
  out.set_relation(tuple.relation);
  out.set_object(tuple.object);
  if (!tuple.condition) return Done{};
  auto& condition = *out.mutable_condition();
  condition.set_name(tuple.condition->name);
  const auto read = util::JsonStringToMessage(boost::json::serialize(tuple.condition->context),
                                              condition.mutable_context());
  if (!read.ok()) return Error{ErrorCode::kValidation, "a condition context cannot be sent"};
  return Done{};
}

Result<tuple::Tuple> FromWire(const wire::TupleKey& key) {
  tuple::Tuple tuple{key.object(), key.relation(), key.user(), std::nullopt};
  if (!key.has_condition()) return tuple;
  std::string json;
  if (!util::MessageToJsonString(key.condition().context(), &json).ok()) {
    return Error{ErrorCode::kUnavailable, "a condition context of the server cannot be read"};
  }
  PEMBA_TRY(auto context, tuple::ParseContext(json));
  tuple.condition = tuple::Condition{key.condition().name(), std::move(context)};
  return tuple;
}

}  // namespace pemba::provider::internal
