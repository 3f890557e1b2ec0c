#include "pemba/iam/catalog.h"

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "pemba/iam/names.h"
#include "pemba/iam/testing/library.h"

namespace pemba::iam {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Kind;
using testing::Library;
using Reason = KindProblem::Reason;

const std::vector<std::string> kAll = {"get", "list"};

KindEntry Simple(std::string kind, std::vector<std::string> parents = {}) {
  const auto plural = kind + "s";
  return Kind("s.example.org", std::move(kind), plural, kAll, std::move(parents));
}

TEST(Catalog, APermissionOfAKindIsOneOfEveryKindAboveIt) {
  const auto catalog = Catalog::Build(Library());
  EXPECT_THAT(catalog.problems(), IsEmpty());
  const std::map<std::string, std::size_t> kCounts = {{"library.example.org/Book", 6},
                                                      {"library.example.org/Shelf", 11},
                                                      {"resourcemanager.miloapis.com/Project", 16},
                                                      {std::string(kOrganizationType), 20}};
  for (const auto& [type, count] : kCounts) {
    EXPECT_EQ(catalog.HierarchicalPermissions(type).size(), count) << type;
  }
  EXPECT_EQ(catalog.permissions().size(), 20U);
  EXPECT_TRUE(catalog.Applies(kOrganizationType, "library.example.org/books.lend"));
  EXPECT_FALSE(catalog.Applies("library.example.org/Book", "library.example.org/shelves.get"));
  EXPECT_FALSE(catalog.Applies("library.example.org/Book", "library.example.org/books.shred"));
  EXPECT_FALSE(catalog.Applies("library.example.org/Paper", "library.example.org/books.get"));
}

TEST(Catalog, OwnPermissionsComeFirstInTheirOrder) {
  const auto catalog = Catalog::Build(std::vector<KindEntry>{
      Simple("A"), Simple("C", {"s.example.org/A"}), Simple("B", {"s.example.org/A"})});
  EXPECT_THAT(
      catalog.HierarchicalPermissions("s.example.org/A"),
      ElementsAre("s.example.org/As.get", "s.example.org/As.list", "s.example.org/Bs.get",
                  "s.example.org/Bs.list", "s.example.org/Cs.get", "s.example.org/Cs.list"));
}

TEST(Catalog, FindsKindsByTypeAndByPlural) {
  const auto catalog = Catalog::Build(Library());
  ASSERT_NE(catalog.FindType("library.example.org/Book"), nullptr);
  EXPECT_EQ(catalog.FindPlural("library.example.org", "books"),
            catalog.FindType("library.example.org/Book"));
  EXPECT_EQ(catalog.FindType("library.example.org/Paper"), nullptr);
  EXPECT_EQ(catalog.FindPlural("library.example.org", "organizations"), nullptr);
  EXPECT_TRUE(catalog.Knows("library.example.org/books.lend"));
  EXPECT_FALSE(catalog.Knows("library.example.org/books.shred"));
}

TEST(Catalog, AboveAndBelow) {
  const auto catalog = Catalog::Build(Library());
  EXPECT_THAT(catalog.Ancestors("library.example.org/Book"),
              ElementsAre("library.example.org/Shelf", "resourcemanager.miloapis.com/Project",
                          kOrganizationType));
  EXPECT_THAT(catalog.Descendants(kOrganizationType),
              ElementsAre("library.example.org/Book", "library.example.org/Shelf",
                          "resourcemanager.miloapis.com/Project"));
  EXPECT_THAT(catalog.Ancestors("library.example.org/Paper"), IsEmpty());
}

TEST(Catalog, ADiamondCountsOnce) {
  const std::string s = "s.example.org/";
  const auto catalog = Catalog::Build(std::vector<KindEntry>{
      Simple("Top"), Simple("Left", {s + "Top"}), Simple("Right", {s + "Top"}),
      Simple("Bottom", {s + "Left", s + "Right"})});
  EXPECT_EQ(catalog.HierarchicalPermissions(s + "Top").size(), 8U);
  EXPECT_THAT(catalog.Ancestors(s + "Bottom"), ElementsAre(s + "Left", s + "Right", s + "Top"));
}

TEST(Catalog, AKindMayLieWithinItself) {
  const std::string folder = "s.example.org/Folder";
  const auto catalog = Catalog::Build(
      std::vector<KindEntry>{Simple("Top"), Simple("Folder", {"s.example.org/Top", folder})});
  EXPECT_THAT(catalog.problems(), IsEmpty());
  EXPECT_THAT(catalog.Parents(folder), ElementsAre("s.example.org/Top", folder));
  EXPECT_THAT(catalog.Ancestors(folder), ElementsAre("s.example.org/Top"));
  EXPECT_THAT(catalog.Descendants(folder), IsEmpty());
}

TEST(Catalog, AKindWithoutItsParentStandsAlone) {
  const auto catalog = Catalog::Build(std::vector<KindEntry>{
      Simple("Role", {"s.example.org/Service"}), Simple("Below", {"s.example.org/Role"})});
  ASSERT_EQ(catalog.problems().size(), 1U);
  const auto& problem = catalog.problems()[0];
  EXPECT_EQ(problem.reason, Reason::kParentNotRegistered);
  EXPECT_FALSE(problem.refuses());
  EXPECT_EQ(problem.type, "s.example.org/Role");
  EXPECT_EQ(problem.error.field, "spec.parentResources[0]");
  EXPECT_THAT(catalog.Parents("s.example.org/Role"), IsEmpty());
  EXPECT_EQ(catalog.HierarchicalPermissions("s.example.org/Role").size(), 4U);
}

// Two permissions of one hash, found by trying words.
std::pair<std::string, std::string> CollidingActions(const std::string& prefix) {
  std::map<std::uint32_t, std::string> seen;
  std::mt19937 random(1);
  while (true) {
    std::string action = "a";
    for (int i = 0; i < 8; ++i) action += static_cast<char>('a' + random() % 26);
    const auto [place, is_new] = seen.emplace(Fnv1a(prefix + action), action);
    if (!is_new && place->second != action) return {place->second, action};
  }
}

struct ProblemCase {
  const char* name;
  KindEntry entry;
  Reason reason;
  std::string field;
};

TEST(Catalog, KeepsOutWhatBreaksARule) {
  const std::string s = "s.example.org";
  const auto changed = [](KindEntry entry, const std::function<void(KindEntry&)>& change) {
    change(entry);
    return entry;
  };
  const auto [one, other] = CollidingActions(s + "/things.");
  const std::vector<ProblemCase> kCases = {
      {"the type is taken", Kind(s, "Taken", "others", kAll), Reason::kDuplicateKind, "spec.kind"},
      {"the plural is taken", Kind(s, "Other", "takens", kAll), Reason::kDuplicatePlural,
       "spec.plural"},
      {"two of its permissions collide", Kind(s, "Thing", "things", {one, other}),
       Reason::kPermissionCollision, "spec.permissions[1]"},
      {"an action twice", Kind(s, "Thing", "things", {"get", "get"}), Reason::kInvalidEntry,
       "spec.permissions[1]"},
      {"no action", Kind(s, "Thing", "things", {}), Reason::kInvalidEntry, "spec.permissions"},
      {"an action that is a permission", Kind(s, "Thing", "things", {"s/things.get"}),
       Reason::kInvalidEntry, "spec.permissions[0]"},
      {"too many actions", Kind(s, "Thing", "things", {"a", "b", "c", "d", "e", "f"}),
       Reason::kTooLarge, "spec.permissions"},
      {"no plural", Kind(s, "Thing", "", kAll), Reason::kInvalidEntry, "spec.singular"},
      {"a plural with a dot", Kind(s, "Thing", "th.ings", kAll), Reason::kInvalidEntry,
       "spec.singular"},
      {"a service that is none", Kind("s_1", "Thing", "things", kAll), Reason::kInvalidEntry,
       "spec.serviceRef.name"},
      {"a kind that is none", Kind(s, "Th/ing", "things", kAll), Reason::kInvalidEntry,
       "spec.kind"},
      {"a type of another service",
       changed(Kind(s, "Thing", "things", kAll),
               [](auto& entry) {
                 entry.type = "other.example.org/Thing";
                 entry.field = "spec.resources[3]";
               }),
       Reason::kInvalidEntry, "spec.resources[3].type"},
      {"a type that is too long", Kind(s, std::string(kTypeBytesMax, 'K'), "things", kAll),
       Reason::kInvalidEntry, "spec.kind"},
      {"a name of the model's own", Kind("iam.miloapis.com", "InternalUser", "things", kAll),
       Reason::kInvalidEntry, "spec.kind"},
      {"a parent without a service", Kind(s, "Thing", "things", kAll, {"/Taken"}),
       Reason::kInvalidEntry, "spec.parentResources[0]"},
      {"a parent twice", Kind(s, "Thing", "things", kAll, {s + "/Taken", s + "/Taken"}),
       Reason::kInvalidEntry, "spec.parentResources[1]"},
      {"above itself", Kind(s, "Missing", "missings", kAll, {s + "/Root", s + "/Low"}),
       Reason::kParentCycle, "spec.parentResources[1]"},
  };
  const std::vector<KindEntry> others = {Kind(s, "Root", "roots", kAll),
                                         Kind(s, "Taken", "takens", kAll),
                                         Kind(s, "Middle", "middles", kAll, {s + "/Missing"}),
                                         Kind(s, "Low", "lows", kAll, {s + "/Middle"})};
  const CatalogLimits limits = {.actions_per_kind_max = 5};
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    auto entry = c.entry;
    entry.source = "the candidate";
    const auto refused = Catalog::BuildWith(others, std::vector{entry}, limits);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, resource::Failure::Reason::kInvalid);
    ASSERT_FALSE(refused.error().fields.empty());
    EXPECT_EQ(refused.error().fields[0].field, c.field);

    auto all = others;
    all.push_back(entry);
    all.push_back(Kind(s, "After", "afters", kAll));  // Is not harmed.
    const auto catalog = Catalog::Build(all, limits);
    EXPECT_EQ(catalog.kinds().size(), others.size() + 1);
    const auto found = std::ranges::find(catalog.problems(), "the candidate", &KindProblem::source);
    ASSERT_NE(found, catalog.problems().end());
    EXPECT_EQ(found->reason, c.reason);
    EXPECT_NE(catalog.FindType(s + "/After"), nullptr);
  }
}

TEST(Catalog, KeepsOutAPermissionWithTheHashOfAnotherKinds) {
  // Of the form of permissions, with equal hashes.
  const std::string prefix = "s.example.org/things.";
  const auto [one, other] = CollidingActions(prefix);
  ASSERT_EQ(PermissionRelation(prefix + one), PermissionRelation(prefix + other));
  const auto refused = Catalog::Build(
      std::vector<KindEntry>{Kind("s.example.org", "Thing", "things", {one, other})});
  ASSERT_EQ(refused.problems().size(), 1U);
  EXPECT_THAT(refused.problems()[0].error.message, ::testing::HasSubstr("has the same relation"));
  EXPECT_FALSE(refused.Knows(prefix + one));
}

TEST(Catalog, AnOldProblemDoesNotRefuseAnotherRegistration) {
  const std::vector<KindEntry> others = {Simple("A"), Simple("A")};
  EXPECT_TRUE(Catalog::BuildWith(others, std::vector{Simple("B")}).ok());
}

TEST(Catalog, LimitsTheNumberOfKinds) {
  const std::vector<KindEntry> others = {Simple("A"), Simple("B")};
  EXPECT_TRUE(Catalog::BuildWith(others, std::vector{Simple("C")}, {.kinds_max = 3}).ok());
  EXPECT_FALSE(Catalog::BuildWith(others, std::vector{Simple("C")}, {.kinds_max = 2}).ok());
}

// Against the definition: the permissions of a kind are its own and its children's hierarchical
// ones.
TEST(Catalog, AgreesWithTheDefinitionOnRandomHierarchies) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::vector<KindEntry> entries;
    for (int i = 0; i < 12; ++i) {
      std::vector<std::string> parents;
      for (int p = 0; p < 14; ++p) {
        if (random() % 8 == 0) parents.push_back("s.example.org/K" + std::to_string(p));
      }
      entries.push_back(Simple("K" + std::to_string(i), parents));
    }
    const auto catalog = Catalog::Build(entries);
    for (const auto& kind : catalog.kinds()) {
      const auto above = catalog.Ancestors(kind.type);
      EXPECT_FALSE(std::ranges::count(above, kind.type));  // No cycle was let in.
      std::set<std::string> want;
      for (const auto& other : catalog.kinds()) {
        const auto others_above = catalog.Ancestors(other.type);
        if (other.type != kind.type && !std::ranges::count(others_above, kind.type)) continue;
        for (const auto& action : other.actions) {
          want.insert(other.service + "/" + other.plural + "." + action);
        }
      }
      const auto got = catalog.HierarchicalPermissions(kind.type);
      EXPECT_EQ(std::set<std::string>(got.begin(), got.end()), want);
      EXPECT_EQ(got.size(), want.size());
      for (const auto& permission : catalog.permissions()) {
        EXPECT_EQ(catalog.Applies(kind.type, permission), want.contains(permission));
      }
    }
    // Whoever is left out closes a cycle with those that were taken.
    for (const auto& problem : catalog.problems()) {
      EXPECT_TRUE(problem.reason == Reason::kParentCycle ||
                  problem.reason == Reason::kParentNotRegistered);
    }
  }
}

}  // namespace
}  // namespace pemba::iam
