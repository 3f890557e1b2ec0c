#include "pemba/api/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>
#include <google/protobuf/wrappers.pb.h>

#include "pemba/base/assert.h"

namespace pemba::api {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

template <class Number>
void AppendNumber(Number number, std::string& out) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

// As protobuf has it: what JSON has no number for is a text.
void AppendDouble(double number, std::string& out) {
  if (std::isfinite(number)) return AppendNumber(number, out);
  out += std::isnan(number) ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

// A Struct may be of another C++ type than the generated one only with dynamic messages, which
// Pemba does not use; so the cast below holds.
template <class T>
const T& As(const pb::Message& message) {
  return static_cast<const T&>(message);
}

void AppendValue(const pb::Value& value, std::string& out);

void AppendStruct(const pb::Struct& object, std::string& out) {
  std::vector<const pb::Map<std::string, pb::Value>::value_type*> members;
  members.reserve(object.fields().size());
  for (const auto& member : object.fields()) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->first < b->first; });
  out.push_back('{');
  for (const auto* member : members) {
    if (out.back() != '{') out.push_back(',');
    AppendJsonString(member->first, out);
    out.push_back(':');
    AppendValue(member->second, out);
  }
  out.push_back('}');
}

void AppendList(const pb::ListValue& list, std::string& out) {
  out.push_back('[');
  for (int i = 0; i < list.values_size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendValue(list.values(i), out);
  }
  out.push_back(']');
}

void AppendValue(const pb::Value& value, std::string& out) {
  switch (value.kind_case()) {
    case pb::Value::kNumberValue:
      if (std::isfinite(value.number_value())) {
        AppendNumber(value.number_value(), out);
      } else {
        out += "null";  // JSON has no such number; requests that carry one are refused.
      }
      return;
    case pb::Value::kStringValue:
      return AppendJsonString(value.string_value(), out);
    case pb::Value::kBoolValue:
      out += value.bool_value() ? "true" : "false";
      return;
    case pb::Value::kStructValue:
      return AppendStruct(value.struct_value(), out);
    case pb::Value::kListValue:
      return AppendList(value.list_value(), out);
    case pb::Value::kNullValue:
    case pb::Value::KIND_NOT_SET:
      out += "null";
      return;
  }
}

void AppendMessage(const pb::Message& message, std::string& out) {
  switch (message.GetDescriptor()->well_known_type()) {
    case pb::Descriptor::WELLKNOWNTYPE_STRUCT:
      return AppendStruct(As<pb::Struct>(message), out);
    case pb::Descriptor::WELLKNOWNTYPE_VALUE:
      return AppendValue(As<pb::Value>(message), out);
    case pb::Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return AppendList(As<pb::ListValue>(message), out);
    case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      // RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction.
      return AppendJsonString(pb::util::TimeUtil::ToString(As<pb::Timestamp>(message)), out);
    case pb::Descriptor::WELLKNOWNTYPE_INT32VALUE:
      return AppendNumber(As<pb::Int32Value>(message).value(), out);
    default:
      return AppendJson(message, out);
  }
}

// A single value, or item `index` of a repeated field.
void AppendScalar(const pb::Message& message, const Field& field, int index, std::string& out) {
  const auto& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  std::string scratch;
  switch (field.cpp_type()) {
    case Field::CPPTYPE_STRING:
      return AppendJsonString(
          repeated ? reflection.GetRepeatedStringReference(message, &field, index, &scratch)
                   : reflection.GetStringReference(message, &field, &scratch),
          out);
    case Field::CPPTYPE_BOOL:
      out += (repeated ? reflection.GetRepeatedBool(message, &field, index)
                       : reflection.GetBool(message, &field))
                 ? "true"
                 : "false";
      return;
    case Field::CPPTYPE_INT32:
      return AppendNumber(repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                   : reflection.GetInt32(message, &field),
                          out);
    case Field::CPPTYPE_UINT32:
      return AppendNumber(repeated ? reflection.GetRepeatedUInt32(message, &field, index)
                                   : reflection.GetUInt32(message, &field),
                          out);
    case Field::CPPTYPE_UINT64:
      // As protobuf has it: text, because the numbers of many readers of JSON end at 2^53.
      PEMBA_CHECK(!repeated);
      out.append("\"").append(std::to_string(reflection.GetUInt64(message, &field))).append("\"");
      return;
    case Field::CPPTYPE_INT64:
      PEMBA_CHECK(!repeated);
      out.append("\"").append(std::to_string(reflection.GetInt64(message, &field))).append("\"");
      return;
    case Field::CPPTYPE_DOUBLE:
      PEMBA_CHECK(!repeated);
      return AppendDouble(reflection.GetDouble(message, &field), out);
    case Field::CPPTYPE_ENUM: {
      const int number = repeated ? reflection.GetRepeatedEnumValue(message, &field, index)
                                  : reflection.GetEnumValue(message, &field);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      if (value == nullptr) return AppendNumber(number, out);
      return AppendJsonString(value->name(), out);
    }
    case Field::CPPTYPE_MESSAGE:
      return AppendMessage(repeated ? reflection.GetRepeatedMessage(message, &field, index)
                                    : reflection.GetMessage(message, &field),
                           out);
    default:
      PEMBA_CHECK(!"the wire contracts have no field of this kind");
  }
}

void AppendMap(const pb::Message& message, const Field& field, std::string& out) {
  const auto& reflection = *message.GetReflection();
  const auto& key_field = *field.message_type()->map_key();
  const auto& value_field = *field.message_type()->map_value();
  std::vector<std::pair<std::string, const pb::Message*>> entries;
  const int size = reflection.FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    const auto& entry = reflection.GetRepeatedMessage(message, &field, i);
    entries.emplace_back(entry.GetReflection()->GetString(entry, &key_field), &entry);
  }
  std::sort(entries.begin(), entries.end());
  out.push_back('{');
  for (const auto& [key, entry] : entries) {
    if (out.back() != '{') out.push_back(',');
    AppendJsonString(key, out);
    out.push_back(':');
    AppendScalar(*entry, value_field, -1, out);
  }
  out.push_back('}');
}

void AppendField(const pb::Message& message, const Field& field, std::string& out) {
  if (field.is_map()) return AppendMap(message, field, out);
  if (field.is_repeated()) {
    out.push_back('[');
    const int size = message.GetReflection()->FieldSize(message, &field);
    for (int i = 0; i < size; ++i) {
      if (i > 0) out.push_back(',');
      AppendScalar(message, field, i, out);
    }
    out.push_back(']');
  } else if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) {
    out += "null";
  } else {
    AppendScalar(message, field, -1, out);
  }
}

bool IsLeftOut(const pb::Message& message, const Field& field) {
  return field.containing_oneof() != nullptr && !message.GetReflection()->HasField(message, &field);
}

}  // namespace

void AppendJson(const pb::Message& message, std::string& out) {
  const auto& type = *message.GetDescriptor();
  out.push_back('{');
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (IsLeftOut(message, field)) continue;
    if (out.back() != '{') out.push_back(',');
    AppendJsonString(field.json_name(), out);
    out.push_back(':');
    AppendField(message, field, out);
  }
  out.push_back('}');
}

std::string ToJson(const pb::Message& message) {
  std::string out;
  AppendJson(message, out);
  return out;
}

}  // namespace pemba::api
