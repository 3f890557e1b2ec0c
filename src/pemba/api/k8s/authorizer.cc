#include "pemba/api/k8s/authorizer.h"

#include <fmt/format.h>

namespace pemba::api::k8s {

resource::Failure Forbidden(const ObjectRequest& request, std::string_view why) {
  const auto& kind = request.kind;
  std::string resource = kind.plural;
  if (!request.subresource.empty()) resource += "/" + std::string(request.subresource);
  const auto where = request.name_space.empty()
                         ? std::string("at the cluster scope")
                         : fmt::format("in the namespace \"{}\"", request.name_space);
  const auto what = request.name.empty()
                        ? kind.qualified_name()
                        : fmt::format("{} \"{}\"", kind.qualified_name(), request.name);
  return {
      resource::Failure::Reason::kForbidden,
      fmt::format("{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}"
                  "{}{}",
                  what, request.caller.name, request.verb, resource, kind.group, where,
                  why.empty() ? "" : ": ", why)};
}

}  // namespace pemba::api::k8s
