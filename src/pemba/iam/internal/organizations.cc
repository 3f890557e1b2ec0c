#include "pemba/iam/internal/organizations.h"

#include "pemba/iam/controllers/derived.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/internal/people.h"

namespace pemba::iam::internal {
namespace {

namespace json = boost::json;

// What an object lies directly in.
std::vector<ObjectPtr> Above(const Work& work, const resource::Object& object) {
  std::vector<ObjectPtr> above;
  const auto add = [&](ObjectPtr one) {
    if (one != nullptr) above.push_back(std::move(one));
  };
  if (object.key.kind == work.kinds().project || object.key.kind == work.kinds().folder) {
    add(FindOwner(work, object));
    return above;
  }
  const auto organization = OrganizationOfNamespace(object.key.name_space);
  if (!organization.empty()) {
    add(work.Find(work.kinds().organization, "", organization));
    return above;
  }
  for (const auto& owner : object.owners()) add(work.transaction.FindByUid(owner.uid));
  return above;
}

}  // namespace

Outcome<Done> EnsureNamespace(Work& work, const resource::Object& organization) {
  const ObjectKey key{work.kinds().name_space, "", OrganizationNamespace(organization.key.name)};
  const ObjectPtr there = work.transaction.Find(key);
  json::object document =
      there == nullptr ? json::object{{"metadata", {{"name", key.name}}}} : there->document;
  AddOwner(document, organization, Owns::kAsController);
  SetMetadata(document, "labels", kOrganizationLabel, organization.key.name);
  SetMetadata(document, "labels", kTypeLabel, "organization");
  if (there == nullptr) {
    PEMBA_TRY(std::ignore, work.transaction.Create(*key.kind, "", std::move(document)));
  } else if (!there->deleting() && document != there->document) {
    PEMBA_TRY(std::ignore, work.transaction.Update(key, std::move(document)));
  }
  return Done{};
}

std::set<std::string> OrganizationsOf(const Work& work, const ObjectPtr& object) {
  std::set<std::string> organizations;
  std::set<ObjectKey> seen;
  std::vector<ObjectPtr> todo{object};
  while (!todo.empty()) {
    const ObjectPtr one = std::move(todo.back());
    todo.pop_back();
    if (!seen.insert(one->key).second) continue;
    if (one->key.kind == work.kinds().organization) {
      organizations.insert(one->key.name);
      continue;
    }
    for (auto& above : Above(work, *one)) todo.push_back(std::move(above));
  }
  return organizations;
}

ObjectPtr FindOwner(const Work& work, const resource::Object& folder_or_project) {
  const auto kind = SpecText(folder_or_project, {"ownerRef", "kind"});
  const auto name = SpecText(folder_or_project, {"ownerRef", "name"});
  if (kind == "Organization") return work.Find(work.kinds().organization, "", name);
  if (kind == "Folder") return work.Find(work.kinds().folder, "", name);
  return nullptr;
}

}  // namespace pemba::iam::internal
