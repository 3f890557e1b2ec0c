#include "pemba/resource/schema.h"

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <re2/re2.h>

#include "pemba/base/hash.h"
#include "pemba/base/text.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 60;
constexpr std::size_t kUnknownFieldsMax = 64;

Error Bad(std::string_view path, std::string_view what) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("schema{}{}: {}", path.empty() ? "" : " of ", path, what)};
}

class Reader {
 public:
  Result<Schema> Read(const json::value& value, const std::string& path, int depth) {
    if (!value.is_object()) return Bad(path, "is not an object");
    if (depth > kDepthMax) return Bad(path, "is nested too deeply");
    Schema schema;
    for (const auto& [key, part] : value.get_object()) {
      PEMBA_TRY(std::ignore, Keyword(schema, key, part, path, depth));
    }
    if (schema.list_type == ListType::kMap && schema.list_keys.empty()) {
      return Bad(path, "a list of type map needs x-kubernetes-list-map-keys");
    }
    return schema;
  }

 private:
  Status Keyword(Schema& schema, std::string_view key, const json::value& value,
                 const std::string& path, int depth) {
    const auto text = [&](std::string& into) -> Status {
      if (!value.is_string()) return Bad(path, fmt::format("`{}` must be text", key));
      into = std::string(value.get_string());
      return Done{};
    };
    const auto number = [&](std::optional<double>& into) -> Status {
      if (!value.is_number()) return Bad(path, fmt::format("`{}` must be a number", key));
      into = value.to_number<double>();
      return Done{};
    };
    const auto count = [&](std::optional<std::uint64_t>& into) -> Status {
      json::error_code error;
      const auto n = value.to_number<std::uint64_t>(error);
      if (error) return Bad(path, fmt::format("`{}` must be a count", key));
      into = n;
      return Done{};
    };
    const auto flag = [&](bool& into) -> Status {
      if (!value.is_bool()) return Bad(path, fmt::format("`{}` must be true or false", key));
      into = value.get_bool();
      return Done{};
    };
    const auto texts = [&](std::vector<std::string>& into) -> Status {
      if (!value.is_array()) return Bad(path, fmt::format("`{}` must be a list", key));
      for (const auto& item : value.get_array()) {
        if (!item.is_string()) return Bad(path, fmt::format("`{}` must be a list of text", key));
        into.emplace_back(item.get_string());
      }
      return Done{};
    };

    if (key == "type") return Type(schema, value, path);
    if (key == "description") return text(schema.description);
    if (key == "format") return text(schema.format);
    if (key == "nullable") return flag(schema.nullable);
    if (key == "required") return texts(schema.required);
    if (key == "minLength" || key == "minItems" || key == "minProperties") {
      return count(schema.length_min);
    }
    if (key == "maxLength" || key == "maxItems" || key == "maxProperties") {
      return count(schema.length_max);
    }
    if (key == "minimum") return number(schema.minimum);
    if (key == "maximum") return number(schema.maximum);
    if (key == "exclusiveMinimum") return flag(schema.minimum_exclusive);
    if (key == "exclusiveMaximum") return flag(schema.maximum_exclusive);
    if (key == "default") {
      schema.default_value = value;
      return Done{};
    }
    if (key == "enum") {
      if (!value.is_array()) return Bad(path, "`enum` must be a list");
      schema.enumeration.assign(value.get_array().begin(), value.get_array().end());
      return Done{};
    }
    if (key == "pattern") {
      std::string pattern;
      PEMBA_TRY(std::ignore, text(pattern));
      auto compiled = std::make_shared<re2::RE2>(pattern, re2::RE2::Quiet);
      if (!compiled->ok()) return Bad(path, "`pattern`: " + compiled->error());
      schema.pattern = std::move(compiled);
      return Done{};
    }
    if (key == "properties") return Properties(schema, value, path, depth);
    if (key == "items") {
      PEMBA_TRY(auto items, Read(value, path + "[]", depth + 1));
      schema.items = std::make_shared<const Schema>(std::move(items));
      return Done{};
    }
    if (key == "additionalProperties") {
      if (value.is_bool()) {
        schema.preserve_unknown |= value.get_bool();
        return Done{};
      }
      PEMBA_TRY(auto values, Read(value, path + ".*", depth + 1));
      schema.additional = std::make_shared<const Schema>(std::move(values));
      return Done{};
    }
    if (key == "x-kubernetes-preserve-unknown-fields") return flag(schema.preserve_unknown);
    if (key == "x-kubernetes-int-or-string") {
      schema.type = SchemaType::kIntOrString;
      return Done{};
    }
    if (key == "x-kubernetes-list-map-keys") return texts(schema.list_keys);
    if (key == "x-kubernetes-list-type") return TypeOfList(schema, value, path);
    if (key == "x-kubernetes-map-type") {
      schema.atomic = value == "atomic";
      return Done{};
    }
    if (key == "x-kubernetes-validations") return Rules(schema, value, path);
    if (key == "allOf") return Schemas(schema.all_of, key, value, path, depth);
    if (key == "anyOf") return Schemas(schema.any_of, key, value, path, depth);
    if (key == "oneOf") return Schemas(schema.one_of, key, value, path, depth);
    if (key == "not") {
      PEMBA_TRY(auto none, Read(value, path + " not", depth + 1));
      schema.none_of = std::make_shared<const Schema>(std::move(none));
      return Done{};
    }
    if (key == "title" || key == "example" || key == "externalDocs" ||
        key == "x-kubernetes-embedded-resource") {
      return Done{};  // For readers only.
    }
    return Bad(path, fmt::format("keyword `{}` is not supported", key));
  }

  static Status Type(Schema& schema, const json::value& value, const std::string& path) {
    static constexpr std::pair<std::string_view, SchemaType> kTypes[] = {
        {"object", SchemaType::kObject}, {"array", SchemaType::kArray},
        {"string", SchemaType::kString}, {"integer", SchemaType::kInteger},
        {"number", SchemaType::kNumber}, {"boolean", SchemaType::kBoolean}};
    for (const auto& [name, type] : kTypes) {
      if (value == json::string_view(name.data(), name.size())) {
        schema.type = type;
        return Done{};
      }
    }
    return Bad(path, "unknown type " + json::serialize(value));
  }

  static Status TypeOfList(Schema& schema, const json::value& value, const std::string& path) {
    if (value == "atomic") {
      schema.list_type = ListType::kAtomic;
    } else if (value == "set") {
      schema.list_type = ListType::kSet;
    } else if (value == "map") {
      schema.list_type = ListType::kMap;
    } else {
      return Bad(path, "unknown x-kubernetes-list-type " + json::serialize(value));
    }
    return Done{};
  }

  static Status Rules(Schema& schema, const json::value& value, const std::string& path) {
    if (!value.is_array()) return Bad(path, "`x-kubernetes-validations` must be a list");
    for (const auto& each : value.get_array()) {
      auto rule = Rule::FromJson(each);
      if (!rule.ok()) return Bad(path, rule.error().message);
      if (!rule->IsImmutability()) {
        schema.rules.push_back(*std::move(rule));
      } else if (each.get_object().contains("message")) {
        schema.immutable = rule->message();
      } else {
        schema.immutable = "field is immutable";
      }
    }
    return Done{};
  }

  Status Schemas(std::vector<Schema>& into, std::string_view key, const json::value& value,
                 const std::string& path, int depth) {
    if (!value.is_array()) return Bad(path, fmt::format("`{}` must be a list", key));
    for (const auto& each : value.get_array()) {
      PEMBA_TRY(auto read, Read(each, fmt::format("{} {}", path, key), depth + 1));
      into.push_back(std::move(read));
    }
    return Done{};
  }

  Status Properties(Schema& schema, const json::value& value, const std::string& path, int depth) {
    if (!value.is_object()) return Bad(path, "`properties` must be an object");
    for (const auto& [name, property] : value.get_object()) {
      PEMBA_TRY(auto read, Read(property, JoinField(path, std::string_view(name)), depth + 1));
      schema.properties.push_back({std::string(name), std::move(read)});
    }
    return Done{};
  }
};

// Of an object's field: the property's schema, else that of the map's values; null if unknown.
const Schema* FieldSchema(const Schema& schema, std::string_view name) {
  if (const Schema* property = schema.Find(name)) return property;
  return schema.additional.get();
}

std::string_view TypeName(SchemaType type) {
  switch (type) {
    case SchemaType::kAny:
      return "any";
    case SchemaType::kObject:
      return "object";
    case SchemaType::kArray:
      return "array";
    case SchemaType::kString:
      return "string";
    case SchemaType::kInteger:
      return "integer";
    case SchemaType::kNumber:
      return "number";
    case SchemaType::kBoolean:
      return "boolean";
    case SchemaType::kIntOrString:
      return "integer or string";
  }
  return "";
}

std::string_view TypeName(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "";
}

bool HasType(SchemaType type, const json::value& value) {
  switch (type) {
    case SchemaType::kAny:
      return true;
    case SchemaType::kObject:
      return value.is_object();
    case SchemaType::kArray:
      return value.is_array();
    case SchemaType::kString:
      return value.is_string();
    case SchemaType::kInteger:
      return value.is_int64() || value.is_uint64();
    case SchemaType::kNumber:
      return value.is_number();
    case SchemaType::kBoolean:
      return value.is_bool();
    case SchemaType::kIntOrString:
      return value.is_string() || value.is_int64();
  }
  return false;
}

// RFC 3339, as `date-time` wants it.
bool IsDateTime(std::string_view text) {
  static const re2::RE2 form(
      R"(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d))");
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), form);
}

class Validator {
 public:
  std::vector<FieldError> Run(const Schema& schema, const json::object& document,
                              const json::object* old) {
    Object(schema, document, old, "");
    if (!schema.rules.empty()) {
      const json::value was = old == nullptr ? json::value() : json::value(*old);
      Rules(schema, document, old == nullptr ? nullptr : &was, "");
    }
    return std::move(errors_);
  }

 private:
  void Value(const Schema& schema, const json::value& value, const json::value* old,
             const std::string& path) {
    if (schema.immutable && old != nullptr && *old != value) {
      errors_.push_back(Invalid(path, json::serialize(value), *schema.immutable));
    }
    if (value.is_null() && schema.nullable) return;
    if (!HasType(schema.type, value)) {
      errors_.push_back(TypeInvalid(path, fmt::format("\"{}\"", TypeName(value)),
                                    fmt::format("{} in body must be of type {}: \"{}\"", path,
                                                TypeName(schema.type), TypeName(value))));
      return;
    }
    if (!schema.enumeration.empty() &&
        std::ranges::find(schema.enumeration, value) == schema.enumeration.end()) {
      std::vector<std::string> supported;
      for (const auto& one : schema.enumeration) supported.push_back(json::serialize(one));
      errors_.push_back(NotSupported(path, json::serialize(value), supported));
    }
    if (value.is_string()) Text(schema, value.get_string(), path);
    if (value.is_number()) Number(schema, value, path);
    if (value.is_array()) List(schema, value.get_array(), old, path);
    if (value.is_object()) {
      Object(schema, value.get_object(), old == nullptr ? nullptr : old->if_object(), path);
    }
    Alternatives(schema, value, path);
    Rules(schema, value, old, path);
  }

  void Rules(const Schema& schema, const json::value& value, const json::value* old,
             const std::string& path) {
    for (const auto& rule : schema.rules) {
      if (auto error = rule.Judge(value, old, path)) errors_.push_back(*std::move(error));
    }
  }

  static bool Allows(const Schema& schema, const json::value& value) {
    Validator inner;
    inner.Value(schema, value, nullptr, "");
    return inner.errors_.empty();
  }

  void Alternatives(const Schema& schema, const json::value& value, const std::string& path) {
    const auto allows = [&](const Schema& each) { return Allows(each, value); };
    const auto wrong = [&](std::string_view what) {
      errors_.push_back(Invalid(path, "\"\"", fmt::format("\"{}\" must {}", path, what)));
    };
    if (!std::ranges::all_of(schema.all_of, allows)) wrong("validate all the schemas (allOf)");
    if (!schema.any_of.empty() && std::ranges::none_of(schema.any_of, allows)) {
      wrong("validate at least one schema (anyOf)");
    }
    if (!schema.one_of.empty()) {
      const auto valid = std::ranges::count_if(schema.one_of, allows);
      if (valid == 0) wrong("validate one and only one schema (oneOf). Found none valid");
      if (valid > 1) {
        wrong(fmt::format("validate one and only one schema (oneOf). Found {} valid alternatives",
                          valid));
      }
    }
    if (schema.none_of && allows(*schema.none_of)) wrong("not validate the schema (not)");
  }

  void Text(const Schema& schema, std::string_view text, const std::string& path) {
    const auto quoted = [&] { return json::serialize(json::string(text)); };
    const auto length = CodePoints(text);
    if (schema.length_max && length > *schema.length_max) {
      errors_.push_back(TooLong(path, *schema.length_max));
    }
    if (schema.length_min && length < *schema.length_min) {
      errors_.push_back(Invalid(
          path, quoted(),
          fmt::format("{} in body should be at least {} chars long", path, *schema.length_min)));
    }
    if (schema.pattern &&
        !re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *schema.pattern)) {
      errors_.push_back(
          Invalid(path, quoted(),
                  fmt::format("{} in body should match '{}'", path, schema.pattern->pattern())));
    }
    if (schema.format == "date-time" && !IsDateTime(text)) {
      errors_.push_back(Invalid(
          path, quoted(), fmt::format("{} in body must be of type date-time: {}", path, quoted())));
    }
  }

  void Number(const Schema& schema, const json::value& value, const std::string& path) {
    const auto number = value.to_number<double>();
    const auto wrong = [&](const char* relation, bool exclusive, double bound) {
      errors_.push_back(Invalid(path, json::serialize(value),
                                fmt::format("{} in body should be {} than {}{}", path, relation,
                                            exclusive ? "" : "or equal to ", bound)));
    };
    const bool low_out = schema.minimum_exclusive;
    if (schema.minimum && (number < *schema.minimum || (low_out && number == *schema.minimum))) {
      wrong("greater", low_out, *schema.minimum);
    }
    const bool high_out = schema.maximum_exclusive;
    if (schema.maximum && (number > *schema.maximum || (high_out && number == *schema.maximum))) {
      wrong("less", high_out, *schema.maximum);
    }
  }

  void List(const Schema& schema, const json::array& list, const json::value* old,
            const std::string& path) {
    if (schema.length_max && list.size() > *schema.length_max) {
      errors_.push_back(TooMany(path, list.size(), *schema.length_max));
    }
    if (schema.length_min && list.size() < *schema.length_min) {
      errors_.push_back(Invalid(
          path, fmt::format("{}", list.size()),
          fmt::format("{} in body should have at least {} items", path, *schema.length_min)));
    }
    StringSet keys;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (schema.list_type != ListType::kAtomic) {
        auto key = json::serialize(KeyOf(schema, list[i]));
        if (!keys.insert(key).second) errors_.push_back(Duplicate(JoinField(path, i), key));
      }
      if (schema.items) {
        Value(*schema.items, list[i], Counterpart(schema, list[i], old), JoinField(path, i));
      }
    }
  }

  // What tells the item apart from its siblings.
  static json::value KeyOf(const Schema& schema, const json::value& item) {
    if (schema.list_type != ListType::kMap || !item.is_object()) return item;
    json::object key;
    for (const auto& name : schema.list_keys) {
      const auto* part = item.get_object().if_contains(name);
      key[name] = part == nullptr ? json::value() : *part;
    }
    return key;
  }

  static const json::value* Counterpart(const Schema& schema, const json::value& item,
                                        const json::value* old) {
    if (schema.list_type != ListType::kMap || old == nullptr || !old->is_array()) return nullptr;
    const auto key = KeyOf(schema, item);
    for (const auto& other : old->get_array()) {
      if (KeyOf(schema, other) == key) return &other;
    }
    return nullptr;
  }

  void Object(const Schema& schema, const json::object& object, const json::object* old,
              const std::string& path) {
    for (const auto& name : schema.required) {
      if (!object.contains(name)) errors_.push_back(Required(JoinField(path, name)));
    }
    if (schema.length_max && object.size() > *schema.length_max) {
      errors_.push_back(TooMany(path, object.size(), *schema.length_max));
    }
    if (schema.length_min && object.size() < *schema.length_min) {
      errors_.push_back(Invalid(
          path, fmt::format("{}", object.size()),
          fmt::format("{} in body should have at least {} properties", path, *schema.length_min)));
    }
    for (const auto& [name, value] : object) {
      const Schema* field = FieldSchema(schema, name);
      if (field == nullptr) continue;  // Pruned or refused before.
      Value(*field, value, old == nullptr ? nullptr : old->if_contains(name),
            JoinField(path, std::string_view(name)));
    }
    // What may not change may not be taken away either, nor given later.
    if (old == nullptr) return;
    for (const auto& property : schema.properties) {
      if (!property.schema.immutable) continue;
      const bool has = object.contains(property.name);
      if (has == old->contains(property.name)) continue;
      errors_.push_back(Invalid(JoinField(path, property.name),
                                has ? json::serialize(object.at(property.name)) : "null",
                                *property.schema.immutable));
    }
  }

  std::vector<FieldError> errors_;
};

class UnknownFinder {
 public:
  std::vector<std::string> Run(const Schema& schema, const json::object& document) {
    Object(schema, document, "");
    return std::move(found_);
  }

 private:
  void Object(const Schema& schema, const json::object& object, const std::string& path) {
    for (const auto& [name, value] : object) {
      if (found_.size() >= kUnknownFieldsMax) return;
      const auto child = JoinField(path, std::string_view(name));
      if (const Schema* known = FieldSchema(schema, name)) {
        Value(*known, value, child);
      } else if (schema.type == SchemaType::kObject && !schema.preserve_unknown) {
        found_.push_back(child);
      }
    }
  }
  void Value(const Schema& schema, const json::value& value, const std::string& path) {
    if (value.is_object()) Object(schema, value.get_object(), path);
    if (!value.is_array() || !schema.items) return;
    for (std::size_t i = 0; i < value.get_array().size(); ++i) {
      Value(*schema.items, value.get_array()[i], JoinField(path, i));
    }
  }

  std::vector<std::string> found_;
};

void DefaultsOf(const Schema& schema, json::value& value) {
  if (value.is_object()) ApplyDefaults(schema, value.get_object());
  if (!value.is_array() || !schema.items) return;
  for (auto& item : value.get_array()) DefaultsOf(*schema.items, item);
}

void PruneValue(const Schema& schema, json::value& value) {
  if (value.is_object()) Prune(schema, value.get_object());
  if (!value.is_array() || !schema.items) return;
  for (auto& item : value.get_array()) PruneValue(*schema.items, item);
}

}  // namespace

const Schema* Schema::Find(std::string_view property) const {
  for (const auto& each : properties) {
    if (each.name == property) return &each.schema;
  }
  return nullptr;
}

Result<Schema> SchemaFromJson(const json::value& json) { return Reader().Read(json, "", 0); }

void ApplyDefaults(const Schema& schema, json::object& document) {
  for (const auto& property : schema.properties) {
    if (property.schema.default_value && !document.contains(property.name)) {
      document[property.name] = *property.schema.default_value;
    }
  }
  for (auto&& field : document) {
    const Schema* known = FieldSchema(schema, field.key());
    if (known != nullptr) DefaultsOf(*known, field.value());
  }
}

std::vector<std::string> UnknownFields(const Schema& schema, const json::object& document) {
  return UnknownFinder().Run(schema, document);
}

void Prune(const Schema& schema, json::object& document) {
  for (auto field = document.begin(); field != document.end();) {
    if (const Schema* known = FieldSchema(schema, field->key())) {
      PruneValue(*known, field->value());
      ++field;
    } else if (schema.type == SchemaType::kObject && !schema.preserve_unknown) {
      field = document.stable_erase(field);
    } else {
      ++field;
    }
  }
}

std::vector<FieldError> Validate(const Schema& schema, const json::object& document,
                                 const json::object* old) {
  return Validator().Run(schema, document, old);
}

}  // namespace pemba::resource
