// Store: one store at work. Its tuples, revisions, models and assertions; reads and writes.
//
// Terms: a *revision* counts the committed writes of the store. A *view* is what one request reads:
// the tuples as of one revision, and the models that it resolves.
//
// A write is durable before it is visible and visible before it is acknowledged:
//
//   validate -> [write lock: look at the head, next revision, apply unpublished, append] ->
//   wait until durable -> publish -> acknowledge
//
// Writers of one store share one sync of the datastore; readers never wait for any of them.
//
// Errors carry the texts of the wire contract where it fixes them; api/ maps the codes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "pemba/base/clock.h"
#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/condition/program.h"
#include "pemba/engine/bound_model.h"
#include "pemba/graph/graph.h"
#include "pemba/model/model.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/internal/reclaimer.h"
#include "pemba/tuple/tuple.h"

namespace pemba::store {

using graph::Revision;

struct StoreOptions {
  std::size_t tuples_per_write_max = 100;  // Writes and deletes of one request together.
  // Of an extended write: tuples that the request lists, and changes that it comes to.
  std::size_t changes_per_write_max = 10'000;
  // How many expired tuples of one store are deleted at a time; the next ones a second later.
  std::size_t expired_per_turn_max = 1'000;
  std::size_t assertions_bytes_max = 64000;
  // Changes younger than this are withheld by ReadChanges.
  std::chrono::minutes changelog_horizon{0};
  // ReadChanges stops once it has looked at about so many writes, and changes of other types than
  // the one it was asked for; the next request goes on from there. At least 1.
  std::uint64_t changes_skipped_max = 50'000;
  condition::ProgramOptions conditions = {};
  // Compiled models kept per store; the least recently used one goes first.
  std::size_t models_cached_max = 64;
  // A checkpoint is saved in the background after this many changes; 0: only at shutdown.
  std::uint64_t changes_per_checkpoint = 1'000'000;
};

// What must be so, at the moment of the write and in the same transaction, for it to be made.
struct Preconditions {
  std::optional<Revision> revision = {};  // Nobody has written since.
  // This is still the latest model (empty: there is none). Of a write with a model only.
  std::optional<std::string_view> latest_model = {};
  std::span<const tuple::TupleView> present = {};  // Each of them is stored,
  std::span<const tuple::TupleView> absent = {};   // none of these is.
};

// A class of tuples. Empty fields match everything.
struct TupleFilter {
  std::string_view object_type = {};
  std::string_view object_id = {};  // Needs object_type.
  std::string_view relation = {};
  std::string_view subject_type = {};
  std::string_view subject_id = {};                       // Needs subject_type. `*`: everyone.
  std::optional<std::string_view> subject_relation = {};  // Empty: subjects that are no usersets.
};

// Deletes what matches.
struct FilteredDelete {
  TupleFilter filter = {};    // With an object type.
  std::size_t count_max = 0;  // If more match, the write fails. 0: as many as a write may change.
};

// Makes these the subjects of the relation, and no others. Each is a tuple of that object and
// relation; a subject that is there already gets the condition and the expiry that it has here.
struct Replacement {
  std::string_view object, relation;
  std::span<const tuple::Tuple> tuples = {};
};

struct WriteRequest {
  std::span<const tuple::Tuple> writes = {};
  // More of them, made after `writes`: without conditions, and they stay.
  std::span<const tuple::TupleView> plain_writes = {};
  std::span<const tuple::TupleView> deletes = {};
  std::string_view model_id = {};  // Empty: the latest.
  // Becomes the latest model in the same commit: who sees the revision sees it, nobody before. The
  // tuples are judged by it; its id is ignored. Only where other servers write, too: they might
  // otherwise see one without the other. Null: none. Borrowed.
  const model::Model* model = nullptr;
  std::string_view on_duplicate = {};  // "", "error" or "ignore"; extended: "replace" too.
  std::string_view on_missing = {};    // "", "error" or "ignore".
  // What others keep beside the tuples (storage/datastore.h); changes in the same commit, whatever
  // the options above skip. Not limited by tuples_per_write_max.
  std::span<const storage::RecordChange> records = {};
  Preconditions preconditions = {};
  std::optional<SteadyTime> deadline = {};  // What is not yet queued by then is not written.

  // What the wire's Write does not have. An extended write does, in this order: filtered deletes
  // and replacements, on the state before it; then its deletes and writes, on what these leave.
  // Only the difference between the state before and the state after is written. Its limit is
  // changes_per_write_max; it needs no writes and no deletes.
  enum class Form : std::uint8_t { kPlain, kExtended } form = Form::kPlain;
  // kAny: as many tuples as it takes. For what others decide about who asked within their own
  // limits; never for a request's tuples themselves.
  enum class Size : std::uint8_t { kLimited, kAny } size = Size::kLimited;
  std::span<const FilteredDelete> filtered_deletes = {};
  std::span<const Replacement> replacements = {};
  enum class Effect : std::uint8_t { kWrite, kNone } effect = Effect::kWrite;  // kNone: a dry run.
};

struct WriteResult {
  // At which it is visible. If there was nothing to change, one at which the reasons are; of a dry
  // run, the one that it was judged on.
  Revision revision = 0;
  std::uint64_t written = 0, deleted = 0;  // Tuples that changed, or would have.
};

// Which tuples to read. Absent: all of the store. Otherwise `object` is `type:id`, or `type:`
// together with a subject; relation and subject may be empty.
struct ReadRequest {
  std::optional<tuple::TupleView> filter = {};
  std::optional<TupleFilter> match = {};  // In the place of `filter`; any field may be empty.
  std::size_t page_size = 50;
  std::string_view continuation_token = {};
  std::optional<SteadyTime> deadline = {};
};

struct StoredTuple {
  tuple::Tuple tuple;
  WallTime written_at;
};

struct TuplePage {
  std::vector<StoredTuple> tuples;
  std::string continuation_token;  // Empty: there are no more.
  Revision revision = 0;
};

struct ReadChangesRequest {
  std::string_view type = {};  // Of the objects; empty: all.
  std::size_t page_size = 50;
  std::string_view continuation_token = {};
  std::optional<WallTime> start_time = {};  // Ignored if there is a token.
  std::optional<SteadyTime> deadline = {};
};

struct TupleChange {
  graph::Change::Operation operation = graph::Change::Operation::kWrite;
  tuple::Tuple tuple;  // Without condition if it is a delete.
  WallTime time;
  Revision revision = 0;
};

struct ChangePage {
  std::vector<TupleChange> changes;
  // After the last change that was looked at; the token of the request if there was nothing new of
  // the type. Never an end: poll with it. A page may be empty with a token that leads on.
  std::string continuation_token;
};

// From where a change feed starts: after a revision, or after what a token stands for. Neither:
// with what is written from now on.
struct FeedRequest {
  std::string_view type = {};  // Of the objects; empty: all.
  std::optional<Revision> after_revision = {};
  // Of a feed, or of ReadChanges with the same type. The latter may stand within a write: then the
  // rest of that write comes first.
  std::string_view continuation_token = {};
};

// Where a feed is: its reader knows all writes up to `revision`, and of the one after it the first
// `changes` changes.
struct FeedPosition {
  Revision revision = 0;
  std::uint64_t changes = 0;
  friend bool operator==(const FeedPosition&, const FeedPosition&) = default;
};

// One committed write, as far as it matches.
struct CommittedWrite {
  Revision revision = 0;
  WallTime time;
  std::vector<TupleChange> changes;  // In the order in which they were made; not empty.
};

struct FeedBatch {
  std::vector<CommittedWrite> writes;
  FeedPosition next;  // Everything before it that matches is in the batch.
};

struct ModelPage {
  std::vector<model::Model> models;  // Newest first.
  std::string continuation_token;    // Empty: there are no more.
};

struct Assertion {
  tuple::TupleView view() const { return tuple.view(); }
  tuple::Tuple tuple;  // Without condition.
  bool expectation = false;
  std::vector<tuple::Tuple> contextual_tuples = {};
  std::optional<boost::json::object> context = {};
  friend bool operator==(const Assertion&, const Assertion&) = default;
};

struct WriteAssertionsRequest {
  std::string_view model_id = {};
  std::span<const Assertion> assertions = {};
  std::size_t wire_bytes = 0;  // Of the assertions, each serialized by itself.
};

// A model that a view has resolved. Lives as long as the view.
struct ResolvedModel {
  std::string_view id;
  const engine::BoundModel* bound = nullptr;
};

// What the answers of a question are a list of.
enum class ListOf : std::uint8_t { kObjects, kUsers, kObjectsOfKinds, kUsersOfKinds };

class Store;

namespace internal {
class StoreCore;
struct State;
}  // namespace internal

// What one request reads. Snapshot and models stay alive and unchanged while the view does.
// Movable. Keep it for one request, within the life of its store's handle: it holds back the
// reclamation of everything newer.
class View {
 public:
  const graph::Snapshot& snapshot() const { return snapshot_; }
  Revision revision() const { return snapshot_.revision(); }
  // Counts how often the store was loaded. Where other servers write, too, a revision of another
  // generation need not be the past of this one: the database may have been put back.
  std::uint64_t generation() const;

  // The compiled model, bound to this store's graph; empty id: the latest. A model that is cached
  // costs one probe, no lock; others are read and compiled first.
  // Errors: kModelNotFound `Authorization Model '<id>' not found`, kLatestModelNotFound
  // `No authorization models found for store '<id>'`, kValidation (a stored model that is not
  // valid).
  Result<ResolvedModel> ResolveModel(std::string_view id) const;
  // Whether ResolveModel would not have to ask the datastore.
  bool KnowsModel(std::string_view id) const;

 private:
  friend class internal::StoreCore;
  View(internal::Reclaimer::Guard guard, const internal::StoreCore& core,
       const internal::State& state, graph::Snapshot snapshot)
      : guard_(std::move(guard)), core_(&core), state_(&state), snapshot_(std::move(snapshot)) {}

  internal::Reclaimer::Guard guard_;  // First: it keeps alive what the others point to.
  const internal::StoreCore* core_;
  const internal::State* state_;
  graph::Snapshot snapshot_;
};

// The end of a store's log, held: nobody writes to the store meanwhile, here or on another server,
// but who holds it. For those whose writes with Preconditions::revision come too late again and
// again. Hold it for as long as it takes to judge: other writers wait, five seconds at most, and
// from a holder that is silent for so long the datastore takes it back, so that its write fails.
// Of one thread. Goes before the store's handle.
class Turn {
 public:
  virtual ~Turn() = default;
  // As Store::WriteTuples. What is written gives the end back; a write that is refused does not.
  virtual Result<WriteResult> Write(const WriteRequest& request) = 0;
};

// Thread-safe.
class Store {
 public:
  explicit Store(std::unique_ptr<internal::StoreCore> core);  // For Stores.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const StoreId& id() const;
  internal::StoreCore& core() const {  // For Stores.
    return *current_.load(std::memory_order_acquire);
  }
  // For Stores: when it was last opened, by a count of theirs. Written only when that changes.
  void Touch(std::uint64_t round) {
    if (used_.load(std::memory_order_relaxed) != round) {
      used_.store(round, std::memory_order_relaxed);
    }
  }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  // For Stores: handles that keep it in memory.
  std::atomic<std::uint32_t>& kept() { return kept_; }

  // The tuples as of the newest published revision. No lock, no shared write, never blocks.
  View Pin() const;
  // As Pin, but no older than the call: asks the datastore, if other servers append to it, and
  // follows. May block then. Errors: kUnavailable, kDataLoss, kResourceExhausted (this server
  // cannot hold what others have written).
  Result<View> PinNewest(SteadyTime deadline) const;
  // As Pin, but at `revision` or later: waits for it until the deadline (none: does not wait).
  // Errors: kUnavailable if the store has not reached it.
  Result<View> PinAtLeast(Revision revision, std::optional<SteadyTime> deadline) const;

  // All or nothing; returns the revision at which it is visible (if everything was skipped, one at
  // which the reasons for skipping are). Blocks until durable.
  // Errors, in this order: those of ResolveModel; kEmptyWrite; per write: kValidation; per delete:
  // kValidation; kDuplicateTupleInRequest; kLimitExceeded; kValidation (options); kValidation and
  // kLimitExceeded of preconditions; kConflict, naming the first precondition that does not hold;
  // then the first delete, then the first write that does not fit the state: kTupleStateMismatch,
  // or kConflict if another request in flight is the reason or the condition differs;
  // kDeadlineExceeded: nothing was written; kUnavailable: outcome unknown. Of a model also
  // kInvalidModel, kUnimplemented (this server is the only one that writes).
  Result<Revision> Write(const WriteRequest& request);
  // The same, with counts. Errors of what only an extended write has: kValidation (a filter without
  // object type, an expiry that is past), kLimitExceeded (more matches, or more changes).
  Result<WriteResult> WriteTuples(const WriteRequest& request);
  // Waits for whoever else writes. From then on readers here see all that is committed. Errors:
  // kUnimplemented (this server is the only one that writes), those of PinNewest.
  Result<std::unique_ptr<Turn>> TakeTurn();

  // The records whose key starts with `prefix`, in order of key, until `visit` stops; answers the
  // revision of which they are. Blocks.
  Result<Revision> ReadRecords(
      std::string_view prefix,
      const std::function<storage::Visit(const storage::Record&)>& visit) const;

  // Every write after `after` that readers see, with the records that it changed, in order, until
  // `visit` stops. A write borrows memory that is valid during the call only. Blocks.
  // Errors: kInvalidArgument (what comes next is no longer kept), kUnavailable, kDataLoss.
  Status ReadWrites(Revision after,
                    const std::function<storage::Visit(const storage::Write&)>& visit) const;
  // Whether other servers write to this store, too: then Pin may be behind.
  enum class Writers : std::uint8_t { kOnlyUs, kOthersToo };
  Writers writers() const;

  // Errors: kValidation for an unusable filter, kInvalidContinuationToken, kDeadlineExceeded.
  Result<TuplePage> Read(const ReadRequest& request) const;
  // Errors: kInvalidContinuationToken, kContinuationTokenMismatch (made for another type),
  // kInvalidStartTime, kDeadlineExceeded. The first and the third also for who would miss changes
  // that are no longer kept. O(page + changes_skipped_max).
  Result<ChangePage> ReadChanges(const ReadChangesRequest& request) const;

  // A change feed: whole writes, in order, each once. Unlike ReadChanges it knows no horizon: the
  // log is in order as soon as it is published. Wait for more with Stores::Listen.
  //
  // Errors: kInvalidArgument (both a revision and a token; a revision that the store has not
  // reached), kInvalidContinuationToken, kContinuationTokenMismatch (of another type).
  Result<FeedPosition> StartFeed(const FeedRequest& request) const;
  // Ends with the write that makes them `changes_max` changes or more, or when it has looked at a
  // few thousand writes. Empty and without progress: there is nothing new. Blocks.
  // Errors: kInvalidArgument (what comes next is no longer kept).
  Result<FeedBatch> ReadFeed(const FeedPosition& from, std::string_view type,
                             std::size_t changes_max) const;
  // For FeedRequest and ReadChanges.
  std::string MakeFeedToken(const FeedPosition& position, std::string_view type) const;

  // Validates, stores under a fresh ULID and makes it the latest. `model.id` is ignored. Limits on
  // counts and sizes of the wire form are the caller's. Errors: kInvalidModel.
  Result<ModelId> WriteModel(model::Model model);
  // As it was written. Errors: kModelNotFound.
  Result<model::Model> ReadModel(std::string_view id) const;
  // Errors: kInvalidContinuationToken.
  Result<ModelPage> ListModels(std::size_t page_size, std::string_view continuation_token) const;

  // Replaces all assertions of the model. Errors: those of ResolveModel; kLimitExceeded;
  // kValidation of a tuple or contextual tuple.
  Status WriteAssertions(const WriteAssertionsRequest& request);
  // Empty if none were written. Errors: those of ResolveModel.
  Result<std::vector<Assertion>> ReadAssertions(std::string_view model_id) const;

  // For those who page through the answers of a question: a token that carries `position`, good for
  // this store and this kind of list only.
  std::string MakeListToken(ListOf list, std::string_view position) const;
  // The position. Errors: kInvalidContinuationToken.
  Result<std::string> OpenListToken(ListOf list, std::string_view token) const;

 private:
  const std::unique_ptr<internal::StoreCore> core_;
  // Is core_, but for a handle on an id without data whose first model came through that handle:
  // then the core that serves the id from now on.
  std::atomic<internal::StoreCore*> current_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint32_t> kept_{0};
};

}  // namespace pemba::store
