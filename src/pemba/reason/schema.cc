#include "pemba/reason/schema.h"

#include <algorithm>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/schema_tables.h"
#include "pemba/reason/printer.h"

namespace pemba::reason {
namespace {

const TypeSet kNoTypes;

Type Root(TypeId id, Kind kind, std::string label) {
  Type type;
  type.id = id;
  type.kind = kind;
  type.name = label.substr(label.find(':') + 1);
  type.label = std::move(label);
  type.supertype = id == kRootRole ? kRootRole : kRootThing;
  type.abstractness = Abstractness::kAbstract;
  if (id == kRootRole) type.relation = kRootRelation;
  return type;
}

}  // namespace

// Every supertype before its subtypes.
std::vector<TypeId> Schema::Tables::TopDown() const {
  std::vector<std::vector<TypeId>> below(types.size());
  std::vector<TypeId> order = {kRootThing, kRootRole};
  for (const auto& type : types) {
    if (type && type->supertype != type->id) below[type->supertype].push_back(type->id);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    order.insert(order.end(), below[order[i]].begin(), below[order[i]].end());
  }
  return order;
}

void Schema::Tables::Derive() {
  derived.assign(types.size(), {});
  by_label.clear();
  roles_named.clear();
  of_kind = {};
  abstracts = {};
  for (auto& type : types) {
    if (!type) continue;
    if (type->kind == Kind::kRole) {
      type->label = types[type->relation]->label + ":" + type->name;
      type->abstractness = types[type->relation]->abstractness;
      roles_named[type->name].Add(type->id);
    }
    by_label.emplace(type->label, type->id);
    of_kind[static_cast<std::size_t>(type->kind)].Add(type->id);
    if (type->abstractness == Abstractness::kAbstract) abstracts.Add(type->id);
  }
  const auto top_down = TopDown();
  DeriveHierarchy(top_down);
  DeriveCapabilities(top_down);
}

void Schema::Tables::DeriveHierarchy(const std::vector<TypeId>& top_down) {
  for (const TypeId id : top_down) {
    const TypeId above = types[id]->supertype;
    if (above != id) {
      derived[id].supertypes = derived[above].supertypes;
      derived[above].direct_subtypes.Add(id);
    }
    derived[id].supertypes.Add(id);
  }
  for (auto id = top_down.rbegin(); id != top_down.rend(); ++id) {
    derived[*id].subtypes.Add(*id);
    const TypeId above = types[*id]->supertype;
    if (above != *id) derived[above].subtypes |= derived[*id].subtypes;
  }
}

void Schema::Tables::DeriveCapabilities(const std::vector<TypeId>& top_down) {
  for (const TypeId id : top_down) {
    const Type& type = *types[id];
    Derived& mine = derived[id];
    if (type.supertype != id) {
      const Derived& above = derived[type.supertype];
      mine.owns = above.owns;
      mine.plays = above.plays;
      mine.relates = above.relates;
    }
    const auto disown = [&](TypeId attribute) {
      std::erase_if(mine.owns, [&](const Ownership& o) { return o.attribute == attribute; });
    };
    for (const Ownership& ownership : type.owns) {
      if (ownership.overridden) disown(*ownership.overridden);
    }
    for (const Ownership& ownership : type.owns) {
      disown(ownership.attribute);  // Declared again, with an annotation.
      mine.owns.push_back(ownership);
    }
    for (const Ownership& ownership : mine.owns) {
      mine.owned_by.Add(ownership.attribute);
      derived[ownership.attribute].owners.Add(id);
    }
    for (const Playing& playing : type.plays) {
      if (playing.overridden) mine.plays.Remove(*playing.overridden);
    }
    for (const Playing& playing : type.plays) mine.plays.Add(playing.role);
    for (const TypeId role : mine.plays) derived[role].players.Add(id);
    for (const TypeId role : type.relates) {
      if (types[role]->overridden_role) mine.relates.Remove(*types[role]->overridden_role);
    }
    for (const TypeId role : type.relates) mine.relates.Add(role);
    for (const TypeId role : mine.relates) derived[role].relaters.Add(id);
  }
}

Schema::Schema() {
  auto tables = std::make_shared<Tables>();
  tables->types = {Root(kRootThing, Kind::kThing, "thing"),
                   Root(kRootEntity, Kind::kEntity, "entity"),
                   Root(kRootRelation, Kind::kRelation, "relation"),
                   Root(kRootAttribute, Kind::kAttribute, "attribute"),
                   Root(kRootRole, Kind::kRole, "relation:role")};
  tables->Derive();
  tables_ = std::move(tables);
}

const Type& Schema::Get(TypeId id) const {
  PEMBA_ASSERT(Exists(id));
  return *tables_->types[id];
}
bool Schema::Exists(TypeId id) const {
  return id < tables_->types.size() && tables_->types[id].has_value();
}
TypeId Schema::type_limit() const { return static_cast<TypeId>(tables_->types.size()); }

const Type* Schema::Find(std::string_view label) const {
  const auto found = tables_->by_label.find(label);
  if (found != tables_->by_label.end()) return &Get(found->second);
  const std::size_t colon = label.find(':');
  if (colon == label.npos) return nullptr;
  const auto relation = tables_->by_label.find(label.substr(0, colon));
  if (relation == tables_->by_label.end()) return nullptr;
  return FindRole(relation->second, label.substr(colon + 1));
}

const Type* Schema::FindRole(TypeId relation, std::string_view name) const {
  for (const TypeId role : Relates(relation)) {
    if (Get(role).name == name) return &Get(role);
  }
  return nullptr;
}

const TypeSet& Schema::RolesNamed(std::string_view name) const {
  const auto found = tables_->roles_named.find(name);
  return found == tables_->roles_named.end() ? kNoTypes : found->second;
}

const TypeSet& Schema::OfKind(Kind kind) const {
  return tables_->of_kind[static_cast<std::size_t>(kind)];
}
const TypeSet& Schema::AbstractTypes() const { return tables_->abstracts; }
const TypeSet& Schema::Subtypes(TypeId id) const { return tables_->derived[id].subtypes; }
const TypeSet& Schema::Supertypes(TypeId id) const { return tables_->derived[id].supertypes; }
const TypeSet& Schema::DirectSubtypes(TypeId id) const {
  return tables_->derived[id].direct_subtypes;
}
std::span<const Ownership> Schema::Owns(TypeId owner) const { return tables_->derived[owner].owns; }
const TypeSet& Schema::OwnedBy(TypeId owner) const { return tables_->derived[owner].owned_by; }
const TypeSet& Schema::Owners(TypeId attribute) const { return tables_->derived[attribute].owners; }
const TypeSet& Schema::Plays(TypeId player) const { return tables_->derived[player].plays; }
const TypeSet& Schema::Players(TypeId role) const { return tables_->derived[role].players; }
const TypeSet& Schema::Relates(TypeId relation) const { return tables_->derived[relation].relates; }
const TypeSet& Schema::Relaters(TypeId role) const { return tables_->derived[role].relaters; }

std::span<const Rule> Schema::rules() const { return tables_->rules; }
const Rule* Schema::FindRule(std::string_view label) const {
  for (const Rule& rule : tables_->rules) {
    if (rule.label == label) return &rule;
  }
  return nullptr;
}

std::string Schema::ToText() const {
  using syntax::Label;
  using syntax::TypeRef;
  const auto name = [&](TypeId id) { return TypeRef(Label{"", Get(id).name, {}}); };
  const auto maybe_name = [&](const std::optional<TypeId>& id) {
    return id ? std::optional<TypeRef>(name(*id)) : std::nullopt;
  };
  syntax::Define define;
  for (const auto& slot : tables_->types) {
    if (!slot || slot->id < kFirstDefined || slot->kind == Kind::kRole) continue;
    syntax::TypeStatement statement;
    statement.subject = name(slot->id);
    statement.constraints.emplace_back(
        syntax::Sub{name(slot->supertype), syntax::Exactness::kSubtypesToo, {}});
    if (slot->abstractness == Abstractness::kAbstract)
      statement.constraints.emplace_back(syntax::Abstract{});
    if (slot->value_type)
      statement.constraints.emplace_back(syntax::ValueIs{*slot->value_type, {}});
    if (!slot->regex.empty()) statement.constraints.emplace_back(syntax::Regex{slot->regex, {}});
    for (const TypeId role : slot->relates) {
      statement.constraints.emplace_back(
          syntax::Relates{name(role), maybe_name(Get(role).overridden_role), {}});
    }
    for (const Ownership& ownership : slot->owns) {
      statement.constraints.emplace_back(syntax::Owns{
          name(ownership.attribute), maybe_name(ownership.overridden), ownership.annotation, {}});
    }
    for (const Playing& playing : slot->plays) {
      const Type& role = Get(playing.role);
      statement.constraints.emplace_back(syntax::Plays{
          Label{Get(role.relation).label, role.name, {}}, maybe_name(playing.overridden), {}});
    }
    define.definitions.emplace_back(std::move(statement));
  }
  for (const Rule& rule : tables_->rules) define.definitions.emplace_back(*rule.definition);
  if (define.definitions.empty()) return {};
  return reason::ToText(syntax::Query{std::move(define), {}});
}

}  // namespace pemba::reason
