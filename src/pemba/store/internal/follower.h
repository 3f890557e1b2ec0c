// Follower: keeps the stores in memory up to the logs that other servers append to as well.
//
// One thread. It waits for news, asks where the logs of the stores in question end, and lets each
// store that is behind catch up. News only hastens: every second or so it looks at all of them.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/storage/datastore.h"
#include "pemba/store/stores.h"

namespace pemba::store::internal {

class StoreCore;
struct Shared;

class Follower {
 public:
  // The stores in memory.
  class Loaded {
   public:
    virtual ~Loaded() = default;
    virtual std::vector<StoreId> LoadedIds() = 0;
    // Null if it is not in memory. The caller holds a guard of the reclaimer.
    virtual StoreCore* FindLoaded(const StoreId& store) = 0;
  };

  // Borrows everything; `shared.datastore` has shared logs. Follows until it is destroyed.
  Follower(Shared& shared, Loaded& loaded);
  ~Follower();

  Following status() const;  // Any thread.

 private:
  void Run();
  void FollowAll(const storage::News& news);
  std::vector<StoreId> IdsOf(const storage::News& news) const;
  void Note(const StoreId& store, const Status& outcome);

  Shared& shared_;
  Loaded& loaded_;
  storage::SharedLogs& logs_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::chrono::steady_clock::rep> looked_at_;  // When all logs were last looked at.
  std::atomic<std::uint64_t> behind_{0};
  std::map<std::string, std::string> troubles_;  // Last reported, by store. The thread's own.
  std::thread thread_;                           // Last: it uses everything above.
};

}  // namespace pemba::store::internal
