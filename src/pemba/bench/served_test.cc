// Every driver against a real server of this build, every answer verified; and what happens when a
// server answers wrongly or not at all.
#include <csignal>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/bench/child_server.h"
#include "pemba/bench/endpoint.h"
#include "pemba/bench/load_driver.h"
#include "pemba/bench/run.h"
#include "pemba/bench/scenario.h"
#include "pemba/bench/served_world.h"

namespace pemba::bench {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr WorldSize kSmall{.tuples = 2'000, .seed = 3};

// One server for all tests: starting is not what they are about.
class Served : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory;
    auto server = ChildServer::Start(
        PEMBA_BUILT_BINARY,
        {"serve", "--data-dir", directory_->path(), "--http-addr", "127.0.0.1:0", "--grpc-addr",
         "127.0.0.1:0", "--log-level", "none", "--metrics-addr", "127.0.0.1:0", "--io-threads", "1",
         "--listObjects-max-results", "0", "--listUsers-max-results", "0"});
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = server->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    delete directory_;
  }

  // The ids of the server's stores, as its API lists them.
  static std::string Stores() {
    auto loop = LoadLoop::Connect(server_->endpoint(Protocol::kHttp1), {.connections = 1});
    EXPECT_TRUE(loop.ok());
    const auto answer =
        (*loop)->Ask({.method = "GET", .path = "/stores?page_size=100"}, milliseconds(5'000));
    EXPECT_TRUE(answer.ok());
    return answer.ok() ? answer->body : "";
  }

  static TemporaryDirectory* directory_;
  static ChildServer* server_;
};
TemporaryDirectory* Served::directory_ = nullptr;
ChildServer* Served::server_ = nullptr;

TEST_F(Served, AnswersEveryScenarioOverEveryTransport) {
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp2, Protocol::kHttp1}) {
    const auto endpoint = server_->endpoint(protocol);
    for (const auto& info : Scenarios()) {
      SCOPED_TRACE(std::string(NameOf(protocol)) + " " + std::string(info.name));
      const auto scenario = info.make(kSmall);
      const auto world = ServedWorld::Make(endpoint, *scenario);
      ASSERT_TRUE(world.ok()) << world.error().message;
      for (std::size_t i = 0; i < scenario->cases().size(); ++i) {
        LoadRun load{.shape = {.connections = 2, .streams = 4}, .duration = milliseconds(20)};
        if (i % 2 == 1) load.rate = 2'000;
        auto tally = RunLoad(endpoint, (*world)->codec(), *scenario, i, load);
        // A busy machine may get nothing done in so short a time.
        while (tally.ok() && tally->calls == 0 && load.duration < milliseconds(2'000)) {
          load.duration *= 4;
          tally = RunLoad(endpoint, (*world)->codec(), *scenario, i, load);
        }
        ASSERT_TRUE(tally.ok()) << tally.error().message;
        EXPECT_GT(tally->calls, 0u);
        EXPECT_EQ(tally->shed, 0u);
      }
    }
  }
}

TEST_F(Served, WritesAreSeenByWhoAsksAfterwards) {
  const auto scenario = (*FindScenarios("S14"))[0]->make(kSmall);
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp1}) {
    const auto endpoint = server_->endpoint(protocol);
    const auto world = ServedWorld::Make(endpoint, *scenario);
    ASSERT_TRUE(world.ok()) << world.error().message;
    LoadRun load{.shape = {.connections = 8, .streams = 4},
                 .threads = 2,
                 .duration = milliseconds(400),
                 .rate = 2'000,
                 .bursts = {.factor = 20, .period = milliseconds(100), .length = milliseconds(5)},
                 .writes = 0.2};
    const auto tally = RunLoad(endpoint, (*world)->codec(), *scenario, 1, load);
    ASSERT_TRUE(tally.ok()) << tally.error().message;
    EXPECT_GT(tally->writes.count(), 10u);
    EXPECT_GT(tally->checks.count(), tally->writes.count());
    EXPECT_GT(tally->lists.count(), 0u);
  }
}

// The second scenario's questions, put to the first one's store.
class Another final : public Scenario {
 public:
  explicit Another(const Scenario& scenario) : scenario_(scenario) {}
  std::string_view model() const override { return scenario_.model(); }
  void EachTuple(const TupleSink& sink) const override { scenario_.EachTuple(sink); }
  std::vector<Case> cases() const override { return scenario_.cases(); }
  Question Make(std::size_t index, Random& random) const override {
    auto question = scenario_.Make(index, random);
    question.answer = Decision::kAllowed;
    return question;
  }

 private:
  const Scenario& scenario_;
};

TEST_F(Served, OneWrongAnswerEndsTheRun) {
  const auto scenario = Scenarios().front().make(kSmall);
  const Another another(*scenario);
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp2, Protocol::kHttp1}) {
    const auto endpoint = server_->endpoint(protocol);
    const auto world = ServedWorld::Make(endpoint, *scenario);
    ASSERT_TRUE(world.ok()) << world.error().message;
    const auto tally =
        RunLoad(endpoint, (*world)->codec(), another, 0, {.duration = milliseconds(50)});
    ASSERT_FALSE(tally.ok());
    EXPECT_EQ(tally.error().code, ErrorCode::kInternal);
    EXPECT_THAT(tally.error().message, HasSubstr("wrong answer: check document:d"));
    EXPECT_THAT(tally.error().message, HasSubstr(": denied"));
  }
}

TEST_F(Served, LeavesNoStoreBehind) {
  const auto before = Stores();
  {
    const auto scenario = Scenarios().front().make(kSmall);
    const auto world = ServedWorld::Make(server_->endpoint(Protocol::kGrpc), *scenario);
    ASSERT_TRUE(world.ok());
    EXPECT_THAT(Stores(), HasSubstr((*world)->codec().store_id()));
  }
  EXPECT_EQ(Stores(), before);
}

TEST_F(Served, AStallIsCountedAgainstEveryoneWhoWaited) {
  const auto scenario = Scenarios().front().make(kSmall);
  const auto endpoint = server_->endpoint(Protocol::kHttp1);
  const auto world = ServedWorld::Make(endpoint, *scenario);
  ASSERT_TRUE(world.ok());
  // Two connections cannot carry more than one call each; the rest waits, and its wait counts.
  kill(server_->process(), SIGSTOP);
  std::thread wake([&] {
    std::this_thread::sleep_for(milliseconds(1'000));
    kill(server_->process(), SIGCONT);
  });
  const auto tally =
      RunLoad(endpoint, (*world)->codec(), *scenario, 0,
              {.shape = {.connections = 2}, .duration = milliseconds(1'200), .rate = 1'000});
  wake.join();
  ASSERT_TRUE(tally.ok()) << tally.error().message;
  // Most of those that count arrived during the stall, even if the load began late on a busy
  // machine.
  EXPECT_GT(tally->checks.Percentile(0.5), 50'000'000u);
  EXPECT_GT(tally->backlog_max, 100u);
}

TEST_F(Served, ShedsOverloadAndRecoversWithinASecond) {
  const auto scenario = (*FindScenarios("S3"))[0]->make({.tuples = 5'000, .seed = 3});
  constexpr std::size_t kDepth200 = 3;
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp2}) {
    const auto endpoint = server_->endpoint(protocol);
    const auto world = ServedWorld::Make(endpoint, *scenario);
    ASSERT_TRUE(world.ok()) << world.error().message;
    // Thousands of calls at once, each tens of microseconds; how many are too many in the time that
    // they may wait depends on the machine.
    LoadRun load{.shape = {.connections = 32, .streams = 500}, .duration = milliseconds(800)};
    auto overload = RunLoad(endpoint, (*world)->codec(), *scenario, kDepth200, load);
    while (overload.ok() && overload->shed == 0 && load.shape.connections < 160) {
      load.shape.connections *= 2;
      overload = RunLoad(endpoint, (*world)->codec(), *scenario, kDepth200, load);
    }
    ASSERT_TRUE(overload.ok()) << overload.error().message;
    EXPECT_GT(overload->shed, 0u);
    EXPECT_GT(overload->calls, 0u) << "it goes on answering";
    const auto after = RunLoad(
        endpoint, (*world)->codec(), *scenario, kDepth200,
        {.shape = {.connections = 2, .streams = 4}, .duration = milliseconds(300), .rate = 200});
    ASSERT_TRUE(after.ok()) << after.error().message;
    EXPECT_EQ(after->shed, 0u);
    EXPECT_LT(after->checks.Percentile(0.99), 1'000'000'000u);
  }
}

// TLS and a preshared key, over every transport; and what is said if either is missing.
TEST(SecuredServer, IsReachedWithItsCertificateAndKey) {
  const TemporaryDirectory directory;
  const auto file = [&](const char* name) { return (directory.path() / name).string(); };
  const auto made =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
      "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout '" +
      file("key.pem") + "' -out '" + file("cert.pem") + "' 2>/dev/null";
  ASSERT_EQ(std::system(made.c_str()), 0) << "openssl is needed";
  const auto server = ChildServer::Start(PEMBA_BUILT_BINARY, {"serve",
                                                              "--data-dir",
                                                              file("data"),
                                                              "--http-addr",
                                                              "127.0.0.1:0",
                                                              "--grpc-addr",
                                                              "127.0.0.1:0",
                                                              "--log-level",
                                                              "none",
                                                              "--metrics-addr",
                                                              "127.0.0.1:0",
                                                              "--io-threads",
                                                              "1",
                                                              "--http-tls-enabled",
                                                              "--http-tls-cert",
                                                              file("cert.pem"),
                                                              "--http-tls-key",
                                                              file("key.pem"),
                                                              "--grpc-tls-enabled",
                                                              "--grpc-tls-cert",
                                                              file("cert.pem"),
                                                              "--grpc-tls-key",
                                                              file("key.pem"),
                                                              "--authn-method",
                                                              "preshared",
                                                              "--authn-preshared-keys",
                                                              "open-sesame"});
  ASSERT_TRUE(server.ok()) << server.error().message;
  const auto scenario = Scenarios().front().make(kSmall);
  for (const auto protocol : {Protocol::kGrpc, Protocol::kHttp2, Protocol::kHttp1}) {
    SCOPED_TRACE(NameOf(protocol));
    auto endpoint = (*server)->endpoint(protocol);
    endpoint.tls = true;
    endpoint.token = "open-sesame";
    const auto unknown = ServedWorld::Make(endpoint, *scenario);
    ASSERT_FALSE(unknown.ok()) << "nobody vouches for this certificate";
    EXPECT_THAT(unknown.error().message, HasSubstr("self-signed certificate"));
    endpoint.ca_file = file("cert.pem");
    {
      const auto world = ServedWorld::Make(endpoint, *scenario);
      ASSERT_TRUE(world.ok()) << world.error().message;
      const auto tally =
          RunLoad(endpoint, (*world)->codec(), *scenario, 0,
                  {.shape = {.connections = 2, .streams = 4}, .duration = milliseconds(50)});
      ASSERT_TRUE(tally.ok()) << tally.error().message;
      EXPECT_GT(tally->calls, 0u);
    }
    endpoint.token = "wrong";
    const auto refused = ServedWorld::Make(endpoint, *scenario);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("unauthenticated"));
    EXPECT_THAT(refused.error().message, ::testing::Not(HasSubstr("wrong")));
  }
}

TEST(Run, MeasuresOwnServersBesideAnEcho) {
  const auto report = bench::Run({.scenarios = "S1",
                                  .drivers = {Driver::kEngine, Driver::kGrpc},
                                  .tuples = 2'000,
                                  .duration = milliseconds(60),
                                  .program = PEMBA_BUILT_BINARY});
  ASSERT_TRUE(report.ok()) << report.error().message;
  std::set<std::string> seen;
  for (const auto& row : report->rows) {
    seen.insert(row.scenario + " " + row.name + " " + row.driver);
    EXPECT_TRUE(row.throughput.value_or(0) > 0 || row.scenario == "start") << row.name;
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("S1 load engine", "S1 direct engine",
                                                    "start empty server system", "floor echo grpc",
                                                    "S1 direct grpc"));
  for (const auto& row : report->rows) {
    if (row.driver != "grpc") continue;
    EXPECT_TRUE(row.cpu_us.value_or(0) > 0);
    EXPECT_TRUE(row.rss_peak_mib.value_or(0) > 0);
    EXPECT_TRUE(row.p50_us.value_or(0) > 0);
  }
}

// Idle checks, the mix, one writer and many, all on one world.
TEST(Run, MeasuresMixedLoad) {
  const auto report = bench::Run({.scenarios = "S14",
                                  .drivers = {Driver::kHttp1},
                                  .tuples = 2'000,
                                  .duration = milliseconds(200),
                                  .program = PEMBA_BUILT_BINARY});
  ASSERT_TRUE(report.ok()) << report.error().message;
  std::set<std::string> seen;
  for (const auto& row : report->rows) {
    if (row.scenario == "S14") seen.insert(row.name);
  }
  EXPECT_THAT(seen, ::testing::IsSupersetOf(
                        {"checks", "idle checks", "mixed: checks", "one writer", "64 writers"}));
}

// The first answers after each start are compared, as all are: what was written is still there.
TEST(Run, MeasuresAServersLife) {
  const auto report = bench::Run({.scenarios = "S1",
                                  .drivers = {Driver::kGrpc},
                                  .tuples = 2'000,
                                  .duration = milliseconds(100),
                                  .life_stores = 3,
                                  .program = PEMBA_BUILT_BINARY});
  ASSERT_TRUE(report.ok()) << report.error().message;
  std::map<std::string, Row> rows;
  for (const auto& row : report->rows) rows.emplace(row.name, row);
  EXPECT_GT(rows["import"].throughput.value_or(0), 0);
  EXPECT_GT(rows["import"].tuples, 1'000u);
  for (const char* after : {"killed", "stopped"}) {
    const std::string start(after);
    const auto first = rows[start + ": first check"].p50_us;
    const auto full = rows[start + ": full speed"].p50_us;
    ASSERT_TRUE(first && full);
    EXPECT_GT(*first, 0);
    EXPECT_GT(*full, *first);
  }
  EXPECT_EQ(rows["idle stores"].tuples, 3u);
  for (const auto& mark : report->marks) {
    if (mark.name.starts_with("start: ")) {
      EXPECT_NE(mark.verdict, Verdict::kNotMeasured) << mark.name;
    }
  }
}

TEST(Run, SaysWhatIsWrong) {
  const auto unreachable =
      bench::Run({.scenarios = "S1", .target = Endpoint{.host = "127.0.0.1", .port = 1}});
  ASSERT_FALSE(unreachable.ok());
  EXPECT_EQ(unreachable.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(unreachable.error().message, HasSubstr("127.0.0.1:1: "));
  const auto no_server =
      bench::Run({.scenarios = "S1", .drivers = {Driver::kGrpc}, .program = "/bin/true"});
  ASSERT_FALSE(no_server.ok());
  EXPECT_THAT(no_server.error().message, HasSubstr("ended before it listened"));
}

TEST(ParseEndpoint, UnderstandsTargets) {
  const auto one = ParseEndpoint("grpc://localhost:8081");
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->protocol, Protocol::kGrpc);
  EXPECT_EQ(one->authority(), "localhost:8081");
  EXPECT_EQ(ParseEndpoint("https://fga.example/")->port, 443);
  EXPECT_TRUE(ParseEndpoint("https2://fga.example")->tls);
  EXPECT_EQ(ParseEndpoint("http://[::1]:80")->authority(), "[::1]:80");
  for (const char* text : {"", "localhost:80", "ftp://a", "http://", "http://a:0", "http://a:99999",
                           "http://a/b", "http://[::1", "http://[::1]80", "http://u@h:1"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

}  // namespace
}  // namespace pemba::bench
