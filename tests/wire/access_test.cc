// Questions about access over both protocols; who asks them, and who changes what is declared, by
// key, by the token of an issuer, or for somebody else.
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/api/authn/testing/signer.h"
#include "pemba/rpc/server.h"
#include "pemba/telemetry/testing/metrics_text.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using Headers = std::map<std::string, std::string>;

const std::string kIam = "/apis/iam.miloapis.com/v1alpha1/";
const std::string kManager = "/apis/resourcemanager.miloapis.com/v1alpha1/";
constexpr const char* kInNorthwind = "namespaces/organization-northwind/";
constexpr const char* kArchive =
    R"({"api_group":"resourcemanager.miloapis.com","kind":"Project","name":"archive"})";

json::object Object(const std::string& text) { return json::parse(text).as_object(); }

// A server with identities and access, and who may change them.
class Declared {
 public:
  Declared(server::LoadedConfig loaded, Headers masters) : masters_(std::move(masters)) {
    loaded.config.iam.enabled = true;
    loaded.config.iam.settings.system_namespace = "pemba-system";
    loaded.config.metrics.enabled = true;
    loaded.config.metrics.address = "127.0.0.1:0";
    server_ = StartTestServer(loaded);
    clients_.push_back(NewGrpcClient(server_->grpc_address()));
    clients_.push_back(NewHttpClient(server_->http_address()));
    Declare();
  }

  Answer Ask(std::string_view method, const std::string& path, const std::string& body = "",
             const Headers& headers = {}) const {
    return HttpRequest(server_->http_address(), method, path, body, headers);
  }
  Answer Make(const std::string& path, const std::string& name, const std::string& spec) const {
    const auto kind_path = path.substr(path.rfind('/') + 1);
    static const std::map<std::string, std::string> kinds{
        {"namespaces", "Namespace"},
        {"protectedresources", "ProtectedResource"},
        {"roles", "Role"},
        {"users", "User"},
        {"organizations", "Organization"},
        {"projects", "Project"},
        {"policybindings", "PolicyBinding"},
        {"groups", "Group"}};
    const auto group = path.starts_with("/apis/") ? path.substr(6, path.find('/', 6) - 6) : "";
    json::object document{{"apiVersion", group.empty() ? "v1" : group + "/v1alpha1"},
                          {"kind", kinds.at(kind_path)},
                          {"metadata", {{"name", name}}}};
    if (!spec.empty()) document["spec"] = json::parse(spec);
    auto made = Ask("POST", path, json::serialize(document), masters_);
    EXPECT_EQ(made.http_status, 201) << path << " " << name << ": " << made.body;
    return made;
  }

  server::Server& server() { return *server_; }
  const std::vector<std::unique_ptr<WireClient>>& clients() const { return clients_; }
  const Headers& masters() const { return masters_; }

 private:
  void Declare() {
    const auto kind = [&](const char* service, const char* name, const char* singular,
                          const char* actions, const char* parents) {
      Make(kIam + "protectedresources", std::string(singular) + "s",
           std::string(R"({"serviceRef":{"name":")") + service + R"("},"kind":")" + name +
               R"(","singular":")" + singular + R"(","plural":")" + singular +
               R"(s","permissions":)" + actions + R"(,"parentResources":)" + parents + "}");
    };
    kind("resourcemanager.miloapis.com", "Organization", "organization",
         R"(["get","list","create"])", "[]");
    kind("resourcemanager.miloapis.com", "Project", "project", R"(["get","list"])",
         R"([{"apiGroup":"resourcemanager.miloapis.com","kind":"Organization"}])");
    kind("iam.miloapis.com", "Group", "group", R"(["get","list"])",
         R"([{"apiGroup":"resourcemanager.miloapis.com","kind":"Organization"}])");
    kind("library.example.org", "Book", "book", R"(["get","lend"])",
         R"([{"apiGroup":"resourcemanager.miloapis.com","kind":"Project"}])");
    Make(kIam + "namespaces/pemba-system/roles", "librarian",
         R"({"launchStage":"Beta","includedPermissions":["library.example.org/books.get",
             "library.example.org/books.lend","iam.miloapis.com/groups.list"]})");
    Make(kIam + "namespaces/pemba-system/roles", "maker",
         R"({"launchStage":"Beta",
             "includedPermissions":["resourcemanager.miloapis.com/organizations.create"]})");
    Make(kIam + "namespaces/pemba-system/policybindings", "everybody",
         R"({"roleRef":{"name":"maker","namespace":"pemba-system"},
             "subjects":[{"kind":"Group","name":"system:authenticated"}],"resourceSelector":
             {"resourceKind":{"apiGroup":"resourcemanager.miloapis.com","kind":"Organization"}}})");
    for (const std::string user : {"mira", "tomas"}) {
      Make(kIam + "users", user, R"({"email":")" + user + R"(@example.org"})");
    }
    Make(kManager + "organizations", "northwind", R"({"type":"Standard"})");
    Make(kManager + "projects", "archive",
         R"({"ownerRef":{"kind":"Organization","name":"northwind"}})");
    Make(kIam + kInNorthwind + "groups", "cataloguers", "");
    Make(kIam + kInNorthwind + "policybindings", "b1",
         R"({"roleRef":{"name":"librarian","namespace":"pemba-system"},
             "subjects":[{"kind":"User","name":"mira"}],"resourceSelector":{"resourceRef":
             {"apiGroup":"resourcemanager.miloapis.com","kind":"Organization","name":"northwind"}}})");
  }

  const Headers masters_;
  std::unique_ptr<server::Server> server_;
  std::vector<std::unique_ptr<WireClient>> clients_;
};

std::string Question(const std::string& rest, const std::string& resource = kArchive) {
  return R"({"resource":)" + resource + (rest.empty() ? "" : ",") + rest + "}";
}

class Access : public ::testing::Test {
 protected:
  Declared declared_{TestConfig(), {}};
};

struct AnswerCase {
  const char* rpc;
  std::string request;
  const char* response;
};

TEST_F(Access, EveryQuestionHasItsAnswerOverEveryProtocol) {
  const std::string mira_lends =
      R"("principal":"mira","permission":"library.example.org/books.lend")";
  const std::string tomas_lends =
      R"("principal":"tomas","permission":"library.example.org/books.lend")";
  const std::string granted =
      R"({"allowed":true,"reason":"granted","granted_on":"resourcemanager.miloapis.com/Project:archive","binding":"organization-northwind/b1"})";
  const AnswerCase cases[] = {
      {"CheckAccess", Question(mira_lends), granted.c_str()},
      {"CheckAccess", Question(tomas_lends),
       R"({"allowed":false,"reason":"no_grant","granted_on":"","binding":""})"},
      {"TestIamPermissions",
       Question(R"("permissions":["library.example.org/books.get","library.example.org/x.get"])"),
       R"({"permissions":["library.example.org/books.get"]})"},
      {"TestIamPermissions",
       Question(R"("permissions":["library.example.org/books.get"])",
                R"({"api_group":"resourcemanager.miloapis.com","kind":"Project","name":"none"})"),
       R"({"permissions":[]})"},
      {"ListAccessible",
       R"({"principal":"mira","permission":"library.example.org/books.lend",
           "api_group":"resourcemanager.miloapis.com","kind":"Project"})",
       R"({"all":false,"resources":[{"api_group":"resourcemanager.miloapis.com","kind":"Project","namespace":"","name":"archive"}],"truncated":false})"},
      {"ListGrantableRoles", Question(""),
       R"({"roles":[{"namespace":"pemba-system","name":"librarian","display_name":"","launch_stage":"Beta","permissions":["library.example.org/books.get","library.example.org/books.lend"]}]})"},
  };
  for (const auto& client : declared_.clients()) {
    for (const auto& c : cases) {
      SCOPED_TRACE(std::string(client->name()) + " " + c.rpc + " " + c.request);
      const auto answer = client->Call(c.rpc, Object(c.request));
      ASSERT_TRUE(answer.ok) << answer.message;
      EXPECT_EQ(answer.response, json::parse(c.response)) << json::serialize(answer.response);
      EXPECT_FALSE(answer.headers.at("pemba-revision").empty());
    }
    SCOPED_TRACE(client->name());
    const auto batch = client->Call(
        "BatchCheckAccess",
        Object(R"({"checks":[)" + Question(mira_lends) + "," + Question(tomas_lends) + "," +
               Question(R"("principal":"mira","permission":"library.example.org/x.get")") + "]}"));
    ASSERT_TRUE(batch.ok) << batch.message;
    const auto& outcomes = batch.response.at("outcomes").as_array();
    ASSERT_EQ(outcomes.size(), 3U);
    EXPECT_EQ(outcomes[0].at("result"), json::parse(granted));
    EXPECT_EQ(outcomes[1].at("result").at("allowed"), json::value(false));
    EXPECT_EQ(outcomes[2].at("problem").at("reason"), json::value("not_registered"));

    const auto who = client->Call(
        "ListPrincipals", Object(Question(R"("permission":"library.example.org/books.lend")")));
    ASSERT_TRUE(who.ok) << who.message;
    ASSERT_EQ(who.response.at("principals").as_array().size(), 1U);
    EXPECT_EQ(who.response.at("principals").as_array()[0].at("name"), json::value("mira"));

    const auto why = client->Call("ExplainAccess", Object(Question(mira_lends)));
    ASSERT_TRUE(why.ok) << why.message;
    EXPECT_EQ(why.response.at("decision").at("allowed"), json::value(true));
    EXPECT_EQ(why.response.at("grants").as_array()[0].at("binding"),
              json::value("organization-northwind/b1"));
    const auto why_not = client->Call("ExplainAccess", Object(Question(tomas_lends)));
    ASSERT_TRUE(why_not.ok) << why_not.message;
    EXPECT_FALSE(why_not.response.at("near_misses").as_array().empty());
  }
}

TEST_F(Access, WhatIsNoQuestionIsAnError) {
  struct Case {
    const char* name;
    const char* rpc;
    std::string request;
    const char* message;  // A part of it.
  };
  const std::string get = R"("principal":"mira","permission":"library.example.org/books.get")";
  const std::string unknown = R"({"api_group":"a.example","kind":"Thing","name":"x"})";
  std::string many;
  for (int i = 0; i < 101; ++i) many += (many.empty() ? "" : ",") + Question(get);
  const Case cases[] = {
      {"no resource", "CheckAccess", "{" + get + "}", ".Resource: value is required"},
      {"no permission", "CheckAccess", Question(R"("principal":"mira")"),
       ".Permission: value length"},
      {"no kind", "CheckAccess", Question(get, R"({"name":"x"})"), ".Kind: value length"},
      {"a permission that is not", "ExplainAccess",
       Question(R"("principal":"mira","permission":"library.example.org/x.get")"),
       "not registered"},
      {"no checks", "BatchCheckAccess", R"({"checks":[]})", "Checks"},
      {"too many checks", "BatchCheckAccess", R"({"checks":[)" + many + "]}", "Checks"},
      {"a wildcard", "TestIamPermissions", Question(R"("permissions":["a/*"])"), "wildcard"},
      {"a list of what is not registered", "ListAccessible",
       R"({"principal":"mira","permission":"a.example/things.get","api_group":"a.example","kind":"Thing"})",
       "not registered"},
      {"who has what is not registered", "ListPrincipals",
       Question(R"("permission":"library.example.org/x.get")"), "not registered"},
      {"roles on what is not registered", "ListGrantableRoles", Question("", unknown),
       "not registered"},
  };
  for (const auto& client : declared_.clients()) {
    for (const auto& c : cases) {
      SCOPED_TRACE(std::string(client->name()) + ": " + c.name);
      const auto answer = client->Call(c.rpc, Object(c.request));
      EXPECT_FALSE(answer.ok);
      EXPECT_THAT(answer.message, HasSubstr(c.message));
      if (answer.http_status != 0) {
        EXPECT_EQ(answer.http_status, 400);
      } else {
        EXPECT_EQ(answer.grpc_code, 3U);  // INVALID_ARGUMENT
      }
    }
  }
}

TEST_F(Access, AnAnswerIsAsNewAsItIsWanted) {
  const auto made = declared_.Make(kIam + kInNorthwind + "policybindings", "b2",
                                   R"({"roleRef":{"name":"librarian","namespace":"pemba-system"},
          "subjects":[{"kind":"User","name":"tomas"}],"resourceSelector":{"resourceRef":
          {"apiGroup":"resourcemanager.miloapis.com","kind":"Organization","name":"northwind"}}})");
  const auto document = json::parse(made.body);
  const auto version = std::string(document.at("metadata").at("resourceVersion").as_string());
  const auto lend =
      Object(Question(R"("principal":"tomas","permission":"library.example.org/books.lend")"));
  const auto roles = Object(Question(""));
  for (const auto& client : declared_.clients()) {
    SCOPED_TRACE(client->name());
    const auto now = client->Call("CheckAccess", lend, {{"Pemba-At-Least-Revision", version}});
    ASSERT_TRUE(now.ok) << now.message;
    EXPECT_EQ(now.response.at("allowed"), json::value(true));
    EXPECT_GE(std::stoull(now.headers.at("pemba-revision")), std::stoull(version));
    // A revision that nobody has seen is waited for, and then it is an error and no old answer.
    for (const auto& [rpc, request] :
         {std::pair{"CheckAccess", lend}, std::pair{"ListGrantableRoles", roles}}) {
      const auto later = client->Call(rpc, request, {{"Pemba-At-Least-Revision", "1000000000"}});
      EXPECT_FALSE(later.ok) << rpc;
      EXPECT_FALSE(later.message.empty());
    }
    EXPECT_FALSE(client->Call("CheckAccess", lend, {{"Pemba-At-Least-Revision", "soon"}}).ok);
  }
}

TEST_F(Access, ReviewsAreCountedAndTimedByOutcome) {
  const auto review = [&](const char* user, const char* verb, const char* resource) {
    const auto answer = declared_.Ask(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        std::string(
            R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"x","uid":")") +
            user + R"(","groups":[],"extra":{"iam.miloapis.com/parent-api-group":
            ["resourcemanager.miloapis.com"],"iam.miloapis.com/parent-type":["Project"],
            "iam.miloapis.com/parent-name":["archive"]},"resourceAttributes":{"group":
            "library.example.org","version":"v1","resource":")" +
            resource + R"(","verb":")" + verb + R"(","name":"b-7"}}})");
    EXPECT_EQ(answer.http_status, 200) << answer.body;
    return json::parse(answer.body).at("status").at("allowed") == json::value(true);
  };
  EXPECT_TRUE(review("mira", "lend", "books"));
  EXPECT_TRUE(review("mira", "get", "books"));
  EXPECT_FALSE(review("tomas", "lend", "books"));
  EXPECT_FALSE(review("mira", "shred", "books"));
  EXPECT_FALSE(review("mira", "get", "unheard"));

  const auto scraped = HttpRequest(declared_.server().metrics_address(), "GET", "/metrics", "");
  const auto metrics = telemetry::ParseMetricsText(scraped.body);
  ASSERT_TRUE(metrics.ok()) << metrics.error().message;
  const auto sum = [&](const std::string& name, const std::string& decision) {
    double total = 0;
    for (const auto& [series, value] : metrics->samples) {
      const bool is = series.starts_with(name + "{") &&
                      series.find("decision=\"" + decision + "\"") != series.npos &&
                      series.find("scope=\"project\"") != series.npos &&
                      series.find("resource_group=\"library.example.org\"") != series.npos;
      if (is) total += value;
    }
    return total;
  };
  for (const auto* name : {"authz_decisions_total", "authz_request_duration_seconds_count"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(sum(name, "allowed"), 2);
    EXPECT_EQ(sum(name, "denied"), 1);
    EXPECT_EQ(sum(name, "no_opinion"), 2);
    EXPECT_EQ(sum(name, "error"), 0);
  }
  EXPECT_GT(sum("authz_request_duration_seconds_sum", "allowed"), 0);
}

TEST(AccessByKey, IsForWhoHasOne) {
  auto loaded = TestConfig();
  loaded.config.authn.method = server::AuthnMethod::kPreshared;
  loaded.config.authn.preshared_keys = {"a-key"};
  const Declared declared(loaded, {{"authorization", "Bearer a-key"}});
  const auto question =
      Object(Question(R"("principal":"mira","permission":"library.example.org/books.get")"));
  const std::map<std::string, json::object> questions{
      {"CheckAccess", question},
      {"BatchCheckAccess", {{"checks", json::array{question}}}},
      {"TestIamPermissions",
       Object(Question(R"("permissions":["library.example.org/books.get"])"))},
      {"ListAccessible",
       Object(
           R"({"principal":"mira","permission":"library.example.org/books.get","api_group":"library.example.org","kind":"Book"})")},
      {"ListPrincipals", Object(Question(R"("permission":"library.example.org/books.get")"))},
      {"ListGrantableRoles", Object(Question(""))},
      {"ExplainAccess", question},
  };
  for (const auto& client : declared.clients()) {
    for (const auto& [rpc, request] : questions) {
      SCOPED_TRACE(std::string(client->name()) + " " + rpc);
      EXPECT_TRUE(client->Call(rpc, request, declared.masters()).ok);
      const auto nobody = client->Call(rpc, request);
      EXPECT_FALSE(nobody.ok);
      EXPECT_EQ(nobody.message, "missing bearer token");
      const auto wrong = client->Call(rpc, request, {{"authorization", "Bearer b-key"}});
      EXPECT_FALSE(wrong.ok);
      EXPECT_EQ(wrong.message, "unauthenticated");
    }
  }
  EXPECT_EQ(declared.Ask("GET", kIam + "users").http_status, 401);
  EXPECT_EQ(declared.Ask("GET", kIam + "users", "", declared.masters()).http_status, 200);
}

// An OpenID issuer on a port of this machine.
class Issuer {
 public:
  Issuer() {
    const auto page = [this](const char* path, std::string body) {
      router_.Add({.http_method = "GET",
                   .http_pattern = path,
                   .handler = [text = std::move(body), this](rpc::Call& call) {
                     call.FinishHttp(200, "application/json", text.empty() ? Document() : text);
                   }});
    };
    page("/.well-known/openid-configuration", "");
    page("/keys", R"({"keys":[)" + key_.Jwk("k1") + "]}");
    rpc::ServerOptions options;
    options.listeners.push_back({.address = "127.0.0.1:0", .tls = std::nullopt});
    options.io_threads = 1;
    server_ = std::make_unique<rpc::Server>(std::move(options), router_);
    EXPECT_TRUE(server_->Start().ok());
  }
  ~Issuer() { server_->Shutdown(std::chrono::seconds(1)); }

  std::string url() const { return "http://" + server_->addresses().at(0); }
  Headers Token(const std::string& subject, const std::string& audience = "pemba",
                const std::string& more = "") const {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const auto claims = R"({"iss":")" + url() + R"(","aud":")" + audience + R"(","sub":")" +
                        subject + R"(","exp":)" + std::to_string(now + 600) + R"(,"iat":)" +
                        std::to_string(now) + more + "}";
    return {{"authorization", "Bearer " + key_.Sign(R"({"alg":"ES256","kid":"k1"})", claims)}};
  }

 private:
  std::string Document() const {
    return R"({"issuer":")" + url() + R"(","jwks_uri":")" + url() + R"(/keys"})";
  }

  const api::authn::testing::Signer key_ = api::authn::testing::Signer::P256();
  rpc::Router router_;
  std::unique_ptr<rpc::Server> server_;
};

class AccessByToken : public ::testing::Test {
 protected:
  static server::LoadedConfig Config(const Issuer& issuer) {
    auto loaded = TestConfig();
    loaded.config.authn.method = server::AuthnMethod::kOidc;
    loaded.config.authn.oidc.issuer = issuer.url();
    loaded.config.authn.oidc.audience = "pemba";
    loaded.config.iam.admins = {"root"};
    return loaded;
  }

  const Issuer issuer_;
  Declared declared_{Config(issuer_), issuer_.Token("root")};
};

TEST_F(AccessByToken, DecidesWhatCallersMayDoWithDeclaredObjects) {
  const auto groups = kIam + kInNorthwind + "groups";
  const auto get = [&](const std::string& path, const Headers& headers) {
    return declared_.Ask("GET", path, "", headers);
  };
  EXPECT_EQ(get(groups, issuer_.Token("mira")).http_status, 200);
  const auto refused =
      get(groups, issuer_.Token("tomas", "pemba", R"(,"preferred_username":"Tomas B.")"));
  EXPECT_EQ(refused.http_status, 403);
  EXPECT_THAT(refused.body, HasSubstr(R"(User \"Tomas B.\" cannot list resource \"groups\")"));
  EXPECT_EQ(get(kIam + "users", issuer_.Token("root")).http_status, 200);
  EXPECT_EQ(get(kIam + "users", issuer_.Token("mira")).http_status, 403);
  EXPECT_EQ(get(groups, {}).http_status, 401);
  EXPECT_EQ(get(groups, issuer_.Token("mira", "somebody-else")).http_status, 401);
  EXPECT_EQ(get(groups, Issuer().Token("mira")).http_status, 401) << "another issuer";

  // Who may do everything is said by the subject, not by what else a token calls itself.
  EXPECT_EQ(get(kIam + "users", issuer_.Token("mira", "pemba", R"(,"email":"root")")).http_status,
            403);
  EXPECT_EQ(get(kIam + "users", issuer_.Token("mira", "pemba", R"(,"groups":["system:masters"])"))
                .http_status,
            403);
  // Only who may do everything may act for somebody else.
  auto mira_as_root = issuer_.Token("mira");
  mira_as_root["impersonate-user"] = "root";
  EXPECT_EQ(get(kIam + "users", mira_as_root).http_status, 403);
  auto root_as_mira = issuer_.Token("root");
  root_as_mira["impersonate-user"] = "mira";
  EXPECT_EQ(get(groups, root_as_mira).http_status, 200);
  EXPECT_EQ(get(kIam + "users", root_as_mira).http_status, 403);

  // Who makes an organization is its owner: by the subject of the token.
  const auto made =
      declared_.Ask("POST", kManager + "organizations",
                    R"({"apiVersion":"resourcemanager.miloapis.com/v1alpha1","kind":"Organization",
          "metadata":{"name":"tailspin"},"spec":{"type":"Standard"}})",
                    issuer_.Token("tomas"));
  EXPECT_EQ(made.http_status, 201) << made.body;
  const auto memberships = get(
      kManager + "namespaces/organization-tailspin/organizationmemberships", issuer_.Token("root"));
  EXPECT_THAT(memberships.body, HasSubstr(R"("name":"tomas")"));
}

TEST_F(AccessByToken, AsksForTheCallerWithoutBeingAskedToNameIt) {
  const auto own = Object(Question(R"("permission":"library.example.org/books.lend")"));
  const auto of_mira =
      Object(Question(R"("principal":"mira","permission":"library.example.org/books.lend")"));
  for (const auto& client : declared_.clients()) {
    SCOPED_TRACE(client->name());
    const auto mira = client->Call("CheckAccess", own, issuer_.Token("mira"));
    ASSERT_TRUE(mira.ok) << mira.message;
    EXPECT_EQ(mira.response.at("allowed"), json::value(true));
    const auto tomas = client->Call("CheckAccess", own, issuer_.Token("tomas"));
    ASSERT_TRUE(tomas.ok) << tomas.message;
    EXPECT_EQ(tomas.response.at("allowed"), json::value(false));
    // Others are asked about by who has the permission to, and by who may do everything.
    const auto curious = client->Call("CheckAccess", of_mira, issuer_.Token("tomas"));
    EXPECT_FALSE(curious.ok);
    EXPECT_TRUE(client->Call("CheckAccess", of_mira, issuer_.Token("root")).ok);
    EXPECT_FALSE(client->Call("CheckAccess", own, issuer_.Token("mira", "somebody-else")).ok);
  }
}

}  // namespace
}  // namespace pemba::wire_test
