#include "pemba/resource/object.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <boost/json/serialize.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "pemba/base/assert.h"
#include "pemba/resource/members.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

constexpr std::size_t kAnnotationsBytesMax = 256 * 1024;

const json::object& Empty() {
  static const json::object empty;
  return empty;
}

const json::object& PartOf(const json::object& object, std::string_view name) {
  const auto* part = object.if_contains(name);
  return part != nullptr && part->is_object() ? part->get_object() : Empty();
}

bool FlagOf(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

bool IsLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlphanumeric(char c) { return IsLowerAlphanumeric(c) || (c >= 'A' && c <= 'Z'); }

// RFC 1123: labels of [a-z0-9-] that begin and end with a letter or digit, with dots between.
bool IsDnsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  char before = '.';
  for (const char c : text) {
    const bool edge = before == '.';
    if (c == '.' || c == '-') {
      if (edge || (c == '.' && before == '-')) return false;
    } else if (!IsLowerAlphanumeric(c)) {
      return false;
    }
    before = c;
  }
  return IsLowerAlphanumeric(before);
}

// Of labels and annotations: an optional DNS prefix, a slash, up to 63 characters.
bool IsQualifiedName(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != text.npos) {
    if (!IsDnsSubdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && text.size() <= 63 && IsAlphanumeric(text.front()) &&
         IsAlphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool IsLabelValue(std::string_view text) {
  return text.empty() || (text.find('/') == text.npos && IsQualifiedName(text));
}

void ValidateTexts(const json::object& metadata, std::string_view name,
                   std::vector<FieldError>& errors) {
  const std::string path = JoinField("metadata", name);
  const auto* part = metadata.if_contains(name);
  if (part == nullptr || part->is_null()) return;
  if (!part->is_object()) {
    errors.push_back(TypeInvalid(path, json::serialize(*part), "must be a map of text"));
    return;
  }
  std::size_t bytes = 0;
  for (const auto& [key, value] : part->get_object()) {
    const auto quoted = json::serialize(json::value(key));
    if (!IsQualifiedName(key)) {
      errors.push_back(Invalid(path, quoted,
                               "name part must consist of alphanumeric characters, '-', '_' or "
                               "'.', and must start and end with an alphanumeric character"));
    }
    if (!value.is_string()) {
      errors.push_back(TypeInvalid(JoinField(path, std::string_view(key)), json::serialize(value),
                                   "must be text"));
      continue;
    }
    bytes += key.size() + value.get_string().size();
    if (name == "labels" && !IsLabelValue(value.get_string())) {
      errors.push_back(Invalid(path, json::serialize(value),
                               "a valid label must be an empty string or consist of alphanumeric "
                               "characters, '-', '_' or '.', and must start and end with an "
                               "alphanumeric character, at most 63 in all"));
    }
  }
  if (bytes > kAnnotationsBytesMax) errors.push_back(TooLong(path, kAnnotationsBytesMax));
}

void ValidateOwners(const json::object& metadata, std::vector<FieldError>& errors) {
  const auto* owners = metadata.if_contains("ownerReferences");
  if (owners == nullptr || owners->is_null()) return;
  if (!owners->is_array()) {
    errors.push_back(TypeInvalid("metadata.ownerReferences", json::serialize(*owners),
                                 "must be a list of references"));
    return;
  }
  std::size_t controllers = 0;
  for (std::size_t i = 0; i < owners->get_array().size(); ++i) {
    const std::string path = JoinField("metadata.ownerReferences", i);
    const auto& owner = owners->get_array()[i];
    if (!owner.is_object()) {
      errors.push_back(TypeInvalid(path, json::serialize(owner), "must be a reference"));
      continue;
    }
    for (const char* const part : {"apiVersion", "kind", "name", "uid"}) {
      if (TextOf(owner.get_object(), part).empty()) {
        errors.push_back(Invalid(JoinField(path, part), "\"\"", "must not be empty"));
      }
    }
    controllers += FlagOf(owner.get_object(), "controller") ? 1 : 0;
  }
  if (controllers > 1) {
    errors.push_back(Invalid("metadata.ownerReferences", json::serialize(*owners),
                             "Only one reference can have Controller set to true"));
  }
}

void ValidateFinalizers(const json::object& metadata, std::vector<FieldError>& errors) {
  const auto* finalizers = metadata.if_contains("finalizers");
  if (finalizers == nullptr || finalizers->is_null()) return;
  if (!finalizers->is_array()) {
    errors.push_back(
        TypeInvalid("metadata.finalizers", json::serialize(*finalizers), "must be a list of text"));
    return;
  }
  for (std::size_t i = 0; i < finalizers->get_array().size(); ++i) {
    const auto& one = finalizers->get_array()[i];
    if (!one.is_string() || !IsQualifiedName(one.get_string())) {
      errors.push_back(Invalid(JoinField("metadata.finalizers", i), json::serialize(one),
                               "must be a qualified name such as `example.com/cleanup`"));
    }
  }
}

}  // namespace

const json::object& Object::metadata() const { return PartOf(document, "metadata"); }
const json::object& Object::spec() const { return PartOf(document, "spec"); }
const json::object& Object::status() const { return PartOf(document, "status"); }

const json::object* Object::labels() const {
  const auto* labels = metadata().if_contains("labels");
  return labels == nullptr ? nullptr : labels->if_object();
}

const json::object* Object::annotations() const {
  const auto* annotations = metadata().if_contains("annotations");
  return annotations == nullptr ? nullptr : annotations->if_object();
}

std::string_view Object::uid() const {
  const auto* uid = metadata().if_contains("uid");
  return uid != nullptr && uid->is_string() ? std::string_view(uid->get_string())
                                            : std::string_view();
}

std::int64_t Object::generation() const {
  const auto* generation = metadata().if_contains("generation");
  return generation != nullptr && generation->is_int64() ? generation->get_int64() : 0;
}

bool Object::deleting() const { return metadata().contains("deletionTimestamp"); }

std::vector<std::string> Object::finalizers() const {
  std::vector<std::string> texts;
  const auto* finalizers = metadata().if_contains("finalizers");
  if (finalizers == nullptr || !finalizers->is_array()) return texts;
  for (const auto& one : finalizers->get_array()) {
    if (one.is_string()) texts.emplace_back(one.get_string());
  }
  return texts;
}

std::vector<OwnerReference> Object::owners() const {
  std::vector<OwnerReference> read;
  const auto* owners = metadata().if_contains("ownerReferences");
  if (owners == nullptr || !owners->is_array()) return read;
  for (const auto& value : owners->get_array()) {
    if (!value.is_object()) continue;
    const auto& owner = value.get_object();
    read.push_back({TextOf(owner, "apiVersion"), TextOf(owner, "kind"), TextOf(owner, "name"),
                    TextOf(owner, "uid"), FlagOf(owner, "controller"),
                    FlagOf(owner, "blockOwnerDeletion")});
  }
  return read;
}

std::string Describe(const Kind& kind, std::string_view name) {
  return fmt::format("{} \"{}\"", kind.qualified_name(), name);
}

std::vector<FieldError> ValidateMetadata(const json::object& metadata) {
  std::vector<FieldError> errors;
  const auto name = TextOf(metadata, "name");
  if (name.empty()) {
    errors.push_back(Required("metadata.name", "name or generateName is required"));
  } else if (!IsDnsSubdomain(name)) {
    errors.push_back(Invalid("metadata.name", json::serialize(json::value(name)),
                             "a lowercase RFC 1123 subdomain must consist of lower case "
                             "alphanumeric characters, '-' or '.', and must start and end with an "
                             "alphanumeric character, at most 253 in all"));
  }
  ValidateTexts(metadata, "labels", errors);
  ValidateTexts(metadata, "annotations", errors);
  ValidateOwners(metadata, errors);
  ValidateFinalizers(metadata, errors);
  return errors;
}

std::string TimeText(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>(
                         seconds.time_since_epoch()));
}

std::string NewUid() {
  // The kernel is asked for many at a time.
  static thread_local std::array<std::array<std::uint8_t, 16>, 16> pool;
  static thread_local std::size_t used = pool.size();
  if (used == pool.size()) {
    PEMBA_CHECK(getentropy(pool.data(), sizeof pool) == 0);
    used = 0;
  }
  auto& bytes = pool[used++];
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);  // Version 4,
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);  // of RFC 4122's variant.
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "00000000-0000-0000-0000-000000000000";
  std::size_t nibble = 0;
  for (char& c : text) {
    if (c == '-') continue;
    const auto byte = bytes[nibble / 2];
    c = kDigits[nibble % 2 == 0 ? byte >> 4 : byte & 0x0F];
    ++nibble;
  }
  return text;
}

}  // namespace pemba::resource
