#include "pemba/store/internal/model_cache.h"

#include "pemba/base/assert.h"
#include "pemba/base/ulid.h"
#include "pemba/model/json.h"
#include "pemba/model/plan.h"

namespace pemba::store::internal {
namespace {

Error InvalidStoredModel(const Error& cause) {
  return {ErrorCode::kValidation, "invalid authorization model encountered: " + cause.message};
}

}  // namespace

Result<std::shared_ptr<const engine::BoundModel>> CompileModel(
    const model::Model& model, const condition::ProgramOptions& conditions, graph::Graph& graph) {
  PEMBA_TRY(auto plan, model::Plan::Compile(model, engine::MayExpireIn(graph), conditions));
  return engine::BoundModel::Bind(std::move(plan), graph);
}

Error ModelNotFound(std::string_view id) {
  return {ErrorCode::kModelNotFound, "Authorization Model '" + std::string(id) + "' not found"};
}

Error LatestModelNotFound(const StoreId& store) {
  return {ErrorCode::kLatestModelNotFound,
          "No authorization models found for store '" + store.value + "'"};
}

ModelCache::ModelCache(Shared& shared, const StoreId& store, graph::Graph& graph)
    : shared_(shared), store_(store), graph_(graph), map_(new Map), expiring_(graph.expiring()) {}

ModelCache::~ModelCache() {
  const std::unique_ptr<const Map> map(map_.load());
  for (const auto& [id, entry] : *map) delete entry;
}

Result<ResolvedModel> ModelCache::Resolve(std::string_view id, graph::Revision revision) {
  // INVARIANT: the number has grown before a view can see the tuple because of which it grew.
  if (graph_.expiring() != expiring_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(mutex_);
    ForgetPlansWithoutExpiryLocked();
  }
  if (id.empty()) {
    if (Entry* entry = AsOf(latest_.load(std::memory_order_acquire), revision)) return Use(*entry);
  } else {
    const Map& map = *map_.load(std::memory_order_acquire);
    const auto found = map.find(id);
    if (found != map.end()) return Use(*found->second);
  }
  const std::lock_guard lock(mutex_);
  PEMBA_TRY(Entry * entry, LoadLocked(id));
  if (id.empty()) entry = AsOf(entry, revision);
  if (entry != nullptr) return Use(*entry);
  return Error{ErrorCode::kUnavailable, "the authorization model has just changed; try again"};
}

ModelCache::Entry* ModelCache::AsOf(Entry* latest, graph::Revision revision) {
  while (latest != nullptr && latest->since > revision) latest = latest->previous;
  return latest;
}

bool ModelCache::Knows(std::string_view id) const {
  if (graph_.expiring() != expiring_.load(std::memory_order_acquire)) return false;
  if (id.empty()) return latest_.load(std::memory_order_acquire) != nullptr;
  return map_.load(std::memory_order_acquire)->contains(id) || !ParseUlid(id);
}

// Plans look for tuples that expire only where there are some; where there were none before, they
// are made anew.
void ModelCache::ForgetPlansWithoutExpiryLocked() {
  const auto expiring = graph_.expiring();
  if (expiring == expiring_.load()) return;
  latest_.store(nullptr);
  prepared_ = nullptr;
  const Map* old = map_.load();
  map_.store(new Map);
  expiring_.store(expiring, std::memory_order_release);
  shared_.reclaimer.Retire([old] {
    for (const auto& [id, entry] : *old) delete entry;
    delete old;
  });
  shared_.maintenance.RequestCollect();
}

ResolvedModel ModelCache::Use(Entry& entry) const {
  const auto round = round_.load(std::memory_order_relaxed);
  if (entry.used.load(std::memory_order_relaxed) != round) {
    entry.used.store(round, std::memory_order_relaxed);
  }
  return {entry.id, entry.model.get()};
}

Status ModelCache::AddLatest(const model::Model& model, std::shared_ptr<const model::Plan> plan) {
  const std::lock_guard lock(mutex_);
  PEMBA_TRY(Entry* const entry, InsertLocked(model, std::move(plan)));
  const Entry* latest = latest_.load();
  if (latest == nullptr || latest->id < entry->id) latest_.store(entry);
  return Done{};
}

// What was the latest stays until the new one is compiled: nobody waits for that. If it cannot be,
// whoever asks for the latest is told why.
Status ModelCache::FollowLatest(std::string_view id) {
  const auto follows = [&](const Entry* latest) { return latest != nullptr && latest->id < id; };
  if (!follows(latest_.load())) return Done{};
  const std::lock_guard lock(mutex_);
  if (!follows(latest_.load())) return Done{};
  auto entry = LoadLocked(id);
  if (!entry.ok()) {
    if (entry.error().code != ErrorCode::kUnavailable) latest_.store(nullptr);
    return entry.error();
  }
  latest_.store(*entry);
  return Done{};
}

Status ModelCache::Prepare(std::string_view id) {
  const std::lock_guard lock(mutex_);
  PEMBA_TRY(prepared_, LoadLocked(id));
  return Done{};
}

Status ModelCache::Prepare(const model::Model& model) {
  const std::lock_guard lock(mutex_);
  PEMBA_TRY(prepared_, InsertLocked(model));
  return Done{};
}

void ModelCache::BringLatest(std::string_view id, graph::Revision revision) {
  const std::lock_guard lock(mutex_);
  const Map& map = *map_.load();
  const auto found = map.find(id);
  // Plans were forgotten since it was prepared: whoever asks loads it, with its revision.
  if (found == map.end()) {
    latest_.store(nullptr);
    return;
  }
  Entry* const latest = latest_.load();
  if (latest == found->second || (latest != nullptr && id < latest->id)) return;
  found->second->since = revision;
  found->second->previous = latest;
  latest_.store(found->second);
  prepared_ = nullptr;
}

// Somebody else may have loaded it while this thread waited for the mutex.
Result<ModelCache::Entry*> ModelCache::LoadLocked(std::string_view id) {
  if (id.empty() && latest_.load() != nullptr) return latest_.load();
  const Map& map = *map_.load();
  if (const auto found = map.find(id); found != map.end()) return found->second;

  const bool latest = id.empty();
  if (!latest && !ParseUlid(id)) return ModelNotFound(id);
  graph::Revision since = 0;
  auto record = latest ? ReadLatest(since) : shared_.datastore.ReadModel(store_, {std::string(id)});
  if (!record.ok()) return record.error();
  Entry* entry = nullptr;
  if (const auto found = map.find(record->id.value); found != map.end()) {
    entry = found->second;
  } else {
    auto model = model::ModelFromJson(record->text);
    if (!model.ok()) return InvalidStoredModel(model.error());
    model->id = record->id.value;
    auto inserted = InsertLocked(*model);
    if (!inserted.ok()) return InvalidStoredModel(inserted.error());
    entry = *inserted;
  }
  if (latest) {
    entry->since = since;
    entry->previous = nullptr;
    latest_.store(entry);
  }
  return entry;
}

Result<storage::ModelRecord> ModelCache::ReadLatest(graph::Revision& since) const {
  if (shared_.datastore.shared() == nullptr) return shared_.datastore.ReadLatestModel(store_);
  PEMBA_TRY(auto latest, ReadLatestModel(shared_.datastore, store_));
  since = latest.since;
  return std::move(latest.record);
}

// Publishes a map with the model in it, without the least recently used one if there are too many.
// `plan` as in AddLatest, or null.
Result<ModelCache::Entry*> ModelCache::InsertLocked(const model::Model& model,
                                                    std::shared_ptr<const model::Plan> plan) {
  const Map* old = map_.load();
  if (const auto found = old->find(model.id); found != old->end()) return found->second;
  auto entry = std::make_unique<Entry>();
  entry->id = model.id;
  if (plan != nullptr && graph_.expiring() == 0) {
    entry->model = engine::BoundModel::Bind(std::move(plan), graph_);
  } else {
    PEMBA_TRY(entry->model, CompileModel(model, shared_.options.conditions, graph_));
  }
  entry->used = round_.fetch_add(1) + 1;

  auto map = std::make_unique<Map>(*old);
  Entry* evicted =
      map->size() >= shared_.options.models_cached_max ? LeastRecentlyUsed(*map) : nullptr;
  if (evicted != nullptr) map->erase(evicted->id);
  map->emplace(entry->id, entry.get());
  map_.store(map.release());
  shared_.reclaimer.Retire([old, evicted] {
    delete old;
    delete evicted;
  });
  shared_.maintenance.RequestCollect();
  return entry.release();
}

// The latest stays: it is not looked up in the map. So do its neighbours in time. Null if there is
// nothing else.
ModelCache::Entry* ModelCache::LeastRecentlyUsed(const Map& map) const {
  const Entry* const latest = latest_.load();
  const Entry* const previous = latest == nullptr ? nullptr : latest->previous.load();
  Entry* oldest = nullptr;
  for (const auto& [id, entry] : map) {
    if (entry == latest || entry == previous || entry == prepared_) continue;
    if (oldest == nullptr || entry->used.load() < oldest->used.load()) oldest = entry;
  }
  return oldest;
}

}  // namespace pemba::store::internal
