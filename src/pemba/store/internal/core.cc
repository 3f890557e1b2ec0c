#include "pemba/store/internal/core.h"

#include "pemba/base/assert.h"
#include "pemba/store/stores.h"

namespace pemba::store::internal {

StoreCore::StoreCore(Shared& shared, const StoreId& id) : shared_(shared), id_(id) {}

StoreCore::StoreCore(Shared& shared, StoreId id, State& empty,
                     std::function<Result<StoreCore*>(const StoreId&)> adopt)
    : shared_(shared), id_(std::move(id)), adopt_(std::move(adopt)), state_(&empty) {}

Result<std::unique_ptr<StoreCore>> StoreCore::Load(Shared& shared, const StoreId& id) {
  std::unique_ptr<StoreCore> core(new StoreCore(shared, id));
  PEMBA_TRY(auto loaded, LoadGraph(shared, id));
  core->changes_since_checkpoint_ = loaded.replayed;
  core->state_ = new State(shared, core->id_, std::move(loaded));
  // A first look will tell when the next one expires.
  if (core->state_.load()->graph->expiring() > 0) core->NoteExpiry(WallTime());
  return core;
}

StoreCore::~StoreCore() {
  if (!adopt_) delete state_.load();
}

View StoreCore::Pin() const {
  auto guard = shared_.reclaimer.Enter();
  const State& state = *state_.load();  // After the guard: it will not be freed under it.
  return {std::move(guard), *this, state, state.graph->Pin()};
}

Result<View> StoreCore::PinAtLeast(Revision revision, std::optional<SteadyTime> deadline) const {
  auto view = Pin();
  if (view.revision() >= revision) return view;
  if (deadline && shared_.datastore.shared() != nullptr) {
    PEMBA_TRY(view, PinNewest(*deadline));
    if (view.revision() >= revision) return view;
  }
  auto sealed = Sealed::kNo;
  {
    std::unique_lock lock(write_mutex_);
    if (deadline) {
      // Whether it was reached in time, the view says.
      (void)AwaitSettled(lock, deadline, [&] {
        return sealed_ == Sealed::kYes || state_.load()->graph->published() >= revision;
      });
    }
    sealed = sealed_;
  }
  if (sealed == Sealed::kYes) {
    PEMBA_TRY(StoreCore* const now, shared_.maintenance.Reopen(id_));
    return now->PinAtLeast(revision, deadline);
  }
  view = Pin();
  if (view.revision() >= revision) return view;
  return Error{ErrorCode::kUnavailable, "the store has not reached revision " +
                                            std::to_string(revision) + "; it is at " +
                                            std::to_string(view.revision())};
}

Result<ResolvedModel> StoreCore::ResolveModel(const State& state, std::string_view id,
                                              Revision revision) const {
  if (!adopt_) return state.models.Resolve(id, revision);
  // An id without data shares its state with others: nothing may be looked up or kept there.
  if (id.empty()) return LatestModelNotFound(id_);
  return ModelNotFound(id);
}

Result<StoreCore*> StoreCore::Adopted() {
  if (!adopt_) return this;
  return adopt_(id_);
}

void StoreCore::AddTo(StoresTotals& totals) const {
  const auto guard = shared_.reclaimer.Enter();
  const auto& graph = *state_.load()->graph;  // After the guard: it will not be freed under it.
  const auto memory = graph.memory_use();
  ++totals.stores;
  totals.tuples += graph.statistics().tuples;
  totals.revisions += graph.published();
  totals.memory.dictionaries += memory.dictionaries;
  totals.memory.base += memory.base;
  totals.memory.delta += memory.delta;
  totals.memory.writes += memory.writes;
  totals.memory.retired += memory.retired;
}

StoreCore::Sealed StoreCore::Seal() {
  {
    const std::unique_lock models(model_mutex_, std::try_to_lock);
    const std::unique_lock queue(queue_mutex_, std::try_to_lock);
    const std::unique_lock writes(write_mutex_, std::try_to_lock);
    if (!models || !queue || !writes) return Sealed::kNo;
    if (in_flight_ != 0 || failed_ || committing_ || !queue_.empty()) return Sealed::kNo;
    sealed_ = Sealed::kYes;
  }
  settled_.notify_all();
  return Sealed::kYes;
}

void StoreCore::SaveCheckpoint() {
  const auto counted = changes_since_checkpoint_.load();
  const auto view = Pin();
  const auto saved = internal::SaveCheckpoint(shared_, id_, view.snapshot());
  if (saved.ok()) {
    changes_since_checkpoint_ -= counted;
  } else {
    shared_.Report("store '" + id_.value +
                   "': its checkpoint could not be saved: " + saved.error().message);
  }
}

}  // namespace pemba::store::internal
