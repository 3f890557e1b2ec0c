// Lister: enumerates the objects that a subject has a relation to, and the users that have a
// relation to an object, on one snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include <boost/json/object.hpp>

#include "pemba/base/arena.h"
#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/graph/graph.h"
#include "pemba/tuple/tuple.h"

namespace pemba::engine {

// Which objects of `type` does `subject` (an object, a userset or a wildcard) have `relation` to?
struct ObjectsQuery {
  std::string_view type = {}, relation = {};
  std::string_view subject = {};
  std::span<const tuple::Tuple> contextual_tuples = {};  // Validated against the model already.
  const boost::json::object* context = nullptr;          // Of the request; null: none.
  std::optional<SteadyTime> deadline = {};
};

// Which users of one kind have `relation` to `object` (`type:id`)?
struct UsersQuery {
  std::string_view object = {}, relation = {};
  std::string_view user_type = {};
  std::string_view user_relation = {};  // Not empty: usersets `user_type:id#user_relation`.
  std::span<const tuple::Tuple> contextual_tuples = {};
  const boost::json::object* context = nullptr;
  std::optional<SteadyTime> deadline = {};
};

enum class ListOutput : std::uint8_t {
  kNames,
  kCountOnly,  // The sink is not called.
};

struct ListOptions {
  std::uint64_t count_max = 0;  // 0: no limit.
  // Goes on after this id, the last one of the page before; empty: from the start.
  std::string_view after = {};
  ListOutput output = ListOutput::kNames;
};

enum class ListEnd : std::uint8_t {
  kComplete,  // Nothing follows.
  kCountMax,  // The limit came first, and at least one more follows.
  kDeadline,  // Time ran out: what was given is true, but more may follow.
  kStopped,   // The sink wanted no more.
};

struct ListSummary {
  std::uint64_t count = 0;      // Given to the sink, or counted.
  std::uint64_t confirmed = 0;  // Candidates that Check was asked about.
  ListEnd end = ListEnd::kComplete;
};

enum class SinkWants : std::uint8_t { kMore, kNoMore };

// Receives ids, without their type, some at a time. The texts are valid as long as the snapshot and
// the arena.
using ListSink = std::function<SinkWants(std::span<const std::string_view> ids)>;

// The id that stands for `user_type:*` in the answer of ListUsers.
inline constexpr std::string_view kWildcardId = "*";

// Answers come without duplicates and in one order, whatever the page size: a wildcard first, then
// ids as the store first saw them, then names that only contextual tuples know. So the last id of a
// page is all that a cursor needs, and it stays good while others write.
//
// Thread-safe (const after construction), takes no lock, never blocks. Iterative: the depth of the
// data costs arena memory, not stack.
//
// The deadline ends a list early with what was found (kDeadline). Errors of both:
//   kTypeNotFound, kRelationNotFound     the model does not have it
//   kValidation                          a condition that was met on the way cannot be evaluated;
//                                        ListObjects: the subject is of an unknown type or relation
//   kInvalidContinuationToken            `after` is no id that this list could have given
//   kTooComplex                          the work limit; ListUsers: resolve_node_limit
//   kResourceExhausted                   memory_bytes_max
// Once the sink has been called an error may still come: what was given is true all the same.
class Lister {
 public:
  Lister(CheckLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  // Exactly the objects for which Check, without a limit of hops, is kAllowed. Starts at the
  // subject and walks the model backwards, in sets.
  // Cost: O(tuples that lead from the subject to answers), and a Check for each candidate that
  // stands right of a `but not` which conditions or nested operators may leave open.
  Result<ListSummary> ListObjects(const graph::Snapshot& snapshot, const BoundModel& model,
                                  const ObjectsQuery& query, const ListOptions& options,
                                  Arena& arena, const ListSink& sink) const;

  // Every user that is named and for whom Check is kAllowed; who is covered by a wildcard alone
  // need not be named. The wildcard itself is an answer if Check allows `user_type:*`; it does not
  // tell whom a `but not` excludes. Starts at the object and walks forward, in sets. Every step
  // counts against resolve_node_limit here, also one to another relation of the same object.
  // Cost: O(usersets and parents reachable from object#relation), and the direct tuples of as many
  // users as are given.
  Result<ListSummary> ListUsers(const graph::Snapshot& snapshot, const BoundModel& model,
                                const UsersQuery& query, const ListOptions& options, Arena& arena,
                                const ListSink& sink) const;

 private:
  CheckLimits limits_;
  const Clock& clock_;
};

}  // namespace pemba::engine
