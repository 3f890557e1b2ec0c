// Embedded: a store of this process as provider.
//
// Where it is the store that the objects are in, their commits have already made its tuples; Apply
// then finds nothing to do. It may as well be a store of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/id.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/explainer.h"
#include "pemba/provider/provider.h"
#include "pemba/store/stores.h"

namespace pemba::provider {

struct EmbeddedOptions {
  engine::CheckLimits check_limits = {.resolve_node_limit = 100, .steps_max = 10'000'000};
  std::chrono::milliseconds patience{3000};   // Where a call has no deadline of its own.
  std::size_t tuples_per_write_max = 10'000;  // No more than the store's changes_per_write_max.
};

class Embedded final : public Provider {
 public:
  // Borrows `stores` and `clock`. Errors: those of Stores::Keep.
  static Result<std::unique_ptr<Embedded>> Open(store::Stores& stores, const StoreId& id,
                                                const Clock& clock, EmbeddedOptions options = {});
  ~Embedded() override;

  Capabilities capabilities() const override;
  Result<model::Model> ReadModel() override;
  // Compare and swap against whoever else writes models of the store (internal/model_swap.h).
  Result<std::string> WriteModel(const model::Model& model, std::string_view expected_id) override;
  Status Apply(std::span<const tuple::Tuple> removes, std::span<const tuple::Tuple> adds) override;
  // All of one call on one snapshot. Decides by the newest model.
  std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                      const ReadOptions& options) override;
  Result<Names> ListObjects(std::string_view type, std::string_view relation, std::string_view user,
                            const ReadOptions& options, std::size_t max) override;
  Result<Names> ListUsers(std::string_view object, std::string_view relation,
                          std::span<const std::string> user_types,
                          const ReadOptions& options) override;
  Status ReadTuples(const std::function<Status(tuple::Tuple)>& visit) override;  // One snapshot.
  Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                      const ReadOptions& options) override;
  Health health() const override;  // kDown: the datastore does not take writes.

 private:
  class Impl;
  explicit Embedded(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::provider
