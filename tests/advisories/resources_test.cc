// Published bugs of effort and memory: work is bounded by budgets, not by the shape of models or
// data, and a request that is gone leaves nothing behind.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>
#include <pthread.h>
#include <unistd.h>

#include "advisories/served_store.h"
#include "pemba/base/arena.h"
#include "pemba/engine/bound_model.h"
#include "pemba/engine/checker.h"
#include "pemba/engine/testing/world_runner.h"
#include "pemba/model/dsl.h"
#include "pemba/model/plan.h"
#include "pemba/model/validation.h"
#include "pemba/rpc/testing/socket_client.h"

namespace pemba::advisories {
namespace {

using engine::Decision;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Runs on a stack so small that recursion over data or models would not fit.
void OnSmallStack(std::function<void()> run) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kSanitized ? 1024 * 1024 : 192 * 1024);
  pthread_t thread{};
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void* task) -> void* {
                  (*static_cast<std::function<void()>*>(task))();
                  return nullptr;
                },
                &run),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

// One model over some tuples, asked within a budget.
class BudgetedWorld {
 public:
  BudgetedWorld(const model::Model& model, const std::vector<std::string>& texts) {
    std::vector<tuple::Tuple> tuples;
    for (const auto& text : texts) {
      const auto view = *tuple::ParseTuple(text);
      tuples.push_back({std::string(view.object), std::string(view.relation),
                        std::string(view.subject), std::nullopt});
    }
    graph_ = engine::testing::GraphOf(tuples);
    bound_ = engine::BoundModel::Bind(*model::Plan::Compile(model), *graph_);
  }
  Result<Decision> Check(const std::string& text, std::uint64_t steps_max) {
    arena_.Reset();
    const engine::Checker checker({.steps_max = steps_max}, clock_);
    return checker.Check(graph_->Pin(), *bound_, {*tuple::ParseTuple(text), {}, nullptr, {}},
                         arena_);
  }
  std::size_t used_bytes() const { return arena_.used_bytes(); }

 private:
  std::unique_ptr<graph::Graph> graph_;
  std::shared_ptr<const engine::BoundModel> bound_;
  SystemClock clock_;
  Arena arena_;
};

std::string RandomRewrite(std::mt19937_64& random, int depth) {
  const auto relation = [&] { return "r" + std::to_string(random() % 5); };
  switch (random() % (depth == 0 ? 3 : 6)) {
    case 0:
      return "[user, t#" + relation() + "]";
    case 1:
      return relation();
    case 2:
      return relation() + " from parent";
    case 3:
      return "(" + RandomRewrite(random, 0) + " or " + RandomRewrite(random, depth - 1) + ")";
    case 4:
      return "(" + RandomRewrite(random, 0) + " and " + RandomRewrite(random, depth - 1) + ")";
    default:
      return "(" + RandomRewrite(random, 0) + " but not " + RandomRewrite(random, depth - 1) + ")";
  }
}

// CVE-2023-35933, CVE-2023-43645, I11: relations that are defined by each other are refused with
// the model or evaluated within the budget, on a stack that does not grow.
TEST(Effort, CyclicModelsAreRefusedOrAnsweredWithinTheBudget) {
  int refused = 0, answered = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    std::mt19937_64 random(seed);
    std::string types =
        "model\n  schema 1.1\ntype user\ntype t\n  relations\n    define parent: [t]\n";
    for (int r = 0; r < 5; ++r) {
      types += "    define r" + std::to_string(r) + ": " + RandomRewrite(random, 2) + "\n";
    }
    const auto model = model::ModelFromDsl(types);
    if (!model.ok() || !model::ValidateModel(*model).ok()) {
      ++refused;
      continue;
    }
    ++answered;
    const auto object = [&] { return "t:" + std::to_string(random() % 4); };
    std::vector<std::string> tuples;
    for (int i = 0; i < 10; ++i) tuples.push_back(object() + "#parent@" + object());
    for (int i = 0; i < 30; ++i) {
      const auto relation = "r" + std::to_string(random() % 5);
      const auto subject =
          random() % 3 == 0 ? "user:anne" : object() + "#r" + std::to_string(random() % 5);
      tuples.push_back(object() + "#" + relation + "@" + subject);
    }
    std::sort(tuples.begin(), tuples.end());
    tuples.erase(std::unique(tuples.begin(), tuples.end()), tuples.end());
    BudgetedWorld world(*model, tuples);
    OnSmallStack([&] {
      for (int r = 0; r < 5; ++r) {
        const auto answer = world.Check("t:0#r" + std::to_string(r) + "@user:anne", 200'000);
        EXPECT_TRUE(answer.ok()) << "seed " << seed << ": " << answer.error().message << types;
      }
    });
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(answered, 100);
}

constexpr const char* kGroups = R"(model
  schema 1.1
type user
type group
  relations
    define banned: [user]
    define member: [user, group#member]
    define cleared: [user, group#cleared] but not banned
)";

// CVE-2023-35933: nesting of data costs memory of the request, not stack.
TEST(Effort, DeepNestingNeedsNoStack) {
  const auto model = *model::ModelFromDsl(kGroups);
  constexpr int kDepth = 100'000;
  for (const std::string relation : {"member", "cleared"}) {
    std::vector<std::string> tuples;
    for (int i = 0; i < kDepth; ++i) {
      tuples.push_back("group:" + std::to_string(i) + "#" + relation +
                       "@group:" + std::to_string(i + 1) + "#" + relation);
    }
    tuples.push_back("group:" + std::to_string(kDepth) + "#" + relation + "@user:anne");
    BudgetedWorld world(model, tuples);
    OnSmallStack([&] {
      const auto anne = world.Check("group:0#" + relation + "@user:anne", 0);
      ASSERT_TRUE(anne.ok());
      EXPECT_EQ(*anne, Decision::kAllowed);
      const auto bob = world.Check("group:0#" + relation + "@user:bob", 0);
      ASSERT_TRUE(bob.ok());
      EXPECT_EQ(*bob, Decision::kDenied);
    });
  }
}

// CVE-2024-23820: what a request may need is bounded by its budget, however the model and the
// tuples conspire; beyond it the answer is an error.
TEST(Effort, MemoryOfARequestIsBoundedByItsBudget) {
  const auto model = *model::ModelFromDsl(kGroups);
  std::vector<std::string> tuples;
  constexpr int kGroupCount = 300;
  for (int i = 0; i < kGroupCount; ++i) {
    for (int j = 0; j < kGroupCount; ++j) {
      if (i == j) continue;
      for (const char* relation : {"member", "cleared"}) {
        tuples.push_back("group:" + std::to_string(i) + "#" + relation +
                         "@group:" + std::to_string(j) + "#" + relation);
      }
    }
  }
  BudgetedWorld world(model, tuples);
  for (const char* relation : {"member", "cleared"}) {
    constexpr std::uint64_t kSteps = 20'000;
    const auto answer = world.Check("group:0#" + std::string(relation) + "@user:bob", kSteps);
    ASSERT_FALSE(answer.ok()) << relation;
    EXPECT_EQ(answer.error().code, ErrorCode::kTooComplex);
    EXPECT_LT(world.used_bytes(), kSteps * 256);
  }
}

// openfga #3125: what a check had to leave off is not taken for a "no" by the checks after it.
TEST(Effort, WhatWasCutOffIsNotBuiltUpon) {
  const auto model = *model::ModelFromDsl(kGroups);
  std::vector<tuple::Tuple> tuples;
  const auto add = [&](const std::string& text) {
    const auto view = *tuple::ParseTuple(text);
    tuples.push_back({std::string(view.object), std::string(view.relation),
                      std::string(view.subject), std::nullopt});
  };
  constexpr int kGroupCount = 40;
  std::vector<std::string> questions;
  for (int i = 0; i < kGroupCount; ++i) {
    const auto group = "group:" + std::to_string(i);
    for (int j = 0; j < kGroupCount; ++j) {
      if (i != j) add(group + "#cleared@group:" + std::to_string(j) + "#cleared");
    }
    questions.push_back(group + "#cleared@user:anne");
  }
  add("group:" + std::to_string(kGroupCount - 1) + "#cleared@user:anne");
  const auto graph = engine::testing::GraphOf(tuples);
  const auto bound = engine::BoundModel::Bind(*model::Plan::Compile(model), *graph);
  std::vector<engine::CheckQuery> queries;
  for (const auto& text : questions) {
    queries.push_back({*tuple::ParseTuple(text), {}, nullptr, {}});
  }
  SystemClock clock;
  int cut_off = 0;
  for (std::uint64_t steps_max = 512; steps_max <= 8'192; steps_max += 512) {
    Arena arena;
    const engine::Checker checker({.steps_max = steps_max}, clock);
    for (const auto& answer : checker.BatchCheck(graph->Pin(), *bound, queries, arena)) {
      if (answer.ok()) {
        EXPECT_EQ(*answer, Decision::kAllowed) << steps_max;
      } else {
        EXPECT_EQ(answer.error().code, ErrorCode::kTooComplex);
        ++cut_off;
      }
    }
  }
  EXPECT_GT(cut_off, 0);
}

// openfga #2425: no request waits for a thread that only another part of it could free.
TEST(Effort, OneThreadIsEnough) {
  auto loaded = wire_test::TestConfig();
  loaded.config.io_threads = 1;
  loaded.config.worker_threads = 1;
  const auto server = wire_test::StartTestServer(loaded);
  const auto setup = wire_test::NewHttpClient(server->http_address());
  const auto store =
      std::string(setup->Call("CreateStore", {{"name", "narrow"}}).response.at("id").as_string());
  auto model = wire_test::ModelFields(kGroups);
  model["store_id"] = store;
  ASSERT_TRUE(setup->Call("WriteAuthorizationModel", model).ok);
  std::vector<std::string> tuples;
  for (int i = 0; i < 99; ++i) {
    tuples.push_back("group:0#cleared@group:" + std::to_string(i + 1) + "#cleared");
  }
  ASSERT_TRUE(setup->Call("Write", {{"store_id", store}, {"writes", TupleKeys(tuples)}}).ok);
  boost::json::array checks;
  for (int i = 0; i < 50; ++i) {
    checks.push_back({{"correlation_id", "c" + std::to_string(i)},
                      {"tuple_key", TupleKey("group:0#cleared@user:" + std::to_string(i))}});
  }
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      const auto client = caller % 2 == 0 ? wire_test::NewHttpClient(server->http_address())
                                          : wire_test::NewGrpcClient(server->grpc_address());
      for (int round = 0; round < 20; ++round) {
        const auto name = std::to_string(caller) + "." + std::to_string(round);
        EXPECT_TRUE(
            client
                ->Call("Write", {{"store_id", store},
                                 {"writes", TupleKeys({"group:" + name + "#member@user:anne"})}})
                .ok);
        EXPECT_TRUE(client->Call("BatchCheck", {{"store_id", store}, {"checks", checks}}).ok);
      }
    });
  }
  for (auto& caller : callers) caller.join();
}

struct Footprint {
  std::size_t handles = 0, threads = 0, bytes = 0;
};

Footprint Now() {
  const auto count = [](const char* directory) {
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) {
      ++entries;
    }
    return entries;
  };
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return {count("/proc/self/fd"), count("/proc/self/task"),
          pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE))};
}

// Calls that end before their answer: cancelled at once, or by a deadline that is too short.
class ImpatientClient {
 public:
  ImpatientClient(const std::string& address, std::string message)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        message_(std::move(message)) {}

  void Ask(int count) {
    struct Call {
      grpc::ClientContext context;
      grpc::ByteBuffer answer;
      grpc::Status status;
      std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    };
    constexpr int kAtOnce = 50;
    for (int done = 0; done < count; done += kAtOnce) {
      grpc::CompletionQueue queue;
      std::vector<std::unique_ptr<Call>> calls;
      for (int i = 0; i < kAtOnce; ++i) {
        auto call = std::make_unique<Call>();
        const bool deadline = i % 2 == 0;
        if (deadline) {
          call->context.set_deadline(std::chrono::system_clock::now() +
                                     std::chrono::microseconds(500));
        }
        grpc::Slice slice(message_);
        const grpc::ByteBuffer sent(&slice, 1);
        call->reader = stub_.PrepareUnaryCall(
            &call->context, "/openfga.v1.OpenFGAService/BatchCheck", sent, &queue);
        call->reader->StartCall();
        call->reader->Finish(&call->answer, &call->status, nullptr);
        if (!deadline) call->context.TryCancel();
        calls.push_back(std::move(call));
      }
      void* tag = nullptr;
      bool ok = false;
      for (int i = 0; i < kAtOnce; ++i) ASSERT_TRUE(queue.Next(&tag, &ok));
    }
  }

 private:
  grpc::GenericStub stub_;
  const std::string message_;
};

void LeaveHttpConnectionsInTheMiddle(const std::string& address, const std::string& store,
                                     int count) {
  const auto head =
      "POST /stores/" + store + "/check HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n";
  for (int i = 0; i < count; ++i) {
    rpc::testing::SocketClient client(address);
    ASSERT_TRUE(client.connected());
    switch (i % 3) {
      case 0:
        client.Send(head.substr(0, 30));
        break;
      case 1:
        client.Send(head + "\r\n{\"tuple");
        break;
      default:
        client.Send(head + "\r\n{\"tuple_key\":{}     }");
    }
  }
}

// CVE-2023-45810, openfga #3106: ten thousand calls that nobody waits for leave neither handles nor
// threads nor memory behind.
TEST(Abandoned, CallsLeaveNothingBehind) {
  ServedStore store({server::DatastoreEngine::kMemory, Transport::kHttp}, R"(type group
  relations
    define banned: [user]
    define member: [user, group#member] but not banned
)");
  std::vector<std::string> tuples;
  for (int i = 0; i < 10; ++i) {
    for (int j = 0; j < 10; ++j) {
      if (i == j) continue;
      tuples.push_back("group:" + std::to_string(i) + "#member@group:" + std::to_string(j) +
                       "#member");
    }
  }
  ASSERT_TRUE(store.Write(tuples).ok);
  openfga::v1::BatchCheckRequest request;
  request.set_store_id(store.id());
  for (int i = 0; i < 20; ++i) {
    auto& check = *request.add_checks();
    check.set_correlation_id(std::to_string(i));
    check.mutable_tuple_key()->set_object("group:0");
    check.mutable_tuple_key()->set_relation("member");
    check.mutable_tuple_key()->set_user("user:" + std::to_string(i));
  }
  ImpatientClient client(store.server().grpc_address(), request.SerializeAsString());
  const auto round = [&](int calls) {
    client.Ask(calls);
    LeaveHttpConnectionsInTheMiddle(store.server().http_address(), store.id(), calls / 20);
  };
  round(3'000);
  ASSERT_EQ(store.Check("group:0#member@user:anne"), "denied");
  const auto before = Now();
  round(10'000);
  // What was cut off ends when its thread gets to it.
  Footprint after;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  do {
    EXPECT_EQ(store.Check("group:0#member@user:anne"), "denied");
    after = Now();
    if (after.handles <= before.handles + 2 && after.threads <= before.threads + 2) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (std::chrono::steady_clock::now() < until);
  RecordProperty("handles",
                 std::to_string(before.handles) + " to " + std::to_string(after.handles));
  RecordProperty("threads",
                 std::to_string(before.threads) + " to " + std::to_string(after.threads));
  RecordProperty("bytes", std::to_string(before.bytes) + " to " + std::to_string(after.bytes));
  EXPECT_LE(after.handles, before.handles + 2);
  EXPECT_LE(after.threads, before.threads + 2);
  if (!kSanitized) {
    EXPECT_LT(after.bytes, before.bytes + 8 * 1024 * 1024) << "from " << before.bytes;
  }
}

}  // namespace
}  // namespace pemba::advisories
