#include "pemba/rpc/router.h"

#include <string>

#include <gtest/gtest.h>

namespace pemba::rpc {
namespace {

Router MakeRouter() {
  Router router;
  const auto nothing = [](Call&) {};
  for (const auto& [method, pattern] : std::initializer_list<std::pair<const char*, const char*>>{
           {"GET", "/"},
           {"GET", "/stores"},
           {"POST", "/stores"},
           {"GET", "/stores/{store_id}"},
           {"DELETE", "/stores/{store_id}"},
           {"POST", "/stores/{store_id}/check"},
           {"GET", "/stores/{store_id}/authorization-models/{id}"},
           {"GET", "/stores/mine/changes"},
           {"GET", "/files/{path...}"},
           {"HEAD", "/only-head"},
       }) {
    router.Add({.grpc_method = std::string("/test/") + method + pattern,
                .http_method = method,
                .http_pattern = pattern,
                .handler = nothing});
  }
  return router;
}

struct MatchCase {
  const char* name;
  const char* method;
  const char* path;
  HttpMatch want;
  const char* pattern;     // Of the route that is found.
  const char* parameters;  // "name=value," for those of the pattern.
};

constexpr MatchCase kMatchCases[] = {
    {"the root", "GET", "/", HttpMatch::kFound, "/", ""},
    {"a literal", "GET", "/stores", HttpMatch::kFound, "/stores", ""},
    {"a parameter", "GET", "/stores/1", HttpMatch::kFound, "/stores/{store_id}", "store_id=1,"},
    {"two parameters", "GET", "/stores/1/authorization-models/2", HttpMatch::kFound,
     "/stores/{store_id}/authorization-models/{id}", "store_id=1,id=2,"},
    {"a parameter is decoded", "GET", "/stores/a%2Fb%20c", HttpMatch::kFound, "/stores/{store_id}",
     "store_id=a/b c,"},
    {"a broken escape stays", "GET", "/stores/100%", HttpMatch::kFound, "/stores/{store_id}",
     "store_id=100%,"},
    {"two decoded parameters", "GET", "/stores/%41/authorization-models/%42", HttpMatch::kFound,
     "/stores/{store_id}/authorization-models/{id}", "store_id=A,id=B,"},
    {"a literal wins", "GET", "/stores/mine/changes", HttpMatch::kFound, "/stores/mine/changes",
     ""},
    {"a literal that leads nowhere gives way", "POST", "/stores/mine/check", HttpMatch::kFound,
     "/stores/{store_id}/check", "store_id=mine,"},
    {"rest of the path", "GET", "/files/a/b/c", HttpMatch::kFound, "/files/{path...}",
     "path=a/b/c,"},
    {"rest is not empty", "GET", "/files/", HttpMatch::kUnknownPath, "", ""},
    {"GET serves HEAD", "HEAD", "/stores", HttpMatch::kFound, "/stores", ""},
    {"HEAD of its own", "HEAD", "/only-head", HttpMatch::kFound, "/only-head", ""},
    {"HEAD does not serve GET", "GET", "/only-head", HttpMatch::kWrongMethod, "", ""},
    {"wrong method", "PUT", "/stores/1", HttpMatch::kWrongMethod, "", ""},
    {"methods are case-sensitive", "get", "/stores", HttpMatch::kWrongMethod, "", ""},
    {"no trailing slash", "GET", "/stores/", HttpMatch::kUnknownPath, "", ""},
    {"no trailing slash below a parameter", "GET", "/stores/1/", HttpMatch::kUnknownPath, "", ""},
    {"an empty parameter is none", "POST", "/stores//check", HttpMatch::kUnknownPath, "", ""},
    {"literals are not decoded", "GET", "/%73tores", HttpMatch::kUnknownPath, "", ""},
    {"longer than a pattern", "POST", "/stores/1/check/x", HttpMatch::kUnknownPath, "", ""},
    {"no slash", "GET", "stores", HttpMatch::kUnknownPath, "", ""},
    {"asterisk", "OPTIONS", "*", HttpMatch::kUnknownPath, "", ""},
    {"empty", "GET", "", HttpMatch::kUnknownPath, "", ""},
};

TEST(Router, MatchesHttpPaths) {
  const auto router = MakeRouter();
  for (const auto& c : kMatchCases) {
    SCOPED_TRACE(c.name);
    const Route* route = nullptr;
    PathParameters parameters;
    EXPECT_EQ(router.FindHttp(c.method, c.path, route, parameters), c.want);
    if (c.want != HttpMatch::kFound) continue;
    ASSERT_NE(route, nullptr);
    EXPECT_EQ(route->http_pattern, c.pattern);
    std::string found;
    for (const char* name : {"store_id", "id", "path"}) {
      const auto value = parameters.Find(name);
      if (!value.empty()) found.append(name).append("=").append(value).append(",");
    }
    EXPECT_EQ(found, c.parameters);
  }
}

TEST(Router, FindsGrpcMethodsByTheirWholeName) {
  const auto router = MakeRouter();
  ASSERT_NE(router.FindGrpc("/test/GET/stores"), nullptr);
  EXPECT_EQ(router.FindGrpc("/test/GET/stores")->http_pattern, "/stores");
  EXPECT_EQ(router.FindGrpc("/test/GET/stores/"), nullptr);
  EXPECT_EQ(router.FindGrpc("/test/get/stores"), nullptr);
  EXPECT_EQ(router.FindGrpc(""), nullptr);
}

TEST(RouterDeathTest, RefusesTwoRoutesForOnePath) {
  auto router = MakeRouter();
  EXPECT_DEATH(router.Add({.http_method = "GET", .http_pattern = "/stores/{other}"}), "assertion");
  EXPECT_DEATH(router.Add({.grpc_method = "/test/GET/stores"}), "assertion");
}

}  // namespace
}  // namespace pemba::rpc
