// DeclaredWorld: identities and access as declared objects over a memory datastore, with the
// projector at work and the simplest judge of bindings.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pemba/iam/indexes.h"
#include "pemba/iam/kinds.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projector.h"
#include "pemba/provider/embedded.h"
#include "pemba/resource/resource_store.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace pemba::iam::testing {

class StandingClock final : public Clock {
 public:
  WallTime Now() const override { return WallTime(std::chrono::seconds(1'700'000'000)); }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
};

// Looks at every binding after every transaction, and says whether what it refers to is there.
class BindingJudge final : public resource::Admission {
 public:
  using Transaction = resource::Transaction;
  resource::Outcome<Done> Mutate(Transaction&, resource::Operation&) override { return Done{}; }
  resource::Outcome<Done> Admit(Transaction&, const resource::Operation&) override {
    return Done{};
  }
  resource::Outcome<Done> Conclude(Transaction& transaction) override;

 private:
  static bool IsRegistered(const Transaction& transaction, const std::string& type);
  static bool IsGood(const Transaction& transaction, const resource::Object& binding);
};

class DeclaredWorld {
 public:
  // Where its objects are: in a store that it makes, or in one that others use, too.
  struct Home {
    std::unique_ptr<storage::Datastore> datastore = storage::NewMemoryDatastore();
    std::optional<StoreId> store = {};
    std::string uid_prefix = "uid-";
  };
  explicit DeclaredWorld(ProjectorOptions options) : DeclaredWorld(std::move(options), Home()) {}
  DeclaredWorld(ProjectorOptions options, Home home);

  // As after a start; what was there stays. Answers what the projector found.
  Drift Reopen() { return Reopen(options_); }
  Drift Reopen(ProjectorOptions options);

  const resource::Kind& kind(std::string_view name) const;
  resource::ObjectKey Key(std::string_view kind_name, std::string_view place) const;

  // `place` is `name` or `namespace/name`.
  static std::string Name(std::string_view place);
  static std::string NamespaceOf(std::string_view place);

  // Stages; for use within Transact.
  resource::Outcome<Done> Put(resource::Transaction& transaction, std::string_view kind_name,
                              std::string_view place, std::string_view spec) const;
  resource::Outcome<Done> Drop(resource::Transaction& transaction, std::string_view kind_name,
                               std::string_view place) const;
  using Body = resource::ResourceStore::Body;
  resource::Outcome<resource::Revision> Transact(const Body& body, bool dry_run = false);

  // One transaction that has to work.
  void Put(std::string_view kind_name, std::string_view place, std::string_view spec = "{}");
  void Drop(std::string_view kind_name, std::string_view place);
  std::string Uid(std::string_view kind_name, std::string_view place) const;

  // Registers a kind as a ProtectedResource of this name.
  void Register(std::string_view name, const KindEntry& entry);
  static std::string Registration(const KindEntry& entry);
  // A binding of `role` (namespace/name) to subjects (JSON, comma-separated) on a target (JSON).
  static std::string Binding(std::string_view role, std::string_view subjects,
                             std::string_view target);
  std::string User(std::string_view name) const;
  std::string Group(std::string_view place) const;
  std::string On(std::string_view kind_name, std::string_view name) const;

  // Managed tuples, sorted: "object relation subject".
  std::set<std::string> Tuples() const;
  std::size_t Models() const;  // How many were written.
  provider::Decision Check(const std::string& object, const std::string& permission,
                           const std::string& subject) const;
  std::vector<provider::Decision> CheckAll(std::span<const tuple::Tuple> questions) const;
  bool Allows(const std::string& object, const std::string& permission,
              std::string_view user) const;

  // Deletes every managed tuple and type, behind the back of whoever made them.
  void Lose();

  resource::ResourceStore& resources() { return *resources_; }
  const resource::ResourceStore& resources() const { return *resources_; }
  const resource::Registry& registry() const { return registry_; }
  store::Store& store() { return **store_; }
  store::Stores& stores() { return stores_; }
  const StoreId& store_id() const { return id_; }
  Projector& projector() { return *projector_; }

 private:
  ProjectorOptions options_;
  StandingClock clock_;
  const Home home_;
  const std::unique_ptr<storage::Datastore>& datastore_ = home_.datastore;
  store::Stores stores_{*datastore_, clock_};
  StoreId id_;
  std::optional<store::StoreHandle> store_;
  resource::Registry registry_;
  BindingJudge judge_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<resource::ResourceStore> resources_;
  std::unique_ptr<provider::Embedded> provider_;
  std::size_t next_uid_ = 0;
};

}  // namespace pemba::iam::testing
