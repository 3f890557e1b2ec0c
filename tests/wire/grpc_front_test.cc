// gRPC itself, asked by the stock C++ client: health, reflection, refusals.
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.pb.h>
#include <grpc/health/v1/health.pb.h>
#include <grpc/reflection/v1/reflection.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "wire/test_server.h"

namespace pemba::wire_test {
namespace {

class GrpcFront : public ::testing::Test {
 protected:
  std::unique_ptr<server::Server> server_ = StartTestServer();
};

// One unary call of bytes.
grpc::Status Unary(const std::string& address, const std::string& method, const std::string& sent,
                   std::string& received) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(-1);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  grpc::Slice slice(sent);
  grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (status.ok()) response.Dump(&slices);
  received.clear();
  for (const auto& part : slices) {
    received.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  return status;
}

TEST_F(GrpcFront, HealthOverGrpc) {
  namespace health = ::grpc::health::v1;
  std::string received;
  health::HealthCheckRequest request;
  for (const char* service : {"", "openfga.v1.OpenFGAService"}) {
    request.set_service(service);
    const auto status = Unary(server_->grpc_address(), "/grpc.health.v1.Health/Check",
                              request.SerializeAsString(), received);
    ASSERT_TRUE(status.ok()) << status.error_message();
    health::HealthCheckResponse response;
    ASSERT_TRUE(response.ParseFromString(received));
    EXPECT_EQ(response.status(), health::HealthCheckResponse::SERVING);
  }
  request.set_service("authzen.v1.AuthZenService");
  auto status = Unary(server_->grpc_address(), "/grpc.health.v1.Health/Check",
                      request.SerializeAsString(), received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(),
            "service 'authzen.v1.AuthZenService' is not registered with the Health server");
  status = Unary(server_->grpc_address(), "/grpc.health.v1.Health/Watch", "", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcFront, GrpcRefusals) {
  std::string received;
  const auto& address = server_->grpc_address();
  auto status = Unary(address, "/openfga.v1.OpenFGAService/Nothing", "", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "unknown method Nothing for service openfga.v1.OpenFGAService");
  status = Unary(address, "/openfga.v1.OpenFGAService/Check", "\xff\xff\xff", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  // A store name that is not UTF-8.
  status =
      Unary(address, "/openfga.v1.OpenFGAService/CreateStore", "\x0a\x03\xff\xfe\xfd", received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  status =
      Unary(address, "/openfga.v1.OpenFGAService/CreateStore", std::string(700'000, 'a'), received);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("received message larger than max"), std::string::npos);
}

class ReflectionVersion : public ::testing::TestWithParam<const char*> {};

TEST_P(ReflectionVersion, ListsServicesAndServesFiles) {
  namespace reflection = ::grpc::reflection::v1;  // Both versions have the same bytes.
  const auto server = StartTestServer();
  grpc::GenericStub stub(
      grpc::CreateChannel(server->grpc_address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto stream =
      stub.PrepareCall(&context, std::string("/") + GetParam() + "/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const auto ask = [&](const reflection::ServerReflectionRequest& request) {
    grpc::Slice slice(request.SerializeAsString());
    stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    EXPECT_TRUE(wait());
    grpc::ByteBuffer bytes;
    stream->Read(&bytes, nullptr);
    EXPECT_TRUE(wait());
    std::vector<grpc::Slice> slices;
    bytes.Dump(&slices);
    std::string text;
    for (const auto& part : slices) {
      text.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    reflection::ServerReflectionResponse response;
    EXPECT_TRUE(response.ParseFromString(text));
    return response;
  };

  reflection::ServerReflectionRequest request;
  request.set_list_services("*");
  std::set<std::string> services;
  const auto listed = ask(request);
  for (const auto& service : listed.list_services_response().service()) {
    services.insert(service.name());
  }
  EXPECT_EQ(services,
            (std::set<std::string>{"openfga.v1.OpenFGAService", "authzen.v1.AuthZenService",
                                   "pemba.reason.v1.ReasonService", "pemba.v1.PembaService",
                                   "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                   "grpc.reflection.v1alpha.ServerReflection"}));

  request.set_file_containing_symbol("openfga.v1.OpenFGAService");
  std::set<std::string> files;
  bool has_check = false;
  const auto found = ask(request);
  for (const auto& bytes : found.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    files.insert(file.name());
    for (const auto& service : file.service()) {
      for (const auto& method : service.method()) has_check = has_check || method.name() == "Check";
    }
  }
  EXPECT_TRUE(has_check);
  EXPECT_TRUE(files.contains("google/protobuf/struct.proto"));

  request.set_file_by_filename("openfga/v1/authzmodel.proto");
  EXPECT_EQ(ask(request).file_descriptor_response().file_descriptor_proto_size(), 1);
  request.set_file_containing_symbol("no.such.Thing");
  EXPECT_EQ(ask(request).error_response().error_code(), 5);

  stream->WritesDone(nullptr);
  EXPECT_TRUE(wait());
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(wait());
  EXPECT_TRUE(status.ok()) << status.error_message();
}

INSTANTIATE_TEST_SUITE_P(Versions, ReflectionVersion,
                         ::testing::Values("grpc.reflection.v1.ServerReflection",
                                           "grpc.reflection.v1alpha.ServerReflection"),
                         [](const auto& version) {
                           return std::string(version.param).find("alpha") == std::string::npos
                                      ? "v1"
                                      : "v1alpha";
                         });

}  // namespace
}  // namespace pemba::wire_test
