#include "pemba/provider/testing/provider_contract.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "pemba/provider/model_merge.h"
#include "pemba/provider/testing/models.h"
#include "pemba/tuple/context.h"

namespace pemba::provider::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProviderContract);

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

std::string TextOf(const tuple::Tuple& t) {
  auto text = tuple::ToText(t.view());
  if (t.condition) text += " with " + t.condition->name;
  if (t.condition) text += " " + tuple::CanonicalText(t.condition->context);
  return text;
}

std::string TextOf(FailureClass failure) {
  switch (failure) {
    case FailureClass::kTransient:
      return "transient";
    case FailureClass::kStaleModel:
      return "stale model";
    case FailureClass::kPermanent:
      return "permanent";
    case FailureClass::kUnknown:
      return "unknown";
  }
  return "";
}

std::string TextOf(const Result<Decision>& outcome) {
  if (!outcome.ok()) return TextOf(ClassOf(outcome.error().code));
  return *outcome == Decision::kAllowed ? "yes" : "no";
}

std::set<std::string> TypesOf(const model::Model& model) {
  std::set<std::string> names;
  for (const auto& type : model.types) names.insert(type.type);
  return names;
}

// As somebody does who keeps foreign types by hand: reads, adds, writes; no compare and swap.
void AddForeignType(Provider& provider, const std::string& name) {
  for (;;) {
    auto current = provider.ReadModel();
    ASSERT_TRUE(current.ok()) << current.error().message;
    if (TypesOf(*current).contains(name)) return;  // Whoever wrote since has merged it.
    auto next = *current;
    next.types.push_back(Type(name, {}));
    const auto written = provider.WriteModel(next, current->id);
    if (written.ok()) return;
    ASSERT_EQ(written.error().code, ErrorCode::kConflict) << written.error().message;
  }
}

}  // namespace

void ProviderContract::SetUp() {
  bench_ = GetParam()();
  if (bench_ == nullptr) GTEST_SKIP() << "what this provider needs is not there";
  provider_ = bench_->Connect();
  ASSERT_NE(provider_, nullptr);
}

void ProviderContract::Publish(const model::Model& managed) {
  const auto published = PublishModel(provider(), managed);
  ASSERT_TRUE(published.ok()) << published.error().message;
}

void ProviderContract::Apply(const std::vector<tuple::Tuple>& removes,
                             const std::vector<tuple::Tuple>& adds) {
  const auto applied = provider().Apply(removes, adds);
  ASSERT_TRUE(applied.ok()) << applied.error().message;
}

std::vector<std::string> ProviderContract::Stored() {
  std::vector<std::string> texts;
  const auto read = provider().ReadTuples([&](const tuple::Tuple& t) -> Status {
    texts.push_back(TextOf(t));
    return Done{};
  });
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  std::sort(texts.begin(), texts.end());
  return texts;
}

std::string ProviderContract::Decides(const tuple::Tuple& question) {
  const auto outcomes = provider().Check({&question, 1}, {});
  return outcomes.size() == 1 ? TextOf(outcomes.front()) : "not one outcome";
}

TEST_P(ProviderContract, AnEmptyStoreHasNoModelAndDecidesNothing) {
  const auto model = provider().ReadModel();
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->id, "");
  EXPECT_THAT(model->types, IsEmpty());
  EXPECT_EQ(Decides(T("doc:1#get@person:anne")), "stale model");
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_P(ProviderContract, AModelComesBackAsItWasWritten) {
  auto written = Library();
  written.types[3].metadata->module = "lib.example";
  written.types[3].metadata->source_info = model::SourceInfo{"made.fga"};
  for (auto& [name, metadata] : written.types[3].metadata->relations) metadata.module = "x";
  const auto id = provider().WriteModel(written, "");
  ASSERT_TRUE(id.ok()) << id.error().message;
  const auto read = provider().ReadModel();
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->id, *id);
  EXPECT_TRUE(SameModels(*read, written));
}

TEST_P(ProviderContract, ForeignTypesAndConditionsAreKept) {
  ASSERT_TRUE(provider().WriteModel(Foreign(), "").ok());
  Publish(Library());
  auto model = provider().ReadModel();
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->schema_version, "1.2");
  EXPECT_THAT(TypesOf(*model), ElementsAre(kGroup, kUser, kDoc, kFolder, "team", "user"));
  EXPECT_THAT(model->conditions, SizeIs(1));

  Publish(ManagedModel({Type(kUser, {})}));
  model = provider().ReadModel();
  EXPECT_THAT(TypesOf(*model), ElementsAre(kUser, "team", "user"));
}

TEST_P(ProviderContract, AModelThatMeansTheSameIsNotWritten) {
  Publish(Library());
  const auto before = provider().ReadModel();
  auto again = Library();
  std::reverse(again.types.begin(), again.types.end());
  for (auto& type : again.types) {
    if (!type.metadata) continue;
    for (auto& [name, metadata] : type.metadata->relations) {
      auto& allowed = metadata.directly_related_user_types;
      std::reverse(allowed.begin(), allowed.end());
    }
  }
  const auto published = PublishModel(provider(), again);
  ASSERT_TRUE(published.ok());
  EXPECT_EQ(published->was, PublishedModel::Was::kThere);
  EXPECT_EQ(published->model.id, before->id);
  EXPECT_EQ(provider().ReadModel()->id, before->id);
}

TEST_P(ProviderContract, AModelIsWrittenOverTheExpectedOneOnly) {
  const auto first = provider().WriteModel(Library(), "");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(provider().WriteModel(Library({"get"}), "").error().code, ErrorCode::kConflict);
  const auto second = provider().WriteModel(Library({"get"}), *first);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(provider().WriteModel(Library(), *first).error().code, ErrorCode::kConflict);
  EXPECT_EQ(provider().ReadModel()->id, *second);
}

TEST_P(ProviderContract, AnInvalidModelIsRefusedForGood) {
  auto invalid = Library();
  invalid.types.push_back(Type("lib.example/Bad", {{"get", {"lib.example/Missing"}}}));
  const auto written = provider().WriteModel(invalid, "");
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(ClassOf(written.error().code), FailureClass::kPermanent);
  EXPECT_EQ(provider().ReadModel()->id, "");
}

TEST_P(ProviderContract, NoForeignTypeIsLostToAnotherWriter) {
  Publish(Library());
  constexpr int kRounds = 6;
  std::thread by_hand([&, other = std::shared_ptr<Provider>(bench().Connect())] {
    for (int i = 0; i < kRounds; ++i) AddForeignType(*other, "hand" + std::to_string(i));
  });
  for (int i = 0; i < kRounds; ++i) {
    Publish(i % 2 == 0 ? Library({"get", "edit", "share"}) : Library());
  }
  by_hand.join();
  const auto types = TypesOf(*provider().ReadModel());
  for (int i = 0; i < kRounds; ++i) EXPECT_THAT(types, Contains("hand" + std::to_string(i)));
  EXPECT_THAT(types, Contains(kDoc));
}

TEST_P(ProviderContract, ApplyingTwiceIsApplyingOnce) {
  Publish(Library());
  const auto two = Ts({"doc:1#get@person:anne", "doc:1#parent@folder:1"});
  Apply({}, two);
  Apply({}, two);
  EXPECT_THAT(Stored(), SizeIs(2));
  EXPECT_EQ(Decides(two[0]), "yes");
  Apply({two[0]}, {});
  Apply({two[0]}, {});
  EXPECT_EQ(Decides(two[0]), "no");
  EXPECT_THAT(Stored(), SizeIs(1));
}

TEST_P(ProviderContract, SomeAreThereAlreadyAndSomeAreGone) {
  Publish(Library());
  const auto all =
      Ts({"doc:1#get@person:a", "doc:1#get@person:b", "doc:1#get@person:c", "doc:1#get@person:d"});
  Apply({}, {all[0], all[1]});
  Apply({all[0], all[3]}, {all[1], all[2]});
  EXPECT_THAT(Stored(), UnorderedElementsAre(TextOf(all[1]), TextOf(all[2])));
}

TEST_P(ProviderContract, WhatIsNamedTwiceCountsOnceAndAdditionsWin) {
  Publish(Library());
  const auto t = T("doc:1#get@person:a");
  Apply({}, {t, t});
  Apply({t}, {t});
  EXPECT_THAT(Stored(), ElementsAre(TextOf(t)));
  Apply({t, t}, {});
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_P(ProviderContract, AThousandGrantsComeAndGo) {
  Publish(Library());
  std::vector<tuple::Tuple> grants;
  for (int i = 0; i < 1000; ++i) {
    grants.push_back(T("doc:" + std::to_string(i % 50) + "#get@person:p" + std::to_string(i)));
  }
  Apply({}, grants);
  EXPECT_THAT(Stored(), SizeIs(1000));
  const auto outcomes = provider().Check(grants, {});
  ASSERT_THAT(outcomes, SizeIs(1000));
  for (const auto& outcome : outcomes) ASSERT_EQ(TextOf(outcome), "yes");
  std::vector<tuple::Tuple> half(grants.begin(), grants.begin() + 500);
  Apply(half, {T("doc:x#get@person:new")});
  EXPECT_THAT(Stored(), SizeIs(501));
  Apply(grants, {});
  EXPECT_THAT(Stored(), SizeIs(1));
}

TEST_P(ProviderContract, AnotherConditionReplacesTheTuple) {
  ASSERT_TRUE(provider().WriteModel(Foreign(), "").ok());
  Publish(Library());
  auto t = T("team:red#member@user:anne");
  t.condition = tuple::Condition{"soon", {{"until", "2030-01-01T00:00:00Z"}}};
  Apply({}, {t});
  EXPECT_THAT(Stored(), ElementsAre(TextOf(t)));
  auto plain = t;
  plain.condition.reset();
  Apply({}, {plain, T("team:red#member@user:bert")});
  EXPECT_THAT(Stored(), UnorderedElementsAre(TextOf(plain), "team:red#member@user:bert"));
  Apply({}, {t});
  EXPECT_THAT(Stored(), UnorderedElementsAre(TextOf(t), "team:red#member@user:bert"));
}

TEST_P(ProviderContract, ATupleThatTheModelLacksIsAStaleModel) {
  Publish(Library());
  for (const auto* text : {"other.example/X:1#get@person:a", "doc:1#shred@person:a",
                           "doc:1#parent@doc:2", "doc:1#get@nobody:a"}) {
    const auto t = T(text);
    const auto applied = provider().Apply({}, {&t, 1});
    ASSERT_FALSE(applied.ok()) << text;
    EXPECT_EQ(ClassOf(applied.error().code), FailureClass::kStaleModel)
        << text << ": " << applied.error().message;
  }
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_P(ProviderContract, AMalformedTupleIsAPermanentError) {
  Publish(Library());
  const tuple::Tuple t{std::string(kDoc) + ":has space", "get", std::string(kUser) + ":a", {}};
  const auto applied = provider().Apply({}, {&t, 1});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(ClassOf(applied.error().code), FailureClass::kPermanent) << applied.error().message;
}

TEST_P(ProviderContract, TuplesOfARemovedRelationCanBeRemoved) {
  Publish(Library());
  const auto edit = T("doc:1#edit@person:anne");
  Apply({}, {edit});
  Publish(Library({"get"}));
  EXPECT_EQ(Decides(edit), "stale model");
  Apply({edit}, {});
  EXPECT_THAT(Stored(), IsEmpty());
  Publish(Library());  // The relation is back, the access is not.
  EXPECT_EQ(Decides(edit), "no");
}

TEST_P(ProviderContract, AnErrorIsNeverADenialAndEachQuestionHasItsOwn) {
  Publish(Library());
  Apply({},
        Ts({"doc:1#parent@folder:1", "folder:1#get@group:g#member", "group:g#member@person:a"}));
  const auto questions = Ts({"doc:1#get@person:a", "doc:1#shred@person:a", "doc:1#get@person:b",
                             "other.example/X:1#get@person:a", "folder:1#get@person:a"});
  std::vector<std::string> texts;
  for (const auto& outcome : provider().Check(questions, {})) texts.push_back(TextOf(outcome));
  EXPECT_THAT(texts, ElementsAre("yes", "stale model", "no", "stale model", "yes"));
}

TEST_P(ProviderContract, EqualQuestionsAndManyOfThemAreAnsweredInOrder) {
  Publish(Library());
  Apply({}, Ts({"doc:1#get@person:a"}));
  std::vector<tuple::Tuple> questions;
  for (int i = 0; i < 120; ++i)
    questions.push_back(T(i % 3 == 0 ? "doc:1#get@person:a" : "doc:1#get@person:b"));
  const auto outcomes = provider().Check(questions, {});
  ASSERT_THAT(outcomes, SizeIs(120));
  for (int i = 0; i < 120; ++i) EXPECT_EQ(TextOf(outcomes[i]), i % 3 == 0 ? "yes" : "no") << i;
  EXPECT_THAT(provider().Check({}, {}), IsEmpty());
}

TEST_P(ProviderContract, ADeadlineThatIsPastDecidesNothing) {
  Publish(Library());
  const auto question = T("doc:1#get@person:a");
  const auto past = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  const auto outcomes = provider().Check({&question, 1}, {.deadline = past});
  ASSERT_THAT(outcomes, SizeIs(1));
  if (outcomes[0].ok()) {
    EXPECT_EQ(*outcomes[0], Decision::kDenied);  // So quick that nobody looked at the time.
  } else {
    EXPECT_EQ(outcomes[0].error().code, ErrorCode::kDeadlineExceeded);
  }
}

TEST_P(ProviderContract, ListsNameWhatCheckAllows) {
  if (!provider().capabilities().lists) GTEST_SKIP() << "no lists";
  Publish(Library());
  Apply({}, Ts({"doc:1#parent@folder:1", "doc:2#get@person:a", "folder:1#get@group:g#member",
                "group:g#member@person:a", "group:g#member@person:b"}));
  const auto objects = provider().ListObjects(kDoc, "get", std::string(kUser) + ":a", {}, 0);
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  EXPECT_TRUE(objects->complete);
  EXPECT_THAT(objects->names,
              UnorderedElementsAre(std::string(kDoc) + ":1", std::string(kDoc) + ":2"));
  const auto one = provider().ListObjects(kDoc, "get", std::string(kUser) + ":a", {}, 1);
  ASSERT_TRUE(one.ok());
  EXPECT_THAT(one->names, SizeIs(1));
  EXPECT_FALSE(one->complete);

  const auto users =
      provider().ListUsers(std::string(kDoc) + ":1", "get",
                           std::vector<std::string>{kUser, std::string(kGroup) + "#member"}, {});
  ASSERT_TRUE(users.ok()) << users.error().message;
  EXPECT_THAT(users->names,
              UnorderedElementsAre(std::string(kUser) + ":a", std::string(kUser) + ":b",
                                   std::string(kGroup) + ":g#member"));
  EXPECT_FALSE(
      provider().ListObjects("no.example/X", "get", std::string(kUser) + ":a", {}, 0).ok());
}

TEST_P(ProviderContract, EveryTupleIsReadForeignOnesToo) {
  ASSERT_TRUE(provider().WriteModel(Foreign(), "").ok());
  Publish(Library());
  std::vector<tuple::Tuple> all = {T("team:red#member@user:anne")};
  for (int i = 0; i < 250; ++i) all.push_back(T("doc:1#get@person:p" + std::to_string(i)));
  Apply({}, all);
  std::vector<std::string> want;
  for (const auto& t : all) want.push_back(TextOf(t));
  std::sort(want.begin(), want.end());
  EXPECT_EQ(Stored(), want);
}

TEST_P(ProviderContract, AReaderWhoHasEnoughIsNotToldMore) {
  Publish(Library());
  Apply({}, Ts({"doc:1#get@person:a", "doc:1#get@person:b"}));
  int told = 0;
  const auto read = provider().ReadTuples([&](const tuple::Tuple&) -> Status {
    ++told;
    return Error{ErrorCode::kCancelled, "enough"};
  });
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(told, 1);
}

TEST_P(ProviderContract, SeveralMayApplyAtOnce) {
  Publish(Library());
  constexpr int kAppliers = 4;
  std::vector<std::thread> appliers;
  std::atomic<int> failed{0};
  for (int who = 0; who < kAppliers; ++who) {
    appliers.emplace_back([&, who, own = std::shared_ptr<Provider>(bench().Connect())] {
      for (int i = 0; i < 20; ++i) {
        // One that everybody writes and one of his own.
        const auto both =
            std::vector{T("doc:all#get@person:p" + std::to_string(i)),
                        T("doc:" + std::to_string(who) + "#get@person:p" + std::to_string(i))};
        if (!own->Apply({}, both).ok()) ++failed;
      }
    });
  }
  for (auto& applier : appliers) applier.join();
  EXPECT_EQ(failed, 0);
  EXPECT_THAT(Stored(), SizeIs(20 + kAppliers * 20));
}

TEST_P(ProviderContract, WhatWasAppliedSurvivesACrash) {
  Publish(Library());
  const auto t = T("doc:1#get@person:a");
  Apply({}, {t});
  bench().Crash();
  EXPECT_EQ(Decides(t), "yes");
  Apply({}, {T("doc:2#get@person:a")});
  EXPECT_THAT(Stored(), SizeIs(2));
}

TEST_P(ProviderContract, AnExplanationIsOfTheSameOutcome) {
  Publish(Library());
  Apply({}, Ts({"doc:1#get@person:a"}));
  const auto explained = provider().Explain(T("doc:1#get@person:a"), {});
  if (!provider().capabilities().explain) {
    ASSERT_FALSE(explained.ok());
    EXPECT_EQ(explained.error().code, ErrorCode::kUnimplemented);
    return;
  }
  ASSERT_TRUE(explained.ok()) << explained.error().message;
  EXPECT_EQ(TextOf(explained->outcome), "yes");
  EXPECT_FALSE(explained->proof.empty());
}

TEST_P(ProviderContract, ItIsWell) { EXPECT_EQ(provider().health(), Health::kOk); }

}  // namespace pemba::provider::testing
