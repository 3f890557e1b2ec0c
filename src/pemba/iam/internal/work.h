// What rules and controllers work with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pemba/iam/authority.h"
#include "pemba/iam/catalog.h"
#include "pemba/iam/indexes.h"
#include "pemba/iam/internal/known_kinds.h"
#include "pemba/iam/roles.h"
#include "pemba/iam/settings.h"
#include "pemba/resource/transaction.h"

namespace pemba::iam::internal {

using resource::Failure;
using resource::FieldError;
using resource::ObjectKey;
using resource::ObjectPtr;
using resource::Outcome;
using resource::Transaction;

// Who wants an object looked at when its time comes. An alarm that turns out to be needless does no
// harm: whoever is woken looks at what is there.
class Alarms {
 public:
  virtual ~Alarms() = default;
  virtual void WakeAt(WallTime time, const ObjectKey& key) = 0;
};

// The parts that live as long as the control plane.
struct Environment {
  const Kinds& kinds;
  const Settings& settings;
  Authority* authority = nullptr;  // Null: nobody holds anything.
  Alarms* alarms = nullptr;        // Null: nobody is woken.
  // The addresses that the identity provider knows a user by; null: it cannot be asked.
  std::function<Result<std::vector<std::string>>(const resource::Caller&)> linked_emails = {};
};

// One transaction, with the kinds as they are in it.
struct Work {
  Transaction& transaction;
  const Environment& environment;
  const Catalog& catalog;

  const Kinds& kinds() const { return environment.kinds; }
  const Settings& settings() const { return environment.settings; }

  ObjectPtr Find(const resource::Kind* kind, std::string_view name_space,
                 std::string_view name) const {
    return transaction.Find({kind, std::string(name_space), std::string(name)});
  }
  ObjectPtr FindRole(const RoleKey& key) const {
    return Find(kinds().role, key.name_space, key.name);
  }
};

}  // namespace pemba::iam::internal
