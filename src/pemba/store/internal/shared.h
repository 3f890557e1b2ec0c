// Shared: what all stores of one server have in common.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "pemba/base/clock.h"
#include "pemba/base/ulid.h"
#include "pemba/graph/memory_budget.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/internal/publications.h"
#include "pemba/store/internal/reclaimer.h"
#include "pemba/store/internal/tokens.h"
#include "pemba/store/store.h"

namespace pemba::store::internal {

// Work on a store that nobody waits for.
class Maintenance {
 public:
  virtual ~Maintenance() = default;
  // Cheap; do not block.
  virtual void RequestCheckpoint(const StoreId& store) = 0;
  virtual void RequestCollect() = 0;  // Something was retired.
  // The store has tuples that expire: StoreCore::next_expiry says when.
  virtual void WatchExpiry(const StoreId& store) = 0;
  // The memory budget is nearly spent, or the store's next write did not find room.
  enum class Room : std::uint8_t { kNearlySpent, kSpent };
  virtual void RequestRoom(const StoreId& store, Room room) = 0;
  // The core that serves the store now, for those who hold one that was unloaded. Loads it if need
  // be. The caller holds a guard of the reclaimer.
  virtual Result<StoreCore*> Reopen(const StoreId& store) = 0;
};

// Time to look for stores to unload.
inline bool IsNearlySpent(const graph::MemoryBudget& budget) {
  return budget.bytes_max() != 0 && budget.used() > budget.bytes_max() / 8 * 7;
}

struct Shared {
  // After a write to a graph.
  void WatchRoom(const StoreId& store, const Status& applied) const {
    using Room = Maintenance::Room;
    if (!applied.ok()) {
      if (applied.error().code == ErrorCode::kResourceExhausted) {
        maintenance.RequestRoom(store, Room::kSpent);
      }
    } else if (IsNearlySpent(budget)) {
      maintenance.RequestRoom(store, Room::kNearlySpent);
    }
  }

  void Report(std::string_view line) const {
    if (report) report(line);
  }

  // Errors: kDeadlineExceeded.
  Status CheckDeadline(std::optional<SteadyTime> deadline) const {
    if (!deadline || clock.Steady() < *deadline) return Done{};
    return Error{ErrorCode::kDeadlineExceeded, "the time of the request is over"};
  }

  storage::Datastore& datastore;
  const Clock& clock;
  const StoreOptions options;
  const std::filesystem::path checkpoint_directory;
  const std::function<void(std::string_view)> report;
  Maintenance& maintenance;
  const Tokens tokens;
  Publications publications;
  UlidGenerator ulids;
  graph::MemoryBudget budget;  // Of all graphs. Before what frees graphs in the end.
  Reclaimer reclaimer;
};

}  // namespace pemba::store::internal
