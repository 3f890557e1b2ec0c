// Three servers on one PostgreSQL, while everything that can fail does: servers are killed, paused
// and cut off, the database loses its connections, hangs, crashes and is restarted. Clients keep a
// history of what they were told (nodes_fixture.h).
//
// TEST_NODES_SECONDS makes it longer, TEST_NODES_SEED another.
#include <chrono>
#include <csignal>
#include <random>
#include <string>
#include <thread>

#include <boost/json/array.hpp>
#include <gtest/gtest.h>

#include "nodes_fixture.h"

namespace pemba::e2e {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// The judge is judged.
TEST(History, FindsWhatCannotBe) {
  History history;
  history.Acknowledge("document:1", 5);
  history.See(1, 5, true, false);
  history.See(1, 6, false, true);
  history.Expect(true, "well");
  EXPECT_TRUE(history.violations().empty());
  history.Acknowledge("document:2", 5);  // A revision for two writes.
  history.See(1, 7, true, true);         // A mixture,
  history.See(1, 8, false, false);       // and another.
  history.See(1, 5, false, true);        // Another server shows the revision otherwise.
  history.Expect(false, "lost");
  EXPECT_EQ(history.violations().size(), 5u);
}

class Nodes : public NodesTest {
 protected:
  void Fail(std::mt19937& random) {
    const int node = static_cast<int>(random() % kNodes);
    const auto a_while = milliseconds(300 + random() % 1200);
    switch (random() % 6) {
      case 0:
        ++faults_["a server is killed"];
        KillNode(node);
        break;
      case 1:
        ++faults_["a server is paused"];
        PauseNode(node, a_while);
        break;
      case 2:
        ++faults_["a server's connections are closed"];
        for (const int pid : BackendsOf(node)) kill(pid, SIGTERM);
        break;
      case 3: {
        ++faults_["a server's connections hang"];
        const auto backends = BackendsOf(node);
        for (const int pid : backends) kill(pid, SIGSTOP);
        std::this_thread::sleep_for(a_while);
        for (const int pid : backends) kill(pid, SIGCONT);
        break;
      }
      case 4:
        ++faults_["the database crashes"];
        database_->StopNow(PostgresServer::Stop::kCrash);
        std::this_thread::sleep_for(milliseconds(200));
        ASSERT_TRUE(database_->StartAgain().ok());
        break;
      default:
        ++faults_["the database is restarted"];
        database_->StopNow(PostgresServer::Stop::kFast);
        std::this_thread::sleep_for(milliseconds(200));
        ASSERT_TRUE(database_->StartAgain().ok());
    }
  }
};

TEST_F(Nodes, AreOneStoreWhateverFails) {
  const auto seed = static_cast<unsigned>(FromEnvironment("TEST_NODES_SEED", 20260501));
  const seconds duration(FromEnvironment("TEST_NODES_SECONDS", 20));
  for (int node = 0; node < kNodes; ++node) StartNode(node);
  CreateStore();
  if (HasFailure()) return;
  StartClients(seed);
  std::mt19937 random(seed);
  for (const auto end = steady_clock::now() + duration;
       steady_clock::now() < end && !HasFatalFailure();) {
    std::this_thread::sleep_for(milliseconds(300 + random() % 700));
    Fail(random);
  }
  StopClients();
  if (HasFatalFailure()) return;
  ExpectEverythingEverywhere();
  Conclude();
}

// The database is gone: what is known is answered, with its age; what must be newer, and writes,
// fail and say why; and everything is well again when it is back.
TEST_F(Nodes, AnswerFromWhatTheyKnowWhileTheDatabaseIsGone) {
  StartNode(0);
  CreateStore();
  if (HasFailure()) return;
  Client client;
  const json::object question{{"tuple_key", Key("user:x", Side(0, true))}};
  ASSERT_TRUE(client.Post(Url(0, "check"), question).allowed());

  database_->StopNow(PostgresServer::Stop::kFast);
  EXPECT_TRUE(client.Post(Url(0, "check"), question).allowed());
  auto newest = question;
  newest["consistency"] = "HIGHER_CONSISTENCY";
  EXPECT_TRUE(client.Post(Url(0, "check"), newest).unavailable());
  EXPECT_TRUE(client.Post(Url(0, "write"), {{"writes", Writes(Key("user:x", "document:n"))}})
                  .unavailable());
  std::this_thread::sleep_for(seconds(4));
  const auto old = client.Post(Url(0, "check"), question);
  EXPECT_TRUE(old.allowed());
  EXPECT_GE(old.staleness, 3u);

  ASSERT_TRUE(database_->StartAgain().ok());
  EXPECT_TRUE(client.Post(Url(0, "check"), newest).allowed());
  EXPECT_TRUE(client.Post(Url(0, "write"), {{"writes", Writes(Key("user:x", "document:n"))}}).ok());
}

// What is declared at one server is there at once at every other one, and no name is taken twice.
TEST_F(Nodes, DeclareTheSameObjects) {
  more_flags_ = {"--resource-kinds", PEMBA_SOURCE_DIR "/tests/kubectl/kinds"};
  for (int node = 0; node < kNodes; ++node) StartNode(node);
  Client client;
  const auto path = [&](int node, const std::string& name = "") {
    return ServerUrl(node) + "/api/v1/namespaces" + name;
  };
  for (int i = 0; i < 30; ++i) {
    const auto name = "n" + std::to_string(i);
    const json::object wanted{
        {"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", json::object{{"name", name}}}};
    ASSERT_EQ(client.Post(path(i % kNodes), wanted).status, 201);
    const auto seen = client.Get(path((i + 1) % kNodes, "/" + name));
    ASSERT_EQ(seen.status, 200);
    EXPECT_EQ(seen.body.at("metadata").at("name").as_string(), name);
    EXPECT_EQ(client.Post(path((i + 2) % kNodes), wanted).status, 409);
  }
  const auto all = client.Get(path(0));
  ASSERT_EQ(all.status, 200);
  EXPECT_EQ(all.body.at("items").as_array().size(), 31u);  // And `default`.
}

}  // namespace
}  // namespace pemba::e2e
