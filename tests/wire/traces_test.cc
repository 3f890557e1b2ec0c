// A collector in this process receives what a server traces.
#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "wire/otlp_collector.h"
#include "wire/test_server.h"
#include "wire/wire_client.h"

namespace pemba::wire_test {
namespace {

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
    {"traceparent", std::string("00-") + kTrace + "-b7ad6b7169203331-01"},
    {"tracestate", "vendor=opaque"}};

TEST(Traces, ACollectorReceivesTheSpansOfBothFronts) {
  OtlpCollector collector;
  const auto server = StartTestServer(Config("http://" + collector.address()));
  std::vector<std::string> responses;
  for (const auto& client :
       {NewGrpcClient(server->grpc_address()), NewHttpClient(server->http_address())}) {
    const auto answer = client->Call(
        "Check",
        {{"store_id", kStore},
         {"tuple_key", {{"user", "user:anne"}, {"relation", "viewer"}, {"object", "document:1"}}}},
        kParent);
    EXPECT_FALSE(answer.ok);  // The store has no model.
    EXPECT_EQ(answer.headers.at("x-request-id"), kTrace);
    responses.push_back(answer.headers.at("traceresponse"));
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
    EXPECT_EQ(span.trace_state(), "vendor=opaque");
    // What the caller was told is where it finds the span.
    const auto told = telemetry::ParseTraceParent(responses[static_cast<std::size_t>(i)]);
    ASSERT_TRUE(told && told->sampled);
    EXPECT_EQ(telemetry::ToHex(told->trace_id), kTrace);
    EXPECT_EQ(span.span_id(), std::string(told->span_id.begin(), told->span_id.end()));
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
  OtlpCollector collector;
  auto loaded = Config(collector.address());
  loaded.config.trace.otlp.batch_delay = std::chrono::minutes(1);
  auto server = StartTestServer(loaded);
  EXPECT_TRUE(NewGrpcClient(server->grpc_address())->Call("ListStores", {}).ok);
  server->Shutdown();
  EXPECT_EQ(collector.Await(1).size(), 1U);
}

TEST(Traces, WhatIsNotSampledIsNotSentButHasATraceIdForRequestId) {
  OtlpCollector collector;
  auto loaded = Config(collector.address());
  loaded.config.trace.sampler = "always_off";
  auto server = StartTestServer(loaded);
  const auto answer = NewGrpcClient(server->grpc_address())->Call("ListStores", {});
  EXPECT_EQ(answer.headers.at("x-request-id").size(), 32U);
  EXPECT_FALSE(answer.headers.contains("traceresponse"));
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
