// Plane: a control plane with a clock that is set by hand, for tests. Over a memory datastore, or,
// where PEMBA_TEST_ON_POSTGRES is defined, over a PostgreSQL that others might write to, too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/iam/control_plane.h"
#include "pemba/iam/internal/documents.h"
#include "pemba/iam/kinds.h"
#include "pemba/iam/names.h"
#include "pemba/resource/patch.h"
#include "pemba/storage/memory.h"
#ifdef PEMBA_TEST_ON_POSTGRES
#include "pemba/storage/testing/on_postgres.h"
#endif
#include "pemba/store/stores.h"
#include "pemba/yaml/yaml.h"

namespace pemba::iam::testing {

using resource::ObjectPtr;
using resource::Outcome;
using resource::Written;

class SetClock final : public Clock {
 public:
  WallTime Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
  void Advance(std::chrono::seconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }

 private:
  mutable std::mutex mutex_;
  WallTime now_{std::chrono::seconds(1'700'000'000)};  // 2023-11-14T22:13:20Z
};

// Says who holds what as a test lists it: "mira iam.miloapis.com/roles.use TYPE:NAME".
class ListedAuthority final : public Authority {
 public:
  Result<std::optional<std::string>> Lacks(const resource::Caller& caller,
                                           std::span<const std::string> permissions,
                                           const Target& target) override {
    for (const auto& permission : permissions) {
      const auto object = target.name.empty()
                              ? KindRootObject(target.type)
                              : ObjectText(target.type, target.name_space, target.name);
      if (!held.contains(fmt::format("{} {} {}", caller.uid, permission, object))) {
        return std::optional(permission);
      }
    }
    return std::optional<std::string>();
  }
  std::set<std::string> held;
};

inline resource::Caller Masters() {
  resource::Caller caller;
  caller.name = "root";
  caller.groups = {std::string(kMasters)};
  return caller;
}
inline resource::Caller User(std::string name) {
  resource::Caller caller;
  caller.name = name + "@example.org";
  caller.uid = std::move(name);
  return caller;
}

inline boost::json::object Document(std::string_view yaml) {
  const auto node = yaml::Parse(yaml);
  EXPECT_TRUE(node.ok()) << (node.ok() ? "" : node.error().message) << yaml;
  auto value = yaml::ToJson(*node);
  EXPECT_TRUE(value.ok() && value->is_object()) << yaml;
  return std::move(value->get_object());
}

inline std::string_view TextOf(resource::FieldError::Reason reason) {
  using Reason = resource::FieldError::Reason;
  switch (reason) {
    case Reason::kRequired:
      return "Required";
    case Reason::kInvalid:
      return "Invalid";
    case Reason::kNotSupported:
      return "NotSupported";
    case Reason::kTooLong:
      return "TooLong";
    case Reason::kTooMany:
      return "TooMany";
    case Reason::kDuplicate:
      return "Duplicate";
    case Reason::kForbidden:
      return "Forbidden";
    case Reason::kTypeInvalid:
      return "TypeInvalid";
    case Reason::kNotFound:
      return "NotFound";
  }
  return "?";
}

// "ok", or why not: "Invalid: spec.email Duplicate", "Forbidden: spec.roleRef Forbidden".
template <class T>
std::string Verdict(const Outcome<T>& outcome) {
  if (outcome.ok()) return "ok";
  using Reason = resource::Failure::Reason;
  const std::map<Reason, std::string> words{
      {Reason::kBadRequest, "BadRequest"},
      {Reason::kNotFound, "NotFound"},
      {Reason::kAlreadyExists, "AlreadyExists"},
      {Reason::kConflict, "Conflict"},
      {Reason::kInvalid, "Invalid"},
      {Reason::kForbidden, "Forbidden"},
      {Reason::kStorage, "Storage"},
  };
  const auto word = words.find(outcome.error().reason);
  std::string text = word == words.end() ? "?" : word->second;
  for (const auto& field : outcome.error().fields) {
    text += fmt::format("{} {} {}", text.find(':') == std::string::npos ? ":" : ",", field.field,
                        TextOf(field.reason));
  }
  return text;
}

#ifdef PEMBA_TEST_ON_POSTGRES
using OnDatastore = storage::testing::OnPostgres;
#else
class OnDatastore : public ::testing::Test {
 protected:
  static std::unique_ptr<storage::Datastore> OpenDatastore() {
    return storage::NewMemoryDatastore();
  }
};
#endif

// A place as tests write it: "Kind name" or "Kind namespace/name".
class Plane : public OnDatastore {
 protected:
  Plane() {
    datastore_ = OpenDatastore();
    OpenStore(std::nullopt);
    Open();
  }
  // One of several servers that share a datastore and a store in it.
  Plane(std::unique_ptr<storage::Datastore> datastore, const StoreId& store)
      : datastore_(std::move(datastore)) {
    OpenStore(store);
    Open();
  }

  // Reads everything again, as after a start.
  void Open(ControlPlaneOptions options = {}) {
    plane_.reset();
    if (options.authority == nullptr) options.authority = &authority_;
    if (shared()) {
      options.listen = [this](store::Revision after, std::function<void()> tell) {
        return stores_->Listen(store().id(), after, std::move(tell));
      };
    }
    auto opened = ControlPlane::Open(**store_, registry_, clock_, std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    plane_ = *std::move(opened);
  }

  store::Store& store() { return **store_; }
  bool shared() { return store().writers() == store::Store::Writers::kOthersToo; }
  resource::ResourceStore& resources() { return plane_->resources(); }

  const resource::Kind& kind(std::string_view name) const {
    for (const auto& one : registry_.kinds()) {
      if (one->name == name) return *one;
    }
    ADD_FAILURE() << "no kind " << name;
    return *registry_.kinds().front();
  }
  resource::ObjectKey Key(std::string_view place) const {
    const auto blank = place.find(' ');
    const auto slash = place.find('/', blank);
    const auto& of = kind(place.substr(0, blank));
    if (slash == place.npos) return {&of, "", std::string(place.substr(blank + 1))};
    return {&of, std::string(place.substr(blank + 1, slash - blank - 1)),
            std::string(place.substr(slash + 1))};
  }

  // `yaml` is the rest of the object: `spec: {...}`.
  Outcome<Written> Create(std::string_view place, std::string_view yaml,
                          const resource::Caller& caller = Masters()) {
    const auto key = Key(place);
    auto document = Document(yaml);
    auto& metadata = document["metadata"];
    if (!metadata.is_object()) metadata = boost::json::object();
    metadata.get_object()["name"] = key.name;
    return resources().Create(*key.kind, key.name_space, std::move(document), As(caller));
  }
  ObjectPtr Make(std::string_view place, std::string_view yaml) {
    const auto made = Create(place, yaml);
    EXPECT_TRUE(made.ok()) << place << ": " << (made.ok() ? "" : made.error().message);
    return made.ok() ? made->object : std::make_shared<resource::Object>();
  }
  // A merge patch.
  Outcome<Written> Patch(std::string_view place, std::string_view yaml,
                         const resource::Caller& caller = Masters(),
                         resource::Part part = resource::Part::kMain) {
    const boost::json::value patch = Document(yaml);
    return resources().Modify(
        Key(place),
        [&](boost::json::value& document) -> Outcome<Done> {
          resource::ApplyMergePatch(document, patch);
          return Done{};
        },
        part, As(caller));
  }
  Outcome<Written> Delete(std::string_view place, const resource::Caller& caller = Masters()) {
    resource::DeleteOptions options;
    options.caller = caller;
    return resources().Delete(Key(place), options);
  }
  void Change(std::string_view place, std::string_view yaml) {
    const auto done = Patch(place, yaml);
    EXPECT_TRUE(done.ok()) << place << ": " << (done.ok() ? "" : done.error().message);
  }
  void Remove(std::string_view place) {
    const auto done = Delete(place);
    EXPECT_TRUE(done.ok()) << place << ": " << (done.ok() ? "" : done.error().message);
  }

  ObjectPtr Find(std::string_view place) {
    const auto found = resources().Get(Key(place));
    return found.ok() ? *found : nullptr;
  }
  bool Exists(std::string_view place) { return Find(place) != nullptr; }
  std::string UidOf(std::string_view place) {
    const auto found = Find(place);
    EXPECT_NE(found, nullptr) << place;
    return found == nullptr ? "" : std::string(found->uid());
  }
  // "True ReconciliationSuccessful"; empty if there is no such condition.
  std::string Condition(std::string_view place, std::string_view type = "Ready") {
    const auto object = Find(place);
    if (object == nullptr) return "gone";
    for (const auto& one : internal::ListAt(object->status(), {"conditions"})) {
      const auto& condition = one.get_object();
      if (internal::TextAt(condition, {"type"}) != type) continue;
      return internal::TextAt(condition, {"status"}) + " " +
             internal::TextAt(condition, {"reason"});
    }
    return "";
  }
  // One value of an object as JSON text; texts without quotes.
  std::string Value(std::string_view place, internal::Path path) {
    const auto object = Find(place);
    if (object == nullptr) return "gone";
    const auto* value = internal::At(object->document, path);
    if (value == nullptr) return "";
    return value->is_string() ? std::string(value->get_string()) : boost::json::serialize(*value);
  }
  std::vector<std::string> Names(std::string_view kind_name, std::string_view name_space = "") {
    std::vector<std::string> names;
    const auto list = resources().List({.kind = &kind(kind_name), .name_space = name_space});
    for (const auto& object : list->objects) names.push_back(object->key.name);
    return names;
  }

  // Every tuple of the store, as `object#relation@subject`, sorted.
  std::set<std::string> Tuples() {
    std::set<std::string> texts;
    std::string token;
    do {
      const auto page = store().Read({.page_size = 100, .continuation_token = token});
      EXPECT_TRUE(page.ok());
      for (const auto& each : page->tuples) texts.insert(tuple::ToText(each.tuple.view()));
      token = page->continuation_token;
    } while (!token.empty());
    return texts;
  }

  static resource::WriteOptions As(const resource::Caller& caller) {
    resource::WriteOptions options;
    options.caller = caller;
    return options;
  }

  // The kinds and roles of a lending library, and an organization with three users.
  void MakeLibrary() {
    const auto registered = [&](std::string_view service, std::string_view kind_name,
                                std::string_view plural, std::string_view actions,
                                std::string_view parents) {
      Make(fmt::format("ProtectedResource {}-{}", plural, service),
           fmt::format("spec: {{serviceRef: {{name: {}}}, kind: {}, singular: {}x, plural: {}, "
                       "permissions: [{}], parentResources: [{}]}}",
                       service, kind_name, plural, plural, actions, parents));
    };
    constexpr std::string_view kManager = "resourcemanager.miloapis.com";
    constexpr std::string_view kLibrary = "library.example.org";
    registered(kManager, "Organization", "organizations", "get, list, update, delete", "");
    registered(kManager, "Project", "projects", "get, list, create, update, delete",
               "{apiGroup: resourcemanager.miloapis.com, kind: Organization}");
    registered(kLibrary, "Shelf", "shelves", "get, list, create, update, delete",
               "{apiGroup: resourcemanager.miloapis.com, kind: Project}");
    registered(kLibrary, "Book", "books", "get, list, create, update, delete, lend",
               "{apiGroup: library.example.org, kind: Shelf}");
    Make("Namespace pemba-system", "{}");
    Make("Role pemba-system/library-reader",
         "spec: {launchStage: Beta, includedPermissions: [library.example.org/books.get, "
         "library.example.org/books.list, library.example.org/shelves.get, "
         "library.example.org/shelves.list]}");
    Make("Role pemba-system/librarian",
         "spec: {launchStage: Beta, includedPermissions: [library.example.org/books.lend], "
         "inheritedRoles: [{name: library-reader}]}");
    for (const char* const user : {"mira", "tomas", "ops"}) {
      Make(fmt::format("User {}", user), fmt::format("spec: {{email: {}@example.org}}", user));
    }
    Make("Organization northwind", "spec: {type: Standard}");
    Make("Project archive", "spec: {ownerRef: {kind: Organization, name: northwind}}");
  }
  // Binds a role of pemba-system. `target` is the text of a resourceSelector.
  std::string Binding(std::string_view user, std::string_view role, std::string_view target) {
    return fmt::format(
        "spec: {{roleRef: {{name: {}, namespace: pemba-system}}, subjects: [{{kind: User, name: "
        "{}}}], resourceSelector: {}}}",
        role, user, target);
  }
  static constexpr std::string_view kNorthwind =
      "{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Organization, name: "
      "northwind}}";
  static constexpr std::string_view kArchive =
      "{resourceRef: {apiGroup: resourcemanager.miloapis.com, kind: Project, name: archive}}";
  static constexpr std::string_view kAllShelves =
      "{resourceKind: {apiGroup: library.example.org, kind: Shelf}}";

  SetClock clock_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<store::Stores> stores_;
  std::optional<store::StoreHandle> store_;
  resource::Registry registry_;
  ListedAuthority authority_;
  std::unique_ptr<ControlPlane> plane_;

 private:
  void OpenStore(const std::optional<StoreId>& store) {
    EXPECT_TRUE(AddKinds(registry_).ok());
    stores_ = std::make_unique<store::Stores>(*datastore_, clock_);
    store_.emplace(*stores_->Keep(store ? *store : StoreId{stores_->CreateStore("iam")->id.value}));
    if (!shared() || (*store_)->Pin().ResolveModel("").ok()) return;
    model::Model empty;
    empty.schema_version = "1.1";
    empty.types.emplace_back().type = kUserType;
    EXPECT_TRUE((*store_)->WriteModel(std::move(empty)).ok());
  }
};

}  // namespace pemba::iam::testing
