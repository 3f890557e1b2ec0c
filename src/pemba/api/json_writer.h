// Protobuf messages as the wire's JSON.
//
// Canonical proto3 JSON that also spells out what is unset: "" false [] {} null and enum zero
// names. Left out are unset members of a oneof and unset `optional` fields. Fields come in
// declaration order, map keys sorted, without white space.
//
// libprotobuf's own printer leaves out unset messages, so this one exists.
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "pemba/base/text.h"

namespace pemba::api {

// Appends `message` to `out`. O(size). Bounded recursion is the reader's duty: a message that came
// from the wire is at most as deep as the reader allows.
void AppendJson(const google::protobuf::Message& message, std::string& out);

std::string ToJson(const google::protobuf::Message& message);

using pemba::AppendJsonString;

}  // namespace pemba::api
