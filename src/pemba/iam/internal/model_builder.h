// The managed model's parts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/model/model.h"

namespace pemba::iam::internal {

model::Rewrite This();
model::Rewrite Computed(std::string_view relation);
model::Rewrite From(std::string_view relation, std::string_view tupleset);
// Of one child: the child itself.
model::Rewrite Union(std::vector<model::Rewrite> children);
model::Rewrite Intersection(std::vector<model::Rewrite> children);

model::RelationReference OfType(std::string_view type);
model::RelationReference EveryOf(std::string_view type);
model::RelationReference UsersetOf(std::string_view type, std::string_view relation);

// A type as the managed model has it: with its module and file.
model::TypeDefinition ManagedType(std::string_view type);
void AddRelation(model::TypeDefinition& type, std::string_view relation, model::Rewrite rewrite,
                 std::vector<model::RelationReference> related = {});

}  // namespace pemba::iam::internal
