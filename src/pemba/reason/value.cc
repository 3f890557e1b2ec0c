#include "pemba/reason/value.h"

#include <array>
#include <charconv>
#include <cmath>

#include "pemba/base/assert.h"

namespace pemba::reason {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013): days since 1970-01-01 in
// the proleptic Gregorian calendar, and back.
std::int64_t DaysFromCivil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

struct Date {
  std::int64_t year;
  unsigned month, day;
};
Date CivilFromDays(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

unsigned DaysIn(std::int64_t year, unsigned month) {
  static constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30,
                                                     31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

// Reads fixed fields of digits from the front of a text.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}
  std::optional<unsigned> Digits(std::size_t count) {
    if (text_.size() < count) return std::nullopt;
    unsigned number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      number = number * 10 + static_cast<unsigned>(text_[i] - '0');
    }
    text_.remove_prefix(count);
    return number;
  }
  bool Take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::size_t left() const { return text_.size(); }

 private:
  std::string_view text_;
};

std::optional<std::int64_t> ParseTimeOfDay(FieldReader& in) {
  const auto hour = in.Digits(2);
  if (!hour || *hour > 23 || !in.Take(':')) return std::nullopt;
  const auto minute = in.Digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  std::int64_t ms = (*hour * 60 + *minute) * std::int64_t{60'000};
  if (!in.Take(':')) return ms;
  const auto second = in.Digits(2);
  if (!second || *second > 59) return std::nullopt;
  ms += *second * std::int64_t{1000};
  if (!in.Take('.')) return ms;
  const std::size_t digits = in.left();
  if (digits < 1 || digits > 3) return std::nullopt;
  const auto fraction = in.Digits(digits);
  if (!fraction) return std::nullopt;
  return ms + *fraction * (digits == 1 ? 100 : digits == 2 ? 10 : 1);
}

std::string Padded(std::int64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

// Exact: a long beyond 2^53 is not rounded to the nearest double first.
std::partial_ordering CompareLongToDouble(std::int64_t a, double b) {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  constexpr double kLimit = 9223372036854775808.0;  // 2^63.
  if (b >= kLimit) return std::partial_ordering::less;
  if (b < -kLimit) return std::partial_ordering::greater;
  const double whole = std::trunc(b);
  const auto order = a <=> static_cast<std::int64_t>(whole);
  if (order != 0) return order;
  return whole <=> b;
}

std::partial_ordering Reverse(std::partial_ordering order) {
  if (order == std::partial_ordering::less) return std::partial_ordering::greater;
  if (order == std::partial_ordering::greater) return std::partial_ordering::less;
  return order;
}

std::string QuoteString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
      case '\\':
        quoted.push_back('\\');
        quoted.push_back(c);
        break;
      case '\n':
        quoted.append("\\n");
        break;
      case '\r':
        quoted.append("\\r");
        break;
      case '\t':
        quoted.append("\\t");
        break;
      default:
        quoted.push_back(c);
    }
  }
  return quoted.append("\"");
}

// The shortest text that reads back as the same number, with digits on both sides of the point.
std::string DoubleText(double number) {
  std::array<char, 400> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed);
  std::string text(buffer.data(), end.ptr);
  if (text.find('.') == text.npos && std::isfinite(number)) text.append(".0");
  return text;
}

}  // namespace

std::string_view Name(ValueType type) {
  switch (type) {
    case ValueType::kBoolean:
      return "boolean";
    case ValueType::kLong:
      return "long";
    case ValueType::kDouble:
      return "double";
    case ValueType::kString:
      return "string";
    case ValueType::kDateTime:
      return "datetime";
  }
  PEMBA_CHECK(false);
  return {};
}

std::optional<ValueType> ParseValueType(std::string_view name) {
  for (const ValueType type : {ValueType::kBoolean, ValueType::kLong, ValueType::kDouble,
                               ValueType::kString, ValueType::kDateTime}) {
    if (Name(type) == name) return type;
  }
  return std::nullopt;
}

bool Comparable(ValueType a, ValueType b) {
  const auto is_number = [](ValueType type) {
    return type == ValueType::kLong || type == ValueType::kDouble;
  };
  return a == b || (is_number(a) && is_number(b));
}

std::partial_ordering Compare(const Value& a, const Value& b) {
  if (const auto* left = std::get_if<std::int64_t>(&a); left && std::holds_alternative<double>(b)) {
    return CompareLongToDouble(*left, std::get<double>(b));
  }
  if (const auto* left = std::get_if<double>(&a); left && std::holds_alternative<std::int64_t>(b)) {
    return Reverse(CompareLongToDouble(std::get<std::int64_t>(b), *left));
  }
  if (a.index() != b.index()) return std::partial_ordering::unordered;
  return a <=> b;
}

std::string ToText(const Value& value) {
  switch (TypeOf(value)) {
    case ValueType::kBoolean:
      return std::get<bool>(value) ? "true" : "false";
    case ValueType::kLong:
      return std::to_string(std::get<std::int64_t>(value));
    case ValueType::kDouble:
      return DoubleText(std::get<double>(value));
    case ValueType::kString:
      return QuoteString(std::get<std::string>(value));
    case ValueType::kDateTime:
      return ToText(std::get<DateTime>(value));
  }
  PEMBA_CHECK(false);
  return {};
}

std::optional<DateTime> ParseDateTime(std::string_view text) {
  FieldReader in(text);
  const auto year = in.Digits(4);
  if (!year || !in.Take('-')) return std::nullopt;
  const auto month = in.Digits(2);
  if (!month || *month < 1 || *month > 12 || !in.Take('-')) return std::nullopt;
  const auto day = in.Digits(2);
  if (!day || *day < 1 || *day > DaysIn(*year, *month)) return std::nullopt;
  std::int64_t ms = DaysFromCivil(*year, *month, *day) * kDayMs;
  if (in.left() != 0) {
    if (!in.Take('T')) return std::nullopt;
    const auto time = ParseTimeOfDay(in);
    if (!time || in.left() != 0) return std::nullopt;
    ms += *time;
  }
  return DateTime{ms};
}

std::string ToText(DateTime time) {
  std::int64_t days = time.milliseconds / kDayMs;
  std::int64_t ms = time.milliseconds % kDayMs;
  if (ms < 0) {
    ms += kDayMs;
    --days;
  }
  const Date date = CivilFromDays(days);
  std::string text = Padded(date.year, 4);
  text.append("-").append(Padded(date.month, 2)).append("-").append(Padded(date.day, 2));
  text.append("T").append(Padded(ms / 3'600'000, 2));
  text.append(":").append(Padded(ms / 60'000 % 60, 2));
  text.append(":").append(Padded(ms / 1000 % 60, 2));
  if (ms % 1000 != 0) text.append(".").append(Padded(ms % 1000, 3));
  return text;
}

}  // namespace pemba::reason
