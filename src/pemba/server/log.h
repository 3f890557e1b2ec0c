// The server's log: one line per event, with fields, on standard error.
#pragma once

#include <memory>

#include <spdlog/logger.h>

#include "pemba/server/config.h"

namespace pemba::server {

// A logger of its own, so that two servers in one process do not share settings. Thread-safe.
// Text: `time level message key=value ...`. JSON: one object per line with `timestamp`, `level`,
// `message`; see LogEvent for the fields.
std::shared_ptr<spdlog::logger> NewLogger(const ServerConfig& config);

// One event. Fields are added in order; values are quoted as the format needs it.
class LogEvent {
 public:
  LogEvent(spdlog::logger& logger, LogFormat format, spdlog::level::level_enum level,
           std::string_view message);
  LogEvent& With(std::string_view key, std::string_view value);
  LogEvent& With(std::string_view key, std::int64_t value);
  ~LogEvent();  // Writes the line.
  LogEvent(const LogEvent&) = delete;
  LogEvent& operator=(const LogEvent&) = delete;

 private:
  spdlog::logger& logger_;
  const LogFormat format_;
  const spdlog::level::level_enum level_;
  const bool on_;
  std::string line_;
};

}  // namespace pemba::server
