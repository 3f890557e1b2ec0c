#include "pemba/resource/internal/object_records.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace pemba::resource::internal {

namespace json = boost::json;

std::string RecordKey(const ObjectKey& key) {
  return fmt::format("{}{}/{}/{}/{}", kObjectPrefix, key.kind->group, key.kind->plural,
                     key.name_space, key.name);
}

std::string RecordValue(const Object& object) {
  json::object document = object.document;
  auto& metadata = document["metadata"].get_object();
  if (const auto at = metadata.find("resourceVersion"); at != metadata.end()) {
    metadata.stable_erase(at);
  }
  return json::serialize(document);
}

ObjectPtr WithRevision(const Object& object, Revision revision) {
  auto copy = std::make_shared<Object>(object);
  copy->revision = revision;
  copy->document["metadata"].get_object()["resourceVersion"] = std::to_string(revision);
  return copy;
}

namespace {

Error NoObject(std::string_view record_key) {
  return {ErrorCode::kDataLoss, fmt::format("the record `{}` is no object", record_key)};
}

}  // namespace

Result<std::optional<ObjectKey>> KeyFrom(std::string_view record_key, const Registry& registry) {
  std::string_view rest = record_key.substr(kObjectPrefix.size());
  std::string parts[3];
  for (auto& part : parts) {
    const auto slash = rest.find('/');
    if (slash == rest.npos) return NoObject(record_key);
    part = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  }
  for (const auto& kind : registry.kinds()) {
    if (kind->group == parts[0] && kind->plural == parts[1]) {
      return std::optional(ObjectKey{kind.get(), parts[2], std::string(rest)});
    }
  }
  return std::optional<ObjectKey>();
}

Result<ObjectPtr> ObjectFrom(const storage::Record& record, const Registry& registry) {
  PEMBA_TRY(auto key, KeyFrom(record.key, registry));
  if (!key) return ObjectPtr();
  const Error bad = NoObject(record.key);
  json::error_code error;
  auto document = json::parse(json::string_view(record.value.data(), record.value.size()), error);
  if (error || !document.is_object()) return bad;
  const auto* metadata = document.get_object().if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return bad;
  Object object;
  object.key = *std::move(key);
  object.document = std::move(document.get_object());
  return WithRevision(object, record.revision);
}

}  // namespace pemba::resource::internal
