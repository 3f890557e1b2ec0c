#include "pemba/iam/internal/facts.h"

#include <cctype>
#include <set>
#include <string>

#include "pemba/iam/internal/fields.h"
#include "pemba/iam/names.h"

namespace pemba::iam::internal {
namespace {

using resource::Object;
using resource::ObjectKey;
using resource::ObjectPtr;
using tuple::Tuple;

std::string_view KindOfType(std::string_view type) { return type.substr(type.find('/') + 1); }

// "spec.organizationRef" for Organization.
std::string ReferenceField(std::string_view type) {
  std::string field(KindOfType(type));
  field.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(field.front())));
  return field + "Ref";
}

// Collects the parents of one object, each once.
class ParentFinder {
 public:
  ParentFinder(const Object& object, std::span<const std::string> types,
               const resource::Registry& registry)
      : object_(object), types_(types), registry_(registry) {}

  std::vector<Tuple> Find() {
    const auto& owner = ObjectIn(object_.spec(), "ownerRef");
    if (TextIn(owner, "name").empty()) {
      AddOwnerReferences();
    } else {
      AddOwner(owner);
    }
    for (const auto& type : types_) {
      const auto& reference = ObjectIn(object_.spec(), ReferenceField(type));
      Add(type, TextIn(reference, "namespace"), TextIn(reference, "name"));
    }
    AddOrganizationOfNamespace();
    std::vector<Tuple> tuples;
    for (const auto& parent : parents_) {
      tuples.push_back({self_, std::string(kParent), parent, {}});
    }
    return tuples;
  }

 private:
  void AddOwner(const boost::json::object& owner) {
    const auto group = TextIn(owner, "apiGroup");
    for (const auto& type : types_) {
      const bool same_group = group.empty() || type == TypeId(group, TextIn(owner, "kind"));
      if (same_group && KindOfType(type) == TextIn(owner, "kind")) {
        Add(type, TextIn(owner, "namespace"), TextIn(owner, "name"));
      }
    }
  }

  void AddOwnerReferences() {
    for (const auto& owner : object_.owners()) {
      const auto slash = owner.api_version.find('/');
      const auto group = slash == std::string::npos ? "" : owner.api_version.substr(0, slash);
      const auto type = TypeId(group, owner.kind);
      if (std::ranges::find(types_, type) != types_.end()) Add(type, "", owner.name);
    }
  }

  void AddOrganizationOfNamespace() {
    const std::string_view name_space = object_.key.name_space;
    if (!name_space.starts_with(kOrganizationNamespacePrefix)) return;
    if (std::ranges::find(types_, kOrganizationType) == types_.end()) return;
    Add(kOrganizationType, "", name_space.substr(kOrganizationNamespacePrefix.size()));
  }

  void Add(std::string_view type, std::string_view name_space, std::string_view name) {
    if (name.empty()) return;
    if (const auto* kind = FindKind(registry_, type)) {
      if (kind->scope == resource::Scope::kCluster) {
        name_space = {};
      } else if (name_space.empty()) {
        name_space = object_.key.name_space;
      }
    }
    auto parent = ObjectText(type, name_space, name);
    if (parent != self_) parents_.insert(std::move(parent));
  }

  const Object& object_;
  const std::span<const std::string> types_;
  const resource::Registry& registry_;
  const std::string self_ = ObjectText(object_);
  std::set<std::string> parents_;
};

}  // namespace

FactKinds FactKinds::In(const resource::Registry& registry) {
  const auto find = [&](std::string_view name) { return registry.FindKind(kIamGroup, name); };
  return {find("User"),
          find("ServiceAccount"),
          find("Group"),
          find("GroupMembership"),
          find("PolicyBinding"),
          find("Role"),
          find("ProtectedResource"),
          registry.FindKind(kPembaGroup, "Service")};
}

std::vector<Tuple> ParentTuples(const Object& object, const Catalog& catalog,
                                const resource::Registry& registry) {
  const auto types = catalog.Parents(TypeId(*object.key.kind));
  if (types.empty()) return {};
  return ParentFinder(object, types, registry).Find();
}

Tuple AuthenticatedTuple(const Object& account, const FactKinds& kinds) {
  const bool is_user = account.key.kind == kinds.user;
  return {SystemGroupObject(kAuthenticatedGroup),
          std::string(kMember),
          is_user ? UserSubject(account.key.name) : ServiceAccountSubject(account.uid()),
          {}};
}

ObjectKey GroupOf(const Object& membership, const FactKinds& kinds) {
  const auto& group = ObjectIn(membership.spec(), "groupRef");
  const auto name_space = TextIn(group, "namespace");
  return {kinds.group, std::string(name_space.empty() ? membership.key.name_space : name_space),
          std::string(TextIn(group, "name"))};
}

ObjectKey MemberOf(const Object& membership, const FactKinds& kinds) {
  const auto& any = ObjectIn(membership.spec(), "memberRef");
  const auto name = std::string(TextIn(any, "name"));
  if (name.empty()) {
    const auto& user = ObjectIn(membership.spec(), "userRef");
    return {kinds.user, "", std::string(TextIn(user, "name"))};
  }
  const auto kind = TextIn(any, "kind");
  if (kind == "User") return {kinds.user, "", name};
  if (kind == "ServiceAccount") return {kinds.service_account, "", name};
  if (kind != "Group") return {nullptr, "", name};
  const auto name_space = TextIn(any, "namespace");
  return {kinds.group, std::string(name_space.empty() ? membership.key.name_space : name_space),
          name};
}

std::optional<Tuple> MembershipTuple(const Object& membership, const FactKinds& kinds,
                                     const FindObject& find) {
  const auto member_key = MemberOf(membership, kinds);
  if (membership.deleting() || member_key.kind == nullptr) return std::nullopt;
  const ObjectPtr group = find(GroupOf(membership, kinds));
  const ObjectPtr member = find(member_key);
  // A group is in itself anyway, and no store takes a tuple that says so.
  if (group == nullptr || member == nullptr || group == member) return std::nullopt;
  std::string subject;
  if (member_key.kind == kinds.user) {
    subject = UserSubject(member->key.name);
  } else if (member_key.kind == kinds.service_account) {
    subject = ServiceAccountSubject(member->uid());
  } else {
    subject = GroupSubject(member->uid());
  }
  return Tuple{GroupObject(group->uid()), std::string(kMember), std::move(subject), {}};
}

}  // namespace pemba::iam::internal
