#include "pemba/api/openfga/explanation.h"

#include <string>

#include "pemba/api/errors.h"
#include "pemba/api/openfga/convert.h"
#include "pemba/api/struct_json.h"

namespace pemba::api::openfga {
namespace {

namespace v1 = ::pemba::v1;
using engine::Obstacle;
using engine::ProofRule;
using engine::ProofStep;

v1::ProofNode::Rule RuleOf(ProofRule rule) {
  switch (rule) {
    case ProofRule::kReflexive:
      return v1::ProofNode::RULE_REFLEXIVE;
    case ProofRule::kDirect:
      return v1::ProofNode::RULE_DIRECT;
    case ProofRule::kComputed:
      return v1::ProofNode::RULE_COMPUTED;
    case ProofRule::kTupleToUserset:
      return v1::ProofNode::RULE_TUPLE_TO_USERSET;
    case ProofRule::kUnion:
      return v1::ProofNode::RULE_UNION;
    case ProofRule::kIntersection:
      return v1::ProofNode::RULE_INTERSECTION;
    case ProofRule::kDifference:
      return v1::ProofNode::RULE_DIFFERENCE;
    case ProofRule::kUnreachable:
      return v1::ProofNode::RULE_UNREACHABLE;
    case ProofRule::kCut:
      return v1::ProofNode::RULE_CUT;
  }
  return v1::ProofNode::RULE_UNSPECIFIED;
}

v1::ProofStep::State StateOf(ProofStep::State state) {
  switch (state) {
    case ProofStep::State::kHolds:
      return v1::ProofStep::STATE_HOLDS;
    case ProofStep::State::kDenied:
      return v1::ProofStep::STATE_DENIED;
    case ProofStep::State::kConditionNotMet:
      return v1::ProofStep::STATE_CONDITION_NOT_MET;
    case ProofStep::State::kConditionFailed:
      return v1::ProofStep::STATE_CONDITION_FAILED;
    case ProofStep::State::kRelationNotFound:
      return v1::ProofStep::STATE_RELATION_NOT_FOUND;
  }
  return v1::ProofStep::STATE_UNSPECIFIED;
}

v1::Obstacle::Kind KindOf(Obstacle::Kind kind) {
  switch (kind) {
    case Obstacle::Kind::kMissingTuple:
      return v1::Obstacle::KIND_MISSING_TUPLE;
    case Obstacle::Kind::kMissingLink:
      return v1::Obstacle::KIND_MISSING_LINK;
    case Obstacle::Kind::kConditionNotMet:
      return v1::Obstacle::KIND_CONDITION_NOT_MET;
    case Obstacle::Kind::kConditionFailed:
      return v1::Obstacle::KIND_CONDITION_FAILED;
    case Obstacle::Kind::kExcluded:
      return v1::Obstacle::KIND_EXCLUDED;
    case Obstacle::Kind::kUndecided:
      return v1::Obstacle::KIND_UNDECIDED;
  }
  return v1::Obstacle::KIND_UNSPECIFIED;
}

void ToWire(const engine::Evidence& evidence, v1::Evidence& out) {
  openfga::ToWire(evidence.tuple, *out.mutable_tuple());
  out.set_contextual(evidence.origin == engine::Evidence::Origin::kContextual);
  if (evidence.tuple.expires_at) {
    openfga::ToWire(*evidence.tuple.expires_at, *out.mutable_expires_at());
  }
  if (evidence.tuple.condition) FromJsonObject(evidence.context, *out.mutable_merged_context());
}

void ToWire(const engine::ProofNode& node, std::string_view user, v1::ProofNode& out) {
  out.set_object(node.object);
  out.set_relation(node.relation);
  out.set_user(std::string(user));
  out.set_holds(node.decision == engine::Decision::kAllowed);
  out.set_rule(RuleOf(node.rule));
  for (const auto& step : node.steps) {
    auto& made = *out.add_steps();
    made.set_state(StateOf(step.state));
    if (step.evidence) ToWire(*step.evidence, *made.mutable_evidence());
    if (step.node) made.set_node(*step.node);
    made.set_message(step.message);
  }
  out.set_steps_cut(node.steps_cut);
}

void ToWire(const Obstacle& obstacle, v1::Obstacle& out) {
  out.set_kind(KindOf(obstacle.kind));
  openfga::ToWire(obstacle.tuple, *out.mutable_tuple());
  if (obstacle.evidence) ToWire(*obstacle.evidence, *out.mutable_evidence());
  out.set_message(obstacle.message);
}

}  // namespace

void ToWire(const engine::Explanation& explanation, std::string_view user,
            v1::ExplainResponse& out) {
  if (!explanation.outcome.ok()) {
    out.set_outcome(v1::ExplainResponse::OUTCOME_FAILED);
    out.set_error(ToGrpc(explanation.outcome.error()).message);
  } else {
    out.set_outcome(*explanation.outcome == engine::Decision::kAllowed
                        ? v1::ExplainResponse::OUTCOME_ALLOWED
                        : v1::ExplainResponse::OUTCOME_DENIED);
  }
  for (const auto& node : explanation.proof) ToWire(node, user, *out.add_proof());
  for (const auto& miss : explanation.near_misses) {
    auto& made = *out.add_near_misses();
    made.set_cost(miss.cost);
    for (const auto& obstacle : miss.obstacles) ToWire(obstacle, *made.add_obstacles());
  }
  for (const auto& leaf : explanation.failures) {
    auto& made = *out.add_failures();
    made.set_object(leaf.object);
    made.set_relation(leaf.relation);
    if (leaf.evidence) ToWire(*leaf.evidence, *made.mutable_evidence());
    made.set_message(leaf.message);
  }
  out.set_complete(explanation.complete);
}

}  // namespace pemba::api::openfga
