// ModelCache: the compiled models of one store, bound to its graph.
//
// Readers find a model in an immutable map behind one atomic pointer; they hold a guard of the
// reclaimer meanwhile and for as long as they use the model. Whatever changes the map copies it:
// it has some dozens of entries, and changes only when a model is compiled.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "pemba/base/hash.h"
#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/engine/bound_model.h"
#include "pemba/graph/graph.h"
#include "pemba/model/model.h"
#include "pemba/store/internal/shared.h"

namespace pemba::store::internal {

// A model in the form that queries run on. Errors: kInvalidModel.
Result<std::shared_ptr<const engine::BoundModel>> CompileModel(
    const model::Model& model, const condition::ProgramOptions& conditions, graph::Graph& graph);

Error ModelNotFound(std::string_view id);
Error LatestModelNotFound(const StoreId& store);

struct LatestModel {
  storage::ModelRecord record;
  graph::Revision since = 0;  // Of the write that brought it; 0: it was written by itself.
};
// Of a log that is shared. Errors: those of Datastore::ReadLatestModel and ReadRecords.
Result<LatestModel> ReadLatestModel(const storage::Datastore& datastore, const StoreId& store);

// Thread-safe.
class ModelCache {
 public:
  // Borrows everything.
  ModelCache(Shared& shared, const StoreId& store, graph::Graph& graph);
  ~ModelCache();  // No reader may be left.
  ModelCache(const ModelCache&) = delete;
  ModelCache& operator=(const ModelCache&) = delete;

  // The caller holds a guard of shared.reclaimer, and a snapshot of that revision made since; the
  // latest model is the one as of then. Cached: one probe, no lock, no shared write.
  // Errors: those of View::ResolveModel; kUnavailable (what was the latest at the revision is not
  // known here; a newer snapshot has it).
  Result<ResolvedModel> Resolve(std::string_view id, graph::Revision revision);

  // Whether Resolve finds it in the cache, or sees that it is no id. The caller holds a guard.
  bool Knows(std::string_view id) const;

  // Takes over a model that has just become durable and is the latest. `plan` is the model's, made
  // with shared.options.conditions and without knowing of tuples that expire.
  Status AddLatest(const model::Model& model, std::shared_ptr<const model::Plan> plan);
  // Somebody else has written this one, and it is the latest (empty: there is none). Does nothing
  // while nobody has asked for the latest. Errors: those of Resolve.
  Status FollowLatest(std::string_view id);

  // A write that is about to be published brings a model. Prepare has it compiled, with a guard
  // held, and BringLatest makes it the latest for who sees the write's revision; each write is
  // published before the next one brings a model. Errors of Prepare: those of Resolve.
  Status Prepare(std::string_view id);
  Status Prepare(const model::Model& model);
  void BringLatest(std::string_view id, graph::Revision revision);

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<const engine::BoundModel> model;
    // The round (below) in which it was last used; written only when that changes, so that a hot
    // model is not a contended cache line.
    std::atomic<std::uint64_t> used{0};
    // Set before it is the latest: from which revision on, and what was before; null: not known.
    std::atomic<graph::Revision> since{0};
    std::atomic<Entry*> previous{nullptr};
  };
  using Map = StringViewMap<Entry*>;  // Keys borrow from the entries.

  void ForgetPlansWithoutExpiryLocked();
  ResolvedModel Use(Entry& entry) const;
  static Entry* AsOf(Entry* latest, graph::Revision revision);
  Result<Entry*> LoadLocked(std::string_view id);
  Result<storage::ModelRecord> ReadLatest(graph::Revision& since) const;
  Result<Entry*> InsertLocked(const model::Model& model,
                              std::shared_ptr<const model::Plan> plan = nullptr);
  Entry* LeastRecentlyUsed(const Map& map) const;

  Shared& shared_;
  const StoreId& store_;
  graph::Graph& graph_;

  // Written under mutex_, read by any thread with a guard; what they point to is complete before it
  // is published and retired after it is replaced.
  std::atomic<const Map*> map_;
  //
  // INVARIANT: neither the latest nor the one before it is evicted. Who finds the latest too new
  // pinned a snapshot before that was published, and so before the previous one could go.
  std::atomic<Entry*> latest_{nullptr};  // Null: not known yet.
  Entry* prepared_ = nullptr;            // About to be the latest; guarded by mutex_.
  std::atomic<std::uint64_t> round_{0};  // Counts insertions.
  std::atomic<std::uint32_t> expiring_;  // Graph::expiring() of the plans; written under mutex_.
  std::mutex mutex_;                     // Serialises loading and changes of the map.
};

}  // namespace pemba::store::internal
