// SubjectAccessReviews: what is read, and what is answered.
#include "pemba/api/access/subject_access_review.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace pemba::api::access {
namespace {

using iam::AccessDecision;
using iam::AccessReason;
using Answer = iam::AccessDecision::Answer;

std::string Body(const std::string& spec) {
  return R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":)" + spec +
         "}";
}

std::string StatusOf(const std::string& answer) {
  const auto whole = boost::json::parse(answer).as_object();
  EXPECT_EQ(whole.at("kind"), "SubjectAccessReview");
  EXPECT_EQ(whole.at("apiVersion"), "authorization.k8s.io/v1");
  EXPECT_TRUE(whole.at("spec").as_object().empty());
  return boost::json::serialize(whole.at("status"));
}

TEST(SubjectAccessReview, IsReadWhole) {
  const auto read = ParseSubjectAccessReview(Body(R"x({"user":"m@e.org","uid":"mira","groups":["x"],
      "extra":{"iam.miloapis.com/parent-api-group":["g"],"iam.miloapis.com/parent-type":["K"],
               "iam.miloapis.com/parent-name":["n"],"other":["a","b"]},
      "resourceAttributes":{"group":"g","version":"v1","resource":"books","subresource":"loan",
        "verb":"get","name":"b","namespace":"ns","labelSelector":{"rawSelector":"a in (b,c)"
}
}
, "authorizationOptions" : { "future" : 1 }
})x"));
  ASSERT_TRUE(read.review) << read.problem;
  const auto& review = *read.review;
  EXPECT_EQ(review.uid, "mira");
  EXPECT_EQ(review.verb, "get");
  EXPECT_EQ(review.api_group, "g");
  EXPECT_EQ(review.resource, "books");
  EXPECT_EQ(review.subresource, "loan");
  EXPECT_EQ(review.name_space, "ns");
  EXPECT_EQ(review.name, "b");
  EXPECT_EQ(review.parent, (iam::ParentContext{"g", "K", "n"}));
  EXPECT_EQ(review.extra.at("other").size(), 2u);
}

struct ParentCase {
  const char* name;
  const char* extra;
};

TEST(SubjectAccessReview, AParentIsAllThreeOnceOrNothing) {
  constexpr ParentCase kCases[] = {
      {"two of three",
       R"({"iam.miloapis.com/parent-api-group":["g"],"iam.miloapis.com/parent-name":["n"]})"},
      {"one of them twice",
       R"({"iam.miloapis.com/parent-api-group":["g"],"iam.miloapis.com/parent-type":["K"],)"
       R"("iam.miloapis.com/parent-name":["n","m"]})"},
      {"no list",
       R"({"iam.miloapis.com/parent-api-group":["g"],"iam.miloapis.com/parent-type":["K"],)"
       R"("iam.miloapis.com/parent-name":"n"})"},
  };
  for (const auto& c : kCases) {
    const auto read = ParseSubjectAccessReview(
        Body(std::string(R"({"uid":"m","resourceAttributes":{},"extra":)") + c.extra + "}"));
    ASSERT_TRUE(read.review) << c.name;
    EXPECT_FALSE(read.review->parent) << c.name;
  }
}

struct UnreadCase {
  const char* name;
  std::string body;
  const char* status;
};

TEST(SubjectAccessReview, WhatCannotBeReadIsNoOpinion) {
  const UnreadCase cases[] = {
      {"nothing", "", R"({"allowed":false,"evaluationError":"request body is empty"})"},
      {"no object", "[]",
       R"({"allowed":false,"evaluationError":"the request body is not an object"})"},
      {"another kind", R"({"kind":"Pod","apiVersion":"v1"})",
       R"({"allowed":false,"evaluationError":"expected a SubjectAccessReview of )"
       R"(authorization.k8s.io/v1, got Pod of v1"})"},
      {"both kinds of attributes",
       Body(R"({"resourceAttributes":{},"nonResourceAttributes":{"path":"/x"}})"),
       R"({"allowed":false,"denied":true,"reason":"only one of resourceAttributes and )"
       R"(nonResourceAttributes may be set"})"},
      {"a path", Body(R"({"uid":"m","nonResourceAttributes":{"path":"/x","verb":"get"}})"),
       R"({"allowed":false,"evaluationError":"permission for 'get /x' not registered"})"},
      {"a selector",
       Body(R"x({"uid":"m","resourceAttributes":{"labelSelector":{"rawSelector":"a in ("}}})x"),
       nullptr},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto read = ParseSubjectAccessReview(c.body);
    ASSERT_FALSE(read.review);
    const auto status = StatusOf(AnswerUnread(read, OnError::kNoOpinion));
    if (c.status != nullptr) {
      EXPECT_EQ(status, c.status);
    }
    EXPECT_NE(StatusOf(AnswerUnread(read, OnError::kDeny)).find(R"("denied":true)"),
              std::string::npos);
  }
}

TEST(SubjectAccessReview, AnswersHaveTheirThreeForms) {
  AccessDecision allowed;
  allowed.answer = Answer::kAllowed;
  allowed.reason = AccessReason::kGranted;
  allowed.permission = "l/books.get";
  allowed.items = {{iam::ItemKind::kScopeParent, "rm/Project:archive"}};
  allowed.deciding = 0;
  EXPECT_EQ(StatusOf(AnswerSubjectAccessReview(allowed, "n/b1", OnError::kNoOpinion)),
            R"({"allowed":true,"reason":"reason=granted permission=l/books.get )"
            R"(item=scope-parent on=rm/Project:archive binding=n/b1"})");
  AccessDecision denied;
  denied.permission = "l/books.get";
  EXPECT_EQ(StatusOf(AnswerSubjectAccessReview(denied, "", OnError::kNoOpinion)),
            R"({"allowed":false,"denied":true,"reason":"reason=no_grant permission=l/books.get"})");
  AccessDecision undecided;
  undecided.answer = Answer::kUndecided;
  undecided.reason = AccessReason::kProviderError;
  undecided.message = "gone";
  EXPECT_EQ(StatusOf(AnswerSubjectAccessReview(undecided, "", OnError::kNoOpinion)),
            R"({"allowed":false,"reason":"reason=provider_error","evaluationError":"gone"})");
  EXPECT_EQ(StatusOf(AnswerSubjectAccessReview(undecided, "", OnError::kDeny)),
            R"({"allowed":false,"denied":true,"reason":"reason=provider_error",)"
            R"("evaluationError":"gone"})");
}

}  // namespace
}  // namespace pemba::api::access
