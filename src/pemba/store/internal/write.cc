// The write path: see the drawing in store.h.
#include <algorithm>
#include <chrono>

#include "pemba/base/assert.h"
#include "pemba/engine/bound_model.h"
#include "pemba/store/internal/change_plan.h"
#include "pemba/store/internal/convert.h"
#include "pemba/store/internal/core.h"

namespace pemba::store::internal {
namespace {

// INVARIANT: the view of that snapshot lives until the write is judged, so that the graph that the
// places are of does, too, and no other has its address.
graph::Places LocateTuples(const WriteRequest& request, const graph::Snapshot& snapshot) {
  std::vector<tuple::TupleView> tuples(request.deletes.begin(), request.deletes.end());
  tuples.reserve(request.deletes.size() + request.writes.size() + request.plain_writes.size());
  for (const auto& t : request.writes) tuples.push_back(t.view());
  tuples.insert(tuples.end(), request.plain_writes.begin(), request.plain_writes.end());
  return snapshot.Locate(tuples);
}

}  // namespace

Result<WriteResult> StoreCore::Write(const WriteRequest& request, LockedEnd* end) {
  if (adopt_) return ResolveModel(*state_.load(), request.model_id, 0).error();
  if (request.model != nullptr) return WriteWithModel(request, end);
  View start = Pin();
  PEMBA_TRY(const auto model, start.ResolveModel(request.model_id));
  PEMBA_TRY(auto checked,
            CheckRequest(request, model.bound->plan(), shared_.options, shared_.clock.Now()));
  // Here many do it at once; under the write lock, one after the other.
  checked.places = LocateTuples(request, start.snapshot());
  return WriteChecked(checked, std::move(start), end);
}

Result<WriteResult> StoreCore::WriteChecked(const CheckedWrite& checked, View start,
                                            LockedEnd* end) {
  Pending pending;
  {
    View view = std::move(start);
    if (shared_.datastore.shared() != nullptr) return WriteShared(checked, view.snapshot(), end);
    PEMBA_TRY(pending, Enqueue(checked, view.snapshot()));
    if (pending.sealed == Sealed::kYes) {
      PEMBA_TRY(StoreCore* const now, shared_.maintenance.Reopen(id_));
      return now->WriteChecked(checked, std::move(view), end);
    }
  }  // The view goes before the wait: nothing is held back while the disk works.

  const WriteResult result{pending.revision, pending.written, pending.deleted};
  if (!pending.ticket) {
    PEMBA_TRY(std::ignore, AwaitPublished(pending, checked.request->deadline));
    return result;
  }
  const Status durable = pending.ticket->Wait();
  Settle(pending, durable);
  if (!durable.ok()) return durable.error();
  CountChanges(pending.written + pending.deleted);
  return result;
}

// Everything that needs the head, and nothing that blocks on the disk unless the store must be
// loaded again.
Result<StoreCore::Pending> StoreCore::Enqueue(const CheckedWrite& checked,
                                              const graph::Snapshot& start) {
  std::unique_lock lock(write_mutex_);
  if (sealed_ == Sealed::kYes) return Pending{.ticket = nullptr, .sealed = Sealed::kYes};
  PEMBA_TRY(std::ignore, shared_.datastore.Health());
  PEMBA_TRY(std::ignore, AwaitSettled(lock, checked.request->deadline,
                                      [&] { return !failed_ || in_flight_ == 0; }));
  PEMBA_TRY(std::ignore, ReloadIfFailed());
  State& state = *state_.load();

  // From here on the write may become durable, so that only its end says what became of it.
  PEMBA_TRY(std::ignore, shared_.CheckDeadline(checked.request->deadline));
  // One time for the whole write, in the log's resolution, never before the last one.
  const auto now = std::chrono::floor<std::chrono::milliseconds>(shared_.clock.Now());
  const WallTime time = std::max<WallTime>(now, state.last_time);
  PEMBA_TRY(const auto plan, PlanChanges(checked, *state.graph, start, time, shared_.options));
  const auto& changes = plan.changes;
  const auto records = checked.request->records;
  Pending pending{.generation = state.generation,
                  .revision = state.graph->applied(),
                  .written = plan.written,
                  .deleted = plan.deleted,
                  .ticket = nullptr};
  const bool dry = checked.request->effect == WriteRequest::Effect::kNone;
  if (dry || (changes.empty() && records.empty())) return pending;

  pending.revision = state.graph->applied() + 1;
  const auto applied = state.graph->Apply(pending.revision, time, changes);
  shared_.WatchRoom(id_, applied);
  PEMBA_TRY(std::ignore, applied);
  state.last_time = time;
  ++in_flight_;
  for (const auto& change : changes) {
    if (change.expires_at) NoteExpiry(*change.expires_at);
  }
  const auto entry = ToStorage(changes);
  pending.ticket = shared_.datastore.Append(id_, {pending.revision, time, entry, records});
  return pending;
}

// The write is durable, or it failed.
//
// INVARIANT: the log of a store is durable in the order of its revisions, so that with this one
// everything before it is, and may be seen.
//
// After a failure the graph holds changes that the log does not. Readers stay on what was
// published, which is durable; writers go on from the log, once every append on the old graph has
// come back: what the log refuses of those is refused because it does not follow, and must not come
// to follow a write made after it.
void StoreCore::Settle(const Pending& pending, const Status& durable) {
  // Most of those who shared a sync find a later one of them published: they need no lock. Until
  // the count goes down the state is not replaced; whoever takes it to zero after a failure
  // reloads, and sees the failure, because that is set before its own count goes down.
  if (durable.ok() && state_.load()->graph->published() >= pending.revision) {
    if (--in_flight_ == 0 && failed_) ReloadAfterFailure();
    return;
  }
  {
    const std::lock_guard lock(write_mutex_);
    graph::Graph& graph = *state_.load()->graph;
    if (!durable.ok()) {
      failed_ = true;
    } else if (pending.revision > graph.published()) {
      graph.Publish(pending.revision);
    }
  }
  settled_.notify_all();
  shared_.publications.Tell(id_);
  if (--in_flight_ == 0 && failed_) ReloadAfterFailure();
}

void StoreCore::ReloadAfterFailure() {
  {
    const std::lock_guard lock(write_mutex_);
    if (in_flight_ == 0) {
      const auto reloaded = ReloadIfFailed();
      if (!reloaded.ok()) shared_.Report(reloaded.error().message);
    }
  }
  settled_.notify_all();
}

Status StoreCore::AwaitSettled(std::unique_lock<std::mutex>& lock,
                               std::optional<SteadyTime> deadline,
                               const std::function<bool()>& done) const {
  while (!done()) {
    PEMBA_TRY(std::ignore, shared_.CheckDeadline(deadline));
    if (deadline) {
      settled_.wait_until(lock, *deadline);
    } else {
      settled_.wait(lock);
    }
  }
  return Done{};
}

// For a request that found everything done: what it relies on may still be on its way, and fail.
Status StoreCore::AwaitPublished(const Pending& pending, std::optional<SteadyTime> deadline) {
  std::unique_lock lock(write_mutex_);
  const auto current = [&] {
    const State& state = *state_.load();
    return state.generation == pending.generation && !failed_ ? &state : nullptr;
  };
  PEMBA_TRY(std::ignore, AwaitSettled(lock, deadline, [&] {
              const State* state = current();
              return state == nullptr || state->graph->published() >= pending.revision;
            }));
  if (current() != nullptr) return Done{};
  return Error{ErrorCode::kConflict, "transactional write failed due to conflict"};
}

// The write lock is held and nothing is in flight. The old state goes when its readers do. While
// this fails, the next writer tries again.
Status StoreCore::ReloadIfFailed() {
  if (!failed_) return Done{};
  PEMBA_ASSERT(in_flight_ == 0);
  PEMBA_TRY(auto loaded, LoadGraph(shared_, id_));
  ReplaceState(std::move(loaded));
  failed_ = false;
  return Done{};
}

// The write lock is held.
void StoreCore::ReplaceState(LoadedGraph loaded) {
  State* const old = state_.load();
  state_.store(new State(shared_, id_, std::move(loaded), old->generation + 1));
  shared_.publications.Tell(id_);  // The log may have more than was published.
  shared_.reclaimer.Retire([old] { delete old; });
  shared_.maintenance.RequestCollect();
}

void StoreCore::CountChanges(std::uint64_t changes) {
  const auto threshold = shared_.options.changes_per_checkpoint;
  const auto before = changes_since_checkpoint_.fetch_add(changes);
  if (threshold != 0 && before < threshold && before + changes >= threshold) {
    shared_.maintenance.RequestCheckpoint(id_);
  }
}

}  // namespace pemba::store::internal
