#include "pemba/reason/internal/schema_editor.h"

#include <algorithm>

#include "pemba/base/assert.h"

namespace pemba::reason {

void SchemaEditor::Refresh() {
  tables_->Derive();
  view_.tables_ = std::make_shared<const Schema::Tables>(*tables_);
}

TypeId SchemaEditor::Add(Kind kind, std::string name, TypeId supertype) {
  Type type;
  type.id = static_cast<TypeId>(tables_->types.size());
  type.kind = kind;
  type.label = name;
  type.name = std::move(name);
  type.supertype = supertype;
  tables_->types.push_back(std::move(type));
  return tables_->types.back()->id;
}

TypeId SchemaEditor::AddRole(TypeId relation, std::string name) {
  const TypeId role = Add(Kind::kRole, std::move(name), kRootRole);
  Edit(role).relation = relation;
  Edit(relation).relates.push_back(role);
  return role;
}

void SchemaEditor::Remove(TypeId id) {
  const Type gone = Edit(id);
  for (const TypeId role : gone.relates) Remove(role);
  tables_->types[id].reset();
  for (auto& type : tables_->types) {
    if (!type) continue;
    std::erase(type->relates, id);
    std::erase_if(type->owns, [&](const Ownership& o) { return o.attribute == id; });
    std::erase_if(type->plays, [&](const Playing& p) { return p.role == id; });
    for (Ownership& ownership : type->owns) {
      if (ownership.overridden == id) ownership.overridden.reset();
    }
    for (Playing& playing : type->plays) {
      if (playing.overridden == id) playing.overridden.reset();
    }
    if (type->overridden_role == id) {
      type->overridden_role.reset();
      type->supertype = kRootRole;
    }
  }
}

void SchemaEditor::Renumber(const std::vector<std::pair<std::string, TypeId>>& numbers,
                            TypeId type_limit) {
  std::vector<TypeId> renamed(tables_->types.size());
  for (TypeId id = 0; id < kFirstDefined; ++id) renamed[id] = id;
  for (const auto& [label, number] : numbers) renamed[tables_->by_label.at(label)] = number;

  std::vector<std::optional<Type>> types(type_limit);
  for (auto& slot : tables_->types) {
    Type type = *std::move(slot);
    type.id = renamed[type.id];
    type.supertype = renamed[type.supertype];
    type.relation = renamed[type.relation];
    if (type.overridden_role) type.overridden_role = renamed[*type.overridden_role];
    for (TypeId& role : type.relates) role = renamed[role];
    for (Ownership& ownership : type.owns) {
      ownership.attribute = renamed[ownership.attribute];
      if (ownership.overridden) ownership.overridden = renamed[*ownership.overridden];
    }
    for (Playing& playing : type.plays) {
      playing.role = renamed[playing.role];
      if (playing.overridden) playing.overridden = renamed[*playing.overridden];
    }
    const TypeId id = type.id;
    types[id] = std::move(type);
  }
  tables_->types = std::move(types);
}

Schema SchemaEditor::Finish() && {
  std::sort(tables_->rules.begin(), tables_->rules.end(),
            [](const Rule& a, const Rule& b) { return a.label < b.label; });
  Refresh();
  return std::move(view_);
}

}  // namespace pemba::reason
