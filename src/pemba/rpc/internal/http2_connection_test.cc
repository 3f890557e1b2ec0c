#include "pemba/rpc/internal/http2_connection.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/rpc/internal/grpc_wire.h"
#include "pemba/rpc/testing/echo_routes.h"
#include "pemba/rpc/testing/gzip.h"
#include "pemba/rpc/testing/http2_client.h"
#include "pemba/rpc/testing/memory_server.h"

namespace pemba::rpc::internal {
namespace {

using pemba::rpc::testing::Gzip;
using pemba::rpc::testing::Http2Client;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Http2ConnectionTest : public ::testing::Test {
 protected:
  Http2ConnectionTest() { pemba::rpc::testing::AddEchoRoutes(router_); }

  // Carries bytes both ways until nobody has anything to say.
  void Talk() { Talk(client_); }
  void Talk(Http2Client& client) { Talk(*connection_, client); }
  void Talk(Connection& connection, Http2Client& client) {
    for (;;) {
      const auto request = client.Take();
      const auto answer = server_.Talk(connection, request, closed_);
      client.Feed(answer);
      if (request.empty() && answer.empty()) return;
    }
  }

  void SendRaw(std::uint8_t type, std::uint8_t flags, std::int32_t stream,
               std::string_view payload) {
    std::string frame;
    const auto byte = [](std::size_t n) { return static_cast<char>(n & 0xFF); };
    frame = {byte(payload.size() >> 16),
             byte(payload.size() >> 8),
             byte(payload.size()),
             byte(type),
             byte(flags),
             byte(static_cast<std::size_t>(stream) >> 24),
             byte(static_cast<std::size_t>(stream) >> 16),
             byte(static_cast<std::size_t>(stream) >> 8),
             byte(static_cast<std::size_t>(stream))};
    client_.Feed(server_.Talk(*connection_, frame.append(payload), closed_));
  }

  const std::string service_ = "/pemba.test.Echo/";
  Router router_;
  pemba::rpc::testing::MemoryServer server_{router_,
                                            {.request_message_bytes_max = 100'000,
                                             .header_bytes_max = 4000,
                                             .concurrent_streams_max = 10}};
  std::unique_ptr<Http2Connection> connection_ = server_.OpenHttp2();
  Http2Client client_;
  bool closed_ = false;
};

TEST_F(Http2ConnectionTest, AnswersUnaryCalls) {
  for (const char* method : {"Unary", "Worker"}) {
    const auto stream = client_.Grpc(service_ + method, "hello");
    Talk();
    const auto& response = client_.response(stream);
    EXPECT_EQ(response.Find(":status"), "200");
    EXPECT_EQ(response.Find("content-type"), "application/grpc");
    EXPECT_THAT(Http2Client::Unframe(response.body), ElementsAre("hello"));
    EXPECT_THAT(response.trailers, ElementsAre(std::pair("grpc-status", "0")));
    EXPECT_TRUE(response.closed);
    EXPECT_EQ(response.error_code, 0u);
  }
  EXPECT_EQ(server_.calls_in_use(), 0u);
  EXPECT_EQ(server_.context().buffered_bytes, 0u);
}

TEST_F(Http2ConnectionTest, RefusesWhatHasWaitedTooLongRoundAfterRoundAndRecovers) {
  Router router;
  pemba::rpc::testing::AddEchoRoutes(router);
  router.Add({.grpc_method = "/pemba.test.Health/Check",
              .admission = Admission::kNever,
              .handler = [](Call& call) { call.FinishGrpc({}, "alive"); }});
  pemba::rpc::testing::MemoryServer server(router, {.waiting_max = std::chrono::milliseconds(50)});
  const auto connection = server.OpenHttp2();
  Http2Client client;
  const auto status_of = [&](const std::string& method) {
    const auto stream = client.Grpc(method, "hello");
    client.Feed(server.Talk(*connection, client.Take(), closed_));
    return client.response(stream).Find("grpc-status");
  };
  EXPECT_EQ(status_of(service_ + "Unary"), "0");
  server.BeginRound(std::chrono::milliseconds(500));
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(status_of(service_ + "Unary"), "0") << "the first late round";
  server.BeginRound(std::chrono::milliseconds(500));
  // The clock is looked at for every eighth call; from then on all are late.
  int refused = 0;
  for (int i = 0; i < 20; ++i) refused += status_of(service_ + "Unary") == "8" ? 1 : 0;
  EXPECT_GE(refused, 12);
  EXPECT_EQ(status_of(service_ + "Worker"), "8");
  EXPECT_EQ(status_of("/pemba.test.Health/Check"), "0");
  server.BeginRound();
  EXPECT_EQ(status_of(service_ + "Unary"), "0");
  EXPECT_EQ(status_of(service_ + "Worker"), "0");
}

// What comes again takes a byte or two from the second time on; what does not is sent as it is and
// leaves the table to the others.
TEST_F(Http2ConnectionTest, RemembersOnlyHeadersThatComeAgain) {
  Router router;
  int calls = 0;
  router.Add({.grpc_method = "/pemba.test.Echo/Headers", .handler = [&](Call& call) {
                call.SetHeader("x-store", std::string(60, 's'));
                call.SetFreshHeader("x-id", std::string(60, static_cast<char>('a' + calls++)));
                call.FinishGrpc({}, "");
              }});
  pemba::rpc::testing::MemoryServer server(router);
  const auto connection = server.OpenHttp2();
  Http2Client client;
  std::vector<std::size_t> bytes;
  for (int i = 0; i < 20; ++i) {
    const auto stream = client.Grpc("/pemba.test.Echo/Headers", "");
    const auto answer = server.Talk(*connection, client.Take(), closed_);
    bytes.push_back(answer.size());
    client.Feed(answer);
    EXPECT_EQ(client.response(stream).Find("x-id"), std::string(60, static_cast<char>('a' + i)));
    EXPECT_EQ(client.response(stream).Find("x-store"), std::string(60, 's'));
  }
  EXPECT_GT(bytes[0], bytes[1] + 30);
  EXPECT_LT(bytes[19], 110u) << "x-store was displaced";
}

TEST_F(Http2ConnectionTest, StatusNumbersAbove16ReachTheWire) {
  for (const char* code : {"1", "16", "17", "2000", "4294967295"}) {
    const auto stream = client_.Grpc(service_ + "Status", std::string(code) + " it is so");
    Talk();
    const auto& response = client_.response(stream);
    EXPECT_TRUE(response.headers_end_stream);  // Trailers-only.
    EXPECT_EQ(response.Find("grpc-status"), code);
    EXPECT_EQ(response.Find("grpc-message"), "it is so");
  }
}

TEST_F(Http2ConnectionTest, MessagesArePercentEncoded) {
  const auto stream = client_.Grpc(service_ + "Status", "5 100% caf\xC3\xA9\n");
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-message"), "100%25 caf%C3%A9%0A");
}

TEST_F(Http2ConnectionTest, TakesMessagesInAnyPieces) {
  const auto framed = Http2Client::Frame("hello, pieces");
  const auto stream = client_.OpenGrpc(service_ + "Unary", "");
  for (const char c : framed) {
    Talk();
    client_.Continue(stream, std::string_view(&c, 1), false);
  }
  client_.Continue(stream, "", true);
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body), ElementsAre("hello, pieces"));
}

TEST_F(Http2ConnectionTest, CarriesLargeMessagesBothWays) {
  const std::string large(100'000, 'x');
  const auto stream = client_.Grpc(service_ + "Unary", large);
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body), ElementsAre(large));
}

TEST_F(Http2ConnectionTest, RefusesMessagesBeyondTheLimit) {
  const auto stream = client_.Grpc(service_ + "Unary", std::string(100'001, 'x'));
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "8");
  EXPECT_EQ(client_.response(stream).Find("grpc-message"),
            "received message larger than max (100001 vs. 100000)");
}

TEST_F(Http2ConnectionTest, RefusesALargeMessageBeforeItArrives) {
  const auto stream =
      client_.OpenGrpc(service_ + "Unary", std::string_view("\0\x7F\xFF\xFF\xFFx", 6));
  Talk();
  const auto& response = client_.response(stream);
  EXPECT_EQ(response.Find("grpc-status"), "8");
  EXPECT_FALSE(response.closed);  // The client gets time to read the answer and to stop by itself.
  server_.Advance(std::chrono::milliseconds(1500));
  connection_->Tick();
  Talk();
  EXPECT_TRUE(response.closed);
  EXPECT_EQ(response.error_code, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
}

struct BadMessageCase {
  const char* name;
  std::string body;
  const char* status;
};

TEST_F(Http2ConnectionTest, RefusesBadFraming) {
  const auto one = Http2Client::Frame("one");
  const BadMessageCase cases[] = {
      {"nothing", "", "13"},
      {"half a prefix", one.substr(0, 3), "13"},
      {"half a message", one.substr(0, 6), "13"},
      {"two messages", one + one, "13"},
      {"compressed without encoding", Http2Client::Frame("one", true), "13"},
      {"unknown flag", "\x02" + one.substr(1), "13"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto stream = client_.Request(Http2Client::GrpcHeaders(service_ + "Unary"), c.body);
    Talk();
    EXPECT_EQ(client_.response(stream).Find("grpc-status"), c.status);
  }
  EXPECT_FALSE(closed_);
}

TEST_F(Http2ConnectionTest, TakesGzipMessages) {
  auto headers = Http2Client::GrpcHeaders(service_ + "Unary");
  headers.emplace_back("grpc-encoding", "gzip");
  const auto gzip = client_.Request(headers, Http2Client::Frame(Gzip("hello"), true));
  const auto plain = client_.Request(headers, Http2Client::Frame("plain"));
  const auto broken = client_.Request(headers, Http2Client::Frame("broken", true));
  const auto bomb =
      client_.Request(headers, Http2Client::Frame(Gzip(std::string(1'000'000, 'a')), true));
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(gzip).body), ElementsAre("hello"));
  EXPECT_THAT(Http2Client::Unframe(client_.response(plain).body), ElementsAre("plain"));
  EXPECT_EQ(client_.response(broken).Find("grpc-status"), "13");
  EXPECT_EQ(client_.response(bomb).Find("grpc-status"), "8");
  EXPECT_THAT(client_.response(bomb).Find("grpc-message"),
              HasSubstr("received message larger than max (100001 vs. 100000)"));
}

TEST_F(Http2ConnectionTest, NamesTheEncodingsItKnows) {
  const auto stream = client_.Grpc(service_ + "Unary", "x", {{"grpc-encoding", "snappy"}});
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "12");
  EXPECT_EQ(client_.response(stream).Find("grpc-accept-encoding"), "identity,gzip");
}

TEST_F(Http2ConnectionTest, EchoesMetadata) {
  const auto stream =
      client_.Grpc(service_ + "Unary", "x", {{"x-echo", "plain"}, {"x-echo-bin", "AAEC/w=="}});
  Talk();
  EXPECT_EQ(client_.response(stream).Find("x-echo"), "plain");
  EXPECT_EQ(client_.response(stream).Find("x-echo-bin"), "AAEC/w");
}

TEST_F(Http2ConnectionTest, DecodesBinaryMetadata) {
  router_.Add({.grpc_method = "/bin", .handler = [](Call& call) {
                 std::string all;
                 for (const auto& header : call.headers()) {
                   if (header.name == "x-bin") all.append(header.value).append("|");
                 }
                 call.FinishGrpc({}, all);
               }});
  const auto stream = client_.Grpc("/bin", "", {{"x-bin", "AAE,/w=="}});
  const auto broken = client_.Grpc("/bin", "", {{"x-bin", "*"}});
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body),
              ElementsAre(std::string("\0\x01|\xFF|", 5)));
  EXPECT_EQ(client_.response(broken).Find("grpc-status"), "13");
}

TEST_F(Http2ConnectionTest, RefusesMalformedTimeouts) {
  const auto stream = client_.Grpc(service_ + "Unary", "x", {{"grpc-timeout", "soon"}});
  Talk();
  EXPECT_EQ(client_.response(stream).Find(":status"), "400");
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "13");
}

TEST_F(Http2ConnectionTest, DoesNotRunACallThatIsTooLate) {
  // A worker compares with the real clock, which is far ahead of the test's.
  const auto stream = client_.Grpc(service_ + "Worker", "x", {{"grpc-timeout", "1n"}});
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "4");
}

TEST_F(Http2ConnectionTest, UnknownMethodsAreUnimplemented) {
  const auto stream = client_.OpenGrpc(service_ + "Nothing", "");
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "12");
}

TEST_F(Http2ConnectionTest, ServesHttp) {
  const auto get = client_.Get("/stores/a%2Fb");
  const auto unknown = client_.Get("/nowhere");
  const auto post = client_.Request({{":method", "POST"},
                                     {":scheme", "http"},
                                     {":path", "/worker/echo"},
                                     {":authority", "test"},
                                     {"content-type", "application/json"}},
                                    "{}");
  const auto head = client_.Request(
      {{":method", "HEAD"}, {":scheme", "http"}, {":path", "/stores/123"}, {":authority", "test"}},
      "");
  const auto gone = client_.Request({{":method", "DELETE"},
                                     {":scheme", "http"},
                                     {":path", "/stores/123"},
                                     {":authority", "test"}},
                                    "");
  const auto stream = client_.Get("/stream?3+20000");
  Talk();
  EXPECT_EQ(client_.response(get).body, "a/b");
  EXPECT_EQ(client_.response(get).Find("content-length"), "3");
  EXPECT_EQ(client_.response(unknown).Find(":status"), "404");
  EXPECT_EQ(client_.response(post).body, "{}");
  EXPECT_EQ(client_.response(post).Find("content-type"), "application/json");
  EXPECT_EQ(client_.response(head).body, "");
  EXPECT_EQ(client_.response(head).Find("content-length"), "3");
  EXPECT_EQ(client_.response(gone).Find(":status"), "204");
  EXPECT_EQ(client_.response(gone).Find("content-length"), "");
  EXPECT_EQ(client_.response(stream).body.size(), 60'000u);
}

TEST_F(Http2ConnectionTest, RefusesTooManyHeaderBytes) {
  const std::string large(5000, 'a');
  const auto http = client_.Request({{":method", "GET"},
                                     {":scheme", "http"},
                                     {":path", "/headers"},
                                     {":authority", "test"},
                                     {"x-echo", large}},
                                    "");
  const auto grpc = client_.Grpc(service_ + "Unary", "x", {{"x-echo", large}});
  Talk();
  EXPECT_EQ(client_.response(http).Find(":status"), "431");
  EXPECT_EQ(client_.response(grpc).Find("grpc-status"), "8");
  EXPECT_EQ(client_.setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), 4000u);
}

TEST_F(Http2ConnectionTest, StreamsMessages) {
  const auto stream = client_.Grpc(service_ + "Stream", "20 3000");
  Talk();
  const auto& response = client_.response(stream);
  EXPECT_EQ(Http2Client::Unframe(response.body), std::vector(20, std::string(3000, 'x')));
  EXPECT_EQ(response.Find("grpc-status"), "0");
}

TEST_F(Http2ConnectionTest, AnEmptyStreamHasAStatus) {
  const auto stream = client_.Grpc(service_ + "Stream", "0 0");
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "0");
  EXPECT_EQ(client_.response(stream).body, "");
}

TEST_F(Http2ConnectionTest, ChatsMessageByMessage) {
  for (const char* method : {"Chat", "ChatWorker"}) {
    SCOPED_TRACE(method);
    const auto stream = client_.OpenGrpc(service_ + method, Http2Client::Frame("one"));
    Talk();
    EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body), ElementsAre("one"));
    EXPECT_FALSE(client_.response(stream).closed);
    const auto three = Http2Client::Frame("three");
    client_.Continue(stream, Http2Client::Frame("two") + three.substr(0, 4), false);
    Talk();
    EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body), ElementsAre("one", "two"));
    client_.Continue(stream, three.substr(4), true);
    Talk();
    EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body),
                ElementsAre("one", "two", "three"));
    EXPECT_EQ(client_.response(stream).Find("grpc-status"), "0");
    EXPECT_TRUE(client_.response(stream).closed);
  }
  EXPECT_EQ(server_.calls_in_use(), 0u);
  EXPECT_EQ(server_.context().buffered_bytes, 0u);
}

TEST_F(Http2ConnectionTest, AHandlerMayEndAChat) {
  for (const char* method : {"Chat", "ChatWorker"}) {
    const auto stream =
        client_.OpenGrpc(service_ + method, Http2Client::Frame("one") + Http2Client::Frame("bye"));
    Talk();
    EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body), ElementsAre("one"));
    EXPECT_EQ(client_.response(stream).Find("grpc-status"), "2001");
  }
}

TEST_F(Http2ConnectionTest, AChatWithoutMessagesEndsWell) {
  const auto stream = client_.Request(Http2Client::GrpcHeaders(service_ + "Chat"), "");
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "0");
}

TEST_F(Http2ConnectionTest, BoundsTheMessagesOfAChat) {
  const auto stream = client_.OpenGrpc(service_ + "Chat", Http2Client::Frame("one"));
  Talk();
  client_.Continue(stream, std::string_view("\0\x7F\xFF\xFF\xFFx", 6), false);
  Talk();
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "8");
}

TEST_F(Http2ConnectionTest, SendsNoMoreThanTheWindow) {
  Http2Client slow(1000);
  const auto stream = slow.Grpc(service_ + "Unary", std::string(5000, 'x'));
  Talk(slow);
  EXPECT_EQ(slow.response(stream).body.size(), 1000u);
  slow.GrantWindow(stream, 500);
  Talk(slow);
  EXPECT_EQ(slow.response(stream).body.size(), 1500u);
  slow.GrantWindow(stream, 5000);
  Talk(slow);
  EXPECT_EQ(slow.response(stream).body.size(), 5005u);
  EXPECT_EQ(slow.response(stream).Find("grpc-status"), "0");
}

TEST_F(Http2ConnectionTest, GivesUpOnAPeerThatReadsNothing) {
  Http2Client slow(1000);
  const auto stream = slow.Grpc(service_ + "Unary", std::string(5000, 'x'));
  Talk(slow);
  server_.Advance(std::chrono::milliseconds(31'000));
  connection_->Tick();
  Talk(slow);
  EXPECT_TRUE(slow.response(stream).closed);
  EXPECT_EQ(slow.response(stream).error_code, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(server_.calls_in_use(), 0u);
}

TEST_F(Http2ConnectionTest, GivesUpOnSlowRequests) {
  const auto stream = client_.OpenGrpc(service_ + "Unary", "\0");
  Talk();
  server_.Advance(std::chrono::milliseconds(31'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kContinue);
  Talk();
  EXPECT_TRUE(client_.response(stream).closed);
}

TEST_F(Http2ConnectionTest, AChatMayPause) {
  const auto stream = client_.OpenGrpc(service_ + "Chat", Http2Client::Frame("one"));
  Talk();
  server_.Advance(std::chrono::hours(1));
  connection_->Tick();
  client_.Continue(stream, Http2Client::Frame("two"), true);
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body), ElementsAre("one", "two"));
}

TEST_F(Http2ConnectionTest, ClosesConnectionsThatDribbleHeaders) {
  Talk();
  SendRaw(NGHTTP2_HEADERS, 0, 1, "\x82");  // No END_HEADERS: CONTINUATION must follow.
  server_.Advance(std::chrono::milliseconds(31'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kClose);
}

TEST_F(Http2ConnectionTest, ClosesConnectionsThatNeverSpeak) {
  server_.Advance(std::chrono::milliseconds(31'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kClose);
}

TEST_F(Http2ConnectionTest, ClosesIdleConnectionsWithGoaway) {
  client_.Get("/stores/1");
  Talk();
  server_.Advance(std::chrono::milliseconds(301'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kContinue);
  Talk();
  server_.Advance(std::chrono::milliseconds(1500));
  connection_->Tick();
  Talk();
  EXPECT_FALSE(client_.goaways().empty());
  EXPECT_TRUE(closed_);
}

TEST_F(Http2ConnectionTest, CancelledCallsHearOfIt) {
  bool was_cancelled = false;
  router_.Add({.grpc_method = "/wait", .execution = Execution::kWorker, .handler = [&](Call& call) {
                 was_cancelled = call.cancelled();
                 call.FinishGrpc({}, {});
               }});
  const auto stream = client_.Grpc("/wait", "x");
  // The worker gets to it only in Deliver(), when the stream is gone.
  server_.Receive(*connection_, client_.Take());
  client_.Reset(stream, NGHTTP2_CANCEL);
  server_.Receive(*connection_, client_.Take());
  EXPECT_EQ(server_.calls_in_use(), 1u);
  server_.Deliver();
  EXPECT_FALSE(was_cancelled);  // It was not even run.
  EXPECT_EQ(server_.calls_in_use(), 0u);
}

// The newest call is with a worker, the one behind it is not: both were in the connection's list.
TEST_F(Http2ConnectionTest, AnEndingConnectionLetsGoOfEachCallOnce) {
  router_.Add({.grpc_method = "/wait", .execution = Execution::kWorker, .handler = [](Call& call) {
                 call.FinishGrpc({}, {});
               }});
  client_.OpenGrpc(service_ + "Unary", "\0");  // Its message never comes.
  client_.OpenGrpc(service_ + "Unary", "\0");
  client_.Grpc("/wait", "x");
  client_.OpenGrpc(service_ + "Unary", "\0");
  client_.Grpc("/wait", "y");
  for (auto bytes = client_.Take(); !bytes.empty(); bytes = client_.Take()) {
    server_.Receive(*connection_, bytes);
  }
  ASSERT_EQ(server_.calls_in_use(), 5u);
  connection_.reset();
  EXPECT_EQ(server_.calls_in_use(), 2u);  // With the workers.
  server_.Deliver();
  EXPECT_EQ(server_.calls_in_use(), 0u);
  EXPECT_EQ(server_.context().buffered_bytes, 0u);

  // What was given back is given out once: two calls at a time do not share it.
  connection_ = server_.OpenHttp2();
  Http2Client client;
  std::vector<std::int32_t> streams;
  for (const char* text : {"a", "b", "c", "d", "e"}) {
    streams.push_back(client.Grpc(service_ + "Unary", text));
  }
  Talk(client);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    EXPECT_THAT(Http2Client::Unframe(client.response(streams[i]).body),
                ElementsAre(std::string(1, static_cast<char>('a' + i))));
  }
}

TEST_F(Http2ConnectionTest, ResettingBuysNoConcurrency) {
  Talk();
  for (int i = 0; i < 30; ++i) {
    const auto stream = client_.Grpc(service_ + "Worker", "x");
    server_.Receive(*connection_, client_.Take());  // Workers never get to run.
    client_.Reset(stream, NGHTTP2_CANCEL);
    server_.Receive(*connection_, client_.Take());
  }
  EXPECT_EQ(server_.calls_in_use(), 10u);
  server_.Deliver();
  EXPECT_EQ(server_.calls_in_use(), 0u);
}

// Handlers run once all bytes of a round are read: in the order in which their requests were
// complete, and not for callers who went away meanwhile.
TEST_F(Http2ConnectionTest, RunsWhatIsReadyInOrderAndNobodyElse) {
  std::string ran;
  router_.Add({.grpc_method = "/note", .handler = [&](Call& call) {
                 ran.append(call.body());
                 call.FinishGrpc({}, {});
               }});
  Talk();
  const auto other = server_.OpenHttp2();
  Http2Client other_client;
  Talk(*other, other_client);
  client_.Grpc("/note", "a");
  const auto left = client_.Grpc("/note", "b");
  client_.Grpc("/note", "c");
  connection_->Receive(client_.Take());
  other_client.Grpc("/note", "d");
  other->Receive(other_client.Take());
  client_.Reset(left, NGHTTP2_CANCEL);
  connection_->Receive(client_.Take());
  EXPECT_EQ(ran, "");
  server_.RunReady();
  EXPECT_EQ(ran, "acd");
  Talk();
  Talk(*other, other_client);
  EXPECT_EQ(server_.calls_in_use(), 0u);

  client_.Grpc("/note", "e");
  connection_->Receive(client_.Take());
  connection_.reset();
  server_.RunReady();
  EXPECT_EQ(ran, "acd");
  EXPECT_EQ(server_.calls_in_use(), 0u);
}

TEST_F(Http2ConnectionTest, SendsManyMessagesAtOnce) {
  router_.Add({.grpc_method = "/many", .execution = Execution::kWorker, .handler = [](Call& call) {
                 std::string framed;
                 for (const std::string_view message : {"one", "", "three"}) {
                   BeginGrpcMessage(message.size(), framed);
                   framed.append(message);
                 }
                 EXPECT_TRUE(call.SendFramed({}, framed));
                 EXPECT_TRUE(call.Send({}, "four"));
                 call.FinishStream({});
               }});
  const auto stream = client_.Grpc("/many", "");
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(stream).body),
              ElementsAre("one", "", "three", "four"));
  EXPECT_EQ(client_.response(stream).Find("grpc-status"), "0");
}

TEST_F(Http2ConnectionTest, RapidResetEndsTheConnection) {
  Talk();
  for (int i = 0; i < 5000 && !closed_; ++i) {
    const auto stream = client_.Grpc(service_ + "Unary", "x");
    const auto request = client_.Take();
    client_.Reset(stream, NGHTTP2_CANCEL);
    server_.Talk(*connection_, request + client_.Take(), closed_);
  }
  EXPECT_TRUE(closed_);
}

struct FloodCase {
  const char* name;
  std::uint8_t type;
  std::int32_t stream;
  std::string_view payload;
};

TEST_F(Http2ConnectionTest, FloodsOfFreeFramesEndTheConnection) {
  const FloodCase cases[] = {
      {"ping", NGHTTP2_PING, 0, "12345678"},
      {"settings", NGHTTP2_SETTINGS, 0, ""},
      {"priority", NGHTTP2_PRIORITY, 1, std::string_view("\0\0\0\0\0", 5)},
      {"empty data", NGHTTP2_DATA, 1, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    connection_ = server_.OpenHttp2();
    Http2Client client;
    client.OpenGrpc(service_ + "Unary", "\0");
    Talk(client);
    ASSERT_FALSE(closed_);
    for (int i = 0; i < 5000 && !closed_; ++i) SendRaw(c.type, 0, c.stream, c.payload);
    EXPECT_TRUE(closed_);
  }
}

TEST_F(Http2ConnectionTest, ContinuationFloodEndsTheConnection) {
  Talk();
  SendRaw(NGHTTP2_HEADERS, 0, 1, "\x82");
  for (int i = 0; i < 5000 && !closed_; ++i) SendRaw(NGHTTP2_CONTINUATION, 0, 1, "");
  EXPECT_TRUE(closed_);
}

TEST_F(Http2ConnectionTest, DrainsInTwoSteps) {
  const auto open = client_.OpenGrpc(service_ + "Unary", "");
  Talk();
  connection_->Drain();
  // The client sends one more before it hears of it: that one is served.
  const auto late = client_.Grpc(service_ + "Unary", "late");
  client_.Feed(server_.Talk(*connection_, client_.Take(), closed_));
  ASSERT_EQ(client_.goaways().size(), 1u);
  EXPECT_EQ(client_.goaways().front().last_stream_id, 0x7FFFFFFF);
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(late).body), ElementsAre("late"));
  ASSERT_EQ(client_.goaways().size(), 2u);
  EXPECT_EQ(client_.goaways().back().last_stream_id, late);
  EXPECT_FALSE(closed_);
  client_.Continue(open, Http2Client::Frame("open"), true);
  Talk();
  EXPECT_THAT(Http2Client::Unframe(client_.response(open).body), ElementsAre("open"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http2ConnectionTest, DrainsWithoutAnAnswerToo) {
  client_.Get("/stores/1");
  Talk();
  connection_->Drain();
  server_.Talk(*connection_, "", closed_);
  EXPECT_FALSE(closed_);
  server_.Advance(std::chrono::milliseconds(1500));
  connection_->Tick();
  server_.Talk(*connection_, "", closed_);
  EXPECT_TRUE(closed_);
}

TEST(Http2Overload, RefusesBeyondTheWorkerQueue) {
  Router router;
  pemba::rpc::testing::AddEchoRoutes(router);
  pemba::rpc::testing::MemoryServer server(router, {.worker_queue_max = 2});
  auto connection = server.OpenHttp2();
  Http2Client client;
  for (int i = 0; i < 3; ++i) client.Grpc("/pemba.test.Echo/Worker", "x");
  bool closed = false;
  while (true) {
    const auto request = client.Take();
    if (request.empty()) break;
    client.Feed(server.Talk(*connection, request, closed));
  }
  EXPECT_EQ(client.response(1).Find("grpc-status"), "0");
  EXPECT_EQ(client.response(3).Find("grpc-status"), "0");
  EXPECT_EQ(client.response(5).Find("grpc-status"), "8");
}

TEST(Http2Overload, RefusesBeyondTheCalls) {
  Router router;
  pemba::rpc::testing::AddEchoRoutes(router);
  pemba::rpc::testing::MemoryServer server(router, {.calls_max = 2});
  auto connection = server.OpenHttp2();
  Http2Client client;
  std::int32_t last = 0;
  for (int i = 0; i < 3; ++i) last = client.OpenGrpc("/pemba.test.Echo/Unary", "");
  bool closed = false;
  client.Feed(server.Talk(*connection, client.Take(), closed));
  EXPECT_EQ(server.calls_in_use(), 2u);
  EXPECT_TRUE(client.response(last).closed);
  EXPECT_EQ(client.response(last).error_code, static_cast<std::uint32_t>(NGHTTP2_REFUSED_STREAM));
}

TEST(Http2Overload, DecompressedBytesCountToo) {
  Router router;
  pemba::rpc::testing::AddEchoRoutes(router);
  pemba::rpc::testing::MemoryServer server(router, {.buffered_request_bytes_max = 250'000});
  auto connection = server.OpenHttp2();
  Http2Client client;
  auto headers = Http2Client::GrpcHeaders("/pemba.test.Echo/Worker");
  headers.emplace_back("grpc-encoding", "gzip");
  const auto message = Http2Client::Frame(Gzip(std::string(100'000, 'a')), true);
  for (int i = 0; i < 3; ++i) client.Request(headers, message);
  server.Receive(*connection, client.Take());  // No worker gets to run meanwhile.
  bool closed = false;
  client.Feed(server.Talk(*connection, "", closed));
  EXPECT_EQ(client.response(1).Find("grpc-status"), "");  // The window is small.
  EXPECT_EQ(client.response(1).Find(":status"), "200");
  EXPECT_EQ(client.response(5).Find("grpc-status"), "8");
  connection.reset();
  EXPECT_EQ(server.context().buffered_bytes, 0u);
}

TEST(Http2Overload, RefusesBeyondTheBufferedBytes) {
  Router router;
  pemba::rpc::testing::AddEchoRoutes(router);
  pemba::rpc::testing::MemoryServer server(router, {.buffered_request_bytes_max = 100});
  auto connection = server.OpenHttp2();
  Http2Client client;
  const auto first = client.OpenGrpc("/pemba.test.Echo/Unary",
                                     Http2Client::Frame(std::string(80, 'a')).substr(0, 70));
  const auto second = client.OpenGrpc("/pemba.test.Echo/Unary",
                                      Http2Client::Frame(std::string(80, 'a')).substr(0, 70));
  bool closed = false;
  client.Feed(server.Talk(*connection, client.Take(), closed));
  client.Feed(server.Talk(*connection, client.Take(), closed));
  EXPECT_EQ(client.response(first).Find("grpc-status"), "");
  EXPECT_EQ(client.response(second).Find("grpc-status"), "8");
  EXPECT_EQ(server.context().buffered_bytes, 70u);
}

}  // namespace
}  // namespace pemba::rpc::internal
