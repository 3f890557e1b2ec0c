// Every scenario, small: what the generator calls the right answer is what the definition says, and
// what the engine says.
#include "pemba/bench/scenario.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/bench/engine_world.h"
#include "pemba/engine/testing/oracle.h"
#include "pemba/model/dsl.h"
#include "pemba/model/validation.h"
#include "pemba/tuple/context.h"

namespace pemba::bench {
namespace {

using engine::testing::Oracle;
using engine::testing::Truth;

constexpr WorldSize kSmall{.tuples = 2'000, .seed = 7};
constexpr int kQuestionsPerCase = 60;
constexpr std::uint64_t kOracleSteps = 2'000'000;

class EachScenario : public ::testing::TestWithParam<const ScenarioInfo*> {
 protected:
  std::unique_ptr<Scenario> scenario_ = GetParam()->make(kSmall);
};

std::vector<tuple::Tuple> TuplesOf(const Scenario& scenario) {
  std::vector<tuple::Tuple> tuples;
  scenario.EachTuple([&](const TupleOut& out) {
    tuple::Tuple tuple{std::string(out.tuple.object), std::string(out.tuple.relation),
                       std::string(out.tuple.subject), std::nullopt};
    if (!out.condition.empty()) {
      auto context = tuple::ParseContext(out.context);
      ASSERT_TRUE(context.ok()) << out.context;
      tuple.condition = tuple::Condition{std::string(out.condition), *std::move(context)};
    }
    tuples.push_back(std::move(tuple));
  });
  return tuples;
}

TEST_P(EachScenario, MakesAsManyTuplesAsAskedFor) {
  const auto tuples = TuplesOf(*scenario_);
  EXPECT_GE(tuples.size(), kSmall.tuples / 2);
  EXPECT_LE(tuples.size(), kSmall.tuples * 2);
  std::size_t bytes = 0;
  std::set<std::string> texts;
  for (const auto& tuple : tuples) {
    const auto text = tuple::ToText(tuple.view());
    bytes += text.size();
    EXPECT_TRUE(texts.insert(text).second) << text << " comes twice";
  }
  const auto mean = static_cast<double>(bytes) / static_cast<double>(tuples.size());
  EXPECT_GE(mean, 30);
  EXPECT_LE(mean, 60);
}

TEST_P(EachScenario, HasAValidModel) {
  const auto model = model::ModelFromDsl(scenario_->model());
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto valid = model::ValidateModel(*model);
  EXPECT_TRUE(valid.ok()) << valid.error().message;
}

TEST_P(EachScenario, IsTheSameForTheSameSeed) {
  const auto again = GetParam()->make(kSmall);
  EXPECT_EQ(TuplesOf(*scenario_), TuplesOf(*again));
  for (std::size_t i = 0; i < scenario_->cases().size(); ++i) {
    Random one(3), two(3);
    EXPECT_EQ(ToText(scenario_->Make(i, one)), ToText(again->Make(i, two)));
  }
}

// Asks the definition about single checks.
class Definition {
 public:
  explicit Definition(const Scenario& scenario)
      : model_(*model::ModelFromDsl(scenario.model())), oracle_(model_, TuplesOf(scenario)) {}

  void Verify(const Question& question) {
    Oracle::Question asked{.tuple = {question.object, question.relation, question.subject, {}},
                           .contextual_tuples = {},
                           .context = {}};
    if (!question.context.empty()) asked.context = *tuple::ParseContext(question.context);
    const auto verdict = oracle_.Check(asked, kOracleSteps);
    ASSERT_TRUE(verdict.has_value()) << ToText(question) << " takes the definition too long";
    ASSERT_NE(verdict->truth, Truth::kFailed) << ToText(question);
    EXPECT_EQ(verdict->truth == Truth::kTrue, question.answer == Decision::kAllowed)
        << ToText(question);
  }

 private:
  const model::Model model_;
  Oracle oracle_;
};

TEST_P(EachScenario, KnowsTheRightAnswers) {
  const auto world = EngineWorld::Make(*scenario_);
  ASSERT_TRUE(world.ok()) << world.error().message;
  Definition definition(*scenario_);
  const auto cases = scenario_->cases();
  int checks = 0, allowed = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    Random random(11);
    Asker asker(**world, cases[i].hops);
    for (int n = 0; n < kQuestionsPerCase; ++n) {
      auto question = scenario_->Make(i, random);
      std::vector<Question> singles = question.batch;
      if (question.ask == Ask::kCheck) singles.push_back(question);
      for (const auto& single : singles) {
        ASSERT_EQ(single.ask, Ask::kCheck);
        ++checks;
        allowed += single.answer == Decision::kAllowed ? 1 : 0;
        if (n >= kQuestionsPerCase / 4) continue;
        ASSERT_NO_FATAL_FAILURE(definition.Verify(single));
      }
      const auto prepared = Prepared::Make(std::move(question));
      ASSERT_TRUE(prepared.ok()) << prepared.error().message;
      ASSERT_EQ(asker.Ask(*prepared), Asker::Answer::kRight) << asker.Describe(*prepared);
    }
  }
  if (checks > 0) {
    EXPECT_GT(allowed, checks * 3 / 10) << "about half of the questions are denials";
    EXPECT_LT(allowed, checks * 7 / 10);
  }
}

std::vector<const ScenarioInfo*> All() {
  std::vector<const ScenarioInfo*> all;
  for (const auto& info : Scenarios()) all.push_back(&info);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, EachScenario, ::testing::ValuesIn(All()),
                         [](const auto& about) { return std::string(about.param->name); });

// A wrong answer is noticed: the comparison above can fail.
TEST(Asker, NoticesAWrongAnswer) {
  const auto scenario = Scenarios().front().make(kSmall);
  const auto world = EngineWorld::Make(*scenario);
  ASSERT_TRUE(world.ok());
  Asker asker(**world, 25);
  Random random(1);
  for (int n = 0; n < 10; ++n) {
    auto question = scenario->Make(0, random);
    question.answer =
        question.answer == Decision::kAllowed ? Decision::kDenied : Decision::kAllowed;
    const auto prepared = Prepared::Make(std::move(question));
    EXPECT_EQ(asker.Ask(*prepared), Asker::Answer::kWrong);
    EXPECT_THAT(asker.Describe(*prepared), ::testing::HasSubstr("check document:d"));
  }
}

TEST(FindScenarios, TakesNamesInAnyCase) {
  const auto two = FindScenarios("s1,S3");
  ASSERT_TRUE(two.ok());
  ASSERT_EQ(two->size(), 2u);
  EXPECT_EQ((*two)[1]->name, "S3");
  EXPECT_EQ(FindScenarios("all")->size(), Scenarios().size());
  const auto none = FindScenarios("S1,S99");
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, ::testing::HasSubstr("no scenario `S99`; there are S1, S2"));
}

TEST(ParseSize, UnderstandsUnits) {
  EXPECT_EQ(*ParseSize("10k"), 10'000u);
  EXPECT_EQ(*ParseSize("10M"), 10'000'000u);
  EXPECT_EQ(*ParseSize("2500"), 2'500u);
  for (const char* text : {"", "0", "k", "-1", "1g", "10kk", "99999999999", "2000m"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
  EXPECT_EQ(SizeText(10'000'000), "10m");
  EXPECT_EQ(SizeText(2'500), "2500");
}

}  // namespace
}  // namespace pemba::bench
