// engine::Explanation as pemba.v1 says it.
#pragma once

#include <string_view>

#include <pemba/v1/pemba_service.pb.h>

#include "pemba/engine/explanation.h"

namespace pemba::api::openfga {

// `user`: the question's; every node of the proof names it.
void ToWire(const engine::Explanation& explanation, std::string_view user,
            ::pemba::v1::ExplainResponse& out);

}  // namespace pemba::api::openfga
