// The answers of match queries, and lists of answers that are known already.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pemba/reason/database.h"
#include "pemba/reason/internal/budget.h"
#include "pemba/reason/internal/execution.h"
#include "pemba/reason/internal/reasoner.h"
#include "pemba/reason/internal/snapshot.h"

namespace pemba::reason::internal {

// Inference in one transaction: what was inferred is kept for later queries.
struct InferenceState {
  InferenceState(const std::shared_ptr<const Snapshot>& of, ValuePool& values, Budget& budget);
  std::shared_ptr<const Snapshot> snapshot;
  Inferred inferred;
  World world;
  std::optional<Reasoner> reasoner;
  bool interrupted = false;  // A budget was spent half-way: not to be used any more.
};

// What a query reads; kept alive by its answers.
struct Source {
  std::shared_ptr<const Schema> schema;
  Facts facts;  // A copy, so that later writes of the transaction do not disturb.
  std::shared_ptr<ValuePool> values;
  std::shared_ptr<InferenceState> inference;  // Null without.
};

Concept MakeConcept(const World& world, VariableKind kind, Slot slot);

// Errors: those of resolving, kVariableOutOfScope, and kAggregateNotNumeric where types tell.
Result<std::unique_ptr<Answers>> MakeMatchAnswers(const syntax::Match& match, Source source,
                                                  const QueryOptions& options, const Clock& clock);

// All distinct bindings of `names` (those that the pattern has) in the matches of `patterns`.
struct MatchedRows {
  std::vector<std::string> names;
  std::vector<VariableKind> kinds;
  std::vector<std::vector<Slot>> rows;
};
Result<MatchedRows> CollectRows(const syntax::Patterns& patterns,
                                const std::vector<std::string>& names, const World& world);

class ListedAnswers final : public Answers {
 public:
  ListedAnswers(AnswerKind kind, std::vector<std::string> variables, std::vector<Answer> answers)
      : kind_(kind), variables_(std::move(variables)), answers_(std::move(answers)) {}
  AnswerKind kind() const override { return kind_; }
  const std::vector<std::string>& variables() const override { return variables_; }
  Result<std::optional<Answer>> Next() override {
    if (next_ == answers_.size()) return std::optional<Answer>();
    return std::optional<Answer>(std::move(answers_[next_++]));
  }

 private:
  AnswerKind kind_;
  std::vector<std::string> variables_;
  std::vector<Answer> answers_;
  std::size_t next_ = 0;
};

}  // namespace pemba::reason::internal
