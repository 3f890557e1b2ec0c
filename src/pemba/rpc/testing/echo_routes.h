// Routes for tests and measurements: one of every kind of call that the transport knows.
#pragma once

#include "pemba/rpc/router.h"

namespace pemba::rpc::testing {

// gRPC, service pemba.test.Echo:
//   Unary    echoes its message inline; metadata "x-echo" and "x-echo-bin" come back as sent
//   Worker   as Unary, on a worker
//   Status   ends with the status "CODE text" that its message spells
//   Stream   "COUNT SIZE": so many messages of so many bytes, then status 0
//   Slow     answers when the call is cancelled or its deadline is over, after 10 s at most
//   Chat     bidirectional: echoes each message; "bye" ends the call with status 2001
//   ChatWorker  as Chat, on workers
// HTTP:
//   POST /echo, POST /worker/echo   the body, as sent
//   GET  /stores/{store_id}         the parameter
//   GET  /headers                   the value of x-echo, as body and as header x-echo
//   GET  /stream?COUNT SIZE         as Stream
//   GET  /slow                      as Slow
//   DELETE /stores/{store_id}       204
void AddEchoRoutes(Router& router);

// Calls of Slow that were told that their caller is gone, in this process.
int CancelledSlowCalls();

}  // namespace pemba::rpc::testing
