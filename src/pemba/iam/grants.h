// Grants: which declared objects give a principal a permission, or keep it from it.
//
// What the decider answers, told from the objects: binding, subject and groups, role and the roles
// that it inherits, target and what lies between it and the resource. Every step names the object
// that says so, so that anybody can look it up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/iam/catalog.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/roles.h"
#include "pemba/resource/resource_store.h"

namespace pemba::iam {

// One way from a principal to a permission. Paths are in order, both ends included.
struct GrantPath {
  std::string binding;                   // "organization-northwind/b1"
  std::string subject;                   // "Group organization-northwind/cataloguers"
  std::vector<std::string> group_path;   // From the principal: "User tomas", "Group ...".
  std::vector<std::string> role_path;    // From the bound role to the one that includes it.
  std::vector<std::string> parent_path;  // From the resource to what is bound.
  std::string target;                    // As in tuples; of all objects of a kind, its root.
  bool ready = false;
};

// Why there is no access, the closest first.
struct GrantNearMiss {
  enum class Reason : std::uint8_t {
    kAccount,              // The principal may do nothing.
    kBindingNotReady,      // A binding would grant it, but does not hold.
    kNotAMember,           // A group that the principal is not in is granted it.
    kRoleLacksPermission,  // The principal is bound here, to a role without it.
    kGrantedElsewhere,     // The principal has it on something else.
    kNotBound,             // There is nothing of all this.
  } reason = Reason::kNotBound;
  std::string message;
  GrantPath grant;  // About which binding; none for kAccount and kNotBound.
};
std::string_view ToText(GrantNearMiss::Reason reason);  // "not_a_member", ...

struct GrantLimits {
  std::size_t grants_max = 100;
  std::size_t near_misses_max = 5;
  std::size_t bindings_max = 1'000;  // Looked at for near misses.
  std::size_t groups_max = 1'000;    // Of one principal.
};

// Thread-safe. Borrows both.
class Grants {
 public:
  Grants(const resource::ResourceStore& resources, const Decider& decider, GrantLimits limits = {})
      : resources_(resources), decider_(decider), limits_(limits) {}

  // Every binding that grants what is asked, the nearest target first. O(what the resource lies in
  // x groups of the principal), whatever else is declared.
  Result<std::vector<GrantPath>> Find(const AccessQuestion& question) const;
  // Of a question that was denied.
  Result<std::vector<GrantNearMiss>> FindNearMisses(const AccessQuestion& question) const;
  // The first binding that decides on the item which an answer rests on; empty if there is none
  // any more.
  std::string BindingOf(const std::string& uid, const AccessDecision& decision) const;

  // The groups that a principal, or with it a group, is in, and by which way; the first is the
  // principal itself.
  struct Membership {
    std::string subject;            // As in tuples.
    std::vector<std::string> path;  // "User tomas", "Group north/cataloguers"
  };
  std::vector<Membership> MembershipsOf(std::string_view uid) const;

  // From the role to the one that includes the permission; empty if none does.
  std::vector<std::string> RolePath(const RoleKey& role, std::string_view permission) const;

 private:
  struct Place {
    std::string object;  // As in tuples.
    std::vector<std::string> path;
  };
  Result<std::vector<Place>> PlacesOf(const AccessQuestion& question) const;
  std::shared_ptr<const RoleEntry> FindRole(const RoleKey& key) const;
  std::string SubjectName(std::string_view subject) const;
  GrantPath PathOf(const resource::Object& binding, const Membership& membership,
                   const Place& place) const;

  const resource::ResourceStore& resources_;
  const Decider& decider_;
  const GrantLimits limits_;
};

}  // namespace pemba::iam
