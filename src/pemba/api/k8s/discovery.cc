#include "pemba/api/k8s/discovery.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Kind;
using resource::Registry;
using resource::Scope;

// What is asked and answered, and never stored (self_reviews.h).
struct Review {
  std::string_view group, version, plural, kind;
};
constexpr Review kReviews[] = {
    {"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview"},
    {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"},
    {"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview"},
};

std::string LowerCase(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

struct GroupVersion {
  std::string group, version;
  friend bool operator==(const GroupVersion&, const GroupVersion&) = default;
};

// In the order in which their kinds were registered, then those of reviews.
std::vector<GroupVersion> GroupVersions(const Registry& registry) {
  std::vector<GroupVersion> all;
  const auto add = [&](GroupVersion one) {
    if (std::ranges::find(all, one) == all.end()) all.push_back(std::move(one));
  };
  for (const auto& kind : registry.kinds()) add({kind->group, kind->version});
  for (const auto& review : kReviews) add({std::string(review.group), std::string(review.version)});
  return all;
}

constexpr std::string_view kContextsAnnotation = "discovery.miloapis.com/parent-contexts";

// A definition that lists none says nothing about it.
bool IsShown(const Kind& kind, const std::optional<iam::ParentContext>& parent) {
  if (!parent) return true;
  const auto listed = kind.annotations.find(kContextsAnnotation);
  if (listed == kind.annotations.end()) return true;
  std::string_view rest = listed->second;
  while (!rest.empty()) {
    auto one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one == parent->kind) return true;
  }
  return false;
}

json::array Verbs() {
  return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}
json::array StatusVerbs() { return {"get", "patch", "update"}; }

json::array Texts(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

json::object VersionEntry(const GroupVersion& one) {
  return {{"groupVersion", one.group + "/" + one.version}, {"version", one.version}};
}

json::object GroupEntry(const Registry& registry, std::string_view group) {
  json::array versions;
  for (const auto& one : GroupVersions(registry)) {
    if (one.group == group) versions.push_back(VersionEntry(one));
  }
  const auto preferred = versions.front();
  return {{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", preferred}};
}

json::object AggregatedKind(const Kind& kind) {
  const json::object response_kind{
      {"group", kind.group}, {"version", kind.version}, {"kind", kind.name}};
  json::object entry{{"resource", kind.plural},
                     {"responseKind", response_kind},
                     {"scope", kind.scope == Scope::kNamespaced ? "Namespaced" : "Cluster"},
                     {"singularResource", kind.singular},
                     {"verbs", Verbs()}};
  if (!kind.short_names.empty()) entry["shortNames"] = Texts(kind.short_names);
  if (!kind.categories.empty()) entry["categories"] = Texts(kind.categories);
  if (kind.has_status) {
    entry["subresources"] = json::array{json::object{
        {"subresource", "status"}, {"responseKind", response_kind}, {"verbs", StatusVerbs()}}};
  }
  return entry;
}

json::object AggregatedReview(const Review& review) {
  const std::string kind(review.kind);
  return {{"resource", review.plural},
          {"responseKind",
           json::object{{"group", review.group}, {"version", review.version}, {"kind", kind}}},
          {"scope", "Cluster"},
          {"singularResource", LowerCase(kind)},
          {"verbs", json::array{"create"}}};
}

json::object ReviewEntry(const Review& review) {
  return {{"name", review.plural},
          {"singularName", ""},
          {"namespaced", false},
          {"kind", review.kind},
          {"verbs", json::array{"create"}}};
}

}  // namespace

json::object VersionInfo() {
  return {{"major", "1"},    {"minor", "30"},           {"gitVersion", "v1.30.0+pemba"},
          {"gitCommit", ""}, {"gitTreeState", "clean"}, {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""}, {"compiler", ""},          {"platform", "linux/amd64"}};
}

json::object ApiVersions() {
  return {{"kind", "APIVersions"},
          {"versions", json::array{"v1"}},
          {"serverAddressByClientCIDRs", json::array()}};
}

json::object ApiGroupList(const Shown& shown) {
  json::array groups;
  std::vector<std::string> seen;
  for (const auto& one : GroupVersions(shown.registry)) {
    if (one.group.empty() || std::ranges::find(seen, one.group) != seen.end()) continue;
    seen.push_back(one.group);
    groups.push_back(GroupEntry(shown.registry, one.group));
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

std::optional<json::object> ApiGroup(const Shown& shown, std::string_view group) {
  const auto all = GroupVersions(shown.registry);
  const bool known = std::ranges::any_of(all, [&](const auto& one) { return one.group == group; });
  if (!known || group.empty()) return std::nullopt;
  auto entry = GroupEntry(shown.registry, group);
  entry["kind"] = "APIGroup";
  entry["apiVersion"] = "v1";
  return entry;
}

std::optional<json::object> ApiResourceList(const Shown& shown, std::string_view group,
                                            std::string_view version) {
  const GroupVersion wanted{std::string(group), std::string(version)};
  const auto all = GroupVersions(shown.registry);
  if (std::ranges::find(all, wanted) == all.end()) return std::nullopt;
  json::array resources;
  for (const auto& review : kReviews) {
    if (review.group == group && review.version == version)
      resources.push_back(ReviewEntry(review));
  }
  for (const auto& kind : shown.registry.kinds()) {
    if (kind->group != group || kind->version != version) continue;
    if (!IsShown(*kind, shown.parent)) continue;
    json::object entry{{"name", kind->plural},
                       {"singularName", kind->singular},
                       {"namespaced", kind->scope == Scope::kNamespaced},
                       {"kind", kind->name},
                       {"verbs", Verbs()}};
    if (!kind->short_names.empty()) entry["shortNames"] = Texts(kind->short_names);
    if (!kind->categories.empty()) entry["categories"] = Texts(kind->categories);
    resources.push_back(std::move(entry));
    if (!kind->has_status) continue;
    resources.push_back(json::object{{"name", kind->plural + "/status"},
                                     {"singularName", ""},
                                     {"namespaced", kind->scope == Scope::kNamespaced},
                                     {"kind", kind->name},
                                     {"verbs", StatusVerbs()}});
  }
  std::string group_version(group);
  if (!group.empty()) group_version += "/";
  group_version += version;
  return json::object{{"kind", "APIResourceList"},
                      {"apiVersion", "v1"},
                      {"groupVersion", group_version},
                      {"resources", std::move(resources)}};
}

json::object AggregatedDiscovery(const Shown& shown, Groups groups) {
  json::array items;
  for (const auto& one : GroupVersions(shown.registry)) {
    if (one.group.empty() != (groups == Groups::kCore)) continue;
    json::array resources;
    for (const auto& kind : shown.registry.kinds()) {
      if (kind->group == one.group && kind->version == one.version &&
          IsShown(*kind, shown.parent)) {
        resources.push_back(AggregatedKind(*kind));
      }
    }
    for (const auto& review : kReviews) {
      if (review.group == one.group) resources.push_back(AggregatedReview(review));
    }
    json::object version{
        {"version", one.version}, {"resources", std::move(resources)}, {"freshness", "Current"}};
    // Versions of one group follow one another.
    if (!items.empty() && items.back().at("metadata").at("name").as_string() == one.group) {
      items.back().at("versions").as_array().push_back(std::move(version));
      continue;
    }
    items.push_back(json::object{{"metadata", json::object{{"name", one.group}}},
                                 {"versions", json::array{std::move(version)}}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/v2"},
          {"metadata", json::object()},
          {"items", std::move(items)}};
}

}  // namespace pemba::api::k8s
