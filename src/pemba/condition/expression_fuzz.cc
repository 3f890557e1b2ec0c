// Any text as an expression: it is refused, or it evaluates within its cost limit. Folding and the
// type checker may change how an error comes about, but never a value.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "pemba/condition/internal/evaluator.h"
#include "pemba/condition/internal/expression.h"

namespace {

using namespace pemba::condition::internal;  // NOLINT(google-build-using-namespace): a program

constexpr std::uint64_t kCostMax = 1000;
constexpr std::size_t kBytesMax = 2000;

struct World {
  World() {
    const Type* text = SimpleType(TypeKind::kString);
    environment.library = &Library::Standard();
    environment.variables = {{"i", SimpleType(TypeKind::kInt)},
                             {"u", SimpleType(TypeKind::kUint)},
                             {"d", SimpleType(TypeKind::kDouble)},
                             {"s", text},
                             {"l", ListType(text, arena)},
                             {"m", MapType(text, SimpleType(TypeKind::kInt), arena)},
                             {"any", SimpleType(TypeKind::kDyn)},
                             {"t", SimpleType(TypeKind::kTimestamp)},
                             {"length", SimpleType(TypeKind::kDuration)},
                             {"ip", IpAddressType()},
                             {"missing", SimpleType(TypeKind::kBool)}};
    const auto elements = arena.NewArray<Value>(3);
    elements[0] = Value::String("a");
    elements[1] = Value::String("b");
    elements[2] = Value::String("");
    const auto entries = arena.NewArray<pemba::condition::internal::MapEntry>(1);
    entries[0] = {Value::String("k"), Value::Int(7)};
    values = {Value::Int(-3),
              Value::Uint(5),
              Value::Double(1.5),
              Value::String("text"),
              Value::List(elements.data(), elements.size()),
              Value::Map(entries.data(), entries.size()),
              Value::List(elements.data(), elements.size()),
              Value::Timestamp(1'600'000'000, 5),
              Value::Duration(90'000'000'000),
              Value::Ip(arena.New<IpAddress>(*ParseIpAddress("10.1.2.3"))),
              Value::Unknown()};
  }

  pemba::Arena arena;
  Environment environment;
  std::vector<Value> values;
};

Evaluation Run(const World& world, const Node& root, Folding folding, pemba::Arena& arena,
               std::vector<std::unique_ptr<const Plan>>& plans) {
  auto plan = MakePlan(root, world.environment, folding);
  if (!plan.ok()) return {Value::Error("no plan"), 0};
  plans.push_back(*std::move(plan));
  const auto evaluation = Evaluate(*plans.back(), world.values, kCostMax, arena);
  if (evaluation.cost > kCostMax && evaluation.value.kind != Kind::kError) std::abort();
  return evaluation;
}

// Failures aside: with constants folded some come sooner, and `x in []` no longer looks at x.
bool Differ(const Value& a, const Value& b) {
  if (a.is_failure() || b.is_failure()) return false;
  // Text is what NaN equals itself in.
  return a.kind != b.kind || ToText(a) != ToText(b);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World& world = *new World;
  if (size > kBytesMax) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pemba::Arena arena;
  std::vector<std::unique_ptr<const Plan>> plans;
  const auto unchecked = CheckExpression("fuzz", text, world.environment, arena,
                                         {.check = TypeCheck::kOff, .limits = {}});
  const auto checked = CheckExpression("fuzz", text, world.environment, arena);
  if (!unchecked.ok()) {
    if (checked.ok()) std::abort();  // The checker sees what the parser let through.
    return 0;
  }
  const auto dynamic = Run(world, *unchecked->root, Folding::kOff, arena, plans).value;
  if (!checked.ok()) {
    if (checked.error().message.empty()) std::abort();
    return 0;
  }
  const auto plain = Run(world, *checked->root, Folding::kOff, arena, plans).value;
  const auto folded = Run(world, *checked->root, Folding::kOn, arena, plans).value;
  if (Differ(plain, folded) || Differ(plain, dynamic)) std::abort();
  if (checked->type->kind == TypeKind::kBool && plain.kind != Kind::kBool && !plain.is_failure()) {
    std::abort();
  }
  return 0;
}
