// What declared access costs on a PostgreSQL that several servers share: changes a second by one
// server and by two, and how long after a change on one server the other one decides by it: from
// when a binding, or its deletion, is acknowledged, until the other one allows, or denies.
//
//   iam_shared_bench [changes] [clients] [latencies]
//
// The servers and PostgreSQL are on this machine; PostgreSQL waits for its disk. Every change is a
// binding of its own on one of a hundred projects, acknowledged before its client makes the next.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "pemba/iam/control_plane.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/kinds.h"
#include "pemba/provider/embedded.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"
#include "pemba/store/stores.h"

namespace pemba::iam {
namespace {

namespace json = boost::json;
using storage::testing::PostgresServer;
using Steady = std::chrono::steady_clock;

const SystemClock kClock;
const StoreId kStore{"01J0000000000000000000000A"};
constexpr int kProjects = 100;
constexpr const char* kManager = "resourcemanager.miloapis.com";

template <class T>
T Must(T outcome) {
  if (outcome.ok()) return outcome;
  std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
  std::exit(1);
}

resource::WriteOptions AsRoot() {
  resource::WriteOptions options;
  options.caller.name = "root";
  options.caller.groups = {std::string(kMasters)};
  return options;
}

class Server {
 public:
  explicit Server(const storage::PostgresOptions& options)
      : datastore_(*Must(storage::OpenPostgresDatastore(options))), stores_(*datastore_, kClock) {
    (void)Must(AddKinds(registry_));
    store_.emplace(*Must(stores_.Keep(kStore)));
    if (!(*store_)->Pin().ResolveModel("").ok()) {
      model::Model empty;
      empty.schema_version = "1.1";
      empty.types.emplace_back().type = "user";
      (void)Must((*store_)->WriteModel(std::move(empty)));
    }
    ControlPlaneOptions plane;
    plane.listen = [this](store::Revision after, std::function<void()> tell) {
      return stores_.Listen(kStore, after, std::move(tell));
    };
    plane_ = *Must(ControlPlane::Open(**store_, registry_, kClock, std::move(plane)));
    provider_ = *Must(provider::Embedded::Open(stores_, kStore, kClock));
    decider_.emplace(**store_, plane_->resources(), *provider_,
                     [this] { return plane_->catalog(); });
  }

  // The revision.
  store::Revision Make(const char* kind_name, const char* name_space, const std::string& name,
                       const std::string& spec) {
    const resource::Kind* kind = nullptr;
    for (const auto& one : registry_.kinds()) {
      if (one->name == kind_name) kind = one.get();
    }
    json::object document = json::parse(R"({"spec":)" + spec + "}").as_object();
    document["metadata"] = json::object{{"name", name}};
    const auto made =
        Must(plane_->resources().Create(*kind, name_space, std::move(document), AsRoot()));
    return made->object->revision;
  }
  store::Revision Bind(const std::string& name, const std::string& user, int project) {
    return Make("PolicyBinding", "organization-northwind", name,
                fmt::format(R"({{"roleRef":{{"name":"librarian","namespace":"milo-system"}},
        "subjects":[{{"kind":"User","name":"{}"}}],"resourceSelector":{{"resourceRef":{{
        "apiGroup":"{}","kind":"Project","name":"p{}"}}}}}})",
                            user, kManager, project));
  }
  // The revision.
  store::Revision Unbind(const std::string& name) {
    const auto* const kind = registry_.FindKind("iam.miloapis.com", "PolicyBinding");
    (void)Must(plane_->resources().Delete({kind, "organization-northwind", name},
                                          {.caller = AsRoot().caller}));
    return plane_->resources().revision();
  }
  // At that revision, or as it is known here.
  bool Allows(const std::string& user, int project, std::optional<store::Revision> at) const {
    AccessOptions options;
    options.read.at_least = at;
    return decider_
        ->Decide({user,
                  "library.example.org/books.lend",
                  {std::string(kManager) + "/Project", "", fmt::format("p{}", project)},
                  {}},
                 options)
        .allowed();
  }

 private:
  resource::Registry registry_;
  std::unique_ptr<storage::Datastore> datastore_;
  store::Stores stores_;
  std::optional<store::StoreHandle> store_;
  std::unique_ptr<ControlPlane> plane_;
  std::unique_ptr<provider::Embedded> provider_;
  std::optional<Decider> decider_;
};

void Declare(Server& server) {
  const auto registered = [&](const char* service, const char* kind, const char* plural,
                              const std::string& parent) {
    server.Make("ProtectedResource", "", fmt::format("{}.{}", plural, service),
                fmt::format(R"({{"serviceRef":{{"name":"{}"}},"kind":"{}","singular":"{}x",
        "plural":"{}","permissions":["get","lend"],"parentResources":[{}]}})",
                            service, kind, plural, plural, parent));
  };
  registered(kManager, "Organization", "organizations", "");
  registered(kManager, "Project", "projects",
             fmt::format(R"({{"apiGroup":"{}","kind":"Organization"}})", kManager));
  registered("library.example.org", "Book", "books",
             fmt::format(R"({{"apiGroup":"{}","kind":"Project"}})", kManager));
  server.Make("Role", "milo-system", "librarian",
              R"({"launchStage":"Beta","includedPermissions":["library.example.org/books.lend"]})");
  server.Make("Organization", "", "northwind", R"({"type":"Standard"})");
  for (int i = 0; i < kProjects; ++i) {
    server.Make("Project", "", fmt::format("p{}", i),
                R"({"ownerRef":{"kind":"Organization","name":"northwind"}})");
  }
  for (const char* const user : {"mira", "tomas"}) {
    server.Make("User", "", user, fmt::format(R"({{"email":"{}@example.org"}})", user));
  }
}

// Bindings a second, by `clients` on these servers in turn.
double Rate(const std::vector<Server*>& servers, int changes, int clients, const char* run) {
  std::atomic<int> next{0};
  const auto begin = Steady::now();
  std::vector<std::thread> threads;
  for (int client = 0; client < clients; ++client) {
    threads.emplace_back([&, client] {
      Server& server = *servers[static_cast<std::size_t>(client) % servers.size()];
      for (int i = next++; i < changes; i = next++) {
        server.Bind(fmt::format("{}-{}", run, i), "tomas", i % kProjects);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return changes / std::chrono::duration<double>(Steady::now() - begin).count();
}

void PrintLatencies(const char* what, std::vector<double>& seconds) {
  std::ranges::sort(seconds);
  fmt::print("{:<52} p50 {:.2f} ms, p99 {:.2f} ms\n", what, seconds[seconds.size() / 2] * 1e3,
             seconds[seconds.size() * 99 / 100] * 1e3);
}

double Since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

// How long a change takes to be acknowledged, and from there until another server decides by it:
// asked at its revision, and asked without until it does.
struct Latencies {
  std::vector<double> acknowledged, at_revision, by_itself;

  void Print(const char* change, const char* until) {
    PrintLatencies(fmt::format("{}, until acknowledged", change).c_str(), acknowledged);
    PrintLatencies(fmt::format("{} elsewhere, asked at its revision", until).c_str(), at_revision);
    PrintLatencies(fmt::format("{} elsewhere, asked without", until).c_str(), by_itself);
  }
};

void Measure(Server& one, const Server& two, int times) {
  Latencies bound, unbound;
  const auto measure = [&](Latencies& into, bool asks, int project, bool wanted,
                           const std::function<store::Revision()>& change) {
    const auto begin = Steady::now();
    const auto revision = change();
    into.acknowledged.push_back(Since(begin));
    const auto told = Steady::now();
    while (two.Allows("mira", project, asks ? std::optional(revision) : std::nullopt) != wanted) {
      if (asks) std::exit(1);  // An answer that is older than what was asked for.
    }
    (asks ? into.at_revision : into.by_itself).push_back(Since(told));
  };
  for (int i = 0; i < 2 * times; ++i) {
    const bool asks = i % 2 == 0;
    const int project = i % kProjects;
    const auto name = fmt::format("e-{}", i);
    measure(bound, asks, project, true, [&] { return one.Bind(name, "mira", project); });
    measure(unbound, asks, project, false, [&] { return one.Unbind(name); });
  }
  bound.Print("a binding", "allowed");
  unbound.Print("its deletion", "denied");
}

void Run(int changes, int clients, int latencies) {
  const auto database = *Must(PostgresServer::Start(PostgresServer::Durability::kFull));
  storage::PostgresOptions options;
  options.primary.uri = database->Uri(database->CreateDatabase());
  (void)Must(storage::MigratePostgres(options, storage::Migrate::kYes));
  Server one(options);
  Declare(one);
  fmt::print("one server, one client: {:.0f} bindings/s\n", Rate({&one}, changes / 10, 1, "a"));
  fmt::print("one server, {} clients: {:.0f} bindings/s\n", clients,
             Rate({&one}, changes, clients, "b"));
  const auto begin = Steady::now();
  Server two(options);
  fmt::print("a second server starts in {:.2f} s\n", Since(begin));
  fmt::print("two servers, two clients: {:.0f} bindings/s\n",
             Rate({&one, &two}, changes / 10, 2, "c"));
  fmt::print("two servers, {} clients: {:.0f} bindings/s\n", clients,
             Rate({&one, &two}, changes, clients, "d"));
  Measure(one, two, latencies);
}

}  // namespace
}  // namespace pemba::iam

int main(int argc, char** argv) {
  if (const auto why = pemba::storage::testing::PostgresServer::WhyNotHere()) {
    std::printf("%s\n", why->c_str());
    return 0;
  }
  const auto number = [&](int at, int fallback) {
    return argc > at ? std::atoi(argv[at]) : fallback;
  };
  pemba::iam::Run(number(1, 2000), number(2, 16), number(3, 500));
}
