// What callers are told about themselves.
#include "pemba/api/k8s/self_reviews.h"

#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "pemba/api/k8s/callers.h"
#include "pemba/iam/kinds.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;
using resource::Failure;

// Allows what a test lists: "get users/mira", "list groups in north", "lend library books".
class Listed final : public Authorizer {
 public:
  resource::Outcome<Done> Authorize(const ObjectRequest& request) override {
    auto text = std::string(request.verb) + " " + request.kind.plural;
    if (!request.name.empty()) text += "/" + std::string(request.name);
    if (!request.name_space.empty()) text += " in " + std::string(request.name_space);
    if (request.parent) text += " of " + request.parent->name;
    return Answer(text);
  }
  resource::Outcome<Done> AuthorizeElsewhere(const ForeignRequest& request) override {
    if (request.api_group != "library") {
      return Failure(Failure::Reason::kKindNotFound, "nothing is known of it");
    }
    return Answer(std::string(request.verb) + " library " + std::string(request.resource));
  }
  std::set<std::string> allowed;

 private:
  resource::Outcome<Done> Answer(const std::string& text) const {
    if (allowed.contains(text)) return Done{};
    return Failure(Failure::Reason::kForbidden, "may not " + text);
  }
};

class SelfReviews : public ::testing::Test {
 protected:
  SelfReviews() { EXPECT_TRUE(iam::AddKinds(registry_).ok()); }

  json::object Status(std::string_view resource, std::string_view kind, std::string_view spec) {
    const SelfAsker asker{registry_, &authorizer_, caller_, parent_};
    const auto answer = AnswerSelfReview(
        asker, resource,
        {{"apiVersion", "v1"}, {"kind", kind}, {"spec", json::parse({spec.data(), spec.size()})}});
    if (!answer.ok()) return {{"refused", answer.error().message}};
    return answer->at("status").as_object();
  }
  std::string MayI(std::string_view attributes) {
    const auto spec = "{\"resourceAttributes\":" + std::string(attributes) + "}";
    return json::serialize(Status("selfsubjectaccessreviews", "SelfSubjectAccessReview", spec));
  }

  resource::Registry registry_;
  Listed authorizer_;
  resource::Caller caller_{"mira@example.org", "mira", {kAuthenticatedGroup}, {{"team", {"a"}}}};
  std::optional<iam::ParentContext> parent_;
};

constexpr const char* kYes = R"({"allowed":true})";

TEST_F(SelfReviews, SayWhoTheCallerIs) {
  EXPECT_EQ(json::serialize(Status("selfsubjectreviews", "SelfSubjectReview", "{}")),
            R"({"userInfo":{"username":"mira@example.org","uid":"mira",)"
            R"("groups":["system:authenticated"],"extra":{"team":["a"]}}})");
}

TEST_F(SelfReviews, AnswerAsTheRequestItselfWouldBe) {
  authorizer_.allowed = {"get users/mira", "list groups in north", "create groups in north",
                         "lend library books"};
  EXPECT_EQ(MayI(R"({"verb":"get","group":"iam.miloapis.com","resource":"users","name":"mira"})"),
            kYes);
  EXPECT_EQ(MayI(R"({"verb":"get","group":"iam.miloapis.com","resource":"users","name":"tomas"})"),
            R"({"allowed":false,"reason":"may not get users/tomas"})");
  EXPECT_EQ(
      MayI(R"({"verb":"list","group":"iam.miloapis.com","resource":"groups","namespace":"north"})"),
      kYes);
  // The name of what is made says nothing, and a kind of cluster scope lies in no namespace.
  EXPECT_EQ(MayI(R"({"verb":"create","group":"iam.miloapis.com","resource":"groups",)"
                 R"("namespace":"north","name":"x"})"),
            kYes);
  EXPECT_EQ(MayI(R"({"verb":"get","group":"iam.miloapis.com","resource":"users",)"
                 R"("namespace":"north","name":"mira"})"),
            kYes);
  EXPECT_EQ(MayI(R"({"verb":"lend","group":"library","resource":"books","name":"emma"})"), kYes);
  EXPECT_EQ(MayI(R"({"verb":"lend","resource":"books.library"})"), kYes);
  EXPECT_EQ(MayI(R"({"verb":"get","group":"other","resource":"things"})"),
            R"({"allowed":false,"evaluationError":"nothing is known of it"})");
}

TEST_F(SelfReviews, KnowTheControlPlaneTheyAreMadeIn) {
  parent_ = {"resourcemanager.miloapis.com", "Organization", "north"};
  authorizer_.allowed = {"list projects of north"};
  EXPECT_EQ(MayI(R"({"verb":"list","group":"resourcemanager.miloapis.com","resource":"projects"})"),
            kYes);
}

TEST_F(SelfReviews, ListWhatMayBeDoneInANamespace) {
  authorizer_.allowed = {"list groups in north", "watch groups in north", "list users"};
  auto status =
      Status("selfsubjectrulesreviews", "SelfSubjectRulesReview", R"({"namespace":"north"})");
  EXPECT_EQ(
      json::serialize(status["resourceRules"]),
      R"([{"verbs":["list","watch"],"apiGroups":["iam.miloapis.com"],"resources":["groups"]},)"
      R"({"verbs":["list"],"apiGroups":["iam.miloapis.com"],"resources":["users"]}])");
  EXPECT_EQ(status["incomplete"], true);
}

TEST_F(SelfReviews, TellMastersThatTheyMayDoEverything) {
  caller_.groups.emplace_back(kMastersGroup);
  EXPECT_EQ(MayI(R"({"verb":"*","group":"*","resource":"*"})"), kYes);
  auto status = Status("selfsubjectrulesreviews", "SelfSubjectRulesReview", "{}");
  EXPECT_EQ(json::serialize(status["resourceRules"]),
            R"([{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}])");
}

TEST_F(SelfReviews, RefuseWhatTheyDoNotUnderstand) {
  EXPECT_TRUE(
      Status("selfsubjectaccessreviews", "SelfSubjectAccessReview", "{}").contains("refused"));
  EXPECT_TRUE(Status("selfsubjectaccessreviews", "Role", "{}").contains("refused"));
  // Typed clients leave out what the endpoint says.
  EXPECT_TRUE(Status("selfsubjectreviews", "", "{}").contains("userInfo"));
  EXPECT_TRUE(IsSelfReview("authentication.k8s.io", "v1", "selfsubjectreviews"));
  EXPECT_FALSE(IsSelfReview("authentication.k8s.io", "v1beta1", "selfsubjectreviews"));
  EXPECT_FALSE(IsSelfReview("authorization.k8s.io", "v1", "subjectaccessreviews"));
}

TEST_F(SelfReviews, KnowWhichPathsAreOpen) {
  const auto may = [&](const char* path) {
    return Status("selfsubjectaccessreviews", "SelfSubjectAccessReview",
                  std::string(R"({"nonResourceAttributes":{"verb":"get","path":")") + path + "\"}}")
        .at("allowed")
        .as_bool();
  };
  EXPECT_TRUE(may("/openapi/v3"));
  EXPECT_TRUE(may("/healthz"));
  EXPECT_FALSE(may("/metrics"));
  EXPECT_FALSE(may("/apisx"));
}

}  // namespace
}  // namespace pemba::api::k8s
