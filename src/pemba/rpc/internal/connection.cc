#include "pemba/rpc/internal/connection.h"

#include "pemba/base/assert.h"

namespace pemba::rpc::internal {

Connection::~Connection() {
  while (first_ != nullptr) {
    Exchange& exchange = *first_;
    if (!exchange.running) {
      RemoveExchange(exchange);
      continue;
    }
    exchange.Cancel();
    first_ = exchange.next;
    if (first_ != nullptr) first_->previous = nullptr;
    exchange.connection = nullptr;
    exchange.next = exchange.previous = nullptr;
  }
}

Exchange& Connection::AddExchange() {
  Exchange& exchange = context_.exchanges.Acquire();
  exchange.Attach(this, peer_, certificate_, context_.options.stall_timeout);
  exchange.started = exchange.last_progress = context_.now;
  exchange.next = first_;
  exchange.previous = nullptr;
  if (first_ != nullptr) first_->previous = &exchange;
  first_ = &exchange;
  ++exchange_count_;
  if (told_draining_) exchange.TellDraining();
  return exchange;
}

void Connection::TellDraining() {
  told_draining_ = true;
  for (auto* exchange = first_; exchange != nullptr; exchange = exchange->next) {
    exchange->TellDraining();
    context_.suspended.Wake(*exchange);
  }
}

std::size_t Connection::ReadStream(Exchange& exchange, char* out, std::size_t bytes_max) {
  const auto count = exchange.stream.Read(out, bytes_max);
  if (count > 0) context_.suspended.OnRoom(exchange);
  return count;
}

void Connection::RemoveExchange(Exchange& exchange) {
  PEMBA_ASSERT(!exchange.running && exchange.connection == this);
  (exchange.previous != nullptr ? exchange.previous->next : first_) = exchange.next;
  if (exchange.next != nullptr) exchange.next->previous = exchange.previous;
  exchange.next = exchange.previous = nullptr;
  --exchange_count_;
  ReleaseDetached(context_, exchange);
}

Connection::Budget Connection::CountBuffered(Exchange& exchange, std::size_t bytes) {
  exchange.buffered_bytes += bytes;
  context_.buffered_bytes += bytes;
  return context_.buffered_bytes > context_.options.buffered_request_bytes_max ? Budget::kOver
                                                                               : Budget::kWithin;
}

void Connection::UncountBuffered(Exchange& exchange, std::size_t bytes) {
  PEMBA_ASSERT(exchange.buffered_bytes >= bytes);
  exchange.buffered_bytes -= bytes;
  context_.buffered_bytes -= bytes;
}

void ReleaseDetached(ConnectionContext& context, Exchange& exchange) {
  PEMBA_ASSERT(context.buffered_bytes >= exchange.buffered_bytes);
  context.buffered_bytes -= exchange.buffered_bytes;
  context.ready.Remove(exchange);
  context.suspended.Remove(exchange);
  context.exchanges.Release(exchange);
}

}  // namespace pemba::rpc::internal
