#include "pemba/api/k8s/request.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "pemba/api/call_text.h"
#include "pemba/api/k8s/protobuf_body.h"
#include "pemba/yaml/yaml.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Failure;
using resource::Outcome;
using resource::Scope;

constexpr std::size_t kDepthMax = 100;

Failure Unknown() {
  return {Failure::Reason::kKindNotFound, "the server could not find the requested resource"};
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return segments;
}

}  // namespace

Outcome<Target> FindTarget(const resource::Registry& registry, std::string_view group,
                           std::string_view version, std::string_view rest) {
  auto segments = Segments(rest);
  Target target;
  bool within = false;
  // `namespaces/NS` alone is the object NS of the kind Namespace.
  if (segments.size() >= 3 && segments[0] == "namespaces" && segments[2] != "status") {
    within = true;
    target.name_space = segments[1];
    segments.erase(segments.begin(), segments.begin() + 2);
  }
  if (segments.empty() || segments.size() > 3) return Unknown();
  target.kind = registry.FindPlural(group, version, segments[0]);
  if (target.kind == nullptr) return Unknown();
  const bool namespaced = target.kind->scope == Scope::kNamespaced;
  if (within && !namespaced) return Unknown();
  if (segments.size() > 1) {
    if (namespaced && !within) return Unknown();
    target.name = segments[1];
    if (target.name.empty()) return Unknown();
  }
  if (segments.size() == 3) {
    if (segments[2] != "status" || !target.kind->has_status) return Unknown();
    target.part = resource::Part::kStatus;
  }
  return target;
}

Outcome<Query> Query::Read(std::string_view text) {
  Query query;
  auto parameters = ParseQuery(text);
  if (!parameters.ok()) return Failure(Failure::Reason::kBadRequest, parameters.error().message);
  query.parameters_ = *std::move(parameters);
  return query;
}

std::string_view Query::Text(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return {};
}

bool Query::Flag(std::string_view name) const {
  const auto text = Text(name);
  return text == "true" || text == "1";
}

Outcome<std::uint64_t> Query::Count(std::string_view name) const {
  const auto text = Text(name);
  std::uint64_t count = 0;
  if (text.empty()) return count;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size()) return count;
  return Failure(Failure::Reason::kBadRequest,
                 fmt::format("`{}` must be a number, not `{}`", name, text));
}

std::string ContentType(const rpc::Call& call) {
  const auto header = call.header("content-type").value_or("application/json");
  std::string_view type = header.substr(0, header.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return LowerCase(type);
}

Outcome<json::value> ReadBody(const rpc::Call& call) {
  const auto type = ContentType(call);
  if (type.ends_with("yaml")) {
    const auto read = [&]() -> Result<json::value> {
      PEMBA_TRY(const auto node, yaml::Parse(call.body()));
      return yaml::ToJson(node);
    };
    auto value = read();
    if (!value.ok()) return Failure(Failure::Reason::kBadRequest, value.error().message);
    return *std::move(value);
  }
  if (type == kProtobufType) {
    PEMBA_TRY(auto object, ReadProtobuf(call.body()));
    return json::value(std::move(object));
  }
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const auto body = call.body();
  auto value = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) {
    return Failure(Failure::Reason::kBadRequest,
                   "the body of the request is not JSON: " + error.message());
  }
  return value;
}

namespace {

constexpr std::string_view kNotOlderThan = "NotOlderThan";
constexpr std::string_view kExact = "Exact";

Failure InvalidOptions(resource::FieldError error) {
  auto text =
      fmt::format("ListOptions.meta.k8s.io \"\" is invalid: {}: {}", error.field, error.message);
  return {Failure::Reason::kInvalid, std::move(text), {std::move(error)}};
}
Failure ForbiddenMatch(std::string_view why) {
  return InvalidOptions(resource::Forbidden(
      "resourceVersionMatch", fmt::format("resourceVersionMatch is forbidden {}", why)));
}

}  // namespace

Outcome<WantedState> ReadWantedState(const Query& query, ListPart part) {
  const auto match = query.Text("resourceVersionMatch");
  PEMBA_TRY(const auto version, query.Count("resourceVersion"));
  if (!query.Text("sendInitialEvents").empty()) {
    return InvalidOptions(
        resource::Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  if (part == ListPart::kContinued) {
    if (!match.empty()) return ForbiddenMatch("when continue is provided");
    if (version == 0) return WantedState();
    return Failure(Failure::Reason::kBadRequest,
                   "specifying resource version is not allowed when using continue");
  }
  if (match.empty()) return WantedState{.at_least = version};
  if (query.Text("resourceVersion").empty()) {
    return ForbiddenMatch("unless resourceVersion is provided");
  }
  if (match == kNotOlderThan) return WantedState{.at_least = version};
  if (match != kExact) {
    return InvalidOptions(resource::NotSupported(
        "resourceVersionMatch", fmt::format("\"{}\"", match), {"\"Exact\"", "\"NotOlderThan\""}));
  }
  if (version == 0) {
    return InvalidOptions(resource::Forbidden(
        "resourceVersionMatch",
        "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\""));
  }
  return WantedState{.exactly = version};
}

Outcome<WantedStart> ReadWantedStart(const Query& query) {
  const auto match = query.Text("resourceVersionMatch");
  const bool initial = query.Flag("sendInitialEvents");
  if (query.Text("sendInitialEvents").empty()) {
    if (!match.empty()) return ForbiddenMatch("for watch unless sendInitialEvents is provided");
  } else if (match != kNotOlderThan) {
    return InvalidOptions(resource::Forbidden(
        "resourceVersionMatch",
        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  }
  PEMBA_TRY(const auto after, query.Count("resourceVersion"));
  const bool asked_for_none = query.Text("sendInitialEvents") == "false";
  return WantedStart{.after = after,
                     .with_state = initial || (after == 0 && !asked_for_none),
                     .state_end = initial && query.Flag("allowWatchBookmarks")};
}

}  // namespace pemba::api::k8s
