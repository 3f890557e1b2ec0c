// Three servers on a primary and its streaming replica, while either of them fails: the replica
// falls behind, hangs, crashes; the primary crashes, hangs, and is replaced by the replica. The
// replica is a synchronous one, so nothing that was acknowledged may be lost, whatever happens.
//
// TEST_NODES_SECONDS makes it longer, TEST_NODES_SEED another.
#include <chrono>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "nodes_fixture.h"

namespace pemba::e2e {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class ReplicatedNodes : public NodesTest {
 protected:
  static std::string Host(const PostgresServer& server) {
    return "127.0.0.1:" + std::to_string(server.port());
  }

  // Gives the primary a replica without which it commits nothing, and nodes that start their
  // addresses: whichever of the two takes writes is the primary.
  void AddReplica() {
    auto replica = database_->MakeReplica();
    ASSERT_TRUE(replica.ok()) << replica.error().message;
    replica_ = *std::move(replica);
    database_->Sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
    database_->Sql("postgres", "SELECT pg_reload_conf()");
    uri_ = "postgres://postgres@" + Host(*database_) + "," + Host(*replica_) + "/" + name_ +
           "?target_session_attrs=read-write";
    secondary_uri_ = replica_->Uri(name_);
    ASSERT_TRUE(ReplicaHasEverything());
  }

  // What the primary shows, the replica has: what was committed while it was away, too.
  bool ReplicaHasEverything() {
    const auto written = database_->Sql("postgres", "SELECT pg_current_wal_flush_lsn()");
    for (const auto give_up = steady_clock::now() + seconds(20); steady_clock::now() < give_up;) {
      if (database_->Sql("postgres",
                         "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' "
                         "AND flush_lsn >= '" +
                             written + "'") == "1") {
        return true;
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
  }

  // The replica becomes the primary and gets a replica of its own. Until the servers are started
  // again, one by one, they find the new primary under its old address.
  void Replace(bool hangs) {
    ASSERT_TRUE(ReplicaHasEverything());
    if (hangs) {
      ++faults_["the primary hangs and is replaced"];
      database_->Pause();
    } else {
      ++faults_["the primary is lost and replaced"];
      database_->StopNow(PostgresServer::Stop::kCrash);
    }
    ASSERT_EQ(replica_->Sql("postgres", "SELECT pg_promote()"), "t");
    if (hangs) database_->StopNow(PostgresServer::Stop::kCrash);
    database_ = std::move(replica_);
    AddReplica();
    if (HasFatalFailure()) return;
    for (int node = 0; node < kNodes; ++node) KillNode(node);
  }

  void Fail(std::mt19937& random) {
    const int node = static_cast<int>(random() % kNodes);
    const auto a_while = milliseconds(300 + random() % 1200);
    switch (random() % 7) {
      case 0:
      case 1:
        ++faults_["a server is killed"];
        KillNode(node);
        break;
      case 2:
        ++faults_["a server is paused"];
        PauseNode(node, a_while);
        break;
      case 3:
        // Servers that start meanwhile read an old state there, and the rest from the primary.
        ++faults_["the replica falls behind, and a server starts"];
        replica_->Sql("postgres", "SELECT pg_wal_replay_pause()");
        std::this_thread::sleep_for(a_while);
        KillNode(node);
        replica_->Sql("postgres", "SELECT pg_wal_replay_resume()");
        break;
      case 4:
        ++faults_["the replica hangs, and a server starts"];
        replica_->Pause();
        KillNode(node);
        replica_->Resume();
        break;
      case 5:
        ++faults_["the replica crashes"];
        replica_->StopNow(PostgresServer::Stop::kCrash);
        std::this_thread::sleep_for(a_while);
        ASSERT_TRUE(replica_->StartAgain().ok());
        break;
      default:
        ++faults_["the primary crashes"];
        database_->StopNow(PostgresServer::Stop::kCrash);
        std::this_thread::sleep_for(milliseconds(200));
        ASSERT_TRUE(database_->StartAgain().ok());
    }
  }
};

TEST_F(ReplicatedNodes, LoseNothingWhicheverDatabaseFails) {
  const auto seed = static_cast<unsigned>(FromEnvironment("TEST_NODES_SEED", 20260502));
  const seconds duration(FromEnvironment("TEST_NODES_SECONDS", 25));
  AddReplica();
  if (HasFatalFailure()) return;
  for (int node = 0; node < kNodes; ++node) StartNode(node);
  CreateStore();
  if (HasFailure()) return;
  StartClients(seed);
  std::mt19937 random(seed);
  bool hangs = false;
  const auto begin = steady_clock::now();
  // The primary is replaced after a third of the time, and again.
  for (auto replace_at = begin + duration / 3;
       steady_clock::now() < begin + duration && !HasFatalFailure();) {
    std::this_thread::sleep_for(milliseconds(300 + random() % 700));
    if (steady_clock::now() < replace_at) {
      Fail(random);
    } else {
      Replace(hangs);
      hangs = !hangs;
      replace_at = steady_clock::now() + std::min<seconds>(duration / 3, seconds(15));
    }
  }
  StopClients();
  if (HasFatalFailure()) return;
  ASSERT_TRUE(ReplicaHasEverything());
  ExpectEverythingEverywhere();
  Conclude();
}

// A server on a primary with a replica that is far behind knows everything all the same.
TEST_F(ReplicatedNodes, ReadALaggingReplicaAndKnowEverything) {
  StartNode(0);
  CreateStore();
  if (HasFailure()) return;
  auto replica = database_->MakeReplica();
  ASSERT_TRUE(replica.ok()) << replica.error().message;
  replica_ = *std::move(replica);
  secondary_uri_ = replica_->Uri(name_);
  replica_->Sql("postgres", "SELECT pg_wal_replay_pause()");
  Client client;
  for (int i = 0; i < 20; ++i) {
    const auto object = "document:late-" + std::to_string(i);
    ASSERT_TRUE(client.Post(Url(0, "write"), {{"writes", Writes(Key("user:x", object))}}).ok());
  }
  StartNode(1);
  const json::object question{{"tuple_key", Key("user:x", "document:late-19")}};
  EXPECT_TRUE(client.Post(Url(1, "check"), question).allowed());
}

}  // namespace
}  // namespace pemba::e2e
