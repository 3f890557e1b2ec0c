// Models and tuples in few words, for tests. Managed names have slashes, which the language of
// models does not know; so these are made here.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/model/dsl.h"
#include "pemba/model/model.h"
#include "pemba/tuple/tuple.h"

namespace pemba::provider::testing {

inline constexpr const char* kUser = "iam.example/User";
inline constexpr const char* kGroup = "iam.example/Group";
inline constexpr const char* kFolder = "lib.example/Folder";
inline constexpr const char* kDoc = "lib.example/Doc";

struct RelationSpec {
  std::string name;
  std::vector<std::string> allowed;  // `type` or `type#relation`; directly assignable.
  bool from_parent = false;          // `... or NAME from parent`.
};

inline model::TypeDefinition Type(const std::string& name,
                                  const std::vector<RelationSpec>& relations) {
  model::TypeDefinition type;
  type.type = name;
  if (!relations.empty()) type.metadata.emplace();
  for (const auto& spec : relations) {
    auto& rewrite = type.relations[spec.name];
    rewrite.kind = model::RewriteKind::kThis;
    if (spec.from_parent) {
      model::Rewrite inherited;
      inherited.kind = model::RewriteKind::kTupleToUserset;
      inherited.relation = spec.name;
      inherited.tupleset = "parent";
      model::Rewrite either;
      either.kind = model::RewriteKind::kUnion;
      either.children = {std::move(rewrite), std::move(inherited)};
      rewrite = std::move(either);
    }
    auto& metadata = type.metadata->relations[spec.name];
    for (const auto& allowed : spec.allowed) {
      const auto hash = allowed.find('#');
      auto& reference = metadata.directly_related_user_types.emplace_back();
      reference.type = allowed.substr(0, hash);
      if (hash != allowed.npos) reference.relation = allowed.substr(hash + 1);
    }
  }
  return type;
}

inline model::Model ManagedModel(std::vector<model::TypeDefinition> types) {
  model::Model model;
  model.schema_version = "1.2";
  model.types = std::move(types);
  return model;
}

inline std::vector<std::string> Subjects() { return {kUser, std::string(kGroup) + "#member"}; }

// Users, groups, folders, and documents in folders; `relations` of both.
inline model::Model Library(const std::vector<std::string>& relations = {"get", "edit"}) {
  std::vector<RelationSpec> folder;
  std::vector<RelationSpec> doc = {{"parent", {kFolder}}};
  for (const auto& relation : relations) {
    folder.push_back({relation, Subjects()});
    doc.push_back({relation, Subjects(), true});
  }
  return ManagedModel({Type(kUser, {}), Type(kGroup, {{"member", {kUser}}}), Type(kFolder, folder),
                       Type(kDoc, doc)});
}

// Hand-written, with a condition.
inline model::Model Foreign() {
  return *model::ModelFromDsl(R"(model
  schema 1.1

type user

type team
  relations
    define member: [user, user with soon]

condition soon(until: timestamp, now: timestamp) {
  now < until
}
)");
}

// "folder:1#get@user:anne": `folder`, `doc`, `user`, `group` stand for the managed types.
inline tuple::Tuple T(std::string_view text) {
  const auto parts = *tuple::ParseTuple(text);
  const auto full = [](std::string_view name) {
    const std::pair<std::string_view, std::string_view> kShort[] = {
        {"folder:", kFolder}, {"doc:", kDoc}, {"person:", kUser}, {"group:", kGroup}};
    for (const auto& [shorter, longer] : kShort) {
      if (!name.starts_with(shorter)) continue;
      return std::string(longer) + std::string(name.substr(shorter.size() - 1));
    }
    return std::string(name);
  };
  return {full(parts.object), std::string(parts.relation), full(parts.subject), std::nullopt};
}

inline std::vector<tuple::Tuple> Ts(std::initializer_list<std::string_view> texts) {
  std::vector<tuple::Tuple> tuples;
  for (const auto text : texts) tuples.push_back(T(text));
  return tuples;
}

}  // namespace pemba::provider::testing
