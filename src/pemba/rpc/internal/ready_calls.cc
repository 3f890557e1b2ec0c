#include "pemba/rpc/internal/ready_calls.h"

#include "pemba/base/assert.h"
#include "pemba/rpc/internal/exchange.h"

namespace pemba::rpc::internal {

void ReadyCalls::Add(Exchange& exchange) {
  PEMBA_ASSERT(exchange.turn == 0 && !exchange.running);
  calls_.push_back(&exchange);
  exchange.turn = calls_.size();
}

void ReadyCalls::Remove(Exchange& exchange) {
  if (exchange.turn == 0) return;
  calls_[exchange.turn - 1] = nullptr;
  exchange.turn = 0;
}

Exchange* ReadyCalls::Next() {
  while (next_ < calls_.size()) {
    Exchange* const exchange = calls_[next_++];
    if (exchange == nullptr) continue;
    exchange->turn = 0;
    return exchange;
  }
  calls_.clear();
  next_ = 0;
  return nullptr;
}

}  // namespace pemba::rpc::internal
