// Three servers on one PostgreSQL, while everything that can fail does: servers are killed, paused
// and cut off, the database loses its connections, hangs, crashes and is restarted. Clients keep a
// history of what they were told, and the history must be one that a single store could have made:
//
//   - a write that was acknowledged is seen by every consistent check after it, on every server;
//   - every committed write has a revision of its own;
//   - who carries a revision to another server is answered from that revision or a later one;
//   - an answer is from one revision: two tuples of which always exactly one exists are never both
//     there or both missing, and what a revision shows is the same on every server.
//
// PEMBA_NODES_SECONDS makes it longer, PEMBA_NODES_SEED another.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using storage::testing::PostgresServer;

constexpr int kNodes = 3;
constexpr int kWriters = 3;
constexpr int kMovers = 3;
constexpr int kReaders = 2;
constexpr int kPairs = 4;

int FromEnvironment(const char* name, int fallback) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes it.
  return text == nullptr ? fallback : std::atoi(text);
}

// What a client was told. Status 0: nothing.
struct Answer {
  long status = 0;
  json::value body;
  std::uint64_t revision = 0;   // Of the headers; 0: they were not there.
  std::uint64_t staleness = 0;  // In seconds.
  bool ok() const { return status >= 200 && status < 300; }
  bool unavailable() const {
    const auto* object = body.if_object();
    return status >= 500 && object != nullptr && object->contains("code") &&
           object->at("code") == "unavailable";
  }
  bool allowed() const { return ok() && body.at("allowed").as_bool(); }
};

class Client {
 public:
  Client() { curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, 8000L); }
  ~Client() { curl_easy_cleanup(curl_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Answer Post(const std::string& url, const json::object& body, std::uint64_t at_least = 0) {
    Answer answer;
    std::string received;
    const auto sent = json::serialize(body);
    curl_slist* headers = curl_slist_append(nullptr, "content-type: application/json");
    if (at_least > 0) {
      headers = curl_slist_append(headers,
                                  ("pemba-at-least-revision: " + std::to_string(at_least)).c_str());
    }
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, sent.c_str());
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &Append);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &received);
    curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, &TakeHeader);
    curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &answer);
    if (curl_easy_perform(curl_) == CURLE_OK) {
      curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer.status);
      json::error_code error;
      answer.body = json::parse(received, error);
    }
    curl_slist_free_all(headers);
    return answer;
  }

 private:
  static std::size_t Append(char* data, std::size_t, std::size_t size, void* to) {
    static_cast<std::string*>(to)->append(data, size);
    return size;
  }
  static std::size_t TakeHeader(char* data, std::size_t, std::size_t size, void* to) {
    auto& answer = *static_cast<Answer*>(to);
    const std::string line(data, size);
    const auto take = [&](std::string_view name, std::uint64_t& value) {
      if (curl_strnequal(line.c_str(), name.data(), name.size()) == 0) return;
      value = std::strtoull(line.c_str() + name.size(), nullptr, 10);
    };
    take("pemba-revision: ", answer.revision);
    take("pemba-staleness: ", answer.staleness);
    return size;
  }

  CURL* const curl_ = curl_easy_init();
};

// What the clients were told, and what cannot be.
class History {
 public:
  void Acknowledge(const std::string& object, std::uint64_t revision) {
    const std::lock_guard lock(mutex_);
    if (!object.empty()) acknowledged_.push_back(object);
    ++writes_;
    if (!revisions_.insert(revision).second) {
      Violation("two writes have revision " + std::to_string(revision));
    }
  }
  // Which tuple of the pair there is at that revision.
  void See(int pair, std::uint64_t revision, bool left, bool right) {
    const std::lock_guard lock(mutex_);
    ++checks_;
    if (left == right) {
      Violation("pair " + std::to_string(pair) + " at revision " + std::to_string(revision) +
                (left ? ": both" : ": none"));
    }
    const auto [seen, fresh] = seen_.try_emplace({pair, revision}, left);
    if (!fresh && seen->second != left) {
      Violation("revision " + std::to_string(revision) + " shows two states of pair " +
                std::to_string(pair));
    }
  }
  void Expect(bool holds, const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++checks_;
    if (!holds) Violation(what);
  }
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

json::object Key(const std::string& user, const std::string& object) {
  return {{"user", user}, {"relation", "viewer"}, {"object", object}};
}

json::object Writes(const json::object& key) { return {{"tuple_keys", json::array{key}}}; }

std::string Side(int pair, bool left) {
  return "document:pair-" + std::to_string(pair) + (left ? "-left" : "-right");
}

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

class Nodes : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    auto started = PostgresServer::Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    database_ = *std::move(started);
    name_ = database_->CreateDatabase();
    storage::PostgresOptions options;
    options.primary.uri = database_->Uri(name_);
    ASSERT_TRUE(storage::MigratePostgres(options, storage::Migrate::kYes).ok());
  }

  void StartNode(int node) {
    std::vector<std::string> flags = {
        "--datastore-engine",
        "postgres",
        "--datastore-uri",
        database_->Uri(name_) + "?application_name=node" + std::to_string(node),
        "--log-level",
        "warn"};
    if (replica_) {
      flags.insert(flags.end(), {"--datastore-secondary-uri", replica_->Uri(name_)});
    }
    auto process =
        std::make_unique<ServerProcess>(directory_.path() / ("node" + std::to_string(node)), flags);
    const std::lock_guard lock(urls_mutex_);
    urls_[node] = process->url();
    nodes_[node] = std::move(process);
  }

  std::string Url(int node, const std::string& call) {
    const std::lock_guard lock(urls_mutex_);
    return urls_[node] + "/stores/" + store_ + "/" + call;
  }

  void CreateStore() {
    Client client;
    const auto created = client.Post(urls_[0] + "/stores", {{"name", "nodes"}});
    ASSERT_TRUE(created.ok());
    store_ = created.body.at("id").as_string();
    const json::object this_relation = {{"viewer", {{"this", json::object()}}}};
    const json::object users = {
        {"relations",
         {{"viewer", {{"directly_related_user_types", json::array{{{"type", "user"}}}}}}}}};
    const auto model = client.Post(
        Url(0, "authorization-models"),
        {{"schema_version", "1.1"},
         {"type_definitions",
          json::array{{{"type", "user"}},
                      {{"type", "document"}, {"relations", this_relation}, {"metadata", users}}}}});
    ASSERT_TRUE(model.ok()) << json::serialize(model.body);
    for (int pair = 0; pair < kPairs; ++pair) {
      const auto written =
          client.Post(Url(0, "write"), {{"writes", Writes(Key("user:x", Side(pair, true)))}});
      ASSERT_TRUE(written.ok()) << json::serialize(written.body);
    }
  }

  // Writes documents, and looks for each at once on another server.
  void Write(int writer, unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    std::uint64_t session = 0;
    for (int i = 0; !stop_; ++i) {
      const auto object = "document:" + std::to_string(writer) + "-" + std::to_string(i);
      const auto written = client.Post(Url(static_cast<int>(random() % kNodes), "write"),
                                       {{"writes", Writes(Key("user:x", object))}});
      if (!written.ok()) {
        history_.Unknown();
        std::this_thread::sleep_for(milliseconds(20));
        continue;
      }
      history_.Acknowledge(object, written.revision);
      history_.Expect(written.revision > session, "a write went back");
      session = std::max(session, written.revision);
      const bool by_token = random() % 2 == 0;
      json::object question{{"tuple_key", Key("user:x", object)}};
      if (!by_token) question["consistency"] = "HIGHER_CONSISTENCY";
      const auto found = client.Post(Url(static_cast<int>(random() % kNodes), "check"), question,
                                     by_token ? session : 0);
      if (!found.ok()) continue;
      history_.Expect(found.allowed(), object + " was acknowledged at " +
                                           std::to_string(written.revision) +
                                           " and is not seen at " + std::to_string(found.revision));
      history_.Expect(found.revision >= session, "an answer is older than the session");
      session = std::max(session, found.revision);
    }
  }

  // Moves the one tuple of a pair to its other side. Several do so with the same pairs.
  void Move(unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    while (!stop_) {
      const int pair = static_cast<int>(random() % kPairs);
      const bool from_left = random() % 2 == 0;
      const auto moved = client.Post(Url(static_cast<int>(random() % kNodes), "write"),
                                     {{"deletes", Writes(Key("user:x", Side(pair, from_left)))},
                                      {"writes", Writes(Key("user:x", Side(pair, !from_left)))}});
      if (moved.ok()) {
        history_.Acknowledge("", moved.revision);
        history_.See(pair, moved.revision, !from_left, from_left);
      } else if (moved.status != 400 && moved.status != 409) {
        history_.Unknown();
        std::this_thread::sleep_for(milliseconds(20));
      }
    }
  }

  // Looks at pairs on any server, sometimes carrying what it has seen.
  void Read(unsigned seed) {
    Client client;
    std::mt19937 random(seed);
    std::uint64_t session = 0;
    while (!stop_) {
      const int pair = static_cast<int>(random() % kPairs);
      json::array checks;
      for (const bool left : {true, false}) {
        checks.push_back({{"correlation_id", left ? "left" : "right"},
                          {"tuple_key", Key("user:x", Side(pair, left))}});
      }
      const bool carries = random() % 2 == 0;
      const auto seen = client.Post(Url(static_cast<int>(random() % kNodes), "batch-check"),
                                    {{"checks", checks}}, carries ? session : 0);
      if (!seen.ok()) {
        std::this_thread::sleep_for(milliseconds(5));
        continue;
      }
      const auto side = [&](const char* name) {
        return seen.body.at("result").at(name).at("allowed").as_bool();
      };
      history_.See(pair, seen.revision, side("left"), side("right"));
      if (carries) history_.Expect(seen.revision >= session, "a session went back");
      session = std::max(session, seen.revision);
    }
  }

  std::vector<int> BackendsOf(int node) {
    std::istringstream pids(
        database_->Sql(name_, "SELECT pid FROM pg_stat_activity WHERE application_name = 'node" +
                                  std::to_string(node) + "'"));
    std::vector<int> backends;
    for (int pid = 0; pids >> pid;) backends.push_back(pid);
    return backends;
  }

  void Fail(std::mt19937& random) {
    const int node = static_cast<int>(random() % kNodes);
    const auto a_while = milliseconds(300 + random() % 1200);
    switch (random() % 6) {
      case 0:
        ++faults_["a server is killed"];
        nodes_[node]->Kill();
        std::this_thread::sleep_for(milliseconds(200));
        StartNode(node);
        break;
      case 1:
        ++faults_["a server is paused"];
        kill(nodes_[node]->pid(), SIGSTOP);
        std::this_thread::sleep_for(a_while);
        kill(nodes_[node]->pid(), SIGCONT);
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

  // Every server, asked for the newest, has everything that was acknowledged.
  void ExpectEverythingEverywhere() {
    Client client;
    const auto acknowledged = history_.acknowledged();
    for (int node = 0; node < kNodes; ++node) {
      for (std::size_t begin = 0; begin < acknowledged.size(); begin += 50) {
        json::array checks;
        for (auto i = begin; i < std::min(begin + 50, acknowledged.size()); ++i) {
          checks.push_back({{"correlation_id", std::to_string(i)},
                            {"tuple_key", Key("user:x", acknowledged[i])}});
        }
        const auto found = client.Post(Url(node, "batch-check"),
                                       {{"checks", checks}, {"consistency", "HIGHER_CONSISTENCY"}});
        ASSERT_TRUE(found.ok()) << json::serialize(found.body);
        for (const auto& [id, result] : found.body.at("result").as_object()) {
          history_.Expect(
              result.at("allowed").as_bool(),
              acknowledged[std::stoul(id)] + " is lost on server " + std::to_string(node));
        }
      }
    }
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<PostgresServer> database_, replica_;
  std::string name_, store_;
  std::mutex urls_mutex_;
  std::string urls_[kNodes];
  std::unique_ptr<ServerProcess> nodes_[kNodes];
  History history_;
  std::map<std::string, int> faults_;
  std::atomic<bool> stop_{false};
};

TEST_F(Nodes, AreOneStoreWhateverFails) {
  const auto seed = static_cast<unsigned>(FromEnvironment("PEMBA_NODES_SEED", 20260501));
  const seconds duration(FromEnvironment("PEMBA_NODES_SECONDS", 20));
  for (int node = 0; node < kNodes; ++node) StartNode(node);
  CreateStore();
  if (HasFailure()) return;

  std::vector<std::thread> clients;
  for (int i = 0; i < kWriters; ++i) clients.emplace_back([=, this] { Write(i, seed + 10 + i); });
  for (int i = 0; i < kMovers; ++i) clients.emplace_back([=, this] { Move(seed + 20 + i); });
  for (int i = 0; i < kReaders; ++i) clients.emplace_back([=, this] { Read(seed + 30 + i); });
  std::mt19937 random(seed);
  for (const auto end = steady_clock::now() + duration;
       steady_clock::now() < end && !HasFatalFailure();) {
    std::this_thread::sleep_for(milliseconds(300 + random() % 700));
    Fail(random);
  }
  stop_ = true;
  for (auto& client : clients) client.join();
  if (HasFatalFailure()) return;
  ExpectEverythingEverywhere();

  int faults = 0;
  for (const auto& [what, count] : faults_) {
    std::printf("%4d times %s\n", count, what.c_str());
    faults += count;
  }
  std::printf(
      "%d faults, %d acknowledged writes, %d of unknown outcome, %d checks, %zu violations\n",
      faults, history_.writes(), history_.unknown(), history_.checks(),
      history_.violations().size());
  for (const auto& violation : history_.violations()) ADD_FAILURE() << violation;
  EXPECT_GT(faults, 3);
  EXPECT_GT(history_.writes(), 100);
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

// The program itself, with the database as its setting; both of its outputs, and its exit code.
struct Ran {
  std::string out;
  int code = 0;
};
Ran RunPemba(const std::string& uri, const std::string& arguments) {
  const auto command =
      "PEMBA_DATASTORE_ENGINE=postgres PEMBA_DATASTORE_PASSWORD=hunter2 "
      "PEMBA_DATASTORE_URI='" +
      uri + "' '" + PEMBA_BUILT_BINARY + "' " + arguments + " 2>&1";
  Ran ran;
  FILE* const pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c): the program under test.
  char block[4096];
  while (const auto got = std::fread(block, 1, sizeof block, pipe)) ran.out.append(block, got);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

TEST_F(Nodes, AnOperatorMigratesAndIsToldWhatIsWrong) {
  const auto uri = database_->Uri(database_->CreateDatabase());
  const auto has = [](const Ran& ran, const char* text) {
    EXPECT_NE(ran.out.find(text), std::string::npos) << ran.out;
    EXPECT_EQ(ran.out.find("hunter2"), std::string::npos) << ran.out;
  };
  const auto sick = RunPemba(uri, "doctor");
  EXPECT_EQ(sick.code, 1);
  has(sick, "BAD   schema: version 0");
  const auto refused = RunPemba(uri, "serve --log-level none");
  EXPECT_EQ(refused.code, 1);
  has(refused, "run `pemba migrate` first");

  const auto told = RunPemba(uri, "migrate --dry-run");
  EXPECT_EQ(told.code, 0);
  has(told, "CREATE TABLE pemba_log");
  EXPECT_EQ(RunPemba(uri, "doctor").code, 1);
  EXPECT_EQ(RunPemba(uri, "migrate").code, 0);
  has(RunPemba(uri, "migrate"), "nothing to migrate");
  has(RunPemba(uri, "doctor"), "ok    schema: version");
  EXPECT_EQ(RunPemba(uri, "doctor").code, 0);

  const auto unreached = RunPemba("postgres://u:hunter2@127.0.0.1:1/db", "migrate --timeout 300ms");
  EXPECT_EQ(unreached.code, 1);
  has(unreached, "cannot be reached");
  EXPECT_EQ(RunPemba(uri, "migrate --timeout soon").code, 1);
}

// A server on a primary with a replica that is far behind knows everything all the same.
TEST_F(Nodes, ReadALaggingReplicaAndKnowEverything) {
  StartNode(0);
  CreateStore();
  if (HasFailure()) return;
  auto replica = database_->MakeReplica();
  ASSERT_TRUE(replica.ok()) << replica.error().message;
  replica_ = *std::move(replica);
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
