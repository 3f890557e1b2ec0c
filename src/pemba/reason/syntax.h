// The syntax tree of the TypeQL 2.x subset, as written: what the parser makes and the printer
// reads.
//
// Nothing here knows a schema. `pattern.h` has the form in which labels are resolved and variables
// have types. Trees are plain values; two trees are equal if they say the same, wherever it stood.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pemba/reason/problem.h"
#include "pemba/reason/value.h"

namespace pemba::reason::syntax {

enum class Sigil : std::uint8_t { kConcept, kValue };  // `$x` and `?x`.

// `$_` and things without a written variable have names of their own that no text can spell: `_0`,
// `_1`, ... in the order of the text, unique in one query or one rule.
struct Variable {
  std::string name;  // Without the sigil.
  Sigil sigil = Sigil::kConcept;
  Position at;
  bool anonymous() const { return name.starts_with('_'); }
  friend bool operator==(const Variable&, const Variable&) = default;
};

// `file`, or with the relation that it belongs to, `access:accessed-object`.
struct Label {
  std::string scope;  // Empty if not written.
  std::string name;
  Position at;
  friend bool operator==(const Label&, const Label&) = default;
};
std::string ToText(const Label& label);

using TypeRef = std::variant<Label, Variable>;

// ---- Values ----

enum class Comparator : std::uint8_t {
  kEqual,  // `=` and `==`.
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kContains,
  kLike
};

struct Predicate {  // `> 5`, `= $other`, `contains "x"`; a literal alone is kEqual.
  Comparator comparator = Comparator::kEqual;
  std::variant<Value, Variable> operand;
  Position at;
  friend bool operator==(const Predicate&, const Predicate&) = default;
};

struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;  // Never null.
enum class Operator : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kModulo, kPower };
enum class Function : std::uint8_t { kAbs, kCeil, kFloor, kRound, kMin, kMax };
struct Operation {
  Operator op = Operator::kAdd;
  ExpressionPtr left, right;
  friend bool operator==(const Operation& a, const Operation& b);
};
struct Call {
  Function function = Function::kAbs;
  std::vector<ExpressionPtr> arguments;  // One; min and max: at least one.
  friend bool operator==(const Call& a, const Call& b);
};
struct Expression {
  std::variant<Value, Variable, Operation, Call> node;
  Position at;
  friend bool operator==(const Expression&, const Expression&) = default;
};

// ---- Things ----

enum class Exactness : std::uint8_t { kSubtypesToo, kExact };  // `isa`, `sub`; `isa!`, `sub!`.

struct Isa {
  TypeRef type;
  Exactness exactness = Exactness::kSubtypesToo;
  Position at;
  friend bool operator==(const Isa&, const Isa&) = default;
};
struct Player {
  std::optional<TypeRef> role;
  Variable player;
  Position at;
  friend bool operator==(const Player&, const Player&) = default;
};
struct Has {
  std::optional<Label> type;  // Nothing for `has $a`; always there with a predicate.
  std::variant<Variable, Predicate> attribute;
  Position at;
  friend bool operator==(const Has&, const Has&) = default;
};
// One statement about one thing: `$r (a: $x) isa t, has p "v"`. Only what is written is there.
// A statement about a value variable (`?v > 5`) has a predicate and nothing else.
struct ThingStatement {
  Variable subject;
  std::optional<std::uint64_t> iid;
  std::vector<Player> players;  // Empty if no relation is written; `()` is not TypeQL.
  std::optional<Predicate> predicate;
  std::optional<Isa> isa;
  std::vector<Has> has;
  Position at;
  friend bool operator==(const ThingStatement&, const ThingStatement&) = default;
};

// ---- Types ----

enum class Annotation : std::uint8_t { kNone, kUnique, kKey };

struct Sub {
  TypeRef type;
  Exactness exactness = Exactness::kSubtypesToo;
  Position at;
  friend bool operator==(const Sub&, const Sub&) = default;
};
struct TypeIs {  // `$t type file`.
  Label label;
  Position at;
  friend bool operator==(const TypeIs&, const TypeIs&) = default;
};
struct Abstract {
  Position at;
  friend bool operator==(const Abstract&, const Abstract&) = default;
};
struct Owns {
  TypeRef attribute;
  std::optional<TypeRef> overridden;
  Annotation annotation = Annotation::kNone;  // `@key @unique` is kKey, which is both.
  Position at;
  friend bool operator==(const Owns&, const Owns&) = default;
};
struct Relates {
  TypeRef role;
  std::optional<TypeRef> overridden;
  Position at;
  friend bool operator==(const Relates&, const Relates&) = default;
};
struct Plays {
  TypeRef role;
  std::optional<TypeRef> overridden;
  Position at;
  friend bool operator==(const Plays&, const Plays&) = default;
};
struct ValueIs {
  ValueType type = ValueType::kString;
  Position at;
  friend bool operator==(const ValueIs&, const ValueIs&) = default;
};
struct Regex {
  std::string pattern;
  Position at;
  friend bool operator==(const Regex&, const Regex&) = default;
};
using TypeConstraint = std::variant<Sub, TypeIs, Abstract, Owns, Relates, Plays, ValueIs, Regex>;

// One statement about one type, in a pattern or in a definition (there the subject is a label).
struct TypeStatement {
  TypeRef subject;
  std::vector<TypeConstraint> constraints;  // At least one.
  Position at;
  friend bool operator==(const TypeStatement&, const TypeStatement&) = default;
};

// ---- Patterns ----

struct Is {  // `$x is $y`: the same concept.
  Variable left, right;
  Position at;
  friend bool operator==(const Is&, const Is&) = default;
};
struct Assignment {  // `?v = expression`.
  Variable variable;
  Expression expression;
  Position at;
  friend bool operator==(const Assignment&, const Assignment&) = default;
};
struct Pattern;
using Patterns = std::vector<Pattern>;
struct Disjunction {  // One branch: a block in braces, which means the same as without them.
  std::vector<Patterns> branches;
  Position at;
  friend bool operator==(const Disjunction&, const Disjunction&) = default;
};
struct Negation {
  Patterns body;
  Position at;
  friend bool operator==(const Negation&, const Negation&) = default;
};
struct Pattern {
  std::variant<ThingStatement, TypeStatement, Is, Assignment, Disjunction, Negation> node;
  friend bool operator==(const Pattern&, const Pattern&) = default;
};

// ---- Queries ----

struct RuleDefinition {
  Label label;
  Patterns when;
  ThingStatement then;
  Position at;
  friend bool operator==(const RuleDefinition&, const RuleDefinition&) = default;
};
struct Define {
  std::vector<std::variant<TypeStatement, RuleDefinition>> definitions;
  friend bool operator==(const Define&, const Define&) = default;
};
struct UndefineRule {
  Label label;
  friend bool operator==(const UndefineRule&, const UndefineRule&) = default;
};
struct Undefine {
  std::vector<std::variant<TypeStatement, UndefineRule>> definitions;
  friend bool operator==(const Undefine&, const Undefine&) = default;
};
struct Insert {
  Patterns match;  // Empty: runs once.
  std::vector<ThingStatement> statements;
  friend bool operator==(const Insert&, const Insert&) = default;
};
struct Delete {
  Patterns match;
  std::vector<ThingStatement> statements;
  friend bool operator==(const Delete&, const Delete&) = default;
};
struct Update {  // Match, then delete, then insert, with the same bindings.
  Patterns match;
  std::vector<ThingStatement> deletes;
  std::vector<ThingStatement> inserts;
  friend bool operator==(const Update&, const Update&) = default;
};

enum class SortOrder : std::uint8_t { kAscending, kDescending };
struct SortKey {
  Variable variable;
  SortOrder order = SortOrder::kAscending;
  friend bool operator==(const SortKey&, const SortKey&) = default;
};
enum class AggregateKind : std::uint8_t { kCount, kSum, kMax, kMin, kMean, kMedian, kStd };
struct Aggregate {
  AggregateKind kind = AggregateKind::kCount;
  std::optional<Variable> variable;  // Nothing for count, always there for the others.
  Position at;
  friend bool operator==(const Aggregate&, const Aggregate&) = default;
};
struct Match {
  Patterns patterns;
  std::vector<Variable> get;  // Empty (`get;` or none written): all named variables of the trunk.
  std::vector<SortKey> sort;
  std::optional<std::uint64_t> offset, limit;
  std::optional<Variable> group;
  std::optional<Aggregate> aggregate;
  friend bool operator==(const Match&, const Match&) = default;
};

struct Query {
  std::variant<Match, Insert, Delete, Update, Define, Undefine> node;
  Position at;
  friend bool operator==(const Query&, const Query&) = default;
};

}  // namespace pemba::reason::syntax
