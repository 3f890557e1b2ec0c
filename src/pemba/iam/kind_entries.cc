#include <fmt/format.h>

#include "pemba/iam/catalog.h"
#include "pemba/iam/internal/fields.h"
#include "pemba/iam/names.h"

namespace pemba::iam {
namespace {

using internal::ListIn;
using internal::ObjectIn;
using internal::TextIn;
using internal::TextsIn;

// A parent is named by its type, or by its parts. What lacks a part has an empty one, and so is
// refused as malformed.
std::string ParentType(const boost::json::value& parent) {
  if (const auto* type = parent.if_string()) return std::string(*type);
  const auto* parts = parent.if_object();
  if (parts == nullptr) return {};
  return fmt::format("{}/{}", TextIn(*parts, "apiGroup"), TextIn(*parts, "kind"));
}

std::vector<std::string> ParentTypes(const boost::json::object& spec) {
  std::vector<std::string> types;
  for (const auto& parent : ListIn(spec, "parentResources")) types.push_back(ParentType(parent));
  return types;
}

KindEntry OfProtectedResource(const resource::Object& object) {
  const auto& spec = object.spec();
  KindEntry entry;
  entry.service = TextIn(ObjectIn(spec, "serviceRef"), "name");
  entry.kind = TextIn(spec, "kind");
  entry.type = fmt::format("{}/{}", entry.service, entry.kind);
  entry.singular = TextIn(spec, "singular");
  entry.plural = TextIn(spec, "plural");
  entry.actions = TextsIn(spec, "permissions");
  entry.parents = ParentTypes(spec);
  entry.source = resource::Describe(*object.key.kind, object.key.name);
  return entry;
}

std::vector<KindEntry> OfService(const resource::Object& object) {
  std::vector<KindEntry> entries;
  for (const auto& item : ListIn(object.spec(), "resources")) {
    const auto* spec = item.if_object();
    if (spec == nullptr) continue;
    KindEntry entry;
    entry.service = object.key.name;
    entry.type = TextIn(*spec, "type");
    entry.kind = entry.type.substr(entry.type.find('/') + 1);
    entry.singular = TextIn(*spec, "singular");
    entry.plural = TextIn(*spec, "plural");
    entry.actions = TextsIn(*spec, "permissions");
    entry.parents = ParentTypes(*spec);
    entry.name_patterns = TextsIn(*spec, "resourceNamePatterns");
    entry.source = resource::Describe(*object.key.kind, object.key.name);
    entry.field = fmt::format("spec.resources[{}]", entries.size());
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

std::vector<KindEntry> KindEntriesOf(const resource::Object& object) {
  const auto& kind = *object.key.kind;
  if (kind.group == kIamGroup && kind.name == "ProtectedResource") {
    return {OfProtectedResource(object)};
  }
  if (kind.group == kPembaGroup && kind.name == "Service") return OfService(object);
  return {};
}

}  // namespace pemba::iam
