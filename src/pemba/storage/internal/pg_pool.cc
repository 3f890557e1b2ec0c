#include "pemba/storage/internal/pg_pool.h"

#include <algorithm>

namespace pemba::storage::internal {
namespace {

using std::chrono::steady_clock;

}  // namespace

Result<PgPool::Loan> PgPool::Borrow(SteadyTime deadline) {
  std::vector<Idle> dropped;  // Closed without the lock.
  {
    std::unique_lock lock(mutex_);
    while (true) {
      DropExpired(steady_clock::now(), dropped);
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back().connection);
        idle_.pop_back();
        return Loan(*this, std::move(connection), /*fresh=*/false);
      }
      if (open_ < options_.open_max) break;
      if (returned_.wait_until(lock, deadline) == std::cv_status::timeout) {
        return Error{ErrorCode::kUnavailable, "all connections to the database are in use"};
      }
    }
    ++open_;
  }
  auto opened = Open(deadline);
  if (opened.ok()) return Loan(*this, *std::move(opened), /*fresh=*/true);
  {
    const std::lock_guard lock(mutex_);
    --open_;
  }
  returned_.notify_one();
  return Error{ErrorCode::kUnavailable, "the database cannot be reached"};
}

Result<std::unique_ptr<PgConnection>> PgPool::Open(SteadyTime deadline) {
  const auto patience =
      std::chrono::duration_cast<steady_clock::duration>(options_.connect_timeout);
  auto opened = PgConnection::Connect(options_.parameters,
                                      std::min(deadline, steady_clock::now() + patience));
  NoteReachable(opened.ok() ? std::nullopt : std::optional(opened.error().message));
  return opened;
}

void PgPool::Return(std::unique_ptr<PgConnection> connection) {
  const auto now = steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (!connection->broken() && connection->idle() && idle_.size() < options_.idle_max &&
        !IsTooOld(*connection, now)) {
      idle_.push_back({std::move(connection), now});
    } else {
      --open_;
    }
  }
  returned_.notify_one();
}  // What was not kept is closed here, without the lock.

// Connections made at the same time should not end at the same time: each lives up to a tenth
// longer, by what its address happens to be.
bool PgPool::IsTooOld(const PgConnection& connection, SteadyTime now) const {
  if (options_.lifetime_max.count() == 0) return false;
  const auto spread = reinterpret_cast<std::uintptr_t>(&connection) / 64 % 100;
  return now - connection.opened_at() >
         options_.lifetime_max + options_.lifetime_max / 1000 * spread;
}

void PgPool::DropExpired(SteadyTime now, std::vector<Idle>& dropped) {
  const auto expired = [&](const Idle& idle) {
    return IsTooOld(*idle.connection, now) ||
           (options_.idle_time_max.count() != 0 && now - idle.since > options_.idle_time_max);
  };
  for (auto& idle : idle_) {
    if (expired(idle)) dropped.push_back(std::move(idle));
  }
  std::erase_if(idle_, [](const Idle& idle) { return idle.connection == nullptr; });
  open_ -= dropped.size();
}

// Where one connection broke the idle ones are likely to be broken too: a server that was restarted
// has forgotten all of them.
void PgPool::Failed(const PgConnection& connection, const Error& error) {
  if (connection.broken()) {
    NoteReachable(error.message);
    std::vector<Idle> dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(idle_);
    open_ -= dropped.size();
    returned_.notify_all();
  } else if (error.code == ErrorCode::kInternal || error.code == ErrorCode::kFailedPrecondition) {
    if (options_.report) options_.report(error.message);
  }
}

void PgPool::NoteReachable(std::optional<std::string> why_not) {
  {
    const std::lock_guard lock(mutex_);
    const bool changed = reachable_ == why_not.has_value();
    reachable_ = !why_not;
    if (!changed) return;
  }
  if (!options_.report) return;
  options_.report(why_not ? "the database is not reachable: " + *why_not
                          : std::string("the database is reachable again"));
}

Status PgPool::health() const {
  const std::lock_guard lock(mutex_);
  if (reachable_) return Done{};
  return Error{ErrorCode::kUnavailable, "the database cannot be reached"};
}

}  // namespace pemba::storage::internal
