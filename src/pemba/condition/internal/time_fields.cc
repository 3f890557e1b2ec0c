#include <string>

#include "pemba/condition/internal/operations.h"
#include "pemba/condition/internal/time.h"

namespace pemba::condition::internal {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Hours, minutes and seconds of a duration are the whole of it; milliseconds only what is left
// over from its seconds.
Value DurationField(Function function, std::int64_t nanoseconds) {
  const auto seconds = nanoseconds / kNanosecondsPerSecond;
  switch (function) {
    case Function::kGetHours:
      return Value::Int(seconds / 3600);
    case Function::kGetMinutes:
      return Value::Int(seconds / 60);
    case Function::kGetSeconds:
      return Value::Int(seconds);
    case Function::kGetMilliseconds:
      return Value::Int(nanoseconds % kNanosecondsPerSecond / 1'000'000);
    default:
      return Value::Error(kNoSuchOverload);
  }
}

std::int64_t TimestampField(Function function, const CalendarFields& fields) {
  switch (function) {
    case Function::kGetFullYear:
      return fields.year;
    case Function::kGetMonth:
      return fields.month;
    case Function::kGetDate:
      return fields.day;
    case Function::kGetDayOfMonth:
      return fields.day - 1;
    case Function::kGetDayOfWeek:
      return fields.day_of_week;
    case Function::kGetDayOfYear:
      return fields.day_of_year;
    case Function::kGetHours:
      return fields.hours;
    case Function::kGetMinutes:
      return fields.minutes;
    case Function::kGetSeconds:
      return fields.seconds;
    default:
      return fields.milliseconds;
  }
}

}  // namespace

Value TimeField(Function function, std::span<const Value> arguments, Arena& arena) {
  const Value& value = arguments[0];
  if (value.kind == Kind::kDuration && arguments.size() == 1) {
    return DurationField(function, value.integer);
  }
  if (value.kind != Kind::kTimestamp || arguments.size() > 2) {
    return Value::Error(kNoSuchOverload);
  }
  const TimePoint time{value.integer, value.size};
  std::int64_t offset = 0;
  if (arguments.size() == 2) {
    if (arguments[1].kind != Kind::kString) return Value::Error(kNoSuchOverload);
    const auto found = ZoneOffset(arguments[1].text(), time);
    if (!found) {
      return MakeError(arena, "unknown time zone " + std::string(arguments[1].text()));
    }
    offset = *found;
  }
  return Value::Int(TimestampField(function, Calendar(time, offset)));
}

}  // namespace pemba::condition::internal
