#include "pemba/condition/internal/coercion.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "pemba/condition/internal/ip_address.h"
#include "pemba/condition/internal/library.h"
#include "pemba/condition/internal/number.h"
#include "pemba/condition/internal/operations.h"
#include "pemba/condition/internal/time.h"

namespace pemba::condition::internal {
namespace {

namespace json = boost::json;

// JSON nests as deep as its parser lets it; `any` values are kept within what we can walk.
constexpr int kNestingMax = 100;

std::string_view WireName(ParameterTypeName name) {
  constexpr std::array<std::string_view, 12> kNames{"UNSPECIFIED", "ANY",  "BOOL",   "STRING",
                                                    "INT",         "UINT", "DOUBLE", "DURATION",
                                                    "TIMESTAMP",   "MAP",  "LIST",   "IPADDRESS"};
  const auto i = static_cast<std::size_t>(name);
  return i < kNames.size() ? kNames[i] : kNames[0];
}

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }
std::string Text(const json::string& text) { return {text.data(), text.size()}; }

// What Go's %T and %v print for the same value.
std::string_view GoType(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "<nil>";
    case json::kind::bool_:
      return "bool";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "[]interface {}";
    case json::kind::object:
      return "map[string]interface {}";
    default:
      return "float64";
  }
}

// Conversions of one kind of parameter each. They all return an error value on failure.
class Coercer {
 public:
  explicit Coercer(Arena& arena) : arena_(arena) {}

  Value Convert(const json::value& value, const ParameterType& type) {
    switch (type.name) {
      case ParameterTypeName::kAny:
        return Any(value, kNestingMax);
      case ParameterTypeName::kBool:
        if (const auto* b = value.if_bool()) return Value::Bool(*b);
        return WrongType(value, "bool");
      case ParameterTypeName::kString:
        if (const auto* s = value.if_string()) return Value::String(arena_.Copy(View(*s)));
        return WrongType(value, "string");
      case ParameterTypeName::kInt:
      case ParameterTypeName::kUint:
      case ParameterTypeName::kDouble:
        return Number(value, type.name);
      case ParameterTypeName::kDuration:
        return Duration(value);
      case ParameterTypeName::kTimestamp:
        return Timestamp(value);
      case ParameterTypeName::kIpAddress:
        return Address(value);
      case ParameterTypeName::kList:
        return List(value, type);
      case ParameterTypeName::kMap:
        return Map(value, type);
      case ParameterTypeName::kUnspecified:
        break;
    }
    return Fail("unknown condition parameter type `TYPE_NAME_UNSPECIFIED`");
  }

 private:
  Value Fail(std::string_view text) { return MakeError(arena_, text); }

  Value WrongType(const json::value& value, std::string_view wanted) {
    return Fail("expected type value '" + std::string(wanted) + "', but found '" +
                std::string(GoType(value)) + "'");
  }
  // The form of types that are written as strings.
  Value WrongText(const json::value& value, std::string_view wanted) {
    return Fail("expected " + std::string(wanted) + ", but found: " + std::string(GoType(value)) +
                " '" + ToText(Any(value, kNestingMax)) + "'");
  }

  // Strings are read with a mantissa of 64 bits, as the wire's other servers do: `0.1` is then not
  // the double 0.1, and is refused as one.
  static std::optional<long double> ParseNumber(std::string_view text) {
    const bool negative = text.starts_with('-');
    auto magnitude = text;
    if (negative || text.starts_with('+')) magnitude.remove_prefix(1);
    const auto sign = negative ? -1.0L : 1.0L;
    if (magnitude == "Inf" || magnitude == "inf") return sign * HUGE_VALL;
    if (!IsDecimalFloat(text)) return std::nullopt;
    long double value = 0;
    const auto [end, error] =
        std::from_chars(magnitude.data(), magnitude.data() + magnitude.size(), value);
    // Out of range: the standard library leaves the value alone; only huge exponents get here.
    if (error == std::errc::result_out_of_range) {
      const auto e = magnitude.find_first_of("eE");
      const bool tiny = e != magnitude.npos && magnitude[e + 1] == '-';
      value = tiny ? std::numeric_limits<long double>::min() : HUGE_VALL;
    }
    return sign * value;
  }

  static std::string NumberText(long double value) {
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    constexpr int kDigits = 10;
    std::array<char, 64> buffer;
    const auto end =
        std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::general, kDigits).ptr;
    return {buffer.data(), end};
  }

  Value Number(const json::value& value, ParameterTypeName name) {
    const std::string_view go_name = name == ParameterTypeName::kInt    ? "int64"
                                     : name == ParameterTypeName::kUint ? "uint64"
                                                                        : "float64";
    std::optional<long double> number;
    if (value.is_number()) {
      number = value.to_number<double>();
      if (name == ParameterTypeName::kDouble) {
        return Value::Double(static_cast<double>(*number));
      }
    } else if (const auto* text = value.if_string()) {
      number = ParseNumber(View(*text));
      if (!number) {
        return Fail("expected a " + std::string(go_name) +
                    " value, but found invalid string value '" + Text(*text) + "'");
      }
    } else {
      return WrongType(value, go_name);
    }
    return name == ParameterTypeName::kDouble ? Exact(*number) : Integral(*number, name);
  }

  Value Exact(long double number) {
    const auto value = static_cast<double>(number);
    if (static_cast<long double>(value) != number) {
      return Fail("number cannot be represented as a float64: " + NumberText(number));
    }
    return Value::Double(value);
  }

  // Integers beyond the range of 64 bits become the nearest one within; a uint reaches no further
  // than an int.
  Value Integral(long double number, ParameterTypeName name) {
    const bool is_int = name == ParameterTypeName::kInt;
    if (std::isinf(number) || std::trunc(number) != number) {
      return Fail(std::string(is_int ? "expected an int" : "expected a uint") +
                  " value, but found numeric value '" + NumberText(number) + "'");
    }
    const std::int64_t whole = number >= 0x1p63L    ? INT64_MAX
                               : number <= -0x1p63L ? INT64_MIN
                                                    : static_cast<std::int64_t>(number);
    if (is_int) return Value::Int(whole);
    if (whole < 0) {
      return Fail("expected a uint value, but found int64 value '" + std::to_string(whole) + "'");
    }
    return Value::Uint(static_cast<std::uint64_t>(whole));
  }

  Value Duration(const json::value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return WrongText(value, "a duration string");
    const auto nanoseconds = ParseDuration(View(*text));
    if (!nanoseconds) {
      return Fail("expected a valid duration string, but found: '" + Text(*text) + "'");
    }
    return Value::Duration(*nanoseconds);
  }

  Value Timestamp(const json::value& value) {
    constexpr std::string_view kWanted = "RFC 3339 formatted timestamp string";
    const auto* text = value.if_string();
    if (text == nullptr) return WrongText(value, kWanted);
    const auto time = ParseTimestamp(View(*text));
    if (!time) {
      return Fail("expected " + std::string(kWanted) + ", but found '" + Text(*text) + "'");
    }
    return Value::Timestamp(time->seconds, time->nanoseconds);
  }

  Value Address(const json::value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return WrongText(value, "an ipaddress string");
    const auto address = ParseIpAddress(arena_.Copy(View(*text)));
    if (!address) {
      return Fail("expected a well-formed IP address, but found: '" + Text(*text) + "'");
    }
    return Value::Ip(arena_.New<IpAddress>(*address));
  }

  Value List(const json::value& value, const ParameterType& type) {
    const auto* array = value.if_array();
    if (array == nullptr) return Fail("list requires a list, found: " + std::string(GoType(value)));
    const auto elements = arena_.NewArray<Value>(array->size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      elements[i] = Convert((*array)[i], type.generics.at(0));
      if (elements[i].kind == Kind::kError) {
        return Fail("found an invalid list item at index `" + std::to_string(i) +
                    "`: " + std::string(elements[i].text()));
      }
    }
    return Value::List(elements.data(), elements.size());
  }

  Value Map(const json::value& value, const ParameterType& type) {
    const auto* object = value.if_object();
    if (object == nullptr) return Fail("map requires a map, found: " + std::string(GoType(value)));
    const auto entries = arena_.NewArray<MapEntry>(object->size());
    auto* entry = entries.data();
    for (const auto& [key, member] : *object) {
      const std::string_view name(key.data(), key.size());
      *entry = {Value::String(arena_.Copy(name)), Convert(member, type.generics.at(0))};
      if (entry->value.kind == Kind::kError) {
        return Fail("found an invalid value for key '" + std::string(name) +
                    "': " + std::string(entry->value.text()));
      }
      ++entry;
    }
    return MakeMap(entries);
  }

  // Keys of a JSON object are unique.
  static Value MakeMap(std::span<MapEntry> entries) {
    SortEntries(entries.data(), entries.size());
    return Value::Map(entries.data(), entries.size());
  }

  Value Any(const json::value& value, int nesting) {
    if (nesting == 0) return Fail("value is nested too deeply");
    switch (value.kind()) {
      case json::kind::null:
        return Value::Null();
      case json::kind::bool_:
        return Value::Bool(value.get_bool());
      case json::kind::string:
        return Value::String(arena_.Copy(View(value.get_string())));
      case json::kind::array:
        return AnyList(value.get_array(), nesting);
      case json::kind::object:
        return AnyMap(value.get_object(), nesting);
      default:
        return Value::Double(value.to_number<double>());
    }
  }

  Value AnyList(const json::array& array, int nesting) {
    const auto elements = arena_.NewArray<Value>(array.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      elements[i] = Any(array[i], nesting - 1);
      if (elements[i].kind == Kind::kError) return elements[i];
    }
    return Value::List(elements.data(), elements.size());
  }

  Value AnyMap(const json::object& object, int nesting) {
    const auto entries = arena_.NewArray<MapEntry>(object.size());
    auto* entry = entries.data();
    for (const auto& [key, member] : object) {
      *entry = {Value::String(arena_.Copy({key.data(), key.size()})), Any(member, nesting - 1)};
      if (entry->value.kind == Kind::kError) return entry->value;
      ++entry;
    }
    return MakeMap(entries);
  }

  Arena& arena_;
};

}  // namespace

Result<const Type*> StaticType(const ParameterType& type, Arena& arena) {
  const bool is_container =
      type.name == ParameterTypeName::kList || type.name == ParameterTypeName::kMap;
  const std::size_t wanted = is_container ? 1 : 0;
  if (type.name == ParameterTypeName::kUnspecified || type.name > ParameterTypeName::kIpAddress) {
    return Error{ErrorCode::kInvalidModel,
                 "unknown condition parameter type `TYPE_NAME_UNSPECIFIED`"};
  }
  if (type.generics.size() != wanted) {
    return Error{ErrorCode::kInvalidModel, "condition parameter type `TYPE_NAME_" +
                                               std::string(WireName(type.name)) + "` requires " +
                                               std::to_string(wanted) + " generic types; found " +
                                               std::to_string(type.generics.size())};
  }
  switch (type.name) {
    case ParameterTypeName::kBool:
      return SimpleType(TypeKind::kBool);
    case ParameterTypeName::kString:
      return SimpleType(TypeKind::kString);
    case ParameterTypeName::kInt:
      return SimpleType(TypeKind::kInt);
    case ParameterTypeName::kUint:
      return SimpleType(TypeKind::kUint);
    case ParameterTypeName::kDouble:
      return SimpleType(TypeKind::kDouble);
    case ParameterTypeName::kDuration:
      return SimpleType(TypeKind::kDuration);
    case ParameterTypeName::kTimestamp:
      return SimpleType(TypeKind::kTimestamp);
    case ParameterTypeName::kIpAddress:
      return IpAddressType();
    case ParameterTypeName::kList: {
      PEMBA_TRY(const Type* element, StaticType(type.generics[0], arena));
      return ListType(element, arena);
    }
    case ParameterTypeName::kMap: {
      PEMBA_TRY(const Type* value, StaticType(type.generics[0], arena));
      return MapType(SimpleType(TypeKind::kString), value, arena);
    }
    case ParameterTypeName::kAny:
    case ParameterTypeName::kUnspecified:
      break;
  }
  return SimpleType(TypeKind::kDyn);
}

Value Coerce(const json::value& json, const ParameterType& type, Arena& arena) {
  return Coercer(arena).Convert(json, type);
}

}  // namespace pemba::condition::internal
