// Authority: what a caller may do already, asked before it may pass that on.
//
// The rules (rules.h) refuse grants of what their author does not hold. Who holds what is for the
// decider to say; this is the seam between the two.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "pemba/base/result.h"
#include "pemba/resource/transaction.h"

namespace pemba::iam {

// What permissions are held on: one object, or every object of a kind.
struct Target {
  std::string type;        // "resourcemanager.miloapis.com/Project"
  std::string name_space;  // Empty for kinds of cluster scope.
  std::string name;        // Empty: every object of the kind.
  friend bool operator==(const Target&, const Target&) = default;
};

// Thread-safe.
class Authority {
 public:
  virtual ~Authority() = default;

  // The first of the permissions (`<service>/<plural>.<action>`) that the caller does not hold on
  // the target; nullopt if it holds all of them. Judged on what is committed. Called while a
  // transaction is under way, so it must not write declared objects.
  // Errors: it could not be decided, which the rules treat as a refusal.
  virtual Result<std::optional<std::string>> Lacks(const resource::Caller& caller,
                                                   std::span<const std::string> permissions,
                                                   const Target& target) = 0;
};

}  // namespace pemba::iam
