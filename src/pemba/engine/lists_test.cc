// What lists and Expand promise beyond agreeing with Check: order, pages, ends, errors, wildcards.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/engine/expander.h"
#include "pemba/engine/lister.h"
#include "pemba/engine/testing/texts.h"
#include "pemba/engine/testing/world_runner.h"
#include "pemba/graph/graph.h"
#include "pemba/model/dsl.h"
#include "pemba/tuple/context.h"

namespace pemba::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<tuple::Tuple> Tuples(std::initializer_list<std::string_view> texts) {
  std::vector<tuple::Tuple> tuples;
  for (const auto text : texts) tuples.push_back(testing::Parsed(text));
  return tuples;
}

// Stands still, or is past every deadline from the second look on.
class FakeClock final : public Clock {
 public:
  WallTime Now() const override { return {}; }
  SteadyTime Steady() const override { return now; }
  SteadyTime now{};
};

struct Answer {
  std::vector<std::string> ids;
  ListEnd end = ListEnd::kComplete;
};

class Store {
 public:
  Store(const std::string& relations, const std::vector<tuple::Tuple>& tuples)
      : graph_(testing::GraphOf(tuples)) {
    const auto dsl = "model\n  schema 1.1\ntype user\ntype robot\n" + relations +
                     "condition open(door: string) {\n  door == 'open'\n}\n";
    auto model = model::ModelFromDsl(dsl);
    PEMBA_CHECK(model.ok());
    auto plan = model::Plan::Compile(*model);
    PEMBA_CHECK(plan.ok());
    bound_ = BoundModel::Bind(*std::move(plan), *graph_);
  }

  Result<Answer> Objects(ObjectsQuery query, const ListOptions& options = {}) {
    query.deadline = deadline;
    query.context = &context;
    arena_.Reset();
    Answer answer;
    const auto snapshot = graph_->Pin();
    const auto listed = Lister(limits, clock)
                            .ListObjects(snapshot, *bound_, query, options, arena_, SinkTo(answer));
    return Done(listed, answer);
  }
  Result<Answer> Users(UsersQuery query, const ListOptions& options = {}) {
    query.deadline = deadline;
    query.context = &context;
    arena_.Reset();
    Answer answer;
    const auto snapshot = graph_->Pin();
    const auto listed =
        Lister(limits, clock).ListUsers(snapshot, *bound_, query, options, arena_, SinkTo(answer));
    return Done(listed, answer);
  }
  std::size_t used_bytes() const { return arena_.used_bytes(); }
  Result<ExpandTree> Expand(const ExpandQuery& query) {
    return Expander(clock).Expand(graph_->Pin(), *bound_, query);
  }

  CheckLimits limits;
  FakeClock clock;
  boost::json::object context;
  std::optional<SteadyTime> deadline;
  std::size_t ids_wanted = ~std::size_t{0};

 private:
  ListSink SinkTo(Answer& answer) {
    return [this, &answer](std::span<const std::string_view> ids) {
      answer.ids.insert(answer.ids.end(), ids.begin(), ids.end());
      return answer.ids.size() < ids_wanted ? SinkWants::kMore : SinkWants::kNoMore;
    };
  }
  static Result<Answer> Done(const Result<ListSummary>& listed, Answer& answer) {
    if (!listed.ok()) return listed.error();
    if (answer.ids.empty()) answer.ids.resize(listed->count);
    EXPECT_EQ(listed->count, answer.ids.size());
    answer.end = listed->end;
    return answer;
  }

  std::unique_ptr<graph::Graph> graph_;
  std::shared_ptr<const BoundModel> bound_;
  Arena arena_;
};

constexpr const char* kDocuments = R"(type group
  relations
    define member: [user, group#member]
type document
  relations
    define viewer: [user, user:*, group#member] or editor
    define editor: [user, user with open]
    define blocked: [user, group#member]
    define reader: viewer but not blocked
)";

std::vector<std::string> Ids(const Result<Answer>& answer) {
  if (!answer.ok()) return {"error: " + answer.error().message};
  return answer->ids;
}

TEST(Lists, OrderIsThatOfTheStoreAndNewNamesComeLast) {
  Store store(kDocuments, Tuples({"document:z#editor@user:a", "document:b#viewer@user:a",
                                  "document:c#viewer@user:b", "document:m#viewer@user:*"}));
  const auto contextual = Tuples({"document:new#viewer@user:a", "document:c#editor@user:a"});
  const ObjectsQuery query{"document", "viewer", "user:a", contextual};
  EXPECT_THAT(Ids(store.Objects(query)), ElementsAre("z", "b", "c", "m", "new"));
  EXPECT_THAT(Ids(store.Objects(query, {.after = "c"})), ElementsAre("m", "new"));
  EXPECT_THAT(Ids(store.Objects(query, {.after = "new"})), IsEmpty());
  const UsersQuery users{"document:m", "viewer", "user"};
  EXPECT_THAT(Ids(store.Users(users)), ElementsAre("*"));
  EXPECT_THAT(Ids(store.Users(users, {.after = "*"})), IsEmpty());
}

TEST(Lists, EndTellsWhetherMoreFollows) {
  Store store(kDocuments, Tuples({"document:1#viewer@user:a", "document:2#viewer@user:a",
                                  "document:3#viewer@user:a", "document:3#viewer@user:b"}));
  const ObjectsQuery query{"document", "viewer", "user:a"};
  const UsersQuery users{"document:3", "viewer", "user"};
  EXPECT_EQ(store.Objects(query, {.count_max = 2})->end, ListEnd::kCountMax);
  EXPECT_EQ(store.Objects(query, {.count_max = 3})->end, ListEnd::kComplete);
  EXPECT_EQ(store.Users(users, {.count_max = 1})->end, ListEnd::kCountMax);
  EXPECT_EQ(store.Users(users, {.count_max = 2})->end, ListEnd::kComplete);
  for (const auto output : {ListOutput::kNames, ListOutput::kCountOnly}) {
    EXPECT_EQ(store.Objects(query, {.count_max = 2, .output = output})->ids.size(), 2u);
    EXPECT_EQ(store.Objects(query, {.output = output})->ids.size(), 3u);
    EXPECT_EQ(store.Objects(query, {.after = "1", .output = output})->ids.size(), 2u);
    EXPECT_EQ(store.Users(users, {.count_max = 1, .output = output})->ids.size(), 1u);
    EXPECT_EQ(store.Users(users, {.output = output})->ids.size(), 2u);
  }
}

TEST(Lists, ErrorsNameWhatIsNotThere) {
  Store store(kDocuments, Tuples({"document:1#viewer@user:a"}));
  struct Case {
    const char* name;
    Result<Answer> got;
    ErrorCode code;
    const char* message;
  } const cases[] = {
      {"type", store.Objects({"page", "viewer", "user:a"}), ErrorCode::kTypeNotFound,
       "type 'page' not found"},
      {"relation", store.Objects({"document", "owner", "user:a"}), ErrorCode::kRelationNotFound,
       "relation 'document#owner' not found"},
      {"subject", store.Objects({"document", "viewer", "team:a"}), ErrorCode::kValidation,
       "type 'team' not found"},
      {"filter type", store.Users({"document:1", "viewer", "team"}), ErrorCode::kTypeNotFound,
       "type 'team' not found"},
      {"filter relation", store.Users({"document:1", "viewer", "group", "owner"}),
       ErrorCode::kRelationNotFound, "relation 'group#owner' not found"},
      {"target", store.Users({"page:1", "viewer", "user"}), ErrorCode::kTypeNotFound,
       "type 'page' not found"},
      {"target relation", store.Users({"document:1", "owner", "user"}),
       ErrorCode::kRelationNotFound, "relation 'document#owner' not found"},
      {"position", store.Objects({"document", "viewer", "user:a"}, {.after = "nowhere"}),
       ErrorCode::kInvalidContinuationToken, "the list has no such position"},
      {"position of users", store.Users({"document:1", "viewer", "user"}, {.after = "nobody"}),
       ErrorCode::kInvalidContinuationToken, "the list has no such position"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ASSERT_FALSE(c.got.ok());
    EXPECT_EQ(c.got.error(), (Error{c.code, c.message}));
  }
}

TEST(Lists, AConditionThatCannotBeEvaluatedFailsTheList) {
  Store store(kDocuments, Tuples({"document:1#editor@user:a ? open", "document:2#viewer@user:a"}));
  const auto objects = store.Objects({"document", "viewer", "user:a"});
  ASSERT_FALSE(objects.ok());
  EXPECT_EQ(objects.error().code, ErrorCode::kValidation);
  EXPECT_EQ(objects.error().message,
            "failed to evaluate relationship condition: 'open' - tuple "
            "'document:1#editor@user:a' is missing context parameters '[door]'");
  EXPECT_FALSE(store.Users({"document:1", "viewer", "user"}).ok());
  EXPECT_THAT(Ids(store.Users({"document:2", "viewer", "user"})), ElementsAre("a"));
  // The supplied context reaches every leaf.
  store.context = *tuple::ParseContext(R"({"door":"open"})");
  EXPECT_THAT(Ids(store.Objects({"document", "viewer", "user:a"})), ElementsAre("1", "2"));
  EXPECT_THAT(Ids(store.Users({"document:1", "viewer", "user"})), ElementsAre("a"));
  store.context = *tuple::ParseContext(R"({"door":"shut"})");
  EXPECT_THAT(Ids(store.Objects({"document", "viewer", "user:a"})), ElementsAre("2"));
  EXPECT_THAT(Ids(store.Users({"document:1", "viewer", "user"})), IsEmpty());
}

TEST(Lists, WildcardsOfUsers) {
  struct Case {
    const char* name;
    std::string relation;
    std::vector<tuple::Tuple> tuples;
    std::vector<std::string> want;
  } const cases[] = {
      {"a named user stands beside the wildcard",
       "[user, user:*]",
       Tuples({"document:1#r@user:*", "document:1#r@user:jon"}),
       {"*", "jon"}},
      {"intersection of a wildcard and a name is the name",
       "a and b",
       Tuples({"document:1#a@user:*", "document:1#b@user:jon"}),
       {"jon"}},
      {"intersection of two wildcards keeps the names",
       "a and b",
       Tuples({"document:1#a@user:*", "document:1#b@user:*", "document:1#b@user:jon"}),
       {"*", "jon"}},
      {"a wildcard on the right removes all",
       "a but not b",
       Tuples({"document:1#a@user:jon", "document:1#b@user:*"}),
       {}},
      {"who is excluded from a wildcard is not listed",
       "a but not b",
       Tuples({"document:1#a@user:*", "document:1#a@user:jon", "document:1#b@user:jon"}),
       {"*"}},
      {"an exclusion is carried upward",
       "(a but not b) and c",
       Tuples({"document:1#a@user:*", "document:1#b@user:jon", "document:1#c@user:jon",
               "document:1#c@user:eve"}),
       {"eve"}},
      {"an exclusion from an exclusion is an inclusion",
       "a but not (b but not c)",
       Tuples({"document:1#a@user:*", "document:1#b@user:*", "document:1#c@user:jon"}),
       {"jon"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Store store(
        "type document\n  relations\n    define a: [user, user:*]\n"
        "    define b: [user, user:*]\n    define c: [user, user:*]\n    define r: " +
            c.relation + "\n",
        c.tuples);
    EXPECT_EQ(Ids(store.Users({"document:1", "r", "user"})), c.want);
    EXPECT_THAT(Ids(store.Users({"document:1", "r", "robot"})), IsEmpty());
  }
}

TEST(Lists, UsersetsNameThemselves) {
  Store store(kDocuments,
              Tuples({"document:1#viewer@group:eng#member", "group:eng#member@group:core#member"}));
  EXPECT_THAT(Ids(store.Users({"document:1", "viewer", "group", "member"})),
              ElementsAre("eng", "core"));
  EXPECT_THAT(Ids(store.Users({"document:9", "viewer", "document", "viewer"})), ElementsAre("9"));
  EXPECT_THAT(Ids(store.Objects({"document", "viewer", "document:9#viewer"})), ElementsAre("9"));
  EXPECT_THAT(Ids(store.Objects({"document", "viewer", "group:core#member"})), ElementsAre("1"));
}

TEST(Lists, TheResolveNodeLimitCountsEveryStepOfUsersAndNoneOfObjects) {
  std::vector<tuple::Tuple> tuples = Tuples({"document:1#viewer@group:0#member"});
  for (int i = 0; i < 23; ++i) {
    tuples.push_back(testing::Parsed("group:" + std::to_string(i) +
                                     "#member@group:" + std::to_string(i + 1) + "#member"));
  }
  tuples.push_back(testing::Parsed("group:23#member@user:a"));
  Store store(kDocuments, tuples);
  store.limits.resolve_node_limit = 25;
  EXPECT_THAT(Ids(store.Users({"document:1", "viewer", "user"})), ElementsAre("a"));
  // reader is one step further away, though no tuple lies between.
  const auto deep = store.Users({"document:1", "reader", "user"});
  ASSERT_FALSE(deep.ok());
  EXPECT_EQ(deep.error().code, ErrorCode::kTooComplex);
  EXPECT_THAT(Ids(store.Objects({"document", "reader", "user:a"})), ElementsAre("1"));
}

constexpr int kWindow = 65'536;

std::vector<tuple::Tuple> ManyDocuments(int count) {
  std::vector<tuple::Tuple> tuples;
  for (int i = 0; i < count; ++i) {
    const auto document = "document:" + std::to_string(i);
    tuples.push_back({document, i % 2 == 0 ? "viewer" : "editor", "user:a", std::nullopt});
    if (i % 10 == 0) tuples.push_back({document, "blocked", "user:a", std::nullopt});
  }
  return tuples;
}

TEST(Lists, NothingIsLostWhereWindowsMeet) {
  for (const int count : {kWindow - 1, kWindow, kWindow + 1}) {
    SCOPED_TRACE(count);
    Store store(kDocuments, ManyDocuments(count));
    const auto viewed = Ids(store.Objects({"document", "viewer", "user:a"}));
    EXPECT_EQ(viewed.size(), static_cast<std::size_t>(count));
    const auto read = Ids(store.Objects({"document", "reader", "user:a"}));
    EXPECT_EQ(read.size(), static_cast<std::size_t>(count - (count + 9) / 10));
    const auto last =
        Ids(store.Objects({"document", "viewer", "user:a"}, {.after = std::to_string(count - 3)}));
    EXPECT_THAT(last, ElementsAre(std::to_string(count - 2), std::to_string(count - 1)));
  }
}

// What lies right of `but not` recurses: who is not found there is allowed unless a way from the
// object comes back to itself.
TEST(Lists, ButNotWhatRecursesDeniesWhereWaysComeBack) {
  Store store(
      kDocuments,
      Tuples({"document:free#viewer@user:a", "document:named#viewer@user:a",
              "document:named#blocked@user:a", "document:far#viewer@user:a",
              "document:far#blocked@group:outer#member", "document:round#viewer@user:a",
              "document:round#blocked@group:1#member", "document:tail#viewer@user:a",
              "document:tail#blocked@group:0#member", "document:dead#viewer@user:a",
              "document:dead#blocked@group:end#member", "group:outer#member@group:in#member",
              "group:in#member@user:a", "group:0#member@group:1#member",
              "group:1#member@group:2#member", "group:2#member@group:1#member",
              "group:2#member@group:end#member", "group:end#member@user:b"}));
  const ObjectsQuery query{"document", "reader", "user:a"};
  EXPECT_THAT(Ids(store.Objects(query)), ElementsAre("free", "dead"));
  // A way that only the request knows closes another circle.
  const auto contextual =
      Tuples({"group:end#member@group:new#member", "group:new#member@group:end#member"});
  EXPECT_THAT(Ids(store.Objects({"document", "reader", "user:a", contextual})),
              ElementsAre("free"));
}

// Users on both sides of where ranges of ids end, in rows, sets and circles.
TEST(Lists, NothingIsLostWhereRangesOfUsersMeet) {
  constexpr int kUsers = 30'000;
  std::vector<tuple::Tuple> tuples =
      Tuples({"document:1#viewer@group:0#member", "document:1#viewer@group:1#member",
              "group:0#member@group:2#member", "document:1#blocked@group:3#member"});
  std::vector<std::string> viewers, readers;
  for (int i = 0; i < kUsers; ++i) {
    const auto user = "user:" + std::to_string(i);
    const auto group = "group:" + std::to_string(i % 3);
    tuples.push_back({group, "member", user, std::nullopt});
    if (i % 7 == 0) tuples.push_back({"document:1", "viewer", user, std::nullopt});
    if (i % 5 == 0) tuples.push_back({"group:3", "member", user, std::nullopt});
    if (i % 11 == 0) tuples.push_back({"document:1", "blocked", user, std::nullopt});
    viewers.push_back(std::to_string(i));
    if (i % 5 != 0 && i % 11 != 0) readers.push_back(std::to_string(i));
  }
  const auto contextual = Tuples({"document:1#viewer@user:new"});
  Store store(kDocuments, tuples);
  EXPECT_EQ(Ids(store.Users({"document:1", "viewer", "user"})), viewers);
  EXPECT_EQ(Ids(store.Users({"document:1", "reader", "user"})), readers);
  viewers.push_back("new");
  EXPECT_EQ(Ids(store.Users({"document:1", "viewer", "user", "", contextual})), viewers);
  readers.push_back("new");
  const UsersQuery query{"document:1", "reader", "user", "", contextual};
  std::vector<std::string> gathered;
  for (std::string after;;) {
    const auto page = store.Users(query, {.count_max = 1'999, .after = after});
    ASSERT_TRUE(page.ok());
    gathered.insert(gathered.end(), page->ids.begin(), page->ids.end());
    if (page->end == ListEnd::kComplete) break;
    after = page->ids.back();
  }
  EXPECT_EQ(gathered, readers);
  EXPECT_EQ(store.Users(query, {.output = ListOutput::kCountOnly})->ids.size(), readers.size());
}

// Every tuple that is looked at is a unit of work: a first page of a few hundred out of 50,000
// conditional ones fits into a budget that the whole does not fit into.
TEST(Lists, ThePageIsPaidForAndNotTheList) {
  const tuple::Condition open{"open", *tuple::ParseContext(R"({"door":"open"})")};
  std::vector<tuple::Tuple> tuples;
  for (int i = 0; i < 50'000; ++i) {
    tuples.push_back({"document:1", "editor", "user:" + std::to_string(i), open});
    tuples.push_back({"document:" + std::to_string(i), "editor", "user:a", open});
  }
  Store store(kDocuments, tuples);
  store.limits.steps_max = 20'000;
  const UsersQuery users{"document:1", "reader", "user"};
  const ObjectsQuery objects{"document", "reader", "user:a"};
  for (const auto* after : {"", "25000", "49000"}) {
    SCOPED_TRACE(after);
    EXPECT_EQ(Ids(store.Users(users, {.count_max = 100, .after = after})).size(), 100u);
    EXPECT_EQ(Ids(store.Objects(objects, {.count_max = 100, .after = after})).size(), 100u);
  }
  EXPECT_EQ(store.Users(users).error().code, ErrorCode::kTooComplex);
  EXPECT_EQ(store.Objects(objects).error().code, ErrorCode::kTooComplex);
}

// CVE-2024-23820, I11: what a list holds in memory is bounded; a list that would need more is an
// error, never a part that looks like the whole.
TEST(Lists, AMemoryBudgetEndsAListWithAnError) {
  std::vector<tuple::Tuple> tuples = Tuples({"document:1#blocked@group:0#member"});
  constexpr int kGroups = 60'000;
  for (int i = 0; i < kGroups; ++i) {
    const auto group = "group:" + std::to_string(i);
    tuples.push_back({group, "member", "user:a", std::nullopt});
    tuples.push_back({group, "member", "user:" + std::to_string(i), std::nullopt});
    tuples.push_back({"document:1", "viewer", group + "#member", std::nullopt});
    const auto next = "group:" + std::to_string(i + 1) + "#member";
    tuples.push_back({group, "member", next, std::nullopt});
  }
  Store store(kDocuments, tuples);
  const ObjectsQuery objects{"group", "member", "user:59999"};
  const UsersQuery users{"document:1", "reader", "user"};
  ASSERT_EQ(Ids(store.Objects(objects)).size(), std::size_t{kGroups});
  const auto whole = store.used_bytes();
  ASSERT_TRUE(store.Users(users).ok());
  const auto whole_of_users = store.used_bytes();
  constexpr std::uint64_t kBudget = 256 * 1024;
  ASSERT_GT(std::min(whole, whole_of_users), 2 * kBudget);
  store.limits.memory_bytes_max = kBudget;
  const Error want{ErrorCode::kResourceExhausted,
                   "the request needs more than 262144 bytes of memory"};
  EXPECT_EQ(store.Objects(objects).error(), want);
  EXPECT_LT(store.used_bytes(), 3 * kBudget);
  EXPECT_EQ(store.Users(users).error(), want);
  EXPECT_LT(store.used_bytes(), 3 * kBudget);
  // What came before is true, but the list does not end as if it were whole.
  store.ids_wanted = 10;
  EXPECT_TRUE(store.Objects({"group", "member", "user:3"}).ok());
}

TEST(Lists, MoreGroupsThanAreWalkedSideBySide) {
  std::vector<tuple::Tuple> tuples;
  constexpr int kGroups = 1'000;
  for (int i = 0; i < kGroups; ++i) {
    const auto group = "group:" + std::to_string(i);
    tuples.push_back(testing::Parsed(group + "#member@user:a"));
    for (int j = 0; j < 3; ++j) {
      tuples.push_back(testing::Parsed("document:" + std::to_string((i + 7 * j) % kGroups) +
                                       "#viewer@" + group + "#member"));
    }
  }
  Store store(kDocuments, tuples);
  EXPECT_EQ(Ids(store.Objects({"document", "viewer", "user:a"})).size(), 1'000u);
  EXPECT_EQ(Ids(store.Objects({"group", "member", "user:a"})).size(), 1'000u);
}

TEST(Lists, TimeThatRunsOutEndsAListWithATruePart) {
  Store store(kDocuments, ManyDocuments(200'000));
  store.deadline = store.clock.now;  // Passed at the first look.
  const auto objects = store.Objects({"document", "reader", "user:a"});
  ASSERT_TRUE(objects.ok());
  EXPECT_EQ(objects->end, ListEnd::kDeadline);
  EXPECT_LT(objects->ids.size(), 180'000u);
  for (const auto& id : objects->ids) EXPECT_NE(std::stoi(id) % 10, 0) << id;
  store.deadline.reset();
  store.limits.steps_max = 100;
  const auto limited = store.Objects({"document", "reader", "user:a"});
  ASSERT_FALSE(limited.ok());
  EXPECT_EQ(limited.error().code, ErrorCode::kTooComplex);
}

TEST(Lists, TheSinkCanStop) {
  Store store(kDocuments, ManyDocuments(1'000));
  store.ids_wanted = 1;
  const auto stopped = store.Objects({"document", "viewer", "user:a"});
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->end, ListEnd::kStopped);
  EXPECT_LT(stopped->ids.size(), 1'000u);
}

// ---- Expand ----

std::string Print(const ExpandNode& node) {
  const auto list = [](const auto& strings) {
    std::string text;
    for (const auto& string : strings) text += (text.empty() ? "" : " ") + string;
    return "[" + text + "]";
  };
  const auto children = [&](const char* name) {
    std::string text = std::string(name) + "(";
    for (const auto& child : node.children)
      text += Print(child) + (&child == &node.children.back() ? "" : ", ");
    return text + ")";
  };
  switch (node.kind) {
    case ExpandKind::kUsers:
      return list(node.users);
    case ExpandKind::kComputed:
      return node.userset;
    case ExpandKind::kTupleToUserset:
      return node.userset + " -> " + list(node.users);
    case ExpandKind::kUnion:
      return children("union");
    case ExpandKind::kIntersection:
      return children("intersection");
    case ExpandKind::kDifference:
      return children("difference");
  }
  return "?";
}

constexpr const char* kFolders = R"(type group
  relations
    define member: [user]
type folder
  relations
    define viewer: [user]
type drive
  relations
    define owner: [user]
type document
  relations
    define parent: [folder, drive]
    define owner: [user, user:*, group#member, user with open]
    define viewer: ([user] or owner) or viewer from parent
    define editor: (owner and viewer) but not parent_owner
    define parent_owner: owner from parent
)";

TEST(Expand, ShowsOneLevelAsWritten) {
  Store store(kFolders, Tuples({"document:1#owner@user:b", "document:1#owner@user:a",
                                "document:1#owner@group:g#member", "document:1#owner@user:*",
                                "document:1#owner@user:c ? open", "document:1#owner@robot:r",
                                "document:1#parent@folder:f", "document:1#parent@drive:d",
                                "document:1#viewer@user:v", "document:2#owner@user:z"}));
  struct Case {
    const char* relation;
    const char* want;
  } const cases[] = {
      {"owner", "[group:g#member user:* user:a user:b user:c]"},
      {"viewer",
       "union(union([user:v], document:1#owner), document:1#parent -> [drive:d#viewer "
       "folder:f#viewer])"},
      {"editor",
       "difference(intersection(document:1#owner, document:1#viewer), document:1#parent_owner)"},
      {"parent_owner", "document:1#parent -> [drive:d#owner folder:f#owner]"},
      {"parent", "[drive:d folder:f]"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.relation);
    const auto got = store.Expand({"document:1", c.relation, {}});
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_EQ(got->name, std::string("document:1#") + c.relation);
    auto root = got->root;
    // Parents of several types come type by type; within a type in the order of the store.
    for (auto& child : root.children) std::sort(child.users.begin(), child.users.end());
    std::sort(root.users.begin(), root.users.end());
    EXPECT_EQ(Print(root), c.want);
  }
}

TEST(Expand, HonoursContextualTuplesOnce) {
  Store store(kFolders, Tuples({"document:1#owner@user:b", "document:1#parent@folder:f"}));
  const auto contextual =
      Tuples({"document:1#owner@user:b", "document:1#owner@user:a", "document:1#parent@folder:e",
              "document:1#parent@folder:f", "document:2#owner@user:x"});
  EXPECT_EQ(Print(store.Expand({"document:1", "owner", contextual})->root), "[user:a user:b]");
  EXPECT_EQ(Print(store.Expand({"document:1", "parent_owner", contextual})->root),
            "document:1#parent -> [folder:e#owner folder:f#owner]");
  EXPECT_EQ(Print(store.Expand({"document:9", "owner", {}})->root), "[]");
}

TEST(Expand, ErrorsAreThoseOfCheck) {
  Store store(kFolders, {});
  EXPECT_EQ(store.Expand({"page:1", "owner", {}}).error(),
            (Error{ErrorCode::kValidation, "type 'page' not found"}));
  EXPECT_EQ(store.Expand({"document:1", "reader", {}}).error(),
            (Error{ErrorCode::kValidation, "relation 'document#reader' not found"}));
}

}  // namespace
}  // namespace pemba::engine
