// The wire's JSON into protobuf messages.
//
// As proto3 JSON: both the JSON name and the proto name of a field are known, null means unset,
// enums are names or numbers, int32 may be a numeric string. Unknown fields and unknown enum names
// are ignored. Duplicate keys (also by two spellings of one field), two members of one oneof,
// values of the wrong type and trailing text are errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "pemba/base/result.h"

namespace pemba::api {

inline constexpr std::size_t kJsonDepthMax = 200;  // Of nested objects and lists.

// Reads one JSON object into `message`, which must be empty. Thread-safe.
// Errors (kValidation): "malformed JSON" for a text that ends too early, else a text that names
// the field.
Status ReadJson(std::string_view text, google::protobuf::Message& message);

// Sets one field from a query parameter or path segment: `text` is the plain value of the field
// that `path` names, parts joined with dots, each the JSON or proto name. An unknown name is
// ignored. Errors (kValidation): the text does not fit the type.
Status SetFieldFromText(std::string_view path, std::string_view text,
                        google::protobuf::Message& message);

}  // namespace pemba::api
