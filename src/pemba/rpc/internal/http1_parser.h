// HTTP/1.1 requests: the head and the chunked body (RFC 9112), strict where two readers could
// disagree about where a request ends (request smuggling).
//
// Refused: bare CR or LF, obs-fold, white space around a header's name, invalid names, control
// characters in values, Content-Length beside Transfer-Encoding, Content-Lengths that differ or are
// not plain digits, any transfer coding but one "chunked", zero or two Hosts, chunk sizes that are
// not plain hex digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/rpc/internal/header_block.h"

namespace pemba::rpc::internal {

struct Http1Head {
  std::string_view method;  // Views into the parsed bytes.
  std::string_view target;  // Origin form ("/path?query") or "*".
  int minor_version = 1;    // HTTP/1.0 or HTTP/1.1.
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

struct Http1HeadResult {
  enum class Kind : std::uint8_t { kNeedMore, kHead, kRefused };
  Kind kind = Kind::kNeedMore;
  std::size_t consumed = 0;      // kHead: bytes up to the body.
  int status = 0;                // kRefused: the HTTP status that says so; the connection must end.
  const char* reason = nullptr;  // kRefused: for people.
};

// Reads one request head from the start of `bytes`. Header names are lower-cased into `headers`,
// which must be empty. Without state: called again with more bytes after kNeedMore. A head is
// refused with 431 as soon as it is longer than `bytes_max`. O(bytes).
Http1HeadResult ParseHttp1Head(std::string_view bytes, std::size_t bytes_max, Http1Head& head,
                               HeaderBlock& headers);

// Takes a chunked body apart, piece by piece.
class ChunkedDecoder {
 public:
  enum class Outcome : std::uint8_t { kNeedMore, kDone, kMalformed };

  // Consumes bytes from the front of `bytes`; appends payload to `body`. Stops after the last
  // chunk's trailer section (kDone), which is bounded and otherwise ignored.
  Outcome Decode(std::string_view& bytes, std::string& body);
  void Reset() { *this = ChunkedDecoder(); }

 private:
  enum class State : std::uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLine,
    kTrailerLf,
    kEndLf
  };

  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;
  std::size_t digits_ = 0;
  std::size_t overhead_bytes_ = 0;  // Extensions and trailers, which carry nothing for us.
};

}  // namespace pemba::rpc::internal
