// A store whose log other servers append to as well (docs/decisions/0008-shared-log.md).
//
// Following: this server's graph is brought up to the log by whoever wants it there: the follower,
// a writer that holds the end of the log, a reader that asks for the newest. They may do so at the
// same time; each write is applied once, in order.
//
// Writing: writers queue; one of them locks the end of the log, follows it, judges the whole queue
// against the state that nobody else can change now, and commits what passed in one transaction.
// Nothing is applied to the graph before it is durable. Whoever takes a turn does the same alone,
// with what it judges by in between.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/model/json.h"
#include "pemba/model/plan.h"
#include "pemba/model/validation.h"
#include "pemba/store/internal/change_plan.h"
#include "pemba/store/internal/convert.h"
#include "pemba/store/internal/core.h"

namespace pemba::store::internal {
namespace {

// So many writes share a transaction at most, and so often is one begun again that the database
// could not fit in.
constexpr std::size_t kBatchMax = 1000;
constexpr int kAttemptsMax = 5;

// The record that says which model a write has brought.
constexpr std::string_view kModelRecord = "model/latest";

// The id of the model that became the latest with the write; empty: none did.
std::string_view ModelOf(const storage::Write& write) {
  for (const auto& record : write.records) {
    if (record.key == kModelRecord && record.value) return *record.value;
  }
  return {};
}

SteadyTime Soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(5); }

}  // namespace

struct StoreCore::QueuedWrite {
  const CheckedWrite* checked;
  const graph::Snapshot* start;
  std::optional<Result<WriteResult>> outcome;  // Set with queue_mutex_ held.
};

// What a batch will be if it is committed.
struct StoreCore::JudgedBatch {
  // One per write that was judged: those at the front of the batch, at least one.
  std::vector<Result<WriteResult>> outcomes;
  std::vector<ChangePlan> plans;
  std::vector<std::vector<storage::Change>> converted;
  std::vector<storage::Write> writes;
  // Of the write that brings a model, the last one.
  std::unique_ptr<storage::ModelRecord> model;
  std::vector<storage::RecordChange> records;
};

struct StoreCore::CommittedBatch {
  std::vector<Result<WriteResult>> outcomes;  // One per write that was judged.
  // The database could not fit it in: nothing was written, and the same batch may be tried again.
  bool refused = false;
};

class StoreCore::HeldEnd final : public Turn {
 public:
  HeldEnd(StoreCore& core, LockedEnd end) : core_(core), end_(std::move(end)) {}
  Result<WriteResult> Write(const WriteRequest& request) override {
    return core_.Write(request, end_ == nullptr ? nullptr : &end_);
  }

 private:
  StoreCore& core_;
  LockedEnd end_;  // Null: it was given back.
};

// The log from the last write that is known: that it is still there, and the same, says that this
// is the log that the graph was made from.
StoreCore::Known StoreCore::LastKnown() const {
  const std::lock_guard lock(write_mutex_);
  const State& state = *state_.load();
  return {state.generation, state.graph->applied(), state.last_time};
}

Status StoreCore::Follow(const ReadLog& read) {
  const Known known = LastKnown();
  enum class Log : std::uint8_t { kSame, kAnother } log = Log::kAnother;
  if (known.revision == 0) log = Log::kSame;
  Status applied = Done{};
  const auto visit = [&](const storage::Write& write) {
    if (write.revision == known.revision) {
      if (write.time != known.time) return storage::Visit::kStop;
      log = Log::kSame;
      return storage::Visit::kContinue;
    }
    applied = ApplyDurable(known.generation, write);
    return applied.ok() ? storage::Visit::kContinue : storage::Visit::kStop;
  };
  const Status outcome = read(known.revision == 0 ? 0 : known.revision - 1, visit);
  // What this server has yet to see is no longer there change by change.
  if (!outcome.ok() && outcome.error().code == ErrorCode::kInvalidArgument) {
    return StartOver(known, outcome.error().message);
  }
  PEMBA_TRY(std::ignore, outcome);
  settled_.notify_all();
  PEMBA_TRY(std::ignore, std::move(applied));
  if (log == Log::kSame) return Done{};
  // The database was put back to an earlier time, say. What it has now is the truth.
  return StartOver(known, "store '" + id_.value +
                              "': the log in the database is not the one that " +
                              "this server knows up to revision " + std::to_string(known.revision));
}

// A write that is durable; it may have been applied already. Readers see it at once.
//
// INVARIANT: the model that a write brings is the latest for those who see the write, and for
// nobody else: it is known before the write is published, under its revision.
Status StoreCore::ApplyDurable(std::uint64_t generation, const storage::Write& write) {
  const View view = Pin();  // Keeps the state while its cache takes the model.
  const std::string_view model = ModelOf(write);
  if (!model.empty() && view.revision() < write.revision) {
    PEMBA_TRY(std::ignore, view.state_->models.Prepare(model));
  }
  {
    const std::lock_guard lock(write_mutex_);
    State& state = *state_.load();
    // A state that was loaded meanwhile has it, or will follow from there.
    if (state.generation != generation || write.revision <= state.graph->applied()) return Done{};
    PEMBA_ASSERT(write.revision == state.graph->applied() + 1);
    const auto made = state.graph->Apply(write.revision, write.time, ToGraph(write.changes));
    shared_.WatchRoom(id_, made);
    PEMBA_TRY(std::ignore, made);
    if (!model.empty()) state.models.BringLatest(model, write.revision);
    state.graph->Publish(write.revision);
    state.last_time = write.time;
  }
  for (const auto& change : write.changes) {
    if (change.expires_at) NoteExpiry(*change.expires_at);
  }
  shared_.publications.Tell(id_);
  CountChanges(write.changes.size());
  return Done{};
}

// The log does not lead on from what the graph was made from.
Status StoreCore::StartOver(const Known& known, const std::string& why) {
  const std::lock_guard turn(start_over_mutex_);
  if (LastKnown().generation != known.generation) return Done{};
  shared_.Report(why + "; the store is loaded again");
  PEMBA_TRY(auto loaded, LoadGraph(shared_, id_));
  const std::lock_guard lock(write_mutex_);
  ReplaceState(std::move(loaded));
  return Done{};
}

Status StoreCore::FollowHead(const storage::LogHead& head) {
  storage::SharedLogs& logs = *shared_.datastore.shared();
  if (head.revision != Pin().revision()) {
    PEMBA_TRY(std::ignore, Follow([&](Revision after, const auto& visit) {
                return logs.ReadTail(id_, after, visit);
              }));
  }
  const View view = Pin();  // Keeps the state while its cache takes the model.
  if (view.revision() < head.revision) {
    return Error{ErrorCode::kDataLoss, "store '" + id_.value + "': the log ends at revision " +
                                           std::to_string(view.revision()) + ", its head says " +
                                           std::to_string(head.revision)};
  }
  return view.state_->models.FollowLatest(head.latest_model);
}

Result<View> StoreCore::PinNewest(SteadyTime deadline) const {
  storage::SharedLogs* const logs = shared_.datastore.shared();
  if (logs == nullptr || adopt_) return Pin();
  PEMBA_TRY(const auto heads, logs->Heads({&id_, 1}, deadline));
  // Logically const: what readers see is brought up to date, not changed.
  PEMBA_TRY(std::ignore, const_cast<StoreCore*>(this)->FollowHead(heads.front()));
  return Pin();
}

Result<WriteResult> StoreCore::WriteWithModel(const WriteRequest& request, LockedEnd* end) {
  if (shared_.datastore.shared() == nullptr) {
    return Error{ErrorCode::kUnimplemented, "a model is not written together with tuples here"};
  }
  PEMBA_TRY(std::ignore, model::ValidateModel(*request.model));
  PEMBA_TRY(const auto plan, model::Plan::Compile(*request.model));
  PEMBA_TRY(const auto checked, CheckRequest(request, *plan, shared_.options, shared_.clock.Now()));
  const View start = Pin();
  return WriteShared(checked, start.snapshot(), end);
}

Result<std::unique_ptr<Turn>> StoreCore::TakeTurn() {
  if (shared_.datastore.shared() == nullptr || adopt_) {
    return Error{ErrorCode::kUnimplemented, "no other server writes here"};
  }
  PEMBA_TRY(auto end, LockEnd());
  PEMBA_TRY(std::ignore, Pin().state_->models.FollowLatest(end->head().latest_model));
  return std::unique_ptr<Turn>(std::make_unique<HeldEnd>(*this, std::move(end)));
}

Result<WriteResult> StoreCore::WriteShared(const CheckedWrite& checked,
                                           const graph::Snapshot& start, LockedEnd* end) {
  QueuedWrite mine{&checked, &start, std::nullopt};
  if (end != nullptr) return std::move(CommitAt(*end, {&mine}).outcomes.front());
  std::unique_lock lock(queue_mutex_);
  if (sealed_ == Sealed::kYes) {
    lock.unlock();
    PEMBA_TRY(StoreCore* const now, shared_.maintenance.Reopen(id_));
    return now->WriteShared(checked, start, end);
  }
  queue_.push_back(&mine);
  while (!mine.outcome) {
    if (committing_) {
      committed_.wait(lock);
      continue;
    }
    committing_ = true;
    const auto count = std::min(queue_.size(), kBatchMax);
    const std::vector<QueuedWrite*> batch(queue_.begin(),
                                          queue_.begin() + static_cast<std::ptrdiff_t>(count));
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    lock.unlock();
    auto outcomes = CommitBatch(batch);
    lock.lock();
    for (std::size_t i = 0; i < outcomes.size(); ++i) batch[i]->outcome = std::move(outcomes[i]);
    // Those that could not be judged with the others go first next time.
    queue_.insert(queue_.begin(), batch.begin() + static_cast<std::ptrdiff_t>(outcomes.size()),
                  batch.end());
    committing_ = false;
    committed_.notify_all();
  }
  return *std::move(mine.outcome);
}

Result<StoreCore::LockedEnd> StoreCore::LockEnd() {
  const Revision revision = LastKnown().revision;
  PEMBA_TRY(auto end,
            shared_.datastore.shared()->Lock(id_, revision == 0 ? 0 : revision - 1, Soon()));
  PEMBA_TRY(std::ignore, Follow([&](Revision after, const auto& visit) {
              return end->ReadWrites(after, visit);
            }));
  return end;
}

std::vector<Result<WriteResult>> StoreCore::CommitBatch(const std::vector<QueuedWrite*>& batch) {
  for (int attempt = 1;; ++attempt) {
    auto end = LockEnd();
    if (!end.ok()) return std::vector<Result<WriteResult>>(batch.size(), end.error());
    auto committed = CommitAt(*end, batch);
    if (!committed.refused || attempt == kAttemptsMax) return std::move(committed.outcomes);
  }
}

StoreCore::CommittedBatch StoreCore::CommitAt(LockedEnd& end,
                                              const std::vector<QueuedWrite*>& batch) {
  auto judged = Judge(batch, end->head());
  if (!judged.ok()) {
    return {std::vector<Result<WriteResult>>(batch.size(), judged.error())};
  }
  if (judged->writes.empty()) return {std::move(judged->outcomes)};
  // What is durable must be shown: room for it is there before.
  Status committed = MakeRoomFor(*judged);
  const auto* const model = judged->model.get();
  if (committed.ok()) committed = end->Commit(judged->writes, model);
  end.reset();  // What follows may want its connection.
  if (!committed.ok()) {
    // Nobody knows whether it was committed. Those who were refused were refused rightly or
    // because of what may have been committed; those who passed cannot be told that they did.
    for (auto& outcome : judged->outcomes) {
      if (outcome.ok()) outcome = committed.error();
    }
    return {std::move(judged->outcomes), committed.error().code == ErrorCode::kConflict};
  }
  const auto generation = LastKnown().generation;
  if (model != nullptr) TakeModel(*model, batch[judged->outcomes.size() - 1]->checked);
  for (const auto& write : judged->writes) {
    const auto applied = ApplyDurable(generation, write);
    // It is durable, and the caller is told so; this server cannot show it.
    if (!applied.ok()) shared_.Report("store '" + id_.value + "': " + applied.error().message);
  }
  settled_.notify_all();
  return {std::move(judged->outcomes)};
}

// It need not be read from the datastore to be compiled here.
void StoreCore::TakeModel(const storage::ModelRecord& record, const CheckedWrite* brought_by) {
  const View view = Pin();
  model::Model model = *brought_by->request->model;
  model.id = record.id.value;
  (void)view.state_->models.Prepare(model);  // What goes wrong will be told again.
}

Status StoreCore::MakeRoomFor(const JudgedBatch& judged) {
  std::vector<graph::Change> changes;
  for (const auto& plan : judged.plans) {
    changes.insert(changes.end(), plan.changes.begin(), plan.changes.end());
  }
  const std::lock_guard lock(write_mutex_);
  const Status reserved = state_.load()->graph->Reserve(changes);
  shared_.WatchRoom(id_, reserved);
  return reserved;
}

// The end of the log is locked: nothing comes after `head` but what this batch adds.
Result<StoreCore::JudgedBatch> StoreCore::Judge(const std::vector<QueuedWrite*>& batch,
                                                const storage::LogHead& head) {
  const std::lock_guard lock(write_mutex_);
  const State& state = *state_.load();
  if (state.graph->applied() != head.revision) {
    return Error{ErrorCode::kUnavailable, "the store could not be brought up to date"};
  }
  Head now(*state.graph);
  const auto clock = std::chrono::floor<std::chrono::milliseconds>(shared_.clock.Now());
  const WallTime time = std::max<WallTime>(clock, state.last_time);
  JudgedBatch judged;
  judged.plans.reserve(batch.size());      // INVARIANT: nothing moves that `writes` and `now`
  judged.converted.reserve(batch.size());  // borrow.
  for (const auto* queued : batch) {
    const CheckedWrite& checked = *queued->checked;
    // What scans sees the graph alone: it must be the first that changes something.
    if (Scans(checked) && !judged.writes.empty()) break;
    const Status in_time = shared_.CheckDeadline(checked.request->deadline);
    auto plan = in_time.ok() ? PlanChanges(checked, now, *queued->start, time, shared_.options)
                             : Result<ChangePlan>(in_time.error());
    const auto* const model = checked.request->model;
    const auto& expected = checked.request->preconditions.latest_model;
    if (plan.ok() && model != nullptr && expected && *expected != head.latest_model) {
      plan = Error{ErrorCode::kConflict, "another authorization model is the latest now"};
    }
    if (!plan.ok()) {
      judged.outcomes.emplace_back(plan.error());
      continue;
    }
    const auto records = checked.request->records;
    const bool dry = checked.request->effect == WriteRequest::Effect::kNone;
    WriteResult result{now.applied(), plan->written, plan->deleted};
    if (!dry && !(plan->changes.empty() && records.empty() && model == nullptr)) {
      const auto& kept = judged.plans.emplace_back(*std::move(plan));
      const auto& converted = judged.converted.emplace_back(ToStorage(kept.changes));
      result.revision = now.applied() + 1;
      now.Add(result.revision, kept.changes);
      judged.writes.push_back({result.revision, time, converted, records});
    }
    judged.outcomes.emplace_back(result);
    if (!dry && model != nullptr) {
      AddModel(*model, head, judged);
      break;  // What comes next is judged by it.
    }
  }
  return judged;
}

// To the last of the writes.
void StoreCore::AddModel(const model::Model& model, const storage::LogHead& head,
                         JudgedBatch& judged) const {
  judged.model = std::make_unique<storage::ModelRecord>(
      storage::ModelRecord{ModelIdAfter(head.latest_model), model::ModelToJson(model)});
  auto& write = judged.writes.back();
  judged.records.assign(write.records.begin(), write.records.end());
  judged.records.push_back({kModelRecord, judged.model->id.value});
  write.records = judged.records;
}

// Of the model that is the latest now: with the revision that brought it.
Result<LatestModel> ReadLatestModel(const storage::Datastore& datastore, const StoreId& store) {
  while (true) {
    PEMBA_TRY(auto record, datastore.ReadLatestModel(store));
    LatestModel latest{std::move(record), 0};
    std::string brought;
    PEMBA_TRY(std::ignore,
              datastore.ReadRecords(store, kModelRecord, [&](const storage::Record& found) {
                if (found.key != kModelRecord) return storage::Visit::kContinue;
                brought = found.value;
                latest.since = found.revision;
                return storage::Visit::kStop;
              }));
    if (brought == latest.record.id.value) return latest;
    // Written apart from tuples.
    if (brought < latest.record.id.value) {
      latest.since = 0;
      return latest;
    }
    // A newer one was brought between the two.
  }
}

}  // namespace pemba::store::internal
