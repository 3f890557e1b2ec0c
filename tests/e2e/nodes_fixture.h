// Several servers on one PostgreSQL, clients that use them while things fail, and the history of
// what the clients were told, which must be one that a single store could have made:
//
//   - a write that was acknowledged is seen by every consistent check after it, on every server;
//   - every committed write has a revision of its own;
//   - who carries a revision to another server is answered from that revision or a later one;
//   - an answer is from one revision: two tuples of which always exactly one exists are never both
//     there or both missing, and what a revision shows is the same on every server.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <curl/curl.h>
#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/testing/postgres_server.h"
#include "server_process.h"

namespace pemba::e2e {

namespace json = boost::json;
using storage::testing::PostgresServer;

// A number of the environment.
int FromEnvironment(const char* name, int fallback);

// What a client was told. Status 0: nothing.
struct Answer {
  long status = 0;
  json::value body;
  std::uint64_t revision = 0;   // Of the headers; 0: they were not there.
  std::uint64_t staleness = 0;  // In seconds.
  bool ok() const { return status >= 200 && status < 300; }
  bool unavailable() const;
  bool allowed() const { return ok() && body.at("allowed").as_bool(); }
};

class Client {
 public:
  Client();
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Answer Post(const std::string& url, const json::object& body, std::uint64_t at_least = 0);
  Answer Get(const std::string& url);
  // By any method; an empty body is none.
  Answer Send(const char* method, const std::string& url, const std::string& body,
              const char* type = "application/json");
  std::string Text(const std::string& url);  // What is there, as it is.

 private:
  Answer Perform(const std::string& url, std::string& received);

  CURL* const curl_;
};

// What the clients were told, and what cannot be. Thread-safe.
class History {
 public:
  void Acknowledge(const std::string& object, std::uint64_t revision);
  // Which tuple of the pair there is at that revision.
  void See(int pair, std::uint64_t revision, bool left, bool right);
  void Expect(bool holds, const std::string& what);
  void Unknown() { ++unknown_; }

  std::vector<std::string> acknowledged() const { return acknowledged_; }
  int writes() const { return writes_; }
  int checks() const { return checks_; }
  int unknown() const { return unknown_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void Violation(const std::string& what) { violations_.push_back(what); }

  std::mutex mutex_;
  std::vector<std::string> acknowledged_;
  std::set<std::uint64_t> revisions_;
  std::map<std::pair<int, std::uint64_t>, bool> seen_;
  std::vector<std::string> violations_;
  int writes_ = 0;
  int checks_ = 0;
  std::atomic<int> unknown_{0};
};

json::object Key(const std::string& user, const std::string& object);  // Of a viewer.
json::object Writes(const json::object& key);
std::string Side(int pair, bool left);  // An object of the pair.

class NodesTest : public ::testing::Test {
 protected:
  static constexpr int kNodes = 3;

  void SetUp() override;

  // Starts a server, in the place of the one of that number.
  void StartNode(int node);
  std::string Url(int node, const std::string& call);  // Of the store.
  std::string ServerUrl(int node);
  // Through the first server. One tuple of each pair is there.
  void CreateStore();

  // Clients that write, move and read until they are stopped.
  void StartClients(unsigned seed);
  void StopClients();
  // Every server, asked for the newest, has everything that was acknowledged.
  void ExpectEverythingEverywhere();
  // Prints what happened; fails for every violation, and if next to nothing happened.
  void Conclude();

  // Faults that need nothing but the servers.
  void KillNode(int node);
  void PauseNode(int node, std::chrono::milliseconds a_while);
  std::vector<int> BackendsOf(int node);  // Processes of the database.

  const TemporaryDirectory directory_;
  std::unique_ptr<PostgresServer> database_, replica_;
  std::string name_, store_;
  // Of the database, and of its replica; empty: none. Nodes that start take them.
  std::string uri_, secondary_uri_;
  std::vector<std::string> more_flags_;  // Of nodes that start.
  std::unique_ptr<ServerProcess> nodes_[kNodes];
  History history_;
  std::map<std::string, int> faults_;

 private:
  // Writes documents, and looks for each at once on another server.
  void Write(int writer, unsigned seed);
  // Moves the one tuple of a pair to its other side. Several do so with the same pairs.
  void Move(unsigned seed);
  // Looks at pairs on any server, sometimes carrying what it has seen.
  void Read(unsigned seed);

  std::mutex urls_mutex_;
  std::string urls_[kNodes];
  std::vector<std::thread> clients_;
  std::atomic<bool> stop_{false};
};

}  // namespace pemba::e2e
