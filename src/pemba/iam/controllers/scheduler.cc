#include "pemba/iam/controllers/scheduler.h"

#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pemba::iam::internal {
namespace {

// Tells what changed since it was last asked.
class News {
 public:
  explicit News(const Transaction& transaction) : transaction_(transaction) {}

  std::vector<Change> Next() {
    std::vector<Change> news;
    std::set<ObjectKey> current;
    for (const auto& change : transaction_.Changes()) {
      const auto& key = KeyOf(change);
      current.insert(key);
      Tell(seen_.try_emplace(key, change.before).first->second, change.after, news);
    }
    // What was changed and changed back.
    for (auto& [key, seen] : seen_) {
      if (!current.contains(key)) Tell(seen, transaction_.Find(key), news);
    }
    return news;
  }

 private:
  static void Tell(ObjectPtr& seen, const ObjectPtr& now, std::vector<Change>& news) {
    if (seen == now) return;
    news.push_back({seen, now});
    seen = now;
  }

  const Transaction& transaction_;
  std::map<ObjectKey, ObjectPtr> seen_;
};

}  // namespace

Outcome<Done> Scheduler::Run(Transaction& transaction, const Environment& environment,
                             const std::function<const Catalog&()>& catalog,
                             const Keys& due) const {
  News news(transaction);
  std::set<std::string> restless;
  for (std::size_t round = 0; round < kRoundsMax; ++round) {
    auto changes = news.Next();
    if (changes.empty() && (round > 0 || due.empty())) return Done{};
    restless.clear();
    Work work{transaction, environment, catalog()};
    for (const auto& controller : controllers_) {
      Keys keys;
      for (const auto& change : changes) controller->Concerns(work, change, keys);
      if (round == 0) {
        for (const auto& key : due) {
          if (controller->Keeps(environment.kinds, key.kind)) keys.insert(key);
        }
      }
      for (const auto& key : keys) {
        PEMBA_TRY(std::ignore, controller->Reconcile(work, key));
      }
      if (!keys.empty()) restless.insert(std::string(controller->name()));
    }
  }
  return Error{ErrorCode::kInternal,
               fmt::format("controllers do not come to rest after {} rounds: {}", kRoundsMax,
                           fmt::join(restless, ", "))};
}

}  // namespace pemba::iam::internal
