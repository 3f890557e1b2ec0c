// StoreCore: what a Store is made of. See store.h for what its functions promise.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

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
  Result<View> PinNewest(SteadyTime deadline) const;
  // Up to what the datastore says of this store, if others append to its log. Reports nothing.
  // Errors: kUnavailable, kDataLoss, kResourceExhausted.
  Status FollowHead(const storage::LogHead& head);
  Result<View> PinAtLeast(Revision revision, std::optional<SteadyTime> deadline) const;
  // As of that revision of the state.
  Result<ResolvedModel> ResolveModel(const State& state, std::string_view id,
                                     Revision revision) const;
  bool KnowsModel(const State& state, std::string_view id) const {
    return adopt_ || state.models.Knows(id);
  }

  // At an end that the caller holds, or wherever the log ends when its turn comes.
  using LockedEnd = std::unique_ptr<storage::LockedLog>;
  Result<WriteResult> Write(const WriteRequest& request, LockedEnd* end = nullptr);
  Result<std::unique_ptr<Turn>> TakeTurn();
  // Deletes some of the tuples that have expired, in one write.
  enum class Collected : std::uint8_t { kAll, kSome };
  Result<Collected> CollectExpired();
  // When the next tuple expires, as far as is known; the far future: none. Any thread.
  WallTime next_expiry() const { return WallTime(std::chrono::milliseconds(next_expiry_.load())); }

  Result<Revision> ReadRecords(
      std::string_view prefix,
      const std::function<storage::Visit(const storage::Record&)>& visit) const;
  Status ReadWrites(Revision after,
                    const std::function<storage::Visit(const storage::Write&)>& visit) const;
  bool shares_its_log() const { return shared_.datastore.shared() != nullptr; }
  Result<TuplePage> Read(const ReadRequest& request) const;
  Result<ChangePage> ReadChanges(const ReadChangesRequest& request) const;
  Result<FeedPosition> StartFeed(const FeedRequest& request) const;
  Result<FeedBatch> ReadFeed(const FeedPosition& from, std::string_view type,
                             std::size_t changes_max) const;
  std::string MakeFeedToken(const FeedPosition& position, std::string_view type) const;

  // With what this server's settings say of conditions. Errors: those of Plan::Compile.
  Result<std::shared_ptr<const model::Plan>> Compile(const model::Model& model) const;
  // Of a valid model, and its plan.
  Result<ModelId> WriteModel(model::Model model, std::shared_ptr<const model::Plan> plan);
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
    std::uint64_t written = 0, deleted = 0;
    std::unique_ptr<storage::AppendTicket> ticket;  // Null: everything was skipped.
    Sealed sealed = Sealed::kNo;  // kYes: nothing was done; it is another core's to do.
  };

  StoreCore(Shared& shared, const StoreId& id);

  // Of a log that is shared: shared_log.cc.
  struct QueuedWrite;
  struct JudgedBatch;
  struct CommittedBatch;
  class HeldEnd;
  struct Known {  // How far the graph is.
    std::uint64_t generation = 0;
    Revision revision = 0;
    WallTime time;  // Of that revision.
  };
  // Reads a log after a revision.
  using ReadLog =
      std::function<Status(Revision, const std::function<storage::Visit(const storage::Write&)>&)>;
  Known LastKnown() const;
  Status Follow(const ReadLog& read);
  Status ApplyDurable(std::uint64_t generation, const storage::Write& write);
  Status StartOver(const Known& known, const std::string& why);
  // Of a read of the log after that revision: whether it had all that came after. Errors: `code`,
  // with what to do, if not; the read's own.
  Status ExpectWhole(Revision after, const Status& read, ErrorCode code) const;
  Result<WriteResult> WriteWithModel(const WriteRequest& request, LockedEnd* end);
  Result<WriteResult> WriteShared(const CheckedWrite& checked, const graph::Snapshot& start,
                                  LockedEnd* end);
  // Locks it, and follows it.
  Result<LockedEnd> LockEnd();
  std::vector<Result<WriteResult>> CommitBatch(const std::vector<QueuedWrite*>& batch);
  // Gives the end back, unless nothing was to be written.
  CommittedBatch CommitAt(LockedEnd& end, const std::vector<QueuedWrite*>& batch);
  Status MakeRoomFor(const JudgedBatch& judged);
  Result<JudgedBatch> Judge(const std::vector<QueuedWrite*>& batch, const storage::LogHead& head);
  void AddModel(const model::Model& model, const storage::LogHead& head, JudgedBatch& judged) const;
  void TakeModel(const storage::ModelRecord& record, const CheckedWrite* brought_by);

  Result<WriteResult> WriteChecked(const CheckedWrite& checked, View start,
                                   LockedEnd* end = nullptr);
  Result<Pending> Enqueue(const CheckedWrite& checked, const graph::Snapshot& start);
  void NoteExpiry(WallTime expires_at);
  // Waits until `done`, with the write lock. Errors: kDeadlineExceeded.
  Status AwaitSettled(std::unique_lock<std::mutex>& lock, std::optional<SteadyTime> deadline,
                      const std::function<bool()>& done) const;
  void Settle(const Pending& pending, const Status& durable);
  Status AwaitPublished(const Pending& pending, std::optional<SteadyTime> deadline);
  void ReloadAfterFailure();
  void ReplaceState(LoadedGraph loaded);
  Status ReloadIfFailed();
  void CountChanges(std::uint64_t changes);
  Result<ModelId> NextModelId() const;
  ModelId ModelIdAfter(std::string_view latest) const;  // Empty: there is none.

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

  // Of a log that is shared: writers that wait for a transaction, and whether one is under way.
  std::mutex queue_mutex_;
  std::condition_variable committed_;
  std::vector<QueuedWrite*> queue_;
  bool committing_ = false;
  std::mutex start_over_mutex_;  // Taken before write_mutex_.

  std::mutex model_mutex_;  // Serialises WriteModel, so that ids grow.

  // Written with write_mutex_, queue_mutex_ and model_mutex_ held, read with one of them.
  Sealed sealed_ = Sealed::kNo;

  std::atomic<std::uint64_t> changes_since_checkpoint_{0};

  // Milliseconds since 1970: no tuple that is stored expires before. Only ever too early.
  static constexpr std::int64_t kNever = 9'000'000'000'000;  // The clock ends soon after.
  std::atomic<std::int64_t> next_expiry_{kNever};
  std::atomic<bool> expiry_watched_{false};  // Maintenance knows of this store.
};

}  // namespace pemba::store::internal
