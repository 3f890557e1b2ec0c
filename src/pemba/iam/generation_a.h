// What bindings were in tuples in the first generation of such systems, whose objects were named by
// resource names. For reading and filling stores of that time.
//
//   role      iam.datumapis.com/InternalRole:services/library.example.org/roles/librarian
//   binding   iam.datumapis.com/RoleBinding:<SHA-256 of the target's self link and the role's name>
//   user      iam.datumapis.com/InternalUser:users/mira
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pemba/tuple/tuple.h"

namespace pemba::iam {

// One role on one object.
struct GenerationABinding {
  std::string target_type;           // "resourcemanager.datumapis.com/Organization"
  std::string target_name;           // "organizations/northwind"
  std::string role;                  // "services/library.example.org/roles/librarian"
  std::vector<std::string> members;  // "users/mira"; "*": all authenticated users.
};
std::vector<tuple::Tuple> GenerationATuples(const GenerationABinding& binding);

// The permissions of a role, those that it inherits among them.
std::vector<tuple::Tuple> GenerationARoleTuples(std::string_view role,
                                                const std::vector<std::string>& permissions);

}  // namespace pemba::iam
