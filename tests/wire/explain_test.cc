// Explain over both transports: the same answer, the errors of Check.
#include <memory>
#include <string>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openfga/v1/openfga_service.pb.h>
#include <pemba/v1/pemba_service.pb.h>

#include "pemba/api/json_reader.h"
#include "wire/test_server.h"

namespace pemba::wire_test {
namespace {

using ::pemba::v1::ExplainRequest;
using ::pemba::v1::ExplainResponse;
using ::pemba::v1::ProofNode;

class ExplainTest : public ::testing::Test {
 protected:
  ExplainTest()
      : server_(StartTestServer()),
        stub_(grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials())) {
    openfga::v1::CreateStoreRequest create;
    create.set_name("explained");
    openfga::v1::CreateStoreResponse created;
    EXPECT_TRUE(Call("/openfga.v1.OpenFGAService/CreateStore", create, created).ok());
    store_id_ = created.id();
    openfga::v1::WriteAuthorizationModelRequest model;
    EXPECT_TRUE(api::ReadJson(R"({"schema_version":"1.1","type_definitions":[{"type":"user"},
        {"type":"doc","relations":{"owner":{"this":{}},"viewer":{"computedUserset":
        {"relation":"owner"}}},"metadata":{"relations":{"owner":{"directly_related_user_types":
        [{"type":"user"}]},"viewer":{"directly_related_user_types":[]}}}}]})",
                              model)
                    .ok());
    model.set_store_id(store_id_);
    openfga::v1::WriteAuthorizationModelResponse written;
    EXPECT_TRUE(Call("/openfga.v1.OpenFGAService/WriteAuthorizationModel", model, written).ok());
    openfga::v1::WriteRequest write;
    write.set_store_id(store_id_);
    auto& key = *write.mutable_writes()->add_tuple_keys();
    key.set_user("user:anne");
    key.set_relation("owner");
    key.set_object("doc:1");
    openfga::v1::WriteResponse done;
    EXPECT_TRUE(Call("/openfga.v1.OpenFGAService/Write", write, done).ok());
  }

  template <class Request, class Response>
  grpc::Status Call(const std::string& method, const Request& request, Response& response) {
    grpc::Slice slice(request.SerializeAsString());
    grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    grpc::Status status;
    const auto call = stub_.PrepareUnaryCall(&context, method, sent, &queue);
    call->StartCall();
    call->Finish(&received, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    grpc::Slice bytes;
    if (status.ok() && received.DumpToSingleSlice(&bytes).ok()) {
      EXPECT_TRUE(response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
    }
    return status;
  }

  grpc::Status Explain(const std::string& user, const std::string& relation,
                       ExplainResponse& response) {
    ExplainRequest request;
    request.set_store_id(store_id_);
    request.mutable_tuple_key()->set_user(user);
    request.mutable_tuple_key()->set_relation(relation);
    request.mutable_tuple_key()->set_object("doc:1");
    return Call("/pemba.v1.PembaService/Explain", request, response);
  }

  std::unique_ptr<server::Server> server_;
  grpc::GenericStub stub_;
  std::string store_id_;
};

TEST_F(ExplainTest, ProvesWhatIsAllowed) {
  ExplainResponse response;
  ASSERT_TRUE(Explain("user:anne", "viewer", response).ok());
  EXPECT_EQ(response.outcome(), ExplainResponse::OUTCOME_ALLOWED);
  ASSERT_EQ(response.proof_size(), 2);
  EXPECT_EQ(response.proof(0).rule(), ProofNode::RULE_DIRECT);
  EXPECT_EQ(response.proof(0).steps(0).evidence().tuple().user(), "user:anne");
  EXPECT_EQ(response.proof(1).rule(), ProofNode::RULE_COMPUTED);
  EXPECT_EQ(response.proof(1).steps(0).node(), 0U);
}

TEST_F(ExplainTest, SaysWhatIsMissing) {
  ExplainResponse response;
  ASSERT_TRUE(Explain("user:bob", "viewer", response).ok());
  EXPECT_EQ(response.outcome(), ExplainResponse::OUTCOME_DENIED);
  ASSERT_EQ(response.near_misses_size(), 1);
  EXPECT_EQ(response.near_misses(0).obstacles(0).tuple().relation(), "owner");
  EXPECT_TRUE(response.complete());
}

TEST_F(ExplainTest, RefusesWhatCheckRefuses) {
  ExplainResponse response;
  EXPECT_EQ(static_cast<int>(Explain("user:anne", "nothing", response).error_code()), 2000);
  const auto invalid = Explain("", "viewer", response);
  EXPECT_EQ(invalid.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(invalid.error_message().find("invalid"), std::string::npos);
}

}  // namespace
}  // namespace pemba::wire_test
