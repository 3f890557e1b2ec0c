#include <optional>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "pemba/model/internal/parameter_type_names.h"
#include "pemba/model/json.h"

namespace pemba::model {
namespace {

namespace json = boost::json;

// Reads fields and remembers the first one that is not what it should be.
class Reader {
 public:
  Model Read(const json::object& in) {
    Model model;
    model.id = Text(in, "id", "id");
    model.schema_version = Text(in, "schema_version", "schemaVersion");
    Each(in, "type_definitions", "typeDefinitions",
         [&](const json::object& type) { model.types.push_back(Type(type)); });
    EachNamed(in, "conditions", "conditions", [&](std::string name, const json::object& condition) {
      model.conditions.emplace(std::move(name), Condition(condition));
    });
    return model;
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  void Fail(std::string message) {
    if (!error_) error_ = Error{ErrorCode::kInvalidModel, std::move(message)};
  }

  // --- Fields. Absent, null and of the wrong type (remembered) are all the default value.

  static const json::value* Find(const json::object& in, const char* snake, const char* camel) {
    const auto* value = in.if_contains(snake);
    if (value == nullptr) value = in.if_contains(camel);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  std::string Text(const json::object& in, const char* snake, const char* camel) {
    const auto* value = Find(in, snake, camel);
    if (value == nullptr) return {};
    if (const auto* text = value->if_string()) return std::string(text->data(), text->size());
    Fail(std::string("`") + snake + "` must be a string");
    return {};
  }

  const json::object* Object(const json::object& in, const char* snake, const char* camel) {
    const auto* value = Find(in, snake, camel);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) Fail(std::string("`") + snake + "` must be an object");
    return value->if_object();
  }

  template <class Function>
  void Each(const json::object& in, const char* snake, const char* camel, Function function) {
    const auto* value = Find(in, snake, camel);
    if (value == nullptr) return;
    const auto* array = value->if_array();
    if (array == nullptr) return Fail(std::string("`") + snake + "` must be an array");
    for (const auto& element : *array) {
      if (const auto* object = element.if_object()) {
        function(*object);
      } else {
        Fail(std::string("the elements of `") + snake + "` must be objects");
      }
    }
  }

  template <class Function>
  void EachNamed(const json::object& in, const char* snake, const char* camel, Function function) {
    const auto* object = Object(in, snake, camel);
    if (object == nullptr) return;
    for (const auto& [key, value] : *object) {
      if (const auto* member = value.if_object()) {
        function(std::string(key), *member);
      } else {
        Fail(std::string("the values of `") + snake + "` must be objects");
      }
    }
  }

  // --- Messages

  TypeDefinition Type(const json::object& in) {
    TypeDefinition type;
    type.type = Text(in, "type", "type");
    EachNamed(in, "relations", "relations", [&](std::string name, const json::object& rewrite) {
      type.relations.emplace(std::move(name), ReadRewrite(rewrite, 0));
    });
    if (const auto* metadata = Object(in, "metadata", "metadata")) {
      type.metadata = Metadata(*metadata);
    }
    return type;
  }

  TypeMetadata Metadata(const json::object& in) {
    TypeMetadata metadata;
    metadata.module = Text(in, "module", "module");
    metadata.source_info = Source(in);
    EachNamed(in, "relations", "relations", [&](std::string name, const json::object& value) {
      RelationMetadata relation;
      relation.module = Text(value, "module", "module");
      relation.source_info = Source(value);
      Each(value, "directly_related_user_types", "directlyRelatedUserTypes",
           [&](const json::object& reference) {
             relation.directly_related_user_types.push_back(Reference(reference));
           });
      metadata.relations.emplace(std::move(name), std::move(relation));
    });
    return metadata;
  }

  std::optional<SourceInfo> Source(const json::object& in) {
    const auto* info = Object(in, "source_info", "sourceInfo");
    if (info == nullptr) return std::nullopt;
    return SourceInfo{Text(*info, "file", "file")};
  }

  RelationReference Reference(const json::object& in) {
    RelationReference reference;
    reference.type = Text(in, "type", "type");
    reference.relation = Text(in, "relation", "relation");
    reference.wildcard = Object(in, "wildcard", "wildcard") != nullptr;
    reference.condition = Text(in, "condition", "condition");
    return reference;
  }

  Rewrite ReadRewrite(const json::object& in, int depth) {
    Rewrite rewrite;
    if (depth > kJsonNestingMax) {
      Fail("a rewrite is nested more than " + std::to_string(kJsonNestingMax) + " levels deep");
      return rewrite;
    }
    const auto is = [&](RewriteKind kind) {
      if (rewrite.kind != RewriteKind::kUnset) Fail("a rewrite must be of one kind only");
      rewrite = Rewrite();
      rewrite.kind = kind;
    };
    if (Object(in, "this", "this") != nullptr) is(RewriteKind::kThis);
    if (const auto* computed = Object(in, "computed_userset", "computedUserset")) {
      is(RewriteKind::kComputedUserset);
      rewrite.object = Text(*computed, "object", "object");
      rewrite.relation = Text(*computed, "relation", "relation");
    }
    if (const auto* from = Object(in, "tuple_to_userset", "tupleToUserset")) {
      is(RewriteKind::kTupleToUserset);
      if (const auto* tupleset = Object(*from, "tupleset", "tupleset")) {
        rewrite.tupleset_object = Text(*tupleset, "object", "object");
        rewrite.tupleset = Text(*tupleset, "relation", "relation");
      }
      if (const auto* computed = Object(*from, "computed_userset", "computedUserset")) {
        rewrite.object = Text(*computed, "object", "object");
        rewrite.relation = Text(*computed, "relation", "relation");
      }
    }
    const auto children = [&](const json::object& value) {
      Each(value, "child", "child", [&](const json::object& child) {
        rewrite.children.push_back(ReadRewrite(child, depth + 1));
      });
    };
    if (const auto* value = Object(in, "union", "union")) {
      is(RewriteKind::kUnion);
      children(*value);
    }
    if (const auto* value = Object(in, "intersection", "intersection")) {
      is(RewriteKind::kIntersection);
      children(*value);
    }
    if (const auto* value = Object(in, "difference", "difference")) {
      is(RewriteKind::kDifference);
      for (const char* side : {"base", "subtract"}) {
        const auto* operand = Object(*value, side, side);
        rewrite.children.push_back(operand == nullptr ? Rewrite()
                                                      : ReadRewrite(*operand, depth + 1));
      }
    }
    return rewrite;
  }

  ConditionDefinition Condition(const json::object& in) {
    ConditionDefinition condition;
    condition.name = Text(in, "name", "name");
    condition.expression = Text(in, "expression", "expression");
    EachNamed(in, "parameters", "parameters", [&](std::string name, const json::object& type) {
      condition.parameters.emplace(std::move(name), ParameterType(type, 0));
    });
    if (const auto* metadata = Object(in, "metadata", "metadata")) {
      condition.metadata =
          ConditionMetadata{Text(*metadata, "module", "module"), Source(*metadata)};
    }
    return condition;
  }

  condition::ParameterType ParameterType(const json::object& in, int depth) {
    condition::ParameterType type;
    if (depth > kJsonNestingMax) {
      Fail("a parameter type is nested more than " + std::to_string(kJsonNestingMax) +
           " levels deep");
      return type;
    }
    type.name = ParameterTypeName(in);
    Each(in, "generic_types", "genericTypes", [&](const json::object& generic) {
      type.generics.push_back(ParameterType(generic, depth + 1));
    });
    return type;
  }

  // By name or number. An unknown name is no type, as on the wire; an unknown number an error.
  condition::ParameterTypeName ParameterTypeName(const json::object& in) {
    using Name = condition::ParameterTypeName;
    const auto* value = Find(in, "type_name", "typeName");
    if (value == nullptr) return Name::kUnspecified;
    if (const auto* text = value->if_string()) {
      return internal::ParameterTypeNamed({text->data(), text->size()},
                                          internal::kParameterTypeWireNames);
    }
    const auto* number = value->if_int64();
    if (number == nullptr || *number < 0 ||
        *number >= static_cast<std::int64_t>(internal::kParameterTypeWireNames.size())) {
      Fail("`type_name` must name a parameter type");
      return Name::kUnspecified;
    }
    return static_cast<Name>(*number);
  }

  std::optional<Error> error_;
};

}  // namespace

Result<Model> ModelFromJsonValue(const json::object& in) {
  Reader reader;
  auto model = reader.Read(in);
  if (reader.error()) return *reader.error();
  return model;
}

Result<Model> ModelFromJson(std::string_view text) {
  json::parse_options options;
  options.max_depth =
      std::size_t{4} * (kJsonNestingMax + 8);  // A level of a rewrite is three of JSON.
  boost::system::error_code failure;
  const auto value = json::parse(json::string_view(text.data(), text.size()), failure, {}, options);
  if (failure)
    return Error{ErrorCode::kInvalidModel, "the model is not JSON: " + failure.message()};
  const auto* object = value.if_object();
  if (object == nullptr) return Error{ErrorCode::kInvalidModel, "the model is not a JSON object"};
  return ModelFromJsonValue(*object);
}

}  // namespace pemba::model
