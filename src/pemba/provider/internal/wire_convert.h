// openfga.v1 messages <-> the domain's values, as a client needs them.
#pragma once

#include <openfga/v1/authzmodel.pb.h>
#include <openfga/v1/openfga.pb.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/base/result.h"
#include "pemba/model/model.h"
#include "pemba/tuple/tuple.h"

namespace pemba::provider::internal {

namespace wire = ::openfga::v1;

// Errors: kInvalidModel, kUnavailable (an answer that cannot be read).
Result<wire::WriteAuthorizationModelRequest> ToWire(const model::Model& model);
Result<model::Model> FromWire(const wire::AuthorizationModel& model);

// Errors: kValidation (a condition context that no message can hold).
Status ToWire(const tuple::Tuple& tuple, wire::TupleKey& out);
Result<tuple::Tuple> FromWire(const wire::TupleKey& key);

}  // namespace pemba::provider::internal
