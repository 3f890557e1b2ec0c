#include "pemba/rpc/internal/http1_connection.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/rpc/testing/echo_routes.h"
#include "pemba/rpc/testing/gzip.h"
#include "pemba/rpc/testing/memory_server.h"

namespace pemba::rpc::internal {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Http1ConnectionTest : public ::testing::Test {
 protected:
  Http1ConnectionTest() {
    pemba::rpc::testing::AddEchoRoutes(router_);
    router_.SetFallbacks({.unknown_path = nullptr,
                          .wrong_http_method = nullptr,
                          .unknown_grpc_method = nullptr,
                          .http_refused = [](Call& call, const GrpcStatus& status) {
                            call.FinishHttp(
                                500, "application/json",
                                "refused " + std::to_string(status.code) + " " + status.message);
                          }});
  }

  std::string Talk(std::string_view bytes) { return server_.Talk(*connection_, bytes, closed_); }

  static std::string Post(const std::string& path, const std::string& body,
                          const std::string& more = "") {
    return "POST " + path +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           more + "\r\n" + body;
  }

  Router router_;
  pemba::rpc::testing::MemoryServer server_{
      router_, {.request_message_bytes_max = 1000, .header_bytes_max = 2000}};
  std::unique_ptr<Http1Connection> connection_ = server_.OpenHttp1();
  bool closed_ = false;
};

TEST_F(Http1ConnectionTest, AnswersAndStaysOpen) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Talk(Post("/echo", "hello")),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
              "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhello");
    EXPECT_FALSE(closed_);
  }
  EXPECT_EQ(server_.calls_in_use(), 0u);
}

TEST_F(Http1ConnectionTest, AnswersHoweverTheBytesArrive) {
  const auto request = Post("/worker/echo", "hello");
  std::string answer;
  for (const char c : request) answer += Talk(std::string_view(&c, 1));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
}

TEST_F(Http1ConnectionTest, AnswersPipelinedRequestsInOrder) {
  const auto answers =
      Talk(Post("/worker/echo", "first") + Post("/echo", "second") +
           "GET /stores/third HTTP/1.1\r\nHost: a\r\n\r\n" + Post("/worker/echo", "fourth"));
  std::size_t at = 0;
  for (const char* body : {"first", "second", "third", "fourth"}) {
    at = answers.find(body, at);
    ASSERT_NE(at, answers.npos) << body;
  }
}

TEST_F(Http1ConnectionTest, SendsLargeBodiesAsTheyAreTaken) {
  const std::string large(3 * Connection::kOutputBytesMax, 'x');
  router_.Add({.http_method = "GET", .http_pattern = "/large", .handler = [&](Call& call) {
                 call.FinishHttp(200, "text/plain", large);
               }});
  connection_->Receive("GET /large HTTP/1.1\r\nHost: a\r\n\r\n" + Post("/echo", "next"));
  server_.RunReady();
  std::string all;
  for (;;) {
    std::string out;
    EXPECT_EQ(connection_->Produce(out), Connection::Next::kContinue);
    EXPECT_LE(out.size(), Connection::kOutputBytesMax + 1000) << "the next answer may stand behind";
    if (out.empty()) break;
    all.append(out);
  }
  EXPECT_THAT(all, HasSubstr("Content-Length: " + std::to_string(large.size()) + "\r\n"));
  const auto body = all.find("\r\n\r\n") + 4;
  EXPECT_EQ(all.substr(body, large.size()), large);
  EXPECT_THAT(all.substr(body + large.size()), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(all, EndsWith("\r\n\r\nnext"));
  EXPECT_EQ(server_.calls_in_use(), 0u);

  // Who has said all that he has to say still gets the whole answer; then the connection ends.
  connection_->Receive("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  server_.RunReady();
  std::string out;
  EXPECT_EQ(connection_->Produce(out), Connection::Next::kContinue);
  EXPECT_EQ(connection_->OnEndOfInput(), Connection::Next::kContinue);
  EXPECT_THAT(Talk(""), EndsWith("x"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, TakesChunkedBodies) {
  EXPECT_THAT(Talk("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
              EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(Talk(Post("/echo", "next")), EndsWith("\r\n\r\nnext"));
}

TEST_F(Http1ConnectionTest, TakesGzipBodies) {
  EXPECT_THAT(Talk(Post("/echo", pemba::rpc::testing::Gzip("hello"), "Content-Encoding: gzip\r\n")),
              EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(Talk(Post("/echo", "hello", "Content-Encoding: gzip\r\n")),
              EndsWith("refused 3 malformed gzip data"));
  const auto bomb = pemba::rpc::testing::Gzip(std::string(100'000, 'a'));
  EXPECT_THAT(Talk(Post("/echo", bomb, "Content-Encoding: gzip\r\n")),
              EndsWith("refused 8 received message larger than max (1001 vs. 1000)"));
  EXPECT_FALSE(closed_);
}

TEST_F(Http1ConnectionTest, RefusesUnknownContentEncodings) {
  EXPECT_THAT(Talk(Post("/echo", "hello", "Content-Encoding: br\r\n")),
              EndsWith("refused 3 unsupported encoding `br`"));
}

TEST_F(Http1ConnectionTest, RefusesBodiesThatAnnounceTooMuch) {
  EXPECT_THAT(Talk("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"),
              EndsWith("refused 8 received message larger than max (1001 vs. 1000)"));
  EXPECT_TRUE(closed_);  // The body may be on its way and would be read as a request.
}

TEST_F(Http1ConnectionTest, RefusesChunkedBodiesThatGrowTooLarge) {
  EXPECT_THAT(Talk("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                   std::string(1001, 'a')),
              EndsWith("refused 8 received message larger than max (1001 vs. 1000)"));
  EXPECT_TRUE(closed_);
  connection_.reset();
  EXPECT_EQ(server_.context().buffered_bytes, 0u);
}

TEST_F(Http1ConnectionTest, TakesABodyOfExactlyTheLimit) {
  EXPECT_THAT(Talk(Post("/echo", std::string(1000, 'a'))), EndsWith(std::string(1000, 'a')));
}

TEST_F(Http1ConnectionTest, RefusesMalformedTimeouts) {
  EXPECT_THAT(Talk("GET /stores/1 HTTP/1.1\r\nHost: a\r\nGrpc-Timeout: soon\r\n\r\n"),
              EndsWith("refused 3 malformed grpc-timeout `soon`"));
  EXPECT_FALSE(closed_);
}

TEST_F(Http1ConnectionTest, EndsAfterARequestThatIsNotOne) {
  EXPECT_THAT(Talk("GET / HTTP/1.1\r\nHost : a\r\n\r\nGET /stores/1 HTTP/1.1\r\nHost: a\r\n\r\n"),
              StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, EndsAfterAMalformedChunk) {
  EXPECT_THAT(Talk("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
              StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, EndsAfterTooManyHeaderBytes) {
  EXPECT_THAT(Talk("GET / HTTP/1.1\r\nX: " + std::string(3000, 'a')),
              StartsWith("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, AsksForTheBodyWhenTheClientWaits) {
  EXPECT_EQ(Talk("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                 "Content-Length: 5\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(Talk("hello"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Talk(Post("/echo", "hello", "Expect: 100-continue\r\n")),
              StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Http1ConnectionTest, DoesNotAskForABodyThatIsTooLarge) {
  EXPECT_THAT(Talk("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 5000\r\n\r\n"),
              StartsWith("HTTP/1.1 500 "));
}

TEST_F(Http1ConnectionTest, ClosesWhenAskedTo) {
  EXPECT_THAT(Talk(Post("/echo", "hello", "Connection: close\r\n")),
              HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, SpeaksHttp10) {
  EXPECT_THAT(Talk("GET /stores/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(closed_);
  EXPECT_THAT(Talk("GET /stream?2 3 HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(Http1ConnectionTest, StreamsToHttp10UntilTheEndOfTheConnection) {
  const auto answer = Talk("GET /stream?2+3 HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("\r\n\r\nxxxxxx"));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, StreamsInChunks) {
  const auto answer = Talk("GET /stream?2+3 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n6\r\nxxxxxx\r\n0\r\n\r\n"));
  EXPECT_THAT(Talk(Post("/echo", "next")), EndsWith("next"));
}

TEST_F(Http1ConnectionTest, AnswersHeadWithoutABody) {
  const auto answer = Talk("HEAD /stores/123 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  EXPECT_THAT(Talk("HEAD /stream?2+3 HTTP/1.1\r\nHost: a\r\n\r\n"), EndsWith("\r\n\r\n"));
}

TEST_F(Http1ConnectionTest, NoContentHasNoLength) {
  EXPECT_THAT(Talk("DELETE /stores/1 HTTP/1.1\r\nHost: a\r\n\r\n"), Not(HasSubstr("Length")));
}

TEST_F(Http1ConnectionTest, AnswersUnknownPathsAndMethods) {
  EXPECT_THAT(Talk(Post("/nowhere", "body")), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Talk("PUT /echo HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_FALSE(closed_);
}

TEST_F(Http1ConnectionTest, HeadersOfAResponseCannotBeForged) {
  // The value comes from a path parameter in real life; bytes above 127 are legal, CR LF are not.
  router_.Add({.http_method = "GET", .http_pattern = "/forge/{value}", .handler = [](Call& call) {
                 call.SetHeader("x-value", call.path_parameter("value"));
                 call.FinishHttp(200, {}, {});
               }});
  const auto answer = Talk("GET /forge/a%0d%0aSet-Cookie:b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("x-value: a  Set-Cookie:b\r\n"));
}

TEST_F(Http1ConnectionTest, AHandlerThatFinishesNothingIsAnInternalError) {
  router_.Add({.http_method = "GET", .http_pattern = "/lazy", .handler = [](Call&) {}});
  EXPECT_THAT(Talk("GET /lazy HTTP/1.1\r\nHost: a\r\n\r\n"),
              EndsWith("refused 13 the call was left unfinished"));
}

TEST_F(Http1ConnectionTest, AMethodOfManyMessagesIsOneRequestOverHttp) {
  router_.Add({.grpc_method = "/each",
               .http_method = "POST",
               .http_pattern = "/each",
               .requests = Requests::kEach,
               .handler = [](Call& call) {
                 if (call.body() == "answer me") call.FinishHttp(200, {}, "answered");
               }});
  EXPECT_THAT(Talk(Post("/each", "answer me")), EndsWith("\r\n\r\nanswered"));
  EXPECT_THAT(Talk(Post("/each", "x")), EndsWith("refused 13 the call was left unfinished"));
}

TEST_F(Http1ConnectionTest, GivesUpOnSlowRequests) {
  Talk("GET / HT");
  server_.Advance(std::chrono::milliseconds(29'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kContinue);
  Talk("TP");
  server_.Advance(std::chrono::milliseconds(2'000));
  connection_->Tick();
  EXPECT_THAT(Talk(""), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, ClosesWhenIdle) {
  Talk(Post("/echo", "hello"));
  server_.Advance(std::chrono::milliseconds(299'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kContinue);
  server_.Advance(std::chrono::milliseconds(2'000));
  EXPECT_EQ(connection_->Tick(), Connection::Next::kClose);
}

TEST_F(Http1ConnectionTest, DrainsAfterTheCallUnderWay) {
  Talk("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  connection_->Drain();
  EXPECT_FALSE(closed_);
  EXPECT_THAT(Talk("lo"), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, DrainsAtOnceWhenIdle) {
  connection_->Drain();
  EXPECT_EQ(Talk(""), "");
  EXPECT_TRUE(closed_);
}

TEST_F(Http1ConnectionTest, OutlivesItsConnection) {
  server_.Receive(*connection_, Post("/worker/echo", "hello"));
  connection_.reset();
  EXPECT_EQ(server_.calls_in_use(), 1u);
  server_.Deliver();
  EXPECT_EQ(server_.calls_in_use(), 0u);
}

}  // namespace
}  // namespace pemba::rpc::internal
