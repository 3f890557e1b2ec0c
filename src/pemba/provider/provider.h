// Provider: whoever keeps the relationship tuples that follow from declared access, and decides on
// them. A seam with two implementations: `embedded.h`, a store of this process, and `openfga.h`, a
// server elsewhere. Both pass testing/provider_contract.h, which is this page as tests.
//
// Terms: the *managed* types are those that the control plane makes, all others are *foreign* and
// belong to whoever wrote them (model_merge.h). A *revision* is one of the control plane's store.
//
// Errors say by their code what helps (ClassOf):
//
//   transient    kUnavailable, kConflict, kThrottled, kResourceExhausted, kCancelled: later, again.
//   stale model  kModelNotFound, kLatestModelNotFound, kTypeNotFound, kRelationNotFound: the
//                provider's model lacks what the request needs; write the model, then again.
//   unknown      kDeadlineExceeded: a change may or may not have been made. Changes are idempotent:
//                make it again.
//   permanent    everything else: the same request fails the same way.
//
// Thread-safe. Calls block, for no longer than their deadline or that of the implementation. No
// text of an error or a log has a secret in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/explanation.h"
#include "pemba/model/model.h"
#include "pemba/store/store.h"
#include "pemba/tuple/tuple.h"

namespace pemba::provider {

using engine::Decision;
using store::Revision;

enum class FailureClass : std::uint8_t { kTransient, kStaleModel, kPermanent, kUnknown };
FailureClass ClassOf(ErrorCode code);

// What the control plane may ask for. Limits of 0: none.
struct Capabilities {
  std::size_t tuples_per_write_max = 0;  // Atomic; Apply makes more in several steps.
  std::size_t checks_per_batch_max = 0;  // Check splits what is more.
  std::size_t types_per_model_max = 0;
  std::size_t model_bytes_max = 0;
  bool idempotent_writes = false;  // The provider itself skips what is there already.
  bool lists = false;              // ListObjects and ListUsers.
  bool explain = false;
  bool revisions = false;  // Understands ReadOptions::at_least.
};

struct ReadOptions {
  std::optional<Revision> at_least = {};    // What was committed by then is seen.
  std::optional<SteadyTime> deadline = {};  // Absent: the implementation's own patience.
};

// kDegraded: decides, but is behind or differs from what it should be.
enum class Health : std::uint8_t { kOk, kDegraded, kDown };

// A list that may have been cut, by `max`, by time or by the provider's own limits.
struct Names {
  std::vector<std::string> names;
  bool complete = true;
};

class Provider {
 public:
  virtual ~Provider() = default;

  virtual Capabilities capabilities() const = 0;

  // The newest model, foreign types and all; without id and types if there is none.
  virtual Result<model::Model> ReadModel() = 0;
  // Makes `model` the newest one if the newest is still `expected_id` (empty: none yet); answers
  // its id. The model is written as it is: merging is the caller's (model_merge.h). Errors:
  // kConflict (another one is newest: read and merge again), kInvalidModel, kLimitExceeded.
  virtual Result<std::string> WriteModel(const model::Model& model,
                                         std::string_view expected_id) = 0;

  // Afterwards the removed tuples are not there and the added ones are; what is so already stays as
  // it is. Removals come first; a tuple among both is there afterwards. Beyond
  // tuples_per_write_max it is made in steps: on an error any prefix of them may have been made.
  // Success: Check sees all of it.
  virtual Status Apply(std::span<const tuple::Tuple> removes,
                       std::span<const tuple::Tuple> adds) = 0;

  // One outcome per question, in order. An error is never a denial, and one question's error is not
  // another's.
  virtual std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                              const ReadOptions& options) = 0;

  // The objects `type:id` that the user has the relation to; at most `max` (0: no limit of ours).
  virtual Result<Names> ListObjects(std::string_view type, std::string_view relation,
                                    std::string_view user, const ReadOptions& options,
                                    std::size_t max) = 0;
  // The users of these types (`type` or `type#relation`) that have the relation to the object:
  // `type:id`, `type:id#relation` or `type:*`, type by type.
  virtual Result<Names> ListUsers(std::string_view object, std::string_view relation,
                                  std::span<const std::string> user_types,
                                  const ReadOptions& options) = 0;

  // Every tuple, foreign ones too, in no particular order. What changes meanwhile may be missing.
  // An error of `visit` ends it and is answered.
  virtual Status ReadTuples(const std::function<Status(tuple::Tuple)>& visit) = 0;

  // Errors also: kUnimplemented (see capabilities).
  virtual Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                              const ReadOptions& options) = 0;

  virtual Health health() const = 0;  // Does not block.
};

}  // namespace pemba::provider
