// Who asks for declared objects, for whom, and inside which control plane.
#include "pemba/api/k8s/callers.h"

#include <gtest/gtest.h>

#include "pemba/api/authn/testing/fake_call.h"
#include "pemba/api/k8s/scope_limits.h"
#include "pemba/api/k8s/scope_path.h"

namespace pemba::api::k8s {
namespace {

using authn::testing::FakeCall;
using Texts = std::vector<std::string>;

authn::Caller Token(std::string subject, std::string name, Texts groups = {}) {
  return authn::Caller::Bearing(
      "app", std::make_shared<authn::Bearer>(
                 authn::Bearer{std::move(subject), std::move(name), std::move(groups)}));
}

struct CallerCase {
  const char* name;
  authn::Caller authenticated;
  CallerOptions options;
  std::string uid, shown;
  Texts groups;
};

TEST(CallerOf, KnowsEveryCredential) {
  const CallerOptions admins{.nameless = Nameless::kEveryone, .admins = {"root-1"}};
  const CallerCase cases[] = {
      {"open server",
       authn::Caller::Anonymous(),
       {},
       "",
       "system:anonymous",
       {"system:masters", "system:unauthenticated"}},
      {"preshared key",
       authn::Caller::Anonymous(),
       {.nameless = Nameless::kAdmin},
       "admin",
       "admin",
       {"system:masters", "system:authenticated"}},
      {"token",
       Token("u-1", "mira", {"staff"}),
       admins,
       "u-1",
       "mira",
       {"staff", "system:authenticated"}},
      {"token of an admin",
       Token("root-1", "root"),
       admins,
       "root-1",
       "root",
       {"system:masters", "system:authenticated"}},
      {"certificate", authn::Caller::Named("svc"), admins, "svc", "svc", {"system:authenticated"}},
      {"token without a subject is its client",
       Token("", ""),
       {.nameless = Nameless::kAdmin},
       "app",
       "app",
       {"system:authenticated"}},
      {"token that says nothing is no key",
       authn::Caller::Bearing("", std::make_shared<authn::Bearer>()),
       {.nameless = Nameless::kAdmin},
       "",
       "system:anonymous",
       {"system:authenticated"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto caller = CallerOf(c.authenticated, c.options);
    EXPECT_EQ(caller.uid, c.uid);
    EXPECT_EQ(caller.name, c.shown);
    EXPECT_EQ(caller.groups, c.groups);
  }
}

struct ImpersonationCase {
  const char* name;
  Texts groups;  // Of who asks.
  FakeCall::Headers headers;
  std::optional<resource::Caller> want;  // Nothing: refused.
};

TEST(Impersonated, IsForMastersAndNeverSetsTheParent) {
  const Texts masters = {"system:masters"};
  const ImpersonationCase cases[] = {
      {"nobody else", {}, {{"accept", "x"}}, resource::Caller{"me", "me-1", {}, {}}},
      {"name is uid",
       masters,
       {{"impersonate-user", "mira"}},
       resource::Caller{"mira", "mira", {"system:authenticated"}, {}}},
      {"uid and groups",
       masters,
       {{"impersonate-user", "mira"}, {"impersonate-uid", "u-1"}, {"impersonate-group", "staff"}},
       resource::Caller{"mira", "u-1", {"staff", "system:authenticated"}, {}}},
      {"extras but the parent's",
       masters,
       {{"impersonate-user", "mira"},
        {"impersonate-extra-iam.miloapis.com%2fparent-name", "acme"},
        {"impersonate-extra-iam.miloapis.com%2FregistrationApproval", "Pending"}},
       resource::Caller{"mira",
                        "mira",
                        {"system:authenticated"},
                        {{"iam.miloapis.com/registrationApproval", {"Pending"}}}}},
      {"anonymous stays so",
       masters,
       {{"impersonate-user", "system:anonymous"}},
       resource::Caller{"system:anonymous", "system:anonymous", {}, {}}},
      {"not a master", {"staff"}, {{"impersonate-user", "mira"}}, std::nullopt},
      {"groups without a user", masters, {{"impersonate-group", "staff"}}, std::nullopt},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const FakeCall call(c.headers);
    const auto got = Impersonated({"me", "me-1", c.groups, {}}, call);
    ASSERT_EQ(got.ok(), c.want.has_value());
    if (!got.ok()) continue;
    EXPECT_EQ(got->name, c.want->name);
    EXPECT_EQ(got->uid, c.want->uid);
    EXPECT_EQ(got->groups, c.want->groups);
    EXPECT_EQ(got->extra, c.want->extra);
  }
}

struct PathCase {
  const char* path;
  const char* parent;  // Empty: none.
  const char* rest;
};

TEST(SplitScope, FindsTheControlPlane) {
  constexpr PathCase kCases[] = {
      {"/apis/iam.miloapis.com/v1alpha1/users", "", "/apis/iam.miloapis.com/v1alpha1/users"},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/organizations/acme/control-plane/api",
       "resourcemanager.miloapis.com/Organization:acme", "/api"},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/projects/p1/control-plane/apis/x/v1/y",
       "resourcemanager.miloapis.com/Project:p1", "/apis/x/v1/y"},
      {"/apis/iam.miloapis.com/v1alpha1/users/mira/control-plane", "iam.miloapis.com/User:mira",
       ""},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/organizations/acme/control-plane/apis/"
       "resourcemanager.miloapis.com/v1alpha1/projects/p1/control-plane/api",
       "resourcemanager.miloapis.com/Project:p1", "/api"},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/projects/p1/control-plane/apis/"
       "resourcemanager.miloapis.com/v1alpha1/organizations/acme/control-plane/api",
       "resourcemanager.miloapis.com/Project:p1", "/api"},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/organizations/acme/status", "",
       "/apis/resourcemanager.miloapis.com/v1alpha1/organizations/acme/status"},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/organizations/acme/control-planet/api", "",
       "/apis/resourcemanager.miloapis.com/v1alpha1/organizations/acme/control-planet/api"},
      {"/apis/resourcemanager.miloapis.com/v1alpha1/organizations/a,b/control-plane/api", "",
       "/apis/resourcemanager.miloapis.com/v1alpha1/organizations/a,b/control-plane/api"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.path);
    const auto got = SplitScope(c.path);
    EXPECT_EQ(got.parent ? got.parent->object() : "", c.parent);
    EXPECT_EQ(got.path, c.rest);
  }
}

TEST(WithTerm, ReplacesWhatTheClientSaysAboutTheKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "org=acme"},
      {"app=web", "app=web,org=acme"},
      {"org=other", "org=acme"},
      {"org in (a,b),app in (x,y)", "app in (x,y),org=acme"},
      {"!org,org!=x, org notin (acme)", "org=acme"},
      {"organization=x", "organization=x,org=acme"},
  };
  for (const auto& [selector, want] : cases) {
    EXPECT_EQ(WithTerm(selector, "org", "acme"), want) << selector;
  }
}

struct WithinCase {
  const char* name;
  iam::ParentContext parent;
  const char* group;
  const char* plural;
  resource::Scope scope;
  const char* name_space;
  const char* verb;
  Within want;
};

TEST(CollectionWithin, IsYesOnlyForWhatTheParentHolds) {
  constexpr auto kCluster = resource::Scope::kCluster;
  constexpr auto kNamespaced = resource::Scope::kNamespaced;
  const iam::ParentContext acme{"resourcemanager.miloapis.com", "Organization", "acme"};
  const iam::ParentContext mira{"iam.miloapis.com", "User", "mira"};
  const char* const rm = "resourcemanager.miloapis.com";
  const char* const im = "iam.miloapis.com";
  const WithinCase cases[] = {
      {"its projects", acme, rm, "projects", kCluster, "", "list", Within::kYes},
      {"a project of its", acme, rm, "projects", kCluster, "", "create", Within::kYes},
      {"everybody's users", acme, im, "users", kCluster, "", "list", Within::kNo},
      {"its groups", acme, im, "groups", kNamespaced, "organization-acme", "list", Within::kYes},
      {"another's groups", acme, im, "groups", kNamespaced, "organization-b", "list", Within::kNo},
      {"all groups", acme, im, "groups", kNamespaced, "", "list", Within::kNo},
      {"own memberships", mira, rm, "organizationmemberships", kNamespaced, "", "list",
       Within::kYes},
      {"a membership anywhere", mira, rm, "organizationmemberships", kNamespaced, "organization-b",
       "create", Within::kNo},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    resource::Kind kind;
    kind.group = c.group;
    kind.plural = c.plural;
    kind.scope = c.scope;
    EXPECT_EQ(CollectionWithin(c.parent, kind, c.name_space, c.verb), c.want);
  }
}

}  // namespace
}  // namespace pemba::api::k8s
