// The JSON form of authorization models: the wire's, and what storage keeps.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/model/model.h"

namespace pemba::model {

// Rewrites nest at most this deep in JSON; deeper input is an error.
inline constexpr int kJsonNestingMax = 128;

// Reads a model. Every field may be spelled in snake_case or camelCase; unknown fields are ignored;
// null is the same as absent. Thread-safe.
//
// Errors (kInvalidModel): not JSON, or a field is of another JSON type than it should be; the
// message names the field.
Result<Model> ModelFromJson(std::string_view json);
Result<Model> ModelFromJsonValue(const boost::json::object& json);

// Writes a model so that ModelFromJson gives back an equal one. Parts that are not set are left out
// (the wire's "emit unpopulated" form is made elsewhere). Names of fields are the wire's:
// snake_case except within rewrites. Keys of maps are sorted.
boost::json::object ModelToJsonValue(const Model& model);
std::string ModelToJson(const Model& model);

}  // namespace pemba::model
