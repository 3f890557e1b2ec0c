// One plain Write on its way: reads, writes, answers and reports, without messages.
#pragma once

#include "pemba/api/openfga/internal/front.h"
#include "pemba/api/openfga/plain_write.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga::internal {

// Answers the call as the general way would, or says kNotPlain and has done nothing. gRPC only.
QuickRead AnswerPlainWrite(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call);

}  // namespace pemba::api::openfga::internal
