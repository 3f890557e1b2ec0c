// Dispatch: from a request's head and body to its handler, the same for HTTP/1.1 and HTTP/2.
#pragma once

#include "pemba/rpc/internal/connection.h"

namespace pemba::rpc::internal {

enum class Dispatched {
  kPending,   // Read on (ReadHead); a worker has it or more messages may come (StartCall).
  kAnswered,  // exchange.response is complete, or a stream that has ended.
};

// Splits the target, finds the route, reads deadline and encodings. Answers what cannot go on
// whatever the body is; for gRPC that includes an unknown method.
Dispatched ReadHead(ConnectionContext& context, Exchange& exchange);

// The request is complete (Requests::kOne): takes the message or body out of the received bytes and
// runs the handler, here or on a worker.
Dispatched StartCall(ConnectionContext& context, Exchange& exchange);

// Runs the handlers of all calls in context.ready; then the answers go to their connections.
void RunReady(ConnectionContext& context);

// Requests::kEach: runs the handler for every complete message in exchange.incoming, one at a time;
// on a worker, for the first, and again when called after it has returned. kAnswered also when the
// peer has half-closed and all messages are handled.
Dispatched StartNextMessage(ConnectionContext& context, Exchange& exchange);

// Requests::kOne, after every append to request.bytes. gRPC: refuses a message as soon as its
// length prefix shows that it is too large, and a second message. HTTP: refuses once the body is
// too large.
Dispatched CheckSize(ConnectionContext& context, Exchange& exchange);

}  // namespace pemba::rpc::internal
