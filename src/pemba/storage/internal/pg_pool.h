// PgPool: a bounded set of connections to one database.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/storage/internal/pg_connection.h"

namespace pemba::storage::internal {

struct PgPoolOptions {
  PgParameters parameters;
  std::size_t open_max = 30;
  std::size_t idle_max = 10;
  std::chrono::nanoseconds idle_time_max{0};  // 0: no limit.
  std::chrono::nanoseconds lifetime_max{0};   // 0: no limit; with up to a tenth of it on top.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(2);
  std::function<void(std::string_view)> report = {};  // Told when the database goes and comes back.
};

// Thread-safe. Outlives what it lends.
class PgPool {
 public:
  // A connection on loan. Comes back to the pool, unless it is broken or in a transaction.
  class Loan {
   public:
    Loan(PgPool& pool, std::unique_ptr<PgConnection> connection, bool fresh)
        : pool_(&pool), connection_(std::move(connection)), fresh_(fresh) {}
    Loan(Loan&& other) noexcept = default;
    Loan& operator=(Loan&& other) noexcept = delete;
    ~Loan() {
      if (connection_) pool_->Return(std::move(connection_));
    }
    PgConnection* operator->() const { return connection_.get(); }
    // Made for this loan: what fails on it does not fail because it had been idle for too long.
    bool fresh() const { return fresh_; }

   private:
    PgPool* pool_;
    std::unique_ptr<PgConnection> connection_;
    bool fresh_;
  };

  explicit PgPool(PgPoolOptions options) : options_(std::move(options)) {}

  // Errors: kUnavailable (cannot be reached, or all connections are in use until the deadline).
  Result<Loan> Borrow(SteadyTime deadline);

  // Whether the last attempt to reach the database succeeded. kUnavailable, without its words.
  Status health() const;

  // One try, and a second one on a fresh connection if the first had gone stale. For what may be
  // done twice.
  template <class Ask>
  auto Try(SteadyTime deadline, Ask&& ask) -> decltype(ask(std::declval<PgConnection&>())) {
    while (true) {
      auto loan = Borrow(deadline);
      if (!loan.ok()) return loan.error();
      auto answer = ask(*loan->operator->());
      if (answer.ok()) return answer;
      Failed(*loan->operator->(), answer.error());
      if (!(*loan)->broken() || loan->fresh()) return answer;
    }
  }

  // Takes note of an error on a connection: what it says goes to the report, not to callers.
  void Failed(const PgConnection& connection, const Error& error);

 private:
  struct Idle {
    std::unique_ptr<PgConnection> connection;
    SteadyTime since;
  };

  void Return(std::unique_ptr<PgConnection> connection);
  Result<std::unique_ptr<PgConnection>> Open(SteadyTime deadline);
  void DropExpired(SteadyTime now, std::vector<Idle>& dropped);
  void NoteReachable(std::optional<std::string> why_not);
  bool IsTooOld(const PgConnection& connection, SteadyTime now) const;

  const PgPoolOptions options_;
  mutable std::mutex mutex_;  // Guards everything below.
  std::condition_variable returned_;
  std::vector<Idle> idle_;  // The last returned is lent first.
  std::size_t open_ = 0;    // Lent and idle.
  bool reachable_ = true;
};

}  // namespace pemba::storage::internal
