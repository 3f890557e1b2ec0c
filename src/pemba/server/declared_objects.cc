#include "pemba/server/declared_objects.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "pemba/iam/kinds.h"
#include "pemba/model/dsl.h"

namespace pemba::server {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Tuples of the store follow from objects; without any, a model that allows none.
constexpr const char* kModel = "model\n  schema 1.1\n\ntype user\n";

Result<std::string> ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.good() || in.eof()) return text;
  return Error{ErrorCode::kInvalidArgument, "`" + path.string() + "` cannot be read"};
}

Result<std::vector<fs::path>> FilesOf(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return Error{ErrorCode::kInvalidArgument,
                 "resource.kinds: there is no `" + path.string() + "`"};
  }
  std::vector<fs::path> files;
  if (!fs::is_directory(path, error)) {
    files.push_back(path);
    return files;
  }
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const auto ending = entry.path().extension();
    if (ending == ".yaml" || ending == ".yml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

Status AddDeclaredKinds(const fs::path& kinds, resource::Registry& registry) {
  PEMBA_TRY(std::ignore, iam::AddNamespaces(registry));
  if (kinds.empty()) return Done{};
  PEMBA_TRY(const auto files, FilesOf(kinds));
  for (const auto& file : files) {
    PEMBA_TRY(const auto text, ReadFile(file));
    if (const auto added = registry.AddFromYaml(text); !added.ok()) {
      return Error{ErrorCode::kInvalidArgument,
                   "`" + file.string() + "`: " + added.error().message};
    }
  }
  return Done{};
}

Result<store::StoreHandle> OpenResourceStore(store::Stores& stores, storage::Datastore& datastore,
                                             const Clock& clock) {
  const StoreId id{kResourceStoreId};
  const auto created = datastore.CreateStore({id, "resources", clock.Now(), clock.Now()});
  if (!created.ok() && created.error().code != ErrorCode::kConflict) return created.error();
  PEMBA_TRY(auto store, stores.Keep(id));
  if (!store->Pin().ResolveModel("").ok()) {
    PEMBA_TRY(auto model, model::ModelFromDsl(kModel));
    PEMBA_TRY(std::ignore, store->WriteModel(std::move(model)));
  }
  return store;
}

Result<std::unique_ptr<DeclaredObjects>> DeclaredObjects::Open(const fs::path& kinds,
                                                               store::Stores& stores,
                                                               storage::Datastore& datastore,
                                                               const Clock& clock) {
  PEMBA_TRY(auto store, OpenResourceStore(stores, datastore, clock));
  std::unique_ptr<DeclaredObjects> objects(new DeclaredObjects(std::move(store)));
  PEMBA_TRY(std::ignore, AddDeclaredKinds(kinds, objects->registry_));
  resource::ResourceStoreOptions options;
  if (objects->store_->writers() == store::Store::Writers::kOthersToo) {
    options.listen = [&stores](resource::Revision after, std::function<void()> tell) {
      return stores.Listen({kResourceStoreId}, after, std::move(tell));
    };
  }
  PEMBA_TRY(objects->resources_, resource::ResourceStore::Open(*objects->store_, objects->registry_,
                                                               clock, std::move(options)));

  const auto* const namespaces = objects->registry_.FindKind("", "Namespace");
  if (objects->resources_->Get({namespaces, "", "default"}).ok()) return objects;
  const auto made = objects->resources_->Create(
      *namespaces, "", {{"metadata", json::object{{"name", "default"}}}}, {});
  // Another server may have been first.
  const bool there = made.ok() || made.error().reason == resource::Failure::Reason::kAlreadyExists;
  if (!there) return Error{ErrorCode::kUnavailable, made.error().message};
  return objects;
}

}  // namespace pemba::server
