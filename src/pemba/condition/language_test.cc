// The meaning of expressions, in our own words: one row per rule. The published cases of the
// language are in conformance_test.
#include <gtest/gtest.h>

#include "pemba/condition/internal/evaluator.h"
#include "pemba/condition/internal/expression.h"

namespace pemba::condition::internal {
namespace {

struct LanguageCase {
  const char* expression;
  const char* want;  // Kind and text of the value.
};

// Variables: i = 7, s = "text", l = ["a", "b"], m = {"k": 1}, any = 1.0, gone = unknown bool.
constexpr LanguageCase kCases[] = {
    // Literals.
    {"0x10", "int 16"},
    {"-0x10", "int -16"},
    {"-9223372036854775808", "int -9223372036854775808"},
    {"18446744073709551615u", "uint 18446744073709551615"},
    {".5", "double 0.5"},
    {"1e-400", "double 0"},
    {"1E+2", "double 100"},
    {"\"a\\tb\" 'c'", "error: syntax"},
    {"'\\x41\\101\\u0041\\U00000041'", "string AAAA"},
    {"b'\\x41\\xff' == b'A\\377'", "bool true"},
    {"r'\\n' == '\\\\n'", "bool true"},
    {"'''it's''' + \"\"\"say \"x\\\"\"\"\"", "string it'ssay \"x\""},
    {"'a\r\nb'", "error: syntax"},
    {"'''a\r\nb''' == 'a\\nb'", "bool true"},
    {"// only this\n1 // and that", "int 1"},
    {"[1, 2,]", "list [1 2]"},
    {"{'a': 1,}", "map map[a:1]"},

    // Operators.
    {"1 + 2 * 3 - 4 / 2 % 2", "int 7"},
    {"2 - 1 - 1", "int 0"},
    {"1 < 2 == true", "bool true"},
    {"true ? false ? 1 : 2 : 3", "error: syntax"},
    {"false ? 1 : true ? 2 : 3", "int 2"},
    {"!!true", "bool true"},
    {"---1", "int -1"},
    {"-i", "int -7"},
    {"-7 / 2", "int -3"},
    {"-7 % 2", "int -1"},
    {"9223372036854775807 + 1", "error integer overflow"},
    {"-9223372036854775808 / -1", "error integer overflow"},
    {"-9223372036854775808 % -1", "error integer overflow"},
    {"0u - 1u", "error unsigned integer overflow"},
    {"1u / 0u", "error division by zero"},
    {"1 % 0", "error modulus by zero"},
    {"1.0 / 0.0", "double +Inf"},
    {"'b' > 'a' && 'a' < 'aa' && '' < 'a'", "bool true"},
    {"false < true", "bool true"},
    {"[1] + [dyn(2.0)]", "list [1 2]"},
    {"[1] + [2.0]", "error: type"},

    // Errors and unknowns in logic.
    {"i / 0 == 1 || true", "bool true"},
    {"true || i / 0 == 1", "bool true"},
    {"i / 0 == 1 && false", "bool false"},
    {"i / 0 == 1 || false", "error division by zero"},
    {"i / 0 == 1 || i % 0 == 1", "error division by zero"},
    {"gone || true", "bool true"},
    {"gone && false", "bool false"},
    {"gone || i / 0 == 1", "unknown unknown"},
    {"gone ? true : true", "unknown unknown"},
    {"gone == true", "unknown unknown"},
    {"true ? true : gone", "bool true"},

    // Numbers of different kinds.
    {"1 == 1.0", "error: type"},
    {"1 < 2u", "error: type"},
    {"dyn(1) == 1.0 && dyn(1u) == 1 && dyn(1.5) > 1 && dyn(2u) >= 2.0", "bool true"},
    {"any == 1", "bool true"},
    {"dyn(-1) < 0u", "bool true"},
    {"[1, 2].exists(x, x > 1.5) && [1u].all(x, 0 < x) && [2.5].all(x, x >= 2u)", "bool true"},
    {"[1].map(x, x > 0u) == [true] && [0].all(x, [x].all(y, y <= 0.0))", "bool true"},
    {"[1 < 1.5].all(x, x)", "error: type"},
    {"[1].all(x, x == 1.0)", "error: type"},
    {"[1].all(x, x < 'a')", "error: type"},
    {"dyn(0.0/0.0) == 0", "bool false"},
    {"0.0/0.0 < 1.0", "error NaN values cannot be ordered"},
    {"!(0.0/0.0 >= 1.0)", "error NaN values cannot be ordered"},
    {"1 > dyn(0.0/0.0)", "error NaN values cannot be ordered"},
    {"[1, 2.0] == [dyn(1.0), 2u]", "bool true"},
    {"dyn('1') == 1", "bool false"},
    {"dyn('1') < 1", "error no such overload"},

    // Lists and maps.
    {"l[0] + l[1]", "string ab"},
    {"l[2]", "error index out of bounds: 2"},
    {"l[-1]", "error index out of bounds: -1"},
    {"[7][dyn(0.0)] == 7", "bool true"},
    {"[7][dyn(0.5)]", "error unsupported index type 'double' in list"},
    {"m['k'] == m.k", "bool true"},
    {"m['z']", "error no such key: z"},
    {"m.z", "error no such key: z"},
    {"has(m.k) && !has(m.z)", "bool true"},
    {"!has(dyn(1).k) && !has(dyn('').k) && !has(dyn(null).k)", "bool true"},
    {"has(dyn([1]).k)", "error unsupported index type 'string' in list"},
    {"'k' in m && !('z' in m) && 'a' in l", "bool true"},
    {"{1: 'a', 2u: 'b', true: 'c', 'x': 'd'}[2]", "string b"},
    {"{1: 'a', 2: 'b'}[dyn(2.0)]", "string b"},
    {"{1: 'a', 1u: 'b'}", "error Failed with repeated key: 1"},
    {"{1.5: 'a'}", "error unsupported key type: double"},
    {"{'a': 1, 'b': [2]} == {'b': [2], 'a': 1}", "bool true"},
    {"{'a': 1} == {'a': 2}", "bool false"},
    {"{'a b': 1}.`a b`", "int 1"},
    {"3 in [1, 2, 3] && 2.0 in [dyn(2)]", "bool true"},

    // Macros.
    {"l.all(x, x < 'c') && !l.all(x, x < 'b')", "bool true"},
    {"[1, 0].exists(x, 1 / x == 1)", "bool true"},
    {"[0, 1].exists(x, 1 / x == 1)", "bool true"},
    {"[0, 2].exists(x, 1 / x == 1)", "error division by zero"},
    {"[1, 2, 2].exists_one(x, x == 2)", "bool false"},
    {"[1, 2].existsOne(x, x == 2)", "bool true"},
    {"[1, 2, 3].filter(x, x > 1).map(x, x * 2)", "list [4 6]"},
    {"[1, 2, 3].map(x, x > 1, x * 2)", "list [4 6]"},
    {"{'b': 1, 'a': 2}.map(k, k)", "list [a b]"},
    {"[[1], [2]].map(x, x.map(x, x + 1))", "list [[2] [3]]"},
    {"[1].map(i, i + .i)", "list [8]"},
    {"[[1, 2], [3]].exists(x, x.all(y, y > 2))", "bool true"},
    {"[].all(x, x)", "bool true"},

    // Functions on text.
    {"size('\u03c0\u03b1') == 2 && '\u03c0'.size() == 1 && size(b'\u03c0') == 2", "bool true"},
    {"s.contains('ex') && s.startsWith('te') && s.endsWith('xt')", "bool true"},
    {"s.matches('^t.*t$') && matches(s, 'x') && !s.matches('^x')", "bool true"},
    {"s.matches(s + '(')", "error error parsing regexp: missing ): text("},

    // Conversions.
    {"int('-7') + int(7u) + int(2.9) + int(-2.9)", "int 0"},
    {"int('7.0' + '')", "error type conversion error from 'string' to 'int'"},
    {"int(1e19 * 1.0)", "error integer overflow"},
    {"uint(i - 8)", "error unsigned integer overflow"},
    {"double('1' + 'e3')", "double 1000"},
    {"bool('t' + 'rue') && !bool('' + '0')", "bool true"},
    {"bool('y' + 'es')", "error type conversion error from 'string' to 'bool'"},
    {"string(1.5) + string(-1) + string(2u) + string(true)", "string 1.5-12true"},
    {"string(1e6) + ' ' + string(123456.0) + ' ' + string(1e-5)", "string 1e+06 123456 1e-05"},
    {"string(bytes('\u03c0'))", "string \u03c0"},
    {"string(b'\\xff' + b'')", "error invalid UTF-8 in bytes, cannot convert to string"},
    {"string(timestamp('2020-01-02T03:04:05.060Z'))", "string 2020-01-02T03:04:05.06Z"},
    {"string(duration('1h1.5s'))", "string 3601.5s"},
    {"timestamp('2020-01-02T3:04:05,06Z')", "google.protobuf.Timestamp 2020-01-02T03:04:05.06Z"},
    {"timestamp('9999-12-31T23:59:59-00:01')", "error timestamp overflow"},
    {"timestamp('0000-12-31T23:59:59Z')", "error timestamp overflow"},
    {"timestamp(1)", "google.protobuf.Timestamp 1970-01-01T00:00:01Z"},
    {"duration(1500000000)", "google.protobuf.Duration 1.5s"},
    {"int(timestamp('1970-01-01T00:01:00Z')) + int(duration('60ns'))", "int 120"},
    {"type(1) == int && type([]) == list && type(int) == type", "bool true"},
    {"type(timestamp(0)) == google.protobuf.Timestamp", "bool true"},

    // Time.
    {"timestamp('2020-02-28T23:00:00Z') + duration('2h')",
     "google.protobuf.Timestamp 2020-02-29T01:00:00Z"},
    {"timestamp(0) - timestamp(90)", "google.protobuf.Duration -90s"},
    {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error timestamp overflow"},
    {"timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z')",
     "error duration overflow"},
    {"duration('-2562047h') - duration('2562047h')", "error duration overflow"},
    {"timestamp('2020-12-31T23:30:00Z').getFullYear('+01:00')", "int 2021"},
    {"timestamp('2020-12-31T23:30:00Z').getDayOfYear()", "int 365"},
    {"timestamp('2020-07-01T12:00:00Z').getHours('Europe/Berlin')", "int 14"},
    {"timestamp('2020-01-01T12:00:00Z').getHours('Europe/Berlin')", "int 13"},
    {"timestamp('2020-01-01T12:00:00Z').getMinutes('-02:30')", "int 30"},
    {"timestamp('2020-01-01T12:00:00Z').getHours('-02:30')", "int 9"},
    {"timestamp('2020-03-01T00:00:00Z').getMonth()", "int 2"},
    {"timestamp('2020-03-01T00:00:00Z').getDate()", "int 1"},
    {"timestamp('2020-03-01T00:00:00Z').getDayOfMonth()", "int 0"},
    {"timestamp('2020-03-01T00:00:00Z').getDayOfWeek()", "int 0"},
    {"timestamp('1969-12-31T23:59:59.5Z').getMilliseconds()", "int 500"},
    {"timestamp(0).getHours('../../../etc/passwd')", "error unknown time zone ../../../etc/passwd"},
    {"timestamp(0).getHours('Nowhere/City')", "error unknown time zone Nowhere/City"},
    {"timestamp(0).getHours('25:00')", "error unknown time zone 25:00"},
    {"duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90", "bool true"},
    {"duration('-1.5s').getMilliseconds()", "int -500"},

    // Addresses.
    {"ipaddress('::1') == ipaddress('0:0:0:0:0:0:0:1')", "bool true"},
    {"ipaddress('1.2.3.4') != ipaddress('::ffff:1.2.3.4')", "bool true"},
    {"type(ipaddress('::1'))", "type IPAddress"},
    {"string(ipaddress('::1'))", "error: type"},

    // Messages that are values.
    {"google.protobuf.Int32Value{value: 5} + 1", "int 6"},
    {"google.protobuf.Int32Value{value: 2147483648}", "error range error converting to int32"},
    {"google.protobuf.Duration{seconds: 60, nanos: 500000000}", "google.protobuf.Duration 60.5s"},
    {"google.protobuf.Timestamp{seconds: 1}.getSeconds()", "int 1"},
    {"google.protobuf.Struct{fields: {'a': 1}}.a == 1.0", "bool true"},
    {"google.protobuf.Struct{values: []}", "error: type"},
    {"google.protobuf.Int32Value{value: '5'}", "error: type"},
    {"some.Message{}", "error: type"},
};

std::string Show(const Value& value) {
  return std::string(TypeName(value.kind)) + " " + ToText(value);
}

class World {
 public:
  World() {
    const Type* text = SimpleType(TypeKind::kString);
    environment_.library = &Library::Standard();
    environment_.variables = {{"i", SimpleType(TypeKind::kInt)},
                              {"s", text},
                              {"l", ListType(text, arena_)},
                              {"m", MapType(text, SimpleType(TypeKind::kInt), arena_)},
                              {"any", SimpleType(TypeKind::kDyn)},
                              {"gone", SimpleType(TypeKind::kBool)}};
    const auto elements = arena_.NewArray<Value>(2);
    elements[0] = Value::String("a");
    elements[1] = Value::String("b");
    const auto entries = arena_.NewArray<MapEntry>(1);
    entries[0] = {Value::String("k"), Value::Int(1)};
    values_ = {Value::Int(7),
               Value::String("text"),
               Value::List(elements.data(), 2),
               Value::Map(entries.data(), 1),
               Value::Double(1),
               Value::Unknown()};
  }

  std::string Run(const char* expression, Folding folding) {
    const auto checked = CheckExpression("c", expression, environment_, arena_);
    if (!checked.ok()) {
      const bool syntax = checked.error().message.find("Syntax error") != std::string::npos;
      return syntax ? "error: syntax" : "error: type";
    }
    const auto plan = MakePlan(*checked->root, environment_, folding);
    if (!plan.ok()) return "error " + plan.error().message;
    return Show(Evaluate(**plan, values_, kNoCostLimit, arena_).value);
  }

 private:
  Arena arena_;
  Environment environment_;
  std::vector<Value> values_;
};

TEST(Language, MeansWhatItSays) {
  World world;
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.expression);
    EXPECT_EQ(world.Run(c.expression, Folding::kOff), c.want);
    EXPECT_EQ(world.Run(c.expression, Folding::kOn), c.want);
  }
}

}  // namespace
}  // namespace pemba::condition::internal
