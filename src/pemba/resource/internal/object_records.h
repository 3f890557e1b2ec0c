// Objects as records: key and bytes.
//
//   key   := "o/" group "/" plural "/" namespace "/" name
//   value := the document as JSON, without metadata.resourceVersion, which is the record's revision
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>

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

// Reads many objects one after another, in memory that is used again for the next one.
class ObjectReader {
 public:
  explicit ObjectReader(const Registry& registry) : registry_(registry) {}

  // As ObjectFrom. What it answers is valid until the next call, and not to be copied by those who
  // keep it longer.
  Result<const Object*> Read(const storage::Record& record);

 private:
  // The kind of the record before is most often that of this one, too.
  const Kind* KindOf(std::string_view group, std::string_view plural);

  const Registry& registry_;
  const Kind* kind_ = nullptr;
  std::array<unsigned char, 16 << 10> buffer_;
  boost::json::monotonic_resource memory_{buffer_.data(), buffer_.size()};
  boost::json::parser parser_;
  std::optional<Object> object_;  // Within memory_.
};

// The object as readers see it once it was written with `revision`.
ObjectPtr WithRevision(const Object& object, Revision revision);

}  // namespace pemba::resource::internal
