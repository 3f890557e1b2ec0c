#include "pemba/iam/names.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pemba/iam/internal/sha256.h"

namespace pemba::iam {
namespace {

using internal::Sha256Hex;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsLetterOrDigit(char c) { return IsLetter(c) || IsDigit(c); }

bool IsWord(std::string_view text) {
  return !text.empty() && IsLetter(text.front()) &&
         std::ranges::all_of(text, [](char c) { return IsLetterOrDigit(c) || c == '-'; });
}

bool IsLabel(std::string_view text) {
  return !text.empty() && IsLetterOrDigit(text.front()) && IsLetterOrDigit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsLetterOrDigit(c) || c == '-'; });
}

// What stays as it is within an id: every byte that a name of Kubernetes' form has, and those that
// ids of people have elsewhere (an address of mail).
bool IsPlain(char c) {
  return IsLetterOrDigit(c) ||
         std::string_view("-._@+=,;!$&'()|").find(c) != std::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (IsPlain(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

std::string Typed(std::string_view type, std::string_view id, std::size_t bytes_max) {
  std::string out = std::string(type) + ":";
  AppendEscaped(out, id);
  if (out.size() <= bytes_max) return out;
  return std::string(type) + ":~" + Sha256Hex(id);
}

std::string SystemGroupId(std::string_view name) {
  std::string id(name);
  std::ranges::replace(id, ':', '_');
  return id;
}

}  // namespace

std::uint32_t Fnv1a(std::string_view bytes) {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return hash;
}

std::string PermissionRelation(std::string_view permission) {
  return fmt::format("{:08x}", Fnv1a(permission));
}

std::string RoleRelation(std::string_view name_space, std::string_view name) {
  return "role_" + Sha256Hex(fmt::format("{}/{}", name_space, name)).substr(0, 16);
}

std::string UserSubject(std::string_view name) { return Typed(kUserType, name, kObjectBytesMax); }

std::string ServiceAccountSubject(std::string_view uid) { return UserSubject(uid); }

std::string GroupSubject(std::string_view uid) {
  return GroupObject(uid).append("#").append(kMember);
}

std::string SystemGroupSubject(std::string_view name) { return GroupSubject(SystemGroupId(name)); }

std::string GroupObject(std::string_view uid) { return Typed(kGroupType, uid, kObjectBytesMax); }

std::string SystemGroupObject(std::string_view name) { return GroupObject(SystemGroupId(name)); }

std::string KindRootObject(std::string_view type) { return fmt::format("{}:{}", kRootType, type); }

std::string ObjectText(std::string_view type, std::string_view name_space, std::string_view name) {
  if (name_space.empty()) return Typed(type, name, kObjectBytesMax);
  std::string out = std::string(type) + ":";
  AppendEscaped(out, name_space);
  out += '/';
  AppendEscaped(out, name);
  if (out.size() <= kObjectBytesMax) return out;
  return fmt::format("{}:~{}", type, Sha256Hex(fmt::format("{}/{}", name_space, name)));
}

std::string ObjectText(const resource::Object& object) {
  return ObjectText(TypeId(*object.key.kind), object.key.name_space, object.key.name);
}

std::string TypeId(std::string_view group, std::string_view kind) {
  return fmt::format("{}/{}", group.empty() ? kCoreService : group, kind);
}

std::string TypeId(const resource::Kind& kind) { return TypeId(kind.group, kind.name); }

const resource::Kind* FindKind(const resource::Registry& registry, std::string_view type) {
  const auto slash = type.find('/');
  if (slash == type.npos) return nullptr;
  const auto service = type.substr(0, slash);
  return registry.FindKind(service == kCoreService ? "" : service, type.substr(slash + 1));
}

bool IsServiceId(std::string_view text) {
  while (true) {
    const auto dot = text.find('.');
    if (!IsLabel(text.substr(0, dot))) return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool IsKindName(std::string_view text) {
  return !text.empty() && IsLetter(text.front()) && std::ranges::all_of(text, IsLetterOrDigit);
}

bool IsPluralName(std::string_view text) { return IsWord(text); }

bool IsActionName(std::string_view text) { return IsWord(text); }

Result<Permission> ParsePermission(std::string_view text) {
  const auto slash = text.find('/');
  const auto dot = slash == text.npos ? text.npos : text.find('.', slash);
  if (dot != text.npos) {
    const auto service = text.substr(0, slash);
    const auto plural = text.substr(slash + 1, dot - slash - 1);
    const auto action = text.substr(dot + 1);
    if (IsServiceId(service) && IsPluralName(plural) && IsActionName(action)) {
      return Permission{std::string(service), std::string(plural), std::string(action)};
    }
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("`{}` is not a permission, service/plural.action", text)};
}

std::string ToText(const Permission& permission) {
  return fmt::format("{}/{}.{}", permission.service, permission.plural, permission.action);
}

Result<RoleResourceName> ParseRoleResourceName(std::string_view text) {
  const Error malformed{ErrorCode::kInvalidArgument,
                        fmt::format("`{}` is not the name of a role, services/*/roles/*", text)};
  std::array<std::string_view, 4> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto slash = rest.find('/');
    if ((slash == rest.npos) != (i == 3)) return malformed;
    parts[i] = rest.substr(0, slash);
    rest.remove_prefix(slash == rest.npos ? rest.size() : slash + 1);
  }
  const auto [collection, parent, roles, role] = parts;
  const bool known =
      collection == "services" || collection == "organizations" || collection == "projects";
  // A role's own id may have dots: `compute.viewer`.
  if (!known || roles != "roles" || !IsServiceId(parent) || !IsServiceId(role)) return malformed;
  return RoleResourceName{std::string(collection), std::string(parent), std::string(role)};
}

}  // namespace pemba::iam
