// VisitSteps: what a search does at every goal of one relation, worked out once per request.
//
// A walk through folders or groups asks the same few things of object after object. Which
// partitions are concerned, whether the subject is in any tuple of them at all, and where the
// others lead does not depend on the object: it is found out at the first goal of a relation and
// kept for the others.
#pragma once

#include <cstdint>

#include "pemba/engine/internal/arena_vector.h"
#include "pemba/graph/partition_view.h"
#include "pemba/model/plan.h"

namespace pemba::engine::internal {

class Request;

struct VisitStep {
  enum class Kind : std::uint8_t {
    kSubject,  // Is there the tuple from the object to `node`?
    kHops,     // Ask `target` of every object that `view` leads to.
    kMeet,     // Does `view` lead to an object from which `last` has a tuple to `node`?
  };
  enum class Asked : std::uint8_t { kNever, kOnce, kOften };

  Kind kind = Kind::kSubject;
  Asked asked = Asked::kNever;
  graph::NodeId node = graph::kNoNode;            // The subject's, or that of its wildcard.
  model::RelationIndex target = model::kNoIndex;  // kHops.
  graph::PartitionView view = {};
  graph::PartitionView last = {};  // kMeet.
};

// Of one relation from which only unions can be reached, with all that it leads to without a tuple.
struct VisitSteps {
  // Not plain: conditions or contextual tuples are concerned; `steps` is empty, and every goal has
  // to be looked at from the start.
  enum class Form : std::uint8_t { kNotPlain, kPlain } form = Form::kNotPlain;
  VisitStep* steps = nullptr;  // In the request's arena.
  std::uint32_t count = 0;
  bool reached = false;  // By the subject, as far as the model can tell.

  // Steps that can never come to anything are dropped. The order of steps means nothing.
  void Drop(std::uint32_t step) { steps[step] = steps[--count]; }
};

// By relation. Serves one request and its subject.
class VisitStepsCache {
 public:
  explicit VisitStepsCache(Arena& arena) : index_(arena), steps_(arena) {}

  // Valid as long as the arena.
  VisitSteps& Of(const Request& request, model::RelationIndex relation) {
    return relation == last_relation_ ? *last_ : Find(request, relation);
  }

 private:
  VisitSteps& Find(const Request& request, model::RelationIndex relation);

  // Walks stay with a relation for a while.
  model::RelationIndex last_relation_ = model::kNoIndex;
  VisitSteps* last_ = nullptr;
  GoalIndex index_;
  ArenaVector<VisitSteps*> steps_;
};

}  // namespace pemba::engine::internal
