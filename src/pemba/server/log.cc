#include "pemba/server/log.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "pemba/api/json_writer.h"

namespace pemba::server {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kNone:
      return spdlog::level::off;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view NameOf(spdlog::level::level_enum level) {
  const auto name = spdlog::level::to_string_view(level);
  return {name.data(), name.size()};
}

bool NeedsQuotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](unsigned char c) {
           return c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F;
         });
}

}  // namespace

std::shared_ptr<spdlog::logger> NewLogger(const ServerConfig& config) {
  auto logger =
      std::make_shared<spdlog::logger>("pemba", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(LevelOf(config.log_level));
  if (config.log_format == LogFormat::kText) {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  } else if (config.log_timestamp == LogTimestamp::kUnix) {
    logger->set_pattern(R"({"timestamp":%E,%v})");
  } else {
    logger->set_pattern(R"({"timestamp":"%Y-%m-%dT%H:%M:%S.%eZ",%v})",
                        spdlog::pattern_time_type::utc);
  }
  logger->flush_on(spdlog::level::info);
  return logger;
}

LogEvent::LogEvent(spdlog::logger& logger, LogFormat format, spdlog::level::level_enum level,
                   std::string_view message)
    : logger_(logger), format_(format), level_(level), on_(logger.should_log(level)) {
  if (!on_) return;
  if (format_ == LogFormat::kText) {
    line_ = message;
  } else {
    line_ = "\"level\":";
    api::AppendJsonString(NameOf(level_), line_);
    line_ += ",\"message\":";
    api::AppendJsonString(message, line_);
  }
}

LogEvent& LogEvent::With(std::string_view key, std::string_view value) {
  if (!on_) return *this;
  if (format_ == LogFormat::kText) {
    line_.append(" ").append(key).append("=");
    if (NeedsQuotes(value)) {
      api::AppendJsonString(value, line_);  // Control characters cannot forge a second line.
    } else {
      line_ += value;
    }
  } else {
    line_ += ",";
    api::AppendJsonString(key, line_);
    line_ += ":";
    api::AppendJsonString(value, line_);
  }
  return *this;
}

LogEvent& LogEvent::With(std::string_view key, std::int64_t value) {
  if (!on_) return *this;
  if (format_ == LogFormat::kText) {
    line_.append(" ").append(key).append("=").append(std::to_string(value));
  } else {
    line_ += ",";
    api::AppendJsonString(key, line_);
    line_ += ":" + std::to_string(value);
  }
  return *this;
}

LogEvent::~LogEvent() {
  if (on_) logger_.log(level_, spdlog::string_view_t(line_.data(), line_.size()));
}

}  // namespace pemba::server
