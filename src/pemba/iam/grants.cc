#include "pemba/iam/grants.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "pemba/iam/indexes.h"
#include "pemba/iam/internal/fields.h"
#include "pemba/iam/internal/parents.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projection.h"
#include "pemba/resource/members.h"

namespace pemba::iam {
namespace {

using internal::TextIn;
using resource::ObjectOf;
using resource::ObjectPtr;
using Miss = GrantNearMiss;

std::string NameOf(const resource::Object& object) {
  if (object.key.name_space.empty()) return object.key.name;
  return PlaceKey(object.key.name_space, object.key.name);
}

// The group of a membership: as named, in the membership's own namespace unless it says so.
RoleKey GroupOf(const resource::Object& membership) {
  const auto* group = ObjectOf(membership.spec(), "groupRef");
  if (group == nullptr) return {};
  RoleKey key{std::string(TextIn(*group, "namespace")), std::string(TextIn(*group, "name"))};
  if (key.name_space.empty()) key.name_space = membership.key.name_space;
  return key;
}

// As the binding's subject is written.
std::string SubjectShown(const Grants::Membership& membership) { return membership.path.back(); }

}  // namespace

std::string_view ToText(Miss::Reason reason) {
  switch (reason) {
    case Miss::Reason::kAccount:
      return "account";
    case Miss::Reason::kBindingNotReady:
      return "binding_not_ready";
    case Miss::Reason::kNotAMember:
      return "not_a_member";
    case Miss::Reason::kRoleLacksPermission:
      return "role_lacks_permission";
    case Miss::Reason::kGrantedElsewhere:
      return "granted_elsewhere";
    case Miss::Reason::kNotBound:
      return "not_bound";
  }
  return "";
}

std::vector<Grants::Membership> Grants::MembershipsOf(std::string_view uid) const {
  const auto& registry = resources_.registry();
  const auto* groups = registry.FindKind(kIamGroup, "Group");
  std::vector<Membership> all;
  std::vector<std::string> keys;  // Of the index, beside `all`; empty: nobody's member.
  const auto user = internal::FindObject(
      resources_, {registry.FindKind(kIamGroup, "User"), "", std::string(uid)});
  const auto account = user != nullptr ? nullptr : internal::FindServiceAccount(resources_, uid);
  if (account != nullptr) {
    all.push_back({ServiceAccountSubject(uid), {"ServiceAccount " + account->key.name}});
    keys.push_back(SubjectIndexKey("ServiceAccount", account->key.name_space, account->key.name));
  } else {
    all.push_back({UserSubject(uid), {"User " + std::string(uid)}});
    keys.push_back(SubjectIndexKey("User", "", uid));
  }
  if (user != nullptr || account != nullptr) {
    all.push_back({SystemGroupSubject(kAuthenticatedGroup),
                   {all.front().path.front(), "Group " + std::string(kAuthenticatedGroup)}});
    keys.emplace_back();
  }
  for (std::size_t i = 0; i < all.size() && all.size() < limits_.groups_max; ++i) {
    if (keys[i].empty()) continue;
    for (const auto& membership : resources_.FindBy(kGroupMembershipsByMember, keys[i])) {
      const auto place = GroupOf(*membership);
      const auto group = internal::FindObject(resources_, {groups, place.name_space, place.name});
      if (group == nullptr) continue;
      auto subject = GroupSubject(group->uid());
      const bool known =
          std::ranges::any_of(all, [&](const auto& one) { return one.subject == subject; });
      if (known) continue;
      auto path = all[i].path;
      path.push_back("Group " + place.ToText());
      all.push_back({std::move(subject), std::move(path)});
      keys.push_back(SubjectIndexKey("Group", place.name_space, place.name));
    }
  }
  return all;
}

std::shared_ptr<const RoleEntry> Grants::FindRole(const RoleKey& key) const {
  const auto* roles = resources_.registry().FindKind(kIamGroup, "Role");
  const auto role = internal::FindObject(resources_, {roles, key.name_space, key.name});
  return role == nullptr ? nullptr : std::make_shared<const RoleEntry>(RoleEntryOf(*role));
}

// Breadth first, so that the path is a shortest one.
std::vector<std::string> Grants::RolePath(const RoleKey& role, std::string_view permission) const {
  std::vector<std::pair<RoleKey, std::size_t>> walk{{role, 0}};  // With whom it was reached from.
  std::set<RoleKey> seen{role};
  for (std::size_t i = 0; i < walk.size(); ++i) {
    const auto entry = FindRole(walk[i].first);
    if (entry == nullptr || entry->stage == LaunchStage::kDisabled) continue;
    if (std::ranges::find(entry->included, permission) != entry->included.end()) {
      std::vector<std::string> path;
      for (std::size_t at = i;; at = walk[at].second) {
        path.push_back(walk[at].first.ToText());
        if (at == 0) break;
      }
      std::ranges::reverse(path);
      return path;
    }
    for (const auto& inherited : entry->inherited) {
      if (seen.insert(inherited).second) walk.emplace_back(inherited, i);
    }
  }
  return {};
}

// The resource, what it lies in, and each one's kind.
Result<std::vector<Grants::Place>> Grants::PlacesOf(const AccessQuestion& question) const {
  std::vector<Place> places;
  const auto& target = question.target;
  if (target.name.empty()) {
    const auto root = KindRootObject(target.type);
    places.push_back({root, {root}});
    return places;
  }
  const auto object = ObjectText(target.type, target.name_space, target.name);
  PEMBA_TRY(const auto ancestors, decider_.AncestorsOf(object, target));
  places.push_back({object, {object}});
  for (const auto& ancestor : ancestors) places.push_back({ancestor, {object, ancestor}});
  for (std::size_t i = 0, end = places.size(); i < end; ++i) {
    auto root = KindRootObject(tuple::SplitObject(places[i].object).type);
    const bool known =
        std::ranges::any_of(places, [&](const auto& one) { return one.object == root; });
    if (known) continue;
    auto path = places[i].path;
    path.push_back(root);
    places.push_back({std::move(root), std::move(path)});
  }
  return places;
}

GrantPath Grants::PathOf(const resource::Object& binding, const Membership& membership,
                         const Place& place) const {
  GrantPath path;
  path.binding = NameOf(binding);
  path.subject = SubjectShown(membership);
  path.group_path = membership.path;
  path.parent_path = place.path;
  path.target = place.object;
  path.ready = Holds(binding);
  return path;
}

Result<std::vector<GrantPath>> Grants::Find(const AccessQuestion& question) const {
  std::vector<GrantPath> found;
  PEMBA_TRY(const auto places, PlacesOf(question));
  const auto memberships = MembershipsOf(question.uid);
  for (const auto& place : places) {
    for (const auto& membership : memberships) {
      const auto bindings = resources_.FindBy(
          kBindingsByTargetAndSubject, TargetAndSubjectKey(place.object, membership.subject));
      for (const auto& binding : bindings) {
        if (!Holds(*binding)) continue;
        const auto grant = BindingGrantOf(*binding, resources_.registry());
        auto roles = RolePath(grant.role, question.permission);
        if (roles.empty()) continue;
        found.push_back(PathOf(*binding, membership, place));
        found.back().role_path = std::move(roles);
        if (found.size() >= limits_.grants_max) return found;
      }
    }
  }
  return found;
}

std::string Grants::BindingOf(const std::string& uid, const AccessDecision& decision) const {
  if (!decision.deciding) return {};
  const auto& item = decision.items[*decision.deciding];
  const auto parts = tuple::SplitObject(item.object);
  std::vector<std::string> objects{item.object};
  if (parts.type != kRootType) {
    auto above = decider_.AncestorsOf(item.object, {std::string(parts.type), "", ""});
    if (above.ok()) objects.insert(objects.end(), above->begin(), above->end());
  }
  const auto memberships = MembershipsOf(uid);
  for (const auto& object : objects) {
    for (const auto& membership : memberships) {
      for (const auto& binding : resources_.FindBy(
               kBindingsByTargetAndSubject, TargetAndSubjectKey(object, membership.subject))) {
        if (!Holds(*binding)) continue;
        const auto grant = BindingGrantOf(*binding, resources_.registry());
        if (!RolePath(grant.role, decision.permission).empty()) return NameOf(*binding);
      }
    }
  }
  return {};
}

Result<std::vector<GrantNearMiss>> Grants::FindNearMisses(const AccessQuestion& question) const {
  std::vector<GrantNearMiss> misses;
  const auto add = [&](Miss::Reason reason, std::string message, GrantPath grant = {}) {
    misses.push_back({reason, std::move(message), std::move(grant)});
  };
  if (const auto problem = decider_.AccountProblem(question.uid, {})) {
    add(Miss::Reason::kAccount,
        fmt::format("`{}` may do nothing: {}", question.uid, ToText(*problem)));
  }
  PEMBA_TRY(const auto places, PlacesOf(question));
  const auto memberships = MembershipsOf(question.uid);
  const auto find_own = [&](const BindingGrant& grant) -> const Membership* {
    for (const auto& membership : memberships) {
      if (std::ranges::find(grant.subjects, membership.subject) != grant.subjects.end()) {
        return &membership;
      }
    }
    return nullptr;
  };
  std::size_t looked_at = 0;
  for (const auto& place : places) {
    for (const auto& binding : resources_.FindBy(kBindingsByTarget, place.object)) {
      if (++looked_at > limits_.bindings_max) break;
      const auto grant = BindingGrantOf(*binding, resources_.registry());
      const auto* own = find_own(grant);
      auto roles = RolePath(grant.role, question.permission);
      const bool includes = !roles.empty();
      if (own == nullptr && !includes) continue;
      if (own == nullptr && grant.subjects.empty()) continue;
      const Membership other{"", {own == nullptr ? SubjectName(grant.subjects.front()) : ""}};
      auto path = PathOf(*binding, own == nullptr ? other : *own, place);
      path.role_path = roles.empty() ? std::vector{grant.role.ToText()} : std::move(roles);
      if (own == nullptr) path.group_path.clear();
      auto reason = Miss::Reason::kBindingNotReady;
      auto message = fmt::format("binding {} is not ready", path.binding);
      if (own == nullptr) {
        reason = Miss::Reason::kNotAMember;
        message = fmt::format("binding {} grants it to {}", path.binding, path.subject);
      } else if (!includes) {
        reason = Miss::Reason::kRoleLacksPermission;
        message = fmt::format("role {} of binding {} does not include it", grant.role.ToText(),
                              path.binding);
      }
      add(reason, std::move(message), std::move(path));
    }
  }
  for (const auto& membership : memberships) {
    for (const auto& binding : resources_.FindBy(kBindingsByGrantee, membership.subject)) {
      if (++looked_at > limits_.bindings_max) break;
      const auto grant = BindingGrantOf(*binding, resources_.registry());
      const auto object = grant.target.ToObject();
      const bool here =
          std::ranges::any_of(places, [&](const auto& place) { return place.object == object; });
      auto roles = RolePath(grant.role, question.permission);
      if (here || roles.empty() || !Holds(*binding)) continue;
      auto path = PathOf(*binding, membership, {object, {object}});
      path.role_path = std::move(roles);
      auto message = fmt::format("binding {} grants it on {}", path.binding, object);
      add(Miss::Reason::kGrantedElsewhere, std::move(message), std::move(path));
    }
  }
  if (misses.empty()) {
    add(Miss::Reason::kNotBound,
        fmt::format("nothing binds `{}`, or anybody else, to a role with it there", question.uid));
  }
  std::ranges::stable_sort(misses, {}, &GrantNearMiss::reason);
  if (misses.size() > limits_.near_misses_max) misses.resize(limits_.near_misses_max);
  return misses;
}

std::string Grants::SubjectName(std::string_view subject) const {
  const auto parts = tuple::SplitSubject(subject);
  const auto found = resources_.FindByUid(parts.id);
  if (found != nullptr) return found->key.kind->name + " " + NameOf(*found);
  if (subject == SystemGroupSubject(kAuthenticatedGroup)) {
    return "Group " + std::string(kAuthenticatedGroup);
  }
  return (parts.type == kGroupType ? "Group " : "User ") + std::string(parts.id);
}

}  // namespace pemba::iam
