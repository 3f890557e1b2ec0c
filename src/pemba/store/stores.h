// Stores: every store of one server, and what is asked about stores as such.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/id.h"
#include "pemba/base/result.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/store.h"

namespace pemba::store {

using storage::StoreRecord;

struct StoresOptions {
  StoreOptions store = {};
  // Of the graphs of all stores together, as GraphOptions::budget counts; 0: no limit. When it is
  // nearly spent, stores that were not used lately are unloaded, and loaded again when they are
  // asked for. What finds no room even so is refused (kResourceExhausted) before it takes any.
  std::uint64_t memory_bytes_max = 0;
  // Where graph checkpoints are kept; empty: none are written or read, a start replays the log.
  std::filesystem::path checkpoint_directory = {};
  // How often stores with tuples that expire are looked at, to delete what has expired; 0: only
  // when CollectExpired is called.
  std::chrono::milliseconds expiry_interval{1000};
  // Told what an operator should know: checkpoints that could not be used or saved, models that
  // could not be read. Called from any thread; may be empty.
  std::function<void(std::string_view)> report = {};
};

struct StorePage {
  std::vector<StoreRecord> stores;
  std::string continuation_token;  // Empty: there are no more.
};

struct ListStoresRequest {
  std::size_t page_size = 50;
  std::string_view continuation_token = {};
  std::optional<std::string_view> name = {};  // Exactly this name.
};

// How far behind the datastore this server may be, if other servers append to it too.
struct Following {
  // Since everything that was durable then was looked at. A second or so, unless the datastore
  // cannot be reached.
  std::chrono::nanoseconds silent_for{0};
  std::uint64_t writes_behind = 0;  // Of the store that was furthest behind at the last look.
};

// Over the stores that are in memory, for metrics. Each figure is of about now.
struct StoresTotals {
  std::size_t stores = 0;
  std::uint64_t tuples = 0;
  std::uint64_t revisions = 0;  // The sum of the stores' published revisions.
  graph::MemoryUse memory;
};

// A store for as long as the handle lives; acts like a pointer. Movable, not copyable. That of Open
// is for one request: nothing that was replaced meanwhile is freed before it goes.
class StoreHandle;

// Listens for as long as it lives.
class Listener {
 public:
  virtual ~Listener() = default;
};

// Thread-safe. Outlived by nothing that it hands out; destroy it after the last request. The
// destructor waits for background work and saves a checkpoint of every store that changed enough.
class Stores {
 public:
  // Borrows the datastore and the clock. Costs nothing per store: a store is loaded at first use.
  Stores(storage::Datastore& datastore, const Clock& clock, StoresOptions options = {});
  ~Stores();
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;

  // The store of that id. No lock and no shared write once it is loaded. The first use loads it:
  // checkpoint, then the rest of the log; others who want it wait, other stores do not.
  // Never fails because nobody created the store: every id serves (a never created or deleted store
  // too), and an id without data costs no memory beyond its handle.
  // Errors: kDataLoss (its log is corrupt), kUnavailable, kResourceExhausted.
  Result<StoreHandle> Open(const StoreId& id);
  // As Open, for those who need the store for long: it stays in memory until the handle goes, and
  // what is replaced meanwhile is freed. Also loads an id without data.
  Result<StoreHandle> Keep(const StoreId& id);

  // Control plane. Ids are fresh ULIDs; names need not be unique.
  Result<StoreRecord> CreateStore(std::string_view name);
  Result<StoreRecord> GetStore(const StoreId& id) const;  // kStoreNotFound `Store ID not found`
  // Oldest first, without deleted ones. Errors: kInvalidContinuationToken.
  Result<StorePage> ListStores(const ListStoresRequest& request) const;
  Status DeleteStore(const StoreId& id);  // Soft; done for unknown stores too.

  // Nothing if this server is the only one that appends.
  std::optional<Following> following() const;
  // Whether the store is in memory, so that Open does not block. No lock.
  enum class Loaded : std::uint8_t { kNo, kYes };
  Loaded IsLoaded(const StoreId& id) const;

  // Calls `tell` once, as soon as the store has a revision after `after` or is deleted; at once if
  // that is so already. It is called by whoever publishes: it must be quick, and neither block nor
  // call back here. Until it is told, the store stays in memory. It may still be called while the
  // result is being destroyed, not afterwards begun. Costs nobody anything while nothing happens.
  std::unique_ptr<Listener> Listen(const StoreId& id, Revision after, std::function<void()> tell);

  // Deletes what has expired in the stores that are in memory, at most expired_per_turn_max tuples
  // of each. Background work does so by itself. Blocks; what goes wrong is reported.
  void CollectExpired();

  // How many stores are in memory.
  std::size_t loaded() const;
  // What their graphs hold of the memory budget.
  struct Memory {
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;  // 0: no limit.
    std::uint64_t unloaded = 0;   // Stores that made room, since start.
  };
  Memory memory() const;

  // O(stores in memory); no request waits for it.
  StoresTotals Totals() const;

  // Whether writes are accepted (kUnavailable if not): for readiness.
  Status Health() const;

 private:
  friend class StoreHandle;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

class StoreHandle {
 public:
  StoreHandle(StoreHandle&&) noexcept;
  StoreHandle& operator=(StoreHandle&&) noexcept;
  ~StoreHandle();

  Store* operator->() const { return store_; }
  Store& operator*() const { return *store_; }

 private:
  friend class Stores;
  friend class Stores::Impl;
  struct LetGo {
    void operator()(Store* kept) const { --kept->kept(); }
  };
  using Kept = std::unique_ptr<Store, LetGo>;

  StoreHandle(Store* registered, internal::Reclaimer::Guard guard);
  StoreHandle(std::unique_ptr<Store> transient, internal::Reclaimer::Guard guard);
  explicit StoreHandle(Kept kept);

  // First: the store may be unloaded, but is not freed. None if the store is kept.
  std::optional<internal::Reclaimer::Guard> guard_;
  Store* store_ = nullptr;
  std::unique_ptr<Store> transient_;  // Of an id without data; else null.
  Kept kept_;
};

}  // namespace pemba::store
