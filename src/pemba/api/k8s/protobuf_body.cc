#include "pemba/api/k8s/protobuf_body.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/base/text.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Failure;
using resource::Outcome;

constexpr std::string_view kEnvelope{"k8s\0", 4};

// ---- What messages have ----

enum class Type : std::uint8_t { kText, kTexts, kTextMap, kFlag, kCount, kMessage, kMessages };

struct Field {
  std::uint32_t number;
  std::string_view name;
  Type type;
  std::span<const Field> message = {};  // Of kMessage and kMessages.
};

constexpr Field kOwner[] = {{1, "kind", Type::kText},       {3, "name", Type::kText},
                            {4, "uid", Type::kText},        {5, "apiVersion", Type::kText},
                            {6, "controller", Type::kFlag}, {7, "blockOwnerDeletion", Type::kFlag}};
constexpr Field kMetadata[] = {{1, "name", Type::kText},
                               {2, "generateName", Type::kText},
                               {3, "namespace", Type::kText},
                               {5, "uid", Type::kText},
                               {6, "resourceVersion", Type::kText},
                               {11, "labels", Type::kTextMap},
                               {12, "annotations", Type::kTextMap},
                               {13, "ownerReferences", Type::kMessages, kOwner},
                               {14, "finalizers", Type::kTexts}};
constexpr Field kNamespaceSpec[] = {{1, "finalizers", Type::kTexts}};
constexpr Field kNamespace[] = {{1, "metadata", Type::kMessage, kMetadata},
                                {2, "spec", Type::kMessage, kNamespaceSpec}};
constexpr Field kPreconditions[] = {{1, "uid", Type::kText}, {2, "resourceVersion", Type::kText}};
constexpr Field kDeleteOptions[] = {{1, "gracePeriodSeconds", Type::kCount},
                                    {2, "preconditions", Type::kMessage, kPreconditions},
                                    {3, "orphanDependents", Type::kFlag},
                                    {4, "propagationPolicy", Type::kText},
                                    {5, "dryRun", Type::kTexts}};
constexpr Field kAttributes[] = {{1, "namespace", Type::kText}, {2, "verb", Type::kText},
                                 {3, "group", Type::kText},     {4, "version", Type::kText},
                                 {5, "resource", Type::kText},  {6, "subresource", Type::kText},
                                 {7, "name", Type::kText}};
constexpr Field kPathAttributes[] = {{1, "path", Type::kText}, {2, "verb", Type::kText}};
constexpr Field kAccessSpec[] = {{1, "resourceAttributes", Type::kMessage, kAttributes},
                                 {2, "nonResourceAttributes", Type::kMessage, kPathAttributes}};
constexpr Field kAccessReview[] = {{1, "metadata", Type::kMessage, kMetadata},
                                   {2, "spec", Type::kMessage, kAccessSpec}};
constexpr Field kRulesSpec[] = {{1, "namespace", Type::kText}};
constexpr Field kRulesReview[] = {{1, "metadata", Type::kMessage, kMetadata},
                                  {2, "spec", Type::kMessage, kRulesSpec}};
constexpr Field kSelfReview[] = {{1, "metadata", Type::kMessage, kMetadata}};

struct Known {
  std::string_view kind;
  std::span<const Field> fields;
};
constexpr Known kKnown[] = {{"Namespace", kNamespace},
                            {"DeleteOptions", kDeleteOptions},
                            {"SelfSubjectAccessReview", kAccessReview},
                            {"SelfSubjectRulesReview", kRulesReview},
                            {"SelfSubjectReview", kSelfReview}};

// ---- Bytes ----

// One field of a message, whatever its type.
struct Part {
  std::uint32_t number = 0;
  std::uint32_t wire = 0;
  std::uint64_t value = 0;  // Wire types 0, 1 and 5.
  std::string_view bytes;   // Wire type 2.
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }

  std::optional<Part> Next() {
    const auto tag = Varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 32 != 0) return std::nullopt;
    Part part{static_cast<std::uint32_t>(*tag >> 3), static_cast<std::uint32_t>(*tag & 7), 0, {}};
    switch (part.wire) {
      case 0: {
        const auto value = Varint();
        if (!value) return std::nullopt;
        part.value = *value;
        return part;
      }
      case 1:
        return Skip(8) ? std::optional(part) : std::nullopt;
      case 2: {
        const auto length = Varint();
        if (!length || *length > rest_.size()) return std::nullopt;
        part.bytes = rest_.substr(0, static_cast<std::size_t>(*length));
        rest_.remove_prefix(part.bytes.size());
        return part;
      }
      case 5:
        return Skip(4) ? std::optional(part) : std::nullopt;
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<std::uint64_t> Varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  bool Skip(std::size_t count) {
    if (rest_.size() < count) return false;
    rest_.remove_prefix(count);
    return true;
  }

  std::string_view rest_;
};

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

json::array& ListIn(json::object& object, std::string_view name) {
  json::value& list = object[View(name)];
  if (!list.is_array()) list = json::array();
  return list.get_array();
}

// The two fields of a map's entry.
bool AddEntry(std::string_view bytes, json::object& map) {
  std::string_view key, value;
  for (Reader reader(bytes); !reader.done();) {
    const auto part = reader.Next();
    if (!part) return false;
    if (part->number == 1 && part->wire == 2) key = part->bytes;
    if (part->number == 2 && part->wire == 2) value = part->bytes;
  }
  if (!IsUtf8(key) || !IsUtf8(value)) return false;
  map[View(key)] = View(value);
  return true;
}

bool ReadMessage(std::string_view bytes, std::span<const Field> fields, json::object& into);

// False if the part is not of the field's type.
bool Add(const Field& field, const Part& part, json::object& into) {
  const auto name = View(field.name);
  if (field.type == Type::kFlag || field.type == Type::kCount) {
    if (part.wire != 0) return false;
    if (field.type == Type::kFlag) {
      into[name] = part.value != 0;
    } else {
      into[name] = static_cast<std::int64_t>(part.value);
    }
    return true;
  }
  if (part.wire != 2) return false;
  json::object message;
  switch (field.type) {
    case Type::kText:
      if (!IsUtf8(part.bytes)) return false;
      // Clients send texts that are not set, too.
      if (!part.bytes.empty()) into[name] = View(part.bytes);
      return true;
    case Type::kTexts:
      if (!IsUtf8(part.bytes)) return false;
      ListIn(into, field.name).emplace_back(View(part.bytes));
      return true;
    case Type::kTextMap: {
      json::value& map = into[name];
      if (!map.is_object()) map = json::object();
      return AddEntry(part.bytes, map.get_object());
    }
    case Type::kMessages:
      if (!ReadMessage(part.bytes, field.message, message)) return false;
      ListIn(into, field.name).push_back(std::move(message));
      return true;
    default:
      if (!ReadMessage(part.bytes, field.message, message)) return false;
      into[name] = std::move(message);
      return true;
  }
}

bool ReadMessage(std::string_view bytes, std::span<const Field> fields, json::object& into) {
  for (Reader reader(bytes); !reader.done();) {
    const auto part = reader.Next();
    if (!part) return false;
    for (const auto& field : fields) {
      if (field.number == part->number && !Add(field, *part, into)) return false;
    }
  }
  return true;
}

constexpr Field kTypeMeta[] = {{1, "apiVersion", Type::kText}, {2, "kind", Type::kText}};

Failure Broken() {
  return {Failure::Reason::kBadRequest,
          "the body of the request is not a protocol buffer of the "
          "Kubernetes API"};
}

}  // namespace

Outcome<json::object> ReadProtobuf(std::string_view bytes) {
  if (!bytes.starts_with(kEnvelope)) return Broken();
  json::object document;
  std::string_view raw;
  for (Reader reader(bytes.substr(kEnvelope.size())); !reader.done();) {
    const auto part = reader.Next();
    if (!part) return Broken();
    if (part->number == 1 && part->wire == 2 && !ReadMessage(part->bytes, kTypeMeta, document)) {
      return Broken();
    }
    if (part->number == 2 && part->wire == 2) raw = part->bytes;
  }
  const auto* kind = document.if_contains("kind");
  for (const auto& known : kKnown) {
    if (kind == nullptr || *kind != View(known.kind)) continue;
    if (!ReadMessage(raw, known.fields, document)) return Broken();
    return document;
  }
  return Failure(Failure::Reason::kUnsupported,
                 "the body of the request was in an unknown format - accepted media types "
                 "include: application/json, application/yaml");
}

}  // namespace pemba::api::k8s
