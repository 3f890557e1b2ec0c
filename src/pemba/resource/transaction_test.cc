// What a transaction sees of itself, what follows from it, and what it is written with.
#include "pemba/resource/transaction.h"

#include <gmock/gmock.h>

#include "pemba/resource/testing/world.h"

namespace pemba::resource::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string TeamText(std::string_view name, std::string_view mail) {
  return R"({"metadata":{"name":")" + std::string(name) + R"("},"spec":{"mail":")" +
         std::string(mail) + R"("}})";
}

std::vector<std::string> NamesOf(const std::vector<ObjectPtr>& objects) {
  std::vector<std::string> names;
  for (const auto& object : objects) names.push_back(object->key.name);
  return names;
}

// Teams by mail and by each of their members.
class IndexTest : public World {
 protected:
  IndexTest() { Open(Options()); }

  ResourceStoreOptions Options() const {
    const Kind* const team = &kind("Team");
    return {.indexes = {{"teams by mail", team,
                         [](const Object& object) -> std::vector<std::string> {
                           return {std::string(object.spec().at("mail").get_string())};
                         }},
                        {"teams by member", team, [](const Object& object) {
                           std::vector<std::string> keys;
                           if (!object.spec().contains("members")) return keys;
                           for (const auto& member : object.spec().at("members").get_array()) {
                             keys.emplace_back(member.at("name").get_string());
                           }
                           return keys;
                         }}}};
  }
  static constexpr IndexId kByMail = 0, kByMember = 1;

  std::vector<std::string> ByMail(std::string_view mail) {
    return NamesOf(resources().FindBy(kByMail, mail));
  }

  // One change of a row: a new mail for a team, or its deletion.
  struct Step {
    const char* team;
    const char* mail;  // Null: deleted.
  };
  Outcome<Done> Take(Transaction& transaction, const Step& step) {
    const auto key = Key("Team", step.team);
    if (step.mail == nullptr) {
      PEMBA_TRY(std::ignore, transaction.Delete(key));
      return Done{};
    }
    if (transaction.Find(key) == nullptr) {
      PEMBA_TRY(std::ignore,
                transaction.Create(*key.kind, "", Parse(TeamText(step.team, step.mail))));
      return Done{};
    }
    auto document = transaction.Find(key)->document;
    document["spec"].get_object()["mail"] = step.mail;
    PEMBA_TRY(std::ignore, transaction.Update(key, std::move(document)));
    return Done{};
  }
};

struct IndexCase {
  const char* name;
  std::vector<std::pair<const char*, const char*>> stored;  // Team, mail.
  std::vector<std::pair<const char*, const char*>> staged;
  std::vector<std::string> old_mail, new_mail;  // Who is found under o@x and n@x.
};
const IndexCase kIndexCases[] = {
    {"what is stored", {{"b", "o@x"}, {"a", "o@x"}}, {}, {"a", "b"}, {}},
    {"what is staged", {}, {{"b", "n@x"}, {"a", "n@x"}}, {}, {"a", "b"}},
    {"both, in order", {{"b", "n@x"}}, {{"c", "n@x"}, {"a", "n@x"}}, {}, {"a", "b", "c"}},
    {"a change of the key", {{"a", "o@x"}, {"b", "o@x"}}, {{"a", "n@x"}}, {"b"}, {"a"}},
    {"there and back again", {{"a", "o@x"}}, {{"a", "n@x"}, {"a", "o@x"}}, {"a"}, {}},
    {"a deletion", {{"a", "o@x"}, {"b", "o@x"}}, {{"a", nullptr}}, {"b"}, {}},
    {"gone as it came", {}, {{"a", "n@x"}, {"a", nullptr}}, {}, {}},
    {"deleted and made anew", {{"a", "o@x"}}, {{"a", nullptr}, {"a", "n@x"}}, {}, {"a"}},
};

TEST_F(IndexTest, ATransactionFindsWhatIsStoredAndWhatItStaged) {
  for (const auto& c : kIndexCases) {
    SCOPED_TRACE(c.name);
    for (const auto& [team, mail] : c.stored) MustCreate("Team", TeamText(team, mail));
    const auto done = resources().Transact(options_, [&](Transaction& t) -> Outcome<Done> {
      for (const auto& [team, mail] : c.staged) {
        PEMBA_TRY(std::ignore, Take(t, {team, mail}));
      }
      EXPECT_EQ(NamesOf(t.FindBy(kByMail, "o@x")), c.old_mail);
      EXPECT_EQ(NamesOf(t.FindBy(kByMail, "n@x")), c.new_mail);
      return Done{};
    });
    ASSERT_TRUE(done.ok()) << done.error().message;
    // Readers find the same afterwards, also after a start.
    for (const bool again : {false, true}) {
      if (again) Open(Options());
      EXPECT_EQ(ByMail("o@x"), c.old_mail);
      EXPECT_EQ(ByMail("n@x"), c.new_mail);
    }
    const auto all = resources().List({.kind = &kind("Team")});
    for (const auto& object : all->objects) {
      ASSERT_TRUE(resources().Delete(object->key, {}).ok());
    }
  }
}

TEST_F(IndexTest, AnObjectMayHaveManyKeysOrNone) {
  MustCreate("Team", R"({"metadata":{"name":"a"},
      "spec":{"mail":"a@x","members":[{"name":"mira"},{"name":"tomas"}]}})");
  MustCreate("Team",
             R"({"metadata":{"name":"b"},"spec":{"mail":"b@x","members":[{"name":"mira"}]}})");
  MustCreate("Team", TeamText("c", "c@x"));
  EXPECT_THAT(NamesOf(resources().FindBy(kByMember, "mira")), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf(resources().FindBy(kByMember, "tomas")), ElementsAre("a"));
  EXPECT_THAT(resources().FindBy(kByMember, "ops"), IsEmpty());
}

// Notes in a journal of its own what it is asked. A team named `x` gets a sibling `x-too` from
// Admit; at the end, one team `sum` is there as long as there are others.
class Following final : public Admission {
 public:
  Outcome<Done> Mutate(Transaction&, Operation&) override { return Done{}; }
  Outcome<Done> Admit(Transaction& transaction, const Operation& operation) override {
    const auto& key = operation.old != nullptr ? operation.old->key : operation.now->key;
    const char sign = operation.type == Operation::Type::kCreate   ? '+'
                      : operation.type == Operation::Type::kUpdate ? '~'
                                                                   : '-';
    journal.push_back(sign + key.name + (operation.derived ? " derived" : ""));
    if (operation.type == Operation::Type::kCreate && key.name == "x") {
      PEMBA_TRY(std::ignore, transaction.Create(*key.kind, "", Parse(TeamText("x-too", "x@y"))));
    }
    return Done{};
  }
  Outcome<Done> Conclude(Transaction& transaction) override {
    ++concluded;
    if (refuse) return Failure(Failure::Reason::kForbidden, "refused at the end");
    const Kind& team = *transaction.registry().FindKind("example.com", "Team");
    const auto teams = NamesOf(transaction.List(team));
    const bool has_sum = std::ranges::count(teams, "sum") != 0;
    if (!has_sum && !teams.empty()) {
      PEMBA_TRY(std::ignore, transaction.Create(team, "", Parse(TeamText("sum", "x@y"))));
    } else if (has_sum && teams.size() == 1) {
      PEMBA_TRY(std::ignore, transaction.Delete({&team, "", "sum"}));
    }
    return Done{};
  }

  std::vector<std::string> journal;
  int concluded = 0;
  bool refuse = false;
};

class FollowingTest : public World {
 protected:
  FollowingTest() { Open({.admission = &following_}); }
  std::vector<std::string> Names() {
    return NamesOf(resources().List({.kind = &kind("Team")})->objects);
  }
  std::vector<std::string> Journal() { return std::exchange(following_.journal, {}); }
  Following following_;
};

TEST_F(FollowingTest, WhatFollowsIsDerivedAndInTheSameCommit) {
  const auto before = resources().revision();
  MustCreate("Team", TeamText("x", "x@y"));
  EXPECT_EQ(resources().revision(), before + 1);
  EXPECT_THAT(Names(), ElementsAre("sum", "x", "x-too"));
  EXPECT_THAT(Journal(), ElementsAre("+x", "+x-too derived", "+sum derived"));
  ASSERT_TRUE(resources().Delete(Key("Team", "x-too"), {}).ok());
  ASSERT_TRUE(resources().Delete(Key("Team", "x"), {}).ok());
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(Journal(), ElementsAre("-x-too", "-x", "-sum derived"));
}

TEST_F(FollowingTest, WhatIsCollectedIsDerived) {
  const auto root = MustCreate("Team", TeamText("root", "x@y"));
  MustCreate("Team", R"({"metadata":{"name":"child","ownerReferences":[{"apiVersion":
      "example.com/v1","kind":"Team","name":"root","uid":")" +
                         std::string(root->uid()) + R"("}]},"spec":{"mail":"x@y"}})");
  MustCreate("Namespace", R"({"metadata":{"name":"work"}})");
  MustCreate("Note", R"({"metadata":{"name":"n"}})", "work");
  (void)Journal();
  ASSERT_TRUE(resources().Delete(root->key, {}).ok());
  ASSERT_TRUE(resources().Delete(Key("Namespace", "work"), {}).ok());
  EXPECT_THAT(Journal(),
              ElementsAre("-root", "-child derived", "-sum derived", "-work", "-n derived"));
}

TEST_F(FollowingTest, ABodySaysItselfWhatIsDerived) {
  const auto done = resources().Transact(options_, [&](Transaction& t) -> Outcome<Done> {
    {
      const Transaction::Derived derived(t);
      PEMBA_TRY(std::ignore, t.Create(kind("Team"), "", Parse(TeamText("a", "x@y"))));
    }
    PEMBA_TRY(std::ignore, t.Create(kind("Team"), "", Parse(TeamText("b", "x@y"))));
    return Done{};
  });
  ASSERT_TRUE(done.ok());
  EXPECT_THAT(Journal(), ElementsAre("+a derived", "+b", "+sum derived"));
}

TEST_F(FollowingTest, TheEndIsReachedOnceAndMayRefuse) {
  const auto idle = [](Transaction&) -> Outcome<Done> { return Done{}; };
  ASSERT_TRUE(resources().Transact(options_, idle).ok());
  EXPECT_EQ(following_.concluded, 1);
  EXPECT_THAT(Names(), IsEmpty());
  following_.refuse = true;
  EXPECT_EQ(Create("Team", TeamText("a", "x@y")).error().message, "refused at the end");
  EXPECT_EQ(following_.concluded, 2);
  EXPECT_THAT(Names(), IsEmpty());
}

// Writes what it is told to, and notes what became of it.
class Scripted final : public Projection {
 public:
  Outcome<Consequences> Project(const Transaction&) override {
    journal.push_back("project");
    return next;
  }
  void Committed(Revision revision) override {
    journal.push_back("committed " + std::to_string(revision));
  }
  void Abandoned() override { journal.push_back("abandoned"); }

  Consequences next;
  std::vector<std::string> journal;
};

model::Model ModelWith(const std::vector<std::string>& relations) {
  std::string text = "model\n  schema 1.1\n\ntype user\n\ntype team\n  relations\n";
  for (const auto& relation : relations) text += "    define " + relation + ": [user]\n";
  return *model::ModelFromDsl(text);
}

class ConsequencesTest : public World {
 protected:
  ConsequencesTest() { Open({.projection = &projection_}); }
  std::vector<std::string> Tuples() {
    std::vector<std::string> texts;
    const auto page = store().Read({});
    for (const auto& stored : page->tuples) {
      texts.push_back(ToText(stored.tuple.view()));
    }
    return texts;
  }
  std::vector<std::string> Relations() {
    std::vector<std::string> names;
    const auto page = store().ListModels(1, "");
    for (const auto& [name, rewrite] : page->models.front().types.back().relations) {
      names.push_back(name);
    }
    return names;
  }
  static tuple::Tuple TupleOf(const std::string& relation, const std::string& user = "mira") {
    return {"team:a", relation, "user:" + user, std::nullopt};
  }
  Scripted projection_;
};

TEST_F(ConsequencesTest, TheLargerModelComesBeforeTheTuplesAndTheExactOneAfter) {
  projection_.next = {.writes = {TupleOf("contact")}};
  MustCreate("Team", TeamText("a", "x@y"));
  projection_.next = {.writes = {TupleOf("lead")},
                      .deletes = {TupleOf("contact")},
                      .model_before = ModelWith({"contact", "lead"}),
                      .model_after = ModelWith({"lead"})};
  MustCreate("Team", TeamText("b", "x@y"));
  EXPECT_THAT(Tuples(), ElementsAre("team:a#lead@user:mira"));
  EXPECT_THAT(Relations(), ElementsAre("lead"));
  EXPECT_EQ(store().ListModels(10, "")->models.size(), 3u);
}

TEST_F(ConsequencesTest, AfterAFailureOnlyTheLargerModelIsLeft) {
  const auto before = resources().revision();
  projection_.next = {.writes = {TupleOf("nobody_knows_it")},
                      .model_before = ModelWith({"contact", "lead"}),
                      .model_after = ModelWith({"lead"})};
  EXPECT_FALSE(Create("Team", TeamText("a", "x@y")).ok());
  EXPECT_THAT(Tuples(), IsEmpty());
  EXPECT_THAT(Relations(), ElementsAre("contact", "lead"));
  EXPECT_EQ(resources().revision(), before);
  EXPECT_FALSE(Exists(Key("Team", "a")));
  EXPECT_THAT(projection_.journal, ElementsAre("project", "abandoned"));
}

TEST_F(ConsequencesTest, TheProjectionHearsWhatBecameOfIt) {
  const auto team = MustCreate("Team", TeamText("a", "x@y"));
  options_.dry_run = true;
  ASSERT_TRUE(Create("Team", TeamText("b", "x@y")).ok());
  options_.dry_run = false;
  EXPECT_FALSE(Create("Team", TeamText("a", "x@y")).ok());  // Nothing to project.
  EXPECT_THAT(projection_.journal,
              ElementsAre("project", "committed " + std::to_string(team->revision), "project",
                          "abandoned"));
}

TEST_F(ConsequencesTest, TuplesAreAsManyAsItTakes) {
  for (int i = 0; i < 20'000; ++i) {
    projection_.next.writes.push_back(TupleOf("contact", std::to_string(i)));
  }
  const auto team = MustCreate("Team", TeamText("a", "x@y"));
  EXPECT_EQ(store().Pin().revision(), team->revision);
  std::swap(projection_.next.writes, projection_.next.deletes);
  ASSERT_TRUE(resources().Delete(team->key, {}).ok());
  EXPECT_THAT(Tuples(), IsEmpty());
}

TEST_F(ConsequencesTest, ATupleIsThereAfterwardsJustSo) {
  projection_.next = {.writes = {TupleOf("contact")}, .deletes = {TupleOf("contact", "tomas")}};
  MustCreate("Team", TeamText("a", "x@y"));
  auto until = TupleOf("contact");
  until.expires_at = clock_.Now() + std::chrono::hours(1);
  projection_.next = {.writes = {until}};
  MustCreate("Team", TeamText("b", "x@y"));
  EXPECT_EQ(store().Read({})->tuples.at(0).tuple.expires_at, until.expires_at);
}

}  // namespace
}  // namespace pemba::resource::testing
