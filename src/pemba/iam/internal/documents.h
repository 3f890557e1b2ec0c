// Reading and making the documents of declared objects.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "pemba/base/clock.h"
#include "pemba/iam/internal/sha256.h"
#include "pemba/iam/roles.h"
#include "pemba/resource/object.h"

namespace pemba::iam::internal {

using Path = std::initializer_list<std::string_view>;

// What lies at the path, or nothing: null, empty text, no items.
const boost::json::value* At(const boost::json::object& object, Path path);
std::string TextAt(const boost::json::object& object, Path path);
const boost::json::object& ObjectAt(const boost::json::object& object, Path path);
const boost::json::array& ListAt(const boost::json::object& object, Path path);
// The text of a spec, most often asked for.
inline std::string SpecText(const resource::Object& object, Path path) {
  return TextAt(object.spec(), path);
}

std::string Annotation(const resource::Object& object, std::string_view name);
std::string Label(const resource::Object& object, std::string_view name);
// What people call it: its display name, or its name.
std::string DisplayName(const resource::Object& object);

// Who owns it, as metadata.ownerReferences has it.
enum class Owns { kShared, kAsController };
boost::json::object OwnerReferenceTo(const resource::Object& owner, Owns how);
bool IsOwnedBy(const resource::Object& object, std::string_view owner_uid);
// Adds the reference, or corrects it. Whether that changed anything.
enum class Changed { kNo, kYes };
Changed AddOwner(boost::json::object& document, const resource::Object& owner, Owns how);
// Sets a label or an annotation (`map` is "labels" or "annotations"); empty takes it away.
Changed SetMetadata(boost::json::object& document, std::string_view map, std::string_view name,
                    std::string_view value);

// An entry of a list of roles, as memberships and invitations have it. Without a namespace it is in
// `default_namespace`.
struct RoleMention {
  RoleKey key;
  std::size_t index = 0;  // In the list.
};
std::vector<RoleMention> RolesOf(const resource::Object& object,
                                 std::string_view default_namespace);
// spec.roleRef of a binding.
RoleKey RoleOfBinding(const resource::Object& binding);

// {apiGroup, kind, name, namespace, uid} of an object, as bindings refer to it.
boost::json::object ReferenceTo(const resource::Object& object);
// {kind: User, name, uid}
boost::json::object SubjectOf(const resource::Object& user);

// RFC 3339; nullopt if it is none.
std::optional<WallTime> TimeFrom(std::string_view text);

}  // namespace pemba::iam::internal
