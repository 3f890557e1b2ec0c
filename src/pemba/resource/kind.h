// Kind: a kind of declared objects, and the registry of all kinds.
//
// Kinds are declared as Kubernetes CustomResourceDefinition documents (apiextensions.k8s.io/v1):
// one form for those that ship with Pemba and for those that users bring. Of several versions the
// one with `storage: true` is served.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/resource/json_path.h"
#include "pemba/resource/schema.h"

namespace pemba::resource {

enum class Scope : std::uint8_t { kCluster, kNamespaced };

// One more column of `kubectl get`.
struct PrinterColumn {
  std::string name, type, format, description;
  JsonPath path;
  std::int64_t priority = 0;  // 0: shown always; greater: with -o wide.
  // Shown where there is nothing at the path (`x-pemba-absent`).
  std::optional<std::string> absent = {};
};

struct Kind {
  std::string group, version;  // "iam.miloapis.com", "v1alpha1"; the group may be empty (core).
  std::string name;            // "PolicyBinding"
  std::string list_name;       // "PolicyBindingList"
  std::string plural, singular;
  std::vector<std::string> short_names, categories;
  std::map<std::string, std::string, std::less<>> annotations;  // Of the definition.
  Scope scope = Scope::kCluster;
  Schema schema;
  boost::json::object schema_json;  // As declared, for OpenAPI.
  bool has_status = false;          // `status` is written through its own path only.
  std::vector<PrinterColumn> columns;
  std::vector<JsonPath> selectable;  // Beside metadata.name and metadata.namespace.

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // "policybindings.iam.miloapis.com"; of the core group the plural alone.
  std::string qualified_name() const { return group.empty() ? plural : plural + "." + group; }
};

// Errors (kInvalidArgument): which part of the document is missing or not understood.
Result<Kind> KindFromDefinition(const boost::json::object& definition);

// Filled before the server starts, then immutable and shared by all threads.
class Registry {
 public:
  // Errors (kInvalidArgument): the plural or kind is taken within its group.
  Status Add(Kind kind);
  // Every CustomResourceDefinition of a YAML text with several documents.
  Status AddFromYaml(std::string_view text);

  // Null if there is none.
  const Kind* FindPlural(std::string_view group, std::string_view version,
                         std::string_view plural) const;
  const Kind* FindKind(std::string_view group, std::string_view name) const;
  const std::vector<std::unique_ptr<const Kind>>& kinds() const { return kinds_; }

 private:
  std::vector<std::unique_ptr<const Kind>> kinds_;  // In the order of registration.
};

}  // namespace pemba::resource
