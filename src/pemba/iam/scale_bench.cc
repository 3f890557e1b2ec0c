// What a control plane of a size costs: how long it takes to declare everything from nothing, what
// it takes in memory, how long until a new binding lets somebody in and its end keeps them out, how
// long a decision takes, and a start: of the same program, and of another one, which looks at every
// object.
//
//   iam_scale_bench [organizations] [clients]
//
// Every organization has 20 members with a role, 5 projects and 30 bindings of users on projects.
// Everything is declared by clients that wait for the disk each time; an organization is five
// requests. The directory is a fresh one under $TMPDIR (or /tmp): measure on the disk that matters.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/iam/control_plane.h"
#include "pemba/iam/decider.h"
#include "pemba/iam/indexes.h"
#include "pemba/iam/kinds.h"
#include "pemba/iam/names.h"
#include "pemba/provider/embedded.h"
#include "pemba/storage/embedded.h"
#include "pemba/store/stores.h"

namespace pemba::iam {
namespace {

namespace json = boost::json;
using resource::Outcome;
using resource::Transaction;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kMembers = 20, kProjects = 5, kBindings = 30, kRounds = 200,
                      kDecisions = 10'000;
const SystemClock kClock;
const StoreId kStore{"01J0000000000000000000000A"};

double Seconds(Steady::time_point from) {
  return std::chrono::duration<double>(Steady::now() - from).count();
}

[[noreturn]] void Fail(std::string_view what, const std::string& why) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(what.size()), what.data(), why.c_str());
  std::exit(1);
}

// Of the process, in MB.
double ResidentMegabytes() {
  malloc_trim(0);
  std::ifstream in("/proc/self/statm");
  double pages = 0, resident = 0;
  in >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

// Of all threads of the process.
double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void PrintLatencies(const char* what, std::vector<double>& seconds) {
  std::ranges::sort(seconds);
  fmt::print("{:<34} p50 {:.3f} ms, p99 {:.3f} ms\n", what, seconds[seconds.size() / 2] * 1e3,
             seconds[seconds.size() * 99 / 100] * 1e3);
}

class World {
 public:
  explicit World(const std::filesystem::path& directory)
      : datastore_(*storage::OpenEmbeddedDatastore({.directory = directory})),
        stores_(*datastore_, kClock) {
    if (const auto added = AddKinds(registry_); !added.ok()) Fail("kinds", added.error().message);
    (void)datastore_->CreateStore({kStore, "iam", kClock.Now(), kClock.Now()});
    store_.emplace(*stores_.Open(kStore));
    caller_.name = "root";
    caller_.groups = {std::string(kMasters)};
    Open();
  }

  void Open(ControlPlaneOptions options = {}) {
    plane_.reset();
    auto plane = ControlPlane::Open(**store_, registry_, kClock, std::move(options));
    if (!plane.ok()) Fail("start", plane.error().message);
    plane_ = *std::move(plane);
    auto provider = provider::Embedded::Open(stores_, kStore, kClock);
    if (!provider.ok()) Fail("provider", provider.error().message);
    provider_ = *std::move(provider);
    decider_.emplace(**store_, plane_->resources(), *provider_,
                     [this] { return plane_->catalog(); });
  }
  void Close() {
    decider_.reset();
    provider_.reset();
    plane_.reset();
  }

  const resource::Kind& KindOf(std::string_view name) const {
    for (const auto& kind : registry_.kinds()) {
      if (kind->name == name) return *kind;
    }
    Fail("no kind", std::string(name));
  }
  Outcome<Done> Add(Transaction& transaction, std::string_view kind, std::string_view name_space,
                    std::string_view name, const std::string& spec) const {
    json::object document = json::parse(R"({"spec":)" + spec + "}").as_object();
    document["metadata"] = json::object{{"name", name}};
    PEMBA_TRY(std::ignore, transaction.Create(KindOf(kind), name_space, std::move(document)));
    return Done{};
  }
  std::string UidOf(const Transaction& transaction, std::string_view kind, std::string name) const {
    const auto found = transaction.Find({&KindOf(kind), "", std::move(name)});
    return found == nullptr ? "" : std::string(found->uid());
  }
  void Write(std::string_view what, const std::function<Outcome<Done>(Transaction&)>& body) {
    resource::WriteOptions options;
    options.caller = caller_;
    const auto done = plane_->resources().Transact(options, body);
    if (!done.ok()) Fail(what, done.error().message);
  }

  // Kinds, roles and `users` people.
  void DeclarePlatform(std::size_t users) {
    Write("platform", [&](Transaction& t) -> Outcome<Done> {
      const auto kind = [&](std::string_view name, std::string_view plural,
                            std::string_view parent) {
        return Add(
            t, "ProtectedResource", "", plural,
            fmt::format(
                R"({{"serviceRef":{{"name":"resourcemanager.miloapis.com"}},
                   "kind":"{0}","singular":"{1}","plural":"{1}",{2}
                   "permissions":["get","list","create","update","delete"]}})",
                name, plural,
                parent.empty()
                    ? ""
                    : fmt::format(
                          R"("parentResources":[{{"apiGroup":"resourcemanager.miloapis.com","kind":"{}"}}],)",
                          parent)));
      };
      PEMBA_TRY(std::ignore, kind("Organization", "organizations", ""));
      PEMBA_TRY(std::ignore, kind("Project", "projects", "Organization"));
      const auto role = [&](const std::string& name, std::string_view permissions) {
        return Add(
            t, "Role", plane_->settings().system_namespace, name,
            fmt::format(R"({{"launchStage":"Stable","includedPermissions":[{}]}})", permissions));
      };
      PEMBA_TRY(std::ignore, role("viewer", R"("resourcemanager.miloapis.com/projects.get",
          "resourcemanager.miloapis.com/projects.list","resourcemanager.miloapis.com/organizations.get")"));
      PEMBA_TRY(std::ignore, role("editor", R"("resourcemanager.miloapis.com/projects.get",
          "resourcemanager.miloapis.com/projects.update")"));
      const auto& names = plane_->settings();
      for (const auto& name :
           {names.organization_owner_role, names.project_owner_role, names.user_self_manage_role,
            names.user_preferences_role, names.membership_self_delete_role}) {
        PEMBA_TRY(std::ignore, role(name, R"("resourcemanager.miloapis.com/organizations.get")"));
      }
      return Done{};
    });
    for (std::size_t n = 0; n < users;) {
      Write("users", [&](Transaction& t) -> Outcome<Done> {
        for (const auto end = std::min(users, n + 100); n < end; ++n) {
          PEMBA_TRY(std::ignore, Add(t, "User", "", fmt::format("u{}", n),
                                     fmt::format(R"({{"email":"u{}@example.com"}})", n)));
        }
        return Done{};
      });
    }
    users_ = users;
  }

  // The requests of one organization.
  void DeclareOrganization(std::size_t n) {
    const auto name = fmt::format("org-{}", n);
    const auto place = "organization-" + name;
    const auto user = [&](std::size_t i) { return fmt::format("u{}", (n * 7 + i) % users_); };
    const auto& roles = plane_->settings().system_namespace;
    Write("organization", [&](Transaction& t) {
      return Add(t, "Organization", "", name, R"({"type":"Standard"})");
    });
    Write("members", [&](Transaction& t) -> Outcome<Done> {
      for (std::size_t i = 0; i < kMembers; ++i) {
        const auto role = i == 0 ? plane_->settings().organization_owner_role : "viewer";
        PEMBA_TRY(std::ignore,
                  Add(t, "OrganizationMembership", place, "member-" + user(i),
                      fmt::format(R"({{"organizationRef":{{"name":"{}"}},"userRef":{{"name":"{}"}},
                      "roles":[{{"name":"{}","namespace":"{}"}}]}})",
                                  name, user(i), role, roles)));
      }
      return Done{};
    });
    Write("projects", [&](Transaction& t) -> Outcome<Done> {
      for (std::size_t i = 0; i < kProjects; ++i) {
        PEMBA_TRY(
            std::ignore,
            Add(t, "Project", "", fmt::format("{}-p{}", name, i),
                fmt::format(R"({{"ownerRef":{{"kind":"Organization","name":"{}"}}}})", name)));
      }
      return Done{};
    });
    for (std::size_t half = 0; half < 2; ++half) {
      Write("bindings", [&](Transaction& t) -> Outcome<Done> {
        for (std::size_t i = half * kBindings / 2; i < (half + 1) * kBindings / 2; ++i) {
          PEMBA_TRY(std::ignore, Bind(t, place, fmt::format("b{}", i), user(i),
                                      fmt::format("{}-p{}", name, i % kProjects)));
        }
        return Done{};
      });
    }
  }
  Outcome<Done> Bind(Transaction& t, const std::string& place, const std::string& binding,
                     const std::string& user, const std::string& project) const {
    return Add(t, "PolicyBinding", place, binding,
               fmt::format(R"({{"roleRef":{{"name":"editor","namespace":"{}"}},
               "subjects":[{{"kind":"User","name":"{}","uid":"{}"}}],"resourceSelector":{{"resourceRef":
               {{"apiGroup":"resourcemanager.miloapis.com","kind":"Project","name":"{}","uid":"{}"}}}}}})",
                           plane_->settings().system_namespace, user, UidOf(t, "User", user),
                           project, UidOf(t, "Project", project)));
  }

  bool MayUpdate(const std::string& user, const std::string& project) const {
    AccessQuestion question;
    question.uid = user;
    question.permission = "resourcemanager.miloapis.com/projects.update";
    question.target.type = "resourcemanager.miloapis.com/Project";
    question.target.name = project;
    const auto decision = decider_->Decide(question, {});
    if (decision.answer == AccessDecision::Answer::kUndecided) Fail("check", decision.message);
    return decision.allowed();
  }

  // Lets somebody in and keeps them out again, in organization `n`.
  void LetInAndOut(std::size_t n, std::vector<double>& in, std::vector<double>& out) {
    const auto project = fmt::format("org-{}-p0", n);
    const auto place = fmt::format("organization-org-{}", n);
    const auto user = fmt::format("u{}", (n * 7 + users_ / 2) % users_);
    if (MayUpdate(user, project)) Fail("bench", user + " has access already");
    auto start = Steady::now();
    Write("binding", [&](Transaction& t) { return Bind(t, place, "late", user, project); });
    if (!MayUpdate(user, project)) Fail("bench", user + " is not let in");
    in.push_back(Seconds(start));
    start = Steady::now();
    Write("revocation", [&](Transaction& t) -> Outcome<Done> {
      PEMBA_TRY(std::ignore, t.Delete({&KindOf("PolicyBinding"), place, "late"}));
      return Done{};
    });
    if (MayUpdate(user, project)) Fail("bench", user + " is not kept out");
    out.push_back(Seconds(start));
  }

  // Of organization `n`: of somebody who is bound on the project, and of somebody else.
  void Decide(std::size_t n, std::vector<double>& allowed, std::vector<double>& denied) const {
    const auto project = fmt::format("org-{}-p{}", n, n % kProjects);
    const auto bound = fmt::format("u{}", (n * 7 + n % kProjects) % users_);
    const auto other = fmt::format("u{}", (n * 7 + users_ / 2) % users_);
    auto start = Steady::now();
    if (!MayUpdate(bound, project)) Fail("bench", bound + " has no access");
    allowed.push_back(Seconds(start));
    start = Steady::now();
    if (MayUpdate(other, project)) Fail("bench", other + " has access");
    denied.push_back(Seconds(start));
  }

  std::size_t Objects() const {
    std::size_t count = 0;
    for (const auto& kind : registry_.kinds()) {
      std::string token;
      do {
        const auto page = plane_->resources().List(
            {.kind = kind.get(), .count_max = 1000, .continue_token = token});
        if (!page.ok()) Fail("list", page.error().message);
        count += page->objects.size();
        token = page->continue_token;
      } while (!token.empty());
    }
    return count;
  }
  std::size_t Tuples() const {
    std::size_t count = 0;
    (void)provider_->ReadTuples([&](const tuple::Tuple&) -> Status {
      ++count;
      return Done{};
    });
    return count;
  }

 private:
  std::unique_ptr<storage::Datastore> datastore_;
  store::Stores stores_;
  resource::Registry registry_;
  std::optional<store::StoreHandle> store_;
  resource::Caller caller_;
  std::unique_ptr<ControlPlane> plane_;
  std::unique_ptr<provider::Embedded> provider_;
  std::optional<Decider> decider_;
  std::size_t users_ = 0;
};

int Main(std::size_t organizations, std::size_t clients) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const TemporaryDirectory directory;
  World world(directory.path());
  const double before = ResidentMegabytes();

  auto start = Steady::now();
  world.DeclarePlatform(std::max<std::size_t>(organizations, 200));
  fmt::print("{:<34} {:.1f} s\n", "users and platform declared in", Seconds(start));
  start = Steady::now();
  const double cpu = CpuSeconds();
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < clients; ++i) {
    threads.emplace_back([&] {
      for (auto n = next++; n < organizations; n = next++) world.DeclareOrganization(n);
    });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = Seconds(start), cpu_seconds = CpuSeconds() - cpu;
  const auto objects = world.Objects();
  fmt::print("{:<34} {:.1f} s, {:.0f} organizations a second\n", "organizations converged in",
             seconds, static_cast<double>(organizations) / seconds);
  fmt::print("{:<34} {}, {:.0f} a second\n", "objects", objects,
             static_cast<double>(objects) / seconds);
  fmt::print("{:<34} {:.0f} us an object\n", "CPU of all threads",
             cpu_seconds * 1e6 / static_cast<double>(objects));
  fmt::print("{:<34} {}\n", "tuples", world.Tuples());
  const double memory = ResidentMegabytes() - before;
  fmt::print("{:<34} {:.0f} MB, {:.0f} bytes an object\n", "memory", memory,
             memory * 1e6 / static_cast<double>(objects));

  std::vector<double> in, out;
  for (std::size_t i = 0; i < kRounds; ++i) {
    world.LetInAndOut(i * 7919 % organizations, in, out);
  }
  PrintLatencies("binding until allowed", in);
  PrintLatencies("revocation until denied", out);

  std::vector<double> allowed, denied;
  for (std::size_t i = 0; i < kDecisions; ++i) {
    world.Decide(i * 7919 % organizations, allowed, denied);
  }
  PrintLatencies("decision, allowed", allowed);
  PrintLatencies("decision, denied", denied);

  world.Close();
  start = Steady::now();
  world.Open();
  fmt::print("{:<34} {:.1f} s\n", "start", Seconds(start));
  world.Close();
  ControlPlaneOptions another;
  another.program = "another";
  start = Steady::now();
  world.Open(std::move(another));
  fmt::print("{:<34} {:.1f} s\n", "start of another program", Seconds(start));
  return 0;
}

}  // namespace
}  // namespace pemba::iam

int main(int argc, char** argv) {
  const auto number = [&](int at, std::size_t otherwise) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  return pemba::iam::Main(std::max<std::size_t>(number(1, 1000), 1),
                          std::max<std::size_t>(number(2, 8), 1));
}
