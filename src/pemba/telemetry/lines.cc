#include "pemba/telemetry/lines.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pemba/telemetry/internal/cells.h"

namespace pemba::telemetry {
namespace {

// Lines that come together leave together.
constexpr std::chrono::milliseconds kGather{2};

void WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // Nobody left to tell.
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

class StandardErrorSink final : public LineSink {
 public:
  void Write(std::string_view lines) override { WriteAll(STDERR_FILENO, lines); }
};

class RotatingFileSink final : public LineSink {
 public:
  explicit RotatingFileSink(RotatingFileOptions options) : options_(std::move(options)) {}
  ~RotatingFileSink() override { Close(); }

  Status Open() {
    file_ = ::open(options_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_ < 0) {
      return Error{ErrorCode::kUnavailable, "cannot open `" + options_.path +
                                                "`: " + std::generic_category().message(errno)};
    }
    struct stat status {};
    bytes_ = ::fstat(file_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    return Done{};
  }

  // Rotates between lines, never within one.
  void Write(std::string_view lines) override {
    while (!lines.empty()) {
      const auto line = lines.substr(0, lines.find('\n') + 1);
      if (bytes_ > 0 && bytes_ + line.size() > options_.bytes_max) Rotate();
      if (file_ >= 0) WriteAll(file_, line);
      bytes_ += line.size();
      lines.remove_prefix(line.size());
    }
  }

 private:
  std::string Name(std::size_t number) const {
    return number == 0 ? options_.path : options_.path + "." + std::to_string(number);
  }

  void Rotate() {
    Close();
    std::error_code ignored;
    if (options_.files_max == 0) std::filesystem::remove(options_.path, ignored);
    for (std::size_t number = options_.files_max; number > 0; --number) {
      std::filesystem::rename(Name(number - 1), Name(number), ignored);
    }
    (void)Open();  // Tried again at the next rotation; until then lines are lost.
  }

  void Close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }

  const RotatingFileOptions options_;
  int file_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<LineSink> NewStandardErrorSink() { return std::make_unique<StandardErrorSink>(); }

Result<std::unique_ptr<LineSink>> NewRotatingFileSink(RotatingFileOptions options) {
  auto sink = std::make_unique<RotatingFileSink>(std::move(options));
  PEMBA_TRY(std::ignore, sink->Open());
  return std::unique_ptr<LineSink>(std::move(sink));
}

LineQueue::LineQueue(std::unique_ptr<LineSink> sink, std::size_t bytes_max)
    : sink_(std::move(sink)), shard_bytes_max_(bytes_max / kShards) {
  // Signals are for the main thread: the new thread inherits a full mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LineQueue::~LineQueue() {
  stopping_ = true;
  pending_ = 1;
  pending_.notify_one();
  thread_.join();
}

void LineQueue::Push(WallTime time, std::string line) {
  auto& shard = shards_[internal::ThreadShard() % kShards];
  {
    const std::lock_guard lock(shard.mutex);
    if (shard.bytes + line.size() > shard_bytes_max_) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    shard.bytes += line.size();
    shard.lines.push_back({time, std::move(line)});
  }
  if (pending_.load() == 0 && pending_.exchange(1) == 0) pending_.notify_one();
}

void LineQueue::Run() {
  while (!stopping_) {
    pending_.wait(0);
    if (!stopping_) std::this_thread::sleep_for(kGather);
    pending_ = 0;
    Drain();
  }
  Drain();
}

void LineQueue::Drain() {
  std::vector<Line> lines;
  for (auto& shard : shards_) {
    std::vector<Line> taken;
    {
      const std::lock_guard lock(shard.mutex);
      taken.swap(shard.lines);
      shard.bytes = 0;
    }
    std::move(taken.begin(), taken.end(), std::back_inserter(lines));
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.time < b.time; });
  std::string text;
  for (const auto& line : lines) text += line.text;
  if (!text.empty()) sink_->Write(text);
}

}  // namespace pemba::telemetry
