// Changes: what a transaction did to the facts, to be done again on a newer version or after a
// restart.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/reason/internal/facts.h"
#include "pemba/reason/schema.h"
#include "pemba/reason/thing.h"
#include "pemba/reason/value.h"

namespace pemba::reason::internal {

struct Change {
  enum class Kind : std::uint8_t {  // On disk: append, never reorder or reuse.
    kCreate = 0,                    // `thing` of `type`, an entity or a relation.
    kPut = 1,                       // `thing`, an attribute of `type` with `value`.
    kOwn = 2,                       // `thing` owns `other`.
    kDisown = 3,
    kPlay = 4,  // `other` plays `type` in the relation `thing`.
    kUnplay = 5,
    kDelete = 6,  // `thing`.
  };
  Kind kind = Kind::kCreate;
  ThingId thing = kNoThing;
  ThingId other = kNoThing;
  TypeId type = 0;
  std::optional<Value> value;
};

void Apply(const Change& change, Facts& facts);

// A committed transaction as a record of the log: changes of data, or definitions as text.
struct Record {
  enum class Kind : std::uint8_t { kData = 1, kSchema = 2, kWhole = 3 };  // On disk.
  Kind kind = Kind::kData;
  std::uint64_t revision = 0;
  std::string definitions;  // kSchema: queries; kWhole: the schema before `changes`.
  std::vector<Change> changes;
};

// Types are written by label: the numbers of types may differ after a restart.
std::string Encode(const Record& record, const Schema& schema);
// `schema_for` is asked once, when the definitions are known, for the schema that labels mean.
// Errors: kDataLoss.
Result<Record> Decode(std::string_view bytes,
                      const std::function<Result<const Schema*>(const Record&)>& schema_for);

}  // namespace pemba::reason::internal
