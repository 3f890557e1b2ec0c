// OtlpCollector: a gRPC server in this process that takes traces and keeps them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

namespace pemba::wire_test {

namespace otlp = ::opentelemetry::proto;

inline std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const auto& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Takes whatever is exported and keeps the spans.
class OtlpCollector final : public grpc::CallbackGenericService {
 public:
  OtlpCollector() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~OtlpCollector() override { server_->Shutdown(); }

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
    Reactor(OtlpCollector& collector, std::string method)
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
    OtlpCollector& collector_;
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

}  // namespace pemba::wire_test
