// The transport against gRPC C++: the client that most others are built like.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/synchronization/mutex.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "pemba/rpc/server.h"
#include "pemba/rpc/testing/echo_routes.h"

namespace pemba::rpc {
namespace {

using grpc::ByteBuffer;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ByteBuffer ToBuffer(const std::string& message) {
  const grpc::Slice slice(message);
  return {&slice, 1};
}

std::string ToText(ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.Valid() || !buffer.DumpToSingleSlice(&slice).ok()) return "(nothing)";
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// Calls by method name, without generated code. One call at a time.
class GenericClient {
 public:
  explicit GenericClient(const std::string& address, const grpc::ChannelArguments& arguments = {})
      : channel_(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)),
        stub_(channel_) {}

  grpc::Status Call(grpc::ClientContext& context, const std::string& method,
                    const std::string& request, std::string& answer) {
    grpc::CompletionQueue queue;
    auto reader =
        stub_.PrepareUnaryCall(&context, "/pemba.test.Echo/" + method, ToBuffer(request), &queue);
    reader->StartCall();
    ByteBuffer buffer;
    grpc::Status status;
    reader->Finish(&buffer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    if (status.ok()) answer = ToText(buffer);
    return status;
  }

  grpc::GenericStub& stub() { return stub_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
};

// A streaming call, step by step.
class GenericStream {
 public:
  GenericStream(GenericClient& client, const std::string& method)
      : stream_(client.stub().PrepareCall(&context_, "/pemba.test.Echo/" + method, &queue_)) {
    stream_->StartCall(nullptr);
    Wait();
  }
  ~GenericStream() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  bool Write(const std::string& message) {
    stream_->Write(ToBuffer(message), nullptr);
    return Wait();
  }
  bool WritesDone() {
    stream_->WritesDone(nullptr);
    return Wait();
  }
  // Nothing at the end of the stream.
  std::optional<std::string> Read() {
    ByteBuffer buffer;
    stream_->Read(&buffer, nullptr);
    if (!Wait()) return std::nullopt;
    return ToText(buffer);
  }
  grpc::Status Finish() {
    grpc::Status status;
    stream_->Finish(&status, nullptr);
    Wait();
    return status;
  }
  grpc::ClientContext& context() { return context_; }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

class GrpcInterop : public ::testing::Test {
 protected:
  GrpcInterop() {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    testing::AddEchoRoutes(router_);
    server_ = std::make_unique<Server>(
        ServerOptions{.listeners = {{.address = "127.0.0.1:0"}}, .io_threads = 2}, router_);
    const auto started = server_->Start();
    if (!started.ok()) ADD_FAILURE() << started.error().message;
    address_ = server_->addresses().front();
    client_ = std::make_unique<GenericClient>(address_);
  }

  grpc::Status Call(const std::string& method, const std::string& request, std::string& answer) {
    grpc::ClientContext context;
    return client_->Call(context, method, request, answer);
  }

  Router router_;
  std::unique_ptr<Server> server_;
  std::string address_;
  std::unique_ptr<GenericClient> client_;
};

TEST_F(GrpcInterop, UnaryCalls) {
  for (const char* method : {"Unary", "Worker"}) {
    for (const std::size_t size : {0, 1, 16'383, 16'384, 65'536, 600'000}) {
      std::string answer;
      const std::string message(size, 'm');
      const auto status = Call(method, message, answer);
      ASSERT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(answer, message);
    }
  }
}

TEST_F(GrpcInterop, StatusNumbersAbove16) {
  // gRPC C++ keeps the number as it is; its enum just has no name for it.
  for (const int code : {1, 5, 16, 17, 2000, 4004}) {
    std::string answer;
    const auto status = Call("Status", std::to_string(code) + " text", answer);
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "text");
  }
}

TEST_F(GrpcInterop, MessagesOfAnyBytes) {
  std::string answer;
  const auto status = Call("Status", "3 100% caf\xC3\xA9\nnext line", answer);
  EXPECT_EQ(status.error_message(), "100% caf\xC3\xA9\nnext line");
}

TEST_F(GrpcInterop, UnknownMethods) {
  std::string answer;
  EXPECT_EQ(Call("Nothing", "x", answer).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcInterop, MessageLimit) {
  std::string answer;
  EXPECT_TRUE(Call("Unary", std::string(616'448, 'x'), answer).ok());
  const auto status = Call("Unary", std::string(616'449, 'x'), answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "received message larger than max (616449 vs. 616448)");
  EXPECT_TRUE(Call("Unary", "and on", answer).ok());
}

TEST_F(GrpcInterop, Metadata) {
  grpc::ClientContext context;
  const std::string bytes("\0\x01\xFFz", 4);
  context.AddMetadata("x-echo", "plain text");
  context.AddMetadata("x-echo-bin", bytes);
  std::string answer;
  ASSERT_TRUE(client_->Call(context, "Unary", "x", answer).ok());
  const auto& metadata = context.GetServerInitialMetadata();
  const auto find = [&](const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? "(none)"
                                   : std::string(found->second.data(), found->second.size());
  };
  EXPECT_EQ(find("x-echo"), "plain text");
  EXPECT_EQ(find("x-echo-bin"), bytes);
}

TEST_F(GrpcInterop, Deadlines) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(100));
  std::string answer;
  EXPECT_EQ(client_->Call(context, "Slow", "x", answer).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(GrpcInterop, Cancellation) {
  const int before = testing::CancelledSlowCalls();
  grpc::ClientContext context;
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(100));
    context.TryCancel();
  });
  std::string answer;
  EXPECT_EQ(client_->Call(context, "Slow", "x", answer).error_code(), grpc::StatusCode::CANCELLED);
  canceller.join();
  for (int i = 0; i < 1000 && testing::CancelledSlowCalls() == before; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(testing::CancelledSlowCalls(), before + 1);
}

TEST_F(GrpcInterop, GzipRequests) {
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  std::string answer;
  const std::string message(100'000, 'a');
  const auto status = client_->Call(context, "Unary", message, answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer, message);
}

TEST_F(GrpcInterop, UnsupportedCompression) {
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_DEFLATE);
  std::string answer;
  EXPECT_EQ(client_->Call(context, "Unary", std::string(1000, 'a'), answer).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcInterop, ServerStreaming) {
  GenericStream stream(*client_, "Stream");
  ASSERT_TRUE(stream.Write("300 20000"));
  ASSERT_TRUE(stream.WritesDone());
  std::this_thread::sleep_for(milliseconds(50));  // A slow reader: the worker waits for the window.
  int count = 0;
  while (const auto message = stream.Read()) {
    ASSERT_EQ(message->size(), 20'000u);
    ++count;
  }
  EXPECT_EQ(count, 300);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(GrpcInterop, LeavingAStream) {
  {
    GenericStream stream(*client_, "Stream");
    ASSERT_TRUE(stream.Write("1000000 1000"));
    ASSERT_TRUE(stream.WritesDone());
    ASSERT_TRUE(stream.Read().has_value());
    stream.context().TryCancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  std::string answer;
  EXPECT_TRUE(Call("Worker", "and on", answer).ok());
}

TEST_F(GrpcInterop, BidirectionalStreaming) {
  for (const char* method : {"Chat", "ChatWorker"}) {
    GenericStream stream(*client_, method);
    for (int i = 0; i < 20; ++i) {
      const auto message = "message " + std::to_string(i);
      ASSERT_TRUE(stream.Write(message));
      EXPECT_EQ(stream.Read(), message);
    }
    ASSERT_TRUE(stream.WritesDone());
    EXPECT_EQ(stream.Read(), std::nullopt);
    EXPECT_TRUE(stream.Finish().ok());
  }
}

TEST_F(GrpcInterop, AServerThatEndsAStream) {
  GenericStream stream(*client_, "ChatWorker");
  ASSERT_TRUE(stream.Write("one"));
  EXPECT_EQ(stream.Read(), "one");
  ASSERT_TRUE(stream.Write("bye"));
  EXPECT_EQ(stream.Read(), std::nullopt);
  const auto status = stream.Finish();
  EXPECT_EQ(static_cast<int>(status.error_code()), 2001);
  EXPECT_EQ(status.error_message(), "bye");
}

TEST_F(GrpcInterop, GracefulShutdownLosesNoCall) {
  std::atomic<int> failed{0};
  std::atomic<int> answered{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      GenericClient client(address_, arguments);
      while (!stop) {
        std::string answer;
        grpc::ClientContext context;
        const auto status = client.Call(context, "Worker", "x", answer);
        if (status.ok()) {
          answered.fetch_add(1);
        } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                   status.error_message().find("onnect") != std::string::npos) {
          return;  // The listener is closed: this is the end, and no call was lost.
        } else {
          ADD_FAILURE() << status.error_code() << " " << status.error_message();
          failed.fetch_add(1);
          return;
        }
      }
    });
  }
  std::this_thread::sleep_for(milliseconds(200));
  server_->Shutdown(std::chrono::seconds(5));
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed.load(), 0);
  EXPECT_GT(answered.load(), 10);
}

}  // namespace
}  // namespace pemba::rpc
