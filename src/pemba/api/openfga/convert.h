// openfga.v1 messages <-> the domain's values.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>
#include <google/protobuf/timestamp.pb.h>
#include <openfga/v1/authzmodel.pb.h>
#include <openfga/v1/openfga.pb.h>
#include <openfga/v1/openfga_service.pb.h>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"
#include "pemba/graph/types.h"
#include "pemba/model/model.h"
#include "pemba/store/store.h"
#include "pemba/tuple/tuple.h"

namespace pemba::api::openfga {

namespace wire = ::openfga::v1;

// Models. Nothing is lost in either direction but the difference between a relation of a type
// restriction that is unset and one that is empty.
model::Model FromWire(const wire::WriteAuthorizationModelRequest& request);
model::Model FromWire(const wire::AuthorizationModel& model);
void ToWire(const model::Model& model, wire::AuthorizationModel& out);

// Tuples. Errors: kValidation for a condition context that no JSON object can hold.
Result<tuple::Tuple> FromWire(const wire::TupleKey& key);
Result<std::vector<tuple::Tuple>> FromWire(
    const google::protobuf::RepeatedPtrField<wire::TupleKey>& keys);
// A condition without a context is sent with the empty one.
void ToWire(const tuple::Tuple& tuple, wire::TupleKey& out);

Result<store::Assertion> FromWire(const wire::Assertion& assertion);
// What the limit of assertions counts.
std::size_t BytesOf(const google::protobuf::RepeatedPtrField<wire::Assertion>& assertions);

// Borrows from the key.
template <class Key>
tuple::TupleView ViewOf(const Key& key) {
  return {key.object(), key.relation(), key.user()};
}

wire::TupleOperation ToWire(graph::Change::Operation operation);
// Errors: kInvalidArgument for a time that is none, or that no clock of ours can show.
Result<WallTime> FromWire(const google::protobuf::Timestamp& time);
void ToWire(WallTime time, google::protobuf::Timestamp& out);

}  // namespace pemba::api::openfga
