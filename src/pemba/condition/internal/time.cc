#include "pemba/condition/internal/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

#include <absl/time/time.h>

#include "pemba/condition/internal/number.h"

namespace pemba::condition::internal {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads fixed-width fields from the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  bool Digits(std::size_t count, int& value) {
    if (rest_.size() < count) return false;
    if (!std::all_of(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(count), IsDigit)) {
      return false;
    }
    std::from_chars(rest_.data(), rest_.data() + count, value);
    rest_.remove_prefix(count);
    return true;
  }

  bool Hours(int& value) { return Digits(2, value) || Digits(1, value); }

  bool Literal(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Digits after the decimal point; what is finer than a nanosecond is cut off.
  bool Fraction(std::uint32_t& nanoseconds) {
    std::size_t count = 0;
    std::uint32_t value = 0;
    for (; !rest_.empty() && IsDigit(rest_.front()); rest_.remove_prefix(1), ++count) {
      if (count < 9) value = value * 10 + static_cast<std::uint32_t>(rest_.front() - '0');
    }
    for (std::size_t i = count; i < 9; ++i) value *= 10;
    nanoseconds = value;
    return count > 0;
  }

  // `Z` or `+hh:mm`.
  bool Offset(std::int64_t& seconds) {
    seconds = 0;
    if (Literal('Z')) return true;
    const bool west = rest_.starts_with('-');
    int hours = 0, minutes = 0;
    if (!Literal(west ? '-' : '+') || !Digits(2, hours) || !Literal(':') || !Digits(2, minutes)) {
      return false;
    }
    if (hours > 24 || minutes > 60) return false;
    seconds = (hours * 60 + minutes) * 60;
    if (west) seconds = -seconds;
    return true;
  }

  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"\xc2\xb5s", 1'000},  // U+00B5, the micro sign.
                                      {"\xce\xbcs", 1'000},  // U+03BC, the Greek letter mu.
                                      {"ms", 1'000'000},
                                      {"s", kNanosecondsPerSecond},
                                      {"m", 60 * kNanosecondsPerSecond},
                                      {"h", 3600 * kNanosecondsPerSecond}}};

// One `decimal unit` from the front of `rest`, in nanoseconds, which never exceed 2^63.
std::optional<std::uint64_t> TakeDurationPart(std::string_view& rest) {
  constexpr auto kMax = std::uint64_t{1} << 63;
  std::uint64_t whole = 0;
  std::size_t digits = 0;
  for (; !rest.empty() && IsDigit(rest.front()); rest.remove_prefix(1), ++digits) {
    if (whole > kMax / 10) return std::nullopt;
    whole = whole * 10 + static_cast<std::uint64_t>(rest.front() - '0');
    if (whole > kMax) return std::nullopt;
  }
  double fraction = 0, scale = 1;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    std::uint64_t decimals = 0;
    bool is_full = false;  // Further digits no longer count.
    for (; !rest.empty() && IsDigit(rest.front()); rest.remove_prefix(1), ++digits) {
      if (is_full || decimals > (kMax - 1) / 10) {
        is_full = true;
        continue;
      }
      decimals = decimals * 10 + static_cast<std::uint64_t>(rest.front() - '0');
      scale *= 10;
    }
    fraction = static_cast<double>(decimals);
  }
  if (digits == 0) return std::nullopt;
  const auto unit_size = std::min(rest.find_first_of(".0123456789"), rest.size());
  const auto* unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& candidate) {
    return candidate.name == rest.substr(0, unit_size);
  });
  if (unit == kUnits.end()) return std::nullopt;
  rest.remove_prefix(unit_size);
  const auto factor = static_cast<std::uint64_t>(unit->nanoseconds);
  if (whole > kMax / factor) return std::nullopt;
  const auto total =
      whole * factor +
      static_cast<std::uint64_t>(fraction * (static_cast<double>(unit->nanoseconds) / scale));
  if (total > kMax) return std::nullopt;
  return total;
}

// True for a name that stays inside the time zone database and is really there. The library
// remembers every name it was asked for, so names from outside must be bounded by the database.
bool IsKnownZone(std::string_view name) {
  const bool plain =
      !name.empty() && name.front() != '/' && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_' ||
               c == '-' || c == '+' || c == '/';
      });
  if (!plain) return false;
  std::error_code ignored;
  return std::filesystem::is_regular_file("/usr/share/zoneinfo/" + std::string(name), ignored);
}

std::optional<std::int64_t> FixedOffset(std::string_view zone, std::size_t colon) {
  auto hours_text = zone.substr(0, colon);
  const bool west = hours_text.starts_with('-');
  const auto hours = ParseInt(hours_text);
  const auto minutes = ParseUint(zone.substr(colon + 1));
  if (!hours || !minutes || *hours < -24 || *hours > 24 || *minutes > 59) return std::nullopt;
  const auto east_minutes = static_cast<std::int64_t>(*minutes);
  return (*hours * 60 + (west ? -east_minutes : east_minutes)) * 60;
}

}  // namespace

std::optional<TimePoint> ParseTimestamp(std::string_view text) {
  using std::chrono::sys_days;
  FieldReader reader(text);
  int year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0;
  TimePoint time;
  std::int64_t offset = 0;
  if (!reader.Digits(4, year) || !reader.Literal('-') || !reader.Digits(2, month) ||
      !reader.Literal('-') || !reader.Digits(2, day) || !reader.Literal('T') ||
      !reader.Hours(hours) || !reader.Literal(':') || !reader.Digits(2, minutes) ||
      !reader.Literal(':') || !reader.Digits(2, seconds)) {
    return std::nullopt;
  }
  if ((reader.Literal('.') || reader.Literal(',')) && !reader.Fraction(time.nanoseconds)) {
    return std::nullopt;
  }
  if (!reader.Offset(offset) || !reader.AtEnd()) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)});
  if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
  const auto days = sys_days(date).time_since_epoch().count();
  time.seconds = days * kSecondsPerDay + hours * 3600 + minutes * 60 + seconds - offset;
  return time;
}

std::string TimestampText(const TimePoint& time) {
  const auto c = Calendar(time, 0);
  std::array<char, 48> buffer;
  int size =
      std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d",
                    static_cast<int>(c.year), c.month + 1, c.day, c.hours, c.minutes, c.seconds);
  std::string text(buffer.data(), static_cast<std::size_t>(size));
  if (time.nanoseconds != 0) {
    size = std::snprintf(buffer.data(), buffer.size(), ".%09u", time.nanoseconds);
    text.append(buffer.data(), static_cast<std::size_t>(size));
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::optional<std::int64_t> ParseDuration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  constexpr auto kMax = std::uint64_t{1} << 63;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto part = TakeDurationPart(text);
    if (!part || *part > kMax - total) return std::nullopt;
    total += *part;
  }
  if (negative) return static_cast<std::int64_t>(~total + 1);
  if (total >= kMax) return std::nullopt;
  return static_cast<std::int64_t>(total);
}

std::string DurationText(std::int64_t nanoseconds) {
  // The fraction is that of the seconds as a double, as the wire shows it.
  const double seconds = static_cast<double>(nanoseconds / kNanosecondsPerSecond) +
                         static_cast<double>(nanoseconds % kNanosecondsPerSecond) / 1e9;
  std::array<char, 64> buffer;
  auto* end = std::to_chars(buffer.begin(), buffer.end(), seconds, std::chars_format::fixed).ptr;
  return std::string(buffer.data(), end) + "s";
}

std::optional<TimePoint> Add(const TimePoint& time, std::int64_t nanoseconds) {
  auto seconds = time.seconds + nanoseconds / kNanosecondsPerSecond;
  auto rest = static_cast<std::int64_t>(time.nanoseconds) + nanoseconds % kNanosecondsPerSecond;
  if (rest < 0) {
    rest += kNanosecondsPerSecond;
    --seconds;
  } else if (rest >= kNanosecondsPerSecond) {
    rest -= kNanosecondsPerSecond;
    ++seconds;
  }
  if (!IsInCalendar(seconds)) return std::nullopt;
  return TimePoint{seconds, static_cast<std::uint32_t>(rest)};
}

std::optional<std::int64_t> Difference(const TimePoint& a, const TimePoint& b) {
  std::int64_t nanoseconds = 0;
  const auto rest =
      static_cast<std::int64_t>(a.nanoseconds) - static_cast<std::int64_t>(b.nanoseconds);
  if (__builtin_mul_overflow(a.seconds - b.seconds, kNanosecondsPerSecond, &nanoseconds) ||
      __builtin_add_overflow(nanoseconds, rest, &nanoseconds)) {
    return std::nullopt;
  }
  return nanoseconds;
}

std::optional<std::int64_t> ZoneOffset(std::string_view zone, const TimePoint& time) {
  if (zone.empty() || zone == "UTC") return 0;
  if (const auto colon = zone.find(':'); colon != zone.npos) return FixedOffset(zone, colon);
  if (!IsKnownZone(zone)) return std::nullopt;
  absl::TimeZone loaded;
  if (!absl::LoadTimeZone(absl::string_view(zone.data(), zone.size()), &loaded)) {
    return std::nullopt;
  }
  return loaded.At(absl::FromUnixSeconds(time.seconds)).offset;
}

CalendarFields Calendar(const TimePoint& time, std::int64_t offset_seconds) {
  using std::chrono::days;
  const auto local = time.seconds + offset_seconds;
  auto day_count = local / kSecondsPerDay;
  auto second = static_cast<int>(local % kSecondsPerDay);
  if (second < 0) {
    second += kSecondsPerDay;
    --day_count;
  }
  const std::chrono::sys_days day{days{day_count}};
  const std::chrono::year_month_day date{day};
  const std::chrono::sys_days new_year{date.year() / std::chrono::January / 1};
  CalendarFields fields;
  fields.year = static_cast<int>(date.year());
  fields.month = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  fields.day = static_cast<int>(static_cast<unsigned>(date.day()));
  fields.day_of_week = static_cast<int>(std::chrono::weekday{day}.c_encoding());
  fields.day_of_year = static_cast<int>((day - new_year).count());
  fields.hours = second / 3600;
  fields.minutes = second / 60 % 60;
  fields.seconds = second % 60;
  fields.milliseconds = static_cast<int>(time.nanoseconds / 1'000'000);
  return fields;
}

}  // namespace pemba::condition::internal
