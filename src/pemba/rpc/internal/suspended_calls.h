// SuspendedCalls: the calls of one I/O thread whose handler has returned for now.
//
// They hold no thread and no timer of their own. What lets one go on makes it *ready*; ready calls
// go to the workers in their order, a few at a time, so that ten thousand streams that one event
// wakes neither fill the workers' queue nor keep other calls waiting behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "pemba/base/clock.h"
#include "pemba/rpc/call.h"

namespace pemba::rpc::internal {

class Exchange;
class Mailbox;
class WorkerPool;

// What a waker of a call holds instead of the call, which may be over.
class WakeTicket final : public Waker, public std::enable_shared_from_this<WakeTicket> {
 public:
  WakeTicket(Mailbox& mailbox, Exchange& exchange) : mailbox_(&mailbox), exchange_(exchange) {}

  void Wake() override;

  // I/O thread. Open: the mail has been read; null if the call is over.
  Exchange* Open();
  void Close();

 private:
  std::mutex mutex_;
  Mailbox* mailbox_;  // Guarded by mutex_, as is posted_. Null: the call is over.
  bool posted_ = false;
  Exchange& exchange_;
};

// What an exchange knows of its being suspended. `until` and `at` are the handler's; the rest is
// the I/O thread's.
struct Suspension {
  SuspendUntil until = SuspendUntil::kWoken;
  SteadyTime at{};
  enum class State : std::uint8_t {
    kNone,     // Never suspended, or a handler has it.
    kWaiting,  // In waiting_.
    kReady,    // In ready_.
  } state = State::kNone;
  bool woken = false;    // While a handler had it.
  bool resumed = false;  // Counted in resumed_.
  std::uint64_t turn = 0;
};

// Belongs to one I/O thread. O(log calls) each.
class SuspendedCalls {
 public:
  SuspendedCalls(std::size_t worker_threads, std::size_t io_threads);

  static bool Has(const Exchange& exchange);

  void Add(Exchange& exchange);       // Its handler has returned. It is not running.
  void OnReturn(Exchange& exchange);  // A worker has returned it, in whatever state.
  void Remove(Exchange& exchange);    // The call is over.
  void Wake(Exchange& exchange);
  void OnRoom(Exchange& exchange);  // The peer has read something.

  // Hands what is ready or due to the workers, as far as its share goes.
  void Resume(SteadyTime now, WorkerPool& workers);
  SteadyTime NextDue(SteadyTime now) const;  // When to call Resume next, if nothing happens.

 private:
  void MakeReady(Exchange& exchange);

  const std::size_t resumed_max_;
  std::size_t resumed_ = 0;  // With the workers.
  std::uint64_t turns_ = 0;
  std::set<std::pair<SteadyTime, Exchange*>> waiting_;
  std::set<std::pair<std::uint64_t, Exchange*>> ready_;  // By turn.
};

}  // namespace pemba::rpc::internal
