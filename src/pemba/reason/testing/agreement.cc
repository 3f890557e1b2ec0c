#include "pemba/reason/testing/agreement.h"

#include <algorithm>
#include <set>
#include <vector>

#include "pemba/reason/parser.h"
#include "pemba/reason/problem.h"
#include "pemba/reason/testing/model.h"
#include "pemba/reason/testing/proof_verifier.h"
#include "pemba/reason/testing/random_reasoning.h"

namespace pemba::reason::testing {
namespace {

using Rows = std::multiset<std::vector<std::string>>;

// The name that Model::NameOf gives the same thing.
std::string NameOf(Transaction& transaction, ThingId thing) {
  if (!IsInferred(thing)) return "#" + std::to_string(thing);
  const Concept shown = transaction.Describe(thing);
  if (shown.value) return shown.label + " " + ToText(*shown.value);
  std::multiset<std::string> parts;
  for (const auto& [role, player] : transaction.Players(thing)) {
    parts.insert("(" + transaction.schema().Get(role).label + ":" + NameOf(transaction, player) +
                 ")");
  }
  std::string name = shown.label;
  for (const std::string& part : parts) name += part;
  return name;
}

std::string NameOf(const Model& model, const Schema& schema, const ModelValue& value) {
  if (value.form == ModelValue::Form::kValue) return ToText(value.value);
  if (value.form == ModelValue::Form::kType) return schema.Get(value.id).label;
  return model.NameOf(value.id, schema);
}

std::string NameOf(Transaction& transaction, const Concept& shown) {
  if (shown.form == Concept::Form::kValue) return ToText(*shown.value);
  if (shown.form == Concept::Form::kType) return shown.label;
  return NameOf(transaction, shown.thing);
}

std::string ToText(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (const std::string& cell : row) text += cell + " | ";
    text += "\n";
  }
  return text;
}

// Refusals after which the definition must have no answer: no types fit.
bool MeansNothingFits(Problem problem) {
  return problem == Problem::kIncoherentPattern || problem == Problem::kIncomparable ||
         problem == Problem::kRoleNotFound;
}

class WorldComparison {
 public:
  WorldComparison(std::uint64_t seed, int query_count)
      : world_(RandomReasoningWorld(seed, query_count)),
        reading_(*world_.database->Begin(TransactionKind::kRead)) {
    base_ = LoadModel(*reading_);
    least_ = LeastModel(base_, reading_->schema());
    result_.inferred =
        least_.things.size() - base_.things.size() + least_.inferred_ownerships.size();
  }

  AgreementResult Run() {
    for (const std::string& query : world_.queries) {
      for (const Inference inference : {Inference::kOff, Inference::kOn}) {
        if (inference == Inference::kOff && result_.agreements % 4 != 0) continue;
        Compare(query, inference);
        if (!result_.disagreement.empty()) {
          result_.disagreement = world_.schema + world_.data + result_.disagreement;
          return result_;
        }
      }
    }
    return result_;
  }

 private:
  void Fail(const std::string& query, Inference inference, const std::string& what) {
    result_.disagreement =
        query + (inference == Inference::kOn ? "\n(inferring)\n" : "\n(not inferring)\n") + what;
  }

  void Compare(const std::string& text, Inference inference) {
    const auto query = ParseQuery(text);
    if (!query.ok()) {
      ++result_.refused;
      return;
    }
    const auto& match = std::get<syntax::Match>((*query).node);
    const Model& model = inference == Inference::kOn ? least_ : base_;
    QueryOptions options{.inference = inference};
    // Questions of one kind in a fresh transaction: goals depend on what was asked before.
    if (result_.agreements % 2 == 0) reading_ = *world_.database->Begin(TransactionKind::kRead);
    options.explaining = Explaining::kOn;
    auto answers = reading_->Run(*query, options);
    if (!answers.ok()) {
      const auto problem = ProblemOf(answers.error());
      // A branch or a negation in which nothing fits is refused as well, and says nothing about
      // the whole.
      const bool nested = std::any_of(
          match.patterns.begin(), match.patterns.end(), [](const syntax::Pattern& pattern) {
            return std::holds_alternative<syntax::Disjunction>(pattern.node) ||
                   std::holds_alternative<syntax::Negation>(pattern.node);
          });
      if (problem && MeansNothingFits(*problem) && !nested) {
        if (!Solve(match.patterns, model, reading_->schema()).empty()) {
          return Fail(text, inference, "refused: " + answers.error().message);
        }
        ++result_.agreements;
        return;
      }
      if (!problem) return Fail(text, inference, answers.error().message);
      ++result_.refused;
      return;
    }
    Rows got;
    std::vector<Answer> kept;
    while (true) {
      auto next = (*answers)->Next();
      if (!next.ok()) return Fail(text, inference, next.error().message);
      if (!*next) break;
      std::vector<std::string> row;
      for (const Concept& shown : (*next)->concepts) row.push_back(NameOf(*reading_, shown));
      got.insert(std::move(row));
      if (kept.size() < 2 && !(*next)->explainables.empty()) kept.push_back(**next);
    }
    std::set<std::vector<std::string>> distinct;
    for (const Binding& binding : Solve(match.patterns, model, reading_->schema())) {
      std::vector<std::string> row;
      for (const std::string& variable : (*answers)->variables()) {
        row.push_back(NameOf(model, reading_->schema(), binding.at(variable)));
      }
      distinct.insert(std::move(row));
    }
    const Rows want(distinct.begin(), distinct.end());
    if (got != want) {
      return Fail(text, inference, "got:\n" + ToText(got) + "want:\n" + ToText(want));
    }
    ++result_.agreements;
    if (!want.empty()) ++result_.nonempty;
    for (const Answer& answer : kept) Explain(text, answer);
  }

  void Explain(const std::string& query, const Answer& answer) {
    const Fact fact = answer.explainables.front().fact;
    const auto proof = reading_->Prove(fact);
    if (!proof.ok()) return Fail(query, Inference::kOn, proof.error().message);
    const std::string wrong = VerifyProof(*proof, reading_->schema(), base_, &least_);
    if (!wrong.empty()) {
      return Fail(query, Inference::kOn, "proof of " + reading_->Describe(fact) + ": " + wrong);
    }
    ++result_.proofs;
    if (!fact.is_ownership() && answer.explainables.front().attribute.empty() &&
        reading_->schema().Get(reading_->Describe(fact.thing).type).kind == Kind::kRelation) {
      CountExplanations(query, fact);
    }
  }

  // Each rule and binding that concludes the relation, in the definition and by the engine.
  void CountExplanations(const std::string& query, const Fact& fact) {
    const auto explanations = reading_->Explain(fact, {.explanations_max = 1'000'000});
    if (!explanations.ok()) return Fail(query, Inference::kOn, explanations.error().message);
    const std::string name = NameOf(*reading_, fact.thing);
    std::size_t want = 0;
    for (const Rule& rule : reading_->schema().rules()) {
      if (rule.definition->then.players.empty()) continue;
      std::set<Binding> distinct;
      for (const Binding& binding : Solve(rule.definition->when, least_, reading_->schema())) {
        const ModelThing concluded = ConcludedBy(rule, binding, reading_->schema());
        if (least_.NameOfInferred(concluded, reading_->schema()) == name) distinct.insert(binding);
      }
      want += distinct.size();
    }
    if (want != (*explanations).size()) {
      return Fail(query, Inference::kOn,
                  name + " has " + std::to_string((*explanations).size()) + " explanations, not " +
                      std::to_string(want));
    }
    result_.explanations += want;
  }

  ReasoningWorld world_;
  std::unique_ptr<Transaction> reading_;
  Model base_, least_;
  AgreementResult result_;
};

}  // namespace

AgreementResult CompareOnWorld(std::uint64_t seed, int query_count) {
  return WorldComparison(seed, query_count).Run();
}

}  // namespace pemba::reason::testing
