#include "pemba/iam/internal/model_builder.h"

#include <utility>

#include "pemba/iam/names.h"

namespace pemba::iam::internal {

using model::Rewrite;
using model::RewriteKind;

namespace {

Rewrite Of(RewriteKind kind, std::vector<Rewrite> children = {}) {
  Rewrite rewrite;
  rewrite.kind = kind;
  rewrite.children = std::move(children);
  return rewrite;
}

}  // namespace

Rewrite This() { return Of(RewriteKind::kThis); }

Rewrite Computed(std::string_view relation) {
  auto rewrite = Of(RewriteKind::kComputedUserset);
  rewrite.relation = relation;
  return rewrite;
}

Rewrite From(std::string_view relation, std::string_view tupleset) {
  auto rewrite = Of(RewriteKind::kTupleToUserset);
  rewrite.relation = relation;
  rewrite.tupleset = tupleset;
  return rewrite;
}

Rewrite Union(std::vector<Rewrite> children) {
  if (children.size() == 1) return std::move(children.front());
  return Of(RewriteKind::kUnion, std::move(children));
}

Rewrite Intersection(std::vector<Rewrite> children) {
  return Of(RewriteKind::kIntersection, std::move(children));
}

model::RelationReference OfType(std::string_view type) {
  model::RelationReference reference;
  reference.type = type;
  return reference;
}

model::RelationReference EveryOf(std::string_view type) {
  auto reference = OfType(type);
  reference.wildcard = true;
  return reference;
}

model::RelationReference UsersetOf(std::string_view type, std::string_view relation) {
  auto reference = OfType(type);
  reference.relation = relation;
  return reference;
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
