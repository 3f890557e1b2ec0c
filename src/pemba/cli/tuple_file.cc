#include "pemba/cli/tuple_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <map>
#include <utility>

#include <boost/json/parse.hpp>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include "pemba/cli/csv.h"
#include "pemba/cli/json_text.h"
#include "pemba/tuple/context.h"
#include "pemba/yaml/yaml.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;
using tuple::Tuple;
using Tuples = std::vector<Tuple>;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Error Within(const std::string& place, Error error) {
  error.message = place + ": " + error.message;
  return error;
}

Result<json::value> ParseJson(std::string_view text) {
  json::error_code error;
  auto value =
      json::parse({text.data(), text.size()}, error, {}, {.max_depth = tuple::kContextDepthMax});
  if (error) return Invalid("malformed JSON: " + error.message());
  return value;
}

Result<std::string> TextMember(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) return Invalid("`" + std::string(key) + "` is missing");
  if (!value->is_string()) return Invalid("`" + std::string(key) + "` must be text");
  return std::string(value->get_string());
}

Status OnlyKeys(const json::object& object, std::string_view what,
                std::initializer_list<std::string_view> keys) {
  for (const auto& member : object) {
    const std::string_view key = member.key();
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      return Invalid("unknown key `" + std::string(key) + "` in " + std::string(what));
    }
  }
  return Done{};
}

Result<tuple::Condition> ConditionFromJson(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return Invalid("`condition` must be a mapping");
  PEMBA_TRY(std::ignore, OnlyKeys(*object, "a condition", {"name", "context"}));
  tuple::Condition condition;
  PEMBA_TRY(condition.name, TextMember(*object, "name"));
  const auto* context = object->if_contains("context");
  if (context == nullptr || context->is_null()) return condition;
  if (!context->is_object()) return Invalid("`context` must be a mapping");
  json::value numbers = *context;
  tuple::NumbersToDoubles(numbers);
  condition.context = std::move(numbers.get_object());
  return condition;
}

Result<Tuples> TuplesFromArray(const json::value& value) {
  const auto* array = value.if_array();
  if (array == nullptr) return Invalid("a tuple file must be a list of tuples");
  Tuples tuples;
  tuples.reserve(array->size());
  for (const auto& item : *array) {
    auto one = TupleFromJson(item);
    if (!one.ok()) {
      return Within("tuple " + std::to_string(tuples.size() + 1), std::move(one).error());
    }
    tuples.push_back(*std::move(one));
  }
  return tuples;
}

Result<Tuples> ParseYamlTuples(std::string_view text) {
  PEMBA_TRY(auto node, yaml::Parse(text));
  if (!node.IsSequence()) return yaml::ErrorAt(node, "a tuple file must be a list of tuples");
  Tuples tuples;
  for (const auto& item : node) {
    PEMBA_TRY(auto value, yaml::ToJson(item));
    auto one = TupleFromJson(value);
    if (!one.ok()) return yaml::ErrorAt(item, one.error().message);
    tuples.push_back(*std::move(one));
  }
  return tuples;
}

Result<Tuples> ParseJsonLines(std::string_view text) {
  Tuples tuples;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto body = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (body.find_first_not_of(" \t\r") == body.npos) continue;
    const auto place = "line " + std::to_string(line);
    auto value = ParseJson(body);
    if (!value.ok()) return Within(place, std::move(value).error());
    auto one = TupleFromJson(*value);
    if (!one.ok()) return Within(place, std::move(one).error());
    tuples.push_back(*std::move(one));
  }
  return tuples;
}

enum Column {
  kUserType,
  kUserId,
  kUserRelation,
  kRelation,
  kObjectType,
  kObjectId,
  kConditionName,
  kConditionContext,
  kExpiresAt,
  kColumns,
};
constexpr std::array<std::string_view, kColumns> kColumnNames = {
    "user_type", "user_id",        "user_relation",     "relation",  "object_type",
    "object_id", "condition_name", "condition_context", "expires_at"};
// INVARIANT: the columns of the condition and what follows come last.
constexpr bool IsOptional(int column) {
  return column == kUserRelation || column >= kConditionName;
}

// For each column the field of a record that holds it, or kAbsent.
constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
using Header = std::array<std::size_t, kColumns>;

Result<Header> ReadHeader(const CsvRecord& record) {
  Header header;
  header.fill(kAbsent);
  for (std::size_t field = 0; field < record.fields.size(); ++field) {
    const auto& name = record.fields[field];
    const auto found = std::find(kColumnNames.begin(), kColumnNames.end(), name);
    if (found == kColumnNames.end()) return Invalid("unknown column `" + name + "` in the header");
    auto& place = header[static_cast<std::size_t>(found - kColumnNames.begin())];
    if (place != kAbsent) return Invalid("column `" + name + "` occurs twice in the header");
    place = field;
  }
  for (int column = 0; column < kColumns; ++column) {
    if (header[column] == kAbsent && !IsOptional(column)) {
      return Invalid("the header lacks the column `" + std::string(kColumnNames[column]) + "`");
    }
  }
  if (header[kConditionContext] != kAbsent && header[kConditionName] == kAbsent) {
    return Invalid("the header has `condition_context` without `condition_name`");
  }
  return header;
}

Result<Tuple> TupleFromCsv(const Header& header, const CsvRecord& record) {
  const auto field = [&](Column column) {
    return header[column] == kAbsent ? std::string() : record.fields[header[column]];
  };
  for (int column = 0; column < kConditionName; ++column) {
    const auto text = field(static_cast<Column>(column));
    const auto name = "`" + std::string(kColumnNames[column]) + "`";
    if (!IsOptional(column) && text.empty()) return Invalid(name + " is empty");
    // They would shift the borders between the parts.
    if (text.find_first_of(":#") != text.npos) return Invalid(name + " must not hold `:` or `#`");
  }
  Tuple tuple;
  tuple.object = field(kObjectType) + ":" + field(kObjectId);
  tuple.relation = field(kRelation);
  tuple.subject = field(kUserType) + ":" + field(kUserId);
  if (!field(kUserRelation).empty()) tuple.subject += "#" + field(kUserRelation);
  if (!field(kExpiresAt).empty()) {
    PEMBA_TRY(tuple.expires_at, ParseTime("expires_at", field(kExpiresAt)));
  }
  if (field(kConditionName).empty()) {
    if (!field(kConditionContext).empty()) {
      return Invalid("`condition_context` needs a `condition_name`");
    }
    return tuple;
  }
  auto context = tuple::ParseContext(field(kConditionContext));
  if (!context.ok()) {
    return Invalid("`condition_context` is not a JSON object: " + context.error().message);
  }
  tuple.condition = tuple::Condition{field(kConditionName), *std::move(context)};
  return tuple;
}

Result<Tuples> ParseCsvTuples(std::string_view text) {
  PEMBA_TRY(auto records, ParseCsv(text));
  if (records.empty()) return Invalid("the file is empty");
  PEMBA_TRY(auto header, ReadHeader(records.front()));
  Tuples tuples;
  tuples.reserve(records.size() - 1);
  for (std::size_t i = 1; i < records.size(); ++i) {
    auto one = TupleFromCsv(header, records[i]);
    if (!one.ok()) {
      return Within("line " + std::to_string(records[i].line), std::move(one).error());
    }
    tuples.push_back(*std::move(one));
  }
  return tuples;
}

// The columns are those of the reference, and one more if it is needed.
std::string FormatCsv(const Tuples& tuples) {
  const bool expires = std::any_of(tuples.begin(), tuples.end(),
                                   [](const Tuple& tuple) { return tuple.expires_at.has_value(); });
  const std::size_t columns = expires ? kColumns : kExpiresAt;
  std::string text = CsvLine({kColumnNames.begin(), kColumnNames.begin() + columns});
  for (const auto& tuple : tuples) {
    const auto object = tuple::SplitObject(tuple.object);
    const auto subject = tuple::SplitSubject(tuple.subject);
    std::vector<std::string> fields(columns);
    fields[kUserType] = subject.type;
    fields[kUserId] = subject.id;
    fields[kUserRelation] = subject.relation;
    fields[kRelation] = tuple.relation;
    fields[kObjectType] = object.type;
    fields[kObjectId] = object.id;
    if (tuple.condition) {
      fields[kConditionName] = tuple.condition->name;
      if (!tuple.condition->context.empty()) {
        fields[kConditionContext] = JsonText(tuple.condition->context);
      }
    }
    if (tuple.expires_at) fields[kExpiresAt] = TimeText(*tuple.expires_at);
    text += CsvLine(fields);
  }
  return text;
}

std::string FormatYaml(const json::array& array) {
  YAML::Emitter out;
  yaml::Emit(out, array);
  return std::string(out.c_str()) + "\n";
}

}  // namespace

Result<TupleFormat> TupleFormatOf(std::string_view file_name) {
  std::string name(file_name);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".yaml") || name.ends_with(".yml")) return TupleFormat::kYaml;
  if (name.ends_with(".json")) return TupleFormat::kJson;
  if (name.ends_with(".jsonl")) return TupleFormat::kJsonLines;
  if (name.ends_with(".csv")) return TupleFormat::kCsv;
  return Invalid("`" + std::string(file_name) +
                 "` is no tuple file: its name must end in .yaml, .yml, .json, .jsonl or .csv");
}

Result<Tuples> ParseTuples(TupleFormat format, std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == text.npos) return Invalid("the file is empty");
  switch (format) {
    case TupleFormat::kYaml:
      return ParseYamlTuples(text);
    case TupleFormat::kJson: {
      PEMBA_TRY(auto value, ParseJson(text));
      return TuplesFromArray(value);
    }
    case TupleFormat::kJsonLines:
      return ParseJsonLines(text);
    case TupleFormat::kCsv:
      return ParseCsvTuples(text);
  }
  return Invalid("unknown tuple format");
}

std::string FormatTuples(TupleFormat format, const Tuples& tuples) {
  if (format == TupleFormat::kCsv) return FormatCsv(tuples);
  json::array array;
  std::string lines;
  for (const auto& tuple : tuples) {
    if (format == TupleFormat::kJsonLines) {
      lines += JsonText(TupleToJson(tuple)) + "\n";
    } else {
      array.push_back(TupleToJson(tuple));
    }
  }
  if (format == TupleFormat::kJsonLines) return lines;
  return format == TupleFormat::kYaml ? FormatYaml(array) : JsonText(array) + "\n";
}

Result<WallTime> ParseTime(std::string_view name, std::string_view text) {
  constexpr std::int64_t kSecondsMax = 9'200'000'000;  // Of our clock: the year 2261.
  google::protobuf::Timestamp time;
  if (!google::protobuf::util::TimeUtil::FromString(std::string(text), &time) ||
      time.seconds() < 0 || time.seconds() > kSecondsMax) {
    return Invalid("`" + std::string(name) + "` must be a time like 2030-01-31T12:00:00Z");
  }
  return WallTime(std::chrono::seconds(time.seconds()) + std::chrono::nanoseconds(time.nanos()));
}

std::string TimeText(WallTime time) {
  return google::protobuf::util::TimeUtil::ToString(
      google::protobuf::util::TimeUtil::NanosecondsToTimestamp(time.time_since_epoch().count()));
}

Result<Tuple> TupleFromJson(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return Invalid("a tuple must be a mapping");
  PEMBA_TRY(std::ignore, OnlyKeys(*object, "a tuple",
                                  {"user", "relation", "object", "condition", "expires_at"}));
  Tuple tuple;
  PEMBA_TRY(tuple.subject, TextMember(*object, "user"));
  PEMBA_TRY(tuple.relation, TextMember(*object, "relation"));
  PEMBA_TRY(tuple.object, TextMember(*object, "object"));
  const auto* condition = object->if_contains("condition");
  if (condition != nullptr && !condition->is_null()) {
    PEMBA_TRY(tuple.condition, ConditionFromJson(*condition));
  }
  const auto* expires_at = object->if_contains("expires_at");
  if (expires_at != nullptr && !expires_at->is_null()) {
    PEMBA_TRY(const auto text, TextMember(*object, "expires_at"));
    PEMBA_TRY(tuple.expires_at, ParseTime("expires_at", text));
  }
  return tuple;
}

json::object TupleToJson(const Tuple& tuple) {
  json::object object{
      {"user", tuple.subject}, {"relation", tuple.relation}, {"object", tuple.object}};
  if (tuple.condition) {
    auto& condition = object["condition"].emplace_object();
    condition["name"] = tuple.condition->name;
    if (!tuple.condition->context.empty()) condition["context"] = tuple.condition->context;
  }
  if (tuple.expires_at) object["expires_at"] = TimeText(*tuple.expires_at);
  return object;
}

}  // namespace pemba::cli
