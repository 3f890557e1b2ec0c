// Outbox: keeps a provider elsewhere in the state of the control plane's store.
//
// A commit makes objects and tuples here; the outbox follows the store's change log and makes the
// same tuples there. How far it has come is a record of the store itself (`provider/NAME`), so
// after a crash, here or there, it goes on where it was, and making a change twice is making it
// once.
//
//   - Model before tuples: what a tuple needs is written before it, beside what is there. Once all
//     tuples are as they should be and the model has been quiet for a while, exactly the store's
//     managed types are there, and the foreign ones.
//   - Removals before additions, within every step.
//   - A tuple that the provider refuses for good does not hold up others: it is set aside
//   (rejected),
//     and tried again when the model changes and every ten minutes.
//   - A provider that was reset, another provider, or a store that was restored from a backup: all
//     tuples are compared and repaired before it goes on.
//   - From time to time all tuples are compared, and what differs is reported or repaired.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/provider/drift.h"
#include "pemba/provider/internal/replicator.h"
#include "pemba/provider/provider.h"
#include "pemba/store/stores.h"
#include "pemba/telemetry/metrics.h"

namespace pemba::provider {

struct DriftOptions {
  DriftMode mode = DriftMode::kFix;
  std::chrono::milliseconds interval{std::chrono::minutes(10)};
  std::uint64_t tuples_per_second = 20'000;  // Read from the provider; 0: as fast as it goes.
};

struct OutboxOptions {
  std::string name = "provider";  // Of the record. One for each provider of a store.
  // Which store of which server: if it is another than last time, everything is made anew.
  std::string target = {};
  std::chrono::milliseconds model_quiet{200};  // And ten times as long at most.
  std::chrono::milliseconds model_poll{500};   // How often a new model is looked for; ModelChanged.
  // How often the provider's model is looked at: somebody else may have written one, or the
  // provider may have lost all it had.
  std::chrono::milliseconds model_check{10'000};
  std::chrono::milliseconds retry_min{100}, retry_max{60'000};
  std::chrono::milliseconds retry_rejected{std::chrono::minutes(10)};
  std::chrono::milliseconds cursor_interval{1'000};  // How often the record is written at most.
  std::chrono::milliseconds degraded_after{5'000};   // Of not being up to date.
  std::size_t changes_per_step = 1'000;
  DriftOptions drift = {};
  telemetry::Registry* metrics = nullptr;  // Null: none. One outbox per registry.
  // Told whenever there is more, from the outbox's thread: all up to that revision is there, but
  // for what was refused, which is told before, whenever it changed. Nothing goes on meanwhile;
  // they may write to the store, but must not wait for the outbox.
  std::function<void(Revision)> on_applied = {};
  std::function<void(const std::vector<Rejection>&)> on_rejected = {};
  // Told what an operator should know, in one line.
  std::function<void(std::string_view)> report = {};
};

// Where an outbox stands.
struct Standing {
  bool model_published = false;           // The provider has the model that decides here.
  std::size_t rejected = 0, drifted = 0;  // Tuples.
  std::chrono::milliseconds behind{0};    // For how long it has not been up to date.
  // Why it is stuck, in words: it does not come further for longer than `degraded_after`, or the
  // provider refuses what cannot be left out. Empty: it is not.
  std::string trouble = {};
};

// Thread-safe. Has two threads: one applies, one compares.
class Outbox {
 public:
  // Borrows `stores`, `provider` and the clock. Does not wait for the provider. Errors: those of
  // Stores::Keep and of reading the record.
  static Result<std::unique_ptr<Outbox>> Start(store::Stores& stores, const StoreId& store,
                                               Provider& provider, const Clock& clock,
                                               OutboxOptions options);
  ~Outbox();  // Ends what it does, and writes how far it has come.
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // What the provider has for sure. 0: nothing yet.
  Revision applied() const;
  // Errors: kUnavailable (not by then).
  Status AwaitApplied(Revision revision, SteadyTime deadline) const;

  // The store has a new model; saves waiting for model_poll.
  void ModelChanged();

  // Compares now, whatever the interval; fixes what differs if `mode` says so. Waits for both.
  // Errors: those of CompareTuples; kUnavailable (stopping, or the provider cannot be reached).
  Result<Differences> Compare(DriftMode mode);

  std::vector<Rejection> rejected() const;
  // Revisions of the store that the provider may not have yet.
  std::uint64_t backlog() const;
  Standing standing() const;  // Does not block.
  // The metrics have the backlog as of the last step; this is for one who looks during a long one.
  void ShowBacklog();
  Health health() const;  // The provider's, or kDegraded: behind, drifted or with rejections.

 private:
  class Impl;
  explicit Outbox(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pemba::provider
