// The schema and the data that come with the program answer as the published ones do.
#include "pemba/reason/samples.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/reason/database.h"
#include "pemba/reason/testing/acceptance.h"

namespace pemba::reason {
namespace {

using Texts = std::vector<std::string>;

void Write(Database& database, TransactionKind kind, const Texts& texts) {
  if (texts.empty()) return;
  auto transaction = *database.Begin(kind);
  for (const auto& text : texts) {
    const auto ran = transaction->RunAll(text);
    ASSERT_TRUE(ran.ok()) << ran.error().message << "\n" << text.substr(0, 300);
  }
  const auto committed = transaction->Commit();
  ASSERT_TRUE(committed.ok()) << committed.error().message;
}

std::unique_ptr<Database> Load(const Texts& schema, const Texts& data, const Texts& setup) {
  auto database = *Database::Open({});
  Write(*database, TransactionKind::kSchemaWrite, schema);
  Write(*database, TransactionKind::kWrite, data);
  Write(*database, TransactionKind::kWrite, setup);
  return database;
}

std::string TextOf(const Concept& shown) {
  if (shown.value) return ToText(*shown.value);
  return (shown.form == Concept::Form::kType ? "" : "a ") + shown.label;
}

// The rows of all answers, sorted: things by their type alone, because their numbers are nobody's
// business.
Texts AnswersOf(Database& database, const testing::QueryCase& one) {
  auto transaction = *database.Begin(TransactionKind::kRead);
  QueryOptions options;
  options.inference = one.infer ? Inference::kOn : Inference::kOff;
  auto answers = transaction->Run(one.query, options);
  if (!answers.ok()) {
    ADD_FAILURE() << answers.error().message;
    return {};
  }
  Texts rows;
  while (true) {
    const auto answer = (*answers)->Next();
    if (!answer.ok()) {
      ADD_FAILURE() << answer.error().message;
      return rows;
    }
    if (!*answer) break;
    std::string row;
    if ((*answer)->owner) row += TextOf(*(*answer)->owner) + ": ";
    for (const auto& shown : (*answer)->concepts) row += TextOf(shown) + " | ";
    if ((*answer)->number) row += ToText(*(*answer)->number);
    rows.push_back(std::move(row));
  }
  if (!one.ordered) std::sort(rows.begin(), rows.end());
  return rows;
}

TEST(IamSample, AnswersAsThePublishedSchemaDoes) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "SKIP: the conformance files are not here";
  const Sample& sample = *FindSample("iam");
  int compared = 0;
  for (const auto& one : all->queries) {
    if (one.dataset == "examples-2x") continue;  // Another schema.
    SCOPED_TRACE(one.id + " " + one.title);
    const auto& dataset = all->datasets.at(one.dataset);
    const Texts data = one.dataset == "seed-era" ? Texts{std::string(sample.data)} : dataset.data;
    const auto theirs = Load(dataset.schema, dataset.data, one.setup);
    const auto ours = Load({std::string(sample.schema)}, data, one.setup);
    EXPECT_EQ(AnswersOf(*ours, one), AnswersOf(*theirs, one));
    ++compared;
  }
  EXPECT_GE(compared, 80);
}

TEST(IamSample, ExplainsAsThePublishedSchemaDoes) {
  const auto all = testing::LoadAcceptance();
  if (!all) GTEST_SKIP() << "SKIP: the conformance files are not here";
  const Sample& sample = *FindSample("iam");
  int compared = 0;
  for (const auto& one : all->explanations) {
    if (one.dataset == "examples-2x" || !one.explainable) continue;
    SCOPED_TRACE(one.id + " " + one.title);
    const auto& dataset = all->datasets.at(one.dataset);
    const Texts data = one.dataset == "seed-era" ? Texts{std::string(sample.data)} : dataset.data;
    const auto database = Load({std::string(sample.schema)}, data, one.setup);
    auto transaction = *database->Begin(TransactionKind::kRead);
    auto answers =
        *transaction->Run(one.query, {.inference = Inference::kOn, .explaining = Explaining::kOn});
    const auto answer = *answers->Next();
    ASSERT_TRUE(answer.has_value());
    std::map<std::string, std::size_t> rules;
    for (const auto& explainable : answer->explainables) {
      if (explainable.variable != one.explain || !explainable.attribute.empty()) continue;
      const auto explanations = transaction->Explain(explainable.fact);
      ASSERT_TRUE(explanations.ok()) << explanations.error().message;
      for (const auto& explanation : *explanations) ++rules[explanation.rule];
    }
    EXPECT_EQ(rules, one.rules);
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}

// ---- What only the sample has ----

std::string Only(Database& database, const std::string& query) {
  testing::QueryCase one;
  one.query = query;
  one.infer = true;
  std::string text;
  for (const auto& row : AnswersOf(database, one)) text += row + "\n";
  return text;
}

constexpr const char* kOrders = R"(
insert
$amos isa person, has full-name "Amos", has email "amos@example.com";
$filip isa person, has full-name "Filip", has email "filip@example.com";
$order isa record, has number "MCRN-02";
$submit isa operation, has action-name "submit";
$approve isa operation, has action-name "approve";
$may-submit (accessed-object: $order, valid-action: $submit) isa access;
$may-approve (accessed-object: $order, valid-action: $approve) isa access;
(permitted-subject: $amos, permitted-access: $may-submit) isa permission, has review-date 2024-01-31;
(permitted-subject: $amos, permitted-access: $may-approve) isa permission;
(permitted-subject: $filip, permitted-access: $may-submit) isa permission, has review-date 2025-06-30;
(permitted-subject: $filip, permitted-access: $may-approve) isa permission;
(recorded-subject: $filip, recorded-access: $may-submit) isa access-history,
    has access-time 2023-05-16T11:20:38;
(requesting-subject: $amos, requested-subject: $filip, requested-change: $may-approve)
    isa change-request, has request-time 2023-05-17, has request-status "pending";
)";
constexpr const char* kPolicy = R"(
match
$submit isa operation, has action-name "submit";
$approve isa operation, has action-name "approve";
insert
(segregated-action: $submit, segregated-action: $approve) isa KIND, has policy-name "four eyes";
)";
constexpr const char* kInvalid =
    "match $p (permitted-subject: $s, permitted-access: $ac) isa permission, has validity false; "
    "$s has full-name $n; $ac (valid-action: $a) isa access; $a has action-name $an; get $n, $an;";
constexpr const char* kViolations =
    "match (violating-subject: $s) isa segregation-violation; $s has full-name $n; get $n;";

std::unique_ptr<Database> Orders(const std::string& kind) {
  std::string policy = kPolicy;
  policy.replace(policy.find("KIND"), 4, kind);
  return Load({std::string(FindSample("iam")->schema)}, {kOrders}, {policy});
}

TEST(IamSample, TellsStaticFromDynamicSegregation) {
  // Whoever holds both permissions violates a static policy, and so does one of no kind.
  for (const char* kind : {"static-segregation-policy", "segregation-policy"}) {
    SCOPED_TRACE(kind);
    const auto database = Orders(kind);
    EXPECT_EQ(Only(*database, kViolations), "\"Amos\" | \n\"Filip\" | \n");
    EXPECT_EQ(Only(*database, kInvalid),
              "\"Amos\" | \"approve\" | \n\"Amos\" | \"submit\" | \n\"Filip\" | \"approve\" | \n"
              "\"Filip\" | \"submit\" | \n");
  }
  // A dynamic one forbids what is left to whoever did the other.
  const auto database = Orders("dynamic-segregation-policy");
  EXPECT_EQ(Only(*database, kViolations), "");
  EXPECT_EQ(Only(*database, kInvalid), "\"Filip\" | \"approve\" | \n");
}

TEST(IamSample, KnowsReviewsAndRequests) {
  const auto database = Orders("segregation-policy");
  EXPECT_EQ(Only(*database,
                 "match (permitted-subject: $s) isa permission, has review-date < 2024-06-01; "
                 "$s has full-name $n; get $n;"),
            "\"Amos\" | \n");
  EXPECT_EQ(
      Only(*database,
           "match (requested-subject: $s) isa change-request, has request-status \"pending\"; "
           "$s has full-name $n; get $n;"),
      "\"Filip\" | \n");
  auto transaction = *database->Begin(TransactionKind::kWrite);
  const auto wrong =
      transaction->RunAll("match $r isa change-request; insert $r has request-status \"lost\";");
  EXPECT_EQ(ProblemOf(wrong.error()), Problem::kRegexViolation) << wrong.error().message;
}

}  // namespace
}  // namespace pemba::reason
