#include "pemba/reason/printer.h"

#include <array>
#include <string_view>

#include "pemba/reason/internal/visit.h"

namespace pemba::reason {
namespace {

using internal::Overloaded;
using namespace syntax;  // NOLINT(google-build-using-namespace): a printer names them all.

constexpr std::array<std::string_view, 8> kComparators = {
    "=", "!=", "<", "<=", ">", ">=", "contains", "like"};
constexpr std::array<std::string_view, 6> kOperators = {"+", "-", "*", "/", "%", "^"};
constexpr std::array<std::string_view, 6> kFunctions = {"abs",   "ceil", "floor",
                                                        "round", "min",  "max"};
constexpr std::array<std::string_view, 7> kAggregates = {"count", "sum",    "max", "min",
                                                         "mean",  "median", "std"};

template <class Enum, std::size_t N>
std::string_view NameOf(Enum value, const std::array<std::string_view, N>& names) {
  return names[static_cast<std::size_t>(value)];
}

std::string Text(const Variable& variable) {
  if (variable.anonymous()) return "$_";
  return (variable.sigil == Sigil::kConcept ? "$" : "?") + variable.name;
}

std::string Text(const TypeRef& type) {
  return std::visit(Overloaded{[](const Label& label) { return syntax::ToText(label); },
                               [](const Variable& variable) { return Text(variable); }},
                    type);
}

std::string Text(const Predicate& predicate) {
  std::string text;
  const auto* value = std::get_if<Value>(&predicate.operand);
  if (predicate.comparator == Comparator::kEqual && value) return reason::ToText(*value);
  text.append(NameOf(predicate.comparator, kComparators)).append(" ");
  return text.append(value ? reason::ToText(*value) : Text(std::get<Variable>(predicate.operand)));
}

std::string Text(const Has& has) {
  std::string text = "has ";
  if (has.type) text.append(syntax::ToText(*has.type)).append(" ");
  return text.append(
      std::visit([](const auto& attribute) { return Text(attribute); }, has.attribute));
}

std::string Text(const std::vector<Player>& players) {
  std::string text = "(";
  for (const Player& player : players) {
    if (text.size() > 1) text.append(", ");
    if (player.role) text.append(Text(*player.role)).append(": ");
    text.append(Text(player.player));
  }
  return text.append(")");
}

std::string_view AnnotationText(Annotation annotation) {
  switch (annotation) {
    case Annotation::kNone:
      return "";
    case Annotation::kUnique:
      return " @unique";
    case Annotation::kKey:
      return " @key";
  }
  return "";
}

std::string Overriding(const std::optional<TypeRef>& overridden) {
  return overridden ? " as " + Text(*overridden) : "";
}

std::string Text(const TypeConstraint& constraint) {
  return std::visit(
      Overloaded{
          [](const Sub& c) {
            return (c.exactness == Exactness::kExact ? "sub! " : "sub ") + Text(c.type);
          },
          [](const TypeIs& c) { return "type " + syntax::ToText(c.label); },
          [](const Abstract&) { return std::string("abstract"); },
          [](const Owns& c) {
            return "owns " + Text(c.attribute) + Overriding(c.overridden) +
                   std::string(AnnotationText(c.annotation));
          },
          [](const Relates& c) { return "relates " + Text(c.role) + Overriding(c.overridden); },
          [](const Plays& c) { return "plays " + Text(c.role) + Overriding(c.overridden); },
          [](const ValueIs& c) { return "value " + std::string(Name(c.type)); },
          [](const Regex& c) { return "regex " + reason::ToText(Value(c.pattern)); }},
      constraint);
}

std::string Indent(int depth) { return std::string(static_cast<std::size_t>(depth) * 2, ' '); }

std::string Text(const Pattern& pattern, int depth);

std::string Block(const Patterns& patterns, int depth) {
  std::string text = "{\n";
  for (const Pattern& pattern : patterns) {
    text.append(Indent(depth + 1)).append(Text(pattern, depth + 1)).append("\n");
  }
  return text.append(Indent(depth)).append("}");
}

std::string Text(const Pattern& pattern, int depth) {
  return std::visit(Overloaded{[](const ThingStatement& s) { return ToText(s); },
                               [](const TypeStatement& s) { return ToText(s); },
                               [](const Is& s) { return Text(s.left) + " is " + Text(s.right); },
                               [](const Assignment& s) {
                                 return Text(s.variable) + " = " + ToText(s.expression);
                               },
                               [&](const Disjunction& s) {
                                 std::string text;
                                 for (const Patterns& branch : s.branches) {
                                   if (!text.empty()) text.append(" or ");
                                   text.append(Block(branch, depth));
                                 }
                                 return text;
                               },
                               [&](const Negation& s) { return "not " + Block(s.body, depth); }},
                    pattern.node) +
         ";";
}

std::string Lines(std::string_view clause, const Patterns& patterns) {
  std::string text(clause);
  for (const Pattern& pattern : patterns) text.append("\n").append(Text(pattern, 0));
  return text;
}

std::string Lines(std::string_view clause, const std::vector<ThingStatement>& statements) {
  std::string text(clause);
  for (const ThingStatement& statement : statements) {
    text.append("\n").append(ToText(statement)).append(";");
  }
  return text;
}

std::string Text(const Match& match) {
  std::string text = Lines("match", match.patterns);
  if (!match.get.empty()) {
    text.append("\nget");
    for (const Variable& variable : match.get) {
      text.append(&variable == match.get.data() ? " " : ", ").append(Text(variable));
    }
    text.append(";");
  }
  for (const SortKey& key : match.sort) {
    text.append(&key == match.sort.data() ? "\nsort " : ", ").append(Text(key.variable));
    if (key.order == SortOrder::kDescending) text.append(" desc");
  }
  if (!match.sort.empty()) text.append(";");
  if (match.offset) text.append("\noffset ").append(std::to_string(*match.offset)).append(";");
  if (match.limit) text.append("\nlimit ").append(std::to_string(*match.limit)).append(";");
  if (match.group) text.append("\ngroup ").append(Text(*match.group)).append(";");
  if (match.aggregate) {
    text.append("\n").append(NameOf(match.aggregate->kind, kAggregates));
    if (match.aggregate->variable) text.append(" ").append(Text(*match.aggregate->variable));
    text.append(";");
  }
  return text;
}

std::string Text(const Define& define) {
  std::string text = "define";
  for (const auto& definition : define.definitions) {
    text.append("\n").append(
        std::visit(Overloaded{[](const TypeStatement& s) { return ToText(s) + ";"; },
                              [](const RuleDefinition& r) { return ToText(r); }},
                   definition));
  }
  return text;
}

std::string Text(const Undefine& undefine) {
  std::string text = "undefine";
  for (const auto& definition : undefine.definitions) {
    text.append("\n").append(
        std::visit(Overloaded{[](const TypeStatement& s) { return ToText(s) + ";"; },
                              [](const UndefineRule& r) { return "rule " + r.label.name + ";"; }},
                   definition));
  }
  return text;
}

int Precedence(Operator op) {
  switch (op) {
    case Operator::kAdd:
    case Operator::kSubtract:
      return 1;
    case Operator::kMultiply:
    case Operator::kDivide:
    case Operator::kModulo:
      return 2;
    case Operator::kPower:
      return 3;
  }
  return 0;
}

enum class Side : std::uint8_t { kLeft, kRight };

// In parentheses only where the text would be read otherwise: `^` groups to the right, all others
// to the left.
std::string Operand(const Expression& operand, Operator around, Side side) {
  const auto* operation = std::get_if<Operation>(&operand.node);
  if (!operation) return ToText(operand);
  const Side grouping = around == Operator::kPower ? Side::kRight : Side::kLeft;
  const int inner = Precedence(operation->op);
  const int outer = Precedence(around);
  const bool plain = inner > outer || (inner == outer && side == grouping);
  return plain ? ToText(operand) : "(" + ToText(operand) + ")";
}

}  // namespace

std::string ToText(const Expression& expression) {
  return std::visit(Overloaded{[](const Value& value) { return reason::ToText(value); },
                               [](const Variable& variable) { return Text(variable); },
                               [](const Operation& o) {
                                 return Operand(*o.left, o.op, Side::kLeft) + " " +
                                        std::string(NameOf(o.op, kOperators)) + " " +
                                        Operand(*o.right, o.op, Side::kRight);
                               },
                               [](const Call& c) {
                                 std::string text(NameOf(c.function, kFunctions));
                                 text.append("(");
                                 for (const auto& argument : c.arguments) {
                                   if (!text.ends_with("(")) text.append(", ");
                                   text.append(ToText(*argument));
                                 }
                                 return text.append(")");
                               }},
                    expression.node);
}

std::string ToText(const ThingStatement& statement) {
  std::string text;
  const auto add = [&](std::string_view part) {
    if (!text.empty()) text.append(" ");
    text.append(part);
  };
  const bool has_alone =
      !statement.iid && statement.players.empty() && !statement.predicate && !statement.isa;
  if (!statement.subject.anonymous() || has_alone) add(Text(statement.subject));
  if (statement.iid) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string digits;
    for (std::uint64_t iid = *statement.iid; digits.empty() || iid != 0; iid /= 16) {
      digits.insert(digits.begin(), kDigits[iid % 16]);
    }
    add("iid 0x" + digits);
  }
  if (!statement.players.empty()) add(Text(statement.players));
  if (statement.predicate) add(Text(*statement.predicate));
  if (statement.isa) {
    add(statement.isa->exactness == Exactness::kExact ? "isa!" : "isa");
    add(Text(statement.isa->type));
  }
  for (const Has& has : statement.has) {
    if (!has_alone || &has != statement.has.data()) text.append(",");
    add(Text(has));
  }
  return text;
}

std::string ToText(const TypeStatement& statement) {
  std::string text = Text(statement.subject);
  for (const TypeConstraint& constraint : statement.constraints) {
    text.append(&constraint == statement.constraints.data() ? " " : ", ").append(Text(constraint));
  }
  return text;
}

std::string ToText(const Pattern& pattern) { return Text(pattern, 0); }

std::string ToText(const RuleDefinition& rule) {
  return "rule " + rule.label.name + ": when " + Block(rule.when, 0) + " then {\n  " +
         ToText(rule.then) + ";\n};";
}

std::string ToText(const Query& query) {
  return std::visit(
             Overloaded{[](const Match& q) { return Text(q); },
                        [](const Insert& q) {
                          return (q.match.empty() ? "" : Lines("match", q.match) + "\n") +
                                 Lines("insert", q.statements);
                        },
                        [](const Delete& q) {
                          return Lines("match", q.match) + "\n" + Lines("delete", q.statements);
                        },
                        [](const Update& q) {
                          return Lines("match", q.match) + "\n" + Lines("delete", q.deletes) +
                                 "\n" + Lines("insert", q.inserts);
                        },
                        [](const Define& q) { return Text(q); },
                        [](const Undefine& q) { return Text(q); }},
             query.node) +
         "\n";
}

}  // namespace pemba::reason
