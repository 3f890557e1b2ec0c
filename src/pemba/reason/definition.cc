#include "pemba/reason/definition.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>

#include <re2/re2.h>

#include "pemba/reason/internal/rule_compiler.h"
#include "pemba/reason/internal/schema_editor.h"
#include "pemba/reason/internal/visit.h"
#include "pemba/reason/parser.h"

namespace pemba::reason {
namespace {

using internal::Overloaded;
using syntax::Label;
using syntax::TypeRef;
using syntax::TypeStatement;

std::string Quoted(const std::string& text) { return "`" + text + "`"; }

std::string_view Name(Kind kind) {
  switch (kind) {
    case Kind::kThing:
      return "thing";
    case Kind::kEntity:
      return "an entity type";
    case Kind::kRelation:
      return "a relation type";
    case Kind::kAttribute:
      return "an attribute type";
    case Kind::kRole:
      return "a role";
  }
  return {};
}

const Label& LabelOf(const TypeRef& type) { return std::get<Label>(type); }

Error NotFound(const Label& label) {
  return MakeError(Problem::kTypeNotFound, label.at,
                   "the type " + Quoted(ToText(label)) + " is not defined");
}

Result<const Type*> FindType(const Schema& schema, const Label& label) {
  const Type* type = label.scope.empty() ? schema.Find(label.name) : nullptr;
  if (!type) return NotFound(label);
  return type;
}

Result<const Type*> FindOfKind(const Schema& schema, const Label& label, Kind kind) {
  PEMBA_TRY(const Type* type, FindType(schema, label));
  if (type->kind != kind) {
    return MakeError(Problem::kKindMismatch, label.at,
                     Quoted(ToText(label)) + " is " + std::string(Name(type->kind)) + ", not " +
                         std::string(Name(kind)));
  }
  return type;
}

// A role by its scoped label, an inherited one under the name of its own relation included.
Result<const Type*> FindScopedRole(const Schema& schema, const Label& label) {
  Label relation{"", label.scope, label.at};
  PEMBA_TRY(std::ignore, FindOfKind(schema, relation, Kind::kRelation));
  const Type* role = schema.Find(ToText(label));
  if (!role) {
    return MakeError(
        Problem::kRoleNotFound, label.at,
        "the relation type " + Quoted(label.scope) + " relates no role " + Quoted(label.name));
  }
  return role;
}

Status CheckRegex(const std::string& pattern, Position at) {
  const re2::RE2 compiled(pattern, re2::RE2::Quiet);
  if (!compiled.ok()) {
    return MakeError(Problem::kRegexInvalid, at,
                     "this is not a regular expression: " + compiled.error());
  }
  return Done{};
}

template <class Constraint>
std::vector<const Constraint*> AllOf(const TypeStatement& statement) {
  std::vector<const Constraint*> found;
  for (const auto& constraint : statement.constraints) {
    if (const auto* c = std::get_if<Constraint>(&constraint)) found.push_back(c);
  }
  return found;
}

// One `define` in passes, so that statements may name what later ones declare: types with their
// supertypes, then roles, then everything that names types and roles, then rules.
class Definer {
 public:
  Definer(const Schema& schema, const syntax::Define& query) : editor_(schema) {
    for (const auto& definition : query.definitions) {
      if (const auto* statement = std::get_if<TypeStatement>(&definition)) {
        statements_.push_back(statement);
      } else {
        rules_.push_back(&std::get<syntax::RuleDefinition>(definition));
      }
    }
  }

  Result<Schema> Run() && {
    PEMBA_TRY(std::ignore, AddTypes());
    PEMBA_TRY(std::ignore, SetSupertypes());
    editor_.Refresh();
    for (const auto* statement : statements_) {
      PEMBA_TRY(std::ignore, SetOwnProperties(*statement));
    }
    PEMBA_TRY(std::ignore, SetValueTypes());
    PEMBA_TRY(std::ignore, AddRoles());
    editor_.Refresh();
    for (const auto* statement : statements_) {
      PEMBA_TRY(std::ignore, AddCapabilities(*statement));
    }
    editor_.Refresh();
    PEMBA_TRY(std::ignore, SetRules());
    return std::move(editor_).Finish();
  }

 private:
  TypeId IdOf(const TypeStatement& statement) const {
    return editor_.view().Find(LabelOf(statement.subject).name)->id;
  }

  // New labels, each with the kind that its chain of supertypes in this query leads to.
  Status AddTypes() {
    std::vector<const TypeStatement*> open;
    StringSet declared;
    for (const auto* statement : statements_) {
      const Label& label = LabelOf(statement->subject);
      if (const Type* type = editor_.view().Find(label.name)) {
        if (type->id < kFirstDefined) {
          return MakeError(Problem::kRootImmutable, label.at,
                           Quoted(label.name) + " is built in and cannot be changed");
        }
        continue;
      }
      const auto subs = AllOf<syntax::Sub>(*statement);
      if (!subs.empty() && declared.insert(label.name).second) open.push_back(statement);
    }
    while (!open.empty()) {
      std::vector<const TypeStatement*> later;
      for (const auto* statement : open) {
        const Label& above = LabelOf(AllOf<syntax::Sub>(*statement).front()->type);
        const Type* supertype = above.scope.empty() ? editor_.view().Find(above.name) : nullptr;
        if (!supertype) {
          later.push_back(statement);
          continue;
        }
        if (supertype->kind == Kind::kThing || supertype->kind == Kind::kRole) {
          return MakeError(Problem::kKindMismatch, above.at,
                           "a type is a subtype of `entity`, `relation`, `attribute` or of one of "
                           "theirs, not of " +
                               Quoted(ToText(above)));
        }
        editor_.Add(supertype->kind, LabelOf(statement->subject).name, supertype->id);
      }
      if (later.size() == open.size()) return Unreachable(open, declared);
      open = std::move(later);
      editor_.Refresh();
    }
    for (const auto* statement : statements_) {
      const Label& label = LabelOf(statement->subject);
      if (!label.scope.empty() || !editor_.view().Find(label.name)) return NotFound(label);
    }
    return Done{};
  }

  // None of these leads to a type that exists: a supertype is unknown, or they go in a circle.
  static Error Unreachable(const std::vector<const TypeStatement*>& open,
                           const StringSet& declared) {
    for (const auto* statement : open) {
      const Label& above = LabelOf(AllOf<syntax::Sub>(*statement).front()->type);
      if (!above.scope.empty() || !declared.contains(above.name)) return NotFound(above);
    }
    const Label& label = LabelOf(open.front()->subject);
    return MakeError(Problem::kCyclicHierarchy, label.at,
                     Quoted(label.name) + " would be a subtype of itself");
  }

  Status SetSupertypes() {
    for (const auto* statement : statements_) {
      for (const auto* sub : AllOf<syntax::Sub>(*statement)) {
        PEMBA_TRY(const Type* supertype, FindType(editor_.view(), LabelOf(sub->type)));
        Type& type = editor_.Edit(IdOf(*statement));
        if (supertype->kind != type.kind) {
          return MakeError(Problem::kKindMismatch, sub->at,
                           Quoted(type.label) + " is " + std::string(Name(type.kind)) + ", and " +
                               Quoted(supertype->label) + " is not");
        }
        type.supertype = supertype->id;
        PEMBA_TRY(std::ignore, CheckAcyclic(type, sub->at));
      }
    }
    return Done{};
  }

  Status CheckAcyclic(const Type& type, Position at) {
    for (TypeId id = type.supertype; id >= kFirstDefined; id = editor_.Edit(id).supertype) {
      if (id == type.id) {
        return MakeError(Problem::kCyclicHierarchy, at,
                         Quoted(type.label) + " would be a subtype of itself");
      }
    }
    return Done{};
  }

  Status SetOwnProperties(const TypeStatement& statement) {
    Type& type = editor_.Edit(IdOf(statement));
    if (!AllOf<syntax::Abstract>(statement).empty()) type.abstractness = Abstractness::kAbstract;
    for (const auto* value : AllOf<syntax::ValueIs>(statement)) {
      if (type.kind != Kind::kAttribute) {
        return MakeError(Problem::kKindMismatch, value->at,
                         Quoted(type.label) + " is not an attribute type and has no values");
      }
      if (type.value_type && *type.value_type != value->type) {
        return MakeError(Problem::kValueTypeChanged, value->at,
                         "the values of " + Quoted(type.label) + " are of the type " +
                             std::string(reason::Name(*type.value_type)) + ", which cannot change");
      }
      type.value_type = value->type;
    }
    for (const auto* regex : AllOf<syntax::Regex>(statement)) {
      if (type.kind != Kind::kAttribute) {
        return MakeError(Problem::kKindMismatch, regex->at,
                         Quoted(type.label) + " is not an attribute type and has no values");
      }
      PEMBA_TRY(std::ignore, CheckRegex(regex->pattern, regex->at));
      type.regex = regex->pattern;
    }
    return Done{};
  }

  // Value types come down from supertypes; every attribute type ends up with one.
  Status SetValueTypes() {
    editor_.Refresh();
    std::vector<TypeId> order;  // Supertypes first.
    for (const TypeId id : editor_.view().OfKind(Kind::kAttribute)) order.push_back(id);
    std::stable_sort(order.begin(), order.end(), [&](TypeId a, TypeId b) {
      return editor_.view().Supertypes(a).size() < editor_.view().Supertypes(b).size();
    });
    for (const TypeId id : order) {
      if (id == kRootAttribute) continue;
      Type& type = editor_.Edit(id);
      const Type& above = editor_.Edit(type.supertype);
      if (!type.value_type) type.value_type = above.value_type;
      const Position at = PositionOf(type.label);
      if (!type.value_type) {
        return MakeError(Problem::kValueTypeMissing, at,
                         "the attribute type " + Quoted(type.label) + " needs a value type");
      }
      if (above.value_type && *above.value_type != *type.value_type) {
        return MakeError(Problem::kValueTypeConflict, at,
                         Quoted(type.label) + " has values of the type " +
                             std::string(reason::Name(*type.value_type)) + ", its supertype " +
                             Quoted(above.label) + " of the type " +
                             std::string(reason::Name(*above.value_type)));
      }
      if (!type.regex.empty() && *type.value_type != ValueType::kString) {
        return MakeError(Problem::kRegexNotString, at,
                         Quoted(type.label) +
                             " has a regular expression, but its values are not "
                             "strings");
      }
    }
    return Done{};
  }

  Position PositionOf(std::string_view label) const {
    for (const auto* statement : statements_) {
      if (LabelOf(statement->subject).name == label) return statement->at;
    }
    return {};
  }

  // Roles of supertypes first, so that `as` finds them.
  Status AddRoles() {
    editor_.Refresh();
    std::vector<const TypeStatement*> order = statements_;
    std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
      return editor_.view().Supertypes(IdOf(*a)).size() <
             editor_.view().Supertypes(IdOf(*b)).size();
    });
    for (const auto* statement : order) {
      const auto relates = AllOf<syntax::Relates>(*statement);
      for (const auto* constraint : relates) {
        PEMBA_TRY(std::ignore, AddRole(IdOf(*statement), *constraint));
      }
      if (!relates.empty()) editor_.Refresh();
    }
    return Done{};
  }

  Status AddRole(TypeId relation, const syntax::Relates& relates) {
    const Label& name = LabelOf(relates.role);
    const std::string relation_label = editor_.Edit(relation).label;
    if (editor_.Edit(relation).kind != Kind::kRelation) {
      return MakeError(Problem::kKindMismatch, relates.at,
                       Quoted(relation_label) + " is not a relation type and relates no roles");
    }
    if (!name.scope.empty()) {
      return MakeError(Problem::kSyntax, name.at,
                       "a role is declared without its relation: " + Quoted(name.name));
    }
    TypeId role = 0;
    for (const TypeId declared : editor_.Edit(relation).relates) {
      if (editor_.Edit(declared).name == name.name) role = declared;
    }
    const TypeId above = editor_.Edit(relation).supertype;
    if (role == 0) {
      if (const Type* inherited = editor_.view().FindRole(above, name.name)) {
        return MakeError(Problem::kRoleAlreadyInherited, relates.at,
                         Quoted(relation_label) + " inherits the role " + Quoted(inherited->label) +
                             " and cannot declare it again");
      }
      role = editor_.AddRole(relation, name.name);
    }
    if (relates.overridden) {
      const Label& overridden = LabelOf(*relates.overridden);
      const Type* found = editor_.view().FindRole(above, overridden.name);
      if (!found && editor_.view().RolesNamed(overridden.name).empty()) {
        return MakeError(Problem::kRoleNotFound, overridden.at,
                         "there is no role " + Quoted(overridden.name) + " to override");
      }
      if (!found) {
        return MakeError(Problem::kBadOverride, overridden.at,
                         Quoted(relation_label) + " inherits no role " + Quoted(overridden.name) +
                             " that it could override");
      }
      editor_.Edit(role).overridden_role = found->id;
      editor_.Edit(role).supertype = found->id;
    }
    return Done{};
  }

  Status AddCapabilities(const TypeStatement& statement) {
    const TypeId id = IdOf(statement);
    for (const auto* owns : AllOf<syntax::Owns>(statement)) {
      PEMBA_TRY(std::ignore, AddOwnership(id, *owns));
    }
    for (const auto* plays : AllOf<syntax::Plays>(statement)) {
      PEMBA_TRY(std::ignore, AddPlaying(id, *plays));
    }
    return Done{};
  }

  Status AddOwnership(TypeId owner, const syntax::Owns& owns) {
    const Schema& view = editor_.view();
    PEMBA_TRY(const Type* attribute, FindOfKind(view, LabelOf(owns.attribute), Kind::kAttribute));
    std::optional<TypeId> overridden;
    if (owns.overridden) {
      const Label& label = LabelOf(*owns.overridden);
      PEMBA_TRY(const Type* found, FindOfKind(view, label, Kind::kAttribute));
      const bool subtype = view.Supertypes(attribute->id).Contains(found->id);
      // Whether it is inherited at all, CheckForCommit asks: this query may yet declare it.
      if (!subtype || found->id == attribute->id) {
        return MakeError(Problem::kBadOverride, label.at,
                         Quoted(attribute->label) + " is no subtype of " + Quoted(found->label) +
                             " and cannot override it");
      }
      overridden = found->id;
    }
    auto& declared = editor_.Edit(owner).owns;
    const auto same = std::find_if(declared.begin(), declared.end(), [&](const Ownership& o) {
      return o.attribute == attribute->id;
    });
    if (same == declared.end()) {
      declared.push_back({attribute->id, owns.annotation, overridden});
      return Done{};
    }
    same->annotation = std::max(same->annotation, owns.annotation);
    if (overridden) same->overridden = overridden;
    return Done{};
  }

  Status AddPlaying(TypeId player, const syntax::Plays& plays) {
    const Schema& view = editor_.view();
    PEMBA_TRY(const Type* role, FindScopedRole(view, LabelOf(plays.role)));
    std::optional<TypeId> overridden;
    if (plays.overridden) {
      const Label& label = LabelOf(*plays.overridden);
      for (const TypeId above : view.Supertypes(role->id)) {
        const Type& candidate = view.Get(above);
        const bool named =
            label.scope.empty() ? candidate.name == label.name : candidate.label == ToText(label);
        if (named && above != role->id) overridden = above;
      }
      if (!overridden) {
        return MakeError(Problem::kBadOverride, label.at,
                         Quoted(role->label) + " is no sub-role of " + Quoted(ToText(label)) +
                             " and cannot override it");
      }
    }
    auto& declared = editor_.Edit(player).plays;
    const auto same = std::find_if(declared.begin(), declared.end(),
                                   [&](const Playing& p) { return p.role == role->id; });
    if (same == declared.end()) {
      declared.push_back({role->id, overridden});
    } else if (overridden) {
      same->overridden = overridden;
    }
    return Done{};
  }

  // New rules are checked here. Older ones are resolved against the changed types; one that no
  // longer fits keeps its old form, and CheckForCommit says so unless a later query mends it.
  Status SetRules() {
    auto& rules = editor_.rules();
    for (Rule& rule : rules) {
      auto compiled = internal::CompileRule(rule.definition, editor_.view());
      if (compiled.ok()) rule = *std::move(compiled);
    }
    for (const auto* definition : rules_) {
      PEMBA_TRY(auto rule,
                internal::CompileRule(std::make_shared<const syntax::RuleDefinition>(*definition),
                                      editor_.view()));
      std::erase_if(rules, [&](const Rule& other) { return other.label == rule.label; });
      rules.push_back(std::move(rule));
    }
    return Done{};
  }

  SchemaEditor editor_;
  std::vector<const TypeStatement*> statements_;
  std::vector<const syntax::RuleDefinition*> rules_;
};

// One `undefine`: rules first, then capabilities, then types from the bottom up.
class Undefiner {
 public:
  explicit Undefiner(const Schema& schema) : editor_(schema) {}

  Result<Schema> Run(const syntax::Undefine& query) && {
    std::vector<const TypeStatement*> statements;
    for (const auto& definition : query.definitions) {
      if (const auto* statement = std::get_if<TypeStatement>(&definition)) {
        statements.push_back(statement);
      } else {
        PEMBA_TRY(std::ignore, RemoveRule(std::get<syntax::UndefineRule>(definition).label));
      }
    }
    std::vector<TypeId> doomed;
    for (const auto* statement : statements) {
      const Label& label = LabelOf(statement->subject);
      PEMBA_TRY(const Type* type, FindType(editor_.view(), label));
      if (type->id < kFirstDefined) {
        return MakeError(Problem::kRootImmutable, label.at,
                         Quoted(label.name) + " is built in and cannot be changed");
      }
      PEMBA_TRY(std::ignore, CheckSubs(*type, *statement));
      PEMBA_TRY(std::ignore, RemoveCapabilities(type->id, *statement));
      if (!AllOf<syntax::Sub>(*statement).empty()) doomed.push_back(type->id);
    }
    editor_.Refresh();
    PEMBA_TRY(std::ignore, RemoveTypes(std::move(doomed)));
    editor_.Refresh();
    for (Rule& rule : editor_.rules()) {
      auto compiled = internal::CompileRule(rule.definition, editor_.view());
      if (compiled.ok()) rule = *std::move(compiled);
    }
    return std::move(editor_).Finish();
  }

 private:
  Status RemoveRule(const Label& label) {
    auto& rules = editor_.rules();
    const auto gone =
        std::erase_if(rules, [&](const Rule& rule) { return rule.label == label.name; });
    if (gone == 0) {
      return MakeError(Problem::kRuleNotFound, label.at,
                       "the rule " + Quoted(label.name) + " is not defined");
    }
    return Done{};
  }

  Status CheckSubs(const Type& type, const TypeStatement& statement) const {
    for (const auto* sub : AllOf<syntax::Sub>(statement)) {
      PEMBA_TRY(const Type* above, FindType(editor_.view(), LabelOf(sub->type)));
      if (above->id == type.id || !editor_.view().Supertypes(type.id).Contains(above->id)) {
        return MakeError(Problem::kCapabilityMissing, sub->at,
                         Quoted(type.label) + " is no subtype of " + Quoted(above->label));
      }
    }
    return Done{};
  }

  Status RemoveCapabilities(TypeId id, const TypeStatement& statement) {
    for (const auto& constraint : statement.constraints) {
      PEMBA_TRY(
          std::ignore,
          std::visit(Overloaded{[&](const syntax::Abstract&) -> Status {
                                  editor_.Edit(id).abstractness = Abstractness::kConcrete;
                                  return Done{};
                                },
                                [&](const syntax::Owns& c) { return Disown(id, c); },
                                [&](const syntax::Plays& c) { return Unplay(id, c); },
                                [&](const syntax::Relates& c) { return Unrelate(id, c); },
                                [&](const syntax::ValueIs& c) -> Status {
                                  return MakeError(Problem::kValueTypeChanged, c.at,
                                                   "a value type cannot be undefined");
                                },
                                [&](const syntax::Regex& c) -> Status { return Unregex(id, c); },
                                [](const auto&) -> Status { return Done{}; }},
                     constraint));
    }
    return Done{};
  }

  Error Missing(TypeId id, Position at, bool inherited, const std::string& what) {
    const std::string subject = Quoted(editor_.Edit(id).label);
    if (inherited) {
      return MakeError(
          Problem::kCapabilityInherited, at,
          subject + " inherits that it " + what + "; undefine it where it is declared");
    }
    return MakeError(Problem::kCapabilityMissing, at,
                     subject + " does not declare that it " + what);
  }

  Status Disown(TypeId id, const syntax::Owns& owns) {
    PEMBA_TRY(const Type* attribute,
              FindOfKind(editor_.view(), LabelOf(owns.attribute), Kind::kAttribute));
    auto& declared = editor_.Edit(id).owns;
    const auto found = std::find_if(declared.begin(), declared.end(), [&](const Ownership& o) {
      return o.attribute == attribute->id;
    });
    if (found == declared.end()) {
      return Missing(id, owns.at, editor_.view().OwnedBy(id).Contains(attribute->id),
                     "owns " + Quoted(attribute->label));
    }
    // With an annotation or an override, only that ends.
    if (owns.annotation == syntax::Annotation::kNone && !owns.overridden) {
      declared.erase(found);
      return Done{};
    }
    if (owns.annotation != syntax::Annotation::kNone) found->annotation = syntax::Annotation::kNone;
    if (owns.overridden) found->overridden.reset();
    return Done{};
  }

  Status Unplay(TypeId id, const syntax::Plays& plays) {
    PEMBA_TRY(const Type* role, FindScopedRole(editor_.view(), LabelOf(plays.role)));
    auto& declared = editor_.Edit(id).plays;
    const auto found = std::find_if(declared.begin(), declared.end(),
                                    [&](const Playing& p) { return p.role == role->id; });
    if (found == declared.end()) {
      return Missing(id, plays.at, editor_.view().Plays(id).Contains(role->id),
                     "plays " + Quoted(role->label));
    }
    if (plays.overridden) {
      found->overridden.reset();
    } else {
      declared.erase(found);
    }
    return Done{};
  }

  Status Unrelate(TypeId id, const syntax::Relates& relates) {
    const Label& name = LabelOf(relates.role);
    for (const TypeId role : editor_.Edit(id).relates) {
      if (editor_.Edit(role).name != name.name) continue;
      if (relates.overridden) {
        editor_.Edit(role).overridden_role.reset();
        editor_.Edit(role).supertype = kRootRole;
        return Done{};
      }
      return RemoveType(role, relates.at);
    }
    if (!editor_.view().FindRole(id, name.name) && editor_.view().RolesNamed(name.name).empty()) {
      return MakeError(Problem::kRoleNotFound, name.at, "there is no role " + Quoted(name.name));
    }
    return Missing(id, relates.at, editor_.view().FindRole(id, name.name) != nullptr,
                   "relates " + Quoted(name.name));
  }

  Status Unregex(TypeId id, const syntax::Regex& regex) {
    if (editor_.Edit(id).regex != regex.pattern) {
      return Missing(id, regex.at, false, "has this regular expression");
    }
    editor_.Edit(id).regex.clear();
    return Done{};
  }

  Status RemoveTypes(std::vector<TypeId> doomed) {
    std::sort(doomed.begin(), doomed.end(), [&](TypeId a, TypeId b) {
      return editor_.view().Supertypes(a).size() > editor_.view().Supertypes(b).size();
    });
    doomed.erase(std::unique(doomed.begin(), doomed.end()), doomed.end());
    for (const TypeId id : doomed) {
      PEMBA_TRY(std::ignore, RemoveType(id, {}));
      editor_.Refresh();
    }
    return Done{};
  }

  Status RemoveType(TypeId id, Position at) {
    const Type& type = editor_.Edit(id);
    if (editor_.view().Subtypes(id).size() > 1) {
      std::string others;
      for (const TypeId below : editor_.view().DirectSubtypes(id)) {
        others.append(others.empty() ? "" : ", ").append(Quoted(editor_.view().Get(below).label));
      }
      return MakeError(Problem::kTypeHasSubtypes, at,
                       Quoted(type.label) + " has subtypes: " + others);
    }
    for (const Rule& rule : editor_.rules()) {
      if (internal::MentionOf(rule, id, editor_.view()) == internal::Mention::kNamed) {
        return MakeError(Problem::kTypeInRule, at,
                         Quoted(type.label) + " is named by the rule " + Quoted(rule.label));
      }
    }
    editor_.Remove(id);
    return Done{};
  }

  SchemaEditor editor_;
};

}  // namespace

Result<Schema> Define(const Schema& schema, const syntax::Define& query) {
  return Definer(schema, query).Run();
}

Result<Schema> Undefine(const Schema& schema, const syntax::Undefine& query) {
  return Undefiner(schema).Run(query);
}

Result<Schema> Restore(std::string_view text,
                       std::span<const std::pair<std::string, TypeId>> numbers, TypeId type_limit) {
  Schema schema;
  if (!text.empty()) {
    PEMBA_TRY(const auto query, ParseQuery(text));
    const auto* define = std::get_if<syntax::Define>(&query.node);
    if (!define) return Error{ErrorCode::kDataLoss, "the stored schema is not a definition"};
    PEMBA_TRY(schema, Define(schema, *define));
  }
  StringSet labels;
  TypeSet used;
  for (const auto& [label, number] : numbers) {
    const Type* type = schema.Find(label);
    if (!type || type->label != label || !labels.insert(label).second || used.Contains(number) ||
        number < kFirstDefined || number >= type_limit) {
      return Error{ErrorCode::kDataLoss, "the numbers of the stored schema do not fit it"};
    }
    used.Add(number);
  }
  if (labels.size() + kFirstDefined != schema.type_limit()) {
    return Error{ErrorCode::kDataLoss, "the stored schema has types without numbers"};
  }
  SchemaEditor editor(schema);
  editor.Renumber({numbers.begin(), numbers.end()}, type_limit);
  editor.Refresh();
  for (Rule& rule : editor.rules()) {
    PEMBA_TRY(rule, internal::CompileRule(rule.definition, editor.view()));
  }
  return std::move(editor).Finish();
}

}  // namespace pemba::reason
