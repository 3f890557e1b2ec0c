// Replicator: brings a provider to the state of the control plane's store, step by step.
//
// Level-triggered: the change log only says which tuples to look at; what they should be is what
// the store has now. So a step may be made again, or after later ones, and nothing that has been
// removed meanwhile comes back. Used by one thread; blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/provider/provider.h"
#include "pemba/store/store.h"

namespace pemba::provider {

// A tuple that the provider refuses for its own sake.
struct Rejection {
  tuple::Tuple tuple;
  Error error;
};

namespace internal {

struct ReplicatorOptions {
  std::size_t changes_per_step = 1'000;
  std::function<Status()> pace = {};  // While all tuples are compared; see CompareOptions.
};

class Replicator {
 public:
  // Borrows everything.
  Replicator(const store::Store& store, Provider& provider, const Clock& clock,
             ReplicatorOptions options);

  // Goes on after that revision, as somebody did before. Errors: kInvalidArgument (the store has
  // not reached it: it was restored from a backup).
  Status Resume(Revision applied);

  // Makes everything anew: compares all tuples and repairs the differences.
  Status Resync();

  struct Step {
    Revision applied = 0;
    std::vector<WallTime> committed = {};  // When what was applied had been written.
    bool more = false;
  };
  // The next changes of the log.
  Result<Step> Follow();

  // Makes these tuples with the provider what they are in the store.
  Status Converge(std::span<const tuple::Tuple> tuples);

  // Managed types to the provider: those of the store's newest model beside those that it has, or
  // those of a model that the store had before what was followed so far, in their place.
  Status PublishBeside();
  Status PublishInstead(std::string_view store_model);
  // The id of the store's newest model; empty: none.
  std::string StoreModel() const;

  Revision applied() const { return position_.revision; }
  // What is refused now, by text. Cleared by RetryRejected.
  const std::map<std::string, Rejection>& rejected() const { return rejected_; }
  Status RetryRejected();

  // Whether the provider has lost what it had (it was reset): every call that notices fails
  // (kUnavailable), until Resync.
  bool lost() const { return lost_; }

 private:
  struct Wanted {
    std::vector<tuple::Tuple> removes, adds;
  };
  Result<Wanted> Look(std::span<const tuple::Tuple> tuples) const;
  Status Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds);
  Status EachAlone(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds);
  Result<model::Model> ProviderModel();
  Status Publish(const model::Model& managed);
  void RejectUnknown(std::vector<tuple::Tuple>& adds, const Error& error);
  bool ModelAccepts(std::span<const tuple::Tuple> adds) const;

  const store::Store& store_;
  Provider& provider_;
  const Clock& clock_;
  const ReplicatorOptions options_;
  store::FeedPosition position_;
  model::Model model_;  // The provider's, as last seen; without an id: not seen yet.
  std::map<std::string, Rejection> rejected_;
  bool has_model_ = false;  // It had one.
  bool lost_ = false;
};

}  // namespace internal
}  // namespace pemba::provider
