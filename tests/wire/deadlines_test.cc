// The time of a request bounds reads and writes. How it ends lists: lists_test.cc.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "pemba/api/openfga/service.h"
#include "pemba/model/dsl.h"
#include "pemba/storage/memory.h"
#include "pemba/store/stores.h"
#include "wire/test_server.h"

namespace pemba::wire_test {
namespace {

using api::openfga::RequestContext;
using api::openfga::Service;
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

}  // namespace
}  // namespace pemba::wire_test
