// A collector in this process receives what a server traces.
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <boost/json/value_to.hpp>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

namespace otlp = ::opentelemetry::proto;

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const auto& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Takes whatever is exported and keeps the spans.
class Collector final : public grpc::CallbackGenericService {
 public:
  Collector() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~Collector() override { server_->Shutdown(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // All spans, once there are `count` of them.
  std::vector<otlp::trace::v1::Span> Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return spans_.size() >= count; });
    return spans_;
  }
  std::map<std::string, std::string> resource() {
    const std::lock_guard lock(mutex_);
    return resource_;
  }

 private:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(Collector& collector, std::string method)
        : collector_(collector), method_(std::move(method)) {
      StartRead(&received_);
    }
    void OnReadDone(bool ok) override {
      if (ok) collector_.Take(method_, Bytes(received_));
      grpc::Slice empty;
      answer_ = grpc::ByteBuffer(&empty, 1);
      StartWriteAndFinish(&answer_, {}, grpc::Status::OK);
    }
    void OnDone() override { delete this; }

   private:
    Collector& collector_;
    const std::string method_;
    grpc::ByteBuffer received_, answer_;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Reactor(*this, context->method());
  }

  void Take(const std::string& method, const std::string& bytes) {
    EXPECT_EQ(method, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    otlp::collector::trace::v1::ExportTraceServiceRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    const std::lock_guard lock(mutex_);
    for (const auto& resource : request.resource_spans()) {
      for (const auto& attribute : resource.resource().attributes()) {
        resource_[attribute.key()] = attribute.value().string_value();
      }
      for (const auto& scope : resource.scope_spans()) {
        for (const auto& span : scope.spans()) spans_.push_back(span);
      }
    }
    arrived_.notify_all();
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;  // Guards what follows.
  std::condition_variable arrived_;
  std::vector<otlp::trace::v1::Span> spans_;
  std::map<std::string, std::string> resource_;
};

server::LoadedConfig Config(const std::string& endpoint) {
  auto loaded = TestConfig();
  loaded.config.trace.enabled = true;
  loaded.config.trace.sampler = "always_on";
  loaded.config.trace.otlp.endpoint = endpoint;
  loaded.config.trace.otlp.batch_delay = std::chrono::milliseconds(10);
  loaded.config.trace.otlp.resource = {{"deployment.environment", "test"}};
  return loaded;
}

std::map<std::string, std::string> TextAttributes(const otlp::trace::v1::Span& span) {
  std::map<std::string, std::string> out;
  for (const auto& attribute : span.attributes()) {
    out[attribute.key()] = attribute.value().string_value();
  }
  return out;
}

constexpr const char* kStore = "01HVMMBCMGZNT3SED4Z17ECXCA";
constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::map<std::string, std::string> kParent = {
    {"traceparent", std::string("00-") + kTrace + "-b7ad6b7169203331-01"}};

TEST(Traces, ACollectorReceivesTheSpansOfBothFronts) {
  Collector collector;
  const auto server = StartTestServer(Config("http://" + collector.address()));
  for (const auto& client :
       {NewGrpcClient(server->grpc_address()), NewHttpClient(server->http_address())}) {
    const auto answer = client->Call(
        "Check",
        {{"store_id", kStore},
         {"tuple_key", {{"user", "user:anne"}, {"relation", "viewer"}, {"object", "document:1"}}}},
        kParent);
    EXPECT_FALSE(answer.ok);  // The store has no model.
    EXPECT_EQ(answer.headers.at("x-request-id"), kTrace);
  }
  EXPECT_TRUE(NewGrpcClient(server->grpc_address())->Call("ListStores", {}).ok);

  const auto spans = collector.Await(3);
  ASSERT_EQ(spans.size(), 3U);
  for (int i = 0; i < 2; ++i) {
    const auto& span = spans[static_cast<std::size_t>(i)];
    EXPECT_EQ(span.name(), "Check");
    EXPECT_EQ(span.kind(), otlp::trace::v1::Span::SPAN_KIND_SERVER);
    EXPECT_EQ(static_cast<unsigned char>(span.trace_id()[1]), 0xF7);
    EXPECT_EQ(static_cast<unsigned char>(span.parent_span_id()[0]), 0xB7);
    EXPECT_EQ(span.span_id().size(), 8U);
    EXPECT_GT(span.end_time_unix_nano(), span.start_time_unix_nano());
    EXPECT_EQ(span.status().code(), otlp::trace::v1::Status::STATUS_CODE_ERROR);
    auto attributes = TextAttributes(span);
    EXPECT_EQ(attributes["store_id"], kStore);
    EXPECT_EQ(attributes["user"], "user:anne");
    EXPECT_EQ(attributes["relation"], "viewer");
    EXPECT_EQ(attributes["object"], "document:1");
    EXPECT_EQ(attributes["consistency"], "UNSPECIFIED");
    EXPECT_EQ(attributes["request_id"], kTrace);
  }
  EXPECT_EQ(spans[2].name(), "ListStores");
  EXPECT_TRUE(spans[2].parent_span_id().empty());
  EXPECT_EQ(spans[2].status().code(), otlp::trace::v1::Status::STATUS_CODE_UNSET);
  auto resource = collector.resource();
  EXPECT_EQ(resource["service.name"], "openfga");
  EXPECT_EQ(resource["deployment.environment"], "test");
  EXPECT_FALSE(resource["service.version"].empty());
}

TEST(Traces, StoppingSendsWhatWaits) {
  Collector collector;
  auto loaded = Config(collector.address());
  loaded.config.trace.otlp.batch_delay = std::chrono::minutes(1);
  auto server = StartTestServer(loaded);
  EXPECT_TRUE(NewGrpcClient(server->grpc_address())->Call("ListStores", {}).ok);
  server->Shutdown();
  EXPECT_EQ(collector.Await(1).size(), 1U);
}

TEST(Traces, WhatIsNotSampledIsNotSentButHasATraceIdForRequestId) {
  Collector collector;
  auto loaded = Config(collector.address());
  loaded.config.trace.sampler = "always_off";
  auto server = StartTestServer(loaded);
  const auto answer = NewGrpcClient(server->grpc_address())->Call("ListStores", {});
  EXPECT_EQ(answer.headers.at("x-request-id").size(), 32U);
  server->Shutdown();
  EXPECT_TRUE(collector.Await(0).empty());
}

TEST(Traces, AServerThatCannotReachItsCollectorDoesNotStart) {
  auto loaded = Config("127.0.0.1:1");
  loaded.config.trace.otlp.connect_timeout = std::chrono::milliseconds(200);
  EXPECT_THROW(StartTestServer(loaded), std::runtime_error);
}

}  // namespace
}  // namespace pemba::wire_test
