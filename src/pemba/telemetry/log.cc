#include "pemba/telemetry/log.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pemba/base/text.h"

namespace pemba::telemetry {
namespace {

std::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kNone:
      break;
  }
  return "none";
}

void AppendPadded(std::uint64_t number, int digits, std::string& out) {
  char text[20];
  for (int i = digits; i-- > 0; number /= 10) text[i] = static_cast<char>('0' + number % 10);
  out.append(text, static_cast<std::size_t>(digits));
}

void AppendUnix(WallTime time, std::string& out) {
  const auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
  out += std::to_string(milliseconds / 1000) + ".";
  AppendPadded(milliseconds % 1000, 3, out);
}

bool NeedsQuotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](unsigned char c) {
           return c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F;
         });
}

}  // namespace

void AppendIso8601(WallTime time, std::string& out) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss of_day(std::chrono::floor<std::chrono::milliseconds>(time - day));
  AppendPadded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4, out);
  out += '-';
  AppendPadded(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  AppendPadded(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  AppendPadded(static_cast<std::uint64_t>(of_day.hours().count()), 2, out);
  out += ':';
  AppendPadded(static_cast<std::uint64_t>(of_day.minutes().count()), 2, out);
  out += ':';
  AppendPadded(static_cast<std::uint64_t>(of_day.seconds().count()), 2, out);
  out += '.';
  AppendPadded(static_cast<std::uint64_t>(of_day.subseconds().count()), 3, out);
  out += 'Z';
}

void AppendAnyAsJson(std::string_view bytes, std::string& out) {
  if (IsUtf8(bytes)) return AppendJsonString(bytes, out);
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | (byte >> 6));
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  AppendJsonString(text, out);
}

Log::Log(LogOptions options, const Clock& clock, std::unique_ptr<LineSink> sink)
    : options_(options), clock_(clock), lines_(std::move(sink)) {}

LogEvent Log::Event(LogLevel level, std::string_view message) { return {*this, level, message}; }

LogEvent::LogEvent(Log& log, LogLevel level, std::string_view message)
    : log_(log.On(level) ? &log : nullptr) {
  if (log_ == nullptr) return;
  time_ = log.clock_.Now();
  line_.reserve(512);
  if (log.options_.format == LogFormat::kText) {
    AppendIso8601(time_, line_);
    line_.append(" ").append(NameOf(level)).append(" ").append(message);
    return;
  }
  line_.append(R"({"level":")").append(NameOf(level)).append(R"(","timestamp":)");
  if (log.options_.timestamp == LogTimestamp::kUnix) {
    AppendUnix(time_, line_);
  } else {
    line_ += '"';
    AppendIso8601(time_, line_);
    line_ += '"';
  }
  line_ += R"(,"message":)";
  AppendAnyAsJson(message, line_);
  line_ += R"(,"build.version":")" PEMBA_VERSION R"(","build.commit":")" PEMBA_COMMIT "\"";
}

void LogEvent::Key(std::string_view key) {
  if (log_->options_.format == LogFormat::kText) {
    line_.append(" ").append(key).append("=");
  } else {
    line_.append(",\"").append(key).append("\":");
  }
}

LogEvent& LogEvent::With(std::string_view key, std::string_view value) {
  if (log_ == nullptr) return *this;
  Key(key);
  if (log_->options_.format == LogFormat::kText && !NeedsQuotes(value)) {
    line_ += value;
  } else {
    AppendAnyAsJson(value, line_);  // Control characters cannot forge a second line.
  }
  return *this;
}

LogEvent& LogEvent::With(std::string_view key, std::uint64_t value) {
  if (log_ == nullptr) return *this;
  Key(key);
  line_ += std::to_string(value);
  return *this;
}

LogEvent& LogEvent::WithFlag(std::string_view key, bool value) {
  if (log_ == nullptr) return *this;
  Key(key);
  line_ += value ? "true" : "false";
  return *this;
}

LogEvent& LogEvent::WithJson(std::string_view key, std::string_view json) {
  if (log_ == nullptr) return *this;
  if (log_->options_.format == LogFormat::kText) return With(key, json);
  Key(key);
  line_ += json;
  return *this;
}

LogEvent::~LogEvent() {
  if (log_ == nullptr) return;
  line_ += log_->options_.format == LogFormat::kText ? "\n" : "}\n";
  log_->lines_.Push(time_, std::move(line_));
}

}  // namespace pemba::telemetry
