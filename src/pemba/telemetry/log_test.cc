#include "pemba/telemetry/log.h"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace pemba::telemetry {
namespace {

class FixedClock final : public Clock {
 public:
  WallTime Now() const override {
    return WallTime(std::chrono::milliseconds(1'763'720'645'067));  // 2025-11-21T10:24:05.067Z
  }
  SteadyTime Steady() const override { return {}; }
};

class TextSink final : public LineSink {
 public:
  explicit TextSink(std::string& out) : out_(out) {}
  void Write(std::string_view lines) override { out_ += lines; }

 private:
  std::string& out_;
};

// What the events of `write` look like.
template <class Write>
std::string Logged(LogOptions options, Write write) {
  const FixedClock clock;
  std::string out;
  {
    Log log(options, clock, std::make_unique<TextSink>(out));
    write(log);
  }
  return out;
}

void WriteOne(Log& log) {
  log.Event(LogLevel::kInfo, "grpc_req_complete")
      .With("plain", "a/b")
      .With("spaced", "a b")
      .With("forged", "a\nlevel=error")
      .With("empty", "")
      .With("bytes", "\xFF")
      .With("count", std::uint64_t{7})
      .WithFlag("yes", true)
      .WithJson("raw", R"({"a":1})");
}

TEST(Log, TextIsOneLineWhateverTheValues) {
  EXPECT_EQ(Logged({}, WriteOne),
            "2025-11-21T10:24:05.067Z info grpc_req_complete plain=a/b spaced=\"a b\" "
            "forged=\"a\\nlevel=error\" empty=\"\" bytes=\xFF count=7 yes=true "
            "raw=\"{\\\"a\\\":1}\"\n");
}

TEST(Log, JsonHasTheTimestampThatWasAskedFor) {
  const auto unix_time = Logged({.format = LogFormat::kJson}, WriteOne);
  EXPECT_TRUE(unix_time.starts_with(R"({"level":"info","timestamp":1763720645.067,"message":)"
                                    R"("grpc_req_complete","build.version":")"))
      << unix_time;
  EXPECT_TRUE(unix_time.ends_with(
      "\"plain\":\"a/b\",\"spaced\":\"a b\",\"forged\":\"a\\nlevel=error\",\"empty\":\"\","
      "\"bytes\":\"\u00ff\",\"count\":7,\"yes\":true,\"raw\":{\"a\":1}}\n"))
      << unix_time;
  const auto iso =
      Logged({.format = LogFormat::kJson, .timestamp = LogTimestamp::kIso8601}, WriteOne);
  EXPECT_NE(iso.find(R"("timestamp":"2025-11-21T10:24:05.067Z")"), iso.npos) << iso;
}

TEST(Log, LevelsAreAFloor) {
  const auto all = [](Log& log) {
    log.Event(LogLevel::kDebug, "a");
    log.Event(LogLevel::kInfo, "b");
    log.Event(LogLevel::kWarn, "c");
    log.Event(LogLevel::kError, "d");
  };
  const auto count = [&](LogLevel level) {
    const auto text = Logged({.level = level}, all);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(count(LogLevel::kDebug), 4);
  EXPECT_EQ(count(LogLevel::kInfo), 3);
  EXPECT_EQ(count(LogLevel::kWarn), 2);
  EXPECT_EQ(count(LogLevel::kError), 1);
  EXPECT_EQ(count(LogLevel::kNone), 0);
}

// Blocks until it is let go.
class GatedSink final : public LineSink {
 public:
  explicit GatedSink(std::mutex& gate) : gate_(gate) {}
  void Write(std::string_view) override { const std::lock_guard lock(gate_); }

 private:
  std::mutex& gate_;
};

TEST(LineQueue, AStuckSinkCostsLinesAndNobodysTime) {
  std::mutex gate;
  std::unique_lock held(gate);
  LineQueue queue(std::make_unique<GatedSink>(gate), 8000);  // 1000 bytes per shard.
  for (int i = 0; i < 1000; ++i) queue.Push(WallTime(), std::string(99, 'x') + "\n");
  // At most one batch is with the sink and one more waits.
  EXPECT_GE(queue.dropped(), 1000U - 20U);
  EXPECT_LT(queue.dropped(), 1000U);
  held.unlock();
}

TEST(LineQueue, LosesNothingBetweenThreadsAndOrdersByTime) {
  std::string out;
  constexpr int kThreads = 4;
  constexpr int kLines = 500;
  {
    LineQueue queue(std::make_unique<TextSink>(out));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kLines; ++i) queue.Push(WallTime(std::chrono::nanoseconds(i)), "a\n");
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(queue.dropped(), 0U);
  }
  EXPECT_EQ(out.size(), 2U * kThreads * kLines);
  std::string ordered;
  {
    LineQueue queue(std::make_unique<TextSink>(ordered));
    queue.Push(WallTime(std::chrono::nanoseconds(2)), "late\n");
    std::thread([&] { queue.Push(WallTime(std::chrono::nanoseconds(1)), "early\n"); }).join();
  }
  EXPECT_EQ(ordered, "early\nlate\n");
}

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(RotatingFile, KeepsTheNewestFilesAndWholeLines) {
  const auto directory = std::filesystem::temp_directory_path() / "pemba_rotating_file_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const auto path = directory / "log";
  {
    auto sink = NewRotatingFileSink({.path = path, .bytes_max = 10, .files_max = 2});
    ASSERT_TRUE(sink.ok());
    (*sink)->Write("1111\n2222\n3333\n4444\n");
    (*sink)->Write("5555\n6666\n7777\n");
  }
  EXPECT_EQ(Contents(path), "7777\n");
  EXPECT_EQ(Contents(directory / "log.1"), "5555\n6666\n");
  EXPECT_EQ(Contents(directory / "log.2"), "3333\n4444\n");
  EXPECT_FALSE(std::filesystem::exists(directory / "log.3"));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_FALSE(NewRotatingFileSink({.path = directory / "none" / "log"}).ok());
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace pemba::telemetry
