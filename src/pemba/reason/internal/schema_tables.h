// What a schema is made of: declarations, and everything that follows from them.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/reason/schema.h"

namespace pemba::reason {

struct Schema::Tables {
  // Declarations.
  std::vector<std::optional<Type>> types;  // By number; nothing where a type is gone.
  std::vector<Rule> rules;                 // By label.

  // What follows. Made by Derive().
  struct Derived {
    TypeSet subtypes, supertypes, direct_subtypes;
    std::vector<Ownership> owns;
    TypeSet owned_by, owners, plays, players, relates, relaters;
  };
  std::vector<Derived> derived;  // By number.
  StringMap<TypeId> by_label;    // Roles by scoped label, under their own relation alone.
  StringMap<TypeSet> roles_named;
  std::array<TypeSet, 5> of_kind;  // By Kind.
  TypeSet abstracts;

  // Computes what follows from `types`. The hierarchy must be free of cycles. O(types^2 / 64).
  void Derive();

 private:
  std::vector<TypeId> TopDown() const;
  void DeriveHierarchy(const std::vector<TypeId>& top_down);
  void DeriveCapabilities(const std::vector<TypeId>& top_down);
};

}  // namespace pemba::reason
