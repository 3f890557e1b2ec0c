#include "pemba/api/access/http_mapping.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "pemba/api/call_text.h"
#include "pemba/api/k8s/scope_path.h"
#include "pemba/iam/names.h"
#include "pemba/yaml/yaml.h"

namespace pemba::api::access {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

bool IsVariable(std::string_view segment) {
  return segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}');
}
std::string_view NameOf(std::string_view segment) { return segment.substr(1, segment.size() - 2); }

// Nothing if the path could mean another one to whoever serves it.
std::optional<std::vector<std::string>> SegmentsOf(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  std::vector<std::string> segments;
  path.remove_prefix(1);
  while (true) {
    const auto slash = path.find('/');
    auto segment = PercentDecoded(path.substr(0, slash));
    const bool strange =
        segment.empty() || segment == "." || segment == ".." ||
        std::ranges::any_of(segment, [](unsigned char c) {
          return c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '%' || c == ';';
        });
    // A slash at the end is no segment.
    const bool last = slash == path.npos;
    if (strange && !(last && segment.empty() && !segments.empty())) return std::nullopt;
    if (!segment.empty()) segments.push_back(std::move(segment));
    if (last) return segments;
    path.remove_prefix(slash + 1);
  }
}

std::string_view VerbOf(std::string_view method, bool one, bool watch) {
  if (method == "GET" || method == "HEAD") return one ? "get" : watch ? "watch" : "list";
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return one ? "delete" : "deletecollection";
  return {};
}

bool Watches(std::string_view query) {
  const auto parameters = ParseQuery(query);
  return parameters.ok() && std::ranges::any_of(*parameters, [](const auto& parameter) {
           return parameter.first == "watch" &&
                  (parameter.second == "true" || parameter.second == "1");
         });
}

// `api/VERSION/...` and `apis/GROUP/VERSION/...`.
MappedRequest MapApiServer(std::string_view method, std::string_view path, std::string_view query) {
  MappedRequest mapped;
  const auto scoped = k8s::SplitScope(path);
  auto found = SegmentsOf(scoped.path);
  if (!found) return mapped;
  auto& segments = *found;
  const bool named = !segments.empty() && segments[0] == "apis";
  const std::size_t head = named ? 3 : 2;
  if (segments.empty() || (segments[0] != "api" && !named) || segments.size() <= head) {
    return mapped;
  }
  auto& review = mapped.review;
  review.parent = scoped.parent;
  if (named) review.api_group = segments[1];
  segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(head));
  // `namespaces/NS` alone is the object NS of the kind Namespace.
  if (segments.size() >= 3 && segments[0] == "namespaces" && segments[2] != "status") {
    review.name_space = segments[1];
    segments.erase(segments.begin(), segments.begin() + 2);
  }
  review.resource = segments[0];
  if (segments.size() > 1) review.name = segments[1];
  if (segments.size() > 2) review.subresource = segments[2];
  review.verb = VerbOf(method, segments.size() > 1, Watches(query));
  if (review.verb.empty()) return mapped;
  mapped.kind = MappedRequest::Kind::kReview;
  return mapped;
}

// `{x}` replaced by its value.
std::string Filled(std::string_view text, const Variables& variables) {
  if (!IsVariable(text)) return std::string(text);
  const auto found = variables.find(NameOf(text));
  return found == variables.end() ? std::string() : found->second;
}

Result<std::vector<std::string>> PatternOf(const YAML::Node& node, std::string_view path) {
  std::vector<std::string> segments;
  if (!path.starts_with('/')) return yaml::ErrorAt(node, "`path` must begin with a slash");
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    if (segments.back().empty()) return yaml::ErrorAt(node, "`path` has an empty segment");
    path.remove_prefix(end);
  }
  return segments;
}

Result<std::optional<iam::ParentContext>> ParentFrom(const yaml::Mapping& rule) {
  if (!rule.Has("parent")) return std::optional<iam::ParentContext>();
  PEMBA_TRY(const auto parent,
            yaml::Mapping::Open(rule.At("parent"), "a parent", {"apiGroup", "kind", "name"}));
  iam::ParentContext context;
  PEMBA_TRY(context.api_group, parent.Text("apiGroup"));
  PEMBA_TRY(context.kind, parent.Text("kind"));
  PEMBA_TRY(context.name, parent.Text("name"));
  if (context.kind.empty() || context.name.empty()) {
    return yaml::ErrorAt(rule.At("parent"), "a parent has apiGroup, kind and name");
  }
  return std::optional(std::move(context));
}

Result<iam::Target> TargetFrom(const yaml::Mapping& rule) {
  PEMBA_TRY(const auto resource, yaml::Mapping::Open(rule.At("resource"), "a resource",
                                                     {"apiGroup", "kind", "namespace", "name"}));
  iam::Target target;
  PEMBA_TRY(const auto group, resource.Text("apiGroup"));
  PEMBA_TRY(const auto kind, resource.Text("kind"));
  if (kind.empty()) return yaml::ErrorAt(rule.At("resource"), "a resource has a kind");
  target.type = iam::TypeId(group, kind);
  PEMBA_TRY(target.name_space, resource.Text("namespace"));
  PEMBA_TRY(target.name, resource.Text("name"));
  return target;
}

// A `{x}` that the path does not have would be an empty name: all objects.
Status CheckVariables(const YAML::Node& node, const std::vector<std::string>& path,
                      std::initializer_list<std::string_view> texts) {
  for (const auto text : texts) {
    if (text.find('{') == text.npos && text.find('}') == text.npos) continue;
    const bool known = IsVariable(text) && std::ranges::find(path, text) != path.end();
    if (!known) {
      return yaml::ErrorAt(node, fmt::format("`{}` is not a whole segment of the path", text));
    }
  }
  return Done{};
}

}  // namespace

Result<HttpMapping> HttpMapping::FromYaml(std::string_view text) {
  HttpMapping mapping;
  PEMBA_TRY(const auto document, yaml::Parse(text));
  PEMBA_TRY(const auto whole, yaml::Mapping::Open(document, "the mapping", {"rules"}));
  PEMBA_TRY(const auto rules, whole.List("rules"));
  for (const auto& node : rules) {
    PEMBA_TRY(const auto map,
              yaml::Mapping::Open(node, "a rule",
                                  {"methods", "path", "open", "permission", "resource", "parent"}));
    Rule rule;
    PEMBA_TRY(const auto methods, map.List("methods"));
    for (const auto& method : methods) {
      PEMBA_TRY(rule.methods.emplace_back(), yaml::TextOf(method, "a method"));
    }
    PEMBA_TRY(const auto path, map.Text("path"));
    PEMBA_TRY(rule.path, PatternOf(node, path));
    PEMBA_TRY(const auto open, map.Text("open"));
    rule.open = open == "true";
    PEMBA_TRY(rule.permission, map.Text("permission"));
    if (rule.open == map.Has("permission")) {
      return yaml::ErrorAt(node, "a rule is either open or has a permission");
    }
    if (!rule.open) {
      if (const auto parsed = iam::ParsePermission(rule.permission); !parsed.ok()) {
        return yaml::ErrorAt(node, parsed.error().message);
      }
      PEMBA_TRY(rule.resource, TargetFrom(map));
      PEMBA_TRY(rule.parent, ParentFrom(map));
      PEMBA_TRY(std::ignore,
                CheckVariables(node, rule.path,
                               {rule.resource.name, rule.resource.name_space,
                                rule.parent ? std::string_view(rule.parent->name) : ""}));
    }
    mapping.rules_.push_back(std::move(rule));
  }
  return mapping;
}

std::optional<MappedRequest> HttpMapping::Fit(const Rule& rule, std::string_view method,
                                              const std::vector<std::string>& segments) {
  if (!rule.methods.empty() && std::ranges::find(rule.methods, method) == rule.methods.end()) {
    return std::nullopt;
  }
  Variables variables;
  std::size_t i = 0;
  for (; i < rule.path.size(); ++i) {
    const auto& pattern = rule.path[i];
    if (i >= segments.size()) return std::nullopt;
    const bool rest = pattern.ends_with("...}") && i + 1 == rule.path.size();
    if (rest) {
      i = segments.size();
      break;
    }
    if (IsVariable(pattern)) {
      variables[std::string(NameOf(pattern))] = segments[i];
    } else if (pattern != segments[i]) {
      return std::nullopt;
    }
  }
  if (i != segments.size()) return std::nullopt;
  MappedRequest mapped;
  mapped.kind = rule.open ? MappedRequest::Kind::kOpen : MappedRequest::Kind::kQuestion;
  mapped.question.permission = rule.permission;
  mapped.question.target = {rule.resource.type, Filled(rule.resource.name_space, variables),
                            Filled(rule.resource.name, variables)};
  if (rule.parent) {
    mapped.question.parent = rule.parent;
    mapped.question.parent->name = Filled(rule.parent->name, variables);
  }
  return mapped;
}

MappedRequest HttpMapping::Map(std::string_view method, std::string_view path,
                               std::string_view query) const {
  const auto segments = SegmentsOf(path);
  if (!segments) return {};
  for (const auto& rule : rules_) {
    if (auto mapped = Fit(rule, method, *segments)) return *std::move(mapped);
  }
  return MapApiServer(method, path, query);
}

std::vector<std::string> HttpMapping::parent_types() const {
  std::set<std::string> types;
  for (const auto& rule : rules_) {
    if (rule.parent) types.insert(rule.parent->type());
  }
  return {types.begin(), types.end()};
}

}  // namespace pemba::api::access
