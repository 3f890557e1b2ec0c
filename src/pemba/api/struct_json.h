// google.protobuf.Struct <-> boost::json::object: how condition contexts enter and leave.
#pragma once

#include <string_view>

#include <boost/json/object.hpp>
#include <google/protobuf/struct.pb.h>

#include "pemba/base/result.h"

namespace pemba::api {

// Keys come out sorted; all numbers are doubles. Errors (kValidation): a number that JSON does not
// have, nesting beyond tuple::kContextDepthMax.
Result<boost::json::object> ToJsonObject(const google::protobuf::Struct& context);

void FromJsonObject(const boost::json::object& object, google::protobuf::Struct& out);

}  // namespace pemba::api
