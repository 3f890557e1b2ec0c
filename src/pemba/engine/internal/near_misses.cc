#include "pemba/engine/internal/near_misses.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "pemba/engine/internal/evidence.h"
#include "pemba/engine/internal/proof_writer.h"

namespace pemba::engine::internal {
namespace {

using model::kNoIndex;
using Kind = Obstacle::Kind;

// An obstacle by the data it is about, so that it is one, however far away it was met.
struct Draft {
  Kind kind = Kind::kMissingTuple;
  model::RelationIndex relation = kNoIndex;  // Of the object; conditions: see `read`.
  graph::NodeId object = 0;
  model::EntryIndex entry = kNoIndex;  // What is missing.
  const ReadTuple* read = nullptr;     // Conditions: the tuple; kExcluded: one it rests on.
};

struct Way {
  std::uint32_t cost = 0;
  std::vector<std::uint32_t> drafts;  // Ascending.
  friend auto operator<=>(const Way&, const Way&) = default;
};

// The cheapest ways, none of them part of another. At most `max`.
class Ways {
 public:
  void Add(Way way, std::size_t max) {
    for (const auto& known : ways_) {
      if (Includes(way, known)) return;
    }
    std::erase_if(ways_, [&](const Way& known) { return Includes(known, way); });
    ways_.insert(std::upper_bound(ways_.begin(), ways_.end(), way), std::move(way));
    if (ways_.size() > max) ways_.pop_back();
  }
  const std::vector<Way>& all() const { return ways_; }
  friend bool operator==(const Ways&, const Ways&) = default;

 private:
  static bool Includes(const Way& way, const Way& part) {
    return std::includes(way.drafts.begin(), way.drafts.end(), part.drafts.begin(),
                         part.drafts.end());
  }

  std::vector<Way> ways_;  // Ascending.
};

// Value iteration over the graph of questions: what a vertex needs follows from what its children
// need. Costs only fall, and a way around a circle costs more than the way without, so it ends; in
// practice after as many rounds as the data is deep.
class Finder {
 public:
  Finder(Request& request, const ProofSearch& search, const ExplainLimits& limits)
      : request_(request), search_(search), limits_(limits), ways_(search.vertices().size()) {}

  std::vector<NearMiss> Find() {
    bool changed = true;
    for (int round = 0; changed && round < kRoundsMax && request_.Step(); ++round) {
      changed = false;
      for (auto id = static_cast<VertexId>(ways_.size()); id-- > 0;) {
        auto ways = WaysOf(search_.vertex(id));
        if (ways == ways_[id]) continue;
        ways_[id] = std::move(ways);
        changed = true;
      }
    }
    std::vector<NearMiss> found;
    for (const auto& way : ways_[search_.root()].all()) {
      NearMiss miss;
      miss.cost = way.cost;
      for (const auto draft : way.drafts) miss.obstacles.push_back(ObstacleOf(drafts_[draft]));
      std::sort(miss.obstacles.begin(), miss.obstacles.end(), Before);
      found.push_back(std::move(miss));
    }
    std::sort(found.begin(), found.end(), [](const NearMiss& a, const NearMiss& b) {
      if (a.cost != b.cost) return a.cost < b.cost;
      return std::lexicographical_compare(a.obstacles.begin(), a.obstacles.end(),
                                          b.obstacles.begin(), b.obstacles.end(), Before);
    });
    return found;
  }

 private:
  static constexpr int kRoundsMax = 100;

  static bool Before(const Obstacle& a, const Obstacle& b) {
    return std::pair(a.kind, tuple::ToText(a.tuple.view())) <
           std::pair(b.kind, tuple::ToText(b.tuple.view()));
  }

  Ways WaysOf(const Vertex& vertex) {
    Ways ways;
    if (vertex.settled && vertex.decision == Decision::kAllowed) {
      Add(ways, {});
      return ways;
    }
    if (!vertex.explored) return ways;
    switch (vertex.kind) {
      case VertexKind::kRelation:
      case VertexKind::kComputed:
      case VertexKind::kUnion:
        for (const auto& edge : vertex.edges) AddAll(ways, ways_[edge.to]);
        break;
      case VertexKind::kDirect:
        AddMissingTuple(ways, vertex);
        AddTuples(ways, vertex);
        break;
      case VertexKind::kTupleToUserset:
        AddTuples(ways, vertex);
        break;
      case VertexKind::kIntersection:
        Add(ways, {});
        for (const auto& edge : vertex.edges) ways = Both(ways, ways_[edge.to]);
        break;
      case VertexKind::kDifference:
        AddAll(ways, ways_[vertex.edges[0].to], ExclusionOf(vertex));
        break;
      case VertexKind::kReflexive:
      case VertexKind::kUnreachable:
      case VertexKind::kTooDeep:
        break;
    }
    return ways;
  }

  void Add(Ways& ways, Way way) const {
    if (way.drafts.size() <= limits_.obstacles_max)
      ways.Add(std::move(way), limits_.near_misses_max);
  }

  // `more`: a draft that every way needs besides; kNone: none.
  void AddAll(Ways& ways, const Ways& others, std::uint32_t more = kNone) const {
    for (const auto& way : others.all()) Add(ways, more == kNone ? way : With(way, more));
  }

  Way With(Way way, std::uint32_t draft) const {
    const auto at = std::lower_bound(way.drafts.begin(), way.drafts.end(), draft);
    if (at != way.drafts.end() && *at == draft) return way;
    way.drafts.insert(at, draft);
    way.cost += Obstacle{.kind = drafts_[draft].kind, .tuple = {}}.cost();
    return way;
  }

  Ways Both(const Ways& a, const Ways& b) const {
    Ways both;
    for (const auto& left : a.all()) {
      for (const auto& right : b.all()) {
        auto way = left;
        for (const auto draft : right.drafts) way = With(std::move(way), draft);
        Add(both, std::move(way));
      }
    }
    return both;
  }

  // The tuple that would say it outright: the subject itself or, where only that is allowed, its
  // type's wildcard.
  void AddMissingTuple(Ways& ways, const Vertex& vertex) {
    const auto& plan = request_.plan();
    const auto& planned = plan.relations()[vertex.relation];
    const auto& subject = request_.subject();
    const bool is_wildcard = subject.kind == tuple::SubjectKind::kWildcard;
    auto best = kNoIndex;
    int best_rank = 4;
    for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
      const auto& entry = plan.EntriesOf(planned)[i];
      const bool exact = entry.type == subject.type && entry.userset == subject.relation &&
                         entry.wildcard == is_wildcard;
      const bool wildcard = entry.wildcard && entry.type == subject.type &&
                            subject.kind != tuple::SubjectKind::kUserset;
      if (!exact && !wildcard) continue;
      if (model::Expires(entry.condition)) continue;  // What is missing is never missed for a time.
      const int rank = (exact ? 0 : 2) + (entry.condition == kNoIndex ? 0 : 1);
      if (rank < best_rank) best = planned.first_entry + i;
      best_rank = std::min(rank, best_rank);
    }
    if (best == kNoIndex || HasTupleLike(vertex, best)) return;
    Add(ways,
        With({}, DraftOf({Kind::kMissingTuple, vertex.relation, vertex.object, best, nullptr})));
  }

  // Whether that tuple is there, under whatever condition: then another cannot be.
  bool HasTupleLike(const Vertex& vertex, model::EntryIndex missing) const {
    const auto& plan = request_.plan();
    const auto& wanted = plan.entries()[missing];
    const auto node = wanted.wildcard ? 0 : request_.subject().node;
    return std::any_of(vertex.edges.begin(), vertex.edges.end(), [&](const auto& edge) {
      const auto& read = search_.tuple(edge.tuple);
      const auto& entry = plan.entries()[read.entry];
      return read.subject == node && entry.type == wanted.type && entry.userset == wanted.userset &&
             entry.wildcard == wanted.wildcard;
    });
  }

  // Over tuples that are there: what their conditions lack, and what lies behind them. Without any
  // tuple that leads on: that there is none.
  void AddTuples(Ways& ways, const Vertex& vertex) {
    bool leads_on = false;
    for (const auto& edge : vertex.edges) {
      const auto& read = search_.tuple(edge.tuple);
      auto obstacle = kNone;
      if (read.held.truth != Truth::kTrue) {
        const auto kind =
            read.held.truth == Truth::kFailed ? Kind::kConditionFailed : Kind::kConditionNotMet;
        obstacle = DraftOf({kind, vertex.relation, read.object, read.entry, &read});
      }
      leads_on = leads_on || edge.to != kNoVertex;
      if (edge.to != kNoVertex) {
        AddAll(ways, ways_[edge.to], obstacle);
      } else if (obstacle != kNone && !LeadsNowhere(vertex)) {
        Add(ways, With({}, obstacle));
      }
    }
    if (!leads_on) AddMissingLinks(ways, vertex);
  }

  // A tuple that ends here, at a parent whose type lacks the relation.
  static bool LeadsNowhere(const Vertex& vertex) {
    return vertex.kind == VertexKind::kTupleToUserset;
  }

  void AddMissingLinks(Ways& ways, const Vertex& vertex) {
    const auto& plan = request_.plan();
    const auto& node = plan.nodes()[vertex.node];
    const bool direct = node.op == model::PlanOp::kDirect;
    const auto& planned = plan.relations()[node.relation];
    for (std::uint32_t i = 0; i < planned.entry_count; ++i) {
      const auto index = planned.first_entry + i;
      const auto target = direct ? plan.entries()[index].userset : plan.LinksOf(node)[i];
      if (target == kNoIndex || !request_.Reaches(target)) continue;
      if (model::Expires(plan.entries()[index].condition)) continue;
      Add(ways,
          With({}, DraftOf({Kind::kMissingLink, node.relation, vertex.object, index, nullptr})));
    }
  }

  // What the right side of a `but not` adds: nothing if it does not hold.
  std::uint32_t ExclusionOf(const Vertex& difference) {
    const auto id = difference.edges[1].to;
    const auto& subtract = search_.vertex(id);
    if (subtract.settled && subtract.decision == Decision::kDenied) return kNone;
    // `but not blocked` is best named by that relation.
    const bool named = subtract.kind == VertexKind::kComputed && !subtract.edges.empty();
    const auto relation = named ? search_.vertex(subtract.edges[0].to).relation : subtract.relation;
    return DraftOf({subtract.settled ? Kind::kExcluded : Kind::kUndecided, relation,
                    subtract.object, kNoIndex,
                    subtract.settled ? FirstTuple(search_, id) : nullptr});
  }

  std::uint32_t DraftOf(const Draft& draft) {
    const bool of_tuple =
        draft.kind == Kind::kConditionNotMet || draft.kind == Kind::kConditionFailed;
    const auto subject = of_tuple ? draft.read->subject : 0;
    const auto next = static_cast<std::uint32_t>(drafts_.size());
    const auto [known, is_new] = numbers_.try_emplace(
        {draft.kind, draft.relation, draft.object, draft.entry, subject}, next);
    if (is_new) drafts_.push_back(draft);
    return known->second;
  }

  Obstacle ObstacleOf(const Draft& draft) const {
    const auto& plan = request_.plan();
    Obstacle obstacle;
    obstacle.kind = draft.kind;
    if (draft.read != nullptr) obstacle.evidence = EvidenceOf(request_, *draft.read);
    const auto& relation = plan.relations()[draft.relation];
    obstacle.tuple.object = request_.NodeName(relation.type, draft.object);
    obstacle.tuple.relation = relation.name;
    obstacle.tuple.subject = std::string(request_.query().tuple.subject);
    switch (draft.kind) {
      case Kind::kMissingTuple: {
        const auto& entry = plan.entries()[draft.entry];
        if (entry.wildcard) obstacle.tuple.subject = plan.types()[entry.type].name + ":*";
        if (entry.condition != kNoIndex) {
          obstacle.tuple.condition =
              tuple::Condition{plan.conditions()[entry.condition]->name(), {}};
        }
        break;
      }
      case Kind::kMissingLink: {
        const auto& entry = plan.entries()[draft.entry];
        obstacle.tuple.subject = plan.types()[entry.type].name;
        if (entry.userset != kNoIndex) {
          obstacle.tuple.subject += "#" + plan.relations()[entry.userset].name;
        }
        break;
      }
      case Kind::kConditionNotMet:
      case Kind::kConditionFailed:
        obstacle.tuple = obstacle.evidence->tuple;
        if (draft.read->held.failure != nullptr) {
          obstacle.message = std::string(draft.read->held.failure->message);
        }
        break;
      case Kind::kExcluded:
      case Kind::kUndecided:
        break;
    }
    return obstacle;
  }

  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  using Number =
      std::tuple<Kind, model::RelationIndex, graph::NodeId, model::EntryIndex, graph::NodeId>;

  Request& request_;
  const ProofSearch& search_;
  const ExplainLimits& limits_;
  std::vector<Ways> ways_;  // By vertex.
  std::vector<Draft> drafts_;
  std::map<Number, std::uint32_t> numbers_;
};

}  // namespace

std::vector<NearMiss> FindNearMisses(Request& request, const ProofSearch& search,
                                     const ExplainLimits& limits) {
  return Finder(request, search, limits).Find();
}

}  // namespace pemba::engine::internal
