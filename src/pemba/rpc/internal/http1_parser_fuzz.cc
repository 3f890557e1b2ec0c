// Arbitrary bytes as an HTTP/1.1 head and as a chunked body.
//
// Holds for every input: what is a head stays the same head whatever follows it, no proper prefix
// of it is a head, nothing that a second reader could read otherwise is in it, and a chunked body
// is the same in any pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pemba/rpc/internal/http1_parser.h"

namespace {

using namespace pemba::rpc::internal;  // NOLINT(google-build-using-namespace): one file, one room
using Kind = Http1HeadResult::Kind;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckHead(std::string_view bytes) {
  Http1Head head;
  HeaderBlock headers;
  const auto result = ParseHttp1Head(bytes, 4096, head, headers);
  if (result.kind != Kind::kHead) return;
  Require(result.consumed <= bytes.size() && result.consumed <= 4096);
  const auto text = bytes.substr(0, result.consumed);
  Require(text.ends_with("\r\n\r\n"));
  Require(!(head.chunked && head.content_length));
  Require(head.target.starts_with('/') || head.target == "*");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') Require(i > 0 && text[i - 1] == '\r');
    if (text[i] == '\r') Require(i + 1 < text.size() && text[i + 1] == '\n');
    Require(text[i] != '\0');
  }
  for (std::size_t i = 0; i < headers.size(); ++i) {
    Require(headers.name(i).find_first_of(" \t:ABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
            std::string_view::npos);
    Require(headers.value(i).find_first_of(std::string_view("\r\n\0", 3)) ==
            std::string_view::npos);
  }
  Http1Head again;
  HeaderBlock again_headers;
  const auto shorter = ParseHttp1Head(text.substr(0, text.size() - 1), 4096, again, again_headers);
  Require(shorter.kind == Kind::kNeedMore);
  again_headers.Clear();
  const auto exact = ParseHttp1Head(text, 4096, again, again_headers);
  Require(exact.kind == Kind::kHead && exact.consumed == result.consumed &&
          again.method == head.method && again.target == head.target &&
          again.content_length == head.content_length && again_headers.size() == headers.size());
}

struct Decoded {
  ChunkedDecoder::Outcome outcome = ChunkedDecoder::Outcome::kNeedMore;
  std::string body;
  std::size_t consumed = 0;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded Decode(std::string_view bytes, std::size_t piece_bytes) {
  Decoded decoded;
  ChunkedDecoder decoder;
  while (decoded.consumed < bytes.size() && decoded.outcome == ChunkedDecoder::Outcome::kNeedMore) {
    auto piece = bytes.substr(decoded.consumed, piece_bytes);
    const auto before = piece.size();
    decoded.outcome = decoder.Decode(piece, decoded.body);
    decoded.consumed += before - piece.size();
  }
  return decoded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckHead(bytes);
  const auto whole = Decode(bytes, bytes.size() + 1);
  Require(whole == Decode(bytes, 1));
  Require(whole == Decode(bytes, 3));
  Require(whole.body.size() <= bytes.size());
  return 0;
}
