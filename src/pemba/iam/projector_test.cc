// What the projector writes for single changes; invariants_test.cc has random ones.
#include "pemba/iam/projector.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include <gmock/gmock.h>

#include "pemba/iam/internal/settled.h"
#include "pemba/iam/testing/declared_world.h"
#include "pemba/iam/testing/library.h"

namespace pemba::iam {
namespace {

using testing::DeclaredWorld;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using testing::Kind;
using testing::Library;
using Texts = std::set<std::string>;

const std::string kLibrary = "library.example.org/", kManager = "resourcemanager.miloapis.com/";
const std::string kUser = "iam.miloapis.com/InternalUser:";
const std::string kOrganization = kManager + "Organization:northwind ";
const std::string kArchive = kManager + "Project:archive ";
const std::string kShelves = "iam.miloapis.com/Root:" + kLibrary + "Shelf ";

constexpr std::string_view kReader = R"({"launchStage": "Beta", "includedPermissions": [
    "library.example.org/books.get", "library.example.org/books.list",
    "library.example.org/shelves.get", "library.example.org/shelves.list"]})";
constexpr std::string_view kLibrarian = R"({"launchStage": "Beta",
    "includedPermissions": ["library.example.org/books.lend"],
    "inheritedRoles": [{"name": "library-reader"}]})";

// A change of tuples.
struct Difference {
  Texts come, gone;
};

class Scenario : public DeclaredWorld {
 public:
  explicit Scenario(ProjectionKind kind)
      : DeclaredWorld({.projection = {.kind = kind, .platform_namespaces = {"pemba-system"}}}) {
    for (const auto& entry : Library()) Register(entry.plural, entry);
    Put("Role", "pemba-system/library-reader", kReader);
    Put("Role", "pemba-system/librarian", kLibrarian);
    for (const std::string_view user : {"mira", "tomas", "ops"}) {
      Put("User", user, R"({"email": "someone@example.org"})");
    }
    Put("Organization", "northwind", R"({"type": "Standard"})");
    Put("Project", "archive", kArchiveSpec);
    Put("Group", "organization-northwind/cataloguers");
    Put("GroupMembership", "organization-northwind/tomas", kTomas);
    Put("PolicyBinding", "organization-northwind/b1", B1());
    Put("PolicyBinding", "organization-northwind/b2", B2(""));
    Put("PolicyBinding", "organization-northwind/b3",
        Binding("pemba-system/library-reader", User("ops"),
                R"({"resourceKind": {"apiGroup": "library.example.org", "kind": "Shelf"}})"));
  }

  static constexpr std::string_view kArchiveSpec =
      R"({"ownerRef": {"kind": "Organization", "name": "northwind"}})";
  static constexpr std::string_view kTomas = R"({"userRef": {"name": "tomas"},
      "groupRef": {"name": "cataloguers", "namespace": "organization-northwind"}})";
  std::string B1() const {
    return Binding("pemba-system/librarian", User("mira"), On("Organization", "northwind"));
  }
  std::string B2(const std::string& more) const {
    return Binding("pemba-system/library-reader",
                   Group("organization-northwind/cataloguers") + more, On("Project", "archive"));
  }
  std::string Members() const {
    return GroupSubject(Uid("Group", "organization-northwind/cataloguers"));
  }

  template <class Change>
  Difference Differs(const Change& change) {
    const auto before = Tuples();
    change();
    const auto after = Tuples();
    Difference difference;
    std::ranges::set_difference(after, before,
                                std::inserter(difference.come, difference.come.end()));
    std::ranges::set_difference(before, after,
                                std::inserter(difference.gone, difference.gone.end()));
    const auto drift = projector().Audit(resources(), Projector::Repair::kReport);
    EXPECT_TRUE(drift.ok() && drift->none());
    return difference;
  }
};

Texts Each(const std::string& object, const std::string& subject,
           const std::vector<std::string>& relations) {
  Texts texts;
  for (const auto& relation : relations) texts.insert(object + relation + " " + subject);
  return texts;
}

Texts operator+(Texts a, Texts b) {
  a.merge(b);
  return a;
}

const std::vector<std::string> kReads = {"ddffb4db", "eb0fdd25", "fcc2cccd", "9e7bf34b"};
const std::string kLend = "a9ee38fc";

TEST(ProjectorDirect, WritesTheTuplesOfTheScenario) {
  Scenario world(ProjectionKind::kDirect);
  const std::string group = "iam.miloapis.com/InternalUserGroup:";
  const auto members = world.Members();
  Texts want = {group + "system_authenticated member " + kUser + "mira",
                group + "system_authenticated member " + kUser + "tomas",
                group + "system_authenticated member " + kUser + "ops",
                members.substr(0, members.find('#')) + " member " + kUser + "tomas",
                kArchive + "parent " + kManager + "Organization:northwind",
                kOrganization + kLend + " " + kUser + "mira"};
  want = want + Each(kOrganization, kUser + "mira", kReads) + Each(kArchive, members, kReads) +
         Each(kShelves, kUser + "ops", kReads);
  ASSERT_EQ(want.size(), 18U);
  EXPECT_EQ(world.Tuples(), want);
}

TEST(ProjectorDirect, ChangesWhatTheScenarioChanges) {
  Scenario world(ProjectionKind::kDirect);
  const auto members = world.Members(), mira = kUser + "mira", ops = kUser + "ops";
  auto d = world.Differs([&] { world.Drop("GroupMembership", "organization-northwind/tomas"); });
  EXPECT_EQ(d.gone, Texts({members.substr(0, members.find('#')) + " member " + kUser + "tomas"}));
  EXPECT_THAT(d.come, IsEmpty());
  world.Put("GroupMembership", "organization-northwind/tomas", Scenario::kTomas);

  d = world.Differs([&] {
    world.Put("PolicyBinding", "organization-northwind/b4",
              world.Binding("pemba-system/library-reader", world.User("mira"),
                            world.On("Organization", "northwind")));
  });
  EXPECT_THAT(d.come + d.gone, IsEmpty());
  d = world.Differs([&] { world.Drop("PolicyBinding", "organization-northwind/b1"); });
  EXPECT_EQ(d.gone, Texts({kOrganization + kLend + " " + mira}));
  d = world.Differs([&] { world.Drop("PolicyBinding", "organization-northwind/b4"); });
  EXPECT_EQ(d.gone, Each(kOrganization, mira, kReads));

  d = world.Differs([&] {
    world.Put("PolicyBinding", "organization-northwind/b2", world.B2(", " + world.User("ops")));
  });
  EXPECT_EQ(d.come, Each(kArchive, ops, kReads));
  EXPECT_THAT(d.gone, IsEmpty());
  d = world.Differs([&] { world.Put("PolicyBinding", "organization-northwind/b2", world.B2("")); });
  EXPECT_EQ(d.gone, Each(kArchive, ops, kReads));
  EXPECT_THAT(d.come, IsEmpty());

  d = world.Differs([&] {
    world.Put("Role", "pemba-system/library-reader", R"({"launchStage": "Beta",
        "includedPermissions": ["library.example.org/books.get",
            "library.example.org/shelves.get", "library.example.org/shelves.list"]})");
  });
  EXPECT_EQ(d.gone, Each(kArchive, members, {"eb0fdd25"}) + Each(kShelves, ops, {"eb0fdd25"}));
  world.Put("Role", "pemba-system/library-reader", kReader);

  world.Put("PolicyBinding", "organization-northwind/b1", world.B1());
  const std::vector<std::string> books = {"ddffb4db", "eb0fdd25"};
  const auto of_books = Each(kOrganization, mira, {"ddffb4db", "eb0fdd25", kLend}) +
                        Each(kArchive, members, books) + Each(kShelves, ops, books);
  d = world.Differs([&] { world.Drop("ProtectedResource", "books"); });
  EXPECT_EQ(d.gone, of_books);
  EXPECT_EQ(world.projector().catalog()->FindType(kLibrary + "Book"), nullptr);
  d = world.Differs([&] { world.Register("books", Library()[3]); });
  EXPECT_EQ(d.come, of_books);

  d = world.Differs([&] { world.Drop("Project", "archive"); });
  const std::string parent = kArchive + "parent " + kManager + "Organization:northwind";
  EXPECT_EQ(d.gone, Each(kArchive, members, kReads) + Texts({parent}));
  d = world.Differs([&] { world.Put("Project", "archive", Scenario::kArchiveSpec); });
  EXPECT_EQ(d.come, Texts({parent}));
}

// The same steps, as decisions.
class EveryProjection : public ::testing::TestWithParam<ProjectionKind> {};
INSTANTIATE_TEST_SUITE_P(Projector, EveryProjection,
                         ::testing::Values(ProjectionKind::kDirect, ProjectionKind::kRoleRelation,
                                           ProjectionKind::kRoleBinding));

TEST_P(EveryProjection, DecidesTheScenario) {
  Scenario world(GetParam());
  const std::string organization = kManager + "Organization:northwind",
                    archive = kManager + "Project:archive";
  const auto shelves = KindRootObject(kLibrary + "Shelf");
  const auto get = kLibrary + "books.get", lend = kLibrary + "books.lend";
  EXPECT_TRUE(world.Allows(organization, lend, "mira"));
  EXPECT_TRUE(world.Allows(archive, lend, "mira"));  // Through its parent.
  EXPECT_FALSE(world.Allows(archive, kLibrary + "books.delete", "mira"));
  EXPECT_TRUE(world.Allows(archive, get, "tomas"));  // Through the group.
  EXPECT_FALSE(world.Allows(archive, lend, "tomas"));
  EXPECT_FALSE(world.Allows(organization, get, "tomas"));
  EXPECT_TRUE(world.Allows(shelves, get, "ops"));
  EXPECT_FALSE(world.Allows(archive, get, "ops"));

  world.Drop("GroupMembership", "organization-northwind/tomas");
  EXPECT_FALSE(world.Allows(archive, get, "tomas"));
  world.Put(
      "Role", "pemba-system/library-reader",
      R"({"launchStage": "Disabled", "includedPermissions": ["library.example.org/books.get"]})");
  EXPECT_FALSE(world.Allows(shelves, get, "ops"));
  EXPECT_FALSE(world.Allows(organization, get, "mira"));
  EXPECT_TRUE(world.Allows(organization, lend, "mira"));
}

// Two bindings, or two roles, that change together and grant the same.
TEST_P(EveryProjection, WhatAnotherChangeOfTheTransactionWantsStays) {
  Scenario world(GetParam());
  const auto get = kLibrary + "books.get", list = kLibrary + "books.list";
  const auto archive = kManager + "Project:archive";
  const auto on = world.On("Project", "archive");
  const auto bind = [&](const std::string& role, const std::string& subjects) {
    return DeclaredWorld::Binding("pemba-system/" + role, subjects, on);
  };
  const auto role = [](std::string_view permissions) {
    return fmt::format(R"({{"launchStage": "Beta", "includedPermissions": [{}]}})", permissions);
  };
  const std::string mira = world.User("mira"), ops = world.User("ops");
  world.Put("PolicyBinding", "organization-northwind/c1", bind("library-reader", mira));
  world.Put("PolicyBinding", "organization-northwind/c2", bind("library-reader", mira));
  const auto together = [&](std::string_view kind,
                            const std::vector<std::array<std::string, 2>>& all) {
    const auto done = world.Transact([&](resource::Transaction& t) -> resource::Outcome<Done> {
      for (const auto& [place, spec] : all) {
        PEMBA_TRY(std::ignore, world.Put(t, kind, place, spec));
      }
      return Done{};
    });
    ASSERT_TRUE(done.ok());
    const auto drift = world.projector().Audit(world.resources(), Projector::Repair::kReport);
    EXPECT_TRUE(drift.ok() && drift->none()) << ::testing::PrintToString(drift->examples);
  };
  together("PolicyBinding",
           {{"organization-northwind/c1", bind("library-reader", ops)},
            {"organization-northwind/c2", bind("library-reader", mira + ", " + ops)}});
  EXPECT_TRUE(world.Allows(archive, get, "mira"));

  world.Put("Role", "pemba-system/browser", role("\"" + get + "\", \"" + list + "\""));
  world.Put("PolicyBinding", "organization-northwind/c3", bind("browser", mira));
  together("Role", {{"pemba-system/library-reader", role("\"" + list + "\"")},
                    {"pemba-system/browser", role("\"" + get + "\"")}});
  EXPECT_TRUE(world.Allows(archive, get, "mira"));
  EXPECT_TRUE(world.Allows(archive, list, "mira"));
  EXPECT_FALSE(world.Allows(archive, get, "ops"));
}

TEST_P(EveryProjection, NothingIsWrittenWhenNothingChanges) {
  Scenario world(GetParam());
  const auto models = world.Models();
  const auto revision = world.store().Pin().revision();
  world.Register("books", Library()[3]);
  world.Put("PolicyBinding", "organization-northwind/b1", world.B1());
  EXPECT_TRUE(world.Reopen().none());
  EXPECT_EQ(world.Models(), models);
  EXPECT_EQ(world.store().Pin().revision(), revision);
}

TEST_P(EveryProjection, ADryRunLeavesNothing) {
  Scenario world(GetParam());
  const auto models = world.Models();
  auto d = world.Differs([&] {
    const auto done = world.Transact(
        [&](resource::Transaction& transaction) {
          return world.Drop(transaction, "ProtectedResource", "books");
        },
        true);
    EXPECT_TRUE(done.ok());
  });
  EXPECT_THAT(d.come + d.gone, IsEmpty());
  EXPECT_EQ(world.Models(), models);
  EXPECT_NE(world.projector().catalog()->FindType(kLibrary + "Book"), nullptr);
}

TEST_P(EveryProjection, DriftIsReportedAndRepaired) {
  Scenario world(GetParam());
  const auto before = world.Tuples();
  const auto lost = world.store().Read({.page_size = 1})->tuples.front().tuple;
  const std::vector<tuple::TupleView> deletes = {lost.view()};
  // One that is nobody's, and one that counts under a condition of time only.
  auto strange =
      tuple::Tuple{kManager + "Project:archive", "parent", kManager + "Organization:elsewhere", {}};
  ASSERT_TRUE(world.store().Write({.writes = {&strange, 1}, .deletes = deletes}).ok());
  const auto report = world.projector().Audit(world.resources(), Projector::Repair::kReport);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->missing, 1U);
  EXPECT_EQ(report->extra, 1U);
  EXPECT_EQ(report->examples.size(), 2U);
  EXPECT_NE(world.Tuples(), before);
  ASSERT_TRUE(world.projector().Audit(world.resources(), Projector::Repair::kFix).ok());
  EXPECT_EQ(world.Tuples(), before);
  EXPECT_TRUE(world.projector().Audit(world.resources(), Projector::Repair::kReport)->none());
}

TEST_P(EveryProjection, ATupleThatEndsIsNotOurs) {
  Scenario world(GetParam());
  const auto before = world.Tuples();
  auto ends = world.store().Read({.page_size = 1})->tuples.front().tuple;
  ends.expires_at = std::chrono::system_clock::now() + std::chrono::hours(1);
  ASSERT_TRUE(world.store()
                  .WriteTuples({.writes = {&ends, 1},
                                .on_duplicate = "replace",
                                .form = store::WriteRequest::Form::kExtended})
                  .ok());
  const auto drift = world.Reopen();
  EXPECT_EQ(drift.extra, 1U);
  EXPECT_EQ(drift.missing, 1U);
  EXPECT_EQ(world.Tuples(), before);
  EXPECT_FALSE(world.store().Read({.page_size = 1})->tuples.front().tuple.expires_at.has_value());
}

TEST_P(EveryProjection, TypesAndTuplesOfOthersStay) {
  Scenario world(GetParam());
  auto model = world.store().ListModels(1, "")->models.front();
  model::TypeDefinition document;
  document.type = "document";
  model::Rewrite direct;
  direct.kind = model::RewriteKind::kThis;
  document.relations["viewer"] = direct;
  document.metadata.emplace().relations["viewer"].directly_related_user_types.emplace_back().type =
      kUserType;
  model.types.push_back(document);
  ASSERT_TRUE(world.store().WriteModel(model).ok());
  const tuple::Tuple theirs{"document:1", "viewer", UserSubject("mira"), {}};
  ASSERT_TRUE(world.store().Write({.writes = {&theirs, 1}}).ok());
  world.Drop("ProtectedResource", "books");
  world.Register("books", Library()[3]);
  EXPECT_TRUE(world.Reopen().none());
  const auto types = world.store().ListModels(1, "")->models.front().types;
  EXPECT_EQ(std::ranges::count(types, "document", &model::TypeDefinition::type), 1);
  EXPECT_TRUE(world.store().Read({.filter = theirs.view(), .page_size = 1})->tuples.size() == 1);
}

TEST_P(EveryProjection, AnotherProjectionIsMovedToAtStart) {
  Scenario world(GetParam());
  for (const auto kind : {ProjectionKind::kRoleBinding, ProjectionKind::kDirect,
                          ProjectionKind::kRoleRelation, GetParam()}) {
    SCOPED_TRACE(ToText(kind));
    world.Reopen({.projection = {.kind = kind, .platform_namespaces = {"pemba-system"}}});
    EXPECT_EQ(world.Tuples(), Scenario(kind).Tuples());
    EXPECT_TRUE(world.Allows(kManager + "Project:archive", kLibrary + "books.lend", "mira"));
    EXPECT_FALSE(world.Allows(kManager + "Project:archive", kLibrary + "books.lend", "tomas"));
    EXPECT_TRUE(world.Reopen().none());
  }
}

TEST_P(EveryProjection, GroupsMayLieInGroupsAndHoldServiceAccounts) {
  Scenario world(GetParam());
  const std::string archive = kManager + "Project:archive", get = kLibrary + "books.get";
  world.Put("Group", "organization-a/inner");
  world.Put("ServiceAccount", "robot");
  world.Put("User", "nils", R"({"email": "nils@example.org"})");
  const std::string outer =
      R"("groupRef": {"name": "cataloguers", "namespace": "organization-northwind"})";
  const std::string inner = R"("groupRef": {"name": "inner", "namespace": "organization-a"})";
  world.Put("GroupMembership", "organization-a/robot",
            R"({"memberRef": {"kind": "ServiceAccount", "name": "robot"}, )" + outer + "}");
  world.Put("GroupMembership", "organization-a/nils",
            R"({"memberRef": {"kind": "User", "name": "nils"}, )" + inner + "}");
  EXPECT_FALSE(world.Allows(archive, get, "nils"));
  world.Put("GroupMembership", "organization-a/nested",
            R"({"memberRef": {"kind": "Group", "name": "inner", "namespace": "organization-a"}, )" +
                outer + "}");
  EXPECT_TRUE(world.Allows(archive, get, "nils"));
  EXPECT_TRUE(world.Allows(archive, get, world.Uid("ServiceAccount", "robot")));
  EXPECT_FALSE(world.Allows(archive, get, "robot"));
  world.Drop("Group", "organization-a/inner");
  EXPECT_FALSE(world.Allows(archive, get, "nils"));
  EXPECT_TRUE(world.Reopen().none());
}

TEST(ProjectorRoleRelation, TheModelIsWrittenBeforeTuplesThatNeedIt) {
  Scenario world(ProjectionKind::kRoleRelation);
  // A role, a binding to it and a kind that they are about, all at once.
  const auto user = world.User("ops"), on = world.On("Organization", "northwind");
  const auto done =
      world.Transact([&](resource::Transaction& transaction) -> resource::Outcome<Done> {
        PEMBA_TRY(std::ignore, world.Put(transaction, "ProtectedResource", "papers",
                                         DeclaredWorld::Registration(
                                             Kind("library.example.org", "Paper", "papers",
                                                  {"read"}, {std::string(kOrganizationType)}))));
        PEMBA_TRY(std::ignore, world.Put(transaction, "Role", "pemba-system/paper-reader",
                                         R"({"launchStage": "Beta", "includedPermissions":
                                         ["library.example.org/papers.read"]})"));
        return world.Put(transaction, "PolicyBinding", "organization-northwind/b5",
                         DeclaredWorld::Binding("pemba-system/paper-reader", user, on));
      });
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_TRUE(world.Allows(kManager + "Organization:northwind", kLibrary + "papers.read", "ops"));
  EXPECT_TRUE(world.Reopen().none());
}

TEST(ProjectorRoleRelation, OneTupleForEachSubjectAndRole) {
  Scenario world(ProjectionKind::kRoleRelation);
  const auto tuples = world.Tuples();
  EXPECT_TRUE(tuples.contains(kOrganization + "role_d55f4eca39ded2b1 " + kUser + "mira"));
  EXPECT_EQ(tuples.size(), 18U - 4 - 3);
}

TEST(ProjectorRoleRelation, AChangedRoleOfThePlatformChangesNoTuplesOfObjects) {
  Scenario world(ProjectionKind::kRoleRelation);
  const auto d = world.Differs([&] {
    world.Put("Role", "pemba-system/librarian", R"({"launchStage": "Beta",
        "includedPermissions": ["library.example.org/books.lend", "library.example.org/books.update"],
        "inheritedRoles": [{"name": "library-reader"}]})");
  });
  EXPECT_THAT(d.come + d.gone, IsEmpty());
  EXPECT_TRUE(world.Allows(kManager + "Project:archive", kLibrary + "books.update", "mira"));
}

TEST(ProjectorLimits, AKindWithWhichTheModelIsTooLargeIsRefused) {
  DeclaredWorld world({.model_types_max = 5});
  world.Register("organizations", Library()[0]);
  world.Register("projects", Library()[1]);  // With user, group and root these are five.
  const auto done = world.Transact([&](resource::Transaction& transaction) {
    return world.Put(transaction, "ProtectedResource", "shelves",
                     DeclaredWorld::Registration(Library()[2]));
  });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, resource::Failure::Reason::kInvalid);
  EXPECT_THAT(done.error().message, ::testing::HasSubstr("6 types"));
  EXPECT_EQ(world.projector().catalog()->kinds().size(), 2U);
  world.Drop("ProtectedResource", "projects");
  world.Register("shelves", Library()[2]);
}

TEST(ProjectorLimits, BytesCountToo) {
  DeclaredWorld world({.model_bytes_max = 2'000});
  world.Register("organizations", Library()[0]);
  EXPECT_FALSE(world
                   .Transact([&](resource::Transaction& transaction) {
                     return world.Put(transaction, "ProtectedResource", "books",
                                      DeclaredWorld::Registration(Library()[3]));
                   })
                   .ok());
}

TEST(ProjectorFacts, AnObjectLiesInWhatItNames) {
  struct Case {
    const char* name;
    std::string_view kind, place, spec;
    std::vector<std::string> parents;
  };
  const std::string folder = "iam.pemba.dev/Folder", user = std::string(kUserKindType),
                    group = std::string(kGroupKindType), organization(kOrganizationType);
  const Case kCases[] = {
      {"an owner of several kinds",
       "Folder",
       "f1",
       R"({"ownerRef": {"kind": "Organization", "name": "a"}})",
       {organization + ":a"}},
      {"an owner of its own kind",
       "Folder",
       "f2",
       R"({"ownerRef": {"kind": "Folder", "name": "f1"}})",
       {folder + ":f1"}},
      {"itself is no parent",
       "Folder",
       "f3",
       R"({"ownerRef": {"kind": "Folder", "name": "f3"}})",
       {}},
      {"the namespace's organization", "Group", "organization-a/g", "{}", {organization + ":a"}},
      {"no organization's namespace", "Group", "milo-system/g", "{}", {}},
      {"references by the name of the kind",
       "OrganizationMembership",
       "organization-a/m",
       R"({"organizationRef": {"name": "a"}, "userRef": {"name": "u"}})",
       {organization + ":a", user + ":u"}},
      {"a reference with a namespace",
       "GroupMembership",
       "organization-a/m",
       R"({"userRef": {"name": "u"}, "groupRef": {"name": "g", "namespace": "organization-a"}})",
       {group + ":organization-a/g"}},
  };
  DeclaredWorld world({});
  const std::string rm = "resourcemanager.miloapis.com", iam(kIamGroup);
  const std::vector<std::string> get = {"get"};
  world.Register("organizations", Kind(rm, "Organization", "organizations", get));
  world.Register("users", Kind(iam, "User", "users", get));
  world.Register("folders",
                 Kind("iam.pemba.dev", "Folder", "folders", get, {organization, folder}));
  world.Register("groups", Kind(iam, "Group", "groups", get, {organization}));
  world.Register("memberships", Kind(rm, "OrganizationMembership", "organizationmemberships", get,
                                     {organization, user}));
  world.Register("groupmemberships",
                 Kind(iam, "GroupMembership", "groupmemberships", get, {group}));
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const auto before = world.Tuples();
    world.Put(c.kind, c.place, c.spec);
    Texts want;
    const auto& kind = world.kind(c.kind);
    for (const auto& parent : c.parents) {
      want.insert(TypeId(kind) + ":" + std::string(c.place) + " parent " + parent);
    }
    Texts come;
    for (const auto& tuple : world.Tuples()) {
      if (!before.contains(tuple)) come.insert(tuple);
    }
    EXPECT_EQ(come, want);
  }
  // Kinds decide which parents count.
  world.Drop("ProtectedResource", "organizations");
  for (const auto& tuple : world.Tuples()) {
    EXPECT_EQ(tuple.find("parent " + organization), std::string::npos) << tuple;
  }
  EXPECT_TRUE(world.Reopen().none());
}

TEST(Projector, IsSettledOnceThatIsSaid) {
  const ProjectorOptions ours{.projection = {.platform_namespaces = {"pemba-system"}},
                              .fingerprint = "ours"};
  DeclaredWorld world(ours);
  const auto compares = [&](const ProjectorOptions& options) {
    return world.Reopen(options).compared;
  };
  for (const auto& entry : Library()) world.Register(entry.plural, entry);
  EXPECT_TRUE(compares(ours)) << "what was committed before is nobody's work";
  EXPECT_FALSE(world.projector().settled());
  ASSERT_TRUE(world.projector().Settle(world.resources()).ok());
  EXPECT_FALSE(compares(ours));
  world.Put("Role", "pemba-system/library-reader", kReader);
  EXPECT_FALSE(compares(ours));
  EXPECT_TRUE(world.projector().settled());

  auto theirs = ours;
  theirs.fingerprint = "theirs";
  EXPECT_TRUE(compares(theirs));
  EXPECT_FALSE(compares(ours)) << "the other one has written nothing";
  EXPECT_TRUE(compares(theirs));
  world.Put("Namespace", "organization-b");
  EXPECT_TRUE(compares(ours)) << "the other one has begun, and was killed";
  EXPECT_FALSE(world.projector().settled());
}

TEST(Projector, CountsWhatWasWritten) {
  Scenario world(ProjectionKind::kRoleRelation);
  const auto matches = [&](const char* what) {
    SCOPED_TRACE(what);
    const auto record = internal::ReadSettled(world.store());
    ASSERT_TRUE(record.ok() && *record);
    EXPECT_EQ((*record)->tuples, internal::SumOfManaged(world.store().Pin().snapshot()));
    EXPECT_EQ((*record)->objects, world.resources().inventory().objects);
  };
  matches("at first");
  EXPECT_FALSE(world
                   .Transact([&](resource::Transaction& transaction) -> resource::Outcome<Done> {
                     PEMBA_TRY(std::ignore, world.Drop(transaction, "PolicyBinding",
                                                       "organization-northwind/b1"));
                     return Error{ErrorCode::kInternal, "no"};
                   })
                   .ok());
  matches("after a failure");
  world.Drop("PolicyBinding", "organization-northwind/b1");
  matches("without a binding");
  world.Put("PolicyBinding", "organization-northwind/b1", world.B1());
  world.Put("PolicyBinding", "organization-northwind/b4", world.B1());
  matches("with two that want the same");
  world.Drop("PolicyBinding", "organization-northwind/b1");
  matches("with one of them");
}

}  // namespace
}  // namespace pemba::iam
