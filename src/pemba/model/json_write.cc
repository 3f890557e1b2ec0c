#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "pemba/base/assert.h"
#include "pemba/model/internal/parameter_type_names.h"
#include "pemba/model/json.h"

namespace pemba::model {
namespace {

namespace json = boost::json;

json::object ObjectRelation(const std::string& object, const std::string& relation) {
  json::object out;
  if (!object.empty()) out["object"] = object;
  if (!relation.empty()) out["relation"] = relation;
  return out;
}

json::object RewriteValue(const Rewrite& rewrite) {
  json::object out;
  switch (rewrite.kind) {
    case RewriteKind::kUnset:
      break;
    case RewriteKind::kThis:
      out["this"] = json::object();
      break;
    case RewriteKind::kComputedUserset:
      out["computedUserset"] = ObjectRelation(rewrite.object, rewrite.relation);
      break;
    case RewriteKind::kTupleToUserset:
      out["tupleToUserset"] =
          json::object{{"tupleset", ObjectRelation(rewrite.tupleset_object, rewrite.tupleset)},
                       {"computedUserset", ObjectRelation(rewrite.object, rewrite.relation)}};
      break;
    case RewriteKind::kUnion:
    case RewriteKind::kIntersection: {
      json::array children;
      for (const auto& child : rewrite.children) children.push_back(RewriteValue(child));
      out[rewrite.kind == RewriteKind::kUnion ? "union" : "intersection"] =
          json::object{{"child", std::move(children)}};
      break;
    }
    case RewriteKind::kDifference:
      PEMBA_ASSERT(rewrite.children.size() == 2);
      out["difference"] = json::object{{"base", RewriteValue(rewrite.children[0])},
                                       {"subtract", RewriteValue(rewrite.children[1])}};
      break;
  }
  return out;
}

void PutOrigin(const std::string& module, const std::optional<SourceInfo>& source,
               json::object& out) {
  if (!module.empty()) out["module"] = module;
  if (!source) return;
  json::object info;
  if (!source->file.empty()) info["file"] = source->file;
  out["source_info"] = std::move(info);
}

json::object ReferenceValue(const RelationReference& reference) {
  json::object out{{"type", reference.type}};
  if (!reference.relation.empty()) out["relation"] = reference.relation;
  if (reference.wildcard) out["wildcard"] = json::object();
  if (!reference.condition.empty()) out["condition"] = reference.condition;
  return out;
}

json::object TypeMetadataValue(const TypeMetadata& metadata) {
  json::object relations;
  for (const auto& [name, relation] : metadata.relations) {
    json::array types;
    for (const auto& r : relation.directly_related_user_types) types.push_back(ReferenceValue(r));
    json::object value{{"directly_related_user_types", std::move(types)}};
    PutOrigin(relation.module, relation.source_info, value);
    relations[name] = std::move(value);
  }
  json::object out;
  if (!relations.empty()) out["relations"] = std::move(relations);
  PutOrigin(metadata.module, metadata.source_info, out);
  return out;
}

json::object TypeValue(const TypeDefinition& type) {
  json::object relations;
  for (const auto& [name, rewrite] : type.relations) relations[name] = RewriteValue(rewrite);
  json::object out{{"type", type.type}, {"relations", std::move(relations)}};
  if (type.metadata) out["metadata"] = TypeMetadataValue(*type.metadata);
  return out;
}

json::object ParameterTypeValue(const condition::ParameterType& type) {
  json::object out{{"type_name", internal::WireName(type.name)}};
  if (type.generics.empty()) return out;
  json::array generics;
  for (const auto& generic : type.generics) generics.push_back(ParameterTypeValue(generic));
  out["generic_types"] = std::move(generics);
  return out;
}

json::object ConditionValue(const ConditionDefinition& condition) {
  json::object out{{"name", condition.name}, {"expression", condition.expression}};
  if (!condition.parameters.empty()) {
    json::object parameters;
    for (const auto& [name, type] : condition.parameters) {
      parameters[name] = ParameterTypeValue(type);
    }
    out["parameters"] = std::move(parameters);
  }
  if (condition.metadata) {
    json::object metadata;
    PutOrigin(condition.metadata->module, condition.metadata->source_info, metadata);
    out["metadata"] = std::move(metadata);
  }
  return out;
}

}  // namespace

json::object ModelToJsonValue(const Model& model) {
  json::object out;
  if (!model.id.empty()) out["id"] = model.id;
  if (!model.schema_version.empty()) out["schema_version"] = model.schema_version;
  json::array types;
  for (const auto& type : model.types) types.push_back(TypeValue(type));
  out["type_definitions"] = std::move(types);
  if (!model.conditions.empty()) {
    json::object conditions;
    for (const auto& [key, condition] : model.conditions) {
      conditions[key] = ConditionValue(condition);
    }
    out["conditions"] = std::move(conditions);
  }
  return out;
}

std::string ModelToJson(const Model& model) { return json::serialize(ModelToJsonValue(model)); }

}  // namespace pemba::model
