// StoreCore: what a Store is made of. See store.h for what its functions promise.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/store/internal/loading.h"
#include "pemba/store/internal/model_cache.h"
#include "pemba/store/internal/shared.h"
#include "pemba/store/store.h"

namespace pemba::store {
struct StoresTotals;  // stores.h
}  // namespace pemba::store

namespace pemba::store::internal {

struct CheckedWrite;  // write_checks.h

// A store as loaded from the datastore. Replaced as a whole if an append fails, because the graph
// then holds changes that may never become durable.
struct State {
  State(Shared& shared, const StoreId& store, LoadedGraph loaded, std::uint64_t number = 0)
      : generation(number),
        graph(std::move(loaded.graph)),
        models(shared, store, *graph),
        last_time(loaded.last_time) {}

  const std::uint64_t generation;  // Counts the times that the store was loaded.
  const std::unique_ptr<graph::Graph> graph;
  mutable ModelCache models;
  // Guarded by StoreCore::write_mutex_.
  WallTime last_time;  // Of the last write that was applied.
};

class StoreCore {
 public:
  // Loads the store.
  static Result<std::unique_ptr<StoreCore>> Load(Shared& shared, const StoreId& id);
  // An id without data; `empty` is a state that nobody writes to, and is borrowed. Only reading and
  // WriteModel, which is done elsewhere, happen to it.
  StoreCore(Shared& shared, StoreId id, State& empty,
            std::function<Result<StoreCore*>(const StoreId&)> adopt);
  ~StoreCore();

  const StoreId& id() const { return id_; }
  const Tokens& tokens() const { return shared_.tokens; }

  View Pin() const;
  Result<View> PinAtLeast(Revision revision, std::optional<SteadyTime> deadline) const;
  Result<ResolvedModel> ResolveModel(const State& state, std::string_view id) const;

  Result<Revision> Write(const WriteRequest& request);

  Result<Revision> ReadRecords(
      std::string_view prefix,
      const std::function<storage::Visit(const storage::Record&)>& visit) const;
  Result<TuplePage> Read(const ReadRequest& request) const;
  Result<ChangePage> ReadChanges(const ReadChangesRequest& request) const;
  Result<FeedPosition> StartFeed(const FeedRequest& request) const;
  Result<FeedBatch> ReadFeed(const FeedPosition& from, std::string_view type,
                             std::size_t changes_max) const;
  std::string MakeFeedToken(const FeedPosition& position, std::string_view type) const;

  Result<ModelId> WriteModel(model::Model model);  // Of a valid model.
  Result<model::Model> ReadModel(std::string_view id) const;
  Result<ModelPage> ListModels(std::size_t page_size, std::string_view continuation_token) const;
  Status WriteAssertions(const WriteAssertionsRequest& request);
  Result<std::vector<Assertion>> ReadAssertions(std::string_view model_id) const;

  void AddTo(StoresTotals& totals) const;

  // Serves this id from now on: registered if this is a core of an id without data.
  Result<StoreCore*> Adopted();

  // Takes no writes and no models from now on, if nothing is on its way: those who still come are
  // sent to the core that Maintenance::Reopen knows. kNo: something is, and nothing has changed.
  enum class Sealed : std::uint8_t { kNo, kYes };
  Sealed Seal();
  std::uint64_t memory_bytes() const { return state_.load()->graph->memory_use().total(); }

  std::uint64_t changes_since_checkpoint() const { return changes_since_checkpoint_.load(); }
  void SaveCheckpoint();  // Reports what goes wrong.

 private:
  // One write on its way: applied and queued, not yet durable.
  struct Pending {
    std::uint64_t generation = 0;  // Of the state that it was applied to.
    Revision revision = 0;
    std::size_t changes = 0;
    std::unique_ptr<storage::AppendTicket> ticket;  // Null: everything was skipped.
    Sealed sealed = Sealed::kNo;  // kYes: nothing was done; it is another core's to do.
  };

  StoreCore(Shared& shared, const StoreId& id);

  Result<Pending> Enqueue(const CheckedWrite& checked, const graph::Snapshot& start);
  void Settle(const Pending& pending, const Status& durable);
  Status AwaitPublished(const Pending& pending);
  void ReloadAfterFailure();
  Status ReloadIfFailed();
  void CountChanges(std::uint64_t changes);
  Result<ModelId> NextModelId() const;

  Shared& shared_;
  const StoreId id_;
  const std::function<Result<StoreCore*>(const StoreId&)> adopt_;  // Only of an id without data.

  // Written under write_mutex_, read by any thread that holds a guard of the reclaimer. Owned,
  // unless this is a core of an id without data.
  std::atomic<State*> state_{nullptr};

  mutable std::mutex write_mutex_;  // The write lock: serialises what changes graph and log order.
  mutable std::condition_variable settled_;  // With write_mutex_: an append came back.

  // Appends on the current state that have not come back, and whether one of them failed: then the
  // state takes no more writes and is replaced when the count is zero. Raised, and cleared, with
  // the write lock held.
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<bool> failed_{false};

  std::mutex model_mutex_;  // Serialises WriteModel, so that ids grow.

  Sealed sealed_ = Sealed::kNo;  // Written with both mutexes held, read with one.

  std::atomic<std::uint64_t> changes_since_checkpoint_{0};
};

}  // namespace pemba::store::internal
