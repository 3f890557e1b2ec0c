// What an operator asks: `pemba doctor`, `pemba migrate`, health; with a real database in each of
// the states that they tell apart.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "nodes_fixture.h"

namespace pemba::e2e {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

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

class Operator : public NodesTest {
 protected:
  static void Expect(const Ran& ran, const char* text) {
    EXPECT_NE(ran.out.find(text), std::string::npos) << "not said: " << text << "\n" << ran.out;
    EXPECT_EQ(ran.out.find("hunter2"), std::string::npos) << ran.out;
  }

  // The database's own function is hidden by another one: it lies about its clock, speed or size.
  std::string LyingUri(const std::string& function) {
    database_->Sql(name_, "CREATE SCHEMA lies; CREATE FUNCTION lies." + function);
    return uri_ + "&options=-csearch_path%3Dlies,pg_catalog,public";
  }

  long StatusOf(int node, const std::string& path) {
    return Client().Get(ServerUrl(node) + path).status;
  }
  bool Becomes(long status, int node, const std::string& path) {
    for (const auto give_up = steady_clock::now() + seconds(10); steady_clock::now() < give_up;) {
      if (StatusOf(node, path) == status) return true;
      std::this_thread::sleep_for(milliseconds(50));
    }
    return false;
  }
};

constexpr const char* kReads = "/healthz";
constexpr const char* kWrites = "/healthz?service=pemba.v1.Writes";

TEST_F(Operator, MigratesAndIsToldWhatIsWrong) {
  const auto uri = database_->Uri(database_->CreateDatabase());
  const auto sick = RunPemba(uri, "doctor");
  EXPECT_EQ(sick.code, 1);
  Expect(sick, "BAD   schema: version 0");
  const auto refused = RunPemba(uri, "serve --log-level none");
  EXPECT_EQ(refused.code, 1);
  Expect(refused, "run `pemba migrate` first");

  const auto told = RunPemba(uri, "migrate --dry-run");
  EXPECT_EQ(told.code, 0);
  Expect(told, "CREATE TABLE pemba_log");
  EXPECT_EQ(RunPemba(uri, "doctor").code, 1);
  EXPECT_EQ(RunPemba(uri, "migrate").code, 0);
  Expect(RunPemba(uri, "migrate"), "nothing to migrate");
  Expect(RunPemba(uri, "doctor"), "ok    schema: version");
  EXPECT_EQ(RunPemba(uri, "doctor").code, 0);

  const auto unreached = RunPemba("postgres://u:hunter2@127.0.0.1:1/db", "migrate --timeout 300ms");
  EXPECT_EQ(unreached.code, 1);
  Expect(unreached, "cannot be reached");
  EXPECT_EQ(RunPemba(uri, "migrate --timeout soon").code, 1);
}

// Nothing is wrong: every finding is "ok".
TEST_F(Operator, HearsThatAllIsWell) {
  const auto well = RunPemba(uri_, "doctor");
  EXPECT_EQ(well.code, 0);
  EXPECT_EQ(well.out.find("BAD"), std::string::npos) << well.out;
  for (const char* line : {"ok    configuration", "ok    database: PostgreSQL", "ok    schema",
                           "ok    clock", "ok    memory"}) {
    Expect(well, line);
  }
}

TEST_F(Operator, HearsOfAConfigurationThatCannotWork) {
  const auto ran = RunPemba("", "doctor");
  EXPECT_EQ(ran.code, 1);
  Expect(ran, "BAD   configuration: the postgres datastore needs datastore.uri");
}

TEST_F(Operator, HearsOfADatabaseThatIsNotThere) {
  const auto refused = RunPemba("postgres://u:hunter2@127.0.0.1:1/db", "doctor");
  EXPECT_EQ(refused.code, 1);
  Expect(refused, "BAD   database: the database cannot be reached");
  database_->Pause();  // It accepts connections and says nothing.
  const auto silent = RunPemba(uri_, "doctor");
  database_->Resume();
  EXPECT_EQ(silent.code, 1);
  Expect(silent, "BAD   database");
}

TEST_F(Operator, HearsOfASchemaThatIsNewer) {
  database_->Sql(name_, "UPDATE pemba_schema SET version = 99");
  const auto ran = RunPemba(uri_, "doctor");
  EXPECT_EQ(ran.code, 0);  // This program understands it: an upgrade is under way.
  Expect(ran, "look  schema: version 99, newer than this program's");
}

TEST_F(Operator, HearsOfClocksThatDiffer) {
  const auto ran =
      RunPemba(LyingUri("clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                        "$$ SELECT pg_catalog.clock_timestamp() + make_interval(hours => 1) $$"),
               "doctor");
  EXPECT_EQ(ran.code, 0);
  Expect(ran, "look  clock: -3");  // Of 3,600,000 ms, and some.
}

TEST_F(Operator, HearsOfASlowRoundTrip) {
  const auto ran = RunPemba(LyingUri("pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS "
                                     "$$ SELECT pg_sleep(0.02) IS NULL $$"),
                            "doctor");
  EXPECT_EQ(ran.code, 0);
  Expect(ran, "look  round trip: ");
}

TEST_F(Operator, HearsOfALogThatDoesNotFitIntoMemory) {
  const auto ran = RunPemba(LyingUri("pg_total_relation_size(regclass) RETURNS bigint LANGUAGE sql "
                                     "AS $$ SELECT 1::bigint << 45 $$"),
                            "doctor");
  EXPECT_EQ(ran.code, 0);
  Expect(ran, "look  memory");
}

TEST_F(Operator, HearsOfReplicasThatAreNoneOrFarBehind) {
  auto replica = database_->MakeReplica();
  ASSERT_TRUE(replica.ok()) << replica.error().message;
  const auto secondary = "doctor --datastore-secondary-uri '" + (*replica)->Uri(name_) + "'";
  Expect(RunPemba(uri_, secondary), "ok    replica: 0 MiB behind");

  (*replica)->Sql("postgres", "SELECT pg_wal_replay_pause()");
  database_->Sql(name_,
                 "CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM "
                 "generate_series(1, 40000)");
  const auto behind = RunPemba(uri_, secondary);
  EXPECT_EQ(behind.code, 0);
  Expect(behind, "look  replica: ");

  const auto swapped = RunPemba((*replica)->Uri(name_), "doctor");
  EXPECT_EQ(swapped.code, 1);
  Expect(swapped, "BAD   database: read-only; datastore.uri names a replica");
  const auto none =
      RunPemba(uri_, "doctor --datastore-secondary-uri '" + database_->Uri(name_) + "'");
  EXPECT_EQ(none.code, 1);
  Expect(none, "BAD   replica: it is none");
}

// Orchestrators ask three questions: is it alive, may it be asked, may it be written to.
TEST_F(Operator, HearsFromHealthWhatAServerCanStillDo) {
  StartNode(0);
  CreateStore();
  if (HasFailure()) return;
  EXPECT_EQ(StatusOf(0, "/livez"), 200);
  EXPECT_EQ(StatusOf(0, kReads), 200);
  EXPECT_EQ(StatusOf(0, kWrites), 200);

  // The database is down: the server answers what it knows.
  database_->StopNow(PostgresServer::Stop::kFast);
  EXPECT_TRUE(Becomes(500, 0, kWrites));
  EXPECT_EQ(StatusOf(0, "/livez"), 200);
  EXPECT_EQ(StatusOf(0, kReads), 200);
  ASSERT_TRUE(database_->StartAgain().ok());
  EXPECT_TRUE(Becomes(200, 0, kWrites));

  // The database is there and silent. Answers get older, and say so.
  database_->Pause();
  EXPECT_TRUE(Becomes(500, 0, kWrites));
  EXPECT_EQ(StatusOf(0, "/livez"), 200);
  EXPECT_EQ(StatusOf(0, kReads), 200);
  std::this_thread::sleep_for(seconds(3));
  Client client;
  const auto old = client.Post(Url(0, "check"), {{"tuple_key", Key("user:x", Side(0, true))}});
  EXPECT_TRUE(old.allowed());
  EXPECT_GE(old.staleness, 3u);
  const auto metrics = client.Text(nodes_[0]->metrics_url() + "/metrics");
  const auto silent = metrics.find("\npemba_datastore_silent_seconds ");
  ASSERT_NE(silent, std::string::npos);
  EXPECT_GE(std::stod(metrics.substr(metrics.find(' ', silent))), 3);
  database_->Resume();
  EXPECT_TRUE(Becomes(200, 0, kWrites));
}

}  // namespace
}  // namespace pemba::e2e
