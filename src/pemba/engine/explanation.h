// Explanation: why a check came out as it did.
//
// A proof is a list of nodes. A node rests on nodes of smaller numbers only, so it can be checked
// in one pass from the front, and no chain of data is too deep for it; the last node is the
// question. What a proof says about tuples that are there can be checked from the tuples that it
// names and the model alone. Where it says that something is *not* so (the right side of a
// `but not`), it names every tuple that was looked at: that there are no others is the one thing
// that only the store knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/result.h"
#include "pemba/engine/checker.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine {

// A tuple that was looked at.
struct Evidence {
  enum class Origin : std::uint8_t { kStored, kContextual };

  tuple::Tuple tuple;
  Origin origin = Origin::kStored;
  // What the condition was evaluated on: the request's context with the tuple's laid over it, as
  // far as the condition has parameters of these names.
  boost::json::object context = {};
};

struct ProofStep {
  enum class State : std::uint8_t {
    kHolds,             // The tuple counts; `node`, if any, holds.
    kDenied,            // The tuple counts or there is none; `node` does not hold.
    kConditionNotMet,   // The tuple does not count.
    kConditionFailed,   // As above; others of its set do, which hides the failure.
    kRelationNotFound,  // The tuple leads to a type that lacks the relation.
  };

  State state = State::kHolds;
  std::optional<Evidence> evidence = {};
  std::optional<std::uint32_t> node = {};  // What this step asks next.
  std::string message = {};                // Of kConditionFailed.
};

enum class ProofRule : std::uint8_t {
  kReflexive,       // The subject is this very userset. No steps.
  kDirect,          // Tuples of the relation itself: the one that allows, or all there are.
  kComputed,        // Another relation of the same object.
  kTupleToUserset,  // A relation of the objects that tuples name: one of them, or all there are.
  kUnion,           // One operand that holds, or all.
  kIntersection,    // All operands, or one that does not hold.
  kDifference,      // Base, and the right side that does not hold; or the one that decides.
  kUnreachable,     // No path of the model leads from such subjects to the relation. No steps.
  kCut,             // Left out to keep the proof small. Only for what does not hold.
};

// `object#relation@subject` for the subject of the question: it holds (kAllowed) or not.
struct ProofNode {
  std::string object, relation;
  Decision decision = Decision::kDenied;
  ProofRule rule = ProofRule::kCut;
  std::vector<ProofStep> steps = {};
  std::uint32_t steps_cut = 0;  // How many more there are. Only for what does not hold.
};

// One thing that stands between the subject and the relation.
struct Obstacle {
  enum class Kind : std::uint8_t {
    kMissingTuple,     // `tuple` is not there. Its condition, if any, has to be met too.
    kMissingLink,      // No tuple leads on; its subject names the kind: `group#member`, `folder`.
    kConditionNotMet,  // `tuple` is there, its condition is not met.
    kConditionFailed,  // `tuple` is there, its condition could not be evaluated: see `message`.
    kExcluded,         // `tuple` asks the right side of a `but not`, and it holds.
    kUndecided,        // As above, but the question comes back to itself.
  };

  Kind kind = Kind::kMissingTuple;
  tuple::Tuple tuple;
  std::optional<Evidence> evidence = {};  // Conditions: on what; kExcluded: a tuple it rests on.
  std::string message = {};
  // How far away this is: a link needs a tuple and what comes after it.
  std::uint32_t cost() const { return kind == Kind::kMissingLink ? 2 : 1; }
};

// Obstacles that are all there is on one way to "allowed".
struct NearMiss {
  std::vector<Obstacle> obstacles;
  std::uint32_t cost = 0;
};

// A leaf that could not be decided.
struct FailedLeaf {
  std::string object, relation;           // The question it belongs to.
  std::optional<Evidence> evidence = {};  // None: the limit of hops was met here.
  std::string message;
};

struct Explanation {
  // As Check answers.
  Result<Decision> outcome = Decision::kDenied;
  std::vector<ProofNode> proof = {};       // If allowed.
  std::vector<NearMiss> near_misses = {};  // If denied; the closest first.
  std::vector<FailedLeaf> failures = {};   // If the check failed.
  // Denied and failed: everything within reach was looked at. An allowing proof needs no more.
  bool complete = true;
};

}  // namespace pemba::engine
