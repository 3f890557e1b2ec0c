#include "pemba/engine/internal/proof_search.h"

#include <algorithm>
#include <memory>

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using model::PlanOp;
using tuple::SubjectKind;

VertexKind KindOf(PlanOp op) {
  switch (op) {
    case PlanOp::kDirect:
      return VertexKind::kDirect;
    case PlanOp::kComputed:
      return VertexKind::kComputed;
    case PlanOp::kTupleToUserset:
      return VertexKind::kTupleToUserset;
    case PlanOp::kUnion:
      return VertexKind::kUnion;
    case PlanOp::kIntersection:
      return VertexKind::kIntersection;
    case PlanOp::kDifference:
      return VertexKind::kDifference;
  }
  return VertexKind::kDirect;
}

bool IsVisible(const Request& request, const ReadTuple& read) {
  return read.contextual != nullptr || request.IsSeen(read.entry, read.context);
}

}  // namespace

ProofSearch::End ProofSearch::Run() {
  Question(request_.relation(), request_.object(), 0);
  while (!to_explore_.empty()) {
    if (extent_ == Extent::kUntilSettled && vertices_[root()].settled) break;
    const auto next = to_explore_.front();
    to_explore_.pop_front();
    Explore(next);
    if (!request_.Step()) return End::kStopped;
    if (too_many_ || vertices_.size() > questions_max_) return End::kTooMany;
  }
  return End::kDone;
}

VertexId ProofSearch::Question(model::RelationIndex relation, graph::NodeId object,
                               std::uint32_t depth) {
  // Without a limit it does not matter how far away a question is.
  if (request_.hops_max() == 0) depth = 0;
  const auto id = static_cast<VertexId>(vertices_.size());
  const auto [known, is_new] = questions_.try_emplace({relation, object, depth}, id);
  if (!is_new) return known->second;
  Vertex vertex;
  vertex.relation = relation;
  vertex.object = object;
  vertex.depth = depth;
  vertices_.push_back(std::move(vertex));
  to_explore_.push_back(id);
  return id;
}

VertexId ProofSearch::Rewrite(model::PlanNodeIndex node, const Vertex& owner) {
  Vertex vertex;
  vertex.kind = KindOf(request_.plan().nodes()[node].op);
  vertex.relation = owner.relation;
  vertex.object = owner.object;
  vertex.depth = owner.depth;
  vertex.node = node;
  const auto id = static_cast<VertexId>(vertices_.size());
  vertices_.push_back(std::move(vertex));
  to_explore_.push_back(id);
  return id;
}

void ProofSearch::Explore(VertexId id) {
  vertices_[id].explored = true;
  switch (vertices_[id].kind) {
    case VertexKind::kRelation: {
      auto& vertex = vertices_[id];
      if (request_.hops_max() != 0 && vertex.depth == request_.hops_max()) {
        vertex.kind = VertexKind::kTooDeep;  // Never settled.
        return;
      }
      if (request_.IsSubject(vertex.relation, vertex.object)) {
        vertex.kind = VertexKind::kReflexive;
        Settle(id, Decision::kAllowed);
      } else if (!request_.Reaches(vertex.relation)) {
        vertex.kind = VertexKind::kUnreachable;
        Settle(id, Decision::kDenied);
      } else {
        const auto root = request_.plan().relations()[vertex.relation].root;
        const auto child = Rewrite(root, vertex);
        vertices_[id].edges.push_back({child, VertexEdge::kNoTuple});
      }
      break;
    }
    case VertexKind::kDirect:
      ReadExact(id);
      ReadHops(id);
      break;
    case VertexKind::kTupleToUserset:
      ReadHops(id);
      break;
    case VertexKind::kComputed: {
      const auto& vertex = vertices_[id];
      const auto other = request_.plan().nodes()[vertex.node].relation;
      const auto child = Question(other, vertex.object, vertex.depth);
      vertices_[id].edges.push_back({child, VertexEdge::kNoTuple});
      break;
    }
    case VertexKind::kUnion:
    case VertexKind::kIntersection:
    case VertexKind::kDifference:
      for (const auto child :
           request_.plan().LinksOf(request_.plan().nodes()[vertices_[id].node])) {
        const auto made = Rewrite(child, vertices_[id]);
        vertices_[id].edges.push_back({made, VertexEdge::kNoTuple});
      }
      break;
    case VertexKind::kReflexive:
    case VertexKind::kUnreachable:
    case VertexKind::kTooDeep:
      return;
  }
  if (too_many_ || request_.stopped() != nullptr) {  // Not everything was read.
    vertices_[id].explored = false;
    return;
  }
  Connect(id);
  Propagate();
}

// The vertex has all its edges: hears from the children that are settled, waits for the others.
void ProofSearch::Connect(VertexId id) {
  if (vertices_[id].settled) return;
  // Counted before anyone tells.
  for (const auto& edge : vertices_[id].edges) vertices_[id].open += Counts(edge) ? 1 : 0;
  if (vertices_[id].open == 0) {
    if (!vertices_[id].failed) Settle(id, Decision::kDenied);
    return;
  }
  for (std::size_t i = 0; i < vertices_[id].edges.size(); ++i) {
    const auto edge = vertices_[id].edges[i];
    if (!Counts(edge)) continue;
    if (vertices_[edge.to].settled) {
      Tell(id, edge.to);
    } else {
      vertices_[edge.to].parents.push_back(id);
    }
  }
}

// The exact tuple (a contextual one shadows the stored one) and the wildcard tuples, as
// Request::ReadDirect reads them.
void ProofSearch::ReadExact(VertexId id) {
  const auto relation = request_.plan().nodes()[vertices_[id].node].relation;
  const auto object = vertices_[id].object;
  const auto& subject = request_.subject();
  const bool is_wildcard = subject.kind == SubjectKind::kWildcard;
  const auto& planned = request_.plan().relations()[relation];
  const auto entries = request_.plan().EntriesOf(planned);

  std::optional<ReadTuple> exact;
  std::vector<ReadTuple> wildcards;
  const bool wants_exact = !is_wildcard || request_.plan().AllowsObjects(relation, subject.type);
  const bool wants_wildcards = subject.kind != SubjectKind::kUserset;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    const auto index = planned.first_entry + i;
    const auto& entry = entries[i];
    if (entry.type != subject.type) continue;
    if (wants_exact && entry.userset == subject.relation && entry.wildcard == is_wildcard) {
      for (const auto& edge : request_.Contextual(index, object)) {
        if (edge.subject != subject.node) continue;
        const bool first =
            !exact || exact->contextual == nullptr || edge.position < exact->contextual->position;
        if (first) exact = ReadTuple{index, object, edge.subject, 0, &edge, {}};
      }
      if (!exact) {
        if (const auto edge = request_.View(index).Find(object, subject.node)) {
          exact = ReadTuple{index, object, subject.node, edge->context, nullptr, {}};
        }
      }
    }
    if (wants_wildcards && entry.wildcard) {
      for (const auto& edge : request_.Contextual(index, object)) {
        wildcards.push_back({index, object, 0, 0, &edge, {}});
      }
      if (const auto edge = request_.View(index).Find(object, 0)) {
        wildcards.push_back({index, object, 0, edge->context, nullptr, {}});
      }
    }
  }
  if (exact) ReadSet(id, {&*exact, 1}, nullptr);
  ReadSet(id, wildcards, nullptr);
}

void ProofSearch::ReadHops(VertexId id) {
  const auto node = request_.plan().nodes()[vertices_[id].node];
  const auto object = vertices_[id].object;
  const bool direct = node.op == PlanOp::kDirect;
  const auto& planned = request_.plan().relations()[node.relation];
  const auto entries = request_.plan().EntriesOf(planned);
  std::vector<ReadTuple> hops;
  std::vector<model::RelationIndex> targets;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (direct && entries[i].userset == kNoIndex) continue;
    const auto index = planned.first_entry + i;
    const auto target = direct ? entries[i].userset : request_.plan().LinksOf(node)[i];
    for (const auto& edge : request_.Contextual(index, object)) {
      hops.push_back({index, object, edge.subject, 0, &edge, {}});
      targets.push_back(target);
    }
    for (auto row = request_.View(index).Subjects(object); !row.done(); row.Next()) {
      if (!request_.Step()) return;  // Run() sees it.
      if (hops.size() == questions_max_) {
        too_many_ = true;
        return;
      }
      hops.push_back({index, object, row.node(), row.context(), nullptr, {}});
      targets.push_back(target);
    }
  }
  ReadSet(id, hops, targets.data());
}

// Notes those tuples that are visible. `targets`: where each leads; null: nowhere further, a tuple
// that is satisfied settles the vertex.
void ProofSearch::ReadSet(VertexId id, std::span<ReadTuple> set,
                          const model::RelationIndex* targets) {
  bool satisfied = false;
  bool failed = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    auto& read = set[i];
    if (!IsVisible(request_, read)) continue;
    read.held =
        request_.Holds(read.entry, read.object, read.subject, read.context, read.contextual);
    const bool holds = read.held.truth == Truth::kTrue;
    satisfied = satisfied || holds;
    failed = failed || read.held.truth == Truth::kFailed;
    VertexEdge edge{kNoVertex, static_cast<std::uint32_t>(tuples_.size())};
    tuples_.push_back(read);
    if (targets != nullptr && targets[i] != kNoIndex && (holds || extent_ == Extent::kEverything)) {
      edge.to = Question(targets[i], read.subject, vertices_[id].depth + 1);
    }
    vertices_[id].edges.push_back(edge);
    if (targets == nullptr && holds && !vertices_[id].settled) {
      Settle(id, Decision::kAllowed, edge);
    }
  }
  if (failed && !satisfied) vertices_[id].failed = true;
}

void ProofSearch::Settle(VertexId id, Decision decision, VertexEdge choice) {
  auto& vertex = vertices_[id];
  vertex.settled = true;
  vertex.decision = decision;
  vertex.choice = choice;
  to_tell_.push_back(id);
}

void ProofSearch::Propagate() {
  while (!to_tell_.empty()) {
    const auto child = to_tell_.back();
    to_tell_.pop_back();
    const auto parents = std::move(vertices_[child].parents);
    for (const auto parent : parents) Tell(parent, child);
  }
}

void ProofSearch::Tell(VertexId parent, VertexId child) {
  auto& vertex = vertices_[parent];
  if (vertex.settled) return;
  --vertex.open;
  const auto decision = vertices_[child].decision;
  const auto edge = std::find_if(vertex.edges.begin(), vertex.edges.end(),
                                 [&](const auto& e) { return e.to == child && Counts(e); });
  switch (vertex.kind) {
    case VertexKind::kRelation:
    case VertexKind::kComputed:
      return Settle(parent, decision, *edge);
    case VertexKind::kDirect:
    case VertexKind::kTupleToUserset:
    case VertexKind::kUnion:
      if (decision == Decision::kAllowed) return Settle(parent, decision, *edge);
      if (vertex.open == 0 && !vertex.failed) Settle(parent, Decision::kDenied);
      return;
    case VertexKind::kIntersection:
      if (decision == Decision::kDenied) return Settle(parent, decision, *edge);
      if (vertex.open == 0) Settle(parent, Decision::kAllowed);
      return;
    case VertexKind::kDifference: {
      const bool is_base = edge == vertex.edges.begin();
      const auto denies = is_base ? Decision::kDenied : Decision::kAllowed;
      if (decision == denies) return Settle(parent, Decision::kDenied, *edge);
      if (vertex.open == 0) Settle(parent, Decision::kAllowed);
      return;
    }
    case VertexKind::kReflexive:
    case VertexKind::kUnreachable:
    case VertexKind::kTooDeep:
      return;
  }
}

}  // namespace pemba::engine::internal
