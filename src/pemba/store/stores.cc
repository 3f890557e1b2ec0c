#include "pemba/store/stores.h"

#include <algorithm>
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

}  // namespace

class Stores::Impl final : public internal::Maintenance {
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
                {}},
        expiry_interval_(options.expiry_interval),
        empty_(shared_, no_store_, {std::make_unique<graph::Graph>(), {}, 0}) {
    if (datastore.shared() == nullptr) return;
    follower_.emplace(shared_, [this](const auto* ids) { return LoadedAmong(ids); });
  }

  ~Impl() override {
    follower_.reset();
    {
      const std::lock_guard lock(maintenance_mutex_);
      stopping_ = true;
    }
    maintenance_wake_.notify_all();
    if (maintenance_thread_.joinable()) maintenance_thread_.join();
    for (const auto& store : table_.entries()) {
      StoreCore& core = store->core();
      if (core.changes_since_checkpoint() >= kChangesWorthACheckpoint) core.SaveCheckpoint();
    }
  }

  Result<StoreHandle> Open(const StoreId& id) {
    if (Store* store = table_.Find(id.value)) return StoreHandle(store);
    PEMBA_TRY(const auto data, HasData(id));
    if (data == Data::kNone) {
      return StoreHandle(std::make_unique<Store>(std::make_unique<StoreCore>(
          shared_, id, empty_, [this](const StoreId& adopted) { return Adopt(adopted); })));
    }
    PEMBA_TRY(Store* const store, Register(id));
    return StoreHandle(store);
  }

  void RequestCheckpoint(StoreCore& core) override {
    const std::lock_guard lock(maintenance_mutex_);
    if (std::ranges::find(checkpoints_, &core) == checkpoints_.end()) checkpoints_.push_back(&core);
    WakeMaintenance();
  }

  void RequestCollect() override {
    const std::lock_guard lock(maintenance_mutex_);
    collect_ = true;
    WakeMaintenance();
  }

  void WatchExpiry(StoreCore& core) override {
    const std::lock_guard lock(maintenance_mutex_);
    if (!expiring_.insert(&core).second) return;
    if (expiry_interval_.count() > 0) WakeMaintenance();
  }

  void CollectExpired() {
    std::vector<StoreCore*> cores;
    {
      const std::lock_guard lock(maintenance_mutex_);
      cores.assign(expiring_.begin(), expiring_.end());
    }
    const auto now = shared_.clock.Now();
    for (StoreCore* core : cores) {
      if (core->next_expiry() > now) continue;
      const auto collected = core->CollectExpired();
      if (!collected.ok()) {
        shared_.Report("store '" + core->id().value +
                       "': what has expired could not be deleted: " + collected.error().message);
      }
    }
  }

  internal::Shared& shared() { return shared_; }
  std::size_t loaded() const { return table_.size(); }
  bool IsLoaded(const StoreId& id) const { return table_.Find(id.value) != nullptr; }
  std::optional<Following> following() const {
    if (!follower_) return std::nullopt;
    return follower_->status();
  }

  StoresTotals Totals() const {
    StoresTotals totals;
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
    if (Store* store = table_.Find(id.value)) return store;
    auto core = StoreCore::Load(shared_, id);
    if (core.ok()) return table_.Insert(std::make_unique<Store>(*std::move(core)));
    return core.error();
  }

  Result<StoreCore*> Adopt(const StoreId& id) {
    PEMBA_TRY(Store* const store, Register(id));
    return &store->core();
  }

  std::vector<StoreCore*> LoadedAmong(const std::vector<StoreId>* ids) const {
    std::vector<StoreCore*> cores;
    if (ids == nullptr) {
      for (Store* store : table_.All()) cores.push_back(&store->core());
      return cores;
    }
    for (const auto& id : *ids) {
      if (Store* store = table_.Find(id.value)) cores.push_back(&store->core());
    }
    return cores;
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
      const auto wanted = [&] { return stopping_ || collect_ || !checkpoints_.empty(); };
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
      std::vector<StoreCore*> cores;
      cores.swap(checkpoints_);
      lock.unlock();
      waits = shared_.reclaimer.Collect();
      for (StoreCore* core : cores) core->SaveCheckpoint();
      if (expires) CollectExpired();
      lock.lock();
    }
  }

  internal::Shared shared_;
  const std::chrono::milliseconds expiry_interval_;
  const StoreId no_store_;
  internal::State empty_;  // What every id without data looks like.
  internal::StoreTable<Store> table_;

  std::mutex turns_mutex_;
  std::map<std::string, std::weak_ptr<std::mutex>> turns_;

  std::mutex maintenance_mutex_;  // Guards everything below.
  std::condition_variable maintenance_wake_;
  std::vector<StoreCore*> checkpoints_;  // Each store at most once.
  std::set<StoreCore*> expiring_;        // With tuples that expire, now or ever.
  bool collect_ = false;
  bool stopping_ = false;
  std::thread maintenance_thread_;

  std::optional<internal::Follower> follower_;  // Of a datastore that others append to.
};

Stores::Stores(storage::Datastore& datastore, const Clock& clock, StoresOptions options)
    : impl_(std::make_unique<Impl>(datastore, clock, std::move(options))) {}
Stores::~Stores() = default;

Result<StoreHandle> Stores::Open(const StoreId& id) { return impl_->Open(id); }

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
  auto listener = impl_->shared().publications.Listen(id, std::move(tell));
  // What came between the caller's last look and the listening told nobody.
  const auto store = Open(id);
  const bool news = !store.ok() || (*store)->Pin().revision() > after || !GetStore(id).ok();
  if (news) listener->Tell();
  return listener;
}

std::optional<Following> Stores::following() const { return impl_->following(); }

Stores::Loaded Stores::IsLoaded(const StoreId& id) const {
  return impl_->IsLoaded(id) ? Loaded::kYes : Loaded::kNo;
}

void Stores::CollectExpired() { impl_->CollectExpired(); }

std::size_t Stores::loaded() const { return impl_->loaded(); }

StoresTotals Stores::Totals() const { return impl_->Totals(); }

Status Stores::Health() const { return impl_->shared().datastore.Health(); }

StoreHandle::StoreHandle(Store* registered) : store_(registered) {}
StoreHandle::StoreHandle(std::unique_ptr<Store> transient)
    : store_(transient.get()), transient_(std::move(transient)) {}
StoreHandle::StoreHandle(StoreHandle&&) noexcept = default;
StoreHandle& StoreHandle::operator=(StoreHandle&&) noexcept = default;
StoreHandle::~StoreHandle() = default;

}  // namespace pemba::store
