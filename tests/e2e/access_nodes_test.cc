// Declared access on three servers of one PostgreSQL, while servers are killed and paused.
//
// Clients grant and revoke on one server and ask another one, at the revision that they were told:
// what was granted is allowed there, what was revoked is denied, whether it was a binding, a role's
// permission or an account. Others do on two servers at once what only one of them may: remove the
// last owner, take an address.
//
// Clients do so many rounds each, however long that takes; PEMBA_NODES_ROUNDS makes it longer,
// PEMBA_NODES_SEED another.
#include <atomic>
#include <chrono>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nodes_fixture.h"

namespace pemba::e2e {
namespace {

using std::chrono::milliseconds;

constexpr int kGranters = 2;
constexpr const char* kIam = "/apis/iam.miloapis.com/v1alpha1/";
constexpr const char* kManager = "/apis/resourcemanager.miloapis.com/v1alpha1/";
constexpr const char* kPatch = "application/merge-patch+json";

json::object Parse(const std::string& text) { return json::parse(text).as_object(); }

// Whether it was done or refused; everything else may have happened or not.
bool Known(const Answer& answer) { return answer.status >= 200 && answer.status < 500; }

class AccessNodes : public NodesTest {
 protected:
  void SetUp() override {
    NodesTest::SetUp();
    if (IsSkipped()) return;
    more_flags_ = {"--iam-enabled"};
    for (int node = 0; node < kNodes; ++node) StartNode(node);
    Declare();
  }

  static std::string Object(const std::string& kind, const std::string& name,
                            const std::string& spec) {
    const bool manager = kind.starts_with("Organization") || kind == "Project";
    return fmt::format(
        R"({{"apiVersion":"{}.miloapis.com/v1alpha1","kind":"{}","metadata":{{"name":"{}"}},
             "spec":{}}})",
        manager ? "resourcemanager" : "iam", kind, name, spec);
  }
  void Make(const std::string& path, const std::string& kind, const std::string& name,
            const std::string& spec) {
    Client client;
    const auto made = client.Post(ServerUrl(0) + path, Parse(Object(kind, name, spec)));
    ASSERT_TRUE(made.ok()) << path << " " << name << ": " << json::serialize(made.body);
  }

  void Register(const std::string& service, const std::string& kind, const std::string& plural,
                const std::string& parents) {
    Make(kIam + std::string("protectedresources"), "ProtectedResource", plural + "." + service,
         fmt::format(R"({{"serviceRef":{{"name":"{}"}},"kind":"{}","singular":"{}","plural":"{}",
             "permissions":["get","list","lend"],"parentResources":[{}]}})",
                     service, kind, plural + "x", plural, parents));
  }

  void Declare() {
    Register("resourcemanager.miloapis.com", "Organization", "organizations", "");
    Register("resourcemanager.miloapis.com", "Project", "projects",
             R"({"apiGroup":"resourcemanager.miloapis.com","kind":"Organization"})");
    Register("library.example.org", "Book", "books",
             R"({"apiGroup":"resourcemanager.miloapis.com","kind":"Project"})");
    const std::string roles = kIam + std::string("namespaces/milo-system/roles");
    Make(roles, "Role", "librarian",
         R"({"launchStage":"Beta","includedPermissions":["library.example.org/books.lend"]})");
    Make(roles, "Role", "changing",
         R"({"launchStage":"Beta","includedPermissions":["library.example.org/books.get"]})");
    Make(roles, "Role", "resourcemanager.miloapis.com-organizationowner",
         R"({"launchStage":"Beta"})");
    Make(kManager + std::string("organizations"), "Organization", "northwind",
         R"({"type":"Standard"})");
    Make(kManager + std::string("projects"), "Project", "archive",
         R"({"ownerRef":{"kind":"Organization","name":"northwind"}})");
    for (int i = 0; i < kGranters; ++i) MakeUser(fmt::format("u{}", i));
    for (const char* const user : {"reader", "left", "right"}) MakeUser(user);
    Make(kBindings, "PolicyBinding", "of-reader", Binding("changing", "reader"));
    for (const char* const owner : {"left", "right"}) {
      Make(kMemberships, "OrganizationMembership", owner, Membership(owner));
    }
  }
  void MakeUser(const std::string& name) {
    Make(kIam + std::string("users"), "User", name,
         fmt::format(R"({{"email":"{}@example.org"}})", name));
  }

  static std::string Binding(const std::string& role, const std::string& user) {
    return fmt::format(R"({{"roleRef":{{"name":"{}","namespace":"milo-system"}},
        "subjects":[{{"kind":"User","name":"{}"}}],"resourceSelector":{{"resourceRef":{{
        "apiGroup":"resourcemanager.miloapis.com","kind":"Project","name":"archive"}}}}}})",
                       role, user);
  }
  static std::string Membership(const std::string& user) {
    return fmt::format(R"({{"organizationRef":{{"name":"northwind"}},"userRef":{{"name":"{}"}},
        "roles":[{{"name":"resourcemanager.miloapis.com-organizationowner",
                   "namespace":"milo-system"}}]}})",
                       user);
  }

  // Sends it to any server, again and again, until one says what became of it.
  Answer Insist(Client& client, std::mt19937& random, const char* method, const std::string& path,
                const std::string& body, const char* type = "application/json") {
    while (true) {
      const auto answer =
          client.Send(method, ServerUrl(static_cast<int>(random() % kNodes)) + path, body, type);
      // Of what is there already, it may be this request that made it. Nothing else is a conflict,
      // however busy the servers are: no request names a version.
      if (Known(answer)) {
        history_.Expect(answer.status != 409 || std::string_view(method) == "POST",
                        "a conflict: " + json::serialize(answer.body));
        return answer;
      }
      history_.Unknown();
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  // A revision at which everything is that was acknowledged so far.
  std::uint64_t Now(Client& client, std::mt19937& random) {
    const auto list = Insist(client, random, "GET", kIam + std::string("users?limit=1"), "");
    return std::stoull(std::string(list.body.at("metadata").at("resourceVersion").as_string()));
  }

  // What any server that can says at that revision.
  void ExpectAccess(Client& client, std::mt19937& random, const std::string& user,
                    const std::string& action, std::uint64_t revision, bool wanted,
                    const std::string& after) {
    const auto body = Parse(fmt::format(
        R"({{"principal":"{}","permission":"library.example.org/books.{}","resource":{{
            "api_group":"resourcemanager.miloapis.com","kind":"Project","name":"archive"}}}})",
        user, action));
    while (true) {
      const auto answer = client.Post(
          ServerUrl(static_cast<int>(random() % kNodes)) + "/iam/v1/check-access", body, revision);
      if (answer.ok() && answer.body.as_object().contains("allowed")) {
        const bool allowed = answer.body.at("allowed").as_bool();
        history_.Expect(allowed == wanted,
                        fmt::format("{} {} at {} after {}: {}", user, action, revision, after,
                                    json::serialize(answer.body)));
        return;
      }
      if (answer.ok() && answer.body.as_object().contains("reason") &&
          answer.body.at("reason").as_string().starts_with("no_grant")) {
        history_.Expect(!wanted,
                        fmt::format("{} {} at {} after {}: denied", user, action, revision, after));
        return;
      }
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  void Grant(int granter, unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    const auto user = fmt::format("u{}", granter);
    const auto name = "of-" + user;
    const auto body = Object("PolicyBinding", name, Binding("librarian", user));
    for (int round = 0; round < rounds_; ++round) {
      const auto made = Insist(client, random, "POST", kBindings, body);
      history_.Expect(made.ok() || made.status == 409, "a binding: " + json::serialize(made.body));
      const auto granted =
          made.ok()
              ? std::stoull(std::string(made.body.at("metadata").at("resourceVersion").as_string()))
              : Now(client, random);
      ExpectAccess(client, random, user, "lend", granted, true, "it was bound");
      const auto gone = Insist(client, random, "DELETE", kBindings + ("/" + name), "");
      history_.Expect(gone.ok() || gone.status == 404, "a deletion: " + json::serialize(gone.body));
      ExpectAccess(client, random, user, "lend", Now(client, random), false, "its binding went");
      ++done_;
    }
  }

  // What a role has is a matter of the model alone.
  void ChangeRole(unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    for (int round = 0; round < rounds_; ++round) {
      const bool with = round % 2 == 1;
      const auto patch = fmt::format(R"({{"spec":{{"includedPermissions":[{}]}}}})",
                                     with ? R"("library.example.org/books.get")" : "");
      const auto path = kIam + std::string("namespaces/milo-system/roles/changing");
      const auto changed = Insist(client, random, "PATCH", path, patch, kPatch);
      history_.Expect(changed.ok(), "a role: " + json::serialize(changed.body));
      ExpectAccess(client, random, "reader", "get", Now(client, random), with, "its role changed");
      ++done_;
    }
  }

  // Both at once; what each was told.
  std::pair<Answer, Answer> Duel(std::mt19937& random, const char* method, const std::string& path,
                                 const std::string& other_path, const std::string& body,
                                 const std::string& other_body) {
    const auto node = random() % kNodes, other = (node + 1 + random() % (kNodes - 1)) % kNodes;
    std::pair<Answer, Answer> told;
    std::thread thread([&] {
      Client client;
      told.second =
          client.Send(method, ServerUrl(static_cast<int>(other)) + other_path, other_body);
    });
    Client client;
    told.first = client.Send(method, ServerUrl(static_cast<int>(node)) + path, body);
    thread.join();
    return told;
  }

  // Two owners go at the same time: one stays.
  void RemoveOwners(unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    for (int round = 0; round < rounds_; ++round) {
      const auto [one, other] = Duel(random, "DELETE", kMemberships + std::string("/left"),
                                     kMemberships + std::string("/right"), "", "");
      history_.Expect(!(one.ok() && other.ok()), "both owners could go");
      const auto list = Insist(client, random, "GET", kMemberships, "");
      history_.Expect(!list.body.at("items").as_array().empty(), "no owner is left");
      for (const char* const owner : {"left", "right"}) {
        const auto back = Insist(client, random, "POST", kMemberships,
                                 Object("OrganizationMembership", owner, Membership(owner)));
        history_.Expect(back.ok() || back.status == 409, "an owner: " + json::serialize(back.body));
      }
      ++done_;
    }
  }

  // Two users want one address.
  void TakeAddresses(unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    const std::string users = kIam + std::string("users");
    for (int round = 0; round < rounds_; ++round) {
      const auto body = [&](const char* who) {
        return Object("User", fmt::format("{}-{}", who, round),
                      fmt::format(R"({{"email":"same-{}@example.org"}})", round));
      };
      const auto [one, other] = Duel(random, "POST", users, users, body("a"), body("b"));
      history_.Expect(!(one.ok() && other.ok()), "an address is two users'");
      int there = 0;
      for (const char* const who : {"a", "b"}) {
        const auto found =
            Insist(client, random, "GET", users + fmt::format("/{}-{}", who, round), "");
        there += found.ok() ? 1 : 0;
        const auto& told = *who == 'a' ? one : other;
        history_.Expect(!told.ok() || found.ok(), "a user that was acknowledged is not there");
      }
      history_.Expect(there <= 1, "an address is two users' in the end");
      ++done_;
    }
  }

  static inline const std::string kBindings =
      kIam + std::string("namespaces/organization-northwind/policybindings");
  static inline const std::string kMemberships =
      kManager + std::string("namespaces/organization-northwind/organizationmemberships");
  const int rounds_ = FromEnvironment("PEMBA_NODES_ROUNDS", 12);
  std::atomic<int> done_{0};
};

TEST_F(AccessNodes, NobodyHasWhatWasRevokedWhateverServersFail) {
  const auto seed = static_cast<unsigned>(FromEnvironment("PEMBA_NODES_SEED", 1));
  std::vector<std::thread> clients;
  for (int i = 0; i < kGranters; ++i) clients.emplace_back([=, this] { Grant(i, seed + 10 + i); });
  clients.emplace_back([=, this] { ChangeRole(seed + 20); });
  clients.emplace_back([=, this] { RemoveOwners(seed + 30); });
  clients.emplace_back([=, this] { TakeAddresses(seed + 40); });
  const int all = static_cast<int>(clients.size()) * rounds_;
  std::thread faults([&] {
    std::mt19937 random(seed);
    // One after so many rounds of all clients together.
    for (int next = all / 8; next < all; next += all / 8) {
      while (done_ < next && done_ < all) std::this_thread::sleep_for(milliseconds(5));
      const int node = static_cast<int>(random() % kNodes);
      if (random() % 2 == 0) {
        ++faults_["a server is killed"];
        KillNode(node);
      } else {
        ++faults_["a server is paused"];
        PauseNode(node, milliseconds(500 + random() % 1500));
      }
    }
  });
  for (auto& client : clients) client.join();
  faults.join();
  for (const auto& [what, times] : faults_) std::printf("%s: %d\n", what.c_str(), times);
  std::printf("%d rounds, %d answers looked at, %d outcomes unknown\n", done_.load(),
              history_.checks(), history_.unknown());
  EXPECT_GE(history_.checks(), all);
  for (const auto& violation : history_.violations()) ADD_FAILURE() << violation;
}

}  // namespace
}  // namespace pemba::e2e
