#include "pemba/api/struct_json.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "pemba/tuple/context.h"

namespace pemba::api {
namespace {

namespace json = boost::json;
namespace pb = google::protobuf;

Result<json::value> ToValue(const pb::Value& value, std::size_t depth);

Result<json::object> ToObject(const pb::Struct& object, std::size_t depth) {
  if (depth > tuple::kContextDepthMax) {
    return Error{ErrorCode::kValidation, "a context is nested too deeply"};
  }
  std::vector<const pb::Map<std::string, pb::Value>::value_type*> members;
  members.reserve(object.fields().size());
  for (const auto& member : object.fields()) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->first < b->first; });
  json::object out;
  out.reserve(members.size());
  for (const auto* member : members) {
    PEMBA_TRY(auto value, ToValue(member->second, depth + 1));
    out.emplace(member->first, std::move(value));
  }
  return out;
}

Result<json::value> ToValue(const pb::Value& value, std::size_t depth) {
  switch (value.kind_case()) {
    case pb::Value::kNumberValue:
      if (!std::isfinite(value.number_value())) {
        return Error{ErrorCode::kValidation, "a context has a number that is not finite"};
      }
      return json::value(value.number_value());
    case pb::Value::kStringValue:
      return json::value(json::string_view(value.string_value()));
    case pb::Value::kBoolValue:
      return json::value(value.bool_value());
    case pb::Value::kStructValue: {
      PEMBA_TRY(auto object, ToObject(value.struct_value(), depth));
      return json::value(std::move(object));
    }
    case pb::Value::kListValue: {
      if (depth > tuple::kContextDepthMax) {
        return Error{ErrorCode::kValidation, "a context is nested too deeply"};
      }
      json::array items;
      items.reserve(static_cast<std::size_t>(value.list_value().values_size()));
      for (const auto& item : value.list_value().values()) {
        PEMBA_TRY(auto converted, ToValue(item, depth + 1));
        items.push_back(std::move(converted));
      }
      return json::value(std::move(items));
    }
    case pb::Value::kNullValue:
    case pb::Value::KIND_NOT_SET:
      break;
  }
  return json::value(nullptr);
}

void FromValue(const json::value& value, pb::Value& out) {
  switch (value.kind()) {
    case json::kind::null:
      out.set_null_value(pb::NULL_VALUE);
      return;
    case json::kind::bool_:
      out.set_bool_value(value.get_bool());
      return;
    case json::kind::int64:
      out.set_number_value(static_cast<double>(value.get_int64()));
      return;
    case json::kind::uint64:
      out.set_number_value(static_cast<double>(value.get_uint64()));
      return;
    case json::kind::double_:
      out.set_number_value(value.get_double());
      return;
    case json::kind::string:
      out.set_string_value(value.get_string().data(), value.get_string().size());
      return;
    case json::kind::array:
      out.mutable_list_value();
      for (const auto& item : value.get_array()) {
        FromValue(item, *out.mutable_list_value()->add_values());
      }
      return;
    case json::kind::object:
      FromJsonObject(value.get_object(), *out.mutable_struct_value());
      return;
  }
}

}  // namespace

Result<json::object> ToJsonObject(const pb::Struct& context) { return ToObject(context, 1); }

void FromJsonObject(const json::object& object, pb::Struct& out) {
  auto& fields = *out.mutable_fields();
  for (const auto& member : object) {
    FromValue(member.value(), fields[std::string(member.key().data(), member.key().size())]);
  }
}

}  // namespace pemba::api
