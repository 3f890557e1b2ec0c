#include "pemba/cli/object_client.h"

#include <algorithm>
#include <cctype>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "pemba/resource/members.h"

namespace pemba::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kDiscoveryType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const json::object* ObjectAt(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array& ArrayAt(const json::object& object, std::string_view name) {
  static const json::array kEmpty;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

ObjectKind KindFrom(const json::object& resource, const std::string& group,
                    const std::string& version) {
  ObjectKind kind;
  kind.group = group;
  kind.version = version;
  kind.plural = resource::TextOf(resource, "resource");
  kind.singular = resource::TextOf(resource, "singularResource");
  kind.namespaced = resource::TextOf(resource, "scope") == "Namespaced";
  if (const auto* response = ObjectAt(resource, "responseKind")) {
    kind.name = resource::TextOf(*response, "kind");
  }
  for (const auto& name : ArrayAt(resource, "shortNames")) {
    if (name.is_string()) kind.short_names.emplace_back(name.get_string());
  }
  return kind;
}

bool HasName(const ObjectKind& kind, const std::string& name) {
  return LowerCase(kind.plural) == name || LowerCase(kind.singular) == name ||
         LowerCase(kind.name) == name ||
         std::ranges::find(kind.short_names, name) != kind.short_names.end();
}

}  // namespace

Result<ObjectClient> ObjectClient::Connect(const ApiOptions& options) {
  PEMBA_TRY(const auto api, ApiClient::Connect(options));  // For its token.
  ObjectClient client(api.options());
  PEMBA_TRY(std::ignore, client.ReadKinds("/api"));
  PEMBA_TRY(std::ignore, client.ReadKinds("/apis"));
  return client;
}

Status ObjectClient::ReadKinds(const std::string& path) {
  PEMBA_TRY(const auto answer, Call("GET", path, {}, {}, kDiscoveryType));
  if (answer.status == 404) {
    return Error{ErrorCode::kValidation,
                 "the server has no declared objects: is it started with --iam-enabled or "
                 "--resource-kinds?"};
  }
  if (!answer.ok()) return RefusalOf(answer);
  for (const auto& item : ArrayAt(answer.body, "items")) {
    if (!item.is_object()) continue;
    const auto* metadata = ObjectAt(item.get_object(), "metadata");
    const auto group = metadata == nullptr ? "" : resource::TextOf(*metadata, "name");
    for (const auto& version : ArrayAt(item.get_object(), "versions")) {
      if (!version.is_object()) continue;
      const auto name = resource::TextOf(version.get_object(), "version");
      for (const auto& resource : ArrayAt(version.get_object(), "resources")) {
        if (resource.is_object()) kinds_.push_back(KindFrom(resource.get_object(), group, name));
      }
    }
  }
  return Done{};
}

Result<ObjectKind> ObjectClient::FindKind(std::string_view text) const {
  const auto dot = text.find('.');
  const auto name = LowerCase(text.substr(0, dot));
  const auto group = dot == text.npos ? std::string_view() : text.substr(dot + 1);
  std::vector<const ObjectKind*> found;
  for (const auto& kind : kinds_) {
    if (HasName(kind, name) && (dot == text.npos || kind.group == group)) found.push_back(&kind);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("the server has no kind `{}`", text)};
  }
  std::string names;
  for (const auto* kind : found) {
    names += fmt::format("{}{}.{}", names.empty() ? "" : ", ", kind->plural, kind->group);
  }
  return Error{ErrorCode::kInvalidArgument, fmt::format("`{}` may be {}", text, names)};
}

Result<ObjectKind> ObjectClient::FindKind(std::string_view api_version,
                                          std::string_view kind_name) const {
  for (const auto& kind : kinds_) {
    const auto own = kind.group.empty() ? kind.version : kind.group + "/" + kind.version;
    if (own == api_version && kind.name == kind_name) return kind;
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the server has no kind {} of {}", kind_name, api_version)};
}

std::string ObjectClient::PathOf(const ObjectKind& kind, std::string_view name_space,
                                 std::string_view name) {
  std::string path =
      kind.group.empty() ? "/api/" + kind.version : "/apis/" + kind.group + "/" + kind.version;
  if (kind.namespaced && !name_space.empty()) path += "/namespaces/" + UrlEncode(name_space);
  path += "/" + kind.plural;
  if (!name.empty()) path += "/" + UrlEncode(name);
  return path;
}

Error ObjectClient::RefusalOf(const Answer& answer) {
  auto message = resource::TextOf(answer.body, "message");
  if (message.empty()) message = "the server answered HTTP " + std::to_string(answer.status);
  const auto* details = ObjectAt(answer.body, "details");
  if (details != nullptr) {
    for (const auto& cause : ArrayAt(*details, "causes")) {
      if (!cause.is_object()) continue;
      const auto& object = cause.get_object();
      const auto text = resource::TextOf(object, "message");
      // Short lists are in the message already.
      if (message.find(text) != std::string::npos) continue;
      message += fmt::format("\n  {}: {}", resource::TextOf(object, "field"), text);
    }
  }
  return {ErrorCode::kValidation, message};
}

Result<ObjectClient::Answer> ObjectClient::Call(std::string method, const std::string& path,
                                                std::string body, std::string_view content_type,
                                                std::string_view accept) {
  HttpRequest request{.method = std::move(method),
                      .url = options_.url + path,
                      .headers = options_.headers,
                      .body = std::move(body)};
  if (!options_.token.empty()) request.headers.push_back("Authorization: Bearer " + options_.token);
  if (!content_type.empty())
    request.headers.push_back("Content-Type: " + std::string(content_type));
  if (!accept.empty()) request.headers.push_back("Accept: " + std::string(accept));
  if (options_.log_line) options_.log_line("> " + request.method + " " + request.url);
  PEMBA_TRY(const auto response, http_.Send(request));
  if (options_.log_line) options_.log_line("< " + std::to_string(response.status));
  Answer answer;
  answer.status = response.status;
  json::error_code error;
  auto parsed = json::parse(response.body, error, {}, {.max_depth = 1000});
  if (!error && parsed.is_object()) {
    answer.body = std::move(parsed.get_object());
  } else if (answer.ok()) {
    return Error{ErrorCode::kInternal, "the server's answer is not JSON"};
  }
  return answer;
}

Result<json::object> ObjectClient::Ask(std::string method, const std::string& path,
                                       std::string body, std::string_view content_type,
                                       std::string_view accept) {
  PEMBA_TRY(auto answer, Call(std::move(method), path, std::move(body), content_type, accept));
  if (!answer.ok()) return RefusalOf(answer);
  return std::move(answer.body);
}

}  // namespace pemba::cli
