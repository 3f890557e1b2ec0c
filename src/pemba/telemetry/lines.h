// LineQueue: lines on their way to a file or terminal, so that nobody waits for either.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pemba/base/clock.h"
#include "pemba/base/result.h"

namespace pemba::telemetry {

// Where lines end. Used by one thread at a time.
class LineSink {
 public:
  virtual ~LineSink() = default;
  virtual void Write(std::string_view lines) = 0;  // Whole lines. May block; failures are its own.
};

std::unique_ptr<LineSink> NewStandardErrorSink();

struct RotatingFileOptions {
  std::string path;
  std::uint64_t bytes_max = std::uint64_t{100} << 20;  // Then `path` becomes `path.1`, and so on.
  std::size_t files_max = 5;                           // Beside the current one; older ones go.
};
// Made with mode 0600: what is written may be nobody else's business. Appends to what is there.
// Errors (kUnavailable): it cannot be opened.
Result<std::unique_ptr<LineSink>> NewRotatingFileSink(RotatingFileOptions options);

// Thread-safe. Push copies the line and never waits for the sink; a line that finds the queue full
// is dropped and counted. Lines leave within milliseconds, ordered by time among those that wait.
class LineQueue {
 public:
  static constexpr std::size_t kBytesMax = std::size_t{16} << 20;  // Shared evenly by the shards.

  explicit LineQueue(std::unique_ptr<LineSink> sink, std::size_t bytes_max = kBytesMax);
  ~LineQueue();  // Writes what waits.
  LineQueue(const LineQueue&) = delete;
  LineQueue& operator=(const LineQueue&) = delete;

  void Push(WallTime time, std::string line);  // With its line feed.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 8;
  struct Line {
    WallTime time;
    std::string text;
  };
  struct alignas(64) Shard {
    std::mutex mutex;  // Guards what follows; held for an append or a swap.
    std::vector<Line> lines;
    std::size_t bytes = 0;
  };

  void Run();
  void Drain();

  const std::unique_ptr<LineSink> sink_;
  const std::size_t shard_bytes_max_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> dropped_{0};
  // 1 once there is something to do. Raised after the line is in its shard and lowered before the
  // shards are emptied, so that no line is left behind.
  std::atomic<std::uint32_t> pending_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace pemba::telemetry
