// What the reasoning layer says, as wire messages.
#pragma once

#include <pemba/reason/v1/reason_service.pb.h>

#include "pemba/base/result.h"
#include "pemba/reason/database.h"

namespace pemba::api::reason {

namespace wire = ::pemba::reason::v1;

wire::QueryResponse::Kind ToWire(pemba::reason::AnswerKind kind);
void ToWire(const pemba::reason::Value& value, wire::Value& out);
void ToWire(const pemba::reason::Concept& shown, wire::Concept& out);
void ToWire(const pemba::reason::Answer& answer, wire::Answer& out);
void ToWire(const pemba::reason::Fact& fact, pemba::reason::Transaction& transaction,
            wire::Fact& out);
void ToWire(const pemba::reason::Explanation& explanation, pemba::reason::Transaction& transaction,
            wire::Explanation& out);
// The tree as a list; a fact that is proved twice stands there once.
void ToWire(const pemba::reason::Proof& proof, pemba::reason::Transaction& transaction,
            wire::Proof& out);

// `0x1f`. Errors: kInvalidArgument.
Result<pemba::reason::ThingId> ParseIid(const std::string& text);

}  // namespace pemba::api::reason
