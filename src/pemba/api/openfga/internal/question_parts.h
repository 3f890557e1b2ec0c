// What questions have in common: contextual tuples, a context, and memory.
#pragma once

#include <optional>
#include <vector>

#include <boost/json/object.hpp>
#include <google/protobuf/repeated_ptr_field.h>
#include <google/protobuf/struct.pb.h>
#include <openfga/v1/openfga.pb.h>

#include "pemba/api/openfga/convert.h"
#include "pemba/api/struct_json.h"
#include "pemba/base/arena.h"
#include "pemba/base/result.h"
#include "pemba/model/tuple_validation.h"

namespace pemba::api::openfga {

// Memory of the questions that one thread answers, reused from request to request.
inline Arena& ThreadArena() {
  static thread_local Arena arena;
  arena.Reset();
  return arena;
}

// Checked against the model. Errors: kInvalidTuple; `condition_error` where a condition is at
// fault.
inline Result<std::vector<tuple::Tuple>> ContextualTuples(
    const google::protobuf::RepeatedPtrField<wire::TupleKey>& keys, const model::Plan& plan,
    ErrorCode condition_error) {
  auto tuples = FromWire(keys);
  if (!tuples.ok()) return Error{condition_error, tuples.error().message};
  for (const auto& tuple : *tuples) {
    PEMBA_TRY(std::ignore, model::ValidateContextual(plan, tuple, condition_error));
  }
  return tuples;
}

// Errors (kValidation): "invalid context: ...".
inline Result<boost::json::object> QuestionContext(const google::protobuf::Struct& wire) {
  auto context = ToJsonObject(wire);
  if (!context.ok()) {
    return Error{ErrorCode::kValidation, "invalid context: " + context.error().message};
  }
  PEMBA_TRY(std::ignore, model::ValidateRequestContext(*context));
  return context;
}

}  // namespace pemba::api::openfga
