#include "pemba/engine/internal/proof_writer.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "pemba/engine/internal/evidence.h"

namespace pemba::engine::internal {
namespace {

ProofRule RuleOf(VertexKind kind) {
  switch (kind) {
    case VertexKind::kReflexive:
      return ProofRule::kReflexive;
    case VertexKind::kUnreachable:
      return ProofRule::kUnreachable;
    case VertexKind::kDirect:
      return ProofRule::kDirect;
    case VertexKind::kComputed:
      return ProofRule::kComputed;
    case VertexKind::kTupleToUserset:
      return ProofRule::kTupleToUserset;
    case VertexKind::kUnion:
      return ProofRule::kUnion;
    case VertexKind::kIntersection:
      return ProofRule::kIntersection;
    case VertexKind::kDifference:
      return ProofRule::kDifference;
    case VertexKind::kRelation:
    case VertexKind::kTooDeep:
      break;
  }
  return ProofRule::kCut;
}

// What settled the vertex: one edge, or all of them.
std::vector<VertexEdge> Reasons(const Vertex& vertex) {
  const bool allowed = vertex.decision == Decision::kAllowed;
  switch (vertex.kind) {
    case VertexKind::kDirect:
    case VertexKind::kTupleToUserset:
    case VertexKind::kUnion:
      if (allowed) return {vertex.choice};
      return vertex.edges;
    case VertexKind::kIntersection:
    case VertexKind::kDifference:
      if (!allowed) return {vertex.choice};
      return vertex.edges;
    case VertexKind::kRelation:
    case VertexKind::kComputed:
      return {vertex.choice};
    case VertexKind::kReflexive:
    case VertexKind::kUnreachable:
    case VertexKind::kTooDeep:
      break;
  }
  return {};
}

class Writer {
 public:
  Writer(const Request& request, const ProofSearch& search, const ExplainLimits& limits)
      : request_(request), search_(search), limits_(limits) {}

  // Children first, with a stack of its own: proofs are as deep as the data.
  std::vector<ProofNode> Write() {
    Enter(search_.root());
    while (!open_.empty()) {
      auto& top = open_.back();
      if (top.next == top.reasons.size()) {
        Close();
        continue;
      }
      const auto reason = top.reasons[top.next++];
      if (search_.Counts(reason)) Enter(reason.to);
    }
    return std::move(nodes_);
  }

 private:
  struct Open {
    VertexId id = kNoVertex;
    std::vector<VertexEdge> reasons;
    std::size_t next = 0;
    std::uint32_t cut = 0;
  };

  // A relation is written as its rewrite: it has no node of its own.
  VertexId Written(VertexId id) const {
    while (search_.vertex(id).kind == VertexKind::kRelation) id = search_.vertex(id).edges[0].to;
    return id;
  }

  void Enter(VertexId id) {
    id = Written(id);
    if (!numbers_.try_emplace(id, 0).second) return;
    ++entered_;
    const auto& vertex = search_.vertex(id);
    const bool denied = vertex.decision == Decision::kDenied;
    Open open;
    open.id = id;
    if (denied && entered_ > limits_.proof_nodes_max) {
      nodes_.push_back(NodeOf(vertex, ProofRule::kCut));
      numbers_[id] = static_cast<std::uint32_t>(nodes_.size() - 1);
      return;
    }
    open.reasons = Reasons(vertex);
    if (denied && open.reasons.size() > limits_.steps_per_node_max) {
      open.cut = static_cast<std::uint32_t>(open.reasons.size() - limits_.steps_per_node_max);
      open.reasons.resize(limits_.steps_per_node_max);
    }
    open_.push_back(std::move(open));
  }

  void Close() {
    const auto open = std::move(open_.back());
    open_.pop_back();
    const auto& vertex = search_.vertex(open.id);
    auto node = NodeOf(vertex, RuleOf(vertex.kind));
    node.steps_cut = open.cut;
    for (const auto& reason : open.reasons) {
      node.steps.push_back(StepOf(reason, vertex.decision));
    }
    nodes_.push_back(std::move(node));
    numbers_[open.id] = static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  ProofNode NodeOf(const Vertex& vertex, ProofRule rule) const {
    ProofNode node;
    node.object = ObjectText(request_, vertex);
    node.relation = RelationText(request_, vertex);
    node.decision = vertex.decision;
    node.rule = rule;
    return node;
  }

  ProofStep StepOf(const VertexEdge& edge, Decision decision) const {
    ProofStep step;
    if (edge.tuple != VertexEdge::kNoTuple) {
      const auto& read = search_.tuple(edge.tuple);
      step.evidence = EvidenceOf(request_, read);
      if (read.held.truth == Truth::kFalse) {
        step.state = ProofStep::State::kConditionNotMet;
      } else if (read.held.truth == Truth::kFailed) {
        step.state = ProofStep::State::kConditionFailed;
        step.message = std::string(read.held.failure->message);
      } else if (edge.to == kNoVertex) {
        // Of what holds: the tuple itself. Of what does not: a parent that leads nowhere.
        step.state = decision == Decision::kAllowed ? ProofStep::State::kHolds
                                                    : ProofStep::State::kRelationNotFound;
      }
    }
    if (!search_.Counts(edge)) return step;
    const auto child = Written(edge.to);
    step.node = numbers_.at(child);
    step.state = search_.vertex(child).decision == Decision::kAllowed ? ProofStep::State::kHolds
                                                                      : ProofStep::State::kDenied;
    return step;
  }

  const Request& request_;
  const ProofSearch& search_;
  const ExplainLimits& limits_;
  std::vector<ProofNode> nodes_;
  std::unordered_map<VertexId, std::uint32_t> numbers_;  // By vertex; entered ones are in it.
  std::vector<Open> open_;
  std::size_t entered_ = 0;
};

}  // namespace

std::vector<ProofNode> WriteProof(const Request& request, const ProofSearch& search,
                                  const ExplainLimits& limits) {
  return Writer(request, search, limits).Write();
}

const ReadTuple* FirstTuple(const ProofSearch& search, VertexId id) {
  // Settled vertices rest on vertices settled before them: this ends.
  while (id != kNoVertex) {
    const auto reasons = Reasons(search.vertex(id));
    if (reasons.empty()) return nullptr;
    if (reasons[0].tuple != VertexEdge::kNoTuple) return &search.tuple(reasons[0].tuple);
    id = reasons[0].to;
  }
  return nullptr;
}

}  // namespace pemba::engine::internal
