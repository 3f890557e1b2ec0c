#include <algorithm>
#include <map>

#include "pemba/iam/internal/model_builder.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projection.h"

namespace pemba::iam {
namespace {

using model::Rewrite;
using model::RewriteKind;
using model::TypeDefinition;

using Related = std::vector<model::RelationReference>;

const Related& RelatedOf(const TypeDefinition& type, std::string_view relation) {
  static const Related kNone;
  if (!type.metadata.has_value()) return kNone;
  const auto found = type.metadata->relations.find(relation);
  return found == type.metadata->relations.end() ? kNone
                                                 : found->second.directly_related_user_types;
}

bool HasThis(const Rewrite& rewrite) {
  return rewrite.kind == RewriteKind::kThis || std::ranges::any_of(rewrite.children, HasThis);
}

// Lets `type` take the tuples that `relation` of `after` takes, and nothing follow from them that
// did not before.
void Accept(TypeDefinition& type, const std::string& relation, const Related& related) {
  auto& rewrite = type.relations[relation];
  if (rewrite.kind == RewriteKind::kUnset) {
    rewrite = internal::This();
  } else if (!HasThis(rewrite)) {
    rewrite = internal::Union({internal::This(), rewrite});
  }
  if (!type.metadata.has_value()) type.metadata.emplace();
  auto& known = type.metadata->relations[relation].directly_related_user_types;
  for (const auto& reference : related) {
    if (std::ranges::find(known, reference) == known.end()) known.push_back(reference);
  }
}

// Of a type that is not there yet: its name, and what is only another word for a relation, because
// type restrictions may use it.
TypeDefinition Outline(const TypeDefinition& type) {
  TypeDefinition outline{.type = type.type, .relations = {}, .metadata = type.metadata};
  if (outline.metadata.has_value()) outline.metadata->relations.clear();
  for (const auto& [relation, rewrite] : type.relations) {
    if (rewrite.kind == RewriteKind::kComputedUserset) outline.relations[relation] = rewrite;
  }
  return outline;
}

}  // namespace

model::Model Accepting(const model::Model& before, const model::Model& after) {
  model::Model model = before;
  model.id.clear();
  model.schema_version = after.schema_version;
  model.conditions.insert(after.conditions.begin(), after.conditions.end());
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < before.types.size(); ++i) places.emplace(before.types[i].type, i);
  for (const auto& type : after.types) {
    auto [place, is_new] = places.emplace(type.type, model.types.size());
    if (is_new) model.types.push_back(Outline(type));
    for (const auto& [relation, rewrite] : type.relations) {
      const auto& related = RelatedOf(type, relation);
      if (!related.empty()) Accept(model.types[place->second], relation, related);
    }
  }
  return model;
}

}  // namespace pemba::iam
