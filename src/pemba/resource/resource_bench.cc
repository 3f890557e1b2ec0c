// What declared objects cost: bytes and start per object, lookups, and writes of one and of many
// clients on a disk. The objects are memberships as a control plane keeps them: references, roles
// and conditions, some 1100 bytes of JSON.
//
// The directory is a fresh one under $TMPDIR (or /tmp): measure on the disk that matters.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <malloc.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/model/dsl.h"
#include "pemba/resource/resource_store.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"

namespace pemba::resource {
namespace {

namespace json = boost::json;

const SystemClock kClock;
const StoreId kStore{"01J0000000000000000000000A"};
constexpr std::size_t kObjects = 100'000, kPerTransaction = 500;

constexpr std::string_view kKinds = R"(
kind: CustomResourceDefinition
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Membership, plural: memberships}
  versions:
  - name: v1
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
)";

json::object Membership(std::size_t n) {
  const auto uid = [](std::size_t of) {
    return fmt::format("{:08x}-51d7-4c3b-9a7e-2d1f8e5b7a10", of * 2654435761u % 0xFFFFFFFF);
  };
  const auto text = fmt::format(
      R"({{"metadata":{{"name":"member-{0}","labels":{{"app.kubernetes.io/managed-by":"console"}},
      "ownerReferences":[{{"apiVersion":"example.com/v1","kind":"User","name":"{0}","uid":"{1}"}}]}},
      "spec":{{"organizationRef":{{"name":"org-{2}"}},"userRef":{{"name":"{0}"}},
      "roles":[{{"name":"viewer","namespace":"roles"}}]}},
      "status":{{"observedGeneration":1,"user":{{"email":"user-{0}@example.com","givenName":"Given",
      "familyName":"Family"}},"organization":{{"type":"Standard","displayName":"org-{2}"}},
      "appliedRoles":[{{"name":"viewer","namespace":"roles","status":"Applied",
      "policyBindingRef":{{"name":"member-{0}-{1}","namespace":"organization-org-{2}"}},
      "appliedAt":"2026-11-22T04:05:06Z"}}],
      "conditions":[{{"type":"Ready","status":"True","reason":"Ready","message":"The member is there.",
      "lastTransitionTime":"2026-11-22T04:05:06Z","observedGeneration":1}},
      {{"type":"RolesApplied","status":"True","reason":"AllRolesApplied","message":"All roles apply.",
      "lastTransitionTime":"2026-11-22T04:05:06Z","observedGeneration":1}}]}}}})",
      n, uid(n), n / 20);
  return json::parse({text.data(), text.size()}).as_object();
}

std::string NamespaceOf(std::size_t n) { return fmt::format("organization-org-{}", n / 20); }

// A store with its objects, which it has read.
struct World {
  explicit World(std::unique_ptr<storage::Datastore> on)
      : datastore(std::move(on)), stores(*datastore, kClock) {
    const auto model = model::ModelFromDsl("model\n  schema 1.1\n\ntype user\n");
    if (!registry.AddFromYaml(kKinds).ok() ||
        !datastore->CreateStore({kStore, "bench", kClock.Now(), kClock.Now()}).ok()) {
      std::abort();
    }
    if (!(*stores.Open(kStore))->WriteModel(*model).ok()) std::abort();
    store.emplace(*stores.Open(kStore));
    Open();
  }

  void Open() {
    resources.reset();
    const auto key = [](const Object& object, const char* field) -> std::vector<std::string> {
      return {std::string(object.spec().at(field).at("name").as_string())};
    };
    auto opened = ResourceStore::Open(
        **store, registry, kClock,
        {.indexes = {{"by user", &kind(), [=](const Object& o) { return key(o, "userRef"); }},
                     {"by organization", &kind(),
                      [=](const Object& o) { return key(o, "organizationRef"); }}}});
    if (!opened.ok()) std::abort();
    resources = *std::move(opened);
  }
  void Fill(std::size_t count) {
    for (std::size_t n = 0; n < count;) {
      const auto done = resources->Transact({}, [&](Transaction& t) -> Outcome<Done> {
        for (std::size_t i = 0; i < kPerTransaction; ++i, ++n) {
          PEMBA_TRY(std::ignore, t.Create(kind(), NamespaceOf(n), Membership(n)));
        }
        return Done{};
      });
      if (!done.ok()) std::abort();
    }
  }
  const Kind& kind() const { return *registry.FindKind("example.com", "Membership"); }
  ObjectKey Key(std::size_t n) const {
    return {&kind(), NamespaceOf(n), fmt::format("member-{}", n)};
  }

  std::unique_ptr<storage::Datastore> datastore;
  store::Stores stores;
  std::optional<store::StoreHandle> store;
  Registry registry;
  std::unique_ptr<ResourceStore> resources;
};

World& Filled() {
  static World* const world = [] {
    auto* const made = new World(storage::NewMemoryDatastore());
    made->Fill(kObjects);
    return made;
  }();
  return *world;
}

double HeapBytes() {
  malloc_trim(0);
  return static_cast<double>(mallinfo2().uordblks);
}

void BM_Start(benchmark::State& state) {
  World& world = Filled();
  double bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    world.resources.reset();
    const double before = HeapBytes();
    state.ResumeTiming();
    world.Open();
    state.PauseTiming();
    bytes = HeapBytes() - before;
    state.ResumeTiming();
  }
  state.counters["bytes_per_object"] = bytes / kObjects;
  state.counters["objects"] =
      benchmark::Counter(kObjects, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_Start)->Unit(benchmark::kMillisecond)->Iterations(3);

void BM_Get(benchmark::State& state) {
  World& world = Filled();
  std::size_t n = 0;
  for (auto _ : state) {
    n = (n + 7919) % kObjects;
    if (!world.resources->Get(world.Key(n)).ok()) std::abort();
  }
}
BENCHMARK(BM_Get);

// The twenty members of an organization.
void BM_FindBy(benchmark::State& state) {
  World& world = Filled();
  std::size_t n = 0;
  for (auto _ : state) {
    n = (n + 7919) % (kObjects / 20);
    if (world.resources->FindBy(1, fmt::format("org-{}", n)).size() != 20) std::abort();
  }
}
BENCHMARK(BM_FindBy);

// All of a kind, as `kubectl get` wants them.
void BM_ListAll(benchmark::State& state) {
  World& world = Filled();
  for (auto _ : state) {
    if (world.resources->List({.kind = &world.kind()})->objects.size() != kObjects) std::abort();
  }
}
BENCHMARK(BM_ListAll)->Unit(benchmark::kMillisecond);

// Clients that each create one object and wait until it is durable.
struct OnDisk {
  TemporaryDirectory directory;
  World world{*storage::OpenEmbeddedDatastore({.directory = directory.path()})};
  std::atomic<std::size_t> next{0};
};
std::unique_ptr<OnDisk> disk;

void BM_Create(benchmark::State& state) {
  if (state.thread_index() == 0) disk = std::make_unique<OnDisk>();
  for (auto _ : state) {
    const auto n = disk->next++;
    const auto created =
        disk->world.resources->Create(disk->world.kind(), NamespaceOf(n), Membership(n), {});
    if (!created.ok()) std::abort();
  }
  state.counters["objects"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  if (state.thread_index() == 0) disk.reset();
}
BENCHMARK(BM_Create)->Threads(1)->Threads(8)->Threads(64)->UseRealTime()->Iterations(200);

}  // namespace
}  // namespace pemba::resource
