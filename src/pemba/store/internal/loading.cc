#include "pemba/store/internal/loading.h"

#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "pemba/base/ulid.h"
#include "pemba/store/internal/convert.h"

namespace pemba::store::internal {
namespace {

// Enough of a log to be worth merging before the first query: merging costs the size of the graph,
// and the end of a log behind a checkpoint is merged by and by, as writes are.
constexpr std::uint64_t kChangesWorthCompacting = 10'000;
constexpr std::uint64_t kTuplesPerChange = 4;

std::optional<std::filesystem::path> CheckpointPath(const Shared& shared, const StoreId& store) {
  if (shared.checkpoint_directory.empty() || !ParseUlid(store.value)) return std::nullopt;
  return shared.checkpoint_directory / (store.value + ".graph");
}

void ReportUnused(const Shared& shared, const StoreId& store, const std::string& why) {
  shared.Report("store '" + store.value +
                "': its checkpoint is not used, its log is replayed: " + why);
}

// The time of a write of the log; nothing if there is no such write.
Result<std::optional<WallTime>> TimeOf(const Shared& shared, const StoreId& store,
                                       graph::Revision revision) {
  std::optional<WallTime> time;
  if (revision == 0) return time;
  PEMBA_TRY(std::ignore,
            shared.datastore.ReadWrites(store, revision - 1, [&](const storage::Write& write) {
              time = write.time;
              return storage::Visit::kStop;
            }));
  return time;
}

// The graph of a usable checkpoint, or null. A checkpoint of another log (a data directory put
// together from parts) shows in a revision that the log does not have, or in the time of the write.
Result<std::unique_ptr<graph::Graph>> FromCheckpoint(Shared& shared, const StoreId& store) {
  std::unique_ptr<graph::Graph> none;
  const auto path = CheckpointPath(shared, store);
  std::error_code ignored;
  if (!path || !std::filesystem::exists(*path, ignored)) return none;

  auto loaded = graph::Graph::Load(path->string(), {.budget = &shared.budget});
  if (!loaded.ok()) {
    if (loaded.error().code == ErrorCode::kResourceExhausted) {
      shared.Report(loaded.error().message);
      return Error{ErrorCode::kResourceExhausted,
                   "the server's memory budget has no room for store '" + store.value + "'"};
    }
    ReportUnused(shared, store, loaded.error().message);
    return none;
  }
  const auto snapshot = (*loaded)->Pin();
  const auto at_end = TimeOf(shared, store, snapshot.revision());
  if (!at_end.ok() && at_end.error().code == ErrorCode::kInvalidArgument) {
    ReportUnused(shared, store, at_end.error().message);  // The log was trimmed since.
    return none;
  }
  PEMBA_TRY(const auto time, at_end);
  const WallTime kept = snapshot.TimeOf(snapshot.revision());
  if (!time || (kept != WallTime() && kept != *time)) {
    ReportUnused(shared, store, "it does not belong to this log");
    return none;
  }
  return *std::move(loaded);
}

}  // namespace

Result<LoadedGraph> LoadGraph(Shared& shared, const StoreId& store) {
  LoadedGraph loaded;
  PEMBA_TRY(loaded.graph, FromCheckpoint(shared, store));
  if (!loaded.graph) {
    loaded.graph = std::make_unique<graph::Graph>(graph::GraphOptions{.budget = &shared.budget});
  }

  graph::Graph& graph = *loaded.graph;
  PEMBA_TRY(const auto checkpoint_time, TimeOf(shared, store, graph.published()));
  if (checkpoint_time) loaded.last_time = *checkpoint_time;
  Status applied = Done{};
  PEMBA_TRY(std::ignore,
            shared.datastore.ReadWrites(store, graph.published(), [&](const storage::Write& write) {
              applied = graph.Apply(write.revision, write.time, ToGraph(write.changes));
              if (!applied.ok()) return storage::Visit::kStop;
              loaded.last_time = write.time;
              loaded.replayed += write.changes.size();
              return storage::Visit::kContinue;
            }));
  if (!applied.ok()) {
    if (applied.error().code != ErrorCode::kInvalidTuple) return applied.error();
    return Error{ErrorCode::kDataLoss,
                 "store '" + store.value +
                     "': the log holds a write that cannot be applied: " + applied.error().message};
  }
  graph.Publish(graph.applied());
  if (loaded.replayed >= kChangesWorthCompacting &&
      loaded.replayed >= graph.statistics().tuples / kTuplesPerChange) {
    graph.Compact();
  }
  return loaded;
}

Status SaveCheckpoint(const Shared& shared, const StoreId& store, const graph::Snapshot& snapshot) {
  const auto path = CheckpointPath(shared, store);
  if (!path) return Done{};
  std::error_code error;
  std::filesystem::create_directories(shared.checkpoint_directory, error);
  if (error) return Error{ErrorCode::kUnavailable, error.message()};
  return snapshot.SaveCheckpoint(path->string());
}

}  // namespace pemba::store::internal
