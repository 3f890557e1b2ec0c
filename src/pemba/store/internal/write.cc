// The write path: see the drawing in store.h.
#include <algorithm>
#include <chrono>

#include "pemba/base/assert.h"
#include "pemba/engine/bound_model.h"
#include "pemba/store/internal/core.h"
#include "pemba/store/internal/write_checks.h"

namespace pemba::store::internal {
namespace {

std::vector<storage::Change> ToStorage(std::span<const graph::Change> changes) {
  std::vector<storage::Change> converted;
  converted.reserve(changes.size());
  for (const auto& change : changes) {
    converted.push_back({static_cast<storage::Change::Operation>(change.operation), change.tuple,
                         change.condition, change.context});
  }
  return converted;
}

}  // namespace

Result<Revision> StoreCore::Write(const WriteRequest& request) {
  if (adopt_) return ResolveModel(*state_.load(), request.model_id).error();
  Pending pending;
  {
    const View start = Pin();
    PEMBA_TRY(const auto model, start.ResolveModel(request.model_id));
    PEMBA_TRY(const auto checked, CheckRequest(request, model.bound->plan(), shared_.options));
    PEMBA_TRY(pending, Enqueue(checked, start.snapshot()));
  }  // The view goes before the wait: nothing is held back while the disk works.

  if (!pending.ticket) {
    PEMBA_TRY(std::ignore, AwaitPublished(pending));
    return pending.revision;
  }
  const Status durable = pending.ticket->Wait();
  if (!durable.ok()) {
    Abandon(pending.generation);
    return durable.error();
  }
  Publish(pending);
  CountChanges(pending.changes);
  return pending.revision;
}

// Everything that needs the head, and nothing that blocks on the disk unless the store must be
// loaded again.
Result<StoreCore::Pending> StoreCore::Enqueue(const CheckedWrite& checked,
                                              const graph::Snapshot& start) {
  const std::lock_guard lock(write_mutex_);
  PEMBA_TRY(std::ignore, shared_.datastore.Health());
  PEMBA_TRY(std::ignore, ReloadIfFailed());
  State& state = *state_.load();
  PEMBA_TRY(const auto changes, ChangesToMake(checked, *state.graph, start));
  if (changes.empty()) return Pending{state.generation, state.graph->applied(), 0, nullptr};

  // One time for the whole write, in the log's resolution, never before the last one.
  const auto now = std::chrono::floor<std::chrono::milliseconds>(shared_.clock.Now());
  const WallTime time = std::max<WallTime>(now, state.last_time);
  const Revision revision = state.graph->applied() + 1;
  PEMBA_TRY(std::ignore, state.graph->Apply(revision, time, changes));
  state.last_time = time;
  const auto record = ToStorage(changes);
  return Pending{state.generation, revision, changes.size(),
                 shared_.datastore.Append(id_, {revision, time, record})};
}

// INVARIANT: the log of a store is durable in the order of its revisions, so that everything up to
// `revision` is. If the store was loaded again meanwhile, that happened after a later append had
// failed, hence from a log that holds this revision: it is visible already.
void StoreCore::Publish(const Pending& pending) {
  {
    const std::lock_guard lock(write_mutex_);
    const State& state = *state_.load();
    if (state.generation == pending.generation && pending.revision > state.graph->published()) {
      state.graph->Publish(pending.revision);
    }
    PEMBA_ASSERT(state.graph->published() >= pending.revision);
  }
  published_.notify_all();
}

// For a request that found everything done: what it relies on may still be on its way, and fail.
Status StoreCore::AwaitPublished(const Pending& pending) {
  std::unique_lock lock(write_mutex_);
  const auto current = [&] {
    const State& state = *state_.load();
    return state.generation == pending.generation && !state.failed ? &state : nullptr;
  };
  published_.wait(lock, [&] {
    const State* state = current();
    return state == nullptr || state->graph->published() >= pending.revision;
  });
  if (current() != nullptr) return Done{};
  return Error{ErrorCode::kConflict, "transactional write failed due to conflict"};
}

// An append failed: the graph holds changes that the log may not. Readers stay on what was
// published, which is durable; writers go on from the log. The old state goes when its readers do.
void StoreCore::Abandon(std::uint64_t generation) {
  {
    const std::lock_guard lock(write_mutex_);
    State& state = *state_.load();
    if (state.generation == generation) {
      state.failed = true;
      const auto reloaded = ReloadIfFailed();
      if (!reloaded.ok()) shared_.Report(reloaded.error().message);
    }
  }
  published_.notify_all();
}

// The write lock is held. While this fails, the next writer tries again.
Status StoreCore::ReloadIfFailed() {
  State* failed = state_.load();
  if (!failed->failed) return Done{};
  PEMBA_TRY(auto loaded, LoadGraph(shared_, id_));
  state_.store(new State(shared_, id_, std::move(loaded), failed->generation + 1));
  shared_.reclaimer.Retire([failed] { delete failed; });
  shared_.maintenance.RequestCollect();
  return Done{};
}

void StoreCore::CountChanges(std::uint64_t changes) {
  const auto threshold = shared_.options.changes_per_checkpoint;
  const auto before = changes_since_checkpoint_.fetch_add(changes);
  if (threshold != 0 && before < threshold && before + changes >= threshold) {
    shared_.maintenance.RequestCheckpoint(*this);
  }
}

}  // namespace pemba::store::internal
