#include "pemba/api/k8s/openapi.h"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "pemba/base/hash.h"

namespace pemba::api::k8s {
namespace {

namespace json = boost::json;

using resource::Kind;
using resource::Registry;
using resource::Scope;

constexpr const char* kObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
constexpr const char* kOwnerReference = "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference";

// Of OpenAPI. They differ in where models are and in how parameters say their type.
enum class Version : std::uint8_t { k2, k3 };

std::string ReferenceTo(const char* model, Version version) {
  return fmt::format("#/{}/{}", version == Version::k2 ? "definitions" : "components/schemas",
                     model);
}

// Of a field whose description is its own.
json::object Reference(const char* model, Version version, const char* about) {
  const json::object reference{{"$ref", ReferenceTo(model, version)}};
  if (version == Version::k2) return reference;
  return {{"description", about}, {"allOf", json::array{reference}}};
}

// "com.miloapis.iam.v1alpha1.Role": the group backwards, as clients name models.
std::string ModelName(const Kind& kind) {
  std::string name;
  std::string_view rest = kind.group.empty() ? "core.pemba.dev" : std::string_view(kind.group);
  while (true) {
    const auto dot = rest.rfind('.');
    name += std::string(dot == rest.npos ? rest : rest.substr(dot + 1)) + ".";
    if (dot == rest.npos) break;
    rest = rest.substr(0, dot);
  }
  return name + kind.version + "." + kind.name;
}

json::array GroupVersionKinds(const Kind& kind) {
  return {json::object{{"group", kind.group}, {"version", kind.version}, {"kind", kind.name}}};
}

json::object TextField(const char* about) { return {{"type", "string"}, {"description", about}}; }

json::object OwnerReferenceModel() {
  json::object properties{
      {"apiVersion", TextField("Group and version of the owner's kind.")},
      {"kind", TextField("The owner's kind.")},
      {"name", TextField("The owner's name.")},
      {"uid", TextField("The owner's uid.")},
      {"controller",
       json::object{{"type", "boolean"}, {"description", "Whether the owner manages the object."}}},
      {"blockOwnerDeletion",
       json::object{{"type", "boolean"},
                    {"description",
                     "Whether a deletion of the owner in the foreground waits for the object."}}}};
  return {{"type", "object"},
          {"description", "An object that this one goes with."},
          {"required", json::array{"apiVersion", "kind", "name", "uid"}},
          {"properties", std::move(properties)}};
}

// What every object has, described once.
json::object ObjectMetaModel(Version version) {
  const auto text = TextField;
  const auto map = [](const char* about) {
    return json::object{{"type", "object"},
                        {"description", about},
                        {"additionalProperties", json::object{{"type", "string"}}}};
  };
  json::object properties{
      {"name", text("The name, unique among the objects of its kind and namespace. It does not "
                    "change.")},
      {"generateName", text("Used in place of a name: a random suffix makes it one.")},
      {"namespace", text("The namespace that the object lies in.")},
      {"uid", text("Made by the server; never used again, also by an object of the same name.")},
      {"resourceVersion", text("The revision of the last change. Opaque to clients.")},
      {"generation", json::object{{"type", "integer"},
                                  {"description", "Grows with every change of what is wanted."}}},
      {"creationTimestamp", text("When the object was made.")},
      {"deletionTimestamp", text("When its deletion was asked for; finalizers are what keeps it.")},
      {"labels", map("What selectors select by.")},
      {"annotations", map("What tools attach. Nothing selects by it.")},
      {"finalizers", json::object{{"type", "array"},
                                  {"description", "Who must do something before the object goes."},
                                  {"items", json::object{{"type", "string"}}}}},
      {"ownerReferences",
       json::object{{"type", "array"},
                    {"description", "The object goes when the last of these has gone."},
                    {"items", Reference(kOwnerReference, version, "One of them.")}}}};
  return {{"type", "object"},
          {"description", "What every object has."},
          {"properties", std::move(properties)}};
}

json::object KindModel(const Kind& kind, Version version) {
  json::object model = kind.schema_json;
  auto& properties = model["properties"];
  if (!properties.is_object()) properties = json::object();
  auto& fields = properties.get_object();
  fields["apiVersion"] =
      json::object{{"type", "string"}, {"description", "Group and version of the kind."}};
  fields["kind"] = json::object{{"type", "string"}, {"description", "The kind."}};
  fields["metadata"] = Reference(kObjectMeta, version, "What every object has.");
  if (version == Version::k3) fields["metadata"].get_object()["default"] = json::object();
  model["x-kubernetes-group-version-kind"] = GroupVersionKinds(kind);
  return model;
}

std::string CollectionPath(const Kind& kind) {
  const auto base = kind.group.empty() ? fmt::format("/api/{}", kind.version)
                                       : fmt::format("/apis/{}/{}", kind.group, kind.version);
  const char* const middle = kind.scope == Scope::kNamespaced ? "/namespaces/{namespace}" : "";
  return fmt::format("{}{}/{}", base, middle, kind.plural);
}

json::object Parameter(const char* name, const char* about, Version version) {
  json::object parameter{{"name", name}, {"in", "query"}, {"description", about}};
  const json::object type{{"type", "string"}, {"uniqueItems", true}};
  if (version == Version::k2) {
    parameter.insert(type.begin(), type.end());
  } else {
    parameter["schema"] = type;
  }
  return parameter;
}

// Clients look here whether the server validates fields and knows dry runs.
json::object Operation(const Kind& kind, const char* action, Version version) {
  json::object operation{{"x-kubernetes-action", action},
                         {"x-kubernetes-group-version-kind", GroupVersionKinds(kind).front()},
                         {"responses", json::object{{"200", json::object{{"description", "OK"}}}}}};
  const std::string_view name = action;
  if (name == "post" || name == "put" || name == "patch") {
    operation["parameters"] =
        json::array{Parameter("dryRun", "`All`: judge, change nothing.", version),
                    Parameter("fieldManager", "Who makes the change.", version),
                    Parameter("fieldValidation",
                              "What to do about unknown fields: Ignore, Warn or Strict.", version)};
  }
  return operation;
}

json::object PathsOf(const Kind& kind, Version version) {
  const auto collection = CollectionPath(kind);
  const auto operation = [&](const char* action) { return Operation(kind, action, version); };
  json::object paths;
  paths[collection] = json::object{{"get", operation("list")},
                                   {"post", operation("post")},
                                   {"delete", operation("deletecollection")}};
  paths[collection + "/{name}"] = json::object{{"get", operation("get")},
                                               {"put", operation("put")},
                                               {"patch", operation("patch")},
                                               {"delete", operation("delete")}};
  return paths;
}

json::object Info() { return {{"title", "Pemba"}, {"version", "v1"}}; }

}  // namespace

json::object OpenApiV2(const Registry& registry) {
  json::object definitions, paths;
  definitions[kObjectMeta] = ObjectMetaModel(Version::k2);
  definitions[kOwnerReference] = OwnerReferenceModel();
  for (const auto& kind : registry.kinds()) {
    definitions[ModelName(*kind)] = KindModel(*kind, Version::k2);
    for (auto& [path, operations] : PathsOf(*kind, Version::k2)) paths[path] = operations;
  }
  return {{"swagger", "2.0"},
          {"info", Info()},
          {"paths", std::move(paths)},
          {"definitions", std::move(definitions)}};
}

json::object OpenApiV3Index(const Registry& registry) {
  json::object paths;
  for (const auto& kind : registry.kinds()) {
    const auto path =
        kind->group.empty() ? "api/" + kind->version : "apis/" + kind->group + "/" + kind->version;
    if (paths.contains(path)) continue;
    // The hash lets clients keep what they have read.
    const auto document = OpenApiV3(registry, kind->group, kind->version);
    const auto hash = HashBytes(json::serialize(*document));
    paths[path] =
        json::object{{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={:016X}", path, hash)}};
  }
  return {{"paths", std::move(paths)}};
}

std::optional<json::object> OpenApiV3(const Registry& registry, std::string_view group,
                                      std::string_view version) {
  json::object schemas, paths;
  for (const auto& kind : registry.kinds()) {
    if (kind->group != group || kind->version != version) continue;
    schemas[ModelName(*kind)] = KindModel(*kind, Version::k3);
    for (auto& [path, operations] : PathsOf(*kind, Version::k3)) paths[path] = operations;
  }
  if (schemas.empty()) return std::nullopt;
  schemas[kObjectMeta] = ObjectMetaModel(Version::k3);
  schemas[kOwnerReference] = OwnerReferenceModel();
  return json::object{{"openapi", "3.0.0"},
                      {"info", Info()},
                      {"paths", std::move(paths)},
                      {"components", json::object{{"schemas", std::move(schemas)}}}};
}

}  // namespace pemba::api::k8s
