// The length of a model as openfga.v1.AuthorizationModel: what limits on the wire count. All fields
// have numbers below 16, so a tag is one byte.
#include "pemba/iam/projection.h"

namespace pemba::iam {
namespace {

std::size_t VarintBytes(std::size_t value) {
  std::size_t bytes = 1;
  for (; value >= 128; value >>= 7) ++bytes;
  return bytes;
}

// A field with a length: a message, or text that is there.
std::size_t Field(std::size_t bytes) { return 1 + VarintBytes(bytes) + bytes; }
std::size_t Text(std::string_view text) { return text.empty() ? 0 : Field(text.size()); }
// An entry of a map. Both parts are written even if empty.
std::size_t Entry(std::string_view key, std::size_t value) {
  return Field(Field(key.size()) + Field(value));
}

std::size_t Size(const model::Rewrite& rewrite) {
  using Kind = model::RewriteKind;
  std::size_t children = 0;
  for (const auto& child : rewrite.children) children += Field(Size(child));
  const auto relation = Text(rewrite.object) + Text(rewrite.relation);
  switch (rewrite.kind) {
    case Kind::kUnset:
      return 0;
    case Kind::kThis:
      return Field(0);
    case Kind::kComputedUserset:
      return Field(relation);
    case Kind::kTupleToUserset:
      return Field(Field(Text(rewrite.tupleset_object) + Text(rewrite.tupleset)) + Field(relation));
    case Kind::kUnion:
    case Kind::kIntersection:
    case Kind::kDifference:
      return Field(children);
  }
  return 0;
}

std::size_t Size(const std::optional<model::SourceInfo>& info) {
  return info ? Field(Text(info->file)) : 0;
}

std::size_t Size(const model::RelationReference& reference) {
  return Text(reference.type) + Text(reference.relation) + Text(reference.condition) +
         (reference.wildcard ? Field(0) : 0);
}

std::size_t Size(const model::RelationMetadata& metadata) {
  std::size_t bytes = Text(metadata.module) + Size(metadata.source_info);
  for (const auto& reference : metadata.directly_related_user_types) {
    bytes += Field(Size(reference));
  }
  return bytes;
}

std::size_t Size(const model::TypeMetadata& metadata) {
  std::size_t bytes = Text(metadata.module) + Size(metadata.source_info);
  for (const auto& [relation, of_relation] : metadata.relations) {
    bytes += Entry(relation, Size(of_relation));
  }
  return bytes;
}

std::size_t Size(const model::TypeDefinition& type) {
  std::size_t bytes = Text(type.type) + (type.metadata ? Field(Size(*type.metadata)) : 0);
  for (const auto& [relation, rewrite] : type.relations) bytes += Entry(relation, Size(rewrite));
  return bytes;
}

// Its parameters' types are few and short: a name and a number each.
std::size_t Size(const model::ConditionDefinition& condition) {
  std::size_t bytes = Text(condition.name) + Text(condition.expression);
  for (const auto& [name, type] : condition.parameters) bytes += Entry(name, 8);
  if (condition.metadata) {
    bytes += Field(Text(condition.metadata->module) + Size(condition.metadata->source_info));
  }
  return bytes;
}

}  // namespace

std::size_t ModelWireBytes(const model::Model& model) {
  std::size_t bytes = Text(model.schema_version);
  for (const auto& type : model.types) bytes += Field(Size(type));
  for (const auto& [name, condition] : model.conditions) bytes += Entry(name, Size(condition));
  return bytes;
}

}  // namespace pemba::iam
