// Log: one line per event, with fields.
//
// Text: `2026-11-21T10:00:00.000Z info message key=value ...`. JSON: one object per line with
// `level`, `timestamp`, `message`, `build.version`, `build.commit`, then the fields.
//
// No secret and no tuple content belongs into a field at info or above.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pemba/base/clock.h"
#include "pemba/telemetry/lines.h"

namespace pemba::telemetry {

enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError, kNone };  // Ascending.
enum class LogTimestamp : std::uint8_t { kUnix, kIso8601 };                  // JSON only.

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;  // kNone: nothing is written.
  LogTimestamp timestamp = LogTimestamp::kUnix;
};

class LogEvent;

// Thread-safe. An event that is below the level costs one comparison; others are formatted on the
// calling thread and written by another one.
class Log {
 public:
  Log(LogOptions options, const Clock& clock,
      std::unique_ptr<LineSink> sink = NewStandardErrorSink());

  bool On(LogLevel level) const { return level >= options_.level && level != LogLevel::kNone; }
  LogEvent Event(LogLevel level, std::string_view message);
  std::uint64_t dropped() const { return lines_.dropped(); }

 private:
  friend class LogEvent;
  const LogOptions options_;
  const Clock& clock_;
  LineQueue lines_;
};

// One event. Fields are added in order; values are quoted as the format needs it.
class LogEvent {
 public:
  LogEvent(Log& log, LogLevel level, std::string_view message);
  ~LogEvent();  // Hands the line over.
  LogEvent(const LogEvent&) = delete;
  LogEvent& operator=(const LogEvent&) = delete;

  LogEvent& With(std::string_view key, std::string_view value);
  LogEvent& With(std::string_view key, std::uint64_t value);
  LogEvent& WithFlag(std::string_view key, bool value);
  // `json` is one JSON value. Text quotes it as any other text.
  LogEvent& WithJson(std::string_view key, std::string_view json);

 private:
  void Key(std::string_view key);

  Log* const log_;  // Null: below the level.
  WallTime time_{};
  std::string line_;
};

// `2026-11-21T10:00:00.000Z`
void AppendIso8601(WallTime time, std::string& out);
// As a JSON string with its quotes; bytes that are not UTF-8 become code points below U+0100.
void AppendAnyAsJson(std::string_view bytes, std::string& out);

}  // namespace pemba::telemetry
