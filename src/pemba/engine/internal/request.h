// Request: the fixed parts of one question, resolved to ids, and the reading of tuples for it.
//
// Everything but direct_check.h asks the graph through here, so that contextual tuples and
// conditions are dealt with in one place.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/internal/arena_vector.h"
#include "pemba/engine/internal/mutation.h"
#include "pemba/engine/internal/outcome.h"
#include "pemba/engine/internal/search_memo.h"
#include "pemba/engine/internal/visit_steps.h"
#include "pemba/graph/graph.h"
#include "pemba/model/plan.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine::internal {

// One contextual tuple in the terms of the plan. Its names may be unknown to the graph: then it has
// node ids of the request's own, from graph::kLocalNodes on.
struct ContextualEdge {
  model::EntryIndex entry;
  graph::NodeId object, subject;
  std::uint32_t position;  // In the request; earlier ones win.
};

struct Subject {
  tuple::SubjectKind kind = tuple::SubjectKind::kObject;
  model::TypeIndex type = model::kNoIndex;
  graph::NodeId node = graph::kNoNode;              // 0 for the wildcard.
  model::RelationIndex relation = model::kNoIndex;  // Of a userset.
};

class Request {
 public:
  Request(const CheckLimits& limits, const Clock& clock, const graph::Snapshot& snapshot,
          const BoundModel& model, const CheckQuery& query, Arena& arena);
  // The same question, resolved as far as `other` is, with its temporaries in another arena, which
  // may go before other's. Work counts from zero.
  Request(const Request& other, Arena& arena);

  // Resolves subject and contextual tuples; then, for one question after the other that has the
  // same ones, object and relation. Errors (kValidation): a type or relation that the model does
  // not have, as model::ValidateQuery says it.
  Status ResolveSubject();
  Status ResolveTarget(const CheckQuery& query);
  // The same for many: finds the targets, their cache misses side by side, then turns to one after
  // the other. An invalid one has no relation: ResolveTarget says why.
  struct Target {
    model::RelationIndex relation = model::kNoIndex;
    graph::NodeId object = graph::kNoNode;
  };
  std::span<Target> FindTargets(std::span<const CheckQuery> queries,
                                std::span<const std::uint32_t> chosen);
  void TurnTo(const CheckQuery& query, const Target& target);
  // Both, for the question that the request was made of; their cache misses side by side.
  Status Resolve();

  // What searches find out is kept there for further questions of the same subject.
  void ShareSearches(SearchMemo* memo) { memo_ = memo; }
  SearchMemo* memo() const { return memo_; }  // Null: there is one question only.

  // For questions that have no one subject: the contextual tuples alone.
  void ResolveContextual();

  const model::Plan& plan() const { return plan_; }
  const graph::Snapshot& snapshot() const { return snapshot_; }
  const BoundModel& bound_model() const { return model_; }
  const CheckQuery& query() const { return query_; }
  Arena& arena() const { return arena_; }
  const Subject& subject() const { return subject_; }
  model::RelationIndex relation() const { return relation_; }
  graph::NodeId object() const { return object_; }
  std::uint32_t hops_max() const {  // 0: no limit.
    return hops_max_ + (Mutated(Mutation::kLimitOffByOne) && hops_max_ != 0 ? 1 : 0);
  }
  void LiftHopsLimit() { hops_max_ = 0; }
  bool has_contextual() const { return !contextual_.empty(); }
  std::span<const ContextualEdge> contextual() const {
    return {contextual_.begin(), contextual_.end()};
  }

  // Names. Those that only the request knows are nodes from graph::kLocalNodes on, in the order in
  // which it names them.
  graph::NodeId FindNode(model::TypeIndex type, std::string_view id) const;  // kNoNode: nowhere.
  graph::NodeId NodeOf(model::TypeIndex type, std::string_view id);          // Makes a local name.
  std::string_view IdOf(model::TypeIndex type, graph::NodeId node) const;
  std::uint32_t local_names() const { return local_names_.size(); }
  graph::NodeId NodesMax(model::TypeIndex type) const {
    return snapshot_.NodesMax(model_.type(type));
  }

  // Rule 4 of the definition: can the subject reach the relation at all?
  bool Reaches(model::RelationIndex relation) const {
    return Mutated(Mutation::kSkipReachability) || plan_.Reaches(subject_kind_, relation) ||
           (wildcard_kind_ != model::kNoIndex && plan_.Reaches(wildcard_kind_, relation));
  }
  // Rule 3: the subject is this very userset.
  bool IsSubject(model::RelationIndex relation, graph::NodeId node) const {
    return !Mutated(Mutation::kSkipReflexivity) && subject_.relation == relation &&
           subject_.node == node && subject_.kind == tuple::SubjectKind::kUserset;
  }

  graph::PartitionView View(model::EntryIndex entry) const {
    return snapshot_.View(model_.partition(entry));
  }

  // What a search does at each goal of the relation, from which only unions can be reached.
  VisitSteps& StepsOf(model::RelationIndex relation) { return visit_steps_.Of(*this, relation); }

  // The tuples that name the subject itself or its type's wildcard: the exact tuple (a contextual
  // one shadows the stored one) and the set of wildcard tuples.
  Outcome ReadDirect(model::RelationIndex relation, graph::NodeId object);

  std::span<const ContextualEdge> Contextual(model::EntryIndex entry, graph::NodeId object) const;

  // Whether a stored tuple with this context is seen: it fits the model as it is now, and has not
  // expired.
  bool IsSeen(model::EntryIndex entry, graph::ContextId context) const;

  // Whether a tuple's condition is met: kTrue, kFalse or kFailed. `contextual` is null for stored
  // tuples, whose context is `context`.
  Outcome Holds(model::EntryIndex entry, graph::NodeId object, graph::NodeId subject,
                graph::ContextId context, const ContextualEdge* contextual) {
    if (plan_.entries()[entry].condition == model::kNoIndex ||
        Mutated(Mutation::kIgnoreConditions)) {
      return Outcome::True();
    }
    return Evaluate(entry, object, subject, context, contextual);
  }

  // Counts work. False once time, work or memory is used up; then stopped() says why.
  bool Step() {
    if (--steps_to_check_ != 0) return true;
    return CheckBudget();
  }
  bool Steps(std::uint32_t count) {
    if (count < steps_to_check_) {
      steps_to_check_ -= count;
      return true;
    }
    steps_ += count - steps_to_check_;
    return CheckBudget();
  }
  // Memory beside arena() that counts against the budget of the request, while it is there; null:
  // none.
  void CountMemoryOf(const Arena* also) { also_ = also; }
  const Failure* stopped() const { return stopped_; }
  void Stop(const Failure& why) {  // As if this request had run out of it.
    stopped_ = MakeFailure(why.code, why.message);
    steps_to_check_ = 1;
  }
  const Failure* TooDeep();

  const Failure* MakeFailure(ErrorCode code, std::string_view message);
  std::string NodeName(model::TypeIndex type, graph::NodeId node) const;  // "document:plan"

 private:
  Outcome Evaluate(model::EntryIndex entry, graph::NodeId object, graph::NodeId subject,
                   graph::ContextId context, const ContextualEdge* contextual);
  const condition::Bindings* RequestBindings(model::ConditionIndex condition);
  const condition::Bindings* ContextualBindings(const ContextualEdge& edge,
                                                model::ConditionIndex condition);
  bool CheckBudget();
  static WallTime TimeOf(const model::Plan& plan, const Clock& clock) {
    return plan.knows_expiry() ? clock.Now() : WallTime();
  }

  // The stored tuple of `entry` from the object to the subject (or its wildcard): `node` is always
  // the same for an entry. Walks ask one entry about many objects; from the second time on it is
  // known whether the subject is in any tuple of the entry at all, which mostly it is not.
  std::optional<graph::Edge> FindSubject(model::EntryIndex entry, graph::NodeId object,
                                         graph::NodeId node);

  Outcome ReadExact(model::RelationIndex relation, graph::NodeId object);
  Outcome ReadWildcard(model::RelationIndex relation, graph::NodeId object);

  // What the model has to say about the names; the id is left to be looked up (empty: a wildcard).
  Result<std::string_view> NameSubject(std::string_view text);
  Result<std::string_view> NameTarget(const CheckQuery& query);
  void Restart(const CheckQuery& query);
  void AddContextual(const tuple::Tuple& tuple, std::uint32_t position);
  graph::NodeId NodeOr(graph::NodeId stored, model::TypeIndex type, std::string_view id);
  graph::NodeId FindLocal(model::TypeIndex type, std::string_view text) const;
  graph::NodeId LocalNode(model::TypeIndex type, std::string_view text);

  const CheckLimits& limits_;
  const Clock& clock_;
  const graph::Snapshot& snapshot_;
  const BoundModel& model_;
  const model::Plan& plan_;
  CheckQuery query_;
  Arena& arena_;
  std::uint32_t hops_max_;
  // When the question is asked: tuples that have expired by then are not there. Only where some of
  // the model's may.
  const WallTime now_;

  Subject subject_;
  std::uint32_t subject_kind_ = model::kNoIndex;   // As reachability counts it.
  std::uint32_t wildcard_kind_ = model::kNoIndex;  // Of an object's type.
  model::RelationIndex relation_ = model::kNoIndex;
  graph::NodeId object_ = graph::kNoNode;

  struct LocalName {
    model::TypeIndex type;
    std::string_view text;
  };
  ArenaVector<LocalName> local_names_;      // Node id: kLocalNodes + position.
  ArenaVector<ContextualEdge> contextual_;  // By entry, object, subject, position.

  struct Asked {
    model::EntryIndex entry = model::kNoIndex;
    enum State : std::uint8_t { kOnce, kNothing, kSomething } state = kOnce;
  };
  std::array<Asked, 16> asked_;  // By entry; newer ones replace older ones.

  VisitStepsCache visit_steps_;
  SearchMemo* memo_ = nullptr;

  // Converted contexts, made when first needed.
  std::span<const condition::Bindings*> request_bindings_;     // By condition.
  std::span<const condition::Bindings*> contextual_bindings_;  // By position.

  std::uint32_t steps_to_check_;
  std::uint64_t steps_ = 0;
  const Arena* also_ = nullptr;
  const Failure* stopped_ = nullptr;
  const Failure* too_deep_ = nullptr;
};

// Walks the tuples of a leaf that lead on to other objects: the usersets of a direct leaf, the
// parents of a tuple-to-userset. Gives those whose condition is met.
//
// The tuples of one leaf are one set: errors of conditions count only if no tuple of the whole set
// was satisfied. A leaf is walked in two parts, by where its targets go; `Set` spans both.
class HopCursor {
 public:
  struct Set {
    bool satisfied = false;
    const Failure* failure = nullptr;
    const Failure* Error() const {
      if (Mutated(Mutation::kSetErrorsWin)) return failure;
      return satisfied || Mutated(Mutation::kSetErrorsVanish) ? nullptr : failure;
    }
  };
  enum class Part : std::uint8_t { kUnionTargets, kOtherTargets };
  struct Hop {
    model::RelationIndex target;
    graph::NodeId node;
  };

  // `all`: give hops to where the subject cannot go, too (the limit of hops counts them).
  HopCursor(const Request& request, const model::PlanNode& leaf, graph::NodeId object, Part part,
            bool all);

  // False at the end, also if the request had to stop.
  bool Next(Request& request, Set& set, Hop& hop);

  // The whole set is stored and unconditional: nothing can fail, nothing needs looking at but the
  // tuples that lead somewhere.
  bool plain() const { return plain_; }

 private:
  bool NextEntry(Request& request);

  const model::PlanNode* leaf_;
  const model::PlanRelation* relation_;
  graph::NodeId object_;
  Part part_;
  bool all_;
  bool plain_;
  std::uint32_t entry_ = 0;                        // Of the relation; the next one to enter.
  model::RelationIndex target_ = model::kNoIndex;  // Of the current entry.
  const ContextualEdge* contextual_ = nullptr;
  const ContextualEdge* contextual_end_ = nullptr;
  graph::RowCursor row_;
};

}  // namespace pemba::engine::internal
