#include "pemba/provider/model_merge.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

namespace pemba::provider {
namespace {

constexpr std::string_view kSchema = "1.2";

using model::RelationReference;
using Types = std::map<std::string_view, const model::TypeDefinition*>;

Types ByName(const model::Model& model) {
  Types types;
  for (const auto& type : model.types) types.emplace(type.type, &type);
  return types;
}

auto Order(const RelationReference& reference) {
  return std::tie(reference.type, reference.relation, reference.wildcard, reference.condition);
}

void Sort(std::vector<RelationReference>& references) {
  std::sort(references.begin(), references.end(),
            [](const auto& a, const auto& b) { return Order(a) < Order(b); });
  references.erase(std::unique(references.begin(), references.end()), references.end());
}

template <class Metadata>
void DropEmptySource(Metadata& metadata) {
  if (metadata.source_info && metadata.source_info->file.empty()) metadata.source_info.reset();
}

// As every equal type looks.
model::TypeDefinition Normal(model::TypeDefinition type) {
  if (!type.metadata) return type;
  auto& metadata = *type.metadata;
  DropEmptySource(metadata);
  for (auto entry = metadata.relations.begin(); entry != metadata.relations.end();) {
    Sort(entry->second.directly_related_user_types);
    DropEmptySource(entry->second);
    const bool says_nothing = entry->second == model::RelationMetadata{};
    entry = says_nothing ? metadata.relations.erase(entry) : std::next(entry);
  }
  if (metadata == model::TypeMetadata{}) type.metadata.reset();
  return type;
}

model::ConditionDefinition Normal(model::ConditionDefinition condition) {
  if (!condition.metadata) return condition;
  DropEmptySource(*condition.metadata);
  if (*condition.metadata == model::ConditionMetadata{}) condition.metadata.reset();
  return condition;
}

bool IsDirect(const model::Rewrite& rewrite) {
  if (rewrite.kind == model::RewriteKind::kThis) return true;
  return std::any_of(rewrite.children.begin(), rewrite.children.end(), IsDirect);
}

bool IsDirect(const model::TypeDefinition& type, const std::string& relation) {
  const auto found = type.relations.find(relation);
  return found != type.relations.end() && IsDirect(found->second);
}

// `after`, with what only `before` has.
model::TypeDefinition UnionOfTypes(const model::TypeDefinition& before,
                                   const model::TypeDefinition& after) {
  model::TypeDefinition type = after;
  for (const auto& relation : before.relations) type.relations.insert(relation);
  if (!before.metadata) return type;
  if (!type.metadata) type.metadata.emplace();
  for (const auto& [name, metadata] : before.metadata->relations) {
    const auto [entry, added] = type.metadata->relations.emplace(name, metadata);
    if (added || !IsDirect(after, name) || !IsDirect(before, name)) continue;
    auto& references = entry->second.directly_related_user_types;
    for (const auto& reference : metadata.directly_related_user_types) {
      if (std::find(references.begin(), references.end(), reference) == references.end()) {
        references.push_back(reference);
      }
    }
  }
  return type;
}

bool Fits(const RelationReference& reference, const tuple::SubjectParts& subject) {
  if (reference.type != subject.type) return false;
  switch (subject.kind) {
    case tuple::SubjectKind::kWildcard:
      return reference.wildcard;
    case tuple::SubjectKind::kUserset:
      return reference.relation == subject.relation;
    case tuple::SubjectKind::kObject:
      return !reference.wildcard && reference.relation.empty();
  }
  return false;
}

}  // namespace

bool IsManagedType(std::string_view type) { return type.find('/') != type.npos; }

bool IsManagedTuple(const tuple::TupleView& tuple) {
  return IsManagedType(tuple::SplitObject(tuple.object).type);
}

model::Model ManagedPart(const model::Model& model) {
  model::Model part;
  part.schema_version = model.schema_version;
  std::copy_if(model.types.begin(), model.types.end(), std::back_inserter(part.types),
               [](const auto& type) { return IsManagedType(type.type); });
  return part;
}

model::Model MergeModels(const model::Model& current, const model::Model& managed) {
  model::Model merged;
  merged.schema_version = kSchema;
  merged.conditions = current.conditions;
  merged.conditions.insert(managed.conditions.begin(), managed.conditions.end());
  std::copy_if(current.types.begin(), current.types.end(), std::back_inserter(merged.types),
               [](const auto& type) { return !IsManagedType(type.type); });
  const auto there = ByName(merged);
  std::vector<model::TypeDefinition> added;
  std::copy_if(managed.types.begin(), managed.types.end(), std::back_inserter(added),
               [&](const auto& type) { return !there.contains(type.type); });
  std::move(added.begin(), added.end(), std::back_inserter(merged.types));
  return merged;
}

model::Model UnionOfModels(const model::Model& before, const model::Model& after) {
  model::Model both = after;
  both.id.clear();
  both.conditions.insert(before.conditions.begin(), before.conditions.end());
  const auto old = ByName(before);
  for (auto& type : both.types) {
    const auto found = old.find(type.type);
    if (found != old.end()) type = UnionOfTypes(*found->second, type);
  }
  const auto there = ByName(after);
  for (const auto& type : before.types) {
    if (!there.contains(type.type)) both.types.push_back(type);
  }
  return both;
}

bool SameModels(const model::Model& a, const model::Model& b) {
  if (a.schema_version != b.schema_version || a.types.size() != b.types.size()) return false;
  const auto types = ByName(b);
  for (const auto& type : a.types) {
    const auto other = types.find(type.type);
    if (other == types.end() || Normal(type) != Normal(*other->second)) return false;
  }
  return std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                    b.conditions.end(), [](const auto& x, const auto& y) {
                      return x.first == y.first && Normal(x.second) == Normal(y.second);
                    });
}

bool AcceptsTuple(const model::Model& model, const tuple::TupleView& tuple) {
  const auto type_name = tuple::SplitObject(tuple.object).type;
  const auto type = std::find_if(model.types.begin(), model.types.end(),
                                 [&](const auto& t) { return t.type == type_name; });
  if (type == model.types.end() || !type->metadata) return false;
  const auto relation = type->metadata->relations.find(tuple.relation);
  if (relation == type->metadata->relations.end()) return false;
  const auto& references = relation->second.directly_related_user_types;
  const auto subject = tuple::SplitSubject(tuple.subject);
  return std::any_of(references.begin(), references.end(),
                     [&](const auto& reference) { return Fits(reference, subject); });
}

Result<PublishedModel> PublishModel(Provider& provider, const model::Model& managed,
                                    std::size_t tries) {
  for (;;) {
    PEMBA_TRY(auto current, provider.ReadModel());
    auto merged = MergeModels(current, managed);
    const bool nothing = current.id.empty() && merged.types.empty();
    if (nothing || SameModels(current, merged)) {
      return PublishedModel{std::move(current), PublishedModel::Was::kThere};
    }
    auto id = provider.WriteModel(merged, current.id);
    if (id.ok()) {
      merged.id = *std::move(id);
      return PublishedModel{std::move(merged), PublishedModel::Was::kWritten};
    }
    if (id.error().code != ErrorCode::kConflict || --tries == 0) return std::move(id).error();
  }
}

}  // namespace pemba::provider
