#include "pemba/bench/internal/http1_response.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>
#include <tuple>
#include <utility>

namespace pemba::bench::internal {
namespace {

constexpr std::size_t kHeadBytesMax = std::size_t{64} << 10;
constexpr std::size_t kBodyBytesMax = std::size_t{256} << 20;

Error Malformed(std::string_view what) {
  return {ErrorCode::kUnavailable, "the answer is no HTTP/1.1: " + std::string(what)};
}

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
bool Same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// All of `text` as a number below the body limit.
Result<std::size_t> Length(std::string_view text, int base) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length, base);
  if (error != std::errc() || end != text.data() + text.size()) return Malformed("a length");
  if (length > kBodyBytesMax) return Malformed("a body that is too large");
  return length;
}

}  // namespace

void Http1Response::Clear() {
  part_ = Part::kHead;
  line_.clear();
  line_taken_ = has_status_ = has_length_ = chunked_ = false;
  keeps_connection_ = true;
  head_bytes_ = left_ = 0;
  status_ = 0;
  body_.clear();
}

Result<Http1Response::Line> Http1Response::TakeLine(std::string_view& bytes,
                                                    std::string_view& line) {
  if (std::exchange(line_taken_, false)) line_.clear();
  const auto end = bytes.find('\n');
  const auto taken = std::min(end, bytes.size());
  head_bytes_ += taken;
  if (head_bytes_ > kHeadBytesMax) return Malformed("a head that is too large");
  if (end == bytes.npos) {
    line_.append(bytes);
    bytes = {};
    return Line::kPartial;
  }
  if (line_.empty()) {
    line = bytes.substr(0, end);
  } else {
    line = line_.append(bytes.substr(0, end));
    line_taken_ = true;  // The view stays good until the next call.
  }
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return Line::kTaken;
}

Result<Http1Response::State> Http1Response::Read(std::string_view& bytes) {
  while (part_ != Part::kDone) {
    if (part_ == Part::kBody || part_ == Part::kChunk) {
      const auto piece = bytes.substr(0, left_);
      body_.append(piece);
      bytes.remove_prefix(piece.size());
      left_ -= piece.size();
      if (left_ > 0) return State::kIncomplete;
      part_ = part_ == Part::kBody ? Part::kDone : Part::kChunkEnd;
      continue;
    }
    std::string_view line;
    PEMBA_TRY(const auto taken, TakeLine(bytes, line));
    if (taken == Line::kPartial) return State::kIncomplete;
    PEMBA_TRY(std::ignore, TakeLineOf(part_, line));
  }
  return State::kComplete;
}

Status Http1Response::TakeLineOf(Part part, std::string_view line) {
  switch (part) {
    case Part::kHead:
      return ReadField(line);
    case Part::kChunkSize:
      return ReadChunkSize(line);
    case Part::kChunkEnd:
      if (!line.empty()) return Malformed("a chunk");
      part_ = Part::kChunkSize;
      return Done{};
    case Part::kTrailers:
      if (line.empty()) part_ = Part::kDone;
      return Done{};
    case Part::kBody:
    case Part::kChunk:
    case Part::kDone:
      break;  // These are not made of lines.
  }
  return Malformed("more than an answer");
}

// The status line, a field, or the empty line that ends the head.
Status Http1Response::ReadField(std::string_view line) {
  if (!has_status_) {
    const bool known = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
    if (!known || line.size() < 12) return Malformed("a status line");
    PEMBA_TRY(const auto status, Length(line.substr(9, 3), 10));
    status_ = static_cast<int>(status);
    keeps_connection_ = line[7] == '1';
    has_status_ = true;
    return Done{};
  }
  if (!line.empty()) {
    const auto colon = line.find(':');
    if (colon == line.npos) return Malformed("a field");
    const auto name = line.substr(0, colon);
    const auto value = Trimmed(line.substr(colon + 1));
    if (Same(name, "content-length")) {
      PEMBA_TRY(left_, Length(value, 10));
      has_length_ = true;
    } else if (Same(name, "transfer-encoding")) {
      if (!Same(value, "chunked")) return Malformed("a transfer encoding");
      chunked_ = true;
    } else if (Same(name, "connection")) {
      keeps_connection_ = keeps_connection_ && !Same(value, "close");
    }
    return Done{};
  }
  if (status_ / 100 == 1) {
    Clear();
    return Done{};
  }
  const bool empty = status_ == 204 || status_ == 304;
  if (!empty && !chunked_ && !has_length_) return Malformed("a body without a length");
  part_ = empty ? Part::kDone : chunked_ ? Part::kChunkSize : Part::kBody;
  return Done{};
}

Status Http1Response::ReadChunkSize(std::string_view line) {
  head_bytes_ = 0;
  PEMBA_TRY(left_, Length(Trimmed(line.substr(0, line.find(';'))), 16));
  if (body_.size() + left_ > kBodyBytesMax) return Malformed("a body that is too large");
  part_ = left_ == 0 ? Part::kTrailers : Part::kChunk;
  return Done{};
}

}  // namespace pemba::bench::internal
