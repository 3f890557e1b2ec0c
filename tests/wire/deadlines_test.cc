// The time of a request bounds reads and writes, and that of an I/O thread bounds questions. How
// time ends lists: lists_test.cc.
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pemba/api/openfga/service.h"
#include "pemba/model/dsl.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"
#include "wire/world.h"

namespace pemba::wire_test {
namespace {

using api::openfga::RequestContext;
using api::openfga::Service;
namespace json = boost::json;
namespace wire = ::openfga::v1;

class Deadlines : public ::testing::Test {
 protected:
  Deadlines() {
    const auto model = (*stores_.Open(id_))->WriteModel(*model::ModelFromDsl(R"(model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
)"));
    EXPECT_TRUE(model.ok());
    EXPECT_TRUE((*stores_.Open(id_))->Write({.writes = {&tuple_, 1}}).ok());
  }

  static RequestContext Context(std::chrono::milliseconds left) {
    RequestContext context;
    context.caller = api::authn::Caller::Anonymous();
    context.deadline = TestClock().Steady() + left;
    return context;
  }

  template <class Request, class Response>
  void Expect(ErrorCode code, Status (Service::*method)(RequestContext&, const Request&, Response&),
              Request request) {
    SCOPED_TRACE(Request::descriptor()->name());
    request.set_store_id(id_.value);
    auto late = Context(std::chrono::milliseconds(-1));
    Response nothing;
    const auto refused = (service_.*method)(late, request, nothing);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, code);
    EXPECT_EQ(nothing.ByteSizeLong(), 0U);
    auto in_time = Context(std::chrono::minutes(1));
    Response answer;
    const auto answered = (service_.*method)(in_time, request, answer);
    EXPECT_TRUE(answered.ok()) << answered.error().message;
  }

  const std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  store::Stores stores_{*datastore_, TestClock()};
  const StoreId id_ = stores_.CreateStore("deadlines")->id;
  const tuple::Tuple tuple_{"doc:1", "viewer", "user:anne", {}};
  Service service_{stores_, TestClock()};
};

TEST_F(Deadlines, WritesAndReadsFailOnceTheirTimeIsOver) {
  wire::WriteRequest write;
  auto& key = *write.mutable_writes()->add_tuple_keys();
  key.set_object("doc:2");
  key.set_relation("viewer");
  key.set_user("user:bob");
  Expect(ErrorCode::kDeadlineExceeded, &Service::Write, write);
  wire::WriteRequest undo;
  auto& deleted = *undo.mutable_deletes()->add_tuple_keys();
  deleted.set_object("doc:2");
  deleted.set_relation("viewer");
  deleted.set_user("user:bob");
  Expect(ErrorCode::kDeadlineExceeded, &Service::Write, undo);
  EXPECT_EQ((*stores_.Open(id_))->Pin().revision(), 3U) << "what was late was not written";
  Expect(ErrorCode::kDeadlineExceeded, &Service::Read, wire::ReadRequest());
  Expect(ErrorCode::kDeadlineExceeded, &Service::ReadChanges, wire::ReadChangesRequest());
}

// Each look at it is a millisecond later than the one before.
class SteppingClock final : public Clock {
 public:
  WallTime Now() const override { return TestClock().Now(); }
  SteadyTime Steady() const override { return start_ + std::chrono::milliseconds(++looks_); }

 private:
  const SteadyTime start_ = TestClock().Steady();
  mutable std::atomic<int> looks_{0};
};

// Groups in groups, so deep that the clock is looked at on the way.
class LongQuestions : public ::testing::Test {
 protected:
  static constexpr std::size_t kDepth = 3000;

  LongQuestions() {
    const auto store = stores_.Open(id_);
    const auto model = (*store)->WriteModel(*model::ModelFromDsl(R"(model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
)"));
    EXPECT_TRUE(model.ok());
    std::vector<tuple::Tuple> tuples;
    for (std::size_t i = 0; i < kDepth; ++i) {
      const auto member = i == 0 ? "user:anne" : "group:" + std::to_string(i - 1) + "#member";
      tuples.push_back({"group:" + std::to_string(i), "member", member, {}});
    }
    EXPECT_TRUE((*store)->Write({.writes = tuples, .size = store::WriteRequest::Size::kAny}).ok());
    question_.set_store_id(id_.value);
    question_.mutable_tuple_key()->set_user("user:anne");
    question_.mutable_tuple_key()->set_relation("member");
    question_.mutable_tuple_key()->set_object("group:" + std::to_string(kDepth - 1));
    batch_.set_store_id(id_.value);
    auto& item = *batch_.add_checks();
    item.set_correlation_id("1");
    *item.mutable_tuple_key() = question_.tuple_key();
  }

  RequestContext Context() const {
    RequestContext context;
    context.caller = api::authn::Caller::Anonymous();
    context.deadline = clock_.Steady() + std::chrono::minutes(1);
    return context;
  }

  const SteppingClock clock_;
  const std::unique_ptr<storage::Datastore> datastore_ = storage::NewMemoryDatastore();
  store::Stores stores_{*datastore_, TestClock()};
  const StoreId id_ = stores_.CreateStore("long")->id;
  Service service_{stores_, clock_};
  wire::CheckRequest question_;
  wire::BatchCheckRequest batch_;
};

TEST_F(LongQuestions, MoveAndAreAnsweredWhereTheyMayTakeTheirTime) {
  wire::CheckResponse answer;
  wire::BatchCheckResponse answers;
  auto here = Context();
  here.moves_at = clock_.Steady();
  EXPECT_FALSE(service_.Check(here, question_, answer).ok());
  EXPECT_TRUE(here.must_wait);
  here = Context();
  here.moves_at = clock_.Steady();
  EXPECT_FALSE(service_.BatchCheck(here, batch_, answers).ok());
  EXPECT_TRUE(here.must_wait);
  EXPECT_EQ(answers.result_size(), 0);

  auto there = Context();
  ASSERT_TRUE(service_.Check(there, question_, answer).ok());
  EXPECT_TRUE(answer.allowed());
  ASSERT_TRUE(service_.BatchCheck(there, batch_, answers).ok());
  EXPECT_TRUE(answers.result().at("1").allowed());
  EXPECT_FALSE(there.must_wait);
}

TEST_F(LongQuestions, DoNotMoveOnceTheirTimeIsOver) {
  wire::CheckResponse answer;
  auto late = Context();
  late.deadline = clock_.Steady();
  const auto refused = service_.Check(late, question_, answer);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_FALSE(late.must_wait);
}

TEST(LongQuestionsOverTheWire, AreAnsweredAndCountedOnce) {
  const SteppingClock clock;
  auto loaded = TestConfig();
  loaded.config.metrics.enabled = true;
  loaded.config.metrics.address = "127.0.0.1:0";
  auto started = server::Server::Start(loaded, clock);
  ASSERT_TRUE(started.ok()) << started.error().message;
  const auto& server = **started;
  int asked = 0;
  for (const auto& client :
       {NewGrpcClient(server.grpc_address()), NewHttpClient(server.http_address())}) {
    SCOPED_TRACE(client->name());
    const auto store = client->Call("CreateStore", {{"name", "long"}});
    ASSERT_TRUE(store.ok) << store.message;
    const auto id = store.response.at("id").as_string();
    auto model = ModelFields(
        "model\n  schema 1.1\ntype user\ntype group\n  relations\n"
        "    define member: [user, group#member]\n");
    model["store_id"] = id;
    ASSERT_TRUE(client->Call("WriteAuthorizationModel", model).ok);
    json::array tuples;
    for (int i = 0; i < 2000; ++i) {
      tuples.push_back(json::object{
          {"user", i == 0 ? "user:anne" : "group:" + std::to_string(i - 1) + "#member"},
          {"relation", "member"},
          {"object", "group:" + std::to_string(i)}});
      if (tuples.size() < 100) continue;
      const json::object write{{"store_id", id}, {"writes", {{"tuple_keys", tuples}}}};
      ASSERT_TRUE(client->Call("Write", write).ok);
      tuples.clear();
    }
    for (const bool member : {true, false}) {
      const auto check = client->Call("Check", {{"store_id", id},
                                                {"tuple_key",
                                                 {{"user", member ? "user:anne" : "user:bob"},
                                                  {"relation", "member"},
                                                  {"object", "group:1999"}}}});
      ASSERT_TRUE(check.ok) << check.message;
      EXPECT_EQ(check.response.at("allowed").as_bool(), member);
      ++asked;
    }
  }
  const auto metrics = HttpRequest(server.metrics_address(), "GET", "/metrics", "").body;
  const std::string labels =
      "{grpc_type=\"unary\",grpc_service=\"openfga.v1.OpenFGAService\",grpc_method=\"Check\"";
  EXPECT_NE(
      metrics.find("grpc_server_started_total" + labels + "} " + std::to_string(asked) + "\n"),
      metrics.npos);
}

}  // namespace
}  // namespace pemba::wire_test
