#include "pemba/store/stores.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "pemba/store/internal/core.h"
#include "pemba/store/internal/follower.h"
#include "pemba/store/internal/store_table.h"

namespace pemba::store {
namespace {

using internal::StoreCore;
using internal::TokenUse;

// A start replays this much in a few milliseconds; a checkpoint of less costs more than it saves.
constexpr std::uint64_t kChangesWorthACheckpoint = 10'000;
// How soon what was replaced is looked at again if a reader still used it.
constexpr std::chrono::milliseconds kCollectAgain{50};
// How soon the next search for room may follow one that went before the budget was spent: if
// everything is in use, it finds nothing.
constexpr std::chrono::milliseconds kRoomAgain{100};
// How often a load that found no room is tried again.
constexpr int kLoadsAgainMax = 2;
// How long a load waits for the memory of unloaded stores.
constexpr std::chrono::milliseconds kRoomWait{200};

bool IsExhausted(const Result<std::unique_ptr<StoreCore>>& core) {
  return !core.ok() && core.error().code == ErrorCode::kResourceExhausted;
}

}  // namespace

class Stores::Impl final : public internal::Maintenance, public internal::Follower::Loaded {
 public:
  Impl(storage::Datastore& datastore, const Clock& clock, StoresOptions options)
      : shared_{datastore,
                clock,
                options.store,
                std::move(options.checkpoint_directory),
                std::move(options.report),
                *this,
                internal::Tokens(datastore.secret()),
                {},
                UlidGenerator(clock),
                graph::MemoryBudget(options.memory_bytes_max),
                {}},
        expiry_interval_(options.expiry_interval),
        empty_(shared_, no_store_, {std::make_unique<graph::Graph>(), {}, 0}) {
    if (datastore.shared() == nullptr) return;
    follower_.emplace(shared_, *this);
  }

  ~Impl() override {
    follower_.reset();
    {
      const std::lock_guard lock(maintenance_mutex_);
      stopping_ = true;
    }
    maintenance_wake_.notify_all();
    if (maintenance_thread_.joinable()) maintenance_thread_.join();
    const auto guard = shared_.reclaimer.Enter();
    table_.ForEach([](const Store& store) {
      StoreCore& core = store.core();
      if (core.changes_since_checkpoint() >= kChangesWorthACheckpoint) core.SaveCheckpoint();
    });
  }

  Result<StoreHandle> Open(const StoreId& id) {
    while (true) {
      {
        auto guard = shared_.reclaimer.Enter();
        if (Store* store = table_.Find(id.value)) {
          store->Touch(round_.load(std::memory_order_relaxed));
          return StoreHandle(store, std::move(guard));
        }
      }
      PEMBA_TRY(const auto data, HasData(id));
      if (data == Data::kNone) {
        auto store = std::make_unique<Store>(std::make_unique<StoreCore>(
            shared_, id, empty_, [this](const StoreId& adopted) { return Reopen(adopted); }));
        return StoreHandle(std::move(store), shared_.reclaimer.Enter());
      }
      PEMBA_TRY(std::ignore, Register(id));  // It may be unloaded before we find it, if rarely.
    }
  }

  Result<StoreHandle> Keep(const StoreId& id) {
    const auto turn = TurnOf(id);
    const std::lock_guard lock(*turn);  // Not between its unloading's look and its removal.
    PEMBA_TRY(Store* const store, LoadOnTurn(id));
    ++store->kept();
    return StoreHandle(StoreHandle::Kept(store));
  }

  void RequestCheckpoint(const StoreId& store) override {
    const std::lock_guard lock(maintenance_mutex_);
    if (std::ranges::find(checkpoints_, store) == checkpoints_.end()) checkpoints_.push_back(store);
    WakeMaintenance();
  }

  void RequestRoom(const StoreId& store, Room room) override {
    const std::lock_guard lock(maintenance_mutex_);
    if (room == Room::kSpent) {
      if (std::ranges::find(without_room_, store) != without_room_.end()) return;
      without_room_.push_back(store);
    } else {
      if (room_ || std::chrono::steady_clock::now() < next_room_) return;
      room_ = true;
    }
    WakeMaintenance();
  }

  Result<StoreCore*> Reopen(const StoreId& id) override {
    PEMBA_TRY(Store* const store, Register(id));
    return &store->core();
  }

  void RequestCollect() override {
    const std::lock_guard lock(maintenance_mutex_);
    collect_ = true;
    WakeMaintenance();
  }

  void WatchExpiry(const StoreId& store) override {
    const std::lock_guard lock(maintenance_mutex_);
    if (!expiring_.insert(store).second) return;
    if (expiry_interval_.count() > 0) WakeMaintenance();
  }

  void CollectExpired() {
    std::vector<StoreId> ids;
    {
      const std::lock_guard lock(maintenance_mutex_);
      ids.assign(expiring_.begin(), expiring_.end());
    }
    const auto now = shared_.clock.Now();
    for (const StoreId& id : ids) {
      const auto guard = shared_.reclaimer.Enter();
      StoreCore* const core = FindLoaded(id);
      if (core == nullptr || core->next_expiry() > now) continue;
      const auto collected = core->CollectExpired();
      if (!collected.ok()) {
        shared_.Report("store '" + id.value +
                       "': what has expired could not be deleted: " + collected.error().message);
      }
    }
  }

  internal::Shared& shared() { return shared_; }
  std::size_t loaded() const { return table_.size(); }
  bool IsLoaded(const StoreId& id) {
    const auto guard = shared_.reclaimer.Enter();
    return table_.Find(id.value) != nullptr;
  }
  Memory memory() const {
    return {shared_.budget.used(), shared_.budget.bytes_max(), unloaded_.load()};
  }
  std::vector<StoreId> LoadedIds() override {
    std::vector<StoreId> ids;
    const auto guard = shared_.reclaimer.Enter();
    table_.ForEach([&](const Store& store) { ids.push_back(store.id()); });
    return ids;
  }
  StoreCore* FindLoaded(const StoreId& id) override {
    const Store* const store = table_.Find(id.value);
    return store == nullptr ? nullptr : &store->core();
  }
  std::unique_ptr<Listener> Listen(const StoreId& id, Revision after, std::function<void()> tell) {
    auto listener = shared_.publications.Listen(id, std::move(tell));
    {
      // An unloading that did not see the listener is over, and Open loads the store again.
      const auto turn = TurnOf(id);
      const std::lock_guard lock(*turn);
    }
    // What came between the caller's last look and the listening told nobody.
    const auto store = Open(id);
    const bool news =
        !store.ok() || (*store)->Pin().revision() > after || !shared_.datastore.GetStore(id).ok();
    if (news) listener->Tell();
    return listener;
  }
  std::optional<Following> following() const {
    if (!follower_) return std::nullopt;
    return follower_->status();
  }

  StoresTotals Totals() {
    StoresTotals totals;
    const auto guard = shared_.reclaimer.Enter();
    table_.ForEach([&](const Store& store) { store.core().AddTo(totals); });
    return totals;
  }

 private:
  enum class Data : std::uint8_t { kNone, kSome };

  Result<Data> HasData(const StoreId& id) const {
    PEMBA_TRY(const auto head, shared_.datastore.Head(id));
    if (head != 0) return Data::kSome;
    PEMBA_TRY(const auto models, shared_.datastore.ListModels(id, {.count_max = 1}));
    return models.empty() ? Data::kNone : Data::kSome;
  }

  // Loads the store once, however many ask; different stores load side by side.
  Result<Store*> Register(const StoreId& id) {
    const auto turn = TurnOf(id);
    const std::lock_guard lock(*turn);
    return LoadOnTurn(id);
  }

  // The mutex of those who load this id is held: what is in the table stays there.
  Result<Store*> LoadOnTurn(const StoreId& id) {
    {
      const auto guard = shared_.reclaimer.Enter();
      if (Store* store = table_.Find(id.value)) return store;
    }
    auto core = StoreCore::Load(shared_, id);
    // Again, whoever made the room: others load, too, and what is unloaded goes with its readers.
    for (int i = 0; i < kLoadsAgainMax && IsExhausted(core); ++i) {
      MakeRoom(Room::kSpent, {});
      AwaitRoom();
      core = StoreCore::Load(shared_, id);
    }
    if (!core.ok()) return core.error();
    if (internal::IsNearlySpent(shared_.budget)) RequestRoom(id, Room::kNearlySpent);
    auto store = std::make_unique<Store>(*std::move(core));
    store->Touch(++round_);
    return table_.Insert(std::move(store));
  }

  // Unloads stores, least recently used first, until a quarter of the budget is free once the
  // readers have left; not those that ask for the room. As long as it is not spent, those that were
  // used last stay: all of them may fit just so.
  void MakeRoom(Room room, std::span<const StoreId> except) {
    const std::lock_guard lock(room_mutex_);
    ++round_;
    std::uint64_t newest = 0;
    struct Candidate {
      std::uint64_t used;
      StoreId id;
    };
    std::vector<Candidate> candidates;
    {
      const auto guard = shared_.reclaimer.Enter();
      table_.ForEach([&](const Store& store) {
        const auto used = store.used();  // Once: others open it meanwhile.
        candidates.push_back({used, store.id()});
        newest = std::max(newest, used);
      });
    }
    std::erase_if(candidates, [&](const Candidate& c) {
      if (room == Room::kNearlySpent) return c.used == newest;
      return std::ranges::find(except, c.id) != except.end();
    });
    std::ranges::sort(candidates, {}, &Candidate::used);
    const auto limit = shared_.budget.bytes_max();
    std::uint64_t freed = 0;
    for (const auto& candidate : candidates) {
      if (shared_.budget.used() <= freed + limit / 4 * 3) break;
      freed += Unload(candidate.id);
    }
  }

  // Returns the bytes of its graph, or zero if it is in use. Whoever loads it waits until it is
  // gone, and finds everything in the log: nothing was in flight.
  std::uint64_t Unload(const StoreId& id) {
    const auto turn = TurnOf(id);
    const std::unique_lock lock(*turn, std::try_to_lock);
    if (!lock) return 0;
    const auto guard = shared_.reclaimer.Enter();
    Store* const store = table_.Find(id.value);
    if (store == nullptr || store->kept() != 0) return 0;
    if (shared_.publications.IsHeard(id) == internal::Publications::Heard::kYes) return 0;
    StoreCore& core = store->core();
    if (core.changes_since_checkpoint() >= kChangesWorthACheckpoint) core.SaveCheckpoint();
    if (core.Seal() == StoreCore::Sealed::kNo) return 0;
    const auto bytes = core.memory_bytes();
    shared_.reclaimer.Retire([removed = std::shared_ptr<Store>(table_.Remove(*store))] {});
    {
      const std::lock_guard maintenance(maintenance_mutex_);
      expiring_.erase(id);  // Until it is loaded again.
    }
    ++unloaded_;
    RequestCollect();
    return bytes;
  }

  // For what was unloaded to be freed: readers hold it for a request.
  void AwaitRoom() {
    const auto limit = shared_.budget.bytes_max();
    const auto until = std::chrono::steady_clock::now() + kRoomWait;
    while (shared_.reclaimer.Collect() && shared_.budget.used() > limit / 4 * 3 &&
           std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  // The mutex of those who load this id. Forgotten once nobody holds it.
  std::shared_ptr<std::mutex> TurnOf(const StoreId& id) {
    const std::lock_guard lock(turns_mutex_);
    std::erase_if(turns_, [](const auto& turn) { return turn.second.expired(); });
    auto& slot = turns_[id.value];
    auto turn = slot.lock();
    if (!turn) slot = turn = std::make_shared<std::mutex>();
    return turn;
  }

  // maintenance_mutex_ is held. The thread starts with the first work: an idle server has none.
  void WakeMaintenance() {
    if (stopping_) return;
    if (!maintenance_thread_.joinable()) maintenance_thread_ = std::thread([this] { Maintain(); });
    maintenance_wake_.notify_all();
  }

  void Maintain() {
    std::unique_lock lock(maintenance_mutex_);
    bool waits = false;  // Something retired is still in use.
    while (!stopping_) {
      const auto wanted = [&] {
        return stopping_ || collect_ || room_ || !without_room_.empty() || !checkpoints_.empty();
      };
      const bool expires = expiry_interval_.count() > 0 && !expiring_.empty();
      if (waits || expires) {
        maintenance_wake_.wait_for(
            lock, waits ? std::chrono::milliseconds(kCollectAgain) : expiry_interval_, wanted);
      } else {
        const bool looks = expiry_interval_.count() > 0;
        maintenance_wake_.wait(lock, [&] { return wanted() || (looks && !expiring_.empty()); });
      }
      if (stopping_) return;
      collect_ = false;
      std::vector<StoreId> stores;
      stores.swap(checkpoints_);
      const bool room = room_;
      const std::vector<StoreId> without_room = without_room_;
      lock.unlock();
      if (room) MakeRoom(Room::kNearlySpent, {});
      if (!without_room.empty()) MakeRoom(Room::kSpent, without_room);
      waits = shared_.reclaimer.Collect();
      for (const StoreId& id : stores) SaveCheckpoint(id);
      if (expires) CollectExpired();
      lock.lock();
      // Only now: who asked meanwhile has been served, or asks again.
      if (room) {
        room_ = false;
        next_room_ = std::chrono::steady_clock::now() + kRoomAgain;
      }
      without_room_.erase(without_room_.begin(),
                          without_room_.begin() + static_cast<std::ptrdiff_t>(without_room.size()));
    }
  }

  void SaveCheckpoint(const StoreId& id) {
    const auto guard = shared_.reclaimer.Enter();
    if (const Store* const store = table_.Find(id.value)) store->core().SaveCheckpoint();
  }

  internal::Shared shared_;
  const std::chrono::milliseconds expiry_interval_;
  const StoreId no_store_;
  internal::State empty_;  // What every id without data looks like.
  internal::StoreTable<Store> table_{shared_.reclaimer};
  std::atomic<std::uint64_t> round_{1};  // Grows with every load and every search for room.
  std::mutex room_mutex_;                // One search at a time.
  std::atomic<std::uint64_t> unloaded_{0};

  std::mutex turns_mutex_;
  std::map<std::string, std::weak_ptr<std::mutex>> turns_;

  std::mutex maintenance_mutex_;  // Guards everything below.
  std::condition_variable maintenance_wake_;
  std::vector<StoreId> checkpoints_;  // Each store at most once.
  std::set<StoreId> expiring_;        // In memory, with tuples that expire, now or ever.
  bool collect_ = false;
  bool room_ = false;
  std::chrono::steady_clock::time_point next_room_;
  std::vector<StoreId> without_room_;  // Each store at most once.
  bool stopping_ = false;
  std::thread maintenance_thread_;

  std::optional<internal::Follower> follower_;  // Of a datastore that others append to.
};

Stores::Stores(storage::Datastore& datastore, const Clock& clock, StoresOptions options)
    : impl_(std::make_unique<Impl>(datastore, clock, std::move(options))) {}
Stores::~Stores() = default;

Result<StoreHandle> Stores::Open(const StoreId& id) { return impl_->Open(id); }

Result<StoreHandle> Stores::Keep(const StoreId& id) { return impl_->Keep(id); }

Result<StoreRecord> Stores::CreateStore(std::string_view name) {
  auto& shared = impl_->shared();
  const auto now = std::chrono::floor<std::chrono::milliseconds>(shared.clock.Now());
  const StoreRecord record{{ToText(shared.ulids.Next())}, std::string(name), now, now};
  PEMBA_TRY(std::ignore, shared.datastore.CreateStore(record));
  return record;
}

Result<StoreRecord> Stores::GetStore(const StoreId& id) const {
  return impl_->shared().datastore.GetStore(id);
}

Result<StorePage> Stores::ListStores(const ListStoresRequest& request) const {
  auto& shared = impl_->shared();
  std::string after;
  if (!request.continuation_token.empty()) {
    PEMBA_TRY(after, shared.tokens.Open(TokenUse::kListStores, "", request.continuation_token));
  }
  // One more than asked for tells whether this page is the last.
  PEMBA_TRY(auto records,
            shared.datastore.ListStores(
                {.after = after, .name = request.name, .count_max = request.page_size + 1}));
  StorePage page;
  const bool more = records.size() > request.page_size;
  if (more) {
    records.resize(request.page_size);
    page.continuation_token =
        shared.tokens.Make(TokenUse::kListStores, "", records.back().id.value);
  }
  page.stores = std::move(records);
  return page;
}

Status Stores::DeleteStore(const StoreId& id) {
  auto& shared = impl_->shared();
  PEMBA_TRY(std::ignore, shared.datastore.DeleteStore(id, shared.clock.Now()));
  shared.publications.Tell(id);
  return Done{};
}

std::unique_ptr<Listener> Stores::Listen(const StoreId& id, Revision after,
                                         std::function<void()> tell) {
  return impl_->Listen(id, after, std::move(tell));
}

std::optional<Following> Stores::following() const { return impl_->following(); }

Stores::Loaded Stores::IsLoaded(const StoreId& id) const {
  return impl_->IsLoaded(id) ? Loaded::kYes : Loaded::kNo;
}

void Stores::CollectExpired() { impl_->CollectExpired(); }

std::size_t Stores::loaded() const { return impl_->loaded(); }

Stores::Memory Stores::memory() const { return impl_->memory(); }

StoresTotals Stores::Totals() const { return impl_->Totals(); }

Status Stores::Health() const { return impl_->shared().datastore.Health(); }

StoreHandle::StoreHandle(Store* registered, internal::Reclaimer::Guard guard)
    : guard_(std::move(guard)), store_(registered) {}
StoreHandle::StoreHandle(std::unique_ptr<Store> transient, internal::Reclaimer::Guard guard)
    : guard_(std::move(guard)), store_(transient.get()), transient_(std::move(transient)) {}
StoreHandle::StoreHandle(Kept kept) : store_(kept.get()), kept_(std::move(kept)) {}
StoreHandle::StoreHandle(StoreHandle&&) noexcept = default;
StoreHandle& StoreHandle::operator=(StoreHandle&&) noexcept = default;
StoreHandle::~StoreHandle() = default;

}  // namespace pemba::store
