#include "pemba/store/internal/follower.h"

#include <algorithm>

#include "pemba/store/internal/core.h"

namespace pemba::store::internal {
namespace {

using std::chrono::steady_clock;

// A database that takes longer to say where logs end is not answering.
constexpr std::chrono::seconds kPatience{2};
// Between tries while it does not answer: news of nothing comes at once then.
constexpr std::chrono::milliseconds kTryAgain{100};

}  // namespace

Follower::Follower(Shared& shared, Loaded& loaded)
    : shared_(shared),
      loaded_(loaded),
      logs_(*shared.datastore.shared()),
      looked_at_(steady_clock::now().time_since_epoch().count()),
      thread_([this] { Run(); }) {}

Follower::~Follower() {
  stopping_ = true;
  logs_.EndWait();
  thread_.join();
}

Following Follower::status() const {
  const SteadyTime looked_at{steady_clock::duration(looked_at_.load())};
  return {.silent_for = std::max(steady_clock::duration(0), steady_clock::now() - looked_at),
          .writes_behind = behind_.load()};
}

void Follower::Run() {
  while (!stopping_) {
    const auto news = logs_.AwaitNews();
    if (!stopping_) FollowAll(news);
  }
}

void Follower::FollowAll(const storage::News& news) {
  const bool any = news.of == storage::News::Of::kAny;
  const auto ids = IdsOf(news);
  if (ids.empty() && !any) return;
  const auto asked_at = steady_clock::now();
  // Also without stores: the answer says that the database is there.
  const auto heads = logs_.Heads(ids, asked_at + kPatience);
  if (!heads.ok()) {
    std::this_thread::sleep_for(kTryAgain);
    return;
  }
  std::uint64_t behind = 0;
  for (std::size_t i = 0; i < ids.size() && !stopping_; ++i) {
    // For each store anew: what was replaced is not kept for as long as all of them take.
    const auto guard = shared_.reclaimer.Enter();
    StoreCore* const core = loaded_.FindLoaded(ids[i]);
    if (core == nullptr) continue;  // Unloaded meanwhile; its next load reads the whole log.
    const auto revision = core->Pin().revision();
    const auto head = (*heads)[i].revision;
    if (head > revision) behind = std::max(behind, head - revision);
    behind_ = std::max(behind_.load(), behind);
    Note(ids[i], core->FollowHead((*heads)[i]));
  }
  if (any) {
    behind_ = 0;
    looked_at_ = asked_at.time_since_epoch().count();
  }
}

std::vector<StoreId> Follower::IdsOf(const storage::News& news) const {
  if (news.of == storage::News::Of::kAny) return loaded_.LoadedIds();
  std::vector<StoreId> ids;
  const auto guard = shared_.reclaimer.Enter();
  for (const auto& id : news.stores) {
    if (loaded_.FindLoaded(id) != nullptr) ids.push_back(id);
  }
  return ids;
}

// Once for each trouble, not once a second.
void Follower::Note(const StoreId& store, const Status& outcome) {
  if (outcome.ok()) {
    troubles_.erase(store.value);
    return;
  }
  auto& told = troubles_[store.value];
  if (told == outcome.error().message) return;
  told = outcome.error().message;
  shared_.Report("store '" + store.value + "': it cannot be followed: " + told);
}

}  // namespace pemba::store::internal
