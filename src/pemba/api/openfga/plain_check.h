// PlainCheck: the usual Check, read from the wire without a message, and answered so.
//
// Most Checks are two ids and a tuple key. Making a message of those costs more than deciding about
// them. Whatever else a request holds, it goes the general way: an optimisation may only look at
// what it knows in full.
#pragma once

#include <cstdint>
#include <string_view>

#include <openfga/v1/openfga_service.pb.h>

namespace pemba::api::openfga {

namespace internal {
struct QuestionKind;
}

// The question of a CheckRequest. Views into the body that it was read from.
struct PlainCheck {
  std::string_view store_id, model_id, user, relation, object;
  ::openfga::v1::ConsistencyPreference consistency = ::openfga::v1::UNSPECIFIED;
  // Covers it, if this thread knows one: internal/question_kinds.h.
  const internal::QuestionKind* kind = nullptr;
};

enum class QuickRead : std::uint8_t { kDone, kNotPlain };

// Both read ids, tuple key and (protobuf only) consistency, each at most once. On anything else
// (contextual tuples, context, unknown fields, escapes, errors of any kind) they answer kNotPlain
// and leave `question` in any state. What they read, the general readers read alike. `question`
// must be empty. Thread-safe, no heap.
QuickRead ReadPlainCheckProtobuf(std::string_view bytes, PlainCheck& question);
QuickRead ReadPlainCheckJson(std::string_view body, PlainCheck& question);

// Whether the question passes the field rules, found without reflection. What this passes, the
// table passes; what it does not pass may still be valid, and the table has the words.
enum class QuickVerdict : std::uint8_t { kPasses, kAskTheTable };
QuickVerdict CheckFieldsQuickly(const PlainCheck& question);
// The same of a request; one with contextual tuples is for the table.
QuickVerdict CheckFieldsQuickly(const ::openfga::v1::CheckRequest& request);

// A CheckResponse as the general writer prints it.
inline std::string_view CheckResponseJson(bool allowed) {
  return allowed ? R"({"allowed":true,"resolution":""})" : R"({"allowed":false,"resolution":""})";
}

}  // namespace pemba::api::openfga
