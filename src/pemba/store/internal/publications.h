// Publications: who waits for the next revision of a store.
//
// Thread-safe. A store that nobody listens to costs its writers one atomic operation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "pemba/base/hash.h"
#include "pemba/base/id.h"
#include "pemba/store/stores.h"

namespace pemba::store::internal {

class Publications {
 public:
  class Registered;

  // The listener is told once, of what is published after this call returns, or earlier.
  std::unique_ptr<Registered> Listen(const StoreId& store, std::function<void()> tell);

  // After a publication: tells those who listen, on this thread, without a lock.
  void Tell(const StoreId& store);

  // Whether somebody listens to the store.
  enum class Heard : std::uint8_t { kNo, kYes };
  Heard IsHeard(const StoreId& store);

 private:
  struct Entry {
    std::function<void()> tell;
    std::string store;
    bool listed = true;  // Guarded by mutex_, as is `place`.
    std::list<std::shared_ptr<Entry>>::iterator place;
  };
  using Entries = std::list<std::shared_ptr<Entry>>;

  enum class Left : std::uint8_t { kEarlier, kNow };
  Left Leave(const std::shared_ptr<Entry>& entry);

  // INVARIANT: raised before a listener looks at the published revision; read by writers after they
  // have published. One of the two sees the other.
  std::atomic<std::size_t> listening_{0};
  std::mutex mutex_;
  StringMap<Entries> entries_;  // By store; guarded by mutex_. No empty lists.
};

class Publications::Registered final : public Listener {
 public:
  Registered(Publications& publications, std::shared_ptr<Entry> entry)
      : publications_(publications), entry_(std::move(entry)) {}
  ~Registered() override { publications_.Leave(entry_); }
  void Tell();  // Unless it has been told.

 private:
  Publications& publications_;
  const std::shared_ptr<Entry> entry_;
};

}  // namespace pemba::store::internal
