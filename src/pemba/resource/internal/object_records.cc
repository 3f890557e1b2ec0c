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

namespace {

void AppendField(json::string_view name, std::string_view value, std::string& text) {
  if (text.back() != '{') text.push_back(',');
  text += json::serialize(name);
  text.push_back(':');
  text += value;
}

}  // namespace

std::string RecordValue(const Object& object) {
  std::string metadata = "{", text = "{";
  for (const auto& [name, value] : object.metadata()) {
    if (name != "resourceVersion") AppendField(name, json::serialize(value), metadata);
  }
  metadata.push_back('}');
  for (const auto& [name, value] : object.document) {
    AppendField(name, name == "metadata" ? metadata : json::serialize(value), text);
  }
  text.push_back('}');
  return text;
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

struct KeyParts {
  std::string_view group, plural, name_space, name;
};

Result<KeyParts> PartsOf(std::string_view record_key) {
  std::string_view rest = record_key.substr(kObjectPrefix.size());
  KeyParts parts;
  for (auto* const part : {&parts.group, &parts.plural, &parts.name_space}) {
    const auto slash = rest.find('/');
    if (slash == rest.npos) return NoObject(record_key);
    *part = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
  }
  parts.name = rest;
  return parts;
}

const Kind* FindKind(const Registry& registry, std::string_view group, std::string_view plural) {
  for (const auto& kind : registry.kinds()) {
    if (kind->group == group && kind->plural == plural) return kind.get();
  }
  return nullptr;
}

}  // namespace

Result<std::optional<ObjectKey>> KeyFrom(std::string_view record_key, const Registry& registry) {
  PEMBA_TRY(const auto parts, PartsOf(record_key));
  const auto* const kind = FindKind(registry, parts.group, parts.plural);
  if (kind == nullptr) return std::optional<ObjectKey>();
  return std::optional(ObjectKey{kind, std::string(parts.name_space), std::string(parts.name)});
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

const Kind* ObjectReader::KindOf(std::string_view group, std::string_view plural) {
  const bool same = kind_ != nullptr && kind_->plural == plural && kind_->group == group;
  if (!same) kind_ = FindKind(registry_, group, plural);
  return kind_;
}

Result<const Object*> ObjectReader::Read(const storage::Record& record) {
  PEMBA_TRY(const auto parts, PartsOf(record.key));
  const auto* const kind = KindOf(parts.group, parts.plural);
  if (kind == nullptr) return nullptr;
  object_.reset();
  parser_.reset();
  memory_.release();
  parser_.reset(&memory_);
  json::error_code error;
  parser_.write(record.value.data(), record.value.size(), error);
  if (error) return NoObject(record.key);
  auto document = parser_.release();
  if (!document.is_object()) return NoObject(record.key);
  auto* const metadata = document.get_object().if_contains("metadata");
  if (metadata == nullptr || !metadata->is_object()) return NoObject(record.key);
  metadata->get_object()["resourceVersion"] = std::to_string(record.revision);
  object_.emplace(Object{{kind, std::string(parts.name_space), std::string(parts.name)},
                         std::move(document.get_object()),
                         record.revision});
  return &*object_;
}

}  // namespace pemba::resource::internal
