// Node: a server's declared objects on a PostgreSQL that others share, for tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pemba/resource/testing/world.h"
#include "pemba/storage/postgres.h"

namespace pemba::resource::testing {

enum class Listens { kNo, kYes };

// One server: everything but the wire.
class Node {
 public:
  using Set = std::function<void(ResourceStoreOptions&)>;
  Node(const storage::PostgresOptions& options, const StoreId& store, Listens listens,
       const Set& set) {
    EXPECT_TRUE(registry_.AddFromYaml(kKinds).ok());
    auto datastore = storage::OpenPostgresDatastore(options);
    PEMBA_CHECK(datastore.ok());
    datastore_ = *std::move(datastore);
    stores_ = std::make_unique<store::Stores>(*datastore_, clock_);
    store_.emplace(*stores_->Open(store));
    if (!(*store_)->Pin().ResolveModel("").ok()) {
      PEMBA_CHECK(
          (*store_)->WriteModel(*model::ModelFromDsl("model\n  schema 1.1\n\ntype user\n")).ok());
      store_.emplace(*stores_->Open(store));
    }
    ResourceStoreOptions resource_options;
    if (listens == Listens::kYes) {
      resource_options.listen = [this, store](Revision after, std::function<void()> tell) {
        return stores_->Listen(store, after, std::move(tell));
      };
    }
    if (set) set(resource_options);
    auto opened = ResourceStore::Open(**store_, registry_, clock_, std::move(resource_options));
    PEMBA_CHECK(opened.ok());
    resources_ = *std::move(opened);
  }

  ResourceStore* operator->() { return resources_.get(); }
  store::Store& store() { return **store_; }
  const Registry& registry() const { return registry_; }
  const Clock& clock() const { return clock_; }
  const Kind& teams() const { return *registry_.FindKind("example.com", "Team"); }
  ObjectKey Team(const std::string& name) const { return {&teams(), "", name}; }

  Outcome<Written> Create(const std::string& name) {
    return resources_->Create(
        teams(), "",
        Parse(R"({"metadata":{"name":")" + name + R"("},"spec":{"mail":"a@b","size":1}})"), {});
  }
  Outcome<Written> Delete(const std::string& name) { return resources_->Delete(Team(name), {}); }
  // One more of the size.
  Outcome<Written> Increment(const std::string& name) {
    return resources_->Modify(Team(name),
                              [](boost::json::value& document) -> Outcome<Done> {
                                auto& size = document.at("spec").at("size");
                                size = size.as_int64() + 1;
                                return Done{};
                              },
                              Part::kMain, {});
  }
  std::int64_t SizeOf(const std::string& name) {
    const auto object = resources_->Get(Team(name));
    return object.ok() ? (*object)->spec().at("size").as_int64() : -1;
  }
  // Everything that a watch from `after` on is told.
  std::vector<std::string> EventsAfter(Revision after) {
    WatchRequest watch;
    watch.kind = &teams();
    const auto events = resources_->EventsAfter(watch, after);
    if (!events.ok()) return {events.error().message};
    std::vector<std::string> texts;
    for (const auto& event : events->events) {
      texts.push_back(std::to_string(event.object->revision) + " " +
                      std::to_string(static_cast<int>(event.type)) + " " +
                      boost::json::serialize(event.object->document));
    }
    return texts;
  }
  bool Reaches(Revision revision) {
    resources_->AwaitChange(revision - 1,
                            std::chrono::steady_clock::now() + std::chrono::seconds(10));
    return resources_->revision() >= revision;
  }

 private:
  SystemClock clock_;  // Writes of one revision and two histories differ in their times.
  Registry registry_;
  std::unique_ptr<storage::Datastore> datastore_;
  std::unique_ptr<store::Stores> stores_;
  std::optional<store::StoreHandle> store_;
  std::unique_ptr<ResourceStore> resources_;
};

}  // namespace pemba::resource::testing
