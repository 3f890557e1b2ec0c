#include "pemba/resource/apply.h"

#include <algorithm>
#include <vector>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "pemba/resource/field_set.h"
#include "pemba/resource/members.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

constexpr std::string_view kBeforeFirstApply = "before-first-apply";

enum class How : std::uint8_t { kApply, kUpdate };

// Who owns which fields.
struct Manager {
  std::string name;
  How how = How::kUpdate;
  Part part = Part::kMain;
  std::string time;
  FieldSet fields;

  bool Is(std::string_view other_name, How other_how, Part other_part) const {
    return name == other_name && how == other_how && part == other_part;
  }
};

std::vector<Manager> ManagersOf(const json::object& metadata) {
  std::vector<Manager> managers;
  const auto* entries = metadata.if_contains("managedFields");
  if (entries == nullptr || !entries->is_array()) return managers;
  for (const auto& entry : entries->get_array()) {
    if (!entry.is_object()) continue;
    const auto& object = entry.get_object();
    const auto* fields = object.if_contains("fieldsV1");
    if (fields == nullptr || !fields->is_object()) continue;
    managers.push_back({TextOf(object, "manager"),
                        TextOf(object, "operation") == "Apply" ? How::kApply : How::kUpdate,
                        TextOf(object, "subresource") == "status" ? Part::kStatus : Part::kMain,
                        TextOf(object, "time"), FieldSet::FromJson(fields->get_object())});
  }
  return managers;
}

json::array ToJson(const Kind& kind, const std::vector<Manager>& managers) {
  json::array entries;
  for (const auto& manager : managers) {
    if (manager.fields.empty()) continue;
    json::object entry{{"manager", manager.name},
                       {"operation", manager.how == How::kApply ? "Apply" : "Update"},
                       {"apiVersion", kind.api_version()},
                       {"time", manager.time},
                       {"fieldsType", "FieldsV1"},
                       {"fieldsV1", manager.fields.ToJson()}};
    if (manager.part == Part::kStatus) entry["subresource"] = "status";
    entries.push_back(std::move(entry));
  }
  return entries;
}

// The kind's schema, with what metadata is made of.
Schema WholeSchema(const Kind& kind) {
  Schema text;
  text.type = SchemaType::kString;
  Schema texts;
  texts.type = SchemaType::kObject;
  texts.additional = std::make_shared<const Schema>(text);
  Schema finalizers;
  finalizers.type = SchemaType::kArray;
  finalizers.list_type = ListType::kSet;
  finalizers.items = std::make_shared<const Schema>(text);
  Schema owner;
  owner.type = SchemaType::kObject;
  owner.atomic = true;
  Schema owners;
  owners.type = SchemaType::kArray;
  owners.list_type = ListType::kMap;
  owners.list_keys = {"uid"};
  owners.items = std::make_shared<const Schema>(owner);

  Schema whole = kind.schema;
  for (auto& property : whole.properties) {
    if (property.name != "metadata") continue;
    property.schema.type = SchemaType::kObject;
    property.schema.properties = {{"labels", texts},
                                  {"annotations", texts},
                                  {"finalizers", finalizers},
                                  {"ownerReferences", owners}};
  }
  return whole;
}

// What somebody can own: not the identity of the object, and not what the server writes.
json::object Ownable(json::object document) {
  const auto drop = [](json::object& from, std::string_view name) {
    if (const auto at = from.find(name); at != from.end()) from.stable_erase(at);
  };
  drop(document, "apiVersion");
  drop(document, "kind");
  if (auto* metadata = document.if_contains("metadata"); metadata && metadata->is_object()) {
    for (const char* const name :
         {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
          "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink",
          "generateName"}) {
      drop(metadata->get_object(), name);
    }
    if (metadata->get_object().empty()) drop(document, "metadata");
  }
  return document;
}

// Of what is written through that path.
json::object OfPart(const Kind& kind, json::object document, Part part) {
  if (!kind.has_status) return document;
  json::object kept;
  for (const auto& [name, value] : document) {
    if ((name == "status") == (part == Part::kStatus)) kept[name] = value;
  }
  return kept;
}

Failure ConflictFailure(const std::vector<std::pair<std::string, std::string>>& conflicts) {
  std::vector<FieldError> causes;
  std::string texts;
  for (const auto& [manager, path] : conflicts) {
    causes.push_back(
        {FieldError::Reason::kForbidden, path, fmt::format("conflict with \"{}\"", manager)});
    texts += fmt::format("\n- {}: {}", manager, path);
  }
  return {Failure::Reason::kConflict,
          fmt::format("Apply failed with {} conflict{}: conflicts with{}", conflicts.size(),
                      conflicts.size() == 1 ? "" : "s", texts),
          std::move(causes)};
}

}  // namespace

Outcome<json::object> Apply(const Kind& kind, const Object* live, const json::object& applied,
                            const ApplyRequest& request) {
  const Schema schema = WholeSchema(kind);
  const auto wanted = OfPart(kind, Ownable(applied), request.part);
  const auto fields = FieldSet::Of(schema, wanted);
  json::object result = live == nullptr ? applied : live->document;
  std::vector<Manager> managers;
  FieldSet before;
  if (live != nullptr) {
    const auto now = Ownable(live->document);
    managers = ManagersOf(live->metadata());
    if (managers.empty()) {
      managers.push_back({std::string(kBeforeFirstApply), How::kUpdate, Part::kMain,
                          TimeText(request.now), FieldSet::Of(schema, now)});
    }
    std::vector<std::pair<std::string, std::string>> conflicts;
    FieldSet others;
    for (auto& manager : managers) {
      if (manager.Is(request.manager, How::kApply, request.part)) {
        before = manager.fields;
        continue;
      }
      const auto differ = FieldsThatDiffer(schema, fields, manager.fields, now, wanted);
      for (auto& path : differ.Paths()) conflicts.emplace_back(manager.name, std::move(path));
      manager.fields.Subtract(differ);
      others.Add(manager.fields);
    }
    if (!request.force && !conflicts.empty()) return ConflictFailure(conflicts);
    before.Subtract(fields);
    before.Subtract(others);
    MergeFields(schema, result, wanted);
    RemoveFields(schema, result, before);
  }
  std::erase_if(managers, [&](const Manager& manager) {
    return manager.Is(request.manager, How::kApply, request.part);
  });
  managers.push_back(
      {std::string(request.manager), How::kApply, request.part, TimeText(request.now), fields});
  json::value& metadata = result["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  metadata.get_object()["managedFields"] = ToJson(kind, managers);
  // Applying the same again writes nothing: times alone are no change.
  if (live != nullptr && Ownable(result) == Ownable(live->document)) {
    auto same = ManagersOf(live->metadata());
    const bool told = std::ranges::any_of(same, [&](const Manager& manager) {
      return manager.Is(request.manager, How::kApply, request.part) &&
             manager.fields.ToJson() == fields.ToJson();
    });
    if (told) return live->document;
  }
  return result;
}

void TrackUpdate(const Object& live, json::object& document, std::string_view manager, Part part,
                 WallTime now) {
  json::value& metadata = document["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  const auto* given = metadata.get_object().if_contains("managedFields");
  const bool ends = given != nullptr && given->is_array() && given->get_array().empty();
  auto managers = ManagersOf(live.metadata());
  if (managers.empty() || ends) {
    if (const auto at = metadata.get_object().find("managedFields");
        at != metadata.get_object().end()) {
      metadata.get_object().stable_erase(at);
    }
    return;
  }
  const Kind& kind = *live.key.kind;
  const Schema schema = WholeSchema(kind);
  const auto was = OfPart(kind, Ownable(live.document), part);
  const auto is = OfPart(kind, Ownable(document), part);
  const auto changed = FieldsChanged(schema, was, is);
  auto gone = FieldSet::Of(schema, was);
  gone.Subtract(FieldSet::Of(schema, is));
  if (changed.empty() && gone.empty()) {
    metadata.get_object()["managedFields"] = live.metadata().at("managedFields");
    return;
  }
  Manager* mine = nullptr;
  for (auto& each : managers) {
    each.fields.Subtract(gone);
    if (each.Is(manager, How::kUpdate, part)) {
      mine = &each;
    } else {
      each.fields.Subtract(changed);
    }
  }
  if (mine == nullptr) {
    managers.push_back({std::string(manager), How::kUpdate, part, "", {}});
    mine = &managers.back();
  }
  mine->fields.Add(changed);
  mine->time = TimeText(now);
  metadata.get_object()["managedFields"] = ToJson(kind, managers);
}

}  // namespace pemba::resource
