// Http1Response: reads HTTP/1.1 responses that follow one another on a connection.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::bench::internal {

// What a load generator needs of RFC 9112: status, body by Content-Length or chunks, and whether
// the connection stays open. Interim responses (1xx) are skipped. Heads above 64 KiB and bodies
// above 256 MiB are errors.
class Http1Response {
 public:
  enum class State { kIncomplete, kComplete };
  // Takes bytes from the front of `bytes`, at most to the end of one response.
  // Errors: kUnavailable (not HTTP/1.1).
  Result<State> Read(std::string_view& bytes);

  // Of the complete response.
  int status() const { return status_; }
  std::string_view body() const { return body_; }
  bool keeps_connection() const { return keeps_connection_; }

  void Clear();  // For the next one.

 private:
  enum class Part { kHead, kBody, kChunkSize, kChunk, kChunkEnd, kTrailers, kDone };

  Status TakeLineOf(Part part, std::string_view line);
  Status ReadField(std::string_view line);
  Status ReadChunkSize(std::string_view line);
  // A line without its end; nothing if it is not complete yet.
  enum class Line { kTaken, kPartial };
  Result<Line> TakeLine(std::string_view& bytes, std::string_view& line);

  Part part_ = Part::kHead;
  std::string line_;  // Of which only a part has come.
  bool line_taken_ = false;
  std::size_t head_bytes_ = 0;
  bool has_status_ = false, has_length_ = false, chunked_ = false, keeps_connection_ = true;
  int status_ = 0;
  std::size_t left_ = 0;  // Of the body or chunk.
  std::string body_;
};

}  // namespace pemba::bench::internal
