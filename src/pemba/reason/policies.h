// Segregation policies as data: which actions nobody may combine, and what was done already.
#pragma once

#include <string>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/database.h"
#include "pemba/reason/thing.h"

namespace pemba::reason {

enum class PolicyKind : std::uint8_t {
  kStatic,   // Holding both permissions on one object is a violation.
  kDynamic,  // Having done one forbids the other.
};

// One policy that an action is in, and one other action of it.
struct Segregation {
  std::string policy;
  PolicyKind kind = PolicyKind::kStatic;
  std::string partner;  // The other action's name.
};

// The policies that segregate the action of this name, by policy and partner. A policy applies to
// the actions that it lists; who holds a set of actions holds its members. Reads a read transaction
// over the types of the `iam` sample.
Result<std::vector<Segregation>> SegregationsOf(Transaction& transaction,
                                                const std::string& action_name);

// The thing that a projection (projection.h) calls by this name: `user:anne%40example.com`,
// `group:business-unit/Core`, `file:README.md`. Errors: kValidation if there is none: who is not
// known cannot be judged.
Result<ThingId> FindProjected(Transaction& transaction, const std::string& name);

// When the subject did this action to the object: the texts of the recorded times in order, or the
// empty text if no record has a time. Empty: never.
Result<std::vector<std::string>> TimesDone(Transaction& transaction, ThingId subject,
                                           const std::string& action_name, ThingId object);

// The names of all actions.
Result<std::vector<std::string>> ActionNames(Transaction& transaction);

}  // namespace pemba::reason
