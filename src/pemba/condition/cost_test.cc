#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "pemba/condition/internal/coercion.h"
#include "pemba/condition/internal/evaluator.h"
#include "pemba/condition/internal/expression.h"
#include "pemba/condition/program.h"

namespace pemba::condition::internal {
namespace {

using Name = ParameterTypeName;

// The parameters that the expressions of this file may use, with their values.
struct Binding {
  const char* name;
  ParameterType type;
  const char* json;
};
const Binding kBindings[] = {
    {"x", {Name::kInt, {}}, "1"},
    {"y", {Name::kInt, {}}, "2"},
    {"s", {Name::kString, {}}, "\"0123456789abcde\""},  // 15 code points: 2 units of text.
    {"e", {Name::kString, {}}, "\"\""},
    {"w", {Name::kString, {}}, "\"\u03c0\u03c0\u03c0\u03c0\u03c0\u03c0\u03c0\u03c0\u03c0\u03c0\""},
    {"names", {Name::kList, {{Name::kString, {}}}}, R"(["a", "b", "c"])"},
    {"none", {Name::kList, {{Name::kString, {}}}}, "[]"},
    {"m", {Name::kMap, {{Name::kInt, {}}}}, R"({"k": 1, "l": 2})"},
    {"any", {Name::kAny, {}}, R"({"f": {"g": 1}, "t": "a"})"},
    {"t", {Name::kTimestamp, {}}, "\"2020-01-01T00:00:00Z\""},
    {"ip", {Name::kIpAddress, {}}, "\"10.0.0.1\""},
};

class World {
 public:
  World() {
    environment_.library = &Library::Standard();
    for (const auto& binding : kBindings) {
      environment_.variables.push_back({binding.name, *StaticType(binding.type, arena_)});
      values_.push_back(Coerce(boost::json::parse(binding.json), binding.type, arena_));
      EXPECT_NE(values_.back().kind, Kind::kError) << binding.name;
    }
  }

  Evaluation Run(const char* expression, std::uint64_t cost_max = kNoCostLimit) {
    const auto checked = CheckExpression("c", expression, environment_, arena_);
    if (!checked.ok()) return {Value::Error(arena_.Copy(checked.error().message)), ~0ull};
    auto plan = MakePlan(*checked->root, environment_, Folding::kOn);
    if (!plan.ok()) return {Value::Error(arena_.Copy(plan.error().message)), ~0ull};
    plans_.push_back(*std::move(plan));
    return Evaluate(*plans_.back(), values_, cost_max, arena_);
  }

 private:
  Arena arena_;
  Environment environment_;
  std::vector<Value> values_;
  std::vector<std::unique_ptr<const Plan>> plans_;
};

struct CostCase {
  const char* rule;
  const char* expression;
  std::uint64_t want;
};
constexpr CostCase kCosts[] = {
    {"constants are free", "true", 0},
    {"an identifier", "x", 1},
    {"a call", "x < y", 3},
    {"equality of scalars", "x == y", 3},
    {"lists of constants are free", "[1, 2, 3]", 0},
    {"a list otherwise", "[x]", 11},
    {"maps of constants are free", "{'a': 1}", 0},
    {"a map otherwise", "{'a': x}", 31},
    {"conversions of constants are free", "duration('1h')", 0},
    {"a conversion otherwise", "string(x)", 2},
    {"logic is free", "x == 1 && y == 2", 4},
    {"what is not looked at is free", "x == 2 && y == 2", 2},

    {"a select is a step", "any.f", 2},
    {"selects are steps of one path", "any.f.g", 3},
    {"a presence test is a step", "has(any.f)", 2},
    {"an index is a step", "m['k']", 2},
    {"an identifier as index is part of the step", "names[x]", 2},
    {"a computed index costs its computation", "names[x - 1]", 4},
    {"a path on something computed", "{'a': x}.a", 33},

    {"a conditional is free, and so is the root of its branches", "x == 1 ? x : y", 2},
    {"a computed branch costs", "x == 1 ? x + 1 : y", 4},

    {"in a list parameter: its length", "'d' in names", 4},
    {"in an empty list parameter", "'d' in none", 1},
    {"in a list of constants: only the element", "s in ['a', 'b']", 1},
    {"in an empty constant list: nothing", "s in []", 0},
    {"in a list otherwise", "x in [y, 3]", 14},
    {"in a map", "'k' in m", 2},

    {"equality of text: a tenth of the shorter", "s == s", 4},
    {"equality with empty text", "s == e", 2},
    {"equality of lists", "names == names", 3},
    {"text counts code points", "w == w", 3},
    {"ordering of text", "s < s", 4},
    {"concatenation: a tenth of the sum", "s + s", 5},
    {"concatenation of lists", "names + names", 3},
    {"contains: product", "s.contains(s)", 6},
    {"contains nothing", "s.contains('')", 1},
    {"startsWith: a tenth", "s.startsWith('a')", 3},
    {"endsWith: a tenth", "s.endsWith('a')", 3},
    {"matches: text and pattern", "s.matches('[0-9]')", 5},
    {"matches as a function", "matches(s, '[0-9]')", 2},
    {"matches with empty text", "e.matches('a')", 2},
    {"text to bytes: a tenth", "bytes(s)", 3},
    {"size", "size(s)", 2},
    {"size of a receiver", "s.size()", 2},
    {"where the overload is open, text does not count", "any.t + any.t", 5},
    {"fields of a time", "t.getFullYear()", 2},
    {"in_cidr", "ip.in_cidr('10.0.0.0/8')", 2},
    {"in_cidr of a parameter", "ip.in_cidr(s)", 3},
    {"type", "type(x)", 2},

    {"all of nothing", "none.all(n, true)", 2},
    {"all: 3 and the predicate each", "names.all(n, n != 'z')", 2 + 3 * 5},
    {"all stops, which it looks at once more", "names.all(n, n == 'a')", 2 + 2 * 5 + 2},
    {"exists: 4 and the predicate each", "names.exists(n, n == 'z')", 2 + 3 * 6},
    {"exists stops", "names.exists(n, n == 'a')", 2 + 6 + 3},
    {"exists_one", "names.exists_one(n, n == 'a')", 1 + (2 + 2) + 2 + 2 + 2},
    {"filter keeps for 13", "names.filter(n, n == 'a')", 1 + (2 + 13) + 2 + 2 + 1},
    {"map: 12 and the element each", "names.map(n, n)", 1 + 3 * 13 + 1},
    {"the range may be a conditional", "(x > 2 ? names : none).all(n, true)", 3},
};

TEST(Cost, FollowsTheRules) {
  World world;
  for (const auto& c : kCosts) {
    SCOPED_TRACE(c.rule);
    const auto evaluation = world.Run(c.expression);
    EXPECT_EQ(evaluation.cost, c.want) << c.expression << " is " << ToText(evaluation.value);
  }
}

TEST(Cost, BeyondTheLimitNothingElseCounts) {
  World world;
  EXPECT_TRUE(world.Run("x < y", 3).value.is_true());
  for (const auto* expression : {"x < y", "x / 0 == 1 || true || x < y", "names.all(n, true)",
                                 "true || x / 0 < y ? x < y : false"}) {
    SCOPED_TRACE(expression);
    const auto evaluation = world.Run(expression, 2);
    if (evaluation.cost <= 2) continue;
    EXPECT_EQ(ToText(evaluation.value), "operation cancelled: actual cost limit exceeded");
  }
  EXPECT_GT(world.Run("x < y", 2).cost, 2u);
}

TEST(Cost, LimitIsThePrograms) {
  const Source source{"c", "'d' in l", {{"l", {Name::kList, {{Name::kString, {}}}}}}};
  const auto outcome = [&](std::uint64_t cost_max, int length) -> std::string {
    boost::json::array list;
    for (int i = 0; i < length; ++i) list.push_back("x");
    const auto program = Program::Compile(source, {.cost_max = cost_max});
    const auto bindings = (*program)->Bind({{"l", list}});
    Arena arena;
    const auto verdict = (*program)->Evaluate(bindings.get(), nullptr, {}, arena);
    return verdict.ok() ? "decided" : verdict.error().message;
  };
  EXPECT_EQ(outcome(kCostMaxDefault, 99), "decided");
  EXPECT_EQ(outcome(kCostMaxDefault, 100),
            "'c' - failed to evaluate condition expression: operation cancelled: actual cost "
            "limit exceeded");
  EXPECT_EQ(outcome(200, 100), "decided");
}

// A loop whose steps cost nothing ends all the same: what surrounds it costs.
TEST(Cost, EndsNestedLoops) {
  World world;
  std::string expression = "true";
  for (int i = 0; i < 12; ++i) {
    expression = "[1,1,1,1,1,1,1,1].exists_one(a, " + expression + ")";
  }
  EXPECT_EQ(ToText(world.Run(expression.c_str(), 100).value),
            "operation cancelled: actual cost limit exceeded");
}

}  // namespace
}  // namespace pemba::condition::internal
