#include "pemba/reason/testing/random_syntax.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace pemba::reason::testing {
namespace {

using namespace syntax;  // NOLINT(google-build-using-namespace): a maker of all of them.

class Maker {
 public:
  explicit Maker(std::mt19937_64& random) : random_(random) {}

  Query Make() {
    switch (Below(6)) {
      case 0:
        return {MakeMatch(), {}};
      case 1:
        return {Insert{Chance(2) ? Trunk() : Patterns{}, Statements()}, {}};
      case 2:
        return {Delete{Trunk(), Deletes()}, {}};
      case 3: {
        auto match = Trunk();
        auto deletes = Deletes();
        return {Update{std::move(match), std::move(deletes), Statements()}, {}};
      }
      case 4:
        return {MakeDefine(), {}};
      default:
        return {MakeUndefine(), {}};
    }
  }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }
  bool Chance(std::size_t one_in) { return Below(one_in) == 0; }
  template <class T>
  T OneOf(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(choices.size()));
  }

  // ---- Names and values ----

  // Words of the language among them: most of them may be labels.
  std::string Name() {
    return OneOf<const char*>(
        {"file",  "person",          "group",    "member", "get", "sort", "count",
         "value", "contains",        "like",     "sub",    "isa", "has",  "type",
         "x-1",   "größe",           "abstract", "key",    "or",  "is",   "a_b",
         "min",   "group-membership"});
  }
  // At the start of a statement some words begin something else.
  std::string StartName() {
    return OneOf<const char*>({"file", "person", "group", "member", "x-1", "größe", "value"});
  }
  Label ScopedLabel() { return {Name(), Name(), {}}; }
  Label PlainLabel() { return {"", Name(), {}}; }

  // `$x` to `$z` are things, `$t` and `$u` types, `?v` a value, so that no kinds collide.
  Variable Thing() {
    if (Chance(8)) return Anonymous();
    return {OneOf<const char*>({"x", "y", "1z"}), Sigil::kConcept, {}};
  }
  Variable NamedThing() { return {OneOf<const char*>({"x", "y", "1z"}), Sigil::kConcept, {}}; }
  Variable TypeVariable() { return {OneOf<const char*>({"t", "u"}), Sigil::kConcept, {}}; }
  Variable Anonymous() { return {"_" + std::to_string(anonymous_++), Sigil::kConcept, {}}; }

  std::string Text() {
    std::string text;
    for (std::size_t i = Below(6); i > 0; --i) {
      text += OneOf<const char*>({"a", "Z", " ", "\"", "'", "\\", "\n", "\t", "é", "#", "d", "n"});
    }
    return text;
  }
  Value AValue() {
    switch (Below(6)) {
      case 0:
        return Chance(2);
      case 1:
        return static_cast<std::int64_t>(random_());
      case 2:
        return OneOf<double>({0.0, -1.5, 0.1, 1e300, 5e-324, 123456.789, -0.0});
      case 3:
        return DateTime{static_cast<std::int64_t>(random_() % 200'000'000'000'000)};
      default:
        return Text();
    }
  }
  Value Number() {
    if (Chance(2)) return static_cast<std::int64_t>(Below(1000)) - 500;
    return OneOf<double>({0.5, -2.25, 1e6});
  }

  // ---- Things ----

  Predicate APredicate() {
    Predicate predicate;
    predicate.comparator = static_cast<Comparator>(Below(8));
    if (predicate.comparator == Comparator::kContains) {
      predicate.operand = Value(Text());
    } else if (predicate.comparator == Comparator::kLike) {
      predicate.operand =
          Value(std::string(OneOf<const char*>({"a.*", "\\d+\\.", "", "'x'", "\"", "\\\""})));
    } else if (Chance(3)) {
      predicate.operand = NamedThing();
    } else {
      predicate.operand = AValue();
    }
    return predicate;
  }

  Has AHas() {
    Has has;
    if (Chance(4)) {
      has.attribute = NamedThing();
      return has;
    }
    has.type = PlainLabel();
    if (Chance(2)) {
      has.attribute = NamedThing();
    } else {
      has.attribute = APredicate();
    }
    return has;
  }

  TypeRef LabelOrVariable() {
    if (Chance(4)) return TypeVariable();
    return PlainLabel();
  }

  ThingStatement Statement(bool named = false) {
    ThingStatement statement;
    statement.subject = named ? NamedThing() : Thing();
    switch (Below(5)) {
      case 0:
        statement.iid = random_();
        break;
      case 1:
        for (std::size_t i = 1 + Below(3); i > 0; --i) {
          Player player;
          if (!Chance(3)) {
            player.role = Chance(4)   ? TypeRef(TypeVariable())
                          : Chance(4) ? TypeRef(ScopedLabel())
                                      : TypeRef(PlainLabel());
          }
          player.player = named ? NamedThing() : Thing();
          statement.players.push_back(std::move(player));
        }
        break;
      case 2:
        statement.predicate = APredicate();
        break;
      case 3:
        statement.has.push_back(AHas());
        return statement;
      default:
        break;
    }
    const bool has_head = statement.iid || !statement.players.empty() || statement.predicate;
    if (!has_head || Chance(2)) {
      statement.isa = Isa{LabelOrVariable(), static_cast<Exactness>(Below(2)), {}};
    }
    while (Chance(3)) statement.has.push_back(AHas());
    return statement;
  }

  std::vector<ThingStatement> Statements() {
    std::vector<ThingStatement> statements;
    for (std::size_t i = 1 + Below(3); i > 0; --i) statements.push_back(Statement());
    return statements;
  }

  // Of matched variables alone.
  std::vector<ThingStatement> Deletes() {
    std::vector<ThingStatement> statements;
    for (std::size_t i = 1 + Below(2); i > 0; --i) {
      ThingStatement statement;
      statement.subject = NamedThing();
      if (Chance(2)) {
        statement.isa = Isa{PlainLabel(), static_cast<Exactness>(Below(2)), {}};
      } else {
        statement.has.push_back({std::nullopt, NamedThing(), {}});
      }
      statements.push_back(std::move(statement));
    }
    return statements;
  }

  // ---- Types ----

  TypeConstraint AConstraint(bool definition) {
    const auto ref = [&] { return definition ? TypeRef(PlainLabel()) : LabelOrVariable(); };
    const auto maybe = [&] { return Chance(3) ? std::optional<TypeRef>(ref()) : std::nullopt; };
    switch (Below(definition ? 7 : 8)) {
      case 0:
        return Sub{
            ref(), definition ? Exactness::kSubtypesToo : static_cast<Exactness>(Below(2)), {}};
      case 1:
        return Abstract{};
      case 2: {
        auto attribute = ref();
        return Owns{std::move(attribute), maybe(), static_cast<Annotation>(Below(3)), {}};
      }
      case 3: {
        auto role = ref();
        return Relates{std::move(role), maybe(), {}};
      }
      case 4:
        return Plays{ScopedLabel(), maybe(), {}};
      case 5:
        return ValueIs{static_cast<ValueType>(Below(5)), {}};
      case 6:
        return Regex{OneOf<const char*>({"a+", "[\"]", "\\d\"", "'"}), {}};
      default:
        return TypeIs{Chance(2) ? PlainLabel() : ScopedLabel(), {}};
    }
  }

  TypeStatement AType(bool definition) {
    TypeStatement statement;
    if (definition || Chance(3)) {
      statement.subject = Label{"", StartName(), {}};
    } else {
      statement.subject = TypeVariable();
    }
    for (std::size_t i = 1 + Below(3); i > 0; --i) {
      statement.constraints.push_back(AConstraint(definition));
    }
    return statement;
  }

  // ---- Patterns ----

  ExpressionPtr AnExpression(int depth) {
    Expression expression;
    switch (depth == 0 ? Below(2) : Below(4)) {
      case 0:
        expression.node = Number();
        break;
      case 1:
        expression.node = NamedThing();
        break;
      case 2: {
        auto left = AnExpression(depth - 1);
        expression.node =
            Operation{static_cast<Operator>(Below(6)), std::move(left), AnExpression(depth - 1)};
        break;
      }
      default: {
        Call call;
        call.function = static_cast<Function>(Below(6));
        const bool many = call.function == Function::kMin || call.function == Function::kMax;
        for (std::size_t i = many ? 1 + Below(3) : 1; i > 0; --i) {
          call.arguments.push_back(AnExpression(depth - 1));
        }
        expression.node = std::move(call);
      }
    }
    return std::make_shared<const Expression>(std::move(expression));
  }

  Pattern APattern(int depth, bool negated) {
    switch (Below(depth == 0 ? 3 : 5)) {
      case 0:
        return {AType(false)};
      case 1:
        return {Statement()};
      case 2:
        return {Is{NamedThing(), NamedThing(), {}}};
      case 3: {
        Disjunction disjunction;
        for (std::size_t i = 1 + Below(3); i > 0; --i) {
          disjunction.branches.push_back(Nested(depth - 1, negated));
        }
        return {std::move(disjunction)};
      }
      default:
        if (negated) return {Statement()};
        return {Negation{Nested(depth - 1, true), {}}};
    }
  }

  // Always with a statement about a thing that the trunk binds.
  Patterns Nested(int depth, bool negated) {
    Patterns patterns = {{Bind("x")}};
    for (std::size_t i = Below(3); i > 0; --i) patterns.push_back(APattern(depth, negated));
    return patterns;
  }

  Pattern Bind(const char* name) {
    ThingStatement statement;
    statement.subject = {name, Sigil::kConcept, {}};
    statement.isa = Isa{PlainLabel(), Exactness::kSubtypesToo, {}};
    return {std::move(statement)};
  }

  Patterns Trunk() {
    Patterns patterns = {Bind("x"), Bind("y"), Bind("1z")};
    for (std::size_t i = Below(4); i > 0; --i) patterns.push_back(APattern(2, false));
    if (Chance(3)) {
      patterns.push_back({Assignment{{"v", Sigil::kValue, {}}, *AnExpression(3), {}}});
    }
    return patterns;
  }

  Match MakeMatch() {
    Match match;
    match.patterns = Trunk();
    const Variable x{"x", Sigil::kConcept, {}};
    const Variable y{"y", Sigil::kConcept, {}};
    if (Chance(2)) match.get = {x, y};
    if (Chance(3)) match.sort = {{y, static_cast<SortOrder>(Below(2))}, {x, SortOrder::kAscending}};
    if (Chance(3)) match.offset = Below(100);
    if (Chance(3)) match.limit = Below(100);
    if (Chance(3)) match.group = x;
    if (Chance(3)) {
      match.aggregate.emplace();
      match.aggregate->kind = static_cast<AggregateKind>(Below(7));
      if (match.aggregate->kind != AggregateKind::kCount) match.aggregate->variable = y;
    }
    return match;
  }

  RuleDefinition ARule() {
    anonymous_ = 0;
    RuleDefinition rule;
    rule.label = {"", Name(), {}};
    rule.when = Trunk();
    if (Chance(2)) {
      rule.then.subject = NamedThing();
      Has has{PlainLabel(), Predicate{Comparator::kEqual, AValue(), {}}, {}};
      rule.then.has.push_back(std::move(has));
    } else {
      rule.then.subject = Anonymous();
      rule.then.players = {{PlainLabel(), NamedThing(), {}}, {ScopedLabel(), NamedThing(), {}}};
      rule.then.isa = Isa{PlainLabel(), Exactness::kSubtypesToo, {}};
    }
    return rule;
  }

  Define MakeDefine() {
    Define define;
    for (std::size_t i = 1 + Below(3); i > 0; --i) {
      if (Chance(3)) {
        define.definitions.emplace_back(ARule());
      } else {
        define.definitions.emplace_back(AType(true));
      }
    }
    return define;
  }

  Undefine MakeUndefine() {
    Undefine undefine;
    for (std::size_t i = 1 + Below(3); i > 0; --i) {
      if (Chance(3)) {
        undefine.definitions.emplace_back(UndefineRule{{"", Name(), {}}});
      } else {
        undefine.definitions.emplace_back(AType(true));
      }
    }
    return undefine;
  }

  std::mt19937_64& random_;
  std::size_t anonymous_ = 0;
};

}  // namespace

Query RandomQuery(std::mt19937_64& random) { return Maker(random).Make(); }

}  // namespace pemba::reason::testing
