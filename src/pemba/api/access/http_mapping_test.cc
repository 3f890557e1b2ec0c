// From somebody's HTTP request to what it asks for.
#include "pemba/api/access/http_mapping.h"

#include <gtest/gtest.h>

namespace pemba::api::access {
namespace {

using Kind = MappedRequest::Kind;

constexpr std::string_view kRules = R"(rules:
- path: /healthz
  open: true
- methods: [GET]
  path: /shelves/{shelf}/books/{book}
  permission: library.example.org/books.get
  resource: {apiGroup: library.example.org, kind: Book, name: "{book}"}
  parent: {apiGroup: library.example.org, kind: Shelf, name: "{shelf}"}
- methods: [GET, POST]
  path: /shelves
  permission: library.example.org/shelves.list
  resource: {apiGroup: library.example.org, kind: Shelf}
- path: /archive/{rest...}
  permission: library.example.org/shelves.get
  resource: {apiGroup: library.example.org, kind: Shelf, name: old}
)";

// All that a mapped request says, in one line.
std::string Told(const MappedRequest& mapped) {
  const auto parent = [](const auto& p) { return p ? " in " + p->object() : std::string(); };
  switch (mapped.kind) {
    case Kind::kUnknown:
      return "unknown";
    case Kind::kOpen:
      return "open";
    case Kind::kReview: {
      const auto& r = mapped.review;
      return r.verb + " " + r.api_group + "/" + r.resource + "/" + r.subresource + " " +
             r.name_space + "/" + r.name + parent(r.parent);
    }
    case Kind::kQuestion:
      break;
  }
  const auto& q = mapped.question;
  return q.permission + " on " + q.target.type + ":" + q.target.name + parent(q.parent);
}

struct Case {
  const char* name;
  const char* method;
  const char* path;
  const char* query;
  const char* want;
};

TEST(HttpMapping, MapsRulesAndApiServers) {
  constexpr Case kCases[] = {
      {"open", "GET", "/healthz", "", "open"},
      {"a rule", "GET", "/shelves/s-1/books/b%207", "",
       "library.example.org/books.get on library.example.org/Book:b 7 in "
       "library.example.org/Shelf:s-1"},
      {"another method", "PUT", "/shelves/s-1/books/b-7", "", "unknown"},
      {"a collection", "POST", "/shelves/", "",
       "library.example.org/shelves.list on library.example.org/Shelf:"},
      {"the rest of a path", "PUT", "/archive/a/b", "",
       "library.example.org/shelves.get on library.example.org/Shelf:old"},
      {"a rest that is nothing", "PUT", "/archive", "", "unknown"},
      {"list", "GET", "/apis/iam.miloapis.com/v1alpha1/roles", "",
       "list iam.miloapis.com/roles/ /"},
      {"watch", "GET", "/apis/iam.miloapis.com/v1alpha1/roles", "limit=1&watch=true",
       "watch iam.miloapis.com/roles/ /"},
      {"get in a namespace", "HEAD", "/apis/g/v1/namespaces/n/roles/r/status", "",
       "get g/roles/status n/r"},
      {"the namespace itself", "DELETE", "/api/v1/namespaces/n", "", "delete /namespaces/ /n"},
      {"deletion of a collection", "DELETE", "/api/v1/namespaces/n/secrets", "",
       "deletecollection /secrets/ n/"},
      {"a control plane", "PATCH",
       "/apis/resourcemanager.miloapis.com/v1alpha1/projects/p1/control-plane/apis/g/v1/books/b",
       "", "patch g/books/ /b in resourcemanager.miloapis.com/Project:p1"},
      {"discovery is nothing to decide on", "GET", "/apis/g/v1", "", "unknown"},
      {"dots", "GET", "/apis/g/v1/roles/../secrets", "", "unknown"},
      {"encoded dots", "GET", "/apis/g/v1/roles/%2e%2e/secrets", "", "unknown"},
      {"an encoded slash", "GET", "/apis/g/v1/roles/a%2fb", "", "unknown"},
      {"encoded twice", "GET", "/apis/g/v1/roles/a%252fb", "", "unknown"},
      {"empty segments", "GET", "/apis//v1/roles", "", "unknown"},
      {"no path", "GET", "", "", "unknown"},
      {"a strange method", "BREW", "/api/v1/pots", "", "unknown"},
  };
  const auto mapping = HttpMapping::FromYaml(kRules);
  ASSERT_TRUE(mapping.ok()) << mapping.error().message;
  for (const auto& c : kCases) {
    EXPECT_EQ(Told(mapping->Map(c.method, c.path, c.query)), c.want) << c.name;
  }
  EXPECT_EQ(mapping->parent_types(), std::vector<std::string>{"library.example.org/Shelf"});
}

TEST(HttpMapping, RefusesWhatItWouldMisread) {
  const std::pair<const char*, const char*> cases[] = {
      {"rules:\n- path: /a\n", "line 2, column 3: a rule is either open or has a permission"},
      {"rules:\n- {path: a, open: true}\n", "line 2, column 3: `path` must begin with a slash"},
      {"rules:\n- {path: /a, permission: x, resource: {kind: K}}\n", "line 2, column 3: "},
      {"rules:\n- {path: /a, permission: l.org/b.get, resource: {kind: K, name: '{b}'}}\n",
       "line 2, column 3: `{b}` is not a whole segment of the path"},
      {"rules:\n- {path: /a, verb: get}\n", "line 2, column 14: unknown key `verb` in a rule"},
  };
  for (const auto& [text, want] : cases) {
    const auto mapping = HttpMapping::FromYaml(text);
    ASSERT_FALSE(mapping.ok()) << text;
    EXPECT_EQ(mapping.error().message.substr(0, std::string_view(want).size()), want);
  }
}

}  // namespace
}  // namespace pemba::api::access
