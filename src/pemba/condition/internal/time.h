// Timestamps and durations: text forms, ranges and calendar fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pemba::condition::internal {

// A point in time; UTC, without leap seconds. A duration is a plain count of nanoseconds (so it
// reaches about 292 years).
struct TimePoint {
  std::int64_t seconds = 0;       // Since 1970-01-01T00:00:00Z.
  std::uint32_t nanoseconds = 0;  // Below 1e9.
};

inline constexpr std::int64_t kTimestampSecondsMin = -62135596800;  // 0001-01-01T00:00:00Z
inline constexpr std::int64_t kTimestampSecondsMax = 253402300799;  // 9999-12-31T23:59:59Z

// RFC 3339, e.g. 2023-05-01T10:20:30.5+02:00; also an hour of one digit, and a comma before the
// fraction. Years 0 to 9999 where the clock shows them: the offset may lead out of what
// IsInCalendar.
std::optional<TimePoint> ParseTimestamp(std::string_view text);
// The range of timestamps that expressions may make.
inline bool IsInCalendar(std::int64_t seconds) {
  return seconds >= kTimestampSecondsMin && seconds <= kTimestampSecondsMax;
}
// As short as possible, in UTC: no fraction if it is zero.
std::string TimestampText(const TimePoint& time);

// A signed sequence of decimals with units (h m s ms us µs ns), e.g. `-1h30m` or `1.5s`; or `0`.
std::optional<std::int64_t> ParseDuration(std::string_view text);
// In seconds: `1000000s`, `0.5s`.
std::string DurationText(std::int64_t nanoseconds);

// Nothing if the result is out of the range of its type.
std::optional<TimePoint> Add(const TimePoint& time, std::int64_t nanoseconds);
std::optional<std::int64_t> Difference(const TimePoint& a, const TimePoint& b);

// The offset from UTC in seconds that holds at `time` in a zone: an IANA name (from the system's
// time zone database) or `[+-]hh:mm`. Nothing if there is no such zone.
std::optional<std::int64_t> ZoneOffset(std::string_view zone, const TimePoint& time);

struct CalendarFields {
  std::int64_t year = 0;
  int month = 0;        // 0 is January.
  int day = 0;          // Of the month; the first is 1.
  int day_of_week = 0;  // 0 is Sunday.
  int day_of_year = 0;  // The first is 0.
  int hours = 0, minutes = 0, seconds = 0, milliseconds = 0;
};
// Proleptic Gregorian calendar.
CalendarFields Calendar(const TimePoint& time, std::int64_t offset_seconds);

}  // namespace pemba::condition::internal
