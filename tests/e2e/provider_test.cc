// The remote provider keeps the contract of providers against a real server, which is killed,
// paused and started again. TEST_OPENFGA_ADDRESS (HOST:PORT of a gRPC port) names another server,
// such as OpenFGA itself, for the same suite; TEST_OPENFGA_TOKEN is its bearer token.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "pemba/base/testing/temporary_directory.h"
#include "pemba/provider/model_merge.h"
#include "pemba/provider/openfga.h"
#include "pemba/provider/testing/models.h"
#include "pemba/provider/testing/provider_contract.h"
#include "pemba/provider/testing/replication_contract.h"
#include "server_process.h"

namespace pemba::e2e {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): literals.
using provider::Decision;
using provider::Health;
using provider::OpenFga;
using provider::OpenFgaOptions;
using provider::testing::Library;
using provider::testing::T;

const Clock& TestClock() {
  static const SystemClock clock;
  return clock;
}

std::string FromEnvironment(const char* name) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes it.
  return text == nullptr ? "" : text;
}

std::unique_ptr<OpenFga> Open(OpenFgaOptions options) {
  auto opened = OpenFga::Open(std::move(options), TestClock());
  EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
  return opened.ok() ? *std::move(opened) : nullptr;
}

// A server of its own, which comes back at its address.
class OwnServer final : public provider::testing::Bench {
 public:
  // kForgets: it comes back with nothing.
  enum class Memory { kKeeps, kForgets };
  explicit OwnServer(Memory memory = Memory::kKeeps) : memory_(memory) { Start("127.0.0.1:0"); }

  std::unique_ptr<provider::Provider> Connect() override { return Open(Options()); }
  void Crash() override {
    Kill();
    Start(address_);
  }

  OpenFgaOptions Options() const { return {.address = address_, .store_name = "contract"}; }
  void Kill() { server_->Kill(); }
  void Start(const std::string& address) {
    server_.reset();
    server_ = std::make_unique<ServerProcess>(
        directory_.path() / "data",
        std::vector<std::string>{"--grpc-addr", address, "--metrics-enabled=false",
                                 "--datastore-engine",
                                 memory_ == Memory::kKeeps ? "embedded" : "memory"});
    address_ = server_->grpc_address();
  }
  void Restart() { Start(address_); }
  void Pause() {
    ::kill(server_->pid(), SIGSTOP);
    int status = 0;
    ::waitpid(server_->pid(), &status, WUNTRACED);
  }
  void Continue() { ::kill(server_->pid(), SIGCONT); }

 private:
  const Memory memory_;
  const TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> server_;
  std::string address_;
};

std::unique_ptr<provider::testing::Bench> NewOwnServer() { return std::make_unique<OwnServer>(); }
std::unique_ptr<provider::testing::Bench> NewForgetfulServer() {
  return std::make_unique<OwnServer>(OwnServer::Memory::kForgets);
}

// A server that others run: a store of its own there for each test.
class OtherServer final : public provider::testing::Bench {
 public:
  explicit OtherServer(std::string address) : address_(std::move(address)) {}
  std::unique_ptr<provider::Provider> Connect() override {
    return Open(
        {.address = address_, .token = FromEnvironment("TEST_OPENFGA_TOKEN"), .store_name = name_});
  }
  void Crash() override {}  // Not ours to kill.

 private:
  const std::string address_;
  const std::string name_ =
      "pemba-contract-" +
      std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
};

std::unique_ptr<provider::testing::Bench> NewOtherServer() {
  return std::make_unique<OtherServer>(FromEnvironment("TEST_OPENFGA_ADDRESS"));
}
std::vector<provider::testing::NewBench> GivenServers() {
  if (FromEnvironment("TEST_OPENFGA_ADDRESS").empty()) return {};
  return {&NewOtherServer};
}

TEST(GivenServer, KeepsTheContract) {
  if (GivenServers().empty()) {
    GTEST_SKIP() << "TEST_OPENFGA_ADDRESS names no other server to run the suites against";
  }
}

}  // namespace
}  // namespace pemba::e2e

namespace pemba::provider::testing {
INSTANTIATE_TEST_SUITE_P(Remote, ProviderContract, ::testing::Values(&e2e::NewOwnServer));
INSTANTIATE_TEST_SUITE_P(Remote, ReplicationContract, ::testing::Values(&e2e::NewOwnServer));
INSTANTIATE_TEST_SUITE_P(Forgetful, ReplicationContract,
                         ::testing::Values(&e2e::NewForgetfulServer));
INSTANTIATE_TEST_SUITE_P(Given, ProviderContract, ::testing::ValuesIn(e2e::GivenServers()));
INSTANTIATE_TEST_SUITE_P(Given, ReplicationContract, ::testing::ValuesIn(e2e::GivenServers()));
}  // namespace pemba::provider::testing

namespace pemba::e2e {
namespace {

Result<Decision> Ask(provider::Provider& provider, const tuple::Tuple& question,
                     std::chrono::milliseconds patience = 2s) {
  return provider.Check({&question, 1}, {.deadline = TestClock().Steady() + patience}).front();
}

class RemoteProvider : public ::testing::Test {
 protected:
  void SetUp() override {
    auto options = server_.Options();
    options.query_patience = 1s;
    options.change_patience = 2s;
    options.open_max = 500ms;
    provider_ = Open(std::move(options));
    ASSERT_TRUE(provider::PublishModel(*provider_, Library()).ok());
    ASSERT_TRUE(provider_->Apply({}, {&grant_, 1}).ok());
  }
  // Until it is decided, or 10 s have gone by.
  Result<Decision> AskUntilDecided() {
    for (const auto end = TestClock().Steady() + 10s;;) {
      auto outcome = Ask(*provider_, grant_);
      if (outcome.ok() || TestClock().Steady() > end) return outcome;
      std::this_thread::sleep_for(20ms);
    }
  }

  OwnServer server_;
  std::unique_ptr<OpenFga> provider_;
  const tuple::Tuple grant_ = T("doc:1#get@person:a");
};

TEST_F(RemoteProvider, AServerThatIsGoneIsAnErrorAtOnceAndFoundAgain) {
  server_.Kill();
  for (int i = 0; i < 6; ++i) {
    const auto outcome = Ask(*provider_, grant_, 600ms);
    ASSERT_FALSE(outcome.ok());
    EXPECT_NE(provider::ClassOf(outcome.error().code), provider::FailureClass::kPermanent);
  }
  EXPECT_EQ(provider_->health(), Health::kDown);
  const auto begin = TestClock().Steady();
  EXPECT_FALSE(Ask(*provider_, grant_).ok());
  EXPECT_LT(TestClock().Steady() - begin, 1s);

  server_.Restart();
  const auto outcome = AskUntilDecided();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(*outcome, Decision::kAllowed);
  EXPECT_EQ(provider_->health(), Health::kOk);
}

TEST_F(RemoteProvider, APausedServerIsWaitedForNoLongerThanTheDeadline) {
  server_.Pause();
  const auto begin = TestClock().Steady();
  const auto outcome = Ask(*provider_, grant_, 700ms);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_LT(TestClock().Steady() - begin, 1500ms);
  const tuple::Tuple more = T("doc:2#get@person:a");
  const auto applied = provider_->Apply({}, {&more, 1});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(provider::ClassOf(applied.error().code), provider::FailureClass::kUnknown);

  server_.Continue();
  const auto again = AskUntilDecided();
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(provider_->Apply({}, {&more, 1}).ok());  // Whether it was made already or not.
}

TEST_F(RemoteProvider, WritesGoOnThroughARestart) {
  std::vector<tuple::Tuple> grants;
  for (int i = 0; i < 300; ++i) grants.push_back(T("doc:2#get@person:p" + std::to_string(i)));
  Status applied = Error{ErrorCode::kInternal, "not tried"};
  std::thread applier([&] {
    for (int i = 0; i < 100; ++i) {  // As the outbox does: the same again, also once it is made.
      applied = provider_->Apply({}, grants);
      if (applied.ok()) continue;
      EXPECT_NE(provider::ClassOf(applied.error().code), provider::FailureClass::kPermanent)
          << applied.error().message;
      std::this_thread::sleep_for(50ms);
    }
  });
  std::this_thread::sleep_for(30ms);
  server_.Crash();
  applier.join();
  ASSERT_TRUE(applied.ok()) << applied.error().message;
  std::size_t count = 0;
  const auto outcome = AskUntilDecided();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  const auto read = provider_->ReadTuples([&](const tuple::Tuple&) -> Status {
    ++count;
    return Done{};
  });
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(count, 301U);
}

TEST_F(RemoteProvider, TheStoreOfANameIsMadeOnceAndFoundByEverybody) {
  auto options = server_.Options();
  options.store_name = "another name";
  std::vector<std::thread> threads;
  std::vector<std::string> ids(4);
  for (auto& id : ids) {
    threads.emplace_back([&] {
      const auto found = Open(options)->StoreId();
      if (found.ok()) id = *found;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(ids[0].empty());
  EXPECT_THAT(ids, ::testing::Each(ids[0]));
}

TEST(RemoteProviderOptions, AreLookedAtBeforeAnythingIsAsked) {
  for (const OpenFgaOptions& options : {
           OpenFgaOptions{.address = "", .store_name = "a name"},
           OpenFgaOptions{.address = "127.0.0.1:1"},
           OpenFgaOptions{.address = "127.0.0.1:1", .store_id = "x", .store_name = "a name"},
           OpenFgaOptions{.address = "a:1", .ca_file = "/no/such/file", .store_name = "a name"},
       }) {
    const auto opened = OpenFga::Open(options, TestClock());
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(RemoteProviderToken, IsSentAndAWrongOneIsAPermanentErrorThatDoesNotShowIt) {
  const TemporaryDirectory directory;
  const ServerProcess server(directory.path() / "data",
                             {"--metrics-enabled=false", "--authn-method", "preshared",
                              "--authn-preshared-keys", "right-secret"});
  OpenFgaOptions options{
      .address = server.grpc_address(), .token = "right-secret", .store_name = "a name"};
  EXPECT_TRUE(Open(options)->StoreId().ok());
  options.token = "wrong-secret";
  const auto refused = Open(options)->StoreId();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace pemba::e2e
