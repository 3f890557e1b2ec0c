// World: a resource store over a memory datastore, with a clock that stands still and kinds of its
// own, for tests.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "pemba/model/dsl.h"
#include "pemba/resource/resource_store.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace pemba::resource::testing {

class StandingClock final : public Clock {
 public:
  WallTime Now() const override { return WallTime(std::chrono::seconds(1'700'000'000)); }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
};

// A kind of each scope, with what schemas can say.
inline constexpr std::string_view kKinds = R"(
kind: CustomResourceDefinition
spec:
  group: ""
  scope: Cluster
  names: {kind: Namespace, plural: namespaces, singular: namespace, shortNames: [ns]}
  versions:
  - name: v1
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}, status: {type: object}}}}
---
kind: CustomResourceDefinition
spec:
  group: example.com
  scope: Cluster
  names: {kind: Team, plural: teams}
  versions:
  - name: v1
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Mail, type: string, jsonPath: .spec.mail}
    selectableFields: [{jsonPath: .spec.mail}]
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            required: [mail]
            properties:
              mail: {type: string, minLength: 3, maxLength: 20, pattern: "@"}
              size: {type: integer, minimum: 1, maximum: 100, default: 5}
              tier: {type: string, enum: [gold, silver]}
              code:
                type: string
                x-kubernetes-validations: [{rule: self == oldSelf, message: code is immutable}]
              until: {type: string, format: date-time}
              members:
                type: array
                maxItems: 3
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, role: {type: string, default: reader}}
              limits: {type: object, additionalProperties: {type: integer}}
              extra: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status:
            type: object
            properties: {phase: {type: string}}
---
kind: CustomResourceDefinition
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Note, plural: notes}
  versions:
  - name: v1
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {text: {type: string}}}}
)";

inline boost::json::object Parse(std::string_view text) {
  auto value = boost::json::parse({text.data(), text.size()});
  return std::move(value.get_object());
}

class World : public ::testing::Test {
 protected:
  World() : stores_(std::make_unique<store::Stores>(*datastore_, clock_)) {
    EXPECT_TRUE(registry_.AddFromYaml(kKinds).ok());
    id_ = {stores_->CreateStore("resources")->id.value};
    store_.emplace(*stores_->Keep(id_));
    EXPECT_TRUE((*store_)
                    ->WriteModel(*model::ModelFromDsl(R"(model
  schema 1.1

type user

type team
  relations
    define contact: [user]
)"))
                    .ok());
    Open();
  }

  // Reads everything again, as after a start.
  void Open(ResourceStoreOptions options = {}) {
    resources_.reset();
    auto opened = ResourceStore::Open(**store_, registry_, clock_, std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    resources_ = *std::move(opened);
  }

  const Kind& kind(std::string_view name) const {
    return *registry_.FindKind(name == "Namespace" ? "" : "example.com", name);
  }
  ObjectKey Key(std::string_view kind_name, std::string name, std::string name_space = "") const {
    return {&kind(kind_name), std::move(name_space), std::move(name)};
  }
  ResourceStore& resources() { return *resources_; }
  store::Store& store() { return **store_; }

  Outcome<Written> Create(std::string_view kind_name, std::string_view json,
                          std::string_view name_space = "") {
    return resources_->Create(kind(kind_name), name_space, Parse(json), options_);
  }
  ObjectPtr MustCreate(std::string_view kind_name, std::string_view json,
                       std::string_view name_space = "") {
    auto written = Create(kind_name, json, name_space);
    EXPECT_TRUE(written.ok()) << (written.ok() ? "" : written.error().message);
    return written.ok() ? written->object : std::make_shared<Object>();
  }
  bool Exists(const ObjectKey& key) const { return resources_->Get(key).ok(); }

  StandingClock clock_;
  std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  std::unique_ptr<store::Stores> stores_;
  StoreId id_;
  std::optional<store::StoreHandle> store_;
  Registry registry_;
  std::unique_ptr<ResourceStore> resources_;
  WriteOptions options_;
};

}  // namespace pemba::resource::testing
