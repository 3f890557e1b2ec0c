// PlainWrite: the usual Write, read from protobuf without a message.
//
// Most Writes are tuples without conditions. Making a message of those, and strings of the message,
// costs as much as judging and storing them. Whatever else a request holds, it goes the general
// way.
#pragma once

#include <string_view>
#include <vector>

#include "pemba/api/openfga/plain_check.h"
#include "pemba/tuple/tuple.h"

namespace pemba::api::openfga {

// A WriteRequest. Views into the body that it was read from.
struct PlainWrite {
  std::string_view store_id, model_id;
  std::string_view on_duplicate, on_missing;
  std::vector<tuple::TupleView> writes, deletes;
};

// Reads ids, tuple keys without conditions, and what to do about those that are there or are not,
// each at most once. On anything else (conditions, unknown fields, errors of any kind, lists that
// are there but empty) it answers kNotPlain and leaves `write` in any state. What it reads, the
// general reader reads alike. `write` must be empty. Thread-safe.
QuickRead ReadPlainWrite(std::string_view bytes, PlainWrite& write);

// Whether the write passes the field rules, as CheckFieldsQuickly of a PlainCheck.
QuickVerdict CheckFieldsQuickly(const PlainWrite& write);

}  // namespace pemba::api::openfga
