// Replica: a provider elsewhere that an outbox keeps up to date, asked as of the control plane's
// revisions. A question that names a revision (ReadOptions::at_least) waits until it is there, and
// fails (kUnavailable) if it does not get there in time: an old answer is not an answer.
#pragma once

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/provider/decorator.h"
#include "pemba/provider/outbox.h"

namespace pemba::provider {

// Thread-safe.
class Replica final : public Decorator {
 public:
  // Borrows everything. `patience`: how long a question without a deadline waits.
  Replica(Provider& remote, const Outbox& outbox, const Clock& clock,
          std::chrono::milliseconds patience = std::chrono::seconds(3))
      : Decorator(remote), outbox_(outbox), clock_(clock), patience_(patience) {}

  Capabilities capabilities() const override {
    auto capabilities = base().capabilities();
    capabilities.revisions = true;
    return capabilities;
  }
  std::vector<Result<Decision>> Check(std::span<const tuple::Tuple> questions,
                                      const ReadOptions& options) override {
    const auto there = Await(options);
    if (!there.ok()) return {questions.size(), Result<Decision>(there.error())};
    return base().Check(questions, options);
  }
  Result<Names> ListObjects(std::string_view type, std::string_view relation, std::string_view user,
                            const ReadOptions& options, std::size_t max) override {
    PEMBA_TRY(std::ignore, Await(options));
    return base().ListObjects(type, relation, user, options, max);
  }
  Result<Names> ListUsers(std::string_view object, std::string_view relation,
                          std::span<const std::string> user_types,
                          const ReadOptions& options) override {
    PEMBA_TRY(std::ignore, Await(options));
    return base().ListUsers(object, relation, user_types, options);
  }
  Result<engine::Explanation> Explain(const tuple::Tuple& question,
                                      const ReadOptions& options) override {
    PEMBA_TRY(std::ignore, Await(options));
    return base().Explain(question, options);
  }
  Health health() const override { return std::max(base().health(), outbox_.health()); }

 private:
  Status Await(const ReadOptions& options) const {
    if (!options.at_least) return Done{};
    return outbox_.AwaitApplied(*options.at_least,
                                options.deadline.value_or(clock_.Steady() + patience_));
  }

  const Outbox& outbox_;
  const Clock& clock_;
  const std::chrono::milliseconds patience_;
};

}  // namespace pemba::provider
