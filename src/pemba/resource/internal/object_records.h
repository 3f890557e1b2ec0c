// Objects as records: key and bytes.
//
//   key   := "o/" group "/" plural "/" namespace "/" name
//   value := the document as JSON, without metadata.resourceVersion, which is the record's revision
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/resource/kind.h"
#include "pemba/resource/object.h"
#include "pemba/storage/datastore.h"

namespace pemba::resource::internal {

inline constexpr std::string_view kObjectPrefix = "o/";

std::string RecordKey(const ObjectKey& key);
std::string RecordValue(const Object& object);

// Nothing for an object of a kind that is not registered. Errors: kDataLoss, naming the record.
Result<std::optional<ObjectKey>> KeyFrom(std::string_view record_key, const Registry& registry);

// Null for an object of a kind that is not registered: it stays as it is.
// Errors: kDataLoss, naming the record.
Result<ObjectPtr> ObjectFrom(const storage::Record& record, const Registry& registry);

// The object as readers see it once it was written with `revision`.
ObjectPtr WithRevision(const Object& object, Revision revision);

}  // namespace pemba::resource::internal
