// Facts: what single objects come to in tuples, other than bindings and roles. Pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/resource/object.h"
#include "pemba/tuple/tuple.h"

namespace pemba::iam::internal {

// The kinds whose objects say more than what they lie in.
struct FactKinds {
  const resource::Kind *user, *service_account, *group, *group_membership;
  const resource::Kind *policy_binding, *role, *protected_resource, *service;

  // Kinds that the registry lacks are null.
  static FactKinds In(const resource::Registry& registry);
  bool IsRegistration(const resource::Kind* kind) const {
    return kind == protected_resource || kind == service;
  }
};

// An object as of one moment, null if there is none.
using FindObject = std::function<resource::ObjectPtr(const resource::ObjectKey&)>;

// What the object lies in: for every registered parent type of its kind
//   spec.ownerRef if it names an object of that kind; where there is no such field, the metadata's
//   owner references; spec.<kind>Ref (organizationRef, userRef, groupRef, ...); the organization
//   whose namespace it is in.
std::vector<tuple::Tuple> ParentTuples(const resource::Object& object, const Catalog& catalog,
                                       const resource::Registry& registry);

// A user or service account is authenticated. `account` is of one of these kinds.
tuple::Tuple AuthenticatedTuple(const resource::Object& account, const FactKinds& kinds);

// The group that a membership is of; and its member, with kind null if it is no kind of member.
resource::ObjectKey GroupOf(const resource::Object& membership, const FactKinds& kinds);
resource::ObjectKey MemberOf(const resource::Object& membership, const FactKinds& kinds);
// Nothing unless both are there.
std::optional<tuple::Tuple> MembershipTuple(const resource::Object& membership,
                                            const FactKinds& kinds, const FindObject& find);

}  // namespace pemba::iam::internal
