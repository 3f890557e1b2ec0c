#include "pemba/iam/generation_a.h"

#include <fmt/format.h>

#include "pemba/iam/internal/sha256.h"
#include "pemba/iam/names.h"

namespace pemba::iam {
namespace {

using tuple::Tuple;

constexpr std::string_view kUser = "iam.datumapis.com/InternalUser";
constexpr std::string_view kRole = "iam.datumapis.com/InternalRole";
constexpr std::string_view kBinding = "iam.datumapis.com/RoleBinding";

// Relations are called like the type that they lead to.
Tuple Link(std::string object, std::string_view type, std::string_view id) {
  return {std::move(object), std::string(type), fmt::format("{}:{}", type, id), {}};
}

}  // namespace

std::vector<Tuple> GenerationATuples(const GenerationABinding& binding) {
  const std::string_view service(binding.target_type.data(), binding.target_type.find('/'));
  const auto id =
      internal::Sha256Hex(fmt::format("{}/{}{}", service, binding.target_name, binding.role));
  const auto object = fmt::format("{}:{}", kBinding, id);
  std::vector<Tuple> tuples = {
      Link(fmt::format("{}:{}", binding.target_type, binding.target_name), kBinding, id),
      Link(object, kRole, binding.role)};
  for (const auto& member : binding.members) tuples.push_back(Link(object, kUser, member));
  return tuples;
}

std::vector<Tuple> GenerationARoleTuples(std::string_view role,
                                         const std::vector<std::string>& permissions) {
  std::vector<Tuple> tuples;
  for (const auto& permission : permissions) {
    tuples.push_back({fmt::format("{}:{}", kRole, role),
                      PermissionRelation(permission),
                      fmt::format("{}:*", kUser),
                      {}});
  }
  return tuples;
}

}  // namespace pemba::iam
