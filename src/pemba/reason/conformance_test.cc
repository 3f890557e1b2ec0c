// The acceptance cases of the reasoning layer: queries, behaviour, explanations and errors.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/reason/database.h"
#include "pemba/reason/parser.h"
#include "pemba/reason/problem.h"
#include "pemba/reason/testing/acceptance.h"
#include "pemba/reason/testing/proof_verifier.h"

namespace pemba::reason::testing {
namespace {

class Conformance : public ::testing::Test {
 protected:
  void SetUp() override {
    acceptance_ = LoadAcceptance();
    if (!acceptance_) GTEST_SKIP() << "SKIP: " << ConformanceFolder() << " is not there";
  }

  static void Write(Database& database, TransactionKind kind,
                    const std::vector<std::string>& texts) {
    auto transaction = database.Begin(kind);
    ASSERT_TRUE(transaction.ok());
    for (const std::string& text : texts) {
      const auto ran = (*transaction)->RunAll(text);
      ASSERT_TRUE(ran.ok()) << ran.error().message << "\n" << text.substr(0, 200);
    }
    const Status committed = (*transaction)->Commit();
    ASSERT_TRUE(committed.ok()) << committed.error().message;
  }

  std::unique_ptr<Database> Load(const std::string& name) {
    const Dataset& dataset = acceptance_->datasets.at(name);
    auto database = Database::Open({});
    EXPECT_TRUE(database.ok());
    Write(**database, TransactionKind::kSchemaWrite, dataset.schema);
    Write(**database, TransactionKind::kWrite, dataset.data);
    return *std::move(database);
  }

  // Loaded once for all cases that only read.
  Database& Shared(const std::string& name) {
    auto& database = shared_[name];
    if (database == nullptr) database = Load(name);
    return *database;
  }

  std::optional<Acceptance> acceptance_;
  std::map<std::string, std::unique_ptr<Database>> shared_;
};

std::string TextOf(const Concept& shown) {
  if (!shown.value) return shown.form == Concept::Form::kType ? shown.label : "a thing";
  if (const auto* text = std::get_if<std::string>(&*shown.value)) return *text;
  return ToText(*shown.value);
}

double NumberOf(const std::optional<Value>& value) {
  if (!value) return std::nan("");
  if (const auto* number = std::get_if<std::int64_t>(&*value)) return static_cast<double>(*number);
  return std::get<double>(*value);
}

std::vector<Answer> All(Answers& answers) {
  std::vector<Answer> all;
  while (true) {
    auto next = answers.Next();
    EXPECT_TRUE(next.ok()) << next.error().message;
    if (!next.ok() || !*next) return all;
    all.push_back(**std::move(next));
  }
}

QueryOptions With(bool infer) { return {.inference = infer ? Inference::kOn : Inference::kOff}; }

void Expect(const QueryCase& one, Answers& answers) {
  const std::vector<Answer> all = All(answers);
  if (one.answer_count) {
    EXPECT_EQ(all.size(), *one.answer_count);
  }
  if (one.aggregate) {
    ASSERT_EQ(all.size(), 1U);
    EXPECT_DOUBLE_EQ(NumberOf(all[0].number), *one.aggregate);
  }
  if (one.groups) {
    std::map<std::string, double> groups;
    for (const Answer& answer : all) groups[TextOf(*answer.owner)] = NumberOf(answer.number);
    EXPECT_EQ(groups, *one.groups);
  }
  if (!one.rows) return;
  std::vector<Row> rows;
  for (const Answer& answer : all) {
    Row row;
    for (const std::string& variable : one.vars) {
      const auto& names = answers.variables();
      const auto at = std::find(names.begin(), names.end(), variable) - names.begin();
      ASSERT_LT(static_cast<std::size_t>(at), answer.concepts.size()) << variable;
      row.push_back(TextOf(answer.concepts[static_cast<std::size_t>(at)]));
    }
    rows.push_back(std::move(row));
  }
  std::vector<Row> want = *one.rows;
  if (!one.ordered) {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    std::sort(want.begin(), want.end());
  }
  EXPECT_EQ(rows, want);
}

TEST_F(Conformance, AnswersEveryQuery) {
  EXPECT_EQ(acceptance_->queries.size(), 129U);
  for (const QueryCase& one : acceptance_->queries) {
    SCOPED_TRACE(one.id + ": " + one.title);
    std::unique_ptr<Database> own;
    if (!one.setup.empty()) {
      own = Load(one.dataset);
      Write(*own, TransactionKind::kWrite, one.setup);
    }
    Database& database = own != nullptr ? *own : Shared(one.dataset);
    auto reading = database.Begin(TransactionKind::kRead);
    ASSERT_TRUE(reading.ok());
    auto answers = (*reading)->Run(one.query, With(one.infer));
    ASSERT_TRUE(answers.ok()) << answers.error().message;
    Expect(one, **answers);
  }
}

TEST_F(Conformance, BehavesAsDescribed) {
  for (const BehaviourCase& one : acceptance_->behaviour) {
    SCOPED_TRACE(one.id + ": " + one.title);
    const auto database = Load(one.dataset);
    for (const BehaviourStep& step : one.steps) {
      const TransactionKind kind = step.transaction == "read"    ? TransactionKind::kRead
                                   : step.transaction == "write" ? TransactionKind::kWrite
                                                                 : TransactionKind::kSchemaWrite;
      auto transaction = database->Begin(kind);
      ASSERT_TRUE(transaction.ok());
      auto answers = (*transaction)->RunAll(step.query, With(step.infer));
      ASSERT_TRUE(answers.ok()) << answers.error().message;
      const std::vector<Answer> all = All(**answers);
      if (step.inserted_answers) {
        EXPECT_EQ(all.size(), *step.inserted_answers);
      }
      if (step.aggregate) {
        ASSERT_EQ(all.size(), 1U);
        EXPECT_DOUBLE_EQ(NumberOf(all[0].number), *step.aggregate);
      }
      if (step.commit) {
        const Status committed = (*transaction)->Commit();
        EXPECT_TRUE(committed.ok()) << committed.error().message;
      }
    }
  }
}

// `$x` of the query is `$y` of the rule if the conclusion uses `$y` and both are bound to the same.
void ExpectMapping(const ExplanationCase& one, const std::vector<std::string>& names,
                   const Answer& answer, const Explanation& explanation) {
  for (const auto& [variable, want] : one.variable_mapping) {
    const auto at = std::find(names.begin(), names.end(), variable) - names.begin();
    const Concept& shown = answer.concepts[static_cast<std::size_t>(at)];
    std::vector<std::string> mapped;
    for (const std::string& name : explanation.conclusion_variables) {
      for (const BoundVariable& bound : explanation.bindings) {
        if (bound.name == name && bound.bound == shown) mapped.push_back(name);
      }
    }
    if (mapped.empty() && shown.thing == explanation.conclusion.thing) mapped.push_back("_");
    EXPECT_EQ(mapped, want) << variable;
  }
}

TEST_F(Conformance, ExplainsWhatItInferred) {
  for (const ExplanationCase& one : acceptance_->explanations) {
    SCOPED_TRACE(one.id + ": " + one.title);
    std::unique_ptr<Database> own;
    if (!one.setup.empty()) {
      own = Load(one.dataset);
      Write(*own, TransactionKind::kWrite, one.setup);
    }
    Database& database = own != nullptr ? *own : Shared(one.dataset);
    auto reading = database.Begin(TransactionKind::kRead);
    QueryOptions options = With(true);
    options.explaining = Explaining::kOn;
    auto answers = (*reading)->Run(one.query, options);
    ASSERT_TRUE(answers.ok()) << answers.error().message;
    const std::vector<Answer> all = All(**answers);
    ASSERT_FALSE(all.empty());
    std::map<std::string, std::size_t> rules;
    bool explainable = false;
    for (const Answer& answer : all) {
      for (const Explainable& what : answer.explainables) {
        if (what.variable != one.explain || !what.attribute.empty()) continue;
        explainable = true;
        auto explanations = (*reading)->Explain(what.fact);
        ASSERT_TRUE(explanations.ok()) << explanations.error().message;
        for (const Explanation& explanation : *explanations) {
          ++rules[explanation.rule];
          ExpectMapping(one, (*answers)->variables(), answer, explanation);
          for (const auto& [variable, name] : one.condition_includes) {
            bool found = false;
            for (const BoundVariable& bound : explanation.bindings) {
              found = found || bound.name == variable;
            }
            EXPECT_TRUE(found) << variable << " is not bound";
            const auto holds =
                std::any_of(explanation.premises.begin(), explanation.premises.end(),
                            [&, &name = name](const Fact& fact) {
                              return fact.is_ownership() &&
                                     TextOf((*reading)->Describe(fact.attribute)) == name;
                            });
            EXPECT_TRUE(holds) << variable << " has not " << name;
          }
        }
        auto proof = (*reading)->Prove(what.fact);
        ASSERT_TRUE(proof.ok()) << proof.error().message;
        EXPECT_EQ(VerifyProof(*proof, **reading), "");
      }
      if (explainable) break;
    }
    EXPECT_EQ(explainable, one.explainable);
    if (one.explainable) {
      EXPECT_EQ(rules, one.rules);
    }
  }
}

TEST_F(Conformance, RefusesWhatIsWrong) {
  for (const ErrorCase& one : acceptance_->errors) {
    SCOPED_TRACE(one.id + ": " + one.title);
    const TransactionKind kind = one.transaction == "read"    ? TransactionKind::kRead
                                 : one.transaction == "write" ? TransactionKind::kWrite
                                                              : TransactionKind::kSchemaWrite;
    auto transaction = Shared(one.dataset).Begin(kind);
    std::optional<Error> error;
    std::string when = "query";
    if (const auto parsed = ParseQueries(one.query); !parsed.ok()) {
      error = parsed.error();
      when = "parse";
    }
    if (!error) {
      auto answers = (*transaction)->RunAll(one.query);
      if (!answers.ok()) error = answers.error();
      while (!error) {
        auto next = (*answers)->Next();
        if (!next.ok()) error = next.error();
        if (!next.ok() || !*next) break;
      }
    }
    if (!error && kind != TransactionKind::kRead && !one.error.empty()) {
      when = "commit";
      const Status committed = (*transaction)->Commit();
      if (!committed.ok()) error = committed.error();
    }
    if (one.error.empty()) {
      EXPECT_FALSE(error.has_value()) << error->message;
      continue;
    }
    ASSERT_TRUE(error.has_value());
    const auto problem = ProblemOf(*error);
    ASSERT_TRUE(problem.has_value()) << error->message;
    EXPECT_EQ(std::string(Name(*problem)), one.error) << error->message;
    if (one.when == "parse") {
      EXPECT_EQ(when, "parse");
    }
    if (one.when == "query" || one.when == "define") {
      EXPECT_NE(when, "commit");
    }
  }
}

}  // namespace
}  // namespace pemba::reason::testing
