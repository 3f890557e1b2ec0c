#include "pemba/rpc/internal/http1_parser.h"

#include <string>

#include <gtest/gtest.h>

namespace pemba::rpc::internal {
namespace {

using Kind = Http1HeadResult::Kind;

struct AcceptedCase {
  const char* name;
  std::string_view bytes;
  const char* method;
  const char* target;
  std::optional<std::uint64_t> content_length;
  bool chunked;
  bool keep_alive;
};

constexpr AcceptedCase kAccepted[] = {
    {"smallest", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", {}, false, true},
    {"query", "GET /a?b=c%20d HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a?b=c%20d", {}, false, true},
    {"one empty line first", "\r\nGET / HTTP/1.1\r\nHost:a\r\n\r\n", "GET", "/", {}, false, true},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", {}, false, true},
    {"length", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", "PUT", "/", 12, false,
     true},
    {"equal lengths", "PUT / HTTP/1.1\r\nHost: a\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\n",
     "PUT", "/", 1, false, true},
    {"chunked",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
     "POST",
     "/",
     {},
     true,
     true},
    {"close",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
     "GET",
     "/",
     {},
     false,
     false},
    {"close in a list",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, close\r\n\r\n",
     "GET",
     "/",
     {},
     false,
     false},
    {"HTTP/1.0 closes", "GET / HTTP/1.0\r\n\r\n", "GET", "/", {}, false, false},
    {"HTTP/1.0 keeps alive if asked",
     "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     "GET",
     "/",
     {},
     false,
     true},
    {"absolute form",
     "GET http://a.example/b HTTP/1.1\r\nHost: a.example\r\n\r\n",
     "GET",
     "/b",
     {},
     false,
     true},
    {"absolute form without path",
     "GET http://a.example HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET",
     "/",
     {},
     false,
     true},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", {}, false, true},
};

TEST(ParseHttp1Head, Accepts) {
  for (const auto& c : kAccepted) {
    SCOPED_TRACE(c.name);
    Http1Head head;
    HeaderBlock headers;
    const std::string bytes = std::string(c.bytes) + "rest";
    const auto result = ParseHttp1Head(bytes, 1000, head, headers);
    ASSERT_EQ(result.kind, Kind::kHead) << result.reason;
    EXPECT_EQ(result.consumed, c.bytes.size());
    EXPECT_EQ(head.method, c.method);
    EXPECT_EQ(head.target, c.target);
    EXPECT_EQ(head.content_length, c.content_length);
    EXPECT_EQ(head.chunked, c.chunked);
    EXPECT_EQ(head.keep_alive, c.keep_alive);
  }
}

TEST(ParseHttp1Head, NeedsEveryByteOfTheHead) {
  for (const auto& c : kAccepted) {
    SCOPED_TRACE(c.name);
    for (std::size_t cut = 0; cut < c.bytes.size(); ++cut) {
      Http1Head head;
      HeaderBlock headers;
      EXPECT_EQ(ParseHttp1Head(c.bytes.substr(0, cut), 1000, head, headers).kind, Kind::kNeedMore);
    }
  }
}

TEST(ParseHttp1Head, LowersNamesAndTrimsValues) {
  Http1Head head;
  HeaderBlock headers;
  const auto result = ParseHttp1Head(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Thing: \t a b \t\r\nX-Empty:\r\nX-Thing: second\r\n"
      "Expect: 100-Continue\r\n\r\n",
      1000, head, headers);
  ASSERT_EQ(result.kind, Kind::kHead);
  EXPECT_EQ(headers.Find("x-thing"), "a b");
  EXPECT_EQ(headers.Find("x-empty"), "");
  EXPECT_EQ(headers.Find("X-Thing"), std::nullopt);
  EXPECT_EQ(headers.size(), 5u);
  EXPECT_TRUE(head.expects_continue);
}

struct RefusedCase {
  const char* name;
  std::string_view bytes;
  int status;
};

#define HEAD_WITH(lines) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n\r\n"

// A literal with all its bytes.
template <std::size_t size>
constexpr std::string_view WithNul(const char (&text)[size]) {
  return {text, size - 1};
}

constexpr RefusedCase kRefused[] = {
    // Two readers could disagree about where these requests end.
    {"length and chunked", HEAD_WITH("Content-Length: 3\r\nTransfer-Encoding: chunked"), 400},
    {"chunked and length", HEAD_WITH("Transfer-Encoding: chunked\r\nContent-Length: 3"), 400},
    {"lengths differ", HEAD_WITH("Content-Length: 3\r\nContent-Length: 4"), 400},
    {"length list", HEAD_WITH("Content-Length: 3, 3"), 400},
    {"signed length", HEAD_WITH("Content-Length: +3"), 400},
    {"negative length", HEAD_WITH("Content-Length: -3"), 400},
    {"hexadecimal length", HEAD_WITH("Content-Length: 0x3"), 400},
    {"empty length", HEAD_WITH("Content-Length: "), 400},
    {"length beyond 64 bits", HEAD_WITH("Content-Length: 18446744073709551619"), 400},
    {"space before colon", HEAD_WITH("Content-Length : 3"), 400},
    {"space before name", HEAD_WITH("X: y\r\n Content-Length: 3"), 400},
    {"tab before name", HEAD_WITH("X: y\r\n\tfolded"), 400},
    {"fold in the first line", "POST / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"unknown coding", HEAD_WITH("Transfer-Encoding: gzip, chunked"), 501},
    {"chunked twice", HEAD_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
    {"chunked twice in one", HEAD_WITH("Transfer-Encoding: chunked, chunked"), 501},
    {"identity coding", HEAD_WITH("Transfer-Encoding: identity"), 501},
    {"chunked with vertical tab", HEAD_WITH("Transfer-Encoding: \vchunked"), 400},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"bare LF ends a line", "POST / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"bare LF ends the head", "POST / HTTP/1.1\r\nHost: a\n\n", 400},
    {"bare LF in a value", HEAD_WITH("X: a\nContent-Length: 3"), 400},
    {"bare CR in a value", HEAD_WITH("X: a\rContent-Length: 3"), 400},
    {"bare CR in a name", HEAD_WITH("X\rContent-Length: 3"), 400},
    {"NUL in a value", WithNul(HEAD_WITH("X: a\0b")), 400},
    {"DEL in a value", HEAD_WITH("X: a\x7F"), 400},
    {"NUL in a name", WithNul(HEAD_WITH("X\0Y: a")), 400},
    {"empty name", HEAD_WITH(": a"), 400},
    {"no colon", HEAD_WITH("Content-Length 3"), 400},
    {"name with parenthesis", HEAD_WITH("X(): a"), 400},
    {"name beyond ASCII", HEAD_WITH("X\xC3\xA9: a"), 400},
    // Who is asked.
    {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    // The request line.
    {"two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"tab for space", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"target without slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"authority form", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"method with colon", "G:T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TLS", "\x16\x03\x01\x02\n", 400},
    {"unknown expectation", HEAD_WITH("Expect: magic"), 417},
};

TEST(ParseHttp1Head, Refuses) {
  for (const auto& c : kRefused) {
    SCOPED_TRACE(c.name);
    Http1Head head;
    HeaderBlock headers;
    const auto result = ParseHttp1Head(c.bytes, 1000, head, headers);
    EXPECT_EQ(result.kind, Kind::kRefused);
    EXPECT_EQ(result.status, c.status);
  }
}

TEST(ParseHttp1Head, BoundsTheHead) {
  Http1Head head;
  HeaderBlock headers;
  const std::string endless = "GET / HTTP/1.1\r\nX: " + std::string(2000, 'a');
  EXPECT_EQ(ParseHttp1Head(endless, 1000, head, headers).status, 431);
  EXPECT_EQ(ParseHttp1Head(endless + "\r\n\r\n", 1000, head, headers).status, 431);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) many += "a:\r\n";  // An entry costs us more than its bytes.
  headers.Clear();
  EXPECT_EQ(ParseHttp1Head(many + "\r\n", 1000, head, headers).status, 431);
}

struct ChunkCase {
  const char* name;
  std::string_view bytes;
  ChunkedDecoder::Outcome want;
  const char* body;
};
using Outcome = ChunkedDecoder::Outcome;

constexpr ChunkCase kChunkCases[] = {
    {"empty", "0\r\n\r\n", Outcome::kDone, ""},
    {"one", "5\r\nhello\r\n0\r\n\r\n", Outcome::kDone, "hello"},
    {"two", "2\r\nhe\r\n3\r\nllo\r\n000\r\n\r\n", Outcome::kDone, "hello"},
    {"hex", "A\r\n0123456789\r\n0\r\n\r\n", Outcome::kDone, "0123456789"},
    {"extension", "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", Outcome::kDone, "hello"},
    {"trailers", "0\r\nX: y\r\nZ: w\r\n\r\n", Outcome::kDone, ""},
    {"unfinished", "5\r\nhel", Outcome::kNeedMore, "hel"},
    {"no size", "\r\nhello\r\n", Outcome::kMalformed, ""},
    {"negative size", "-5\r\n", Outcome::kMalformed, ""},
    {"prefix 0x", "0x5\r\nhello\r\n", Outcome::kMalformed, ""},
    {"space after size", "5 \r\nhello\r\n", Outcome::kMalformed, ""},
    {"size too long", "000000005\r\nhello\r\n", Outcome::kMalformed, ""},
    {"bare LF after size", "5\nhello\r\n", Outcome::kMalformed, ""},
    {"bare LF after extension", "5;a\nhello\r\n", Outcome::kMalformed, ""},
    {"bare CR after size", "5\rxhello\r\n", Outcome::kMalformed, ""},
    {"data longer than size", "3\r\nhello\r\n", Outcome::kMalformed, "hel"},
    {"bare LF after data", "5\r\nhello\n0\r\n\r\n", Outcome::kMalformed, "hello"},
    {"bare LF in trailers", "0\r\nX: y\n\r\n", Outcome::kMalformed, ""},
    {"bare LF at the end", "0\r\n\n", Outcome::kMalformed, ""},
};

TEST(ChunkedDecoder, TakesBodiesApartAndRefusesTheRest) {
  for (const auto& c : kChunkCases) {
    SCOPED_TRACE(c.name);
    for (const std::size_t step : {1, 2, 1000}) {  // However the bytes arrive.
      ChunkedDecoder decoder;
      std::string body;
      auto outcome = Outcome::kNeedMore;
      for (std::size_t at = 0; at < c.bytes.size() && outcome == Outcome::kNeedMore; at += step) {
        auto piece = c.bytes.substr(at, step);
        outcome = decoder.Decode(piece, body);
      }
      EXPECT_EQ(outcome, c.want);
      EXPECT_EQ(body, c.body);
    }
  }
}

TEST(ChunkedDecoder, LeavesTheNextRequestAlone) {
  ChunkedDecoder decoder;
  std::string body;
  std::string_view bytes = "1\r\na\r\n0\r\n\r\nGET /";
  EXPECT_EQ(decoder.Decode(bytes, body), Outcome::kDone);
  EXPECT_EQ(bytes, "GET /");
}

TEST(ChunkedDecoder, BoundsWhatCarriesNothing) {
  for (const std::string& endless :
       {"1;" + std::string(20'000, 'a'), "0\r\n" + std::string(20'000, 'a')}) {
    ChunkedDecoder decoder;
    std::string body;
    std::string_view bytes = endless;
    EXPECT_EQ(decoder.Decode(bytes, body), Outcome::kMalformed);
  }
}

}  // namespace
}  // namespace pemba::rpc::internal
