#include "pemba/cli/manifest.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <system_error>

#include <boost/json/array.hpp>

#include "pemba/cli/file_scope.h"
#include "pemba/yaml/yaml.h"

namespace pemba::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string_view TextAt(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

std::string_view MetadataOf(const json::object& document, std::string_view name) {
  const auto* metadata = document.if_contains("metadata");
  const auto* object = metadata == nullptr ? nullptr : metadata->if_object();
  return object == nullptr ? std::string_view() : TextAt(*object, name);
}

Error At(const std::string& place, std::string_view cause) {
  return {ErrorCode::kInvalidArgument, place + ": " + std::string(cause)};
}

Status AddDocument(json::object document, const std::string& place,
                   std::vector<Manifest>& manifests) {
  Manifest manifest{std::move(document), place};
  if (manifest.kind().ends_with("List") && manifest.document.contains("items")) {
    auto* items = manifest.document["items"].if_array();
    if (items == nullptr) return At(place, "`items` of a list must be a list");
    for (auto& item : *items) {
      if (!item.is_object()) return At(place, "an item of the list is no object");
      PEMBA_TRY(std::ignore, AddDocument(std::move(item.get_object()), place, manifests));
    }
    return Done{};
  }
  if (manifest.api_version().empty()) return At(place, "`apiVersion` is missing");
  if (manifest.kind().empty()) return At(place, "`kind` is missing");
  if (manifest.name().empty()) return At(place, "`metadata.name` is missing");
  manifests.push_back(std::move(manifest));
  return Done{};
}

Result<std::vector<std::string>> ManifestFilesOf(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return At(path, "there is no such file");
  std::vector<std::string> files;
  if (!fs::is_directory(path, error)) return std::vector{path};
  for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
    const auto ending = entry.path().extension();
    if (ending == ".yaml" || ending == ".yml" || ending == ".json") {
      files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  if (files.empty()) return At(path, "there is no .yaml, .yml or .json file in it");
  return files;
}

// What is not here is between people and bindings: it needs no order.
constexpr std::array<std::string_view, 13> kOrder = {
    "Namespace", "CustomResourceDefinition",
    "Service",   "ProtectedResource",
    "User",      "ServiceAccount",
    "Role",      "Organization",
    "Folder",    "Project",
    "Group",     "GroupMembership",
    "",
};
constexpr std::array<std::string_view, 2> kLast = {"OrganizationMembership", "PolicyBinding"};

std::size_t RankOf(const Manifest& manifest) {
  const auto first = std::ranges::find(kOrder, manifest.kind());
  const auto last = std::ranges::find(kLast, manifest.kind());
  if (last != kLast.end()) {
    return kOrder.size() + static_cast<std::size_t>(last - kLast.begin());
  }
  // The roles of an organization lie in a namespace that comes with it.
  if (manifest.kind() == "Role" && manifest.name_space().starts_with("organization-")) {
    return kOrder.size() - 1;
  }
  return static_cast<std::size_t>(std::min(first, kOrder.end() - 1) - kOrder.begin());
}

}  // namespace

std::string_view Manifest::kind() const { return TextAt(document, "kind"); }
std::string_view Manifest::api_version() const { return TextAt(document, "apiVersion"); }
std::string_view Manifest::name() const { return MetadataOf(document, "name"); }
std::string_view Manifest::name_space() const { return MetadataOf(document, "namespace"); }

Result<std::vector<Manifest>> ReadManifests(std::string_view text, const std::string& source) {
  std::vector<Manifest> manifests;
  const auto documents = yaml::ParseAll(text);
  if (!documents.ok()) return At(source, documents.error().message);
  for (const auto& node : *documents) {
    if (node.IsNull()) continue;
    const auto place = source + ":" + std::to_string(node.Mark().line + 1);
    auto value = yaml::ToJson(node);
    if (!value.ok()) return At(source, value.error().message);
    if (!value->is_object()) return At(place, "a document must be an object");
    PEMBA_TRY(std::ignore, AddDocument(std::move(value->get_object()), place, manifests));
  }
  return manifests;
}

Result<std::vector<Manifest>> LoadManifests(const std::vector<std::string>& paths,
                                            std::istream& standard_input) {
  std::vector<Manifest> manifests;
  const auto read = [&](const std::string& text, const std::string& source) -> Status {
    PEMBA_TRY(auto more, ReadManifests(text, source));
    std::ranges::move(more, std::back_inserter(manifests));
    return Done{};
  };
  for (const auto& path : paths) {
    if (path == "-") {
      const std::string text((std::istreambuf_iterator<char>(standard_input)),
                             std::istreambuf_iterator<char>());
      PEMBA_TRY(std::ignore, read(text, "standard input"));
      continue;
    }
    PEMBA_TRY(const auto files, ManifestFilesOf(path));
    for (const auto& file : files) {
      PEMBA_TRY(const auto text, ReadFile(file));
      PEMBA_TRY(std::ignore, read(text, file));
    }
  }
  if (manifests.empty()) {
    return Error{ErrorCode::kInvalidArgument, "there is no object in what was given"};
  }
  return manifests;
}

void SortForApply(std::vector<Manifest>& manifests) {
  std::ranges::stable_sort(manifests, {}, RankOf);
}

}  // namespace pemba::cli
