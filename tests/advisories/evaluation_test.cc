// Published authorization bypasses and wrong denials of evaluation, as small worlds. Each is asked
// twice: of the engine, and of the engine with that very bug planted, where the answer must be the
// wrong one. So every row is known to be able to fail.
#include <algorithm>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/testing/list_runner.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/engine/testing/texts.h"
#include "pemba/engine/testing/world_runner.h"
#include "pemba/model/dsl.h"
#include "pemba/model/validation.h"
#include "pemba/tuple/context.h"

namespace pemba::advisories {
namespace {

using engine::internal::Mutation;
using engine::testing::Oracle;
using engine::testing::Parsed;
using engine::testing::WorldRunner;

model::Model ModelOf(const std::string& types) {
  auto model = engine::testing::UncheckedModelOf("type user\n" + types);
  // Written as texts, meant as values of any shape, for which the language has no word.
  for (auto& [name, condition] : model.conditions) {
    const auto rows = condition.parameters.find("rows");
    if (rows != condition.parameters.end()) {
      rows->second.name = condition::ParameterTypeName::kAny;
    }
  }
  const auto valid = model::ValidateModel(model);
  EXPECT_TRUE(valid.ok()) << (valid.ok() ? "" : valid.error().message);
  return model;
}

// What a question brings along.
struct Company {
  const char* context = "";
  std::vector<std::string> contextual = {};
};

struct Advisory {
  const char* id;
  const char* rule;
  Mutation bug;
  std::string types;
  std::vector<std::string> tuples;
  const char* question;
  const char* want;   // "allowed" or "denied".
  const char* wrong;  // With the bug; "error" stands for any.
  Company company = {};
  // The same question in other company, asked before in the same batch.
  std::optional<Company> before = {};
};

constexpr const char* kSmall = R"(condition small(x: int) {
  x < 10
}
)";

const Advisory kAdvisories[] = {
    {"CVE-2022-23542",
     "a tuple that was valid under a former model grants nothing under a narrower one",
     Mutation::kForgetConditionName,
     std::string(R"(type document
  relations
    define viewer: [user with small]
)") + kSmall,
     {"document:1#viewer@user:anne"},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {R"({"x":1})"}},
    {"CVE-2025-64751",
     "the condition of a tuple must be the very one of the restriction, also for everyone",
     Mutation::kForgetConditionName,
     std::string(R"(type document
  relations
    define viewer: [user, user:* with small]
)") + kSmall,
     {"document:1#viewer@user:*"},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {R"({"x":1})"}},
    {"CVE-2022-39341",
     "a stored `type:*` right of `from` leads nowhere",
     Mutation::kReadWildcardsAsObjects,
     R"(type folder
  relations
    define viewer: [user]
type document
  relations
    define parent: [folder]
    define viewer: viewer from parent
)",
     {"document:1#parent@folder:*", "folder:1#viewer@user:anne"},
     "document:1#viewer@folder:1#viewer",
     "denied",
     "allowed"},
    {"CVE-2022-39352",
     "a stored `type:*` right of `from` does not match objects of that type",
     Mutation::kReadWildcardsAsObjects,
     R"(type folder
  relations
    define viewer: [user, group#member]
type group
  relations
    define member: [user, group#member]
type document
  relations
    define parent: [folder]
    define viewer: viewer from parent
)",
     {"document:1#parent@folder:*", "folder:1#viewer@group:a#member"},
     "document:1#viewer@group:a#member",
     "denied",
     "allowed"},
    {"CVE-2024-31452",
     "an error on the right of `but not` never allows",
     Mutation::kDifferenceErrorIsFalse,
     std::string(R"(type document
  relations
    define viewer: [user]
    define blocked: [user with small]
    define reader: viewer but not blocked
)") + kSmall,
     {"document:1#viewer@user:anne", "document:1#blocked@user:anne ? small"},
     "document:1#reader@user:anne",
     "error",
     "allowed"},
    {"CVE-2024-42473",
     "`but not` looks at all that `from` leads to",
     Mutation::kFirstParentOnly,
     R"(type group
  relations
    define member: [user]
type folder
  relations
    define viewer: [user]
    define blocked: [group#member]
type document
  relations
    define parent: [folder]
    define reader: viewer from parent but not blocked from parent
)",
     {"document:1#parent@folder:1", "document:1#parent@folder:2", "folder:1#viewer@user:anne",
      "folder:2#blocked@group:a#member", "group:a#member@user:anne"},
     "document:1#reader@user:anne",
     "denied",
     "allowed"},
    {"CVE-2024-38361",
     "one parent that excludes the subject does not close the others",
     Mutation::kFirstParentOnly,
     R"(type folder
  relations
    define viewer: [user]
    define blocked: [user]
    define open: viewer but not blocked
type document
  relations
    define parent: [folder]
    define reader: open from parent
)",
     {"document:1#parent@folder:1", "document:1#parent@folder:2", "folder:1#viewer@user:anne",
      "folder:1#blocked@user:anne", "folder:2#viewer@user:anne"},
     "document:1#reader@user:anne",
     "allowed",
     "denied"},
    {"CVE-2024-56323",
     "questions whose contextual tuples differ in a condition's context only are different ones",
     Mutation::kForgetContextualConditions,
     std::string(R"(type document
  relations
    define viewer: [user with small]
)") + kSmall,
     {},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {"", {R"(document:1#viewer@user:anne ? small {"x":11})"}},
     Company{"", {R"(document:1#viewer@user:anne ? small {"x":1})"}}},
    {"CVE-2026-33729",
     "questions in different contexts are different ones",
     Mutation::kForgetContextValues,
     std::string(R"(type document
  relations
    define viewer: [user with small]
)") + kSmall,
     {"document:1#viewer@user:anne ? small"},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {R"({"x":11})"},
     Company{R"({"x":1})"}},
    {"CVE-2026-34972",
     R"(the list ["a,b"] is not the list ["a","b"])",
     Mutation::kForgetContextValues,
     R"(type document
  relations
    define viewer: [user with pair]
condition pair(names: list<string>) {
  names.size() == 2
}
)",
     {"document:1#viewer@user:anne ? pair"},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {R"({"names":["a,b"]})"},
     Company{R"({"names":["a","b"]})"}},
    {"CVE-2026-46668",
     "nested lists are told apart by their nesting",
     Mutation::kForgetContextValues,
     R"(type document
  relations
    define viewer: [user with pair]
condition pair(rows: string) {
  size(rows) == 2
}
)",
     {"document:1#viewer@user:anne ? pair"},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {R"({"rows":[["a","b"]]})"},
     Company{R"({"rows":[["a"],["b"]]})"}},
    {"CVE-2025-25196",
     "everyone of a type is not a userset of that type",
     Mutation::kWildcardForUsersets,
     R"(type group
  relations
    define member: [user, group:*, group#member]
type document
  relations
    define viewer: [group:*, group#member]
)",
     {"document:1#viewer@group:*"},
     "document:1#viewer@group:a#member",
     "denied",
     "allowed"},
    {"CVE-2025-46331",
     "a \"no\" that hung on a cycle is not taken for the truth about the members of the cycle",
     Mutation::kKeepCycleAnswers,
     R"(type group
  relations
    define banned: [user]
    define member: [user, group#member] but not banned
type document
  relations
    define viewer: [group#member]
    define blocked: [group#member]
    define reader: viewer but not blocked
)",
     {"document:1#viewer@group:a#member", "document:1#blocked@group:x#member",
      "group:a#member@group:x#member", "group:x#member@group:a#member",
      "group:a#member@group:z#member", "group:z#member@user:anne"},
     "document:1#reader@user:anne",
     "denied",
     "allowed"},
    {"CVE-2025-48371",
     "a contextual tuple of a kind that may not be stored is not seen either",
     Mutation::kAnyContextualCondition,
     std::string(R"(type group
  relations
    define member: [user, user with small]
type document
  relations
    define viewer: [group#member]
)") + kSmall,
     {"group:a#member@user:anne"},
     "document:1#viewer@user:anne",
     "denied",
     "allowed",
     {"", {R"(document:1#viewer@group:a#member ? small {"x":1})"}}},
    {"CVE-2025-55213",
     "every assignable userset of a relation counts, not the first alone",
     Mutation::kFirstUsersetOnly,
     R"(type team
  relations
    define member: [user, team#member]
type group
  relations
    define member: [user, group#member]
type document
  relations
    define viewer: [team#member, group#member]
)",
     {"document:1#viewer@team:a#member", "document:1#viewer@group:a#member",
      "group:a#member@user:anne"},
     "document:1#viewer@user:anne",
     "allowed",
     "denied"},
    {"CVE-2022-21646",
     "everyone is also meant on the right of `but not`",
     Mutation::kForgetWildcards,
     R"(type document
  relations
    define viewer: [user]
    define blocked: [user:*]
    define reader: viewer but not blocked
)",
     {"document:1#viewer@user:anne", "document:1#blocked@user:*"},
     "document:1#reader@user:anne",
     "denied",
     "allowed"},
    {"CVE-2024-46989",
     "a conditional branch that is undecided hides no true one",
     Mutation::kUnionErrorHidesTrue,
     std::string(R"(type document
  relations
    define ok: [user]
    define a: [user with small]
    define b: [user with small]
    define viewer: (a and ok) or (b and ok)
)") + kSmall,
     {"document:1#ok@user:anne", "document:1#a@user:anne ? small",
      R"(document:1#b@user:anne ? small {"x":1})"},
     "document:1#viewer@user:anne",
     "allowed",
     "error"},
    {"CVE-2025-49011",
     "a conditional branch that is false hides no undecided one",
     Mutation::kSetErrorsVanish,
     std::string(R"(type group
  relations
    define member: [user]
type document
  relations
    define viewer: [group#member with small]
)") + kSmall,
     {"document:1#viewer@group:a#member ? small",
      R"(document:1#viewer@group:b#member ? small {"x":11})", "group:a#member@user:anne"},
     "document:1#viewer@user:anne",
     "error",
     "denied"},
    {"CVE-2024-48909",
     "the context of the request reaches every leaf",
     Mutation::kForgetContext,
     std::string(R"(type group
  relations
    define member: [user with small, group#member with small]
type folder
  relations
    define viewer: [group#member with small]
type document
  relations
    define parent: [folder]
    define viewer: viewer from parent
)") + kSmall,
     {"document:1#parent@folder:1", "folder:1#viewer@group:a#member ? small",
      "group:a#member@group:b#member ? small", "group:b#member@user:anne ? small"},
     "document:1#viewer@user:anne",
     "allowed",
     "error",
     {R"({"x":1})"}},
    {"CVE-2025-65111",
     "the same relation on both sides of `or`, once by `from`, is asked on both",
     Mutation::kVisitObjectsOnce,
     R"(type group
  relations
    define member: [user, group#member]
type document
  relations
    define parent: [group]
    define member: [user, group#member]
    define viewer: member or member from parent
)",
     {"document:1#parent@group:a", "group:a#member@group:b#member", "group:b#member@user:anne"},
     "document:1#viewer@user:anne",
     "allowed",
     "denied"},
};

// For GoogleTest.
void PrintTo(const Advisory& advisory, std::ostream* out) { *out << advisory.rule; }

std::string KindOf(const Result<engine::Decision>& answer) {
  return answer.ok() ? engine::testing::ToText(answer) : "error";
}

std::string Ask(const Advisory& advisory, Mutation bug) {
  engine::internal::planted_mutation = bug;
  WorldRunner runner(ModelOf(advisory.types), Parsed(advisory.tuples));
  const auto question = [&](const Company& company) {
    Oracle::Question made;
    made.tuple = Parsed(advisory.question);
    made.contextual_tuples = Parsed(company.contextual);
    made.context = *tuple::ParseContext(company.context);
    return made;
  };
  const auto answer = advisory.before
                          ? KindOf(runner.BatchCheck(
                                {question(*advisory.before), question(advisory.company)}, 0)[1])
                          : KindOf(runner.Check(question(advisory.company)));
  engine::internal::planted_mutation = Mutation::kNone;
  return answer;
}

class PlantedBug : public ::testing::TestWithParam<Advisory> {};

TEST_P(PlantedBug, ChangesTheAnswer) {
  const auto& advisory = GetParam();
  SCOPED_TRACE(advisory.rule);
  EXPECT_NE(advisory.want, std::string(advisory.wrong));
  EXPECT_EQ(Ask(advisory, Mutation::kNone), advisory.want);
  EXPECT_EQ(Ask(advisory, advisory.bug), advisory.wrong) << "the bug changed nothing";
}

INSTANTIATE_TEST_SUITE_P(Advisories, PlantedBug, ::testing::ValuesIn(kAdvisories),
                         [](const auto& row) {
                           std::string name = row.param.id;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

struct ListAdvisory {
  const char* id;
  const char* rule;
  Mutation bug;
  std::string types;
  std::vector<std::string> tuples;
  // Lists objects of the question's type, or users of its object.
  enum class Of { kObjects, kUsers } of;
  const char* question;
  const char* want;   // Ids in their order, "error" for any.
  const char* wrong;  // With the bug.
  const char* context = "";
  std::uint64_t page_size = 0;
};

const ListAdvisory kListAdvisories[] = {
    {"CVE-2023-40579",
     "what is listed is allowed: what `but not` could not decide is not listed",
     Mutation::kListTrustSubtract,
     R"(type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user]
    define blocked: [group#member]
type document
  relations
    define parent: [folder]
    define reader: viewer from parent but not blocked from parent
)",
     {"document:1#parent@folder:1", "document:2#parent@folder:2", "folder:1#viewer@user:anne",
      "folder:2#viewer@user:anne", "folder:2#blocked@group:a#member",
      "group:a#member@group:b#member", "group:b#member@group:a#member"},
     ListAdvisory::Of::kObjects,
     "document:1#reader@user:anne",
     "1",
     "1 2"},
    {"CVE-2022-21646",
     "what is open to everyone is listed, and what is closed to everyone is not",
     Mutation::kListForgetWildcards,
     R"(type document
  relations
    define viewer: [user, user:*]
    define blocked: [user:*]
    define reader: viewer but not blocked
)",
     {"document:1#viewer@user:anne", "document:2#viewer@user:*", "document:3#viewer@user:anne",
      "document:3#blocked@user:*"},
     ListAdvisory::Of::kObjects,
     "document:1#reader@user:anne",
     "1 2",
     "1 3"},
    {"CVE-2024-32001",
     "users are listed exactly, whatever the relation is made of",
     Mutation::kUsersForgetExcluded,
     R"(type document
  relations
    define viewer: [user:*]
    define blocked: [user]
    define listed: [user]
    define reader: viewer but not blocked
    define both: reader and viewer
    define member: both and listed
)",
     {"document:1#viewer@user:*", "document:1#blocked@user:bob", "document:1#listed@user:bob",
      "document:1#listed@user:carl"},
     ListAdvisory::Of::kUsers,
     "document:1#member@user:anne",
     "carl",
     "bob carl"},
    {"CVE-2024-48909",
     "the context of the request reaches every leaf of a list",
     Mutation::kForgetContext,
     std::string(R"(type group
  relations
    define member: [user with small, group#member with small]
type document
  relations
    define viewer: [group#member with small]
)") + kSmall,
     {"document:1#viewer@group:a#member ? small", "group:a#member@group:b#member ? small",
      "group:b#member@user:anne ? small"},
     ListAdvisory::Of::kObjects,
     "document:1#viewer@user:anne",
     "1",
     "error",
     R"({"x":1})"},
    {"CVE-2023-35930",
     "pages of a list together are the list",
     Mutation::kListRepeatPosition,
     R"(type document
  relations
    define viewer: [user]
)",
     {"document:1#viewer@user:anne", "document:2#viewer@user:anne", "document:3#viewer@user:anne"},
     ListAdvisory::Of::kObjects,
     "document:1#viewer@user:anne",
     "1 2 3",
     "1 2 2 3",
     "",
     2},
};

// For GoogleTest.
void PrintTo(const ListAdvisory& advisory, std::ostream* out) { *out << advisory.rule; }

std::string List(const ListAdvisory& advisory, Mutation bug) {
  engine::internal::planted_mutation = bug;
  WorldRunner runner(ModelOf(advisory.types), Parsed(advisory.tuples));
  engine::testing::ListRunner lists(runner);
  Oracle::Question question;
  question.tuple = Parsed(advisory.question);
  question.context = *tuple::ParseContext(advisory.context);
  std::string all, after;
  for (int page = 0; page < 10; ++page) {
    const engine::ListOptions options{.count_max = advisory.page_size, .after = after};
    const auto got = advisory.of == ListAdvisory::Of::kObjects
                         ? lists.Objects(question, options)
                         : lists.Users(question, {"user", ""}, options);
    if (!got.ok()) {
      all = "error";
      break;
    }
    for (const auto& id : got->ids) all += (all.empty() ? "" : " ") + id;
    if (got->end == engine::ListEnd::kComplete) break;
    after = got->ids.back();
  }
  engine::internal::planted_mutation = Mutation::kNone;
  return all;
}

class PlantedListBug : public ::testing::TestWithParam<ListAdvisory> {};

TEST_P(PlantedListBug, ChangesTheList) {
  const auto& advisory = GetParam();
  SCOPED_TRACE(advisory.rule);
  EXPECT_NE(advisory.want, std::string(advisory.wrong));
  EXPECT_EQ(List(advisory, Mutation::kNone), advisory.want);
  EXPECT_EQ(List(advisory, advisory.bug), advisory.wrong) << "the bug changed nothing";
}

INSTANTIATE_TEST_SUITE_P(Advisories, PlantedListBug, ::testing::ValuesIn(kListAdvisories),
                         [](const auto& row) {
                           std::string name = row.param.id;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// CVE-2026-24851, openfga #3145: two long rows are merged, whatever the order of their ids and
// whichever part of them is contextual, and a wildcard that comes late is not missed.
TEST(Merge, OfRowsIsTheMeetingOfSets) {
  const auto model = ModelOf(R"(type group
  relations
    define member: [user, user:*]
type document
  relations
    define viewer: [group#member]
)");
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    std::mt19937_64 random(seed);
    const auto count = 1 + random() % 400;
    // Names whose byte order is not the order in which the store first sees them.
    std::vector<std::string> names;
    for (std::uint64_t i = 0; i < count; ++i) names.push_back("group:" + std::to_string(i * 7919));
    std::shuffle(names.begin(), names.end(), random);
    std::vector<tuple::Tuple> tuples, contextual;
    std::set<std::string> hops, members, open;
    const auto sparse = 1 + random() % 40;
    for (const auto& name : names) {
      const bool late = contextual.size() < 90 && random() % 9 == 0;
      auto& to = late ? contextual : tuples;
      if (random() % 2 == 0) {
        hops.insert(name);
        to.push_back(Parsed("document:1#viewer@" + name + "#member"));
      }
      if (random() % (2 * sparse) == 0) {
        members.insert(name);
        to.push_back(Parsed(name + "#member@user:anne"));
      }
      if (random() % (10 * sparse) == 0) {
        open.insert(name);
        to.push_back(Parsed(name + "#member@user:*"));
      }
    }
    std::shuffle(tuples.begin(), tuples.end(), random);
    const auto meets = [&](const std::set<std::string>& set) {
      return std::any_of(set.begin(), set.end(), [&](const auto& n) { return hops.contains(n); });
    };
    for (const bool stored : {true, false}) {
      auto all = tuples;
      if (stored) all.insert(all.end(), contextual.begin(), contextual.end());
      WorldRunner runner(model, all);
      Oracle::Question question;
      if (!stored) question.contextual_tuples = contextual;
      question.tuple = Parsed("document:1#viewer@user:anne");
      EXPECT_EQ(KindOf(runner.Check(question)),
                meets(members) || meets(open) ? "allowed" : "denied")
          << "seed " << seed;
      question.tuple = Parsed("document:1#viewer@user:bob");
      EXPECT_EQ(KindOf(runner.Check(question)), meets(open) ? "allowed" : "denied")
          << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace pemba::advisories
