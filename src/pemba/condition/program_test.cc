#include "pemba/condition/program.h"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pemba/telemetry/metrics.h"

namespace pemba::condition {
namespace {

using Name = ParameterTypeName;
using Parameters = std::map<std::string, ParameterType, std::less<>>;

ParameterType Of(Name name) { return {name, {}}; }
ParameterType ListOf(Name name) { return {Name::kList, {Of(name)}}; }
ParameterType MapOf(Name name) { return {Name::kMap, {Of(name)}}; }

boost::json::object Object(std::string_view text) {
  return boost::json::parse({text.data(), text.size()}).as_object();
}

std::shared_ptr<const Program> Compiled(std::string_view expression, Parameters parameters,
                                        std::uint64_t cost_max = kCostMaxDefault) {
  auto program = Program::Compile({"c", std::string(expression), std::move(parameters)},
                                  {.cost_max = cost_max});
  EXPECT_TRUE(program.ok()) << program.error().message;
  return program.ok() ? *program : nullptr;
}

// "met", "not met" or the error's text.
std::string Outcome(const Program& program, std::string_view request, std::string_view tuple) {
  Arena arena;
  const auto from_request = program.Bind(Object(request));
  const auto from_tuple = program.Bind(Object(tuple));
  const auto verdict = program.Evaluate(from_request.get(), from_tuple.get(),
                                        {"doc:1", "viewer", "user:anne"}, arena);
  if (!verdict.ok()) {
    EXPECT_EQ(verdict.error().code, ErrorCode::kValidation);
    return verdict.error().message;
  }
  return *verdict == Verdict::kMet ? "met" : "not met";
}

struct CompileErrorCase {
  const char* name;
  const char* expression;
  Parameters parameters;
  const char* want;
};
const CompileErrorCase kCompileErrors[] = {
    {"undeclared name",
     "x",
     {},
     "ERROR: c:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^"},
    {"two complaints, in the order of their places",
     "b && \n  a",
     {},
     "ERROR: c:1:1: undeclared reference to 'b' (in container '')\n | b && \n | ^\n"
     "ERROR: c:2:3: undeclared reference to 'a' (in container '')\n |   a\n | ..^"},
    {"wide characters get wide marks",
     "'ß' == x",
     {},
     "ERROR: c:1:8: undeclared reference to 'x' (in container '')\n | 'ß' == x\n | .\uff0e.....^"},
    {"numbers of different types",
     "x < 'a'",
     {{"x", Of(Name::kInt)}},
     "ERROR: c:1:3: found no matching overload for '_<_' applied to '(int, string)'\n"
     " | x < 'a'\n | ..^"},
    {"int and double do not compare",
     "x == 1.0",
     {{"x", Of(Name::kInt)}},
     "ERROR: c:1:3: found no matching overload for '_==_' applied to '(int, double)'\n"
     " | x == 1.0\n | ..^"},
    {"member function",
     "x.contains(1)",
     {{"x", Of(Name::kString)}},
     "ERROR: c:1:11: found no matching overload for 'contains' applied to 'string.(int)'\n"
     " | x.contains(1)\n | ..........^"},
    {"result is not bool",
     "'a'",
     {},
     "expected a bool condition expression output, but got 'string'"},
    {"result is dyn",
     "x",
     {{"x", Of(Name::kAny)}},
     "expected a bool condition expression output, but got 'dyn'"},
    {"null fits neither int nor bool",
     "x == null",
     {{"x", Of(Name::kInt)}},
     "ERROR: c:1:3: found no matching overload for '_==_' applied to '(int, null)'\n"
     " | x == null\n | ..^"},
    {"addresses have no order",
     "x < x",
     {{"x", Of(Name::kIpAddress)}},
     "ERROR: c:1:3: found no matching overload for '_<_' applied to '(IPAddress, IPAddress)'\n"
     " | x < x\n | ..^"},
    {"list without element type",
     "true",
     {{"x", Of(Name::kList)}},
     "failed to decode parameter type for parameter 'x': condition parameter type "
     "`TYPE_NAME_LIST` requires 1 generic types; found 0"},
    {"string with element type",
     "true",
     {{"x", {Name::kString, {Of(Name::kInt)}}}},
     "failed to decode parameter type for parameter 'x': condition parameter type "
     "`TYPE_NAME_STRING` requires 0 generic types; found 1"},
    {"unknown type",
     "true",
     {{"x", Of(Name::kUnspecified)}},
     "failed to decode parameter type for parameter 'x': unknown condition parameter type "
     "`TYPE_NAME_UNSPECIFIED`"},
    {"constant that does not convert",
     "duration('x') == duration('1s')",
     {},
     "condition expression construction: type conversion error from 'string' to "
     "'google.protobuf.Duration'"},
    {"range of a macro",
     "1.all(x, true)",
     {},
     "ERROR: c:1:1: expression of type 'int' cannot be range of a comprehension (must be list, "
     "map, or dynamic)\n | 1.all(x, true)\n | ^"},
};

TEST(ProgramCompile, ComplainsAsTheWireDoes) {
  for (const auto& c : kCompileErrors) {
    SCOPED_TRACE(c.name);
    const auto program = Program::Compile({"c", c.expression, c.parameters});
    ASSERT_FALSE(program.ok());
    EXPECT_EQ(program.error().code, ErrorCode::kInvalidModel);
    EXPECT_EQ(program.error().message, c.want);
  }
}

TEST(ProgramCompile, RefusesWhatIsNoExpression) {
  for (const auto* text : {"",
                           "1 +",
                           "(true",
                           "true)",
                           "[true",
                           "{1}",
                           "'a",
                           "\"a\nb\"",
                           "a b",
                           "x.",
                           "x..y",
                           "f(,)",
                           "f(1,)",
                           "true ? true",
                           "as",
                           "@result",
                           "`x`",
                           "'\\q'",
                           "'\\ud800'",
                           "b'\\u0041'",
                           "9223372036854775808",
                           "18446744073709551616u",
                           "1e999",
                           "has(1)",
                           "[1].all(1, true)",
                           "1 = 1",
                           "#",
                           "\xff"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(Program::Compile({"c", text, {}}).ok());
  }
}

TEST(ProgramCompile, BoundsNestingAndSize) {
  const auto repeat = [](std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  EXPECT_TRUE(Program::Compile({"c", repeat("(", 100) + "true" + repeat(")", 100), {}}).ok());
  for (const auto& expression :
       {repeat("(", 5000) + "true" + repeat(")", 5000), repeat("[", 5000),
        repeat("true?true:", 5000) + "true", "0" + repeat("+0", 5000) + " == 0",
        "x" + repeat(".x", 5000), repeat("!(", 5000), repeat(" ", 200'000) + "true",
        repeat("[1].all(x,", 1000)}) {
    const auto program = Program::Compile({"c", expression, {}});
    ASSERT_FALSE(program.ok());
    EXPECT_THAT(program.error().message.substr(0, 100), testing::HasSubstr("limit"));
  }
}

// What the limits let through, the stack can take.
TEST(ProgramCompile, EvaluatesAtTheLimits) {
  const auto repeat = [](std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  for (const auto& expression :
       {repeat("(", 240) + "true" + repeat(")", 240), "0" + repeat("+0", 490) + " == 0",
        repeat("[", 240) + "1" + repeat("]", 240) + repeat("[0]", 240) + " == 1",
        repeat("true && ", 490) + "true", repeat("false ? false : ", 240) + "true"}) {
    const auto program = Compiled(expression, {}, 10'000);
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(Outcome(*program, "{}", "{}"), "met");
  }
}

// Each step doubles the type of the elements; written out it would fill no memory there is.
TEST(ProgramCompile, BoundsTypes) {
  std::string expression = "[1]";
  for (int i = 0; i < 60; ++i) expression += ".map(a, {a: a})";
  EXPECT_TRUE(Program::Compile({"c", expression + " != []", {}}).ok());
}

struct EvaluateCase {
  const char* name;
  const char* expression;
  Parameters parameters;
  const char* request;
  const char* tuple;
  const char* want;
};
const Parameters kTwoInts{{"x", Of(Name::kInt)}, {"y", Of(Name::kInt)}};
const EvaluateCase kEvaluations[] = {
    {"met", "x < y", kTwoInts, R"({"x": 1, "y": 2})", "{}", "met"},
    {"not met", "x < y", kTwoInts, R"({"x": 2, "y": 2})", "{}", "not met"},
    {"the tuple's context wins", "x < y", kTwoInts, R"({"x": 9, "y": 2})", R"({"x": 1})", "met"},
    {"other keys of the request do not count", "x < y", kTwoInts, R"({"x": 1, "y": 2, "z": {}})",
     "{}", "met"},
    {"missing parameters", "x < y", kTwoInts, "{}", "{}",
     "'c' - tuple 'doc:1#viewer@user:anne' is missing context parameters '[x y]'"},
    {"missing although the expression is decided", "x == 1 || y == 1", kTwoInts, R"({"x": 1})",
     "{}", "'c' - tuple 'doc:1#viewer@user:anne' is missing context parameters '[y]'"},
    {"a run-time error wins over missing parameters", "1 / x == 1 && y == 1", kTwoInts,
     R"({"y": 1, "x": 0})", "{}",
     "'c' - failed to evaluate condition expression: division by zero"},
    {"an error beside a missing parameter", "1 / x == 1 ? true : y == 1", kTwoInts, R"({"x": 0})",
     "{}", "'c' - failed to evaluate condition expression: division by zero"},
    {"an unknown hides the error beside it", "1 / x == 1 && y == 1", kTwoInts, R"({"x": 0})", "{}",
     "'c' - tuple 'doc:1#viewer@user:anne' is missing context parameters '[y]'"},
    {"a failed conversion counts although it is not needed", "x == 1 || y == 1", kTwoInts,
     R"({"x": 1, "y": true})", "{}",
     "parameter type error on condition 'c' - failed to convert context parameter 'y': expected "
     "type value 'int64', but found 'bool'"},
    {"a failed conversion that is overlaid does not count", "x < y", kTwoInts,
     R"({"x": true, "y": 2})", R"({"x": 1})", "met"},
    {"no parameters, no context", "true", {}, "{}", "{}", "met"},
    {"no parameters, but a context",
     "true",
     {},
     R"({"x": 1})",
     "{}",
     "parameter type error on condition 'c' - no parameters defined for the condition"},
    {"no parameters, but a context of the tuple",
     "true",
     {},
     "{}",
     R"({"x": 1})",
     "parameter type error on condition 'c' - no parameters defined for the condition"},
    {"present times are not null",
     "t != null && d != null && null != a",
     {{"t", Of(Name::kTimestamp)}, {"d", Of(Name::kDuration)}, {"a", Of(Name::kIpAddress)}},
     R"({"t": "2020-01-01T00:00:00Z", "d": "1h", "a": "::1"})",
     "{}",
     "met"},
    {"time window",
     "now < granted + length",
     {{"now", Of(Name::kTimestamp)},
      {"granted", Of(Name::kTimestamp)},
      {"length", Of(Name::kDuration)}},
     R"({"now": "2023-01-01T00:09:50Z"})",
     R"({"granted": "2023-01-01T00:00:00Z", "length": "10m"})",
     "met"},
    {"missing key",
     "m['b'] == 1",
     {{"m", MapOf(Name::kInt)}},
     R"({"m": {"a": 1}})",
     "{}",
     "'c' - failed to evaluate condition expression: no such key: b"},
    {"numbers in any are doubles and compare with ints",
     "a.n == 1 && a.n < 2 && a.l[0] > 0",
     {{"a", Of(Name::kAny)}},
     R"({"a": {"n": 1, "l": [0.5]}})",
     "{}",
     "met"},
    {"null in any is a value", "a == null", {{"a", Of(Name::kAny)}}, R"({"a": null})", "{}", "met"},
    {"lists of lists",
     "l.all(x, x.exists(y, y == 'a'))",
     {{"l", {Name::kList, {ListOf(Name::kString)}}}},
     R"({"l": [["a", "b"], ["a"]]})",
     "{}",
     "met"},
    {"pattern of a parameter",
     "'abc'.matches(p)",
     {{"p", Of(Name::kString)}},
     R"({"p": "^a.c$"})",
     "{}",
     "met"},
    {"ipaddress() of bad text",
     "ipaddress(s) == ipaddress('::1')",
     {{"s", Of(Name::kString)}},
     R"({"s": "bad"})",
     "{}",
     "'c' - failed to evaluate condition expression: ParseAddr(\"bad\"): unable to parse IP"},
};

TEST(ProgramEvaluate, DecidesOrSaysWhyNot) {
  for (const auto& c : kEvaluations) {
    SCOPED_TRACE(c.name);
    const auto program = Compiled(c.expression, c.parameters);
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(Outcome(*program, c.request, c.tuple), c.want);
  }
}

TEST(ProgramEvaluate, TakesAbsentBindings) {
  const auto program = Compiled("x < y", kTwoInts);
  Arena arena;
  const auto bindings = program->Bind(Object(R"({"x": 1, "y": 2})"));
  const auto from_tuple = program->Evaluate(nullptr, bindings.get(), {}, arena);
  ASSERT_TRUE(from_tuple.ok());
  EXPECT_EQ(*from_tuple, Verdict::kMet);
  EXPECT_FALSE(program->Evaluate(nullptr, nullptr, {}, arena).ok());
}

struct CidrCase {
  const char* address;
  const char* cidr;
  const char* want;
};
constexpr const char* kMalformed = "malformed";
constexpr CidrCase kCidrs[] = {
    {"192.168.0.1", "192.168.0.0/24", "met"},
    {"192.168.1.1", "192.168.0.0/24", "not met"},
    {"192.168.0.1", "192.168.0.77/24", "met"},
    {"192.168.0.1", "0.0.0.0/0", "met"},
    {"192.168.0.9", "192.168.0.8/31", "met"},
    {"192.168.0.10", "192.168.0.8/31", "not met"},
    {"192.168.0.1", "192.168.0.1/32", "met"},
    {"::ffff:192.168.0.1", "192.168.0.0/24", "met"},
    {"192.168.0.1", "::ffff:192.168.0.0/120", "met"},
    {"192.168.0.1", "::/0", "not met"},
    {"192.168.0.1", "::ffff:0:0/90", "not met"},
    {"2001:db8::1", "2001:db8::/32", "met"},
    {"2001:db9::1", "2001:db8::/32", "not met"},
    {"2001:db8::1", "0.0.0.0/0", "not met"},
    {"fe80::1%eth0", "fe80::/10", "not met"},
    {"fe80::1", "fe80::/10", "met"},
    {"::1", "::1/128", "met"},
    {"::1", "::1", kMalformed},
    {"::1", "1.2.3.4/33", kMalformed},
    {"::1", "1.2.3.4/-1", kMalformed},
    {"::1", "1.2.3.4/08", kMalformed},
    {"::1", "1.2.3/8", kMalformed},
    {"::1", "01.2.3.4/8", kMalformed},
    {"::1", "fe80::1%eth0/10", kMalformed},
    {"::1", "::1/129", kMalformed},
    {"::1", "", kMalformed},
};

TEST(InCidr, MatchesWithinTheFamily) {
  const Parameters parameters{{"a", Of(Name::kIpAddress)}, {"p", Of(Name::kString)}};
  for (const auto& c : kCidrs) {
    SCOPED_TRACE(std::string(c.address) + " in " + c.cidr);
    const std::string want = c.want != kMalformed
                                 ? c.want
                                 : "'c' - failed to evaluate condition expression: '" +
                                       std::string(c.cidr) + "' is a malformed CIDR string";
    const auto context = std::string(R"({"a": ")") + c.address + R"(", "p": ")" + c.cidr + "\"}";
    EXPECT_EQ(Outcome(*Compiled("a.in_cidr(p)", parameters), context, "{}"), want);
    // The same with the prefix known at compile time.
    const auto constant = "a.in_cidr('" + std::string(c.cidr) + "') || (p == '' && false)";
    EXPECT_EQ(Outcome(*Compiled(constant, parameters), context, "{}"), want);
  }
}

TEST(ProgramValidateContext, ChecksValuesThenKeys) {
  struct Case {
    const char* context;
    const char* want;  // Empty: valid.
  };
  const auto program = Compiled("x < y", kTwoInts);
  for (const auto& c : {
           Case{"{}", ""},
           Case{R"({"x": 1})", ""},
           Case{R"({"z": 1, "x": 1})", "found invalid context parameter: z"},
           Case{R"({"z": 1, "a": 1})", "found invalid context parameter: a"},
           Case{R"({"a": 1, "y": "q"})",
                "parameter type error on condition 'c' - failed to convert context parameter "
                "'y': expected a int64 value, but found invalid string value 'q'"},
       }) {
    SCOPED_TRACE(c.context);
    const auto status = program->ValidateContext(Object(c.context));
    EXPECT_EQ(status.ok() ? "" : status.error().message, c.want);
  }
  EXPECT_EQ(Compiled("true", {})->ValidateContext(Object(R"({"x": 1})")).error().message,
            "parameter type error on condition 'c' - no parameters defined for the condition");
}

TEST(Program, CountsWhatItsEvaluationsTake) {
  telemetry::Registry registry;
  auto& compilation = registry.AddHistogram("a", "A.", telemetry::Milliseconds({1000}));
  auto& evaluation = registry.AddHistogram("b", "B.", telemetry::Milliseconds({1000}));
  auto& cost = registry.AddHistogram(
      "c", "C.", {.bounds = {0, 3 * kCostScale, 5 * kCostScale}, .scale = 1.0 / kCostScale});
  const ProgramOptions options{.metrics = {&compilation, &evaluation, &cost}};
  const auto program = *Program::Compile({"c", "x < y && x + 1 < y", kTwoInts}, options);
  EXPECT_FALSE(Program::Compile({"c", "x <", kTwoInts}, options).ok());
  EXPECT_EQ(compilation.Count(), 1U);  // What does not compile is not counted.
  for (int i = 0; i < 20; ++i) Outcome(*program, R"({"x": 1, "y": 1})", "{}");
  Outcome(*program, R"({"x": 1, "y": 5})", "{}");
  EXPECT_EQ(evaluation.Count(), 21U);
  Arena arena;
  EXPECT_FALSE(program->Reevaluate(nullptr, nullptr, {}, arena).ok());
  EXPECT_EQ(evaluation.Count(), 21U);  // The same evaluation again.
  const auto text = registry.Scrape();
  EXPECT_THAT(text, ::testing::HasSubstr("c_bucket{le=\"3\"} 20\nc_bucket{le=\"5\"} 20\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("c_sum 67\n"));  // 20 times 3, and 7.
}

TEST(Program, KnowsItsNames) {
  const auto program = Compiled("x < y", kTwoInts);
  EXPECT_EQ(program->name(), "c");
  EXPECT_TRUE(program->HasParameter("x"));
  EXPECT_TRUE(program->HasParameter("y"));
  EXPECT_FALSE(program->HasParameter("z"));
  EXPECT_FALSE(program->HasParameter(""));
}

}  // namespace
}  // namespace pemba::condition
