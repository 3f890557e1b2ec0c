#include "pemba/iam/projection.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <openfga/v1/authzmodel.pb.h>

#include "pemba/iam/generation_a.h"
#include "pemba/iam/names.h"
#include "pemba/iam/testing/library.h"
#include "pemba/model/json.h"
#include "pemba/model/validation.h"
#include "pemba/provider/model_merge.h"

namespace pemba::iam {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Kind;
using testing::Library;
using ::testing::UnorderedElementsAre;

const std::string kLibrary = "library.example.org/", kManager = "resourcemanager.miloapis.com/";
const std::string kUser = "iam.miloapis.com/InternalUser:";
const std::string kCataloguers = "6f0c2a9e-51d7-4c3b-9a7e-2d1f8e5b7a10";
constexpr ProjectionKind kAllKinds[] = {ProjectionKind::kDirect, ProjectionKind::kRoleRelation,
                                        ProjectionKind::kRoleBinding};

RoleGrant Reader() {
  return {{"pemba-system", "library-reader"},
          "uid-reader",
          {kLibrary + "books.get", kLibrary + "books.list", kLibrary + "shelves.get",
           kLibrary + "shelves.list"}};
}

RoleGrant Librarian() {
  return {{"pemba-system", "librarian"},
          "uid-librarian",
          {kLibrary + "books.get", kLibrary + "books.lend", kLibrary + "books.list",
           kLibrary + "shelves.get", kLibrary + "shelves.list"}};
}

ProjectionOptions Options(ProjectionKind kind) {
  return {.kind = kind, .platform_namespaces = {"pemba-system"}};
}

std::vector<std::string> Texts(const std::vector<tuple::Tuple>& tuples) {
  std::vector<std::string> texts;
  for (const auto& tuple : tuples) {
    texts.push_back(tuple.object + " " + tuple.relation + " " + tuple.subject);
  }
  return texts;
}

std::vector<std::string> TypeNames(const model::Model& model) {
  std::vector<std::string> names;
  for (const auto& type : model.types) names.push_back(type.type);
  return names;
}

const model::TypeDefinition& Type(const model::Model& model, std::string_view name) {
  return *std::ranges::find(model.types, name, &model::TypeDefinition::type);
}

std::size_t PermissionRelations(const model::TypeDefinition& type) {
  return static_cast<std::size_t>(std::ranges::count_if(type.relations, [](const auto& entry) {
    return entry.first.size() == 8 &&
           entry.first.find_first_not_of("0123456789abcdef") == std::string::npos;
  }));
}

const std::string kBook = kLibrary + "Book", kShelf = kLibrary + "Shelf",
                  kProject = kManager + "Project", kOrganization = kManager + "Organization";

TEST(ManagedModel, OfTheLibraryDirect) {
  const auto model = ManagedModel(Catalog::Build(Library()), {}, ProjectionKind::kDirect);
  EXPECT_EQ(model.schema_version, "1.2");
  EXPECT_THAT(TypeNames(model), ElementsAre(kUserType, kGroupType, kBook, kShelf, kOrganization,
                                            kProject, kRootType));
  const std::map<std::string, std::size_t> kCounts = {
      {kBook, 6}, {kShelf, 11}, {kOrganization, 20}, {kProject, 16}, {std::string(kRootType), 20}};
  for (const auto& [type, count] : kCounts) {
    EXPECT_EQ(PermissionRelations(Type(model, type)), count) << type;
  }
  EXPECT_TRUE(model::ValidateModel(model).ok());
}

TEST(ManagedModel, APermissionHoldsThroughTheParent) {
  const auto model = ManagedModel(Catalog::Build(Library()), {}, ProjectionKind::kDirect);
  const auto json = model::ModelToJsonValue(model);
  const auto& type = json.at("type_definitions").at(3);
  ASSERT_EQ(std::string_view(type.at("type").as_string()), kShelf);
  EXPECT_EQ(type.at("relations").at("a9ee38fc"), boost::json::parse(R"({"union": {"child": [
      {"this": {}},
      {"tupleToUserset": {"tupleset": {"relation": "parent"},
                          "computedUserset": {"relation": "a9ee38fc"}}}]}})"));
  EXPECT_EQ(type.at("metadata").at("relations").at("a9ee38fc"),
            boost::json::parse(R"({"directly_related_user_types": [
      {"type": "iam.miloapis.com/InternalUser"},
      {"type": "iam.miloapis.com/InternalUserGroup", "relation": "member"}]})"));
  EXPECT_EQ(type.at("metadata").at("relations").at("parent"),
            boost::json::parse(R"({"directly_related_user_types": [
      {"type": "resourcemanager.miloapis.com/Project"}]})"));
  EXPECT_EQ(type.at("metadata").at("module"), boost::json::value("library.example.org"));
  EXPECT_EQ(type.at("metadata").at("source_info").at("file").as_string(),
            "dynamically_managed_iam_datumapis_com.fga");
  const auto& organization = Type(model, kOrganization);
  EXPECT_FALSE(organization.relations.contains("parent"));
  EXPECT_EQ(organization.relations.at("a9ee38fc").kind, model::RewriteKind::kThis);
  EXPECT_EQ(Type(model, kRootType).relations.at("a9ee38fc").kind, model::RewriteKind::kThis);
}

TEST(ManagedModel, OfTheLibraryWithRoles) {
  const std::vector<RoleGrant> roles = {Reader(), Librarian()};
  const auto model = ManagedModel(Catalog::Build(Library()), roles, ProjectionKind::kRoleRelation);
  ASSERT_TRUE(model::ValidateModel(model).ok());
  const auto& book = Type(model, kBook);
  const auto& lend = book.relations.at("a9ee38fc");
  ASSERT_EQ(lend.children.size(), 3U);  // this, the librarian, the parent
  EXPECT_EQ(lend.children[1].relation, "role_d55f4eca39ded2b1");
  EXPECT_EQ(lend.children[2].tupleset, "parent");
  EXPECT_EQ(book.relations.at("ddffb4db").children.size(), 4U);  // get: both roles
  EXPECT_EQ(book.relations.at("943fe89e").children.size(), 2U);  // delete: no role
  EXPECT_TRUE(book.relations.contains("role_d55f4eca39ded2b1"));
  EXPECT_FALSE(Type(model, kRootType).relations.contains("role_d55f4eca39ded2b1"));
}

TEST(ManagedModel, OfTheLibraryWithRoleBindings) {
  const auto model = ManagedModel(Catalog::Build(Library()), {}, ProjectionKind::kRoleBinding);
  const auto valid = model::ValidateModel(model);
  ASSERT_TRUE(valid.ok()) << valid.error().message;
  EXPECT_THAT(TypeNames(model), ElementsAre(kUserType, kGroupType, kRoleType, kRoleBindingType,
                                            kBook, kShelf, kOrganization, kProject, kRootType));
  EXPECT_EQ(PermissionRelations(Type(model, kRoleType)), 20U);
  EXPECT_EQ(PermissionRelations(Type(model, kBook)), 6U);
}

TEST(ManagedModel, OfNothingHasUsersAndGroups) {
  for (const auto kind : kAllKinds) {
    const auto model = ManagedModel({}, {}, kind);
    EXPECT_THAT(TypeNames(model), ElementsAre(kUserType, kGroupType));
    EXPECT_TRUE(model::ValidateModel(model).ok());
  }
}

TEST(ManagedModel, IsValidWithMissingParentsAndKindsWithinThemselves) {
  auto kinds = Library();
  kinds.push_back(Kind("s.example.org", "Orphan", "orphans", {"get"}, {"gone.example.org/Gone"}));
  kinds.push_back(Kind("s.example.org", "Folder", "folders", {"get"}, {"s.example.org/Folder"}));
  for (const auto kind : kAllKinds) {
    const auto valid = model::ValidateModel(ManagedModel(Catalog::Build(kinds), {}, kind));
    EXPECT_TRUE(valid.ok()) << valid.error().message;
  }
}

struct Tuples {
  ProjectionKind kind;
  std::vector<std::string> b1, b2, b3;
};

TEST(Tuples, OfTheLibrarysBindings) {
  const BindingGrant b1{"uid-b1",
                        {UserSubject("mira")},
                        {"pemba-system", "librarian"},
                        {kOrganization, "", "northwind"}};
  const BindingGrant b2{"uid-b2",
                        {GroupSubject(kCataloguers)},
                        {"pemba-system", "library-reader"},
                        {kProject, "", "archive"}};
  const BindingGrant b3{
      "uid-b3", {UserSubject("ops")}, {"pemba-system", "library-reader"}, {kShelf, "", ""}};
  const auto organization = kOrganization + ":northwind ", project = kProject + ":archive ";
  const auto root = "iam.miloapis.com/Root:" + kShelf + " ";
  const auto group = "iam.miloapis.com/InternalUserGroup:" + kCataloguers;
  const auto mira = kUser + "mira", ops = kUser + "ops", members = group + "#member";
  const std::vector<std::string> direct_b3 = {root + "ddffb4db " + ops, root + "eb0fdd25 " + ops,
                                              root + "fcc2cccd " + ops, root + "9e7bf34b " + ops};
  const std::string binding = "iam.miloapis.com/RoleBinding";
  const std::string role = "iam.miloapis.com/InternalRole";
  const Tuples kWant[] = {
      {ProjectionKind::kDirect,
       {organization + "ddffb4db " + mira, organization + "eb0fdd25 " + mira,
        organization + "a9ee38fc " + mira, organization + "fcc2cccd " + mira,
        organization + "9e7bf34b " + mira},
       {project + "ddffb4db " + members, project + "eb0fdd25 " + members,
        project + "fcc2cccd " + members, project + "9e7bf34b " + members},
       direct_b3},
      {ProjectionKind::kRoleRelation,
       {organization + "role_d55f4eca39ded2b1 " + mira},
       {project + RoleRelation("pemba-system", "library-reader") + " " + members},
       direct_b3},
      {ProjectionKind::kRoleBinding,
       {organization + binding + " " + binding + ":uid-b1",
        binding + ":uid-b1 " + role + " " + role + ":uid-librarian",
        binding + ":uid-b1 iam.miloapis.com/InternalUser " + mira},
       {project + binding + " " + binding + ":uid-b2",
        binding + ":uid-b2 " + role + " " + role + ":uid-reader",
        binding + ":uid-b2 iam.miloapis.com/InternalUser " + group + "#assignee"},
       direct_b3},
  };
  const auto catalog = Catalog::Build(Library());
  using ::testing::UnorderedElementsAreArray;
  for (const auto& want : kWant) {
    SCOPED_TRACE(ToText(want.kind));
    const auto options = Options(want.kind);
    EXPECT_THAT(Texts(TuplesOf(b1, Librarian(), catalog, options)),
                UnorderedElementsAreArray(want.b1));
    EXPECT_THAT(Texts(TuplesOf(b2, Reader(), catalog, options)),
                UnorderedElementsAreArray(want.b2));
    EXPECT_THAT(Texts(TuplesOf(b3, Reader(), catalog, options)),
                UnorderedElementsAreArray(want.b3));
  }
}

TEST(Tuples, OfTheFirstGeneration) {
  const std::string service = "resourcemanager.datumapis.com/", role = "InternalRole";
  const std::string iam = "iam.datumapis.com/",
                    librarian = "services/library.example.org/roles/librarian";
  const auto binding =
      iam + "RoleBinding:cf2b4bdd7f08501f7282f2a116d7159977464fd939f2753d96d9eb6d847db53a";
  EXPECT_THAT(
      Texts(GenerationATuples(
          {service + "Organization", "organizations/northwind", librarian, {"users/mira"}})),
      UnorderedElementsAre(
          service + "Organization:organizations/northwind " + iam + "RoleBinding " + binding,
          binding + " " + iam + role + " " + iam + role + ":" + librarian,
          binding + " " + iam + "InternalUser " + iam + "InternalUser:users/mira"));
  const auto object = iam + role + ":" + librarian + " ", everyone = " " + iam + "InternalUser:*";
  EXPECT_THAT(Texts(GenerationARoleTuples(librarian, Librarian().permissions)),
              UnorderedElementsAre(object + "ddffb4db" + everyone, object + "eb0fdd25" + everyone,
                                   object + "a9ee38fc" + everyone, object + "fcc2cccd" + everyone,
                                   object + "9e7bf34b" + everyone));
}

TEST(Tuples, OfARoleAreOnItsObjectWithRoleBindingsOnly) {
  auto reader = Reader();
  reader.permissions.push_back(kLibrary + "books.shred");  // Not registered.
  const auto catalog = Catalog::Build(Library());
  EXPECT_THAT(TuplesOf(reader, catalog, Options(ProjectionKind::kDirect)), IsEmpty());
  EXPECT_THAT(TuplesOf(reader, catalog, Options(ProjectionKind::kRoleRelation)), IsEmpty());
  const std::string role = "iam.miloapis.com/InternalRole:uid-reader ";
  EXPECT_THAT(
      Texts(TuplesOf(reader, catalog, Options(ProjectionKind::kRoleBinding))),
      UnorderedElementsAre(role + "ddffb4db " + kUser + "*", role + "eb0fdd25 " + kUser + "*",
                           role + "fcc2cccd " + kUser + "*", role + "9e7bf34b " + kUser + "*"));
}

TEST(Tuples, PermissionsThatTheKindDoesNotHaveAreLeftOut) {
  const auto catalog = Catalog::Build(Library());
  const BindingGrant on_book{"u", {UserSubject("mira")}, {"tenant", "reader"}, {kBook, "n", "b-1"}};
  for (const auto kind : {ProjectionKind::kDirect, ProjectionKind::kRoleRelation}) {
    // A tenant's role is direct in both.
    EXPECT_THAT(Texts(TuplesOf(on_book, Reader(), catalog, Options(kind))),
                UnorderedElementsAre(kBook + ":n/b-1 ddffb4db " + kUser + "mira",
                                     kBook + ":n/b-1 eb0fdd25 " + kUser + "mira"));
  }
  RoleGrant shelves{{"pemba-system", "shelves"}, "u", {kLibrary + "shelves.get"}};
  BindingGrant none = on_book;
  none.role = shelves.key;
  for (const auto kind : kAllKinds) {
    EXPECT_THAT(TuplesOf(none, shelves, catalog, Options(kind)), IsEmpty());
  }
  BindingGrant elsewhere = on_book;
  elsewhere.target.type = "gone.example.org/Gone";
  for (const auto kind : kAllKinds) {
    EXPECT_THAT(TuplesOf(elsewhere, Reader(), catalog, Options(kind)), IsEmpty());
  }
}

class BindingObjects : public ::testing::Test {
 protected:
  BindingObjects() {
    kind_.group = kIamGroup;
    kind_.name = "PolicyBinding";
    resource::Kind project;
    project.group = kResourceManagerGroup;
    project.version = "v1alpha1";
    project.name = "Project";
    project.plural = "projects";
    EXPECT_TRUE(registry_.Add(std::move(project)).ok());
  }
  resource::Object Binding(std::string_view spec, std::string_view status = "{}") const {
    resource::Object object;
    object.key = {&kind_, "organization-northwind", "b"};
    object.document["metadata"] = boost::json::object{{"uid", "u-b"}};
    object.document["spec"] = boost::json::parse(spec);
    object.document["status"] = boost::json::parse(status);
    return object;
  }
  resource::Registry registry_;
  resource::Kind kind_;
};

TEST_F(BindingObjects, SayWhoIsGrantedWhatOnWhat) {
  const auto grant =
      BindingGrantOf(Binding(R"({"roleRef": {"name": "librarian", "namespace": "pemba-system"},
                  "subjects": [{"kind": "User", "name": "mira", "uid": "x"},
                               {"kind": "User", "name": "mira", "uid": "x"},
                               {"kind": "Group", "name": "g", "namespace": "n", "uid": "u-g"},
                               {"kind": "Group", "name": "system:authenticated"},
                               {"kind": "ServiceAccount", "name": "robot", "uid": "u-r"},
                               {"kind": "ServiceAccount", "name": "robot"},
                               {"kind": "Robot", "name": "r", "uid": "u"}],
                  "resourceSelector": {"resourceRef": {
                      "apiGroup": "resourcemanager.miloapis.com", "kind": "Project",
                      "name": "archive", "namespace": "ignored", "uid": "u"}}})"),
                     registry_);
  EXPECT_EQ(grant.uid, "u-b");
  EXPECT_EQ(grant.role, (RoleKey{"pemba-system", "librarian"}));
  EXPECT_THAT(grant.subjects,
              UnorderedElementsAre(kUser + "mira", GroupSubject("u-g"), kUser + "u-r",
                                   SystemGroupSubject("system:authenticated")));
  EXPECT_EQ(grant.target.ToObject(), kProject + ":archive");
}

TEST_F(BindingObjects, AreReadWithTheirDefaults) {
  const auto grant = BindingGrantOf(Binding(R"({"roleRef": {"name": "r"}, "subjects": [],
                  "resourceSelector": {"resourceRef": {"apiGroup": "elsewhere.example.org",
                      "kind": "Thing", "name": "t", "namespace": "n"}}})"),
                                    registry_);
  EXPECT_EQ(grant.role, (RoleKey{"organization-northwind", "r"}));
  EXPECT_EQ(grant.target.ToObject(), "elsewhere.example.org/Thing:n/t");
  const auto all = BindingGrantOf(
      Binding(R"({"resourceSelector": {"resourceKind": {"apiGroup": "", "kind": "Secret"}}})"),
      registry_);
  EXPECT_EQ(all.target.ToObject(), "iam.miloapis.com/Root:core.miloapis.com/Secret");
}

TEST_F(BindingObjects, HoldIfReadyOrOnTheirWay) {
  struct Case {
    std::string_view status;
    bool holds;
  };
  constexpr Case kCases[] = {
      {"{}", false},
      {R"({"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Unknown"}]})", false},
      {R"({"conditions": [{"type": "RoleValid", "status": "True"}]})", false},
      {R"({"conditions": [{"type": "RoleValid", "status": "False"},
                          {"type": "Ready", "status": "True", "reason": "x"}]})",
       true},
      {R"({"conditions": [{"type": "Ready", "status": "False", "reason": "Reconciling"}]})", true},
      {R"({"conditions": [{"type": "Ready", "status": "False",
                           "reason": "RoleNotFoundForBinding"}]})",
       false},
  };
  for (const auto& c : kCases) EXPECT_EQ(Holds(Binding("{}", c.status)), c.holds) << c.status;
  auto leaving = Binding("{}", R"({"conditions": [{"type": "Ready", "status": "True"}]})");
  leaving.document["metadata"].as_object()["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_FALSE(Holds(leaving));
}

TEST(ManagedModel, RegisteringAgainChangesNothing) {
  auto kinds = Library();
  const auto model = ManagedModel(Catalog::Build(kinds), {}, ProjectionKind::kDirect);
  std::ranges::reverse(kinds);
  EXPECT_TRUE(provider::SameModels(
      model, ManagedModel(Catalog::Build(kinds), {}, ProjectionKind::kDirect)));
  kinds[0].actions.pop_back();
  EXPECT_FALSE(provider::SameModels(
      model, ManagedModel(Catalog::Build(kinds), {}, ProjectionKind::kDirect)));
}

// Between any two models, of any projection: valid, takes the tuples of both, and rewrites of
// relations that are there already are at most widened by direct tuples.
TEST(Accepting, TakesTuplesOfBothAndDecidesAsBefore) {
  std::mt19937 random(7);
  std::vector<model::Model> models;
  std::vector<std::vector<tuple::Tuple>> tuples;
  for (int i = 0; i < 12; ++i) {
    auto kinds = Library();
    std::ranges::shuffle(kinds, random);
    kinds.resize(random() % 5);
    for (auto& kind : kinds) {
      if (random() % 3 == 0) kind.parents.clear();
      if (random() % 3 == 0) kind.actions.pop_back();
    }
    const auto catalog = Catalog::Build(kinds);
    const auto options = Options(kAllKinds[random() % 3]);
    auto role = Reader();
    if (random() % 2 == 0) role.permissions.pop_back();
    models.push_back(ManagedModel(catalog, std::vector{role}, options.kind));
    tuples.push_back(TuplesOf(role, catalog, options));
    for (const auto& kind : catalog.kinds()) {
      for (const std::string name : {"x", ""}) {
        const BindingGrant grant{
            "u", {UserSubject("a"), GroupSubject("g")}, role.key, {kind.type, "", name}};
        for (auto& tuple : TuplesOf(grant, role, catalog, options)) {
          tuples.back().push_back(std::move(tuple));
        }
      }
    }
  }
  for (std::size_t a = 0; a < models.size(); ++a) {
    for (std::size_t b = 0; b < models.size(); ++b) {
      const auto between = Accepting(models[a], models[b]);
      const auto valid = model::ValidateModel(between);
      ASSERT_TRUE(valid.ok()) << valid.error().message;
      for (const auto side : {a, b}) {
        for (const auto& tuple : tuples[side])
          EXPECT_TRUE(provider::AcceptsTuple(between, tuple.view()));
      }
      for (const auto& type : models[a].types) {
        for (const auto& [relation, rewrite] : type.relations) {
          const auto& now = Type(between, type.type).relations.at(relation);
          EXPECT_TRUE(now == rewrite || (now.kind == model::RewriteKind::kUnion &&
                                         now.children[0].kind == model::RewriteKind::kThis &&
                                         now.children[1] == rewrite));
        }
      }
    }
    EXPECT_TRUE(provider::SameModels(Accepting(models[a], models[a]), models[a]));
  }
}

TEST(ModelWireBytes, IsTheLengthOfTheWiresMessage) {
  const auto catalog = Catalog::Build(Library());
  for (const auto kind : kAllKinds) {
    auto model = ManagedModel(catalog, std::vector{Reader(), Librarian()}, kind);
    openfga::v1::AuthorizationModel message;
    ASSERT_TRUE(
        google::protobuf::util::JsonStringToMessage(model::ModelToJson(model), &message).ok());
    EXPECT_EQ(ModelWireBytes(model), message.ByteSizeLong()) << ToText(kind);
  }
  EXPECT_EQ(ModelWireBytes({}), 0U);
}

TEST(ProjectionKinds, HaveNames) {
  for (const auto kind : kAllKinds) EXPECT_EQ(ParseProjectionKind(ToText(kind)), kind);
  EXPECT_FALSE(ParseProjectionKind("role_relation").has_value());
}

}  // namespace
}  // namespace pemba::iam
