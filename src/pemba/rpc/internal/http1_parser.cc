#include "pemba/rpc/internal/http1_parser.h"

#include <algorithm>
#include <array>

#include "pemba/rpc/internal/percent.h"

namespace pemba::rpc::internal {
namespace {

using Kind = Http1HeadResult::Kind;

constexpr std::size_t kChunkOverheadBytesMax = std::size_t{16} * 1024;

// RFC 9110 5.6.2.
constexpr auto kIsTokenByte = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kIsTokenByte[static_cast<unsigned char>(c)];
  });
}

// Visible bytes, bytes above 127, space and tab.
bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || byte == '\t';
  });
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(),
                                                [](char x, char y) { return LowerCase(x) == y; });
}

// True if the comma-separated list holds the token.
bool ListHolds(std::string_view list, std::string_view lower_token) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (EqualsIgnoringCase(TrimSpace(list.substr(0, comma)), lower_token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::optional<std::uint64_t> ParseContentLength(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

Http1HeadResult Refused(int status, const char* reason) {
  return {.kind = Kind::kRefused, .consumed = 0, .status = status, .reason = reason};
}

bool HasBareLineFeed(std::string_view bytes, std::size_t from) {
  for (auto at = bytes.find('\n', from); at != bytes.npos; at = bytes.find('\n', at + 1)) {
    if (at == from || bytes[at - 1] != '\r') return true;
  }
  return false;
}

// Nothing if the line is well-formed.
std::optional<Http1HeadResult> ParseRequestLine(std::string_view line, Http1Head& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == line.npos || first == last) return Refused(400, "malformed request line");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!IsToken(head.method)) return Refused(400, "malformed method");
  if (version == "HTTP/1.1") {
    head.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head.minor_version = 0;
  } else {
    return version.starts_with("HTTP/") ? Refused(505, "unsupported HTTP version")
                                        : Refused(400, "malformed request line");
  }
  head.keep_alive = head.minor_version == 1;
  const bool visible = std::all_of(head.target.begin(), head.target.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) != 0x7F;
  });
  if (head.target.empty() || !visible) return Refused(400, "malformed request target");
  // Absolute form: what a proxy would send. The authority is the Host header's business.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!head.target.starts_with(scheme)) continue;
    const auto path = head.target.find('/', scheme.size());
    head.target = path == head.target.npos ? std::string_view("/") : head.target.substr(path);
  }
  if (!head.target.starts_with('/') && head.target != "*") {
    return Refused(400, "malformed request target");
  }
  return std::nullopt;
}

// What the headers say about the connection and the body.
struct Framing {
  int hosts = 0;
  bool transfer_encoding = false;
};

std::optional<Http1HeadResult> TakeHeader(std::string_view name, std::string_view value,
                                          Http1Head& head, Framing& framing) {
  if (name == "host") {
    if (++framing.hosts > 1) return Refused(400, "more than one Host");
  } else if (name == "content-length") {
    const auto length = ParseContentLength(value);
    if (!length) return Refused(400, "malformed Content-Length");
    if (head.content_length.value_or(*length) != *length) {
      return Refused(400, "Content-Lengths differ");
    }
    head.content_length = length;
  } else if (name == "transfer-encoding") {
    if (framing.transfer_encoding) return Refused(400, "more than one Transfer-Encoding");
    if (!EqualsIgnoringCase(value, "chunked")) return Refused(501, "unknown Transfer-Encoding");
    framing.transfer_encoding = true;
    head.chunked = true;
  } else if (name == "connection") {
    if (ListHolds(value, "close")) head.keep_alive = false;
    if (head.minor_version == 0 && ListHolds(value, "keep-alive")) head.keep_alive = true;
  } else if (name == "expect") {
    if (!EqualsIgnoringCase(value, "100-continue")) return Refused(417, "unknown expectation");
    head.expects_continue = head.minor_version == 1;
  }
  return std::nullopt;
}

std::optional<Http1HeadResult> ParseHeaderLine(std::string_view line, Http1Head& head,
                                               Framing& framing, HeaderBlock& headers) {
  if (line.front() == ' ' || line.front() == '\t') return Refused(400, "folded header line");
  const auto colon = line.find(':');
  if (colon == line.npos || !IsToken(line.substr(0, colon))) {
    return Refused(400, "malformed header name");
  }
  const auto value = TrimSpace(line.substr(colon + 1));
  if (!IsFieldValue(value)) return Refused(400, "malformed header value");
  std::array<char, 64> short_name;
  std::string long_name;
  char* lower = short_name.data();
  if (colon > short_name.size()) {
    long_name.resize(colon);
    lower = long_name.data();
  }
  std::transform(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon), lower, LowerCase);
  const std::string_view name(lower, colon);
  headers.Add(name, value);
  return TakeHeader(name, value, head, framing);
}

std::optional<Http1HeadResult> CheckFraming(const Http1Head& head, const Framing& framing) {
  if (head.minor_version == 1 && framing.hosts == 0) return Refused(400, "no Host");
  if (head.chunked && head.minor_version == 0) {
    return Refused(400, "Transfer-Encoding in HTTP/1.0");
  }
  if (head.chunked && head.content_length) {
    return Refused(400, "both Content-Length and Transfer-Encoding");
  }
  return std::nullopt;
}

}  // namespace

Http1HeadResult ParseHttp1Head(std::string_view bytes, std::size_t bytes_max, Http1Head& head,
                               HeaderBlock& headers) {
  head = Http1Head{};
  // RFC 9112 2.2: one empty line before the request line is forgiven.
  std::size_t at = bytes.starts_with("\r\n") ? 2 : 0;
  const auto end = bytes.find("\r\n\r\n", at);
  const auto head_bytes = end == bytes.npos ? bytes.size() : end + 4;
  // Looked for first and in an incomplete head too: it could hide the end of the head from us for
  // as long as the peer likes. CR and NUL are refused with the names and values that they stand in.
  if (HasBareLineFeed(bytes.substr(0, std::min(head_bytes, bytes_max)), at)) {
    return Refused(400, "bare line feed");
  }
  if (head_bytes > bytes_max) return Refused(431, "request head too large");
  if (end == bytes.npos) return {};

  Framing framing;
  bool request_line = true;
  while (at < end + 2) {
    const auto line_end = bytes.find("\r\n", at);
    const auto line = bytes.substr(at, line_end - at);
    at = line_end + 2;
    auto refused =
        request_line ? ParseRequestLine(line, head) : ParseHeaderLine(line, head, framing, headers);
    if (refused) return *refused;
    if (headers.counted_bytes() > bytes_max) return Refused(431, "request head too large");
    request_line = false;
  }
  if (const auto refused = CheckFraming(head, framing)) return *refused;
  return {.kind = Kind::kHead, .consumed = end + 4};
}

// A switch over one byte at a time, but for payload, which is copied in runs.
ChunkedDecoder::Outcome ChunkedDecoder::Decode(std::string_view& bytes, std::string& body) {
  while (!bytes.empty()) {
    if (state_ == State::kData) {
      const auto run = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
      body.append(bytes.substr(0, run));
      bytes.remove_prefix(run);
      remaining_ -= run;
      if (remaining_ == 0) state_ = State::kDataCr;
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    switch (state_) {
      case State::kSize:
        if (const int digit = HexValue(c); digit >= 0) {
          if (++digits_ > 8) return Outcome::kMalformed;
          remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
        } else if (digits_ > 0 && (c == ';' || c == '\r')) {
          state_ = c == ';' ? State::kExtension : State::kSizeLf;
        } else {
          return Outcome::kMalformed;
        }
        break;
      case State::kExtension:
        if (++overhead_bytes_ > kChunkOverheadBytesMax) return Outcome::kMalformed;
        if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (!IsFieldValue(std::string_view(&c, 1))) {
          return Outcome::kMalformed;
        }
        break;
      case State::kSizeLf:
        if (c != '\n') return Outcome::kMalformed;
        digits_ = 0;
        state_ = remaining_ == 0 ? State::kTrailer : State::kData;
        break;
      case State::kDataCr:
        if (c != '\r') return Outcome::kMalformed;
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return Outcome::kMalformed;
        state_ = State::kSize;
        break;
      case State::kTrailer:  // At the start of a line.
        if (c == '\r') {
          state_ = State::kEndLf;
          break;
        }
        state_ = State::kTrailerLine;
        [[fallthrough]];
      case State::kTrailerLine:
        if (++overhead_bytes_ > kChunkOverheadBytesMax) return Outcome::kMalformed;
        if (c == '\r') {
          state_ = State::kTrailerLf;
        } else if (!IsFieldValue(std::string_view(&c, 1))) {
          return Outcome::kMalformed;
        }
        break;
      case State::kTrailerLf:
        if (c != '\n') return Outcome::kMalformed;
        state_ = State::kTrailer;
        break;
      case State::kEndLf:
        return c == '\n' ? Outcome::kDone : Outcome::kMalformed;
      case State::kData:
        break;  // Handled above.
    }
  }
  return Outcome::kNeedMore;
}

}  // namespace pemba::rpc::internal
