#include "pemba/iam/internal/model_builder.h"

#include <utility>

#include "pemba/iam/names.h"

namespace pemba::iam::internal {

using model::Rewrite;
using model::RewriteKind;

Rewrite This() { return {.kind = RewriteKind::kThis}; }

Rewrite Computed(std::string_view relation) {
  return {.kind = RewriteKind::kComputedUserset, .relation = std::string(relation)};
}

Rewrite From(std::string_view relation, std::string_view tupleset) {
  return {.kind = RewriteKind::kTupleToUserset,
          .relation = std::string(relation),
          .tupleset = std::string(tupleset)};
}

Rewrite Union(std::vector<Rewrite> children) {
  if (children.size() == 1) return std::move(children.front());
  return {.kind = RewriteKind::kUnion, .children = std::move(children)};
}

Rewrite Intersection(std::vector<Rewrite> children) {
  return {.kind = RewriteKind::kIntersection, .children = std::move(children)};
}

model::RelationReference OfType(std::string_view type) { return {.type = std::string(type)}; }

model::RelationReference EveryOf(std::string_view type) {
  return {.type = std::string(type), .wildcard = true};
}

model::RelationReference UsersetOf(std::string_view type, std::string_view relation) {
  return {.type = std::string(type), .relation = std::string(relation)};
}

model::TypeDefinition ManagedType(std::string_view type) {
  model::TypeDefinition definition;
  definition.type = type;
  definition.metadata.emplace();
  definition.metadata->module = type.substr(0, type.find('/'));
  definition.metadata->source_info = model::SourceInfo{std::string(kSourceFile)};
  return definition;
}

void AddRelation(model::TypeDefinition& type, std::string_view relation, Rewrite rewrite,
                 std::vector<model::RelationReference> related) {
  type.relations.insert_or_assign(std::string(relation), std::move(rewrite));
  if (related.empty()) return;
  auto& metadata = type.metadata->relations[std::string(relation)];
  metadata.directly_related_user_types = std::move(related);
}

}  // namespace pemba::iam::internal
