// A server killed at random moments: what it acknowledged is there, what it never sent is not, the
// log has no hole, and the graph is what the log says.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pemba/base/assert.h"
#include "pemba/base/testing/temporary_directory.h"
#include "pemba/storage/embedded.h"
#include "pemba/storage/postgres.h"
#include "pemba/storage/testing/postgres_server.h"
#include "pemba/store/stores.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): not in every libc's headers.

namespace pemba::store::testing {
namespace {

using storage::testing::PostgresServer;

constexpr int kStores = 3;
constexpr int kThreadsPerStore = 2;

StoreId StoreOf(int number) { return {"01J0000000000000000000000" + std::to_string(number)}; }

// The process that writes, and its standard output.
class Victim {
 public:
  Victim(const std::string& where, int round) {
    int pipe_ends[2];
    PEMBA_CHECK(pipe2(pipe_ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    std::string arguments[] = {PEMBA_CRASH_WRITER, where, std::to_string(round),
                               std::to_string(kStores), std::to_string(kThreadsPerStore)};
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    PEMBA_CHECK(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    output_ = pipe_ends[0];
  }
  ~Victim() { close(output_); }

  // Kills it `after` so long from its first acknowledgement and returns everything that it said.
  std::string KillAfter(std::chrono::milliseconds after) {
    std::string said;
    while (said.find("\nA ") == said.npos && ReadSome(said, -1)) {
    }
    const auto end = std::chrono::steady_clock::now() + after;
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (left.count() <= 0 || !ReadSome(said, static_cast<int>(left.count()))) break;
    }
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it ended by itself";
    while (ReadSome(said, -1)) {
    }
    return said;
  }

 private:
  // False at the end of the output; true if something was read or nothing came in time.
  bool ReadSome(std::string& said, int timeout_ms) {
    pollfd poll_for{output_, POLLIN, 0};
    if (poll(&poll_for, 1, timeout_ms) == 0) return true;
    char bytes[1 << 16];
    const auto count = read(output_, bytes, sizeof bytes);
    if (count > 0) said.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  pid_t pid_ = 0;
  int output_ = -1;
};

// What may and what must be in one store's log.
struct Expected {
  std::set<std::string> sent;                           // Objects of operations.
  std::map<std::string, graph::Revision> acknowledged;  // Object -> revision.
};

void Account(const std::string& said, int round, std::vector<Expected>& expected) {
  std::istringstream lines(said);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string verb;
    int store = 0;
    std::string thread;
    std::string number;
    words >> verb >> store >> thread >> number;
    const std::string object = "document:" + std::to_string(round) + "-" + thread + "-" + number;
    auto& of_store = expected.at(static_cast<std::size_t>(store));
    if (verb == "S") {
      of_store.sent.insert(object);
    } else {
      graph::Revision revision = 0;
      words >> revision;
      of_store.acknowledged[object] = revision;
    }
  }
}

// The log, folded: what is stored, by object and subject, and when it expires.
using Folded = std::map<std::pair<std::string, std::string>, std::optional<WallTime>>;

std::set<std::string> SubjectsOf(const Folded& tuples, const std::string& object) {
  std::set<std::string> subjects;
  for (auto at = tuples.lower_bound({object, ""}); at != tuples.end() && at->first.first == object;
       ++at) {
    subjects.insert(at->first.second);
  }
  return subjects;
}

// The whole of an operation is in the one write that has its object: see crash_writer.cc.
void ExpectWhole(const Folded& tuples, const std::string& object) {
  const auto dash = object.rfind('-');
  const auto n = std::stol(object.substr(dash + 1));
  const auto before = SubjectsOf(tuples, object.substr(0, dash + 1) + std::to_string(n - 1));
  const auto own = SubjectsOf(tuples, object);
  const std::set<std::string> anne{"user:anne"};
  switch (n % 6) {
    case 1:
      EXPECT_EQ(own, (std::set<std::string>{"user:anne", "user:bob"}));
      break;
    case 2:
      EXPECT_EQ(before, std::set<std::string>{"user:carl"});
      break;
    case 3:
    case 4:
      EXPECT_TRUE(before.empty());
      break;
    case 5:
      EXPECT_TRUE(tuples.at({object, "user:eve"}).has_value());
      break;
    default:
      EXPECT_EQ(own, anne);
  }
}

void ExpectSound(const storage::Datastore& datastore, const Store& store,
                 const Expected& expected) {
  graph::Revision last = 0;
  Folded tuples;
  std::map<std::string, graph::Revision> found;  // Operations, by their object.
  std::map<std::pair<std::string, std::string>, graph::Revision> written;
  const auto status = datastore.ReadWrites(store.id(), 0, [&](const storage::Write& write) {
    EXPECT_EQ(write.revision, last + 1);
    last = write.revision;
    std::string operation;
    for (const auto& change : write.changes) {
      const std::pair key{std::string(change.tuple.object), std::string(change.tuple.subject)};
      if (change.operation == storage::Change::Operation::kDelete) {
        const auto gone = tuples.find(key);
        EXPECT_NE(gone, tuples.end()) << key.first;
        if (gone == tuples.end()) continue;
        // What nobody asked for goes only because its time has come.
        EXPECT_TRUE(!gone->second || *gone->second <= write.time || write.changes.size() > 1);
        tuples.erase(gone);
        continue;
      }
      EXPECT_TRUE(tuples.emplace(key, change.expires_at).second) << key.first;
      written[key] = write.revision;
      if (key.second != "user:anne") continue;
      EXPECT_TRUE(expected.sent.contains(key.first)) << "never sent: " << key.first;
      EXPECT_TRUE(operation.empty()) << "two operations in one write";
      operation = key.first;
      found[operation] = write.revision;
    }
    if (!operation.empty()) ExpectWhole(tuples, operation);
    return storage::Visit::kContinue;
  });
  ASSERT_TRUE(status.ok()) << status.error().message;
  for (const auto& [object, revision] : expected.acknowledged) {
    const auto at = found.find(object);
    ASSERT_NE(at, found.end()) << "acknowledged and lost: " << object;
    EXPECT_EQ(at->second, revision) << object;
  }

  const auto view = store.Pin();
  EXPECT_EQ(view.revision(), last);
  Folded in_graph;
  view.snapshot().Scan({}, nullptr, ~std::size_t{0}, [&](const graph::StoredTuple& stored) {
    const std::pair key{std::string(stored.tuple.object), std::string(stored.tuple.subject)};
    in_graph.emplace(key, stored.expires_at);
    EXPECT_EQ(stored.revision, written[key]);
  });
  EXPECT_EQ(in_graph, tuples);
}

// Where the victims write, and what can be opened after them.
class Place {
 public:
  virtual ~Place() = default;
  virtual std::string name() const = 0;
  virtual Result<std::unique_ptr<storage::Datastore>> Open() const = 0;
  virtual std::filesystem::path checkpoints() const { return {}; }
};

class DirectoryPlace final : public Place {
 public:
  std::string name() const override { return directory_.path().string(); }
  Result<std::unique_ptr<storage::Datastore>> Open() const override {
    return storage::OpenEmbeddedDatastore({.directory = directory_.path()});
  }
  std::filesystem::path checkpoints() const override { return directory_.path() / "graph"; }

 private:
  const TemporaryDirectory directory_;
};

class PostgresPlace final : public Place {
 public:
  explicit PostgresPlace(PostgresServer& server)
      : server_(server), database_(server.CreateDatabase()) {
    options_.primary.uri = server.Uri(database_);
    EXPECT_TRUE(storage::MigratePostgres(options_, storage::Migrate::kYes).ok());
  }
  std::string name() const override { return options_.primary.uri; }
  // What the dead had asked for may be committed after their death: that is awaited.
  Result<std::unique_ptr<storage::Datastore>> Open() const override {
    while (server_.Sql(database_,
                       "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                       "current_database() AND backend_type = 'client backend' AND pid <> "
                       "pg_backend_pid()") != "0") {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return storage::OpenPostgresDatastore(options_);
  }

 private:
  PostgresServer& server_;
  const std::string database_;
  storage::PostgresOptions options_;
};

// `kills` rounds; every ten of them a fresh place, so that the log stays short enough to be checked
// as a whole each time.
void KillAgainAndAgain(int kills, std::uint32_t seed,
                       const std::function<std::unique_ptr<Place>()>& new_place) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> moments(0, 120);
  std::unique_ptr<Place> place;
  std::vector<Expected> expected;
  std::size_t acknowledged = 0;
  for (int round = 0; round < kills && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", seed " + std::to_string(seed));
    if (round % 10 == 0) {
      place = new_place();
      expected.assign(kStores, {});
    }
    Account(Victim(place->name(), round).KillAfter(std::chrono::milliseconds(moments(random))),
            round, expected);

    auto datastore = place->Open();
    ASSERT_TRUE(datastore.ok()) << datastore.error().message;
    const SystemClock clock;
    StoresOptions options;
    options.checkpoint_directory = place->checkpoints();
    options.expiry_interval = std::chrono::milliseconds(0);  // The log is to stay as it is.
    options.report = [](std::string_view line) { ADD_FAILURE() << line; };
    Stores stores(**datastore, clock, options);
    for (int s = 0; s < kStores; ++s) {
      const auto store = stores.Open(StoreOf(s));
      ASSERT_TRUE(store.ok()) << store.error().message;
      ExpectSound(**datastore, **store, expected[static_cast<std::size_t>(s)]);
      acknowledged += expected[static_cast<std::size_t>(s)].acknowledged.size();
    }
  }
  EXPECT_GT(acknowledged, static_cast<std::size_t>(kills));
  ::testing::Test::RecordProperty("acknowledged_writes_checked", std::to_string(acknowledged));
}

TEST(Crash, AHundredKillsLoseNothing) {
  KillAgainAndAgain(100, std::random_device{}(), [] { return std::make_unique<DirectoryPlace>(); });
}

TEST(Crash, ThirtyKillsOfAWriterToPostgresLoseNothing) {
  if (const auto why = PostgresServer::WhyNotHere()) GTEST_SKIP() << *why;
  auto server = PostgresServer::Start();
  ASSERT_TRUE(server.ok()) << server.error().message;
  KillAgainAndAgain(30, std::random_device{}(),
                    [&] { return std::make_unique<PostgresPlace>(**server); });
}

}  // namespace
}  // namespace pemba::store::testing
