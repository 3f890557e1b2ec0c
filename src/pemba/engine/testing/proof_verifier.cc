#include "pemba/engine/testing/proof_verifier.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pemba::engine::testing {
namespace {

using model::Rewrite;
using model::RewriteKind;
using tuple::SubjectKind;
using State = ProofStep::State;

// `a or (b or c)` is `a or b or c`: proofs name no operators that make no difference.
void AddOperands(const Rewrite& rewrite, std::vector<const Rewrite*>& operands) {
  for (const auto& child : rewrite.children) {
    if (child.kind == rewrite.kind) {
      AddOperands(child, operands);
    } else {
      operands.push_back(&child);
    }
  }
}

std::vector<const Rewrite*> OperandsOf(const Rewrite& rewrite) {
  std::vector<const Rewrite*> operands;
  AddOperands(rewrite, operands);
  return operands;
}

class Verifier {
 public:
  Verifier(const model::Model& model, const std::vector<tuple::Tuple>& world,
           const Oracle::Question& question, const std::vector<ProofNode>& proof)
      : oracle_(model, {}), world_(world), question_(question), proof_(proof) {
    oracle_.Ask(question);
  }

  std::string Verify() {
    if (proof_.empty()) return "no proof";
    for (std::uint32_t i = 0; i < proof_.size(); ++i) {
      for (const auto& step : proof_[i].steps) {
        if (step.node && *step.node >= i) return "node " + std::to_string(i) + " looks ahead";
      }
      answers_.push_back(AnswersItsRelation(proof_[i]));
      hops_.push_back(HopsOf(proof_[i]));
    }
    const auto& root = proof_.back();
    if (root.object != question_.tuple.object || root.relation != question_.tuple.relation) {
      return "another question";
    }
    if (root.decision != Decision::kAllowed) return "not allowed";
    if (!answers_.back()) return "not a proof: " + wrong_;
    if (question_.hops_max != 0 && hops_.back() >= question_.hops_max) return "too many hops";
    return "";
  }

 private:
  // Whether the node shows what the whole relation comes to, not just a part of its rewrite.
  bool AnswersItsRelation(const ProofNode& node) {
    const auto type = std::string(tuple::SplitObject(node.object).type);
    const bool reflexive = question_.tuple.subject == node.object + "#" + node.relation;
    if (node.rule == ProofRule::kReflexive) return reflexive && node.decision == Decision::kAllowed;
    if (reflexive) return false;
    const bool reaches = oracle_.CanReach(type, node.relation);
    if (node.rule == ProofRule::kUnreachable) return !reaches && node.decision == Decision::kDenied;
    const auto* rewrite = oracle_.RewriteOf(type, node.relation);
    return reaches && rewrite != nullptr && Shows(node, *rewrite);
  }

  std::uint32_t HopsOf(const ProofNode& node) const {
    std::uint32_t hops = 0;
    for (const auto& step : node.steps) {
      if (step.node) hops = std::max(hops, hops_[*step.node] + (step.evidence ? 1 : 0));
    }
    return hops;
  }

  bool Wrong(const ProofNode& node, std::string_view why) {
    if (wrong_.empty()) wrong_ = node.object + "#" + node.relation + ": " + std::string(why);
    return false;
  }

  bool Shows(const ProofNode& node, const Rewrite& rewrite) {
    const bool allowed = node.decision == Decision::kAllowed;
    if (allowed && (node.rule == ProofRule::kCut || node.steps_cut != 0)) return false;
    if (node.rule == ProofRule::kCut) return true;
    for (const auto& step : node.steps) {
      if (step.evidence && !EvidenceIsRight(step)) return Wrong(node, "a tuple is not as stated");
    }
    switch (rewrite.kind) {
      case RewriteKind::kThis:
        return node.rule == ProofRule::kDirect &&
               (allowed ? DirectHolds(node) : DirectDoesNotHold(node));
      case RewriteKind::kTupleToUserset:
        return node.rule == ProofRule::kTupleToUserset &&
               (allowed ? ParentHolds(node, rewrite) : NoParentHolds(node, rewrite));
      case RewriteKind::kComputedUserset:
        return node.rule == ProofRule::kComputed && node.steps.size() == 1 &&
               Asks(node.steps[0], node.object, rewrite.relation, node.decision);
      case RewriteKind::kUnion:
        return node.rule == ProofRule::kUnion &&
               (allowed ? Some(node, rewrite) : All(node, rewrite));
      case RewriteKind::kIntersection:
        return node.rule == ProofRule::kIntersection &&
               (allowed ? All(node, rewrite) : Some(node, rewrite));
      case RewriteKind::kDifference:
        return node.rule == ProofRule::kDifference && DifferenceIs(node, rewrite);
      case RewriteKind::kUnset:
        break;
    }
    return false;
  }

  // The step's node answers object#relation so.
  bool Asks(const ProofStep& step, std::string_view object, std::string_view relation,
            Decision decision) {
    if (!step.node) return false;
    const auto& node = proof_[*step.node];
    return node.object == object && node.relation == relation && node.decision == decision &&
           (answers_[*step.node] ||
            (node.rule == ProofRule::kCut && decision == Decision::kDenied));
  }

  // The step's node shows that the operand of this very relation comes to `decision`.
  bool IsOperand(const ProofNode& parent, const ProofStep& step, const Rewrite& operand,
                 Decision decision) {
    if (!step.node || step.evidence) return false;
    const auto& node = proof_[*step.node];
    return node.object == parent.object && node.relation == parent.relation &&
           node.decision == decision && Shows(node, operand);
  }

  // One step, one operand: the one that decides a union that holds, an intersection that does not.
  bool Some(const ProofNode& node, const Rewrite& rewrite) {
    const auto operands = OperandsOf(rewrite);
    return node.steps.size() == 1 &&
           std::any_of(operands.begin(), operands.end(), [&](const auto* operand) {
             return IsOperand(node, node.steps[0], *operand, node.decision);
           });
  }

  bool All(const ProofNode& node, const Rewrite& rewrite) {
    const auto operands = OperandsOf(rewrite);
    if (node.steps.size() + node.steps_cut != operands.size()) return false;
    for (const auto& step : node.steps) {
      if (std::none_of(operands.begin(), operands.end(), [&](const auto* operand) {
            return IsOperand(node, step, *operand, node.decision);
          })) {
        return false;
      }
    }
    if (node.steps_cut != 0) return true;
    return std::all_of(operands.begin(), operands.end(), [&](const auto* operand) {
      return std::any_of(node.steps.begin(), node.steps.end(), [&](const auto& step) {
        return IsOperand(node, step, *operand, node.decision);
      });
    });
  }

  bool DifferenceIs(const ProofNode& node, const Rewrite& rewrite) {
    const auto& steps = node.steps;
    if (node.decision == Decision::kAllowed) {
      return steps.size() == 2 &&
             IsOperand(node, steps[0], rewrite.children[0], Decision::kAllowed) &&
             IsOperand(node, steps[1], rewrite.children[1], Decision::kDenied);
    }
    return steps.size() == 1 &&
           (IsOperand(node, steps[0], rewrite.children[0], Decision::kDenied) ||
            IsOperand(node, steps[0], rewrite.children[1], Decision::kAllowed));
  }

  bool DirectHolds(const ProofNode& node) {
    if (node.steps.size() != 1 || !node.steps[0].evidence) return false;
    const auto& step = node.steps[0];
    const auto& tuple = step.evidence->tuple;
    if (step.state != State::kHolds || !IsOf(node, tuple, node.relation)) return false;
    if (step.node) return LeadsTo(step, Decision::kAllowed);
    return IsExact(node, tuple) || IsWildcard(tuple);
  }

  bool ParentHolds(const ProofNode& node, const Rewrite& rewrite) {
    if (node.steps.size() != 1 || !node.steps[0].evidence) return false;
    const auto& step = node.steps[0];
    const auto& tuple = step.evidence->tuple;
    return step.state == State::kHolds && IsOf(node, tuple, rewrite.tupleset) &&
           Asks(step, tuple.subject, rewrite.relation, Decision::kAllowed);
  }

  bool DirectDoesNotHold(const ProofNode& node) {
    std::vector<tuple::Tuple> wildcards, usersets;
    const auto all = Visible(node.object, node.relation);
    const auto exact =
        std::find_if(all.begin(), all.end(), [&](const auto& t) { return IsExact(node, t); });
    if (exact != all.end() && !IsNamed(node, *exact, State::kConditionNotMet)) {
      return Wrong(node, "the tuple of the subject is not dealt with");
    }
    for (const auto& tuple : all) {
      if (IsWildcard(tuple)) wildcards.push_back(tuple);
      if (tuple::SplitSubject(tuple.subject).kind == SubjectKind::kUserset)
        usersets.push_back(tuple);
    }
    for (const auto& tuple : wildcards) {
      if (!IsNamed(node, tuple, State::kConditionNotMet)) return Wrong(node, "a wildcard");
    }
    return NoneLeads(node, usersets,
                     [&](const ProofStep& step) { return LeadsTo(step, Decision::kDenied); });
  }

  bool NoParentHolds(const ProofNode& node, const Rewrite& rewrite) {
    return NoneLeads(node, Visible(node.object, rewrite.tupleset), [&](const ProofStep& step) {
      const auto& parent = step.evidence->tuple.subject;
      const auto type = std::string(tuple::SplitObject(parent).type);
      if (step.state == State::kRelationNotFound) {
        return oracle_.RewriteOf(type, rewrite.relation) == nullptr;
      }
      return Asks(step, parent, rewrite.relation, Decision::kDenied);
    });
  }

  // Every tuple of the set is named and not met, or leads to "no". Failures are hidden only by a
  // tuple that is met.
  template <class LeadsToNo>
  bool NoneLeads(const ProofNode& node, const std::vector<tuple::Tuple>& set,
                 LeadsToNo leads_to_no) {
    bool satisfied = false;
    bool failed = false;
    for (const auto& tuple : set) {
      const auto step = std::find_if(node.steps.begin(), node.steps.end(), [&](const auto& s) {
        return s.evidence && s.evidence->tuple == tuple && (s.node || s.state != State::kHolds);
      });
      if (step == node.steps.end()) {
        if (node.steps_cut != 0) continue;
        return Wrong(node, "does not name " + tuple::ToText(tuple.view()));
      }
      failed = failed || step->state == State::kConditionFailed;
      if (step->state == State::kConditionFailed || step->state == State::kConditionNotMet)
        continue;
      satisfied = true;
      if (!leads_to_no(*step)) return Wrong(node, tuple::ToText(tuple.view()) + " may lead on");
    }
    if (failed && !satisfied && node.steps_cut == 0) return Wrong(node, "a failure is hidden");
    return true;
  }

  bool LeadsTo(const ProofStep& step, Decision decision) {
    const auto& subject = step.evidence->tuple.subject;
    const auto parts = tuple::SplitSubject(subject);
    return parts.kind == SubjectKind::kUserset &&
           Asks(step, subject.substr(0, subject.rfind('#')), parts.relation, decision);
  }

  bool IsNamed(const ProofNode& node, const tuple::Tuple& tuple, State state) const {
    return node.steps_cut != 0 ||
           std::any_of(node.steps.begin(), node.steps.end(), [&](const auto& step) {
             return step.evidence && step.evidence->tuple == tuple && step.state == state;
           });
  }

  static bool IsOf(const ProofNode& node, const tuple::Tuple& tuple, std::string_view relation) {
    return tuple.object == node.object && tuple.relation == relation;
  }

  // The tuple of the very subject. A wildcard is read so only where its plain type is allowed.
  bool IsExact(const ProofNode& node, const tuple::Tuple& tuple) const {
    if (tuple.subject != question_.tuple.subject) return false;
    const auto user = tuple::SplitSubject(tuple.subject);
    if (user.kind != SubjectKind::kWildcard) return true;
    const auto restrictions =
        oracle_.RestrictionsOf(tuple::SplitObject(node.object).type, node.relation);
    return std::any_of(restrictions.begin(), restrictions.end(), [&](const auto& r) {
      return r.type == user.type && r.relation.empty() && !r.wildcard;
    });
  }

  bool IsWildcard(const tuple::Tuple& tuple) const {
    const auto user = tuple::SplitSubject(question_.tuple.subject);
    return user.kind != SubjectKind::kUserset && tuple.subject == std::string(user.type) + ":*";
  }

  // Contextual tuples, then stored ones.
  std::vector<tuple::Tuple> Visible(std::string_view object, std::string_view relation) const {
    std::vector<tuple::Tuple> found;
    for (const auto* source : {&question_.contextual_tuples, &world_}) {
      for (const auto& tuple : *source) {
        if (tuple.object == object && tuple.relation == relation && oracle_.Fits(tuple)) {
          found.push_back(tuple);
        }
      }
    }
    return found;
  }

  // The tuple fits the model, is there as far as the question knows, and its condition comes to
  // what the step says.
  bool EvidenceIsRight(const ProofStep& step) {
    const auto& evidence = *step.evidence;
    if (!oracle_.Fits(evidence.tuple)) return false;
    const auto& given = question_.contextual_tuples;
    const auto& source = evidence.origin == Evidence::Origin::kContextual ? given : world_;
    if (std::find(source.begin(), source.end(), evidence.tuple) == source.end()) return false;
    const auto held = oracle_.Holds(evidence.tuple);
    switch (step.state) {
      case State::kHolds:
      case State::kDenied:
      case State::kRelationNotFound:
        return held.truth == Truth::kTrue;
      case State::kConditionNotMet:
        return held.truth == Truth::kFalse;
      case State::kConditionFailed:
        return held.truth == Truth::kFailed && held.error->message == step.message;
    }
    return false;
  }

  Oracle oracle_;  // For the model's rules and conditions; it has no tuples.
  const std::vector<tuple::Tuple>& world_;
  const Oracle::Question& question_;
  const std::vector<ProofNode>& proof_;
  std::vector<bool> answers_;        // By node: AnswersItsRelation.
  std::vector<std::uint32_t> hops_;  // By node: the longest way from it.
  std::string wrong_;
};

}  // namespace

std::string VerifyProof(const model::Model& model, const std::vector<tuple::Tuple>& world,
                        const Oracle::Question& question, const std::vector<ProofNode>& proof) {
  return Verifier(model, world, question, proof).Verify();
}

std::vector<tuple::Tuple> NamedTuples(const std::vector<ProofNode>& proof) {
  std::vector<tuple::Tuple> named;
  for (const auto& node : proof) {
    for (const auto& step : node.steps) {
      if (!step.evidence || step.evidence->origin == Evidence::Origin::kContextual) continue;
      const auto& tuple = step.evidence->tuple;
      if (std::find(named.begin(), named.end(), tuple) == named.end()) named.push_back(tuple);
    }
  }
  return named;
}

}  // namespace pemba::engine::testing
