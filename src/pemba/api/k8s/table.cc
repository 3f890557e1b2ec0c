#include "pemba/api/k8s/table.h"

#include <chrono>
#include <optional>
#include <vector>

#include <absl/time/time.h>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

// As people count: the two largest units while the first is small, then one.
std::string Age(std::chrono::seconds age) {
  const auto s = age.count();
  if (s < -1) return "<invalid>";  // It is yet to come.
  if (s < 0) return "0s";
  if (s < 120) return fmt::format("{}s", s);
  if (s < 600)
    return s % 60 == 0 ? fmt::format("{}m", s / 60) : fmt::format("{}m{}s", s / 60, s % 60);
  const auto m = s / 60;
  if (m < 180) return fmt::format("{}m", m);
  const auto h = m / 60;
  if (h < 8) return m % 60 == 0 ? fmt::format("{}h", h) : fmt::format("{}h{}m", h, m % 60);
  if (h < 48) return fmt::format("{}h", h);
  const auto d = h / 24;
  if (d < 8) return h % 24 == 0 ? fmt::format("{}d", d) : fmt::format("{}d{}h", d, h % 24);
  if (d < 730) return fmt::format("{}d", d);
  return fmt::format("{}y", d / 365);
}

json::value AgeOf(const json::value* time, WallTime now) {
  if (time == nullptr || !time->is_string()) return "<unknown>";
  absl::Time then;
  std::string ignored;
  if (!absl::ParseTime(absl::RFC3339_full, std::string(time->get_string()), &then, &ignored)) {
    return "<unknown>";
  }
  const auto age = now - absl::ToChronoTime(then);
  return json::value(Age(std::chrono::duration_cast<std::chrono::seconds>(age)));
}

json::object Column(const char* name, const char* type, const char* format, const char* about,
                    std::int64_t priority) {
  return {{"name", name},
          {"type", type},
          {"format", format},
          {"description", about},
          {"priority", priority}};
}

// A kind that declares no age of its own gets one.
bool DeclaresAge(const resource::Kind& kind) {
  for (const auto& column : kind.columns) {
    if (column.name == "Age") return true;
  }
  return false;
}

json::array ColumnsOf(const resource::Kind& kind) {
  json::array columns{Column("Name", "string", "name", "Unique within its namespace.", 0)};
  for (const auto& column : kind.columns) {
    columns.push_back(Column(column.name.c_str(), column.type.c_str(), column.format.c_str(),
                             column.description.c_str(), column.priority));
  }
  if (!DeclaresAge(kind)) columns.push_back(Column("Age", "date", "", "Since it was made.", 0));
  return columns;
}

// As text: every value that there is, as `-o jsonpath` prints them.
json::value TextCell(const std::vector<const json::value*>& values) {
  std::string text;
  for (const auto* value : values) {
    if (!text.empty()) text.push_back(' ');
    text += value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
  }
  return json::value(text);
}

json::value CellOf(const resource::PrinterColumn& column, const resource::Object& object,
                   WallTime now) {
  auto values = column.path.All(object.document);
  std::erase_if(values, [](const json::value* value) { return value->is_null(); });
  if (values.empty()) return column.absent ? json::value(*column.absent) : json::value();
  if (column.type == "date") return AgeOf(values.front(), now);
  if (column.type == "string" || values.front()->is_structured()) return TextCell(values);
  return *values.front();
}

json::object RowOf(const resource::Kind& kind, const resource::Object& object, RowObject row_object,
                   WallTime now) {
  json::array cells{json::value(object.key.name)};
  for (const auto& column : kind.columns) cells.push_back(CellOf(column, object, now));
  if (!DeclaresAge(kind)) {
    cells.push_back(AgeOf(object.metadata().if_contains("creationTimestamp"), now));
  }
  json::object row{{"cells", std::move(cells)}};
  if (row_object == RowObject::kWhole) row["object"] = object.document;
  if (row_object == RowObject::kMetadata) {
    row["object"] = json::object{{"kind", "PartialObjectMetadata"},
                                 {"apiVersion", "meta.k8s.io/v1"},
                                 {"metadata", object.metadata()}};
  }
  return row;
}

}  // namespace

json::object ToTable(const resource::Kind& kind, std::span<const resource::ObjectPtr> objects,
                     RowObject row_object, Columns columns, WallTime now) {
  json::array rows;
  rows.reserve(objects.size());
  for (const auto& object : objects) rows.push_back(RowOf(kind, *object, row_object, now));
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", json::object()},
          {"columnDefinitions", columns == Columns::kNamed ? ColumnsOf(kind) : json::array()},
          {"rows", std::move(rows)}};
}

}  // namespace pemba::api::k8s
