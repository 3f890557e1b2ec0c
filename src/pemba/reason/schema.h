// A schema: entity, relation, attribute and role types, and rules; with every lookup that type
// inference and planning need, made once.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/base/result.h"
#include "pemba/reason/pattern.h"
#include "pemba/reason/syntax.h"
#include "pemba/reason/type_set.h"
#include "pemba/reason/value.h"

namespace pemba::reason {

enum class Kind : std::uint8_t { kThing, kEntity, kRelation, kAttribute, kRole };

// The roots. Every schema has them, under these numbers; kRootRole is `relation:role`.
inline constexpr TypeId kRootThing = 0, kRootEntity = 1, kRootRelation = 2, kRootAttribute = 3,
                        kRootRole = 4, kFirstDefined = 5;

enum class Abstractness : std::uint8_t { kConcrete, kAbstract };

struct Ownership {
  TypeId attribute = 0;
  syntax::Annotation annotation = syntax::Annotation::kNone;
  std::optional<TypeId> overridden;  // `owns name as id`: the inherited `id` ends here.
};
struct Playing {
  TypeId role = 0;
  std::optional<TypeId> overridden;
};

// A type as it was declared; what it inherits is known by Schema.
struct Type {
  TypeId id = 0;
  Kind kind = Kind::kThing;
  std::string label;     // `file`; for a role with its relation, `access:accessed-object`.
  std::string name;      // `file`; for a role alone, `accessed-object`.
  TypeId supertype = 0;  // For kRootThing and kRootRole itself.
  Abstractness abstractness = Abstractness::kConcrete;  // A role is as abstract as its relation.
  std::vector<Ownership> owns;
  std::vector<Playing> plays;
  // Attributes.
  std::optional<ValueType> value_type;  // Own or inherited; only roots and kinds without have none.
  std::string regex;                    // Empty: any string.
  // Relations.
  std::vector<TypeId> relates;  // Declared here.
  // Roles.
  TypeId relation = 0;                    // Where it is declared.
  std::optional<TypeId> overridden_role;  // `relates a as b`: b, which is then the supertype.
};

// A rule, checked and resolved. `when` and `then` share variables.
struct Rule {
  std::string label;
  std::shared_ptr<const syntax::RuleDefinition> definition;
  ResolvedPattern when;
  Conclusion then;
};

// Immutable once made; readable from any thread. Copies are deep: hand it around by shared_ptr.
class Schema {
 public:
  Schema();  // The roots alone.

  // ---- Types ----
  // By number. The number must be of a type that exists.
  const Type& Get(TypeId id) const;
  bool Exists(TypeId id) const;
  // One more than the highest number ever given. Numbers below may be of types that are gone.
  TypeId type_limit() const;
  // By label, `file` or `access:accessed-object`. A scoped label also finds a role that the
  // relation inherits (`group-membership:member` is `membership:member`). Null if there is none.
  const Type* Find(std::string_view label) const;
  // The role of this name that the relation type relates, own or inherited and not overridden.
  const Type* FindRole(TypeId relation, std::string_view name) const;
  // All roles of this name, of any relation.
  const TypeSet& RolesNamed(std::string_view name) const;

  const TypeSet& OfKind(Kind kind) const;      // All of them, the root included. kThing: the root.
  const TypeSet& AbstractTypes() const;        // Roots included.
  const TypeSet& Subtypes(TypeId id) const;    // Reflexive and transitive.
  const TypeSet& Supertypes(TypeId id) const;  // Reflexive and transitive, up to the root.
  const TypeSet& DirectSubtypes(TypeId id) const;

  // ---- Capabilities: own and inherited, less what is overridden ----
  std::span<const Ownership> Owns(TypeId owner) const;  // At most one per attribute type.
  const TypeSet& OwnedBy(TypeId owner) const;           // The attribute types of the same.
  const TypeSet& Owners(TypeId attribute) const;        // Of exactly this attribute type.
  const TypeSet& Plays(TypeId player) const;
  const TypeSet& Players(TypeId role) const;  // Of exactly this role.
  const TypeSet& Relates(TypeId relation) const;
  const TypeSet& Relaters(TypeId role) const;  // Relation types that relate exactly it.

  // ---- Rules, by label ----
  std::span<const Rule> rules() const;
  const Rule* FindRule(std::string_view label) const;

  // The whole schema as one `define` query, types before rules; empty if nothing is defined.
  // Reading it into an empty schema gives an equal one (but for type numbers).
  std::string ToText() const;

 private:
  friend class SchemaEditor;
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace pemba::reason
