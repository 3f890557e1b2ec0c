#include "pemba/resource/kind.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "pemba/yaml/yaml.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

Error Bad(std::string_view what) {
  return {ErrorCode::kInvalidArgument, "kind definition: " + std::string(what)};
}

const json::value* At(const json::object& object, std::initializer_list<std::string_view> path) {
  const json::object* at = &object;
  const json::value* value = nullptr;
  for (const auto& name : path) {
    if (at == nullptr) return nullptr;
    value = at->if_contains(name);
    if (value == nullptr) return nullptr;
    at = value->if_object();
  }
  return value;
}

std::string TextAt(const json::object& object, std::initializer_list<std::string_view> path) {
  const auto* value = At(object, path);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::vector<std::string> TextsAt(const json::object& object,
                                 std::initializer_list<std::string_view> path) {
  std::vector<std::string> texts;
  const auto* value = At(object, path);
  if (value == nullptr || !value->is_array()) return texts;
  for (const auto& item : value->get_array()) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

std::map<std::string, std::string, std::less<>> TextMapAt(
    const json::object& object, std::initializer_list<std::string_view> path) {
  std::map<std::string, std::string, std::less<>> texts;
  const auto* value = At(object, path);
  if (value == nullptr || !value->is_object()) return texts;
  for (const auto& [key, text] : value->get_object()) {
    if (text.is_string()) texts.emplace(key, text.get_string());
  }
  return texts;
}

std::string LowerCase(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Result<PrinterColumn> ColumnFrom(const json::object& column) {
  PrinterColumn read;
  PEMBA_TRY(read.path, JsonPath::Parse(TextAt(column, {"jsonPath"})));
  read.name = TextAt(column, {"name"});
  read.type = TextAt(column, {"type"});
  read.format = TextAt(column, {"format"});
  read.description = TextAt(column, {"description"});
  if (const auto* priority = column.if_contains("priority"); priority && priority->is_int64()) {
    read.priority = priority->get_int64();
  }
  if (column.contains("x-pemba-absent")) read.absent = TextAt(column, {"x-pemba-absent"});
  if (read.name.empty()) return Bad("a printer column has no name");
  return read;
}

const json::object* StorageVersion(const json::object& definition) {
  const auto* versions = At(definition, {"spec", "versions"});
  if (versions == nullptr || !versions->is_array()) return nullptr;
  for (const auto& version : versions->get_array()) {
    const auto* object = version.if_object();
    if (object == nullptr) continue;
    const auto* storage = object->if_contains("storage");
    if (storage != nullptr && *storage == true) return object;
  }
  return nullptr;
}

}  // namespace

Result<Kind> KindFromDefinition(const json::object& definition) {
  const auto* version = StorageVersion(definition);
  if (version == nullptr) return Bad("no version has `storage: true`");
  Kind kind;
  kind.group = TextAt(definition, {"spec", "group"});
  kind.version = TextAt(*version, {"name"});
  kind.name = TextAt(definition, {"spec", "names", "kind"});
  kind.plural = TextAt(definition, {"spec", "names", "plural"});
  kind.singular = TextAt(definition, {"spec", "names", "singular"});
  kind.list_name = TextAt(definition, {"spec", "names", "listKind"});
  kind.short_names = TextsAt(definition, {"spec", "names", "shortNames"});
  kind.categories = TextsAt(definition, {"spec", "names", "categories"});
  kind.annotations = TextMapAt(definition, {"metadata", "annotations"});
  if (kind.name.empty() || kind.plural.empty() || kind.version.empty()) {
    return Bad("spec.names.kind, spec.names.plural and the version's name are needed");
  }
  if (kind.singular.empty()) kind.singular = LowerCase(kind.name);
  if (kind.list_name.empty()) kind.list_name = kind.name + "List";
  const auto scope = TextAt(definition, {"spec", "scope"});
  if (scope != "Namespaced" && scope != "Cluster") {
    return Bad(kind.name + ": spec.scope must be Namespaced or Cluster");
  }
  kind.scope = scope == "Namespaced" ? Scope::kNamespaced : Scope::kCluster;

  const auto* schema = At(*version, {"schema", "openAPIV3Schema"});
  if (schema == nullptr || !schema->is_object()) return Bad(kind.name + ": no openAPIV3Schema");
  kind.schema_json = schema->get_object();
  auto read = SchemaFromJson(*schema);
  if (!read.ok()) return Bad(kind.name + ": " + read.error().message);
  kind.schema = *std::move(read);
  // What every object has is not the schema's to say; it passes as it is.
  for (const char* const name : {"apiVersion", "kind", "metadata"}) {
    std::erase_if(kind.schema.properties, [&](const auto& each) { return each.name == name; });
    kind.schema.properties.push_back({name, Schema()});
    kind.schema.properties.back().schema.preserve_unknown = true;
  }
  kind.has_status = At(*version, {"subresources", "status"}) != nullptr;

  if (const auto* columns = At(*version, {"additionalPrinterColumns"});
      columns != nullptr && columns->is_array()) {
    for (const auto& column : columns->get_array()) {
      if (!column.is_object()) return Bad(kind.name + ": a printer column is not an object");
      PEMBA_TRY(auto added, ColumnFrom(column.get_object()));
      kind.columns.push_back(std::move(added));
    }
  }
  if (const auto* fields = At(*version, {"selectableFields"});
      fields != nullptr && fields->is_array()) {
    for (const auto& field : fields->get_array()) {
      if (!field.is_object()) return Bad(kind.name + ": a selectable field is not an object");
      PEMBA_TRY(auto path, JsonPath::Parse(TextAt(field.get_object(), {"jsonPath"})));
      kind.selectable.push_back(std::move(path));
    }
  }
  return kind;
}

Status Registry::Add(Kind kind) {
  for (const auto& other : kinds_) {
    if (other->group != kind.group) continue;
    if (other->plural == kind.plural || other->name == kind.name) {
      return Bad(fmt::format("{} is taken in group '{}'", kind.name, kind.group));
    }
  }
  kinds_.push_back(std::make_unique<const Kind>(std::move(kind)));
  return Done{};
}

Status Registry::AddFromYaml(std::string_view text) {
  PEMBA_TRY(const auto documents, yaml::ParseAll(text));
  for (const auto& document : documents) {
    PEMBA_TRY(const auto value, yaml::ToJson(document));
    if (value.is_null()) continue;
    if (!value.is_object() || TextAt(value.get_object(), {"kind"}) != "CustomResourceDefinition") {
      return yaml::ErrorAt(document, "a document is not a CustomResourceDefinition");
    }
    PEMBA_TRY(auto kind, KindFromDefinition(value.get_object()));
    PEMBA_TRY(std::ignore, Add(std::move(kind)));
  }
  return Done{};
}

const Kind* Registry::FindPlural(std::string_view group, std::string_view version,
                                 std::string_view plural) const {
  for (const auto& kind : kinds_) {
    if (kind->plural == plural && kind->group == group && kind->version == version) {
      return kind.get();
    }
  }
  return nullptr;
}

const Kind* Registry::FindKind(std::string_view group, std::string_view name) const {
  for (const auto& kind : kinds_) {
    if (kind->name == name && kind->group == group) return kind.get();
  }
  return nullptr;
}

}  // namespace pemba::resource
