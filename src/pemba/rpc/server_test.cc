#include "pemba/rpc/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/rpc/testing/echo_routes.h"
#include "pemba/rpc/testing/http2_client.h"
#include "pemba/rpc/testing/socket_client.h"

namespace pemba::rpc {
namespace {

using pemba::rpc::testing::CancelledSlowCalls;
using pemba::rpc::testing::Http2Client;
using pemba::rpc::testing::SocketClient;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kSmallRequest = "GET /stores/1 HTTP/1.1\r\nHost: a\r\n\r\n";

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() { pemba::rpc::testing::AddEchoRoutes(router_); }

  void Start(ServerOptions options = {}) {
    options.listeners.push_back({.address = "127.0.0.1:0"});
    if (options.io_threads == 0) options.io_threads = 2;
    server_ = std::make_unique<Server>(std::move(options), router_);
    const auto started = server_->Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
    address_ = server_->addresses().front();
  }

  // Waits for something that another thread brings about.
  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }

  const std::string service_ = "/pemba.test.Echo/";
  Router router_;
  std::unique_ptr<Server> server_;
  std::string address_;
};

TEST_F(ServerTest, TellsTheProtocolsApart) {
  Start();
  SocketClient http1(address_);
  http1.Send(kSmallRequest);
  EXPECT_THAT(http1.ReadUntil("\r\n\r\n1"), StartsWith("HTTP/1.1 200 OK\r\n"));

  SocketClient http2(address_);
  Http2Client client;
  const auto stream = client.Grpc(service_ + "Unary", "hello");
  Talk(http2, client, [&] { return client.response(stream).closed; });
  EXPECT_THAT(Http2Client::Unframe(client.response(stream).body), ElementsAre("hello"));
}

TEST_F(ServerTest, TellsThemApartByteByByte) {
  Start();
  SocketClient http1(address_);
  for (const char c : std::string_view("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n")) {
    http1.Send(std::string_view(&c, 1));
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_THAT(http1.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 404"));

  SocketClient http2(address_);
  Http2Client client;
  const auto stream = client.Grpc(service_ + "Unary", "hello");
  for (const char c : client.Take()) http2.Send(std::string_view(&c, 1));
  Talk(http2, client, [&] { return client.response(stream).closed; });
  EXPECT_EQ(client.response(stream).Find("grpc-status"), "0");
}

TEST_F(ServerTest, ManyClientsAtOnce) {
  Start({.worker_threads = 4});
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      SocketClient socket(address_);
      Http2Client client;
      std::vector<std::int32_t> streams;
      for (int i = 0; i < 200; ++i) {
        const bool chat = (i + t) % 3 == 0;
        const char* method = chat ? "ChatWorker" : (i + t) % 3 == 1 ? "Worker" : "Unary";
        streams.push_back(client.Grpc(service_ + method, "message " + std::to_string(i)));
      }
      Talk(socket, client, [&] {
        return std::all_of(streams.begin(), streams.end(),
                           [&](auto stream) { return client.response(stream).closed; });
      });
      for (std::size_t i = 0; i < streams.size(); ++i) {
        const auto& response = client.response(streams[i]);
        if (Http2Client::Unframe(response.body) == std::vector{"message " + std::to_string(i)} &&
            response.Find("grpc-status") == "0") {
          answered.fetch_add(1);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered.load(), 8 * 200);
}

TEST_F(ServerTest, StreamsToASlowReaderWithoutBufferingItAll) {
  std::atomic<int> sent{0};
  router_.Add(
      {.grpc_method = "/count", .execution = Execution::kWorker, .handler = [&](Call& call) {
         const std::string piece(10'000, 'x');
         for (int i = 0; i < 100; ++i) {
           if (!call.Send({}, piece)) return call.FinishStream({1, "gone"});
           sent.fetch_add(1);
         }
         call.FinishStream({});
       }});
  Start();
  SocketClient socket(address_);
  Http2Client client(1000);
  const auto stream = client.Grpc("/count", "");
  Talk(socket, client, [&] { return client.response(stream).body.size() == 1000; });
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_LE(sent.load(), 8);  // 64 KiB and the piece that filled it.
  for (std::size_t granted = 1000; granted < 1'000'500; granted += 50'000) {
    client.GrantWindow(stream, 50'000);
    client.GrantWindow(0, 50'000);
    Talk(socket, client, [&] {
      return client.response(stream).closed ||
             client.response(stream).body.size() >= granted + 50'000;
    });
  }
  EXPECT_EQ(client.response(stream).body.size(), 1'000'500u);
  EXPECT_EQ(client.response(stream).Find("grpc-status"), "0");
  EXPECT_EQ(sent.load(), 100);
}

TEST_F(ServerTest, AStalledReaderDoesNotKeepAWorker) {
  Start({.worker_threads = 1, .stall_timeout = milliseconds(200)});
  SocketClient socket(address_);
  Http2Client client(1000);
  const auto stream = client.Grpc(service_ + "Stream", "1000 10000");
  Talk(socket, client, [&] { return client.response(stream).closed; });
  EXPECT_TRUE(client.response(stream).closed);
  EXPECT_EQ(client.response(stream).Find("grpc-status"), "");

  SocketClient http1(address_);
  http1.Send("GET /stream?1000+100000 HTTP/1.1\r\nHost: a\r\n\r\n");  // And never reads.
  SocketClient other(address_);
  other.Send("POST /worker/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(other.ReadUntil("\r\n\r\nhi"), EndsWith("hi"));
}

TEST_F(ServerTest, SendsLargeAnswersWholeAndToEveryone) {
  const std::string large(std::size_t{8} << 20, 'x');
  router_.Add({.grpc_method = "/large",
               .http_method = "GET",
               .http_pattern = "/large",
               .handler = [&](Call& call) {
                 if (call.protocol() == Protocol::kGrpc) return call.FinishGrpc({}, large);
                 call.FinishHttp(200, "text/plain", large);
               }});
  Start({.io_threads = 1});
  std::vector<std::unique_ptr<SocketClient>> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(std::make_unique<SocketClient>(address_));
    readers.back()->Send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
  SocketClient socket(address_);
  Http2Client client(16 << 20);
  client.GrantWindow(0, 16 << 20);
  const auto stream = client.Grpc("/large", "");
  Talk(socket, client, [&] { return client.response(stream).closed; });
  EXPECT_EQ(client.response(stream).body.size(), large.size() + 5);
  SocketClient other(address_);
  other.Send(kSmallRequest);
  EXPECT_THAT(other.ReadUntil("\r\n\r\n1"), EndsWith("1"));
  for (const auto& reader : readers) {
    const auto answer = reader->ReadAll();
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, large.size());
  }
}

TEST_F(ServerTest, CancellationReachesHandlers) {
  Start();
  const int before = CancelledSlowCalls();
  {
    SocketClient socket(address_);
    Http2Client client;
    const auto stream = client.Grpc(service_ + "Slow", "");
    const auto late = client.Grpc(service_ + "Slow", "", {{"grpc-timeout", "50m"}});
    Talk(socket, client, [&] { return client.response(late).closed; });
    EXPECT_EQ(client.response(late).Find("grpc-status"), "4");
    EXPECT_EQ(CancelledSlowCalls(), before);
    client.Reset(stream, NGHTTP2_CANCEL);
    socket.Send(client.Take());
    EXPECT_TRUE(Eventually([&] { return CancelledSlowCalls() == before + 1; }));
    client.Grpc(service_ + "Slow", "");
    socket.Send(client.Take());
    std::this_thread::sleep_for(milliseconds(50));
  }  // Disconnects.
  EXPECT_TRUE(Eventually([&] { return CancelledSlowCalls() == before + 2; }));
  {
    SocketClient socket(address_);
    socket.Send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_TRUE(Eventually([&] { return CancelledSlowCalls() == before + 3; }));
}

TEST_F(ServerTest, AHandlerThatWouldHaveToWaitIsRunAgainOnAWorker) {
  std::atomic<int> runs{0};
  router_.Add({.grpc_method = "/waits", .handler = [&](Call& call) {
                 runs.fetch_add(1);
                 if (!call.on_worker()) return call.MoveToWorker();
                 call.FinishGrpc({}, call.body());
               }});
  Start();
  SocketClient socket(address_);
  Http2Client client;
  const auto stream = client.Grpc("/waits", "hello");
  Talk(socket, client, [&] { return client.response(stream).closed; });
  EXPECT_EQ(Http2Client::Unframe(client.response(stream).body), std::vector<std::string>{"hello"});
  EXPECT_EQ(runs.load(), 2);
}

TEST_F(ServerTest, AHalfClosedClientGetsItsAnswer) {
  Start();
  SocketClient socket(address_);
  socket.Send(kSmallRequest);
  socket.CloseSending();
  EXPECT_THAT(socket.ReadAll(), EndsWith("\r\n\r\n1"));
}

TEST_F(ServerTest, ARefusedClientCanReadWhy) {
  Start({.request_message_bytes_max = 1000});
  SocketClient socket(address_);
  socket.Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" +
              std::string(5'000'000, 'x'));
  EXPECT_THAT(socket.ReadAll(), HasSubstr("received message larger than max (5000000 vs. 1000)"));
}

// A stream that says "hello" and then, for every wake-up, how many there were.
class SuspendedStreams {
 public:
  static constexpr const char* kGrpc = "/suspend";

  void AddTo(Router& router) {
    router.Add({.grpc_method = kGrpc,
                .http_method = "GET",
                .http_pattern = "/suspend",
                .execution = Execution::kWorker,
                .handler = [this](Call& call) {
                  const auto count = std::make_shared<int>(0);
                  const std::shared_ptr<void> life(nullptr, [this](void*) { --alive_; });
                  ++alive_;
                  call.Send("text/plain", "hello\n");
                  {
                    const std::lock_guard lock(mutex_);
                    wakers_.push_back(call.waker());
                  }
                  Wait(call, count, life);
                }});
  }
  void WakeAll() {
    const std::lock_guard lock(mutex_);
    for (const auto& waker : wakers_) waker->Wake();
  }
  int alive() const { return alive_; }

 private:
  void Wait(Call& call, const std::shared_ptr<int>& count, const std::shared_ptr<void>& life) {
    call.Suspend(SuspendUntil::kWoken, std::chrono::steady_clock::now() + std::chrono::hours(1),
                 [this, count, life](Call& again) {
                   if (again.draining()) return again.FinishStream({14, "the end"});
                   again.Send("text/plain", std::to_string(++*count) + "\n");
                   Wait(again, count, life);
                 });
  }

  std::atomic<int> alive_{0};
  std::mutex mutex_;
  std::vector<std::shared_ptr<Waker>> wakers_;
};

TEST_F(ServerTest, SuspendedCallsTakeNoWorkerAndAllWake) {
  SuspendedStreams streams;
  streams.AddTo(router_);
  Start({.worker_threads = 2, .worker_queue_max = 8});
  constexpr int kStreams = 200;
  SocketClient socket(address_);
  Http2Client client;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < kStreams; ++i) {
    ids.push_back(client.Grpc(SuspendedStreams::kGrpc, ""));
    // The queue is short: one after the other.
    Talk(socket, client, [&] { return !client.response(ids.back()).body.empty(); });
  }
  SocketClient http1(address_);
  http1.Send("GET /suspend HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(http1.ReadUntil("hello\n"), HasSubstr("hello\n"));
  ASSERT_EQ(streams.alive(), kStreams + 1);

  // Workers are free, and one event wakes more calls than their queue takes.
  for (int round = 1; round <= 3; ++round) {
    SocketClient other(address_);
    other.Send("POST /worker/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_THAT(other.ReadUntil("\r\n\r\nhi"), EndsWith("hi"));
    streams.WakeAll();
    const auto said = [&](std::int32_t id) {
      return Http2Client::Unframe(client.response(id).body).size() ==
             static_cast<std::size_t>(round) + 1;
    };
    Talk(socket, client, [&] { return std::all_of(ids.begin(), ids.end(), said); });
    for (const auto id : ids) {
      ASSERT_EQ(Http2Client::Unframe(client.response(id).body).back(),
                std::to_string(round) + "\n");
    }
    http1.ReadUntil(std::to_string(round) + "\n");
  }

  // One is cancelled, one connection goes away; the rest are told of the end.
  client.Reset(ids.front(), NGHTTP2_CANCEL);
  socket.Send(client.Take());
  EXPECT_TRUE(Eventually([&] { return streams.alive() == kStreams; }));
  std::thread shutdown([&] { server_->Shutdown(std::chrono::seconds(10)); });
  Talk(socket, client, [&] { return client.response(ids.back()).closed; });
  EXPECT_EQ(client.response(ids.back()).Find("grpc-status"), "14");
  EXPECT_THAT(http1.ReadAll(), EndsWith("0\r\n\r\n"));
  Talk(socket, client, [&] { return socket.ended(); });
  shutdown.join();
  EXPECT_EQ(streams.alive(), 0);
  streams.WakeAll();  // Too late: nothing happens.
}

TEST_F(ServerTest, SuspendedCallsEndWithTheirPeerAndTheirDeadline) {
  SuspendedStreams streams;
  streams.AddTo(router_);
  Start();
  {
    SocketClient socket(address_);
    Http2Client client;
    const auto stream = client.Grpc(SuspendedStreams::kGrpc, "", {{"grpc-timeout", "100m"}});
    Talk(socket, client, [&] { return client.response(stream).closed; });
    EXPECT_EQ(client.response(stream).Find("grpc-status"), "4");
    client.Grpc(SuspendedStreams::kGrpc, "");
    SocketClient http1(address_);
    http1.Send("GET /suspend HTTP/1.1\r\nHost: a\r\n\r\n");
    Talk(socket, client, [&] { return streams.alive() == 2; });
    EXPECT_EQ(streams.alive(), 2);
  }
  EXPECT_TRUE(Eventually([&] { return streams.alive() == 0; }));
}

TEST_F(ServerTest, AStreamThatWaitsForRoomHoldsNoWorker) {
  constexpr int kPieces = 100;
  std::atomic<int> sent{0};
  std::function<void(Call&)> send_more = [&](Call& call) {
    const std::string piece(10'000, 'x');
    while (sent < kPieces && call.has_room()) {
      call.Send({}, piece);
      ++sent;
    }
    if (sent == kPieces) return call.FinishStream({});
    call.Suspend(SuspendUntil::kRoom, SteadyTime::max(), send_more);
  };
  router_.Add({.grpc_method = "/pieces", .execution = Execution::kWorker, .handler = send_more});
  Start({.worker_threads = 1});
  SocketClient socket(address_);
  Http2Client client(1000);
  const auto stream = client.Grpc("/pieces", "");
  Talk(socket, client, [&] { return client.response(stream).body.size() == 1000; });
  SocketClient other(address_);
  other.Send("POST /worker/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(other.ReadUntil("\r\n\r\nhi"), EndsWith("hi"));
  EXPECT_LE(sent.load(), 8);
  client.GrantWindow(stream, 1'100'000);
  client.GrantWindow(0, 1'100'000);
  Talk(socket, client, [&] { return client.response(stream).closed; });
  EXPECT_EQ(client.response(stream).body.size(), 1'000'500u);
  EXPECT_EQ(client.response(stream).Find("grpc-status"), "0");
}

TEST_F(ServerTest, ShutdownLetsCallsFinish) {
  std::atomic<bool> entered{false};
  router_.Add({.grpc_method = "/pause",
               .http_method = "GET",
               .http_pattern = "/pause",
               .execution = Execution::kWorker,
               .handler = [&](Call& call) {
                 entered = true;
                 std::this_thread::sleep_for(milliseconds(200));
                 if (call.protocol() == Protocol::kHttp) return call.FinishHttp(200, {}, "done");
                 call.FinishGrpc({}, "done");
               }});
  Start();
  SocketClient socket(address_);
  Http2Client client;
  const auto stream = client.Grpc("/pause", "");
  socket.Send(client.Take());
  SocketClient http1(address_);
  http1.Send("GET /pause HTTP/1.1\r\nHost: a\r\n\r\n");
  SocketClient idle(address_);
  idle.Send(kSmallRequest);
  EXPECT_THAT(idle.ReadUntil("\r\n\r\n1"), EndsWith("1"));
  ASSERT_TRUE(Eventually([&] { return entered.load(); }));

  const auto begun = std::chrono::steady_clock::now();
  std::thread shutdown([&] { server_->Shutdown(std::chrono::seconds(10)); });
  Talk(socket, client, [&] { return socket.ended(); });
  EXPECT_THAT(Http2Client::Unframe(client.response(stream).body), ElementsAre("done"));
  EXPECT_EQ(client.goaways().size(), 2u);
  EXPECT_THAT(http1.ReadAll(), EndsWith("\r\n\r\ndone"));
  EXPECT_EQ(idle.ReadAll(), "");
  shutdown.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_FALSE(SocketClient(address_).connected());
}

TEST_F(ServerTest, ShutdownCutsCallsThatOutstayTheGrace) {
  Start();
  const int before = CancelledSlowCalls();
  SocketClient socket(address_);
  Http2Client client;
  client.Grpc(service_ + "Slow", "");
  socket.Send(client.Take());
  std::this_thread::sleep_for(milliseconds(100));
  const auto begun = std::chrono::steady_clock::now();
  server_->Shutdown(milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_EQ(CancelledSlowCalls(), before + 1);
}

TEST_F(ServerTest, ShutdownOfAnUnusedServerIsQuick) {
  Start();
  const auto begun = std::chrono::steady_clock::now();
  server_->Shutdown(std::chrono::seconds(10));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

TEST_F(ServerTest, TimeoutsEndSilentConnections) {
  Start({.request_read_timeout = milliseconds(100), .idle_timeout = milliseconds(300)});
  SocketClient silent(address_);
  SocketClient slow(address_);
  slow.Send("GET / HT");
  SocketClient idle(address_);
  idle.Send(kSmallRequest);
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_THAT(slow.ReadAll(), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(idle.ReadAll(), EndsWith("\r\n\r\n1"));
  EXPECT_TRUE(silent.ended() && slow.ended() && idle.ended());
}

TEST_F(ServerTest, OldConnectionsAreAskedToLeave) {
  Start({.connection_age_max = milliseconds(200)});
  SocketClient socket(address_);
  Http2Client client;
  const auto stream = client.OpenGrpc(service_ + "Chat", Http2Client::Frame("one"));
  Talk(socket, client, [&] { return client.goaways().size() == 2; });
  EXPECT_EQ(client.goaways().size(), 2u);
  client.Continue(stream, Http2Client::Frame("two"), true);
  Talk(socket, client, [&] { return socket.ended(); });
  EXPECT_THAT(Http2Client::Unframe(client.response(stream).body), ElementsAre("one", "two"));
  EXPECT_TRUE(socket.ended());
}

TEST_F(ServerTest, BoundsConnections) {
  Start({.io_threads = 1, .connections_max = 2});
  SocketClient first(address_);
  first.Send(kSmallRequest);
  EXPECT_THAT(first.ReadUntil("\r\n\r\n1"), EndsWith("1"));
  {
    SocketClient second(address_);
    second.Send(kSmallRequest);
    EXPECT_THAT(second.ReadUntil("\r\n\r\n1"), EndsWith("1"));
    SocketClient third(address_);
    third.Send(kSmallRequest);
    EXPECT_EQ(third.ReadAll(), "");
  }
  EXPECT_TRUE(Eventually([&] {
    SocketClient again(address_);
    again.Send(kSmallRequest);
    return again.ReadUntil("\r\n\r\n1").ends_with("1");
  }));
}

TEST_F(ServerTest, NamesThePeer) {
  router_.Add({.http_method = "GET", .http_pattern = "/peer", .handler = [](Call& call) {
                 call.FinishHttp(200, {}, call.peer());
               }});
  Start();
  SocketClient socket(address_);
  socket.Send("GET /peer HTTP/1.0\r\n\r\n");
  EXPECT_THAT(socket.ReadAll(), HasSubstr("\r\n\r\n127.0.0.1:"));
}

TEST_F(ServerTest, DoesNotShareAPortWithAnotherServer) {
  Start();
  Server second({.listeners = {{.address = address_}}}, router_);
  const auto started = second.Start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr(address_));
}

struct AddressCase {
  const char* address;
  ErrorCode want;
};

TEST_F(ServerTest, NamesBadAddresses) {
  for (const auto& c : {AddressCase{"nonsense", ErrorCode::kInvalidArgument},
                        AddressCase{"127.0.0.1:", ErrorCode::kInvalidArgument},
                        AddressCase{"127.0.0.1:99999", ErrorCode::kInvalidArgument},
                        AddressCase{"127.0.0.1:http", ErrorCode::kInvalidArgument},
                        AddressCase{"::1:80", ErrorCode::kInvalidArgument},
                        AddressCase{"192.0.2.1:0", ErrorCode::kUnavailable}}) {
    Server server({.listeners = {{.address = c.address}}, .io_threads = 1}, router_);
    const auto started = server.Start();
    ASSERT_FALSE(started.ok()) << c.address;
    EXPECT_EQ(started.error().code, c.want) << c.address;
    EXPECT_THAT(started.error().message, HasSubstr(c.address));
  }
}

TEST_F(ServerTest, ListensOnEveryInterface) {
  Server server({.listeners = {{.address = ":0"}}, .io_threads = 2}, router_);
  ASSERT_TRUE(server.Start().ok());
  const auto address = server.addresses().front();
  SocketClient socket("127.0.0.1" + address.substr(address.rfind(':')));
  socket.Send(kSmallRequest);
  EXPECT_THAT(socket.ReadUntil("\r\n\r\n1"), EndsWith("1"));
}

}  // namespace
}  // namespace pemba::rpc
