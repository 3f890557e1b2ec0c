// One plain Check on its way: reads, asks, answers and reports, without messages.
#pragma once

#include "pemba/api/openfga/internal/front.h"
#include "pemba/api/openfga/plain_check.h"
#include "pemba/api/openfga/service.h"

namespace pemba::api::openfga::internal {

// Answers the call as the general way would, or says kNotPlain and has done nothing.
QuickRead AnswerPlainCheck(Service& service, const Front& front, const Rpc& rpc, rpc::Call& call);

}  // namespace pemba::api::openfga::internal
