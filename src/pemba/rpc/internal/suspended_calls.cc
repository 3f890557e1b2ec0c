#include "pemba/rpc/internal/suspended_calls.h"

#include <algorithm>
#include <chrono>

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/exchange.h"
#include "pemba/rpc/internal/mailbox.h"
#include "pemba/rpc/internal/worker_pool.h"

namespace pemba::rpc::internal {
namespace {

using State = Suspension::State;

// When the workers' queue was full.
constexpr std::chrono::milliseconds kTryAgain{10};

// A peer that reads in small steps does not wake its handler for each of them.
bool HasRoom(const Exchange& exchange) {
  return exchange.stream.Look().buffered_bytes <= OutgoingStream::kBufferedBytesMax / 2;
}

}  // namespace

void WakeTicket::Wake() {
  const std::lock_guard lock(mutex_);
  if (mailbox_ == nullptr || posted_) return;
  posted_ = true;
  mailbox_->Post(shared_from_this());
}

Exchange* WakeTicket::Open() {
  const std::lock_guard lock(mutex_);
  posted_ = false;
  return mailbox_ == nullptr ? nullptr : &exchange_;
}

void WakeTicket::Close() {
  const std::lock_guard lock(mutex_);
  mailbox_ = nullptr;
}

// Half of the workers are always there for everybody else.
SuspendedCalls::SuspendedCalls(std::size_t worker_threads, std::size_t io_threads)
    : resumed_max_(
          std::max<std::size_t>(1, worker_threads / (2 * std::max<std::size_t>(1, io_threads)))) {}

bool SuspendedCalls::Has(const Exchange& exchange) {
  return exchange.suspension.state != State::kNone;
}

void SuspendedCalls::Add(Exchange& exchange) {
  auto& suspension = exchange.suspension;
  PEMBA_ASSERT(!exchange.running && suspension.state == State::kNone);
  suspension.state = State::kWaiting;
  waiting_.emplace(suspension.at, &exchange);
  const bool room = suspension.until == SuspendUntil::kRoom && HasRoom(exchange);
  if (std::exchange(suspension.woken, false) || exchange.draining() || room) MakeReady(exchange);
}

void SuspendedCalls::OnReturn(Exchange& exchange) {
  if (std::exchange(exchange.suspension.resumed, false)) --resumed_;
}

void SuspendedCalls::Remove(Exchange& exchange) {
  auto& suspension = exchange.suspension;
  if (suspension.state == State::kWaiting) waiting_.erase({suspension.at, &exchange});
  if (suspension.state == State::kReady) ready_.erase({suspension.turn, &exchange});
  suspension.state = State::kNone;
}

void SuspendedCalls::Wake(Exchange& exchange) {
  auto& suspension = exchange.suspension;
  if (suspension.state == State::kWaiting) MakeReady(exchange);
  if (suspension.state == State::kNone) suspension.woken = true;
}

void SuspendedCalls::OnRoom(Exchange& exchange) {
  const auto& suspension = exchange.suspension;
  if (suspension.state != State::kWaiting || suspension.until != SuspendUntil::kRoom) return;
  if (HasRoom(exchange)) MakeReady(exchange);
}

void SuspendedCalls::MakeReady(Exchange& exchange) {
  auto& suspension = exchange.suspension;
  waiting_.erase({suspension.at, &exchange});
  suspension.state = State::kReady;
  suspension.turn = ++turns_;
  ready_.emplace(suspension.turn, &exchange);
}

void SuspendedCalls::Resume(SteadyTime now, WorkerPool& workers) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    MakeReady(*waiting_.begin()->second);
  }
  while (!ready_.empty() && resumed_ < resumed_max_) {
    Exchange& exchange = *ready_.begin()->second;
    exchange.suspension.state = State::kNone;
    exchange.suspension.woken = false;
    exchange.suspension.resumed = true;
    exchange.running = true;  // Before the worker has it.
    if (workers.Offer(exchange) == WorkerPool::Offered::kFull) {
      exchange.suspension.state = State::kReady;
      exchange.suspension.resumed = false;
      exchange.running = false;
      return;
    }
    ready_.erase(ready_.begin());
    ++resumed_;
  }
}

SteadyTime SuspendedCalls::NextDue(SteadyTime now) const {
  // With some resumed, the next one that comes back gives the occasion.
  if (!ready_.empty() && resumed_ < resumed_max_) return now + kTryAgain;
  return waiting_.empty() ? SteadyTime::max() : waiting_.begin()->first;
}

}  // namespace pemba::rpc::internal
