// A pattern against a schema: labels resolved, statements split into atoms, every variable with the
// set of types that it can have. What queries are planned from and rules are made of.
//
// Types that a text names by label become domains, not atoms: `$x isa file, has size-kb 5` is one
// HasAtom and one CompareAtom, and the domain of `x` says which exact types an `x` can have. Atoms
// exist only where at least two variables, or a variable and a value, meet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pemba/reason/syntax.h"
#include "pemba/reason/type_set.h"

namespace pemba::reason {

using VariableId = std::uint32_t;  // Index into ResolvedPattern::variables.

// A thing variable is bound to an entity, a relation or an attribute instance; a type variable to a
// type of any kind, roles and roots included; a value variable (`?v`) to a value.
enum class VariableKind : std::uint8_t { kThing, kType, kValue };

struct VariableInfo {
  std::string name;  // As in syntax::Variable; anonymous ones begin with `_`.
  VariableKind kind = VariableKind::kThing;
  Position at;  // The first occurrence.
  bool anonymous() const { return name.starts_with('_'); }
};

// `thing isa type`: `type` is the exact type of `thing` or, unless exact, any of its supertypes.
struct IsaAtom {
  VariableId thing = 0, type = 0;
  syntax::Exactness exactness = syntax::Exactness::kSubtypesToo;
};
struct HasAtom {
  VariableId owner = 0, attribute = 0;
};
// Each listed player has a role edge of its own: two entries never use the same edge.
struct PlayerAtom {
  std::optional<VariableId> role;  // Bound to the edge's role type and to each of its super-roles.
  TypeSet roles;                   // The exact role types that the edge can have.
  VariableId player = 0;
};
struct RelationAtom {
  VariableId relation = 0;
  std::vector<PlayerAtom> players;  // At least one. The relation may have more than these.
};
// Compares attribute or value variables. Incomparable values do not match.
struct CompareAtom {
  VariableId left = 0;
  syntax::Comparator comparator = syntax::Comparator::kEqual;
  std::variant<Value, VariableId> right;  // A string if the comparator is kContains or kLike.
};
struct IsAtom {
  VariableId left = 0, right = 0;  // Both thing or both type variables.
};
struct IidAtom {
  VariableId thing = 0;
  std::uint64_t iid = 0;
};
struct AssignAtom {
  VariableId variable = 0;
  syntax::Expression expression;  // Its variables are found by name.
};
// Between two type variables (what has a label is a domain):
struct SubAtom {
  VariableId subtype = 0, supertype = 0;
  syntax::Exactness exactness = syntax::Exactness::kSubtypesToo;
};
struct RelatesAtom {
  VariableId relation = 0, role = 0;
};
struct PlaysAtom {
  VariableId player = 0, role = 0;
};
struct OwnsAtom {
  VariableId owner = 0, attribute = 0;
  syntax::Annotation annotation = syntax::Annotation::kNone;  // At least this strict.
};
using Atom = std::variant<IsaAtom, HasAtom, RelationAtom, CompareAtom, IsAtom, IidAtom, AssignAtom,
                          SubAtom, RelatesAtom, PlaysAtom, OwnsAtom>;

// The types that a variable can have: for a thing the exact types of the instance, for a type
// variable the types that it can be bound to. Empty and meaningless for value variables.
struct Domain {
  VariableId variable = 0;
  TypeSet types;
};

// Holds for a binding if every variable of `domains` has a type in its domain, every atom holds,
// every disjunction has a branch that holds, and no negation does.
//
// Domains of nested conjunctions are no wider than those around them. A variable is local to the
// outermost conjunction that mentions it (a branch, a negation or the trunk).
struct Conjunction {
  std::vector<Domain> domains;  // One for each variable of `atoms` or `isa` here, by VariableId.
  std::vector<Atom> atoms;
  std::vector<std::vector<Conjunction>> disjunctions;  // Each with at least two branches.
  std::vector<Conjunction> negations;                  // Negations that can never hold are dropped.
  // False: types fit, but only abstract ones, so nothing can match. For this conjunction alone: a
  // trunk can be answerable while a branch is not.
  bool answerable = true;

  const TypeSet* DomainOf(VariableId variable) const;  // Null if not mentioned here.
};

struct ResolvedPattern {
  std::vector<VariableInfo> variables;  // Of the trunk and all that is nested.
  Conjunction trunk;

  std::optional<VariableId> Find(const std::string& name) const;
};

// What a rule concludes, with variables of its body. Role and type may be variables, too.
struct ConcludedRelation {
  TypeId type = 0;
  std::optional<VariableId> type_variable;  // Instead of `type`.
  std::vector<PlayerAtom> players;  // `roles`: the one of these that the concluded type relates.
};
struct ConcludedOwnership {
  VariableId owner = 0;
  // An attribute that the body binds; or an attribute of this type with this value, which is put.
  struct Put {
    TypeId type = 0;
    std::variant<Value, VariableId> value;  // A value variable.
  };
  std::variant<VariableId, Put> attribute;
};
using Conclusion = std::variant<ConcludedRelation, ConcludedOwnership>;

}  // namespace pemba::reason
