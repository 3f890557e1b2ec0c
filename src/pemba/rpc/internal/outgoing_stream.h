// OutgoingStream: the bytes of a streamed response on their way from a handler to its I/O thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/clock.h"

namespace pemba::rpc::internal {

// One writer (the handler's thread), one reader (the I/O thread). The writer waits once the reader
// has kBufferedBytesMax or more in hand, until it has less than half: it is not woken for a piece.
class OutgoingStream {
 public:
  static constexpr std::size_t kBufferedBytesMax = std::size_t{64} * 1024;
  static constexpr std::size_t kResumedBytesMax = kBufferedBytesMax / 2;

  enum class Waiting : std::uint8_t { kAllowed, kForbidden };
  struct WriteResult {
    bool accepted;     // False: broken, past `deadline`, or stalled for `stall_timeout`.
    bool wake_reader;  // True: the reader does not know yet that there is something.
  };

  // Writer. `prefix` and `bytes` are written as one piece or not at all.
  WriteResult Write(std::string_view prefix, std::string_view bytes, Waiting waiting,
                    std::optional<SteadyTime> deadline, std::chrono::milliseconds stall_timeout);
  void End();  // No more writes. What is buffered is still read.

  // Any thread: makes writes fail and wakes a waiting one.
  void Break();

  // Reader. Copies at most `bytes_max` bytes to `out`; returns how many.
  std::size_t Read(char* out, std::size_t bytes_max);
  struct State {
    std::size_t buffered_bytes;
    bool ended;
    bool stalled;  // A write gave up because nothing was read.
  };
  State Look() const;  // Also the writer.

  void Reset();  // For the next request. No other thread may be near.

 private:
  mutable std::mutex mutex_;
  std::size_t buffered() const { return buffer_.size() - taken_; }

  std::condition_variable room_;  // Signalled when half is free or the stream breaks.
  // All guarded by mutex_.
  std::string buffer_;
  std::size_t taken_ = 0;         // Bytes of buffer_ that the reader already has.
  std::uint64_t read_bytes_ = 0;  // Ever; grows while the peer makes progress.
  bool reader_knows_ = false;
  bool ended_ = false;
  bool broken_ = false;
  bool stalled_ = false;
};

}  // namespace pemba::rpc::internal
