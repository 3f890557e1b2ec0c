// HttpMapping: from the method and path of somebody's HTTP request to what is asked about.
//
// Paths of Kubernetes API servers need no rule: verb, group, resource, namespace and name are in
// them, and control planes before them (k8s/scope_path.h). Everything else is in a file:
//
//   rules:
//   - methods: [GET]                       # absent: every method
//     path: /shelves/{shelf}/books/{book}  # {x}: one segment; a last {x...}: one or more
//     permission: library.example.org/books.get
//     resource: {apiGroup: library.example.org, kind: Book, name: "{book}"}
//     parent: {apiGroup: library.example.org, kind: Shelf, name: "{shelf}"}
//   - path: /healthz
//     open: true                           # whoever is authenticated
//
// The first rule that fits counts; what none fits is denied. A rule's parent is believed: the file
// is the operator's. Without a name in `resource`, all objects of the kind are meant, in the parent
// if there is one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/iam/decider.h"

namespace pemba::api::access {

// What a request asks for.
struct MappedRequest {
  enum class Kind : std::uint8_t {
    kUnknown,   // Nothing is known about such paths.
    kOpen,      // Whoever is authenticated.
    kReview,    // A request to an API server.
    kQuestion,  // A rule's.
  } kind = Kind::kUnknown;
  iam::AccessReview review;      // Without a principal.
  iam::AccessQuestion question;  // Without a principal.
};

class HttpMapping {
 public:
  HttpMapping() = default;  // Only paths of API servers.
  // Errors (kInvalidArgument): not of this form, with the line.
  static Result<HttpMapping> FromYaml(std::string_view text);

  // `path` as sent, without query. Paths that could mean another one to whoever serves them (empty
  // or dot segments, encoded slashes, control characters) are kUnknown.
  MappedRequest Map(std::string_view method, std::string_view path, std::string_view query) const;
  // Types of the parents that rules name.
  std::vector<std::string> parent_types() const;

 private:
  struct Rule {
    std::vector<std::string> methods;
    std::vector<std::string> path;  // Segments.
    bool open = false;
    std::string permission;
    iam::Target resource;
    std::optional<iam::ParentContext> parent;
  };
  static std::optional<MappedRequest> Fit(const Rule& rule, std::string_view method,
                                          const std::vector<std::string>& segments);

  std::vector<Rule> rules_;
};

}  // namespace pemba::api::access
