// What kinds and changes of access cost.
//
// A platform of K times 39 kinds in a hierarchy of four levels, 258 permissions each time, and 20
// roles that inherit each other. The projector's part of a transaction alone is timed, with a
// binding judge's and the store's left out; `bindings` is how many others there are. `tuples` are
// the ones that change.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "pemba/base/assert.h"
#include "pemba/iam/indexes.h"
#include "pemba/iam/kinds.h"
#include "pemba/iam/names.h"
#include "pemba/iam/projector.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace pemba::iam {
namespace {

namespace json = boost::json;
using resource::Outcome;
using resource::Transaction;

class StandingClock final : public Clock {
 public:
  WallTime Now() const override { return WallTime(std::chrono::seconds(1'700'000'000)); }
  SteadyTime Steady() const override { return std::chrono::steady_clock::now(); }
};

// Organization, Project below it, the other kinds below both levels; 6 or 7 actions each.
std::vector<KindEntry> Kinds(std::size_t times) {
  std::vector<KindEntry> entries;
  const std::size_t count = 39 * times;
  for (std::size_t i = 0; i < count; ++i) {
    KindEntry entry;
    entry.service = i < 2 ? "resourcemanager.miloapis.com" : fmt::format("s{}.example.org", i % 7);
    entry.kind = i == 0 ? "Organization" : i == 1 ? "Project" : fmt::format("Kind{}", i);
    entry.type = entry.service + "/" + entry.kind;
    entry.singular = fmt::format("kind{}", i);
    entry.plural = i == 0 ? "organizations" : i == 1 ? "projects" : fmt::format("kinds{}", i);
    entry.actions = {"get", "list", "create", "update", "delete", "watch"};
    if (i % 39 < 24) entry.actions.push_back("patch");
    if (i == 1) entry.parents = {std::string(kOrganizationType)};
    if (i > 1 && i % 4 != 0) entry.parents = {entries[i < 8 ? i % 2 : 1 + i % 7].type};
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<std::string> PermissionsOf(const Catalog& catalog, std::size_t part,
                                       std::size_t parts) {
  std::vector<std::string> permissions;
  const auto all = catalog.permissions();
  for (std::size_t i = part; i < all.size(); i += parts) permissions.push_back(all[i]);
  return permissions;
}

void BuildCatalog(benchmark::State& state) {
  const auto entries = Kinds(static_cast<std::size_t>(state.range(0)));
  std::size_t permissions = 0, relations = 0;
  for (auto _ : state) {
    const auto catalog = Catalog::Build(entries);
    PEMBA_CHECK(catalog.kinds().size() == entries.size());
    permissions = catalog.permissions().size();
    benchmark::DoNotOptimize(catalog);
  }
  const auto catalog = Catalog::Build(entries);
  for (const auto& kind : catalog.kinds()) {
    relations += catalog.HierarchicalPermissions(kind.type).size();
  }
  state.counters["kinds"] = static_cast<double>(entries.size());
  state.counters["permissions"] = static_cast<double>(permissions);
  state.counters["relations"] = static_cast<double>(relations);
}
BENCHMARK(BuildCatalog)->Arg(1)->Arg(10)->Unit(benchmark::kMicrosecond);

void BuildModel(benchmark::State& state) {
  const auto catalog = Catalog::Build(Kinds(static_cast<std::size_t>(state.range(0))));
  const auto kind = static_cast<ProjectionKind>(state.range(1));
  std::vector<RoleGrant> roles;
  for (std::size_t i = 0; i < 20; ++i) {
    roles.push_back({{"milo-system", fmt::format("role{}", i)}, "u", PermissionsOf(catalog, i, 8)});
  }
  std::size_t bytes = 0, types = 0;
  for (auto _ : state) {
    const auto model = ManagedModel(catalog, roles, kind);
    bytes = ModelWireBytes(model);
    types = model.types.size();
  }
  state.SetLabel(std::string(ToText(kind)));
  state.counters["types"] = static_cast<double>(types);
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BuildModel)->ArgsProduct({{1, 10}, {0, 1, 2}})->Unit(benchmark::kMillisecond);

// Times what is within.
class TimedProjection final : public resource::Projection {
 public:
  explicit TimedProjection(Projector& inner) : inner_(inner) {}
  Outcome<resource::Consequences> Project(const Transaction& transaction) override {
    const auto start = std::chrono::steady_clock::now();
    auto consequences = inner_.Project(transaction);
    spent += std::chrono::steady_clock::now() - start;
    if (consequences.ok()) tuples += consequences->writes.size() + consequences->deletes.size();
    return consequences;
  }
  void Committed(resource::Revision revision) override { inner_.Committed(revision); }
  void Abandoned() override { inner_.Abandoned(); }

  std::chrono::steady_clock::duration spent{};
  std::size_t tuples = 0;

 private:
  Projector& inner_;
};

class Platform {
 public:
  Platform(ProjectionKind kind, std::size_t bindings)
      : options_{.kind = kind, .platform_namespaces = {"milo-system"}} {
    PEMBA_CHECK(AddKinds(registry_).ok());
    const StoreId id{stores_.CreateStore("access")->id.value};
    store_.emplace(*stores_.Keep(id));
    projector_ = std::make_unique<Projector>(**store_, registry_, ProjectorOptions{options_});
    timed_ = std::make_unique<TimedProjection>(*projector_);
    resource::ResourceStoreOptions options;
    options.projection = timed_.get();
    options.indexes = MakeIndexes(registry_);
    resources_ = *resource::ResourceStore::Open(**store_, registry_, clock_, std::move(options));
    PEMBA_CHECK(projector_->Start(*resources_).ok());
    Declare(bindings);
  }

  std::chrono::duration<double> Run(const resource::ResourceStore::Body& body) {
    timed_->spent = {};
    const auto done = resources_->Transact({}, body);
    PEMBA_CHECK(done.ok());
    return timed_->spent;
  }

  Outcome<Done> Put(Transaction& transaction, std::string_view kind_name,
                    std::string_view name_space, const std::string& name, json::object spec) const {
    const auto& kind = KindOf(kind_name);
    const resource::ObjectKey key{&kind, std::string(name_space), name};
    json::object document{{"apiVersion", kind.api_version()},
                          {"kind", kind.name},
                          {"metadata", {{"name", name}}},
                          {"spec", std::move(spec)}};
    if (const auto live = transaction.Find(key)) {
      auto changed = live->document;
      changed["spec"] = document["spec"];
      PEMBA_TRY(std::ignore, transaction.Update(key, std::move(changed)));
    } else {
      PEMBA_TRY(std::ignore, transaction.Create(kind, name_space, std::move(document)));
    }
    if (kind_name != "PolicyBinding") return Done{};
    auto ready = transaction.Find(key)->document;
    ready["status"] = {
        {"conditions", json::array{{{"type", "Ready"},
                                    {"status", "True"},
                                    {"reason", "ReconciliationSuccessful"},
                                    {"message", ""},
                                    {"lastTransitionTime", "2024-01-01T00:00:00Z"}}}}};
    PEMBA_TRY(std::ignore, transaction.Update(key, std::move(ready), resource::Part::kStatus));
    return Done{};
  }
  Outcome<Done> Drop(Transaction& transaction, std::string_view kind_name,
                     std::string_view name_space, const std::string& name) const {
    PEMBA_TRY(std::ignore, transaction.Delete({&KindOf(kind_name), std::string(name_space), name}));
    return Done{};
  }

  Outcome<Done> Bind(Transaction& transaction, const std::string& name, const std::string& user,
                     std::string_view organization) const {
    return Put(transaction, "PolicyBinding", "organization-a", name,
               {{"roleRef", {{"name", "owner"}, {"namespace", "milo-system"}}},
                {"subjects", json::array{{{"kind", "User"}, {"name", user}, {"uid", "u"}}}},
                {"resourceSelector",
                 {{"resourceRef",
                   {{"apiGroup", "resourcemanager.miloapis.com"},
                    {"kind", "Organization"},
                    {"name", organization},
                    {"uid", "u"}}}}}});
  }

  Outcome<Done> PutRole(Transaction& transaction, const std::string& name, std::size_t part,
                        std::size_t less = 0) const {
    auto permissions = PermissionsOf(*projector_->catalog(), part, 8);
    permissions.resize(permissions.size() - less);
    return Put(transaction, "Role", "milo-system", name,
               {{"launchStage", "Stable"},
                {"includedPermissions", json::value_from(permissions)},
                {"inheritedRoles", json::array()}});
  }

  std::size_t tuples() const { return timed_->tuples; }
  void ResetTuples() { timed_->tuples = 0; }
  Result<Drift> Audit() { return projector_->Audit(*resources_, Projector::Repair::kReport); }

 private:
  const resource::Kind& KindOf(std::string_view name) const {
    for (const auto& kind : registry_.kinds()) {
      if (kind->name == name) return *kind;
    }
    PEMBA_CHECK(false);
    return *registry_.kinds().front();
  }

  void Declare(std::size_t bindings) {
    Run([&](Transaction& transaction) -> Outcome<Done> {
      for (const auto name : {"milo-system", "organization-a"}) {
        PEMBA_TRY(std::ignore, Put(transaction, "Namespace", "", name, {}));
      }
      for (const auto& entry : Kinds(1)) {
        json::array parents;
        for (const auto& parent : entry.parents) {
          const auto slash = parent.find('/');
          parents.push_back(
              {{"apiGroup", parent.substr(0, slash)}, {"kind", parent.substr(slash + 1)}});
        }
        PEMBA_TRY(std::ignore, Put(transaction, "ProtectedResource", "", entry.singular,
                                   {{"serviceRef", {{"name", entry.service}}},
                                    {"kind", entry.kind},
                                    {"singular", entry.singular},
                                    {"plural", entry.plural},
                                    {"permissions", json::value_from(entry.actions)},
                                    {"parentResources", std::move(parents)}}));
      }
      return Done{};
    });
    Run([&](Transaction& transaction) -> Outcome<Done> {
      json::array inherited;
      for (std::size_t i = 0; i < 8; ++i) {
        const auto name = fmt::format("part{}", i);
        PEMBA_TRY(std::ignore, PutRole(transaction, name, i));
        inherited.push_back(json::object{{"name", name}});
      }
      return Put(transaction, "Role", "milo-system", "owner",
                 {{"launchStage", "Stable"},
                  {"includedPermissions", json::array()},
                  {"inheritedRoles", std::move(inherited)}});
    });
    for (std::size_t first = 0; first < bindings; first += 1'000) {
      Run([&](Transaction& transaction) -> Outcome<Done> {
        for (std::size_t i = first; i < std::min(first + 1'000, bindings); ++i) {
          PEMBA_TRY(std::ignore, Bind(transaction, fmt::format("b{}", i), fmt::format("user{}", i),
                                      fmt::format("org{}", i % 100)));
        }
        return Done{};
      });
    }
  }

  const ProjectionOptions options_;
  StandingClock clock_;
  std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  store::Stores stores_{*datastore_, clock_};
  std::optional<store::StoreHandle> store_;
  resource::Registry registry_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<TimedProjection> timed_;
  std::unique_ptr<resource::ResourceStore> resources_;
};

void Measure(benchmark::State& state, const std::function<void(Platform&, std::size_t)>& prepare,
             const std::function<Outcome<Done>(Platform&, Transaction&, std::size_t)>& change) {
  const auto kind = static_cast<ProjectionKind>(state.range(0));
  Platform platform(kind, static_cast<std::size_t>(state.range(1)));
  std::size_t round = 0, tuples = 0;
  for (auto _ : state) {
    prepare(platform, round);
    platform.ResetTuples();
    const auto spent = platform.Run(
        [&](Transaction& transaction) { return change(platform, transaction, round); });
    tuples = platform.tuples();
    state.SetIterationTime(spent.count());
    ++round;
  }
  PEMBA_CHECK(platform.Audit()->none());
  state.SetLabel(std::string(ToText(kind)));
  state.counters["tuples"] = static_cast<double>(tuples);
}

void MakeBinding(benchmark::State& state) {
  Measure(
      state, [](Platform&, std::size_t) {},
      [](Platform& platform, Transaction& transaction, std::size_t round) {
        return platform.Bind(transaction, fmt::format("new{}", round), "someone",
                             fmt::format("other{}", round));
      });
}

void DeleteBinding(benchmark::State& state) {
  Measure(
      state,
      [](Platform& platform, std::size_t) {
        platform.Run([&](Transaction& transaction) {
          return platform.Bind(transaction, "going", "user0", "org1");
        });
      },
      [](Platform& platform, Transaction& transaction, std::size_t) {
        return platform.Drop(transaction, "PolicyBinding", "organization-a", "going");
      });
}

void ChangeInheritedRole(benchmark::State& state) {
  Measure(
      state, [](Platform&, std::size_t) {},
      [](Platform& platform, Transaction& transaction, std::size_t round) {
        return platform.PutRole(transaction, "part3", 3, 1 - round % 2);
      });
}

void MakeUser(benchmark::State& state) {
  Measure(
      state, [](Platform&, std::size_t) {},
      [](Platform& platform, Transaction& transaction, std::size_t round) {
        return platform.Put(transaction, "User", "", fmt::format("new{}", round),
                            {{"email", "new@example.org"}});
      });
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgsProduct({{0, 1, 2}, {10, 1'000}})
      ->ArgNames({"projection", "bindings"})
      ->UseManualTime()
      ->Iterations(10)
      ->Unit(benchmark::kMicrosecond);
}
BENCHMARK(MakeBinding)->Apply(Sizes);
BENCHMARK(DeleteBinding)->Apply(Sizes);
BENCHMARK(ChangeInheritedRole)->Apply(Sizes);
BENCHMARK(MakeUser)->Apply(Sizes);

}  // namespace
}  // namespace pemba::iam
