#include "pemba/reason/testing/proof_verifier.h"

#include <algorithm>

namespace pemba::reason::testing {
namespace {

class Verifier {
 public:
  Verifier(const Schema& schema, const Model& persisted, const Model* all)
      : schema_(schema), persisted_(persisted), all_(all) {}

  // The fact becomes part of `known`, if it is proved.
  std::string Verify(const Proof& proof, Model& known) {
    if (!proof.step) return IsPersisted(proof.fact) ? "" : "a leaf is not persisted";
    Model here = persisted_;
    for (const Proof& premise : proof.premises) {
      if (std::string wrong = Verify(premise, here); !wrong.empty()) return wrong;
    }
    const Explanation& step = *proof.step;
    const Rule* rule = schema_.FindRule(step.rule);
    if (rule == nullptr) return "there is no rule `" + step.rule + "`";
    if (step.premises.size() != proof.premises.size()) return "premises are missing";

    Binding binding;
    for (const BoundVariable& bound : step.bindings) {
      ModelValue value;
      switch (bound.bound.form) {
        case Concept::Form::kThing:
          value.id = bound.bound.thing;
          break;
        case Concept::Form::kType:
          value.form = ModelValue::Form::kType;
          value.id = bound.bound.type;
          break;
        case Concept::Form::kValue:
          value.form = ModelValue::Form::kValue;
          value.value = *bound.bound.value;
      }
      if (value.form == ModelValue::Form::kThing && here.things.count(value.id) == 0) {
        // An attribute or relation that no premise proves: negations cannot introduce it.
        return "`" + bound.name + "` of `" + step.rule + "` is bound to what no premise proves";
      }
      binding[bound.name] = value;
    }
    syntax::Patterns condition = rule->definition->when;
    if (all_ == nullptr) DropNegations(condition);
    if (Solve(condition, here, schema_, binding, all_).empty()) {
      return "the condition of `" + step.rule + "` does not hold";
    }
    // An inferred attribute exists because somebody owns it.
    const bool by_owner = !proof.fact.is_ownership() && step.conclusion.is_ownership();
    if (by_owner ? step.conclusion.attribute != proof.fact.thing : step.conclusion != proof.fact) {
      return "`" + step.rule + "` is said to conclude something else";
    }
    return Conclude(*rule, binding, step.conclusion, here, known);
  }

 private:
  bool IsPersisted(const Fact& fact) const {
    const auto found = persisted_.things.find(fact.thing);
    return found != persisted_.things.end() &&
           (!fact.is_ownership() || found->second.owned.count(fact.attribute) != 0);
  }

  static void DropNegations(syntax::Patterns& patterns) {
    std::erase_if(patterns, [](const syntax::Pattern& pattern) {
      return std::holds_alternative<syntax::Negation>(pattern.node);
    });
  }

  std::string Conclude(const Rule& rule, const Binding& binding, const Fact& fact, Model here,
                       Model& known) {
    // An inferred attribute keeps the number that the engine gave it.
    const ThingId number = fact.is_ownership() ? fact.attribute : fact.thing;
    if (!fact.is_ownership() && rule.definition->then.players.empty()) {
      return "`" + rule.label + "` concludes no such thing";
    }
    const bool existed = here.things.count(number) != 0;
    if (!fact.is_ownership() && existed) return "the conclusion is its own premise";
    if (ConcludeInModel(rule, binding, schema_, here, number) != Added::kYes) {
      return "`" + rule.label + "` concludes nothing new";
    }
    const auto thing = here.things.find(fact.thing);
    if (thing == here.things.end() ||
        (fact.is_ownership() && thing->second.owned.count(fact.attribute) == 0)) {
      return "`" + rule.label + "` concludes something else";
    }
    if (all_ != nullptr && !fact.is_ownership()) {
      // By name: the model has numbers of its own.
      bool found = false;
      const std::string name = here.NameOf(fact.thing, schema_);
      for (const auto& [id, other] : all_->things) {
        found = found || (other.inferred && all_->NameOf(id, schema_) == name);
      }
      if (!found) return "the least model does not have " + name;
    }
    // What was proved on the way is known, too: the conclusion may be about it.
    for (const auto& [id, proved] : here.things) {
      ModelThing& merged = known.things.try_emplace(id, proved).first->second;
      merged.owned.insert(proved.owned.begin(), proved.owned.end());
    }
    return "";
  }

  const Schema& schema_;
  const Model& persisted_;
  const Model* all_;
};

}  // namespace

std::string VerifyProof(const Proof& proof, const Schema& schema, const Model& persisted,
                        const Model* all) {
  Model known = persisted;
  return Verifier(schema, persisted, all).Verify(proof, known);
}

std::string VerifyProof(const Proof& proof, Transaction& transaction) {
  return VerifyProof(proof, transaction.schema(), LoadModel(transaction), nullptr);
}

}  // namespace pemba::reason::testing
