#include "pemba/condition/internal/coercion.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace pemba::condition::internal {
namespace {

using Name = ParameterTypeName;

struct CoercionCase {
  const char* json;
  ParameterType type;
  const char* want;  // The text of the value, or of the error.
  Kind kind = Kind::kError;
};
const ParameterType kInts{Name::kList, {{Name::kInt, {}}}};
const ParameterType kDoubles{Name::kMap, {{Name::kDouble, {}}}};
const ParameterType kNested{Name::kList, {kInts}};
const ParameterType kAnys{Name::kList, {{Name::kAny, {}}}};

const CoercionCase kCases[] = {
    {"true", {Name::kBool, {}}, "true", Kind::kBool},
    {"\"true\"", {Name::kBool, {}}, "expected type value 'bool', but found 'string'"},
    {"1", {Name::kBool, {}}, "expected type value 'bool', but found 'float64'"},
    {"null", {Name::kBool, {}}, "expected type value 'bool', but found '<nil>'"},
    {"[]", {Name::kBool, {}}, "expected type value 'bool', but found '[]interface {}'"},
    {"{}", {Name::kBool, {}}, "expected type value 'bool', but found 'map[string]interface {}'"},

    {"\"a\"", {Name::kString, {}}, "a", Kind::kString},
    {"\"\"", {Name::kString, {}}, "", Kind::kString},
    {"true", {Name::kString, {}}, "expected type value 'string', but found 'bool'"},

    {"1", {Name::kInt, {}}, "1", Kind::kInt},
    {"-1", {Name::kInt, {}}, "-1", Kind::kInt},
    {"1.0", {Name::kInt, {}}, "1", Kind::kInt},
    {"1e3", {Name::kInt, {}}, "1000", Kind::kInt},
    {"\"12\"", {Name::kInt, {}}, "12", Kind::kInt},
    {"\"-12\"", {Name::kInt, {}}, "-12", Kind::kInt},
    {"\"+12.0\"", {Name::kInt, {}}, "12", Kind::kInt},
    {"\"9223372036854775807\"", {Name::kInt, {}}, "9223372036854775807", Kind::kInt},
    {"9007199254740993", {Name::kInt, {}}, "9007199254740992", Kind::kInt},
    {"1e300", {Name::kInt, {}}, "9223372036854775807", Kind::kInt},
    {"-1e300", {Name::kInt, {}}, "-9223372036854775808", Kind::kInt},
    {"\"1e300\"", {Name::kInt, {}}, "9223372036854775807", Kind::kInt},
    {"10.5", {Name::kInt, {}}, "expected an int value, but found numeric value '10.5'"},
    {"\"10.5\"", {Name::kInt, {}}, "expected an int value, but found numeric value '10.5'"},
    {"\"x\"", {Name::kInt, {}}, "expected a int64 value, but found invalid string value 'x'"},
    {"\"\"", {Name::kInt, {}}, "expected a int64 value, but found invalid string value ''"},
    {"\"1 \"", {Name::kInt, {}}, "expected a int64 value, but found invalid string value '1 '"},
    {"\"0x10\"", {Name::kInt, {}}, "expected a int64 value, but found invalid string value '0x10'"},
    {"true", {Name::kInt, {}}, "expected type value 'int64', but found 'bool'"},

    {"1", {Name::kUint, {}}, "1", Kind::kUint},
    {"\"1\"", {Name::kUint, {}}, "1", Kind::kUint},
    {"18446744073709551615", {Name::kUint, {}}, "9223372036854775807", Kind::kUint},
    {"10.5", {Name::kUint, {}}, "expected a uint value, but found numeric value '10.5'"},
    {"-1", {Name::kUint, {}}, "expected a uint value, but found int64 value '-1'"},
    {"\"x\"", {Name::kUint, {}}, "expected a uint64 value, but found invalid string value 'x'"},
    {"{}", {Name::kUint, {}}, "expected type value 'uint64', but found 'map[string]interface {}'"},

    {"0.1", {Name::kDouble, {}}, "0.1", Kind::kDouble},
    {"1", {Name::kDouble, {}}, "1", Kind::kDouble},
    {"\"0.5\"", {Name::kDouble, {}}, "0.5", Kind::kDouble},
    {"\"-2\"", {Name::kDouble, {}}, "-2", Kind::kDouble},
    {"\"0.1\"", {Name::kDouble, {}}, "number cannot be represented as a float64: 0.1"},
    {"\"1e400\"", {Name::kDouble, {}}, "number cannot be represented as a float64: 1e+400"},
    {"\"x\"", {Name::kDouble, {}}, "expected a float64 value, but found invalid string value 'x'"},
    {"[]", {Name::kDouble, {}}, "expected type value 'float64', but found '[]interface {}'"},

    {"\"1h30m\"", {Name::kDuration, {}}, "5400s", Kind::kDuration},
    {"\"0\"", {Name::kDuration, {}}, "0s", Kind::kDuration},
    {"\"-1.5s\"", {Name::kDuration, {}}, "-1.5s", Kind::kDuration},
    {"\".5s\"", {Name::kDuration, {}}, "0.5s", Kind::kDuration},
    {"\"1us\"", {Name::kDuration, {}}, "0.000001s", Kind::kDuration},
    {"\"1\u00b5s1\u03bcs\"", {Name::kDuration, {}}, "0.000002s", Kind::kDuration},
    {"\"2sm\"", {Name::kDuration, {}}, "expected a valid duration string, but found: '2sm'"},
    {"\"\"", {Name::kDuration, {}}, "expected a valid duration string, but found: ''"},
    {"\"1\"", {Name::kDuration, {}}, "expected a valid duration string, but found: '1'"},
    {"\".s\"", {Name::kDuration, {}}, "expected a valid duration string, but found: '.s'"},
    {"\"1d\"", {Name::kDuration, {}}, "expected a valid duration string, but found: '1d'"},
    {"\"9000000h\"",
     {Name::kDuration, {}},
     "expected a valid duration string, but found: '9000000h'"},
    {"1", {Name::kDuration, {}}, "expected a duration string, but found: float64 '1'"},
    {"[1, \"a\", null]",
     {Name::kDuration, {}},
     "expected a duration string, but found: []interface {} '[1 a <nil>]'"},

    {"\"1972-01-01T10:00:20.021Z\"",
     {Name::kTimestamp, {}},
     "1972-01-01T10:00:20.021Z",
     Kind::kTimestamp},
    {"\"2023-05-01T00:30:00+02:00\"",
     {Name::kTimestamp, {}},
     "2023-04-30T22:30:00Z",
     Kind::kTimestamp},
    {"\"2023-05-01T1:30:00,5Z\"",
     {Name::kTimestamp, {}},
     "2023-05-01T01:30:00.5Z",
     Kind::kTimestamp},
    {"\"2023-05-01T001:30:00Z\"",
     {Name::kTimestamp, {}},
     "expected RFC 3339 formatted timestamp string, but found '2023-05-01T001:30:00Z'"},
    {"\"9999-12-31T23:59:59-08:00\"",
     {Name::kTimestamp, {}},
     "10000-01-01T07:59:59Z",
     Kind::kTimestamp},
    {"\"0000-01-01T00:00:00Z\"", {Name::kTimestamp, {}}, "0000-01-01T00:00:00Z", Kind::kTimestamp},
    {"\"2023-0914\"",
     {Name::kTimestamp, {}},
     "expected RFC 3339 formatted timestamp string, but found '2023-0914'"},
    {"\"2023-02-29T00:00:00Z\"",
     {Name::kTimestamp, {}},
     "expected RFC 3339 formatted timestamp string, but found '2023-02-29T00:00:00Z'"},
    {"\"2023-01-01T24:00:00Z\"",
     {Name::kTimestamp, {}},
     "expected RFC 3339 formatted timestamp string, but found '2023-01-01T24:00:00Z'"},
    {"\"2023-01-01T00:00:00\"",
     {Name::kTimestamp, {}},
     "expected RFC 3339 formatted timestamp string, but found '2023-01-01T00:00:00'"},
    {"{\"b\": 2, \"a\": true}",
     {Name::kTimestamp, {}},
     "expected RFC 3339 formatted timestamp string, but found: map[string]interface {} "
     "'map[a:true b:2]'"},

    {"\"127.0.0.1\"", {Name::kIpAddress, {}}, "IPAddress", Kind::kIpAddress},
    {"\"2001:db8::7%eth0\"", {Name::kIpAddress, {}}, "IPAddress", Kind::kIpAddress},
    {"\"invalid\"",
     {Name::kIpAddress, {}},
     "expected a well-formed IP address, but found: 'invalid'"},
    {"\"1.2.3.256\"",
     {Name::kIpAddress, {}},
     "expected a well-formed IP address, but found: '1.2.3.256'"},
    {"\"1::2::3\"",
     {Name::kIpAddress, {}},
     "expected a well-formed IP address, but found: '1::2::3'"},
    {"\"1:2:3:4:5:6:7\"",
     {Name::kIpAddress, {}},
     "expected a well-formed IP address, but found: '1:2:3:4:5:6:7'"},
    {"\"1:2:3:4:5:6:7::8\"",
     {Name::kIpAddress, {}},
     "expected a well-formed IP address, but found: '1:2:3:4:5:6:7::8'"},
    {"7", {Name::kIpAddress, {}}, "expected an ipaddress string, but found: float64 '7'"},

    {"[1, \"2\"]", kInts, "[1 2]", Kind::kList},
    {"[]", kInts, "[]", Kind::kList},
    {"\"x\"", kInts, "list requires a list, found: string"},
    {"{}", kInts, "list requires a list, found: map[string]interface {}"},
    {"[1, true]", kInts,
     "found an invalid list item at index `1`: expected type value 'int64', but found 'bool'"},
    {"[[1], [2, 3]]", kNested, "[[1] [2 3]]", Kind::kList},
    {"[[], [0.5]]", kNested,
     "found an invalid list item at index `1`: found an invalid list item at index `0`: expected "
     "an int value, but found numeric value '0.5'"},
    {"{\"b\": 1.5, \"a\": \"2\"}", kDoubles, "map[a:2 b:1.5]", Kind::kMap},
    {"\"x\"", kDoubles, "map requires a map, found: string"},
    {"{\"k\": []}", kDoubles,
     "found an invalid value for key 'k': expected type value 'float64', but found "
     "'[]interface {}'"},

    {"null", {Name::kAny, {}}, "<nil>", Kind::kNull},
    {"1", {Name::kAny, {}}, "1", Kind::kDouble},
    {"1234567", {Name::kAny, {}}, "1.234567e+06", Kind::kDouble},
    {"{\"a\": [1, {\"b\": null}]}", {Name::kAny, {}}, "map[a:[1 map[b:<nil>]]]", Kind::kMap},
    {"[true, null]", kAnys, "[true <nil>]", Kind::kList},
};

TEST(Coerce, FollowsTheTableOfParameterTypes) {
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.json);
    Arena arena;
    const auto value = Coerce(boost::json::parse(c.json), c.type, arena);
    EXPECT_EQ(value.kind, c.kind);
    EXPECT_EQ(ToText(value), c.want);
  }
}

TEST(Coerce, BoundsTheNestingOfAny) {
  std::string text = "1";
  for (int i = 0; i < 300; ++i) text = "[" + text + "]";
  boost::json::parse_options options;
  options.max_depth = 1000;
  const auto json = boost::json::parse(text, {}, options);
  Arena arena;
  EXPECT_EQ(Coerce(json, {Name::kAny, {}}, arena).kind, Kind::kError);
  EXPECT_EQ(Coerce(json, {Name::kDuration, {}}, arena).kind, Kind::kError);
}

}  // namespace
}  // namespace pemba::condition::internal
