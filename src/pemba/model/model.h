// Model: an authorization model as data, exactly as it was written.
//
// It mirrors the wire's AuthorizationModel field by field, because models are immutable and must be
// returned as sent: nothing is normalised or filled in. What queries run on is the compiled plan.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pemba/condition/types.h"

namespace pemba::model {

// One entry of a type restriction: `type`, `type:*` or `type#relation`, maybe with a condition.
struct RelationReference {
  std::string type;
  std::string relation;  // Of a userset restriction, else empty.
  bool wildcard = false;
  std::string condition;  // Empty: unconditional.
  friend bool operator==(const RelationReference&, const RelationReference&) = default;
};

enum class RewriteKind : std::uint8_t {
  kUnset,  // The wire allows an empty rewrite; validation does not.
  kThis,
  kComputedUserset,
  kTupleToUserset,
  kUnion,
  kIntersection,
  kDifference,  // children[0] but not children[1]
};

struct Rewrite {
  RewriteKind kind = RewriteKind::kUnset;
  std::string relation;  // Computed userset; tuple-to-userset: the relation left of `from`.
  std::string tupleset;  // Tuple-to-userset: the relation right of `from`.
  std::vector<Rewrite> children;  // Union, intersection: any number; difference: base, subtract.
  // The wire's ObjectRelation also has an `object`, which nothing uses; kept to return it as sent.
  std::string object;
  std::string tupleset_object;
  friend bool operator==(const Rewrite&, const Rewrite&) = default;
};

struct SourceInfo {
  std::string file;
  friend bool operator==(const SourceInfo&, const SourceInfo&) = default;
};

struct RelationMetadata {
  std::vector<RelationReference> directly_related_user_types;
  std::string module;
  std::optional<SourceInfo> source_info;
  friend bool operator==(const RelationMetadata&, const RelationMetadata&) = default;
};

struct TypeMetadata {
  std::map<std::string, RelationMetadata, std::less<>> relations;
  std::string module;
  std::optional<SourceInfo> source_info;
  friend bool operator==(const TypeMetadata&, const TypeMetadata&) = default;
};

struct TypeDefinition {
  std::string type;
  std::map<std::string, Rewrite, std::less<>> relations;
  std::optional<TypeMetadata> metadata;
  friend bool operator==(const TypeDefinition&, const TypeDefinition&) = default;
};

struct ConditionMetadata {
  std::string module;
  std::optional<SourceInfo> source_info;
  friend bool operator==(const ConditionMetadata&, const ConditionMetadata&) = default;
};

struct ConditionDefinition {
  std::string name;
  std::string expression;
  std::map<std::string, condition::ParameterType, std::less<>> parameters;
  std::optional<ConditionMetadata> metadata;
  friend bool operator==(const ConditionDefinition&, const ConditionDefinition&) = default;
};

struct Model {
  std::string id;  // Empty until the model is stored.
  std::string schema_version;
  std::vector<TypeDefinition> types;
  std::map<std::string, ConditionDefinition, std::less<>> conditions;
  friend bool operator==(const Model&, const Model&) = default;
};

}  // namespace pemba::model
