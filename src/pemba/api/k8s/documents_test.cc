// What clients read before they ask for objects.
#include <map>
#include <set>

#include <boost/json/array.hpp>
#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>

#include "pemba/api/k8s/discovery.h"
#include "pemba/api/k8s/openapi.h"
#include "pemba/api/k8s/openapi_v2_bytes.h"
#include "pemba/iam/kinds.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;
using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;
using Names = std::set<std::string>;

class Documents : public ::testing::Test {
 protected:
  Documents() { EXPECT_TRUE(iam::AddKinds(registry_).ok()); }

  // Plurals of the two groups about access, as both forms of discovery have them.
  Names ShownIn(const std::optional<iam::ParentContext>& parent) {
    const Shown shown{registry_, parent};
    Names plain, aggregated;
    for (const char* const group : {"iam.miloapis.com", "resourcemanager.miloapis.com"}) {
      const auto list = ApiResourceList(shown, group, "v1alpha1");
      for (const auto& one : list->at("resources").as_array()) {
        const std::string name(one.at("name").as_string());
        if (name.find('/') == std::string::npos) plain.insert(name);
      }
    }
    const auto discovery = AggregatedDiscovery(shown, Groups::kNamed);
    for (const auto& group : discovery.at("items").as_array()) {
      if (!group.at("metadata").at("name").as_string().ends_with(".miloapis.com")) continue;
      if (group.at("metadata").at("name") == "identity.miloapis.com") continue;
      for (const auto& one : group.at("versions").at(0).at("resources").as_array()) {
        aggregated.insert(std::string(one.at("resource").as_string()));
      }
    }
    EXPECT_EQ(plain, aggregated);
    return plain;
  }

  resource::Registry registry_;
};

TEST_F(Documents, ShowWhatAControlPlaneIsAbout) {
  const auto everywhere = ShownIn(std::nullopt);
  EXPECT_THAT(everywhere, IsSupersetOf({"organizations", "projects", "users", "groups",
                                        "organizationmemberships", "platforminvitations"}));
  const auto in_organization =
      ShownIn(iam::ParentContext{"resourcemanager.miloapis.com", "Organization", "northwind"});
  EXPECT_THAT(in_organization, IsSupersetOf({"projects", "groups", "organizationmemberships",
                                             "policybindings", "roles"}));
  EXPECT_THAT(in_organization, Not(Contains("organizations")));
  EXPECT_THAT(in_organization, Not(Contains("users")));
  EXPECT_EQ(ShownIn(iam::ParentContext{"iam.miloapis.com", "User", "mira"}),
            (Names{"organizationmemberships", "userinvitations", "userpreferences", "users"}));
}

TEST_F(Documents, HaveTheReviewsThatCallersMakeOfThemselves) {
  const std::optional<iam::ParentContext> nowhere;
  const Shown shown{registry_, nowhere};
  const auto list = ApiResourceList(shown, "authorization.k8s.io", "v1");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->at("resources").at(0).at("name"), "selfsubjectaccessreviews");
  EXPECT_EQ(list->at("resources").at(0).at("verbs"), json::array{"create"});
  EXPECT_FALSE(ApiResourceList(shown, "authorization.k8s.io", "v2"));
  EXPECT_FALSE(ApiGroup(shown, "none.example.org"));
}

// ---- openapi.v2.Document, read as any protocol buffer ----

// Numbers and contents of fields that are texts or messages.
using Fields = std::multimap<int, std::string>;

Fields Read(const std::string& bytes) {
  google::protobuf::UnknownFieldSet set;
  EXPECT_TRUE(set.ParseFromString(bytes));
  Fields fields;
  for (int i = 0; i < set.field_count(); ++i) {
    const auto& field = set.field(i);
    if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) continue;
    fields.emplace(field.number(), field.length_delimited());
  }
  return fields;
}

std::vector<std::string> All(const Fields& fields, int number) {
  std::vector<std::string> all;
  const auto [begin, end] = fields.equal_range(number);
  for (auto at = begin; at != end; ++at) all.push_back(at->second);
  return all;
}
std::string One(const Fields& fields, int number) {
  const auto all = All(fields, number);
  EXPECT_EQ(all.size(), 1U) << "of field " << number;
  return all.empty() ? "" : all.front();
}
// Of NamedSchema, NamedPathItem and their like: name = 1, value = 2.
std::map<std::string, std::string> ByName(const std::vector<std::string>& list) {
  std::map<std::string, std::string> named;
  for (const auto& bytes : list) {
    const auto fields = Read(bytes);
    named[One(fields, 1)] = One(fields, 2);
  }
  return named;
}

TEST_F(Documents, AreProtocolBuffersForThoseWhoAskForThem) {
  const auto document = Read(OpenApiV2Bytes(OpenApiV2(registry_)));
  EXPECT_EQ(One(document, 1), "2.0");

  const auto models = ByName(All(Read(One(document, 9)), 1));
  EXPECT_EQ(models.size(), registry_.kinds().size() + 2);
  const auto role = Read(models.at("com.miloapis.iam.v1alpha1.Role"));
  EXPECT_EQ(One(Read(One(role, 22)), 1), "object");
  EXPECT_EQ(One(Read(ByName(All(role, 31)).at("x-kubernetes-group-version-kind")), 2),
            R"([{"group":"iam.miloapis.com","version":"v1alpha1","kind":"Role"}])");
  const auto fields = ByName(All(Read(One(role, 25)), 1));
  EXPECT_EQ(One(Read(fields.at("metadata")), 1),
            "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
  const auto spec = ByName(All(Read(One(Read(fields.at("spec")), 25)), 1));
  const auto permissions = Read(spec.at("includedPermissions"));
  EXPECT_EQ(One(Read(One(permissions, 22)), 1), "array");
  const auto permission = Read(One(Read(One(permissions, 23)), 1));
  EXPECT_EQ(One(Read(One(permission, 22)), 1), "string");
  EXPECT_THAT(All(Read(spec.at("launchStage")), 20), Contains("\x12\x06\"Beta\""));

  // By this parameter clients know that unknown fields are found here.
  const auto paths = ByName(All(Read(One(document, 8)), 2));
  const auto patch = Read(One(
      Read(paths.at("/apis/iam.miloapis.com/v1alpha1/namespaces/{namespace}/roles/{name}")), 7));
  Names parameters;
  for (const auto& one : All(patch, 8)) {
    const auto query = Read(One(Read(One(Read(One(Read(one), 1)), 2)), 3));
    parameters.insert(One(query, 4));
  }
  EXPECT_EQ(parameters, (Names{"dryRun", "fieldManager", "fieldValidation"}));
}

}  // namespace
}  // namespace pemba::api::k8s
