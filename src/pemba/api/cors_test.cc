#include "pemba/api/cors.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "pemba/api/authn/testing/fake_call.h"

namespace pemba::api {
namespace {

using authn::testing::FakeCall;
using Headers = std::map<std::string, std::string, std::less<>>;

const CorsOptions kEveryone = {};
const CorsOptions kSome = {{"https://app.example", "https://*.pemba.example"},
                           {"Content-Type", "X-Mine"}};

struct CorsCase {
  const char* name;
  CorsOptions options;
  const char* method;  // Of the request, or the one that a preflight asks for.
  Headers headers;
  std::string want_origin;        // Empty: no Access-Control header at all.
  std::string want_headers = "";  // Of a preflight.
};

const CorsCase kPreflights[] = {
    {"every origin", kEveryone, "POST", {{"origin", "https://any.example"}}, "*"},
    {"headers are echoed as they came",
     kEveryone,
     "POST",
     {{"origin", "https://any.example"}, {"access-control-request-headers", "X-One, content-type"}},
     "*",
     "X-One, content-type"},
    {"listed origin", kSome, "PUT", {{"origin", "https://app.example"}}, "https://app.example"},
    {"origin in another case",
     kSome,
     "PUT",
     {{"origin", "HTTPS://App.Example"}},
     "HTTPS://App.Example"},
    {"origin by pattern",
     kSome,
     "PATCH",
     {{"origin", "https://a.b.pemba.example"}},
     "https://a.b.pemba.example"},
    {"other origin", kSome, "POST", {{"origin", "https://evil.example"}}, ""},
    {"origin that only ends like it", kSome, "POST", {{"origin", "https://evilpemba.example"}}, ""},
    {"origin that only begins like it",
     kSome,
     "POST",
     {{"origin", "https://app.example.evil.example"}},
     ""},
    {"null origin", kSome, "POST", {{"origin", "null"}}, ""},
    {"no origin", kEveryone, "POST", {}, ""},
    {"listed headers",
     kSome,
     "POST",
     {{"origin", "https://app.example"}, {"access-control-request-headers", "x-mine,Content-Type"}},
     "https://app.example",
     "x-mine,Content-Type"},
    {"a header that is not listed",
     kSome,
     "POST",
     {{"origin", "https://app.example"}, {"access-control-request-headers", "x-mine,x-other"}},
     ""},
    {"DELETE", kEveryone, "DELETE", {{"origin", "https://any.example"}}, "*"},
    {"a method that nobody has", kEveryone, "TRACE", {{"origin", "https://any.example"}}, ""},
};

TEST(Cors, AnswersPreflights) {
  for (const auto& c : kPreflights) {
    SCOPED_TRACE(c.name);
    auto headers = c.headers;
    headers["access-control-request-method"] = c.method;
    FakeCall call(headers);
    call.method = "OPTIONS";
    ASSERT_TRUE(Cors::IsPreflight(call));
    Cors(c.options).AnswerPreflight(call);
    EXPECT_EQ(call.status, 204);
    auto got = call.answered_headers;
    EXPECT_NE(got["vary"].find("Origin"), std::string::npos);
    EXPECT_EQ(got["access-control-allow-origin"], c.want_origin);
    EXPECT_EQ(got["access-control-allow-headers"], c.want_headers);
    EXPECT_EQ(got["access-control-allow-methods"], c.want_origin.empty() ? "" : c.method);
    EXPECT_EQ(got["access-control-allow-credentials"], c.want_origin.empty() ? "" : "true");
  }
}

TEST(Cors, MarksAnswers) {
  for (const auto& c : kPreflights) {
    if (c.headers.contains("access-control-request-headers")) continue;
    SCOPED_TRACE(c.name);
    FakeCall call(c.headers);
    call.method = c.method;
    ASSERT_FALSE(Cors::IsPreflight(call));
    Cors(c.options).SetHeaders(call);
    auto got = call.answered_headers;
    EXPECT_EQ(got["vary"], "Origin");
    EXPECT_EQ(got["access-control-allow-origin"], c.want_origin);
    EXPECT_EQ(got["access-control-allow-credentials"], c.want_origin.empty() ? "" : "true");
  }
}

TEST(Cors, PlainOptionsIsNoPreflight) {
  FakeCall call(Headers{{"origin", "https://any.example"}});
  call.method = "OPTIONS";
  EXPECT_FALSE(Cors::IsPreflight(call));
}

}  // namespace
}  // namespace pemba::api
