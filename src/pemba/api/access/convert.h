// Wire messages of AccessService <-> what they are about.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <pemba/iam/v1/access_service.pb.h>

#include "pemba/iam/catalog.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/grants.h"
#include "pemba/iam/roles.h"
#include "pemba/resource/resource_store.h"

namespace pemba::api::access {

namespace wire = ::pemba::iam::v1;

iam::Target TargetOf(const wire::Resource& resource);
// Null: objects of this type are kept elsewhere.
const resource::Kind* KindOf(const resource::Registry& registry, std::string_view type);
// Of what is kept elsewhere nothing is known: then it exists.
bool Exists(const resource::ResourceStore& resources, const iam::Target& target);
Result<std::vector<resource::ObjectPtr>> ObjectsOf(const resource::ResourceStore& resources,
                                                   const resource::Kind& kind);

// `object` as in tuples. `kind` says whether there is a namespace in it; may be null.
void ToWire(std::string_view object, const resource::Kind* kind, wire::Resource& out);
void ToWire(const iam::GrantPath& path, wire::Grant& out);
void ToWire(const iam::GrantNearMiss& miss, wire::NearMiss& out);

// Of a Role object: what it comes to, as far as it applies to the type.
std::vector<std::string> PermissionsOf(const resource::Object& role, const iam::Catalog& catalog,
                                       std::string_view type);
void Fill(const resource::Object& role, const iam::RoleEntry& entry,
          const std::vector<std::string>& permissions, wire::GrantableRole& out);

// Subjects of tuples as principals with names, at most `count_max`.
void AddPrincipals(const iam::Grants& grants, const resource::ResourceStore& resources,
                   const std::set<std::string>& users, const std::set<std::string>& groups,
                   std::size_t count_max, wire::ListPrincipalsResponse& out);

}  // namespace pemba::api::access
