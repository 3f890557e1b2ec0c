// Responses as servers send them, in one piece and byte by byte.
#include "pemba/bench/internal/http1_response.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pemba::bench::internal {
namespace {

struct GoodCase {
  const char* name;
  std::string_view bytes;
  int status;
  std::string_view body;
  bool keeps = true;
};
constexpr GoodCase kGoodCases[] = {
    {"by length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
    {"names in any case", "HTTP/1.1 200 OK\r\ncONTENT-lENGTH:5 \r\n\r\nhello", 200, "hello"},
    {"in chunks",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     200, "hello"},
    {"with trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", 200,
     ""},
    {"an error", "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}", 429, "{}"},
    {"without a body", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
    {"after an interim one",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x"},
    {"that closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x",
     false},
    {"of the old version", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
};

TEST(Http1Response, ReadsAResponseHoweverItIsCut) {
  for (const auto& c : kGoodCases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, c.bytes.size()}) {
      SCOPED_TRACE(c.name);
      Http1Response response;
      auto state = Http1Response::State::kIncomplete;
      for (std::size_t at = 0; at < c.bytes.size(); at += piece) {
        ASSERT_EQ(state, Http1Response::State::kIncomplete);
        auto bytes = c.bytes.substr(at, piece);
        const auto read = response.Read(bytes);
        ASSERT_TRUE(read.ok()) << read.error().message;
        ASSERT_TRUE(bytes.empty());
        state = *read;
      }
      ASSERT_EQ(state, Http1Response::State::kComplete);
      EXPECT_EQ(response.status(), c.status);
      EXPECT_EQ(response.body(), c.body);
      EXPECT_EQ(response.keeps_connection(), c.keeps);
    }
  }
}

TEST(Http1Response, LeavesTheNextResponseAlone) {
  std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 404";
  Http1Response response;
  ASSERT_EQ(*response.Read(bytes), Http1Response::State::kComplete);
  EXPECT_EQ(bytes, "HTTP/1.1 404");
}

constexpr std::pair<const char*, std::string_view> kBadCases[] = {
    {"another protocol", "SSH-2.0-x\r\n"},
    {"no status", "HTTP/1.1 ok\r\n"},
    {"a field without colon", "HTTP/1.1 200 OK\r\nnonsense\r\n"},
    {"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n"},
    {"a length that is too large", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n"},
    {"an unknown encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n"},
    {"no length at all", "HTTP/1.1 200 OK\r\n\r\n"},
    {"a chunk that is too long",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"},
    {"a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"},
};

TEST(Http1Response, RefusesWhatIsNone) {
  for (const auto& [name, text] : kBadCases) {
    SCOPED_TRACE(name);
    Http1Response response;
    auto bytes = text;
    EXPECT_FALSE(response.Read(bytes).ok());
  }
  Http1Response response;
  const auto endless = "HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a');
  std::string_view bytes = endless;
  EXPECT_FALSE(response.Read(bytes).ok());
}

}  // namespace
}  // namespace pemba::bench::internal
