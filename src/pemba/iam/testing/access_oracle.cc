#include "pemba/iam/testing/access_oracle.h"

#include <algorithm>

#include <boost/json/array.hpp>

namespace pemba::iam::testing {
namespace {

namespace json = boost::json;
using resource::Object;

const json::value kNothing;

const json::value& At(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* found = object == nullptr ? nullptr : object->if_contains(name);
  return found == nullptr ? kNothing : *found;
}
std::string Text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}
json::array List(const json::value& value) {
  return value.is_array() ? value.get_array() : json::array();
}
std::string Join(const std::string& name_space, const std::string& name) {
  return name_space.empty() ? name : name_space + "/" + name;
}
std::string PlaceOf(const Object& object) { return Join(object.key.name_space, object.key.name); }

}  // namespace

AccessOracle::AccessOracle(const resource::ResourceStore& resources) {
  for (const auto& kind : resources.registry().kinds()) {
    resource::ListRequest request;
    request.kind = kind.get();
    const auto list = resources.List(request);
    for (const auto& object : list->objects) {
      if (kind->name == "ProtectedResource" || kind->name == "Service") ReadKinds(*object);
      if (kind->name == "Role") ReadRole(*object);
      if (kind->name == "PolicyBinding") ReadBinding(*object);
      if (kind->name == "GroupMembership") ReadMembership(*object);
      if (kind->name == "Group") groups_.insert(PlaceOf(*object));
      if (kind->name == "User") principals_.insert(object->key.name);
      if (kind->name == "ServiceAccount") {
        principals_.insert(std::string(object->uid()));
        account_uids_[object->key.name] = object->uid();
      }
      ReadParents(*object);
    }
  }
}

void AccessOracle::ReadKinds(const Object& object) {
  const json::value spec(object.spec());
  if (object.key.kind->name == "ProtectedResource") {
    const auto service = Text(At(At(spec, "serviceRef"), "name"));
    auto& kind = kinds_[service + "/" + Text(At(spec, "kind"))];
    for (const auto& action : List(At(spec, "permissions"))) {
      kind.permissions.insert(service + "/" + Text(At(spec, "plural")) + "." + Text(action));
    }
    for (const auto& parent : List(At(spec, "parentResources"))) {
      kind.parents.insert(Text(At(parent, "apiGroup")) + "/" + Text(At(parent, "kind")));
    }
    return;
  }
  for (const auto& item : List(At(spec, "resources"))) {
    auto& kind = kinds_[Text(At(item, "type"))];
    for (const auto& action : List(At(item, "permissions"))) {
      kind.permissions.insert(object.key.name + "/" + Text(At(item, "plural")) + "." +
                              Text(action));
    }
    for (const auto& parent : List(At(item, "parentResources"))) kind.parents.insert(Text(parent));
  }
}

void AccessOracle::ReadRole(const Object& object) {
  const json::value spec(object.spec());
  auto& role = roles_[PlaceOf(object)];
  role.disabled = Text(At(spec, "launchStage")) == "Disabled";
  for (const auto& each : List(At(spec, "includedPermissions"))) role.included.insert(Text(each));
  for (const auto& other : List(At(spec, "inheritedRoles"))) {
    const auto name_space = Text(At(other, "namespace"));
    role.inherited.push_back(
        Join(name_space.empty() ? object.key.name_space : name_space, Text(At(other, "name"))));
  }
}

void AccessOracle::ReadBinding(const Object& object) {
  const json::value spec(object.spec()), status(object.status());
  bool ready = false;
  for (const auto& condition : List(At(status, "conditions"))) {
    ready |= Text(At(condition, "type")) == "Ready" && Text(At(condition, "status")) == "True";
  }
  if (!ready) return;
  Binding binding;
  binding.role =
      Join(Text(At(At(spec, "roleRef"), "namespace")), Text(At(At(spec, "roleRef"), "name")));
  const auto& selector = At(spec, "resourceSelector");
  const auto& one = At(selector, "resourceRef");
  const auto& target = one.is_null() ? At(selector, "resourceKind") : one;
  binding.type = Text(At(target, "apiGroup")) + "/" + Text(At(target, "kind"));
  binding.place = Join(Text(At(target, "namespace")), Text(At(target, "name")));
  for (const auto& subject : List(At(spec, "subjects"))) {
    const auto kind = Text(At(subject, "kind")), name = Text(At(subject, "name"));
    binding.subjects.push_back(kind == "ServiceAccount"
                                   ? "ServiceAccount:" + Text(At(subject, "uid"))
                                   : kind + ":" + Join(Text(At(subject, "namespace")), name));
  }
  bindings_.push_back(std::move(binding));
}

void AccessOracle::ReadMembership(const Object& object) {
  const json::value spec(object.spec());
  const auto& group = At(spec, "groupRef");
  const auto place = Join(Text(At(group, "namespace")), Text(At(group, "name")));
  const auto& member = At(spec, "memberRef");
  if (member.is_null()) {
    memberships_.emplace_back(place, "User:" + Text(At(At(spec, "userRef"), "name")));
  } else {
    memberships_.emplace_back(place,
                              Text(At(member, "kind")) + ":" +
                                  Join(Text(At(member, "namespace")), Text(At(member, "name"))));
  }
}

void AccessOracle::ReadParents(const Object& object) {
  const json::value spec(object.spec());
  const auto& kind = object.key.kind->name;
  const std::string organization = "resourcemanager.miloapis.com/Organization";
  auto& parents = parents_[{object.key.kind->group + "/" + kind, PlaceOf(object)}];
  if (kind == "Folder" || kind == "Project") {
    const auto& owner = At(spec, "ownerRef");
    const bool in_folder = Text(At(owner, "kind")) == "Folder";
    parents.emplace_back(in_folder ? "iam.pemba.dev/Folder" : organization,
                         Text(At(owner, "name")));
  }
  const std::string prefix = "organization-";
  if (object.key.name_space.starts_with(prefix)) {
    parents.emplace_back(organization, object.key.name_space.substr(prefix.size()));
  }
}

bool AccessOracle::Covers(const std::string& type, const std::string& permission,
                          std::set<std::string> seen) const {
  const auto found = kinds_.find(type);
  if (found == kinds_.end() || !seen.insert(type).second) return false;
  if (found->second.permissions.contains(permission)) return true;
  return std::ranges::any_of(kinds_, [&](const auto& other) {
    return other.second.parents.contains(type) && Covers(other.first, permission, seen);
  });
}

bool AccessOracle::Has(const std::string& role, const std::string& permission,
                       std::set<std::string> seen) const {
  const auto found = roles_.find(role);
  if (found == roles_.end() || found->second.disabled || !seen.insert(role).second) return false;
  if (found->second.included.contains(permission)) return true;
  return std::ranges::any_of(found->second.inherited, [&](const std::string& other) {
    return Has(other, permission, seen);
  });
}

bool AccessOracle::Means(const std::string& subject, const std::string& principal,
                         std::set<std::string> seen) const {
  if (subject == "User:" + principal || subject == "ServiceAccount:" + principal) return true;
  if (subject == "Group:system:authenticated") return principals_.contains(principal);
  const std::string prefix = "Group:";
  if (!subject.starts_with(prefix) || !seen.insert(subject).second) return false;
  const auto group = subject.substr(prefix.size());
  if (!groups_.contains(group)) return false;
  return std::ranges::any_of(memberships_, [&](const auto& membership) {
    const auto& [of, member] = membership;
    if (of != group) return false;
    if (member.starts_with("User:") && !principals_.contains(member.substr(5))) return false;
    if (!member.starts_with("ServiceAccount:")) return Means(member, principal, seen);
    const auto account = account_uids_.find(member.substr(15));
    return account != account_uids_.end() && account->second == principal;
  });
}

bool AccessOracle::LiesIn(const Place& object, const Place& target, std::set<Place> seen) const {
  if (object == target) return true;
  const auto kind = kinds_.find(object.first);
  const auto found = parents_.find(object);
  if (kind == kinds_.end() || found == parents_.end() || !seen.insert(object).second) return false;
  return std::ranges::any_of(found->second, [&](const Place& parent) {
    return kind->second.parents.contains(parent.first) && kinds_.contains(parent.first) &&
           LiesIn(parent, target, seen);
  });
}

bool AccessOracle::Allows(const std::string& principal, const std::string& permission,
                          const std::string& type, const std::string& place) const {
  if (!Covers(type, permission)) return false;
  return std::ranges::any_of(bindings_, [&](const Binding& binding) {
    const bool on = binding.place.empty() || place.empty()
                        ? binding.place.empty() && place.empty() && binding.type == type
                        : LiesIn({type, place}, {binding.type, binding.place});
    return on && Has(binding.role, permission) &&
           std::ranges::any_of(binding.subjects, [&](const std::string& subject) {
             return Means(subject, principal);
           });
  });
}

}  // namespace pemba::iam::testing
