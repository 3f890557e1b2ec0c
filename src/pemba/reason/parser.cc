#include "pemba/reason/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "pemba/base/assert.h"
#include "pemba/reason/internal/lexer.h"
#include "pemba/reason/internal/scopes.h"

namespace pemba::reason {
namespace {

using internal::Token;
using internal::TokenKind;
using namespace syntax;  // NOLINT(google-build-using-namespace): a parser names them all.

constexpr std::array<std::string_view, 5> kQueryWords = {"match", "define", "undefine", "insert",
                                                         "delete"};
constexpr std::array<std::string_view, 12> kModifierWords = {"get",   "sort",  "offset", "limit",
                                                             "group", "count", "sum",    "max",
                                                             "min",   "mean",  "median", "std"};
constexpr std::array<std::string_view, 7> kAggregateWords = {"count", "sum",    "max", "min",
                                                             "mean",  "median", "std"};

// `?a + ?b + ...` nests to the left without a parenthesis, so depth alone does not bound the tree.
constexpr int kOperationsMax = 1000;

template <std::size_t N>
bool OneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string Shown(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the text";
    case TokenKind::kVariable:
      return "`$" + std::string(token.text) + "`";
    case TokenKind::kValueVariable:
      return "`?" + std::string(token.text) + "`";
    case TokenKind::kString:
      return "a string";
    default:
      return "`" + std::string(token.text) + "`";
  }
}

// Recursive descent, one function per rule of the grammar. Every function leaves the first token
// that it did not use as the current one.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<std::vector<Query>> Queries() {
    std::vector<Query> queries;
    while (Current().kind != TokenKind::kEnd) {
      PEMBA_TRY(auto query, OneQuery());
      queries.push_back(std::move(query));
    }
    return queries;
  }

 private:
  const Token& Current() const { return tokens_[at_]; }
  const Token& Ahead(std::size_t count) const {
    return tokens_[std::min(at_ + count, tokens_.size() - 1)];
  }
  const Token& Take() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool TakeWord(std::string_view word) {
    if (!Current().IsWord(word)) return false;
    Take();
    return true;
  }
  bool TakeSymbol(std::string_view symbol) {
    if (!Current().Is(symbol)) return false;
    Take();
    return true;
  }

  Error Expected(std::string_view what) const {
    return MakeError(Problem::kSyntax, Current().at,
                     "expected " + std::string(what) + ", found " + Shown(Current()));
  }
  Status Expect(std::string_view symbol) {
    if (!TakeSymbol(symbol)) return Expected("`" + std::string(symbol) + "`");
    return Done{};
  }
  // After a statement a forgotten semicolon is the usual mistake; a comma would also have done.
  Status ExpectStatementEnd() {
    if (!TakeSymbol(";")) return Expected("`,` or `;`");
    return Done{};
  }

  // ---- Queries ----

  Result<Query> OneQuery() {
    variables_made_ = 0;
    const Position at = Current().at;
    if (TakeWord("define")) {
      PEMBA_TRY(auto define, DefineClause());
      return Query{std::move(define), at};
    }
    if (TakeWord("undefine")) {
      PEMBA_TRY(auto undefine, UndefineClause());
      return Query{std::move(undefine), at};
    }
    if (TakeWord("insert")) {
      PEMBA_TRY(auto statements, ThingStatements("insert"));
      Query query{Insert{{}, std::move(statements)}, at};
      PEMBA_TRY(std::ignore, internal::CheckScopes(query));
      return query;
    }
    if (TakeWord("match")) {
      PEMBA_TRY(auto query, AfterMatch(at));
      PEMBA_TRY(std::ignore, internal::CheckScopes(query));
      return query;
    }
    return Expected("`match`, `insert`, `define` or `undefine`");
  }

  Result<Query> AfterMatch(Position at) {
    PEMBA_TRY(auto patterns, PatternsUntilClause());
    if (TakeWord("insert")) {
      PEMBA_TRY(auto statements, ThingStatements("insert"));
      return Query{Insert{std::move(patterns), std::move(statements)}, at};
    }
    if (TakeWord("delete")) {
      PEMBA_TRY(auto deletes, ThingStatements("delete"));
      if (!TakeWord("insert")) return Query{Delete{std::move(patterns), std::move(deletes)}, at};
      PEMBA_TRY(auto inserts, ThingStatements("insert"));
      return Query{Update{std::move(patterns), std::move(deletes), std::move(inserts)}, at};
    }
    Match match;
    match.patterns = std::move(patterns);
    PEMBA_TRY(std::ignore, Modifiers(match));
    return Query{std::move(match), at};
  }

  Status Modifiers(Match& match) {
    if (TakeWord("get")) {
      if (!TakeSymbol(";")) {
        PEMBA_TRY(match.get, Variables());
        PEMBA_TRY(std::ignore, ExpectStatementEnd());
      }
    }
    if (TakeWord("sort")) {
      PEMBA_TRY(match.sort, SortKeys());
    }
    if (TakeWord("offset")) {
      PEMBA_TRY(match.offset, Count("offset"));
    }
    if (TakeWord("limit")) {
      PEMBA_TRY(match.limit, Count("limit"));
    }
    if (TakeWord("group")) {
      PEMBA_TRY(match.group, OneVariable());
      PEMBA_TRY(std::ignore, Expect(";"));
    }
    if (Current().kind == TokenKind::kWord && OneOf(Current().text, kAggregateWords)) {
      PEMBA_TRY(match.aggregate, AggregateClause());
    }
    if (Current().kind == TokenKind::kWord && OneOf(Current().text, kModifierWords)) {
      return MakeError(Problem::kDuplicateModifier, Current().at,
                       "`" + std::string(Current().text) +
                           "` cannot stand here: modifiers are get, sort, offset, limit, group and "
                           "an aggregate, "
                           "each once and in this order");
    }
    return Done{};
  }

  Result<std::vector<Variable>> Variables() {
    std::vector<Variable> variables;
    do {
      PEMBA_TRY(auto variable, OneVariable());
      variables.push_back(std::move(variable));
    } while (TakeSymbol(","));
    return variables;
  }

  Result<std::vector<SortKey>> SortKeys() {
    std::vector<SortKey> keys;
    do {
      SortKey key;
      PEMBA_TRY(key.variable, OneVariable());
      if (TakeWord("desc")) {
        key.order = SortOrder::kDescending;
      } else {
        TakeWord("asc");
      }
      keys.push_back(std::move(key));
    } while (TakeSymbol(","));
    PEMBA_TRY(std::ignore, ExpectStatementEnd());
    return keys;
  }

  Result<std::uint64_t> Count(std::string_view modifier) {
    std::uint64_t count = 0;
    const std::string_view text = Current().text;
    const auto end = text.data() + text.size();
    if (Current().kind != TokenKind::kLong || std::from_chars(text.data(), end, count).ptr != end) {
      return Expected("the number of answers to " +
                      std::string(modifier == "limit" ? "return" : "skip"));
    }
    Take();
    PEMBA_TRY(std::ignore, Expect(";"));
    return count;
  }

  Result<Aggregate> AggregateClause() {
    Aggregate aggregate;
    aggregate.at = Current().at;
    const std::string_view word = Take().text;
    aggregate.kind = static_cast<AggregateKind>(
        std::find(kAggregateWords.begin(), kAggregateWords.end(), word) - kAggregateWords.begin());
    if (aggregate.kind != AggregateKind::kCount) {
      PEMBA_TRY(aggregate.variable, OneVariable());
    }
    PEMBA_TRY(std::ignore, Expect(";"));
    return aggregate;
  }

  // ---- Definitions ----

  bool AtQueryStart() const {
    return Current().kind == TokenKind::kEnd ||
           (Current().kind == TokenKind::kWord && OneOf(Current().text, kQueryWords));
  }

  Result<Define> DefineClause() {
    Define define;
    while (!AtQueryStart()) {
      if (Current().IsWord("rule") && Ahead(1).kind == TokenKind::kWord && Ahead(2).Is(":")) {
        PEMBA_TRY(auto rule, Rule());
        define.definitions.emplace_back(std::move(rule));
      } else {
        PEMBA_TRY(auto type, TypeDefinition());
        define.definitions.emplace_back(std::move(type));
      }
    }
    if (define.definitions.empty()) return Expected("a type or a rule to define");
    return define;
  }

  Result<Undefine> UndefineClause() {
    Undefine undefine;
    while (!AtQueryStart()) {
      if (Current().IsWord("rule") && Ahead(1).kind == TokenKind::kWord && Ahead(2).Is(";")) {
        Take();
        const Token& name = Take();
        undefine.definitions.emplace_back(UndefineRule{{"", std::string(name.text), name.at}});
        PEMBA_TRY(std::ignore, Expect(";"));
      } else {
        PEMBA_TRY(auto type, TypeDefinition());
        undefine.definitions.emplace_back(std::move(type));
      }
    }
    if (undefine.definitions.empty()) return Expected("a type or a rule to undefine");
    return undefine;
  }

  Result<TypeStatement> TypeDefinition() {
    if (Current().kind == TokenKind::kVariable || Current().kind == TokenKind::kValueVariable) {
      return VariableInDefinition();
    }
    TypeStatement statement;
    statement.at = Current().at;
    PEMBA_TRY(statement.subject, OneLabel("the label of a type"));
    in_definition_ = true;
    auto constraints = TypeConstraints();
    in_definition_ = false;
    PEMBA_TRY(statement.constraints, std::move(constraints));
    PEMBA_TRY(std::ignore, ExpectStatementEnd());
    return statement;
  }

  Error VariableInDefinition() const {
    return MakeError(
        Problem::kVariableInDefinition, Current().at,
        "a definition names types by label, not by variable; found " + Shown(Current()));
  }

  Result<RuleDefinition> Rule() {
    variables_made_ = 0;
    RuleDefinition rule;
    rule.at = Take().at;
    const Token& name = Take();
    rule.label = {"", std::string(name.text), name.at};
    PEMBA_TRY(std::ignore, Expect(":"));
    if (!TakeWord("when")) return Expected("`when`");
    if (Current().Is("{") && Ahead(1).Is("}")) {
      return MakeError(Problem::kRuleEmpty, Current().at,
                       "the rule `" + rule.label.name + "` has no condition");
    }
    PEMBA_TRY(rule.when, Block());
    if (!TakeWord("then")) return Expected("`then`");
    PEMBA_TRY(std::ignore, Expect("{"));
    PEMBA_TRY(rule.then, OneThingStatement("then"));
    PEMBA_TRY(std::ignore, ExpectStatementEnd());
    if (!Current().Is("}")) {
      return MakeError(Problem::kRuleConclusionNotSingle, Current().at,
                       "the rule `" + rule.label.name +
                           "` concludes more than one thing; a conclusion is one relation or one "
                           "ownership");
    }
    Take();
    PEMBA_TRY(std::ignore, Expect(";"));
    PEMBA_TRY(std::ignore, internal::CheckRule(rule));
    return rule;
  }

  // ---- Patterns ----

  // A modifier's word begins a clause unless it is a label, which another word follows.
  bool AtClauseStart() const {
    if (AtQueryStart()) return true;
    if (Current().kind != TokenKind::kWord || !OneOf(Current().text, kModifierWords)) return false;
    return Ahead(1).kind != TokenKind::kWord && Ahead(1).kind != TokenKind::kSubExact &&
           !Ahead(1).Is(":");
  }

  Result<Patterns> PatternsUntilClause() {
    Patterns patterns;
    while (!AtClauseStart()) {
      PEMBA_TRY(auto pattern, OnePattern());
      patterns.push_back(std::move(pattern));
    }
    if (patterns.empty()) return Expected("a pattern to match");
    return patterns;
  }

  Result<Patterns> Block() {
    PEMBA_TRY(std::ignore, Expect("{"));
    if (++depth_ > kNestingMax) {
      return MakeError(Problem::kTooComplex, Current().at,
                       "blocks are nested more than " + std::to_string(kNestingMax) + " deep");
    }
    Patterns patterns;
    while (!Current().Is("}")) {
      if (Current().kind == TokenKind::kEnd) return Expected("`}`");
      PEMBA_TRY(auto pattern, OnePattern());
      patterns.push_back(std::move(pattern));
    }
    if (patterns.empty()) return Expected("a pattern");
    Take();
    --depth_;
    return patterns;
  }

  Result<Pattern> OnePattern() {
    PEMBA_TRY(auto pattern, PatternBody());
    PEMBA_TRY(std::ignore, ExpectStatementEnd());
    return pattern;
  }

  Result<Pattern> PatternBody() {
    const Position at = Current().at;
    if (Current().IsWord("not") && Ahead(1).Is("{")) {
      Take();
      PEMBA_TRY(auto body, Block());
      return Pattern{Negation{std::move(body), at}};
    }
    if (Current().Is("{")) {
      Disjunction disjunction;
      disjunction.at = at;
      do {
        PEMBA_TRY(auto branch, Block());
        disjunction.branches.push_back(std::move(branch));
      } while (TakeWord("or"));
      return Pattern{std::move(disjunction)};
    }
    if (Current().kind == TokenKind::kValueVariable && Ahead(1).Is("=")) {
      Assignment assignment;
      assignment.at = at;
      PEMBA_TRY(assignment.variable, OneVariable());
      Take();
      operations_ = 0;
      PEMBA_TRY(assignment.expression, Sum());
      return Pattern{std::move(assignment)};
    }
    if (Current().kind == TokenKind::kVariable) {
      if (Ahead(1).IsWord("is")) {
        Is is;
        is.at = at;
        PEMBA_TRY(is.left, OneVariable());
        Take();
        PEMBA_TRY(is.right, OneVariable());
        return Pattern{std::move(is)};
      }
      if (AtTypeConstraint(Ahead(1))) return TypePattern();
    }
    if (Current().kind == TokenKind::kWord && !AtThingHead(Current())) return TypePattern();
    PEMBA_TRY(auto statement, OneThingStatement("match"));
    return Pattern{std::move(statement)};
  }

  Result<Pattern> TypePattern() {
    TypeStatement statement;
    statement.at = Current().at;
    PEMBA_TRY(statement.subject, OneTypeRef("a type"));
    PEMBA_TRY(statement.constraints, TypeConstraints());
    return Pattern{std::move(statement)};
  }

  // ---- Things ----

  // A word that begins the statement of an anonymous thing. Those that are no keywords of such a
  // statement's head alone can be labels: `contains sub attribute`.
  bool AtThingHead(const Token& token) const {
    if (token.kind == TokenKind::kIsaExact) return true;
    if (token.IsWord("isa") || token.IsWord("iid")) return true;
    return AtPredicate() && !AtTypeConstraint(Ahead(1));
  }

  Result<std::vector<ThingStatement>> ThingStatements(std::string_view clause) {
    std::vector<ThingStatement> statements;
    do {
      PEMBA_TRY(auto statement, OneThingStatement(clause));
      PEMBA_TRY(std::ignore, ExpectStatementEnd());
      statements.push_back(std::move(statement));
    } while (!AtQueryStart());
    return statements;
  }

  Result<ThingStatement> OneThingStatement(std::string_view clause) {
    ThingStatement statement;
    statement.at = Current().at;
    const bool named =
        Current().kind == TokenKind::kVariable || Current().kind == TokenKind::kValueVariable;
    if (named) {
      PEMBA_TRY(statement.subject, OneVariable());
    } else {
      statement.subject = Anonymous(statement.at);
    }
    if (Current().IsWord("is") && clause != "match") {
      return MakeError(
          Problem::kIsInsert, Current().at,
          "`is` compares matched things; it cannot stand in a clause that changes them");
    }
    if (named && Current().IsWord("has")) {
      PEMBA_TRY(std::ignore, Attributes(statement));
      return statement;
    }
    PEMBA_TRY(std::ignore, Head(statement, named));
    if (TakeSymbol(",")) {
      PEMBA_TRY(std::ignore, Attributes(statement));
    }
    return statement;
  }

  Status Head(ThingStatement& statement, bool named) {
    if (TakeWord("iid")) {
      PEMBA_TRY(statement.iid, Iid());
      if (!AtIsa()) return Done{};
    } else if (Current().Is("(")) {
      PEMBA_TRY(statement.players, Players());
      if (!AtIsa()) return Done{};
    } else if (AtPredicate()) {
      PEMBA_TRY(statement.predicate, OnePredicate());
      if (!AtIsa()) return Done{};
    }
    if (!AtIsa()) {
      return Expected(named ? "what to say of the variable: `isa`, `has`, `(`, a comparison, or a "
                              "constraint of types such as `sub`"
                            : "a statement: a variable, `(`, `isa` or a label");
    }
    PEMBA_TRY(statement.isa, IsaClause());
    return Done{};
  }

  bool AtIsa() const { return Current().IsWord("isa") || Current().kind == TokenKind::kIsaExact; }

  Result<Isa> IsaClause() {
    Isa isa;
    isa.at = Current().at;
    isa.exactness =
        Take().kind == TokenKind::kIsaExact ? Exactness::kExact : Exactness::kSubtypesToo;
    PEMBA_TRY(isa.type, OneTypeRef("a type"));
    return isa;
  }

  Result<std::uint64_t> Iid() {
    if (Current().kind != TokenKind::kIid) return Expected("an iid such as `0x1f`");
    const std::string_view digits = Current().text.substr(2);
    std::uint64_t iid = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), iid, 16);
    if (digits.empty() || (end.ec == std::errc() && end.ptr != digits.data() + digits.size())) {
      return Expected("an iid such as `0x1f`");
    }
    // No thing of ours has an identity that long; the greatest number is nobody's either.
    if (end.ec == std::errc::result_out_of_range) iid = ~std::uint64_t{0};
    Take();
    return iid;
  }

  Result<std::vector<Player>> Players() {
    Take();
    std::vector<Player> players;
    do {
      Player player;
      player.at = Current().at;
      if (Current().kind == TokenKind::kWord) {
        PEMBA_TRY(player.role, RoleLabel());
        PEMBA_TRY(std::ignore, Expect(":"));
      } else if (Current().kind == TokenKind::kVariable && Ahead(1).Is(":")) {
        PEMBA_TRY(player.role, OneVariable());
        Take();
      }
      if (Current().kind != TokenKind::kVariable) return Expected("a role or a variable");
      PEMBA_TRY(player.player, OneVariable());
      players.push_back(std::move(player));
    } while (TakeSymbol(","));
    if (!TakeSymbol(")")) return Expected("`,` or `)`");
    return players;
  }

  // `object` in `object: $o` and `object:$o`; `access:object` in `access:object: $o`.
  Result<Label> RoleLabel() {
    const Token& first = Take();
    if (Current().Is(":") && Current().glued && Ahead(1).kind == TokenKind::kWord &&
        Ahead(1).glued) {
      Take();
      return Label{std::string(first.text), std::string(Take().text), first.at};
    }
    return Label{"", std::string(first.text), first.at};
  }

  Status Attributes(ThingStatement& statement) {
    do {
      Has has;
      has.at = Current().at;
      if (!TakeWord("has")) return Expected("`has`");
      PEMBA_TRY(std::ignore, Attribute(has));
      statement.has.push_back(std::move(has));
    } while (TakeSymbol(","));
    return Done{};
  }

  Status Attribute(Has& has) {
    if (Current().kind == TokenKind::kVariable) {
      PEMBA_TRY(has.attribute, OneVariable());
      return Done{};
    }
    PEMBA_TRY(has.type, OneLabel("the label of an attribute type or a variable"));
    if (Current().kind == TokenKind::kVariable || Current().kind == TokenKind::kValueVariable) {
      PEMBA_TRY(has.attribute, OneVariable());
      return Done{};
    }
    if (!AtPredicate()) return Expected("a variable, a value or a comparison");
    PEMBA_TRY(has.attribute, OnePredicate());
    return Done{};
  }

  // ---- Values ----

  static std::optional<Comparator> ComparatorOf(const Token& token) {
    struct Row {
      std::string_view text;
      Comparator comparator;
    };
    static constexpr Row kSymbols[] = {
        {"=", Comparator::kEqual},        {"==", Comparator::kEqual},
        {"!=", Comparator::kNotEqual},    {"<", Comparator::kLess},
        {"<=", Comparator::kLessEqual},   {">", Comparator::kGreater},
        {">=", Comparator::kGreaterEqual}};
    if (token.IsWord("contains")) return Comparator::kContains;
    if (token.IsWord("like")) return Comparator::kLike;
    for (const Row& row : kSymbols) {
      if (token.Is(row.text)) return row.comparator;
    }
    return std::nullopt;
  }

  static bool IsLiteral(const Token& token) {
    return token.kind == TokenKind::kString || token.kind == TokenKind::kLong ||
           token.kind == TokenKind::kDouble || token.kind == TokenKind::kDateTime ||
           token.IsWord("true") || token.IsWord("false");
  }
  bool AtPredicate() const { return IsLiteral(Current()) || ComparatorOf(Current()).has_value(); }

  Result<Predicate> OnePredicate() {
    Predicate predicate;
    predicate.at = Current().at;
    if (const auto comparator = ComparatorOf(Current())) {
      Take();
      predicate.comparator = *comparator;
      if (*comparator == Comparator::kContains || *comparator == Comparator::kLike) {
        if (Current().kind != TokenKind::kString) return Expected("a string");
        predicate.operand = Value(internal::Unescape(Take().text));
        return predicate;
      }
      if (Current().kind == TokenKind::kVariable || Current().kind == TokenKind::kValueVariable) {
        PEMBA_TRY(predicate.operand, OneVariable());
        return predicate;
      }
    }
    PEMBA_TRY(predicate.operand, Literal());
    return predicate;
  }

  Result<Value> Literal() {
    const Token& token = Current();
    const char* const begin = token.text.data() + (token.text.starts_with('+') ? 1 : 0);
    const char* const end = token.text.data() + token.text.size();
    Value value;
    if (token.kind == TokenKind::kString) {
      value = internal::Unescape(token.text);
    } else if (token.IsWord("true") || token.IsWord("false")) {
      value = token.text == "true";
    } else if (token.kind == TokenKind::kLong) {
      std::int64_t number = 0;
      if (std::from_chars(begin, end, number).ec != std::errc()) {
        return MakeError(Problem::kSyntax, token.at,
                         Shown(token) + " is beyond the range of a 64-bit long");
      }
      value = number;
    } else if (token.kind == TokenKind::kDouble) {
      double number = 0;
      if (std::from_chars(begin, end, number).ec != std::errc()) {
        return MakeError(Problem::kSyntax, token.at,
                         Shown(token) + " is beyond the range of a double");
      }
      value = number;
    } else if (token.kind == TokenKind::kDateTime) {
      const auto time = ParseDateTime(token.text);
      if (!time) {
        return MakeError(
            Problem::kSyntax, token.at,
            Shown(token) + " is not a date `yyyy-mm-dd` or a time `yyyy-mm-ddThh:mm:ss.fff`");
      }
      value = *time;
    } else {
      return Expected("a value or a variable");
    }
    Take();
    return value;
  }

  // sum = product { ("+" | "-") product }; product = power { ("*" | "/" | "%") power };
  // power = factor [ "^" power ].
  Result<Expression> Sum() {
    PEMBA_TRY(auto left, Product());
    while (const auto op = SumOperator()) {
      PEMBA_TRY(auto right, Product());
      PEMBA_TRY(std::ignore, CheckOperations(left.at));
      left = Combine(*op, std::move(left), std::move(right));
    }
    return left;
  }
  // Between operands a sign is an operator, also where it touches a number: `?v -5`.
  std::optional<Operator> SumOperator() {
    Token& token = tokens_[at_];
    const bool number = token.kind == TokenKind::kLong || token.kind == TokenKind::kDouble;
    if (!token.text.starts_with('+') && !token.text.starts_with('-')) return std::nullopt;
    if (!number && token.kind != TokenKind::kSymbol) return std::nullopt;
    const auto op = token.text.front() == '+' ? Operator::kAdd : Operator::kSubtract;
    if (number) {
      token.text.remove_prefix(1);
    } else {
      Take();
    }
    return op;
  }
  Result<Expression> Product() {
    PEMBA_TRY(auto left, Power());
    while (Current().Is("*") || Current().Is("/") || Current().Is("%")) {
      const std::string_view sign = Take().text;
      PEMBA_TRY(auto right, Power());
      PEMBA_TRY(std::ignore, CheckOperations(left.at));
      left = Combine(sign == "*"   ? Operator::kMultiply
                     : sign == "/" ? Operator::kDivide
                                   : Operator::kModulo,
                     std::move(left), std::move(right));
    }
    return left;
  }
  Result<Expression> Power() {
    if (++depth_ > kNestingMax) {
      return MakeError(
          Problem::kTooComplex, Current().at,
          "the expression is nested more than " + std::to_string(kNestingMax) + " deep");
    }
    PEMBA_TRY(auto base, Factor());
    if (TakeSymbol("^")) {
      PEMBA_TRY(auto exponent, Power());
      base = Combine(Operator::kPower, std::move(base), std::move(exponent));
    }
    --depth_;
    return base;
  }

  // Before the tree grows: one that is too deep could not even be destroyed.
  Status CheckOperations(Position at) const {
    if (operations_ < kOperationsMax) return Done{};
    return MakeError(
        Problem::kTooComplex, at,
        "the expression has more than " + std::to_string(kOperationsMax) + " operations");
  }
  Expression Combine(Operator op, Expression left, Expression right) {
    const Position at = left.at;
    ++operations_;
    return {Operation{op, std::make_shared<const Expression>(std::move(left)),
                      std::make_shared<const Expression>(std::move(right))},
            at};
  }

  Result<Expression> Factor() {
    Expression expression;
    expression.at = Current().at;
    if (TakeSymbol("(")) {
      PEMBA_TRY(expression, Sum());
      PEMBA_TRY(std::ignore, Expect(")"));
      return expression;
    }
    if (Current().kind == TokenKind::kVariable || Current().kind == TokenKind::kValueVariable) {
      PEMBA_TRY(expression.node, OneVariable());
      return expression;
    }
    if (Current().kind == TokenKind::kWord && Ahead(1).Is("(")) {
      PEMBA_TRY(expression.node, FunctionCall());
      return expression;
    }
    if (!IsLiteral(Current())) return Expected("a value, a variable, `(` or a function");
    PEMBA_TRY(expression.node, Literal());
    return expression;
  }

  Result<Call> FunctionCall() {
    static constexpr std::array<std::string_view, 6> kFunctions = {"abs",   "ceil", "floor",
                                                                   "round", "min",  "max"};
    const auto found = std::find(kFunctions.begin(), kFunctions.end(), Current().text);
    if (found == kFunctions.end()) {
      return Expected("a function: abs, ceil, floor, round, min or max");
    }
    Take();
    Take();
    Call call;
    call.function = static_cast<Function>(found - kFunctions.begin());
    do {
      PEMBA_TRY(auto argument, Sum());
      call.arguments.push_back(std::make_shared<const Expression>(std::move(argument)));
    } while (TakeSymbol(","));
    const bool many = call.function == Function::kMin || call.function == Function::kMax;
    if (!many && call.arguments.size() > 1) return Expected("one argument");
    PEMBA_TRY(std::ignore, Expect(")"));
    return call;
  }

  // ---- Types ----

  static bool AtTypeConstraint(const Token& token) {
    static constexpr std::array<std::string_view, 8> kWords = {
        "sub", "type", "abstract", "owns", "relates", "plays", "value", "regex"};
    return token.kind == TokenKind::kSubExact ||
           (token.kind == TokenKind::kWord && OneOf(token.text, kWords));
  }

  Result<std::vector<TypeConstraint>> TypeConstraints() {
    std::vector<TypeConstraint> constraints;
    do {
      PEMBA_TRY(auto constraint, OneTypeConstraint());
      constraints.push_back(std::move(constraint));
    } while (TakeSymbol(","));
    return constraints;
  }

  Result<TypeConstraint> OneTypeConstraint() {
    const Token& word = Current();
    if (!AtTypeConstraint(word)) {
      return Expected("`sub`, `abstract`, `owns`, `plays`, `relates`, `value` or `regex`");
    }
    if (in_definition_ && (word.kind == TokenKind::kSubExact || word.text == "type")) {
      return MakeError(Problem::kSyntax, word.at, Shown(word) + " asks, it does not define");
    }
    Take();
    if (word.kind == TokenKind::kSubExact || word.text == "sub") {
      Sub sub;
      sub.at = word.at;
      sub.exactness =
          word.kind == TokenKind::kSubExact ? Exactness::kExact : Exactness::kSubtypesToo;
      PEMBA_TRY(sub.type, OneTypeRef("a type"));
      return TypeConstraint{std::move(sub)};
    }
    if (word.text == "type") {
      TypeIs is;
      is.at = word.at;
      PEMBA_TRY(is.label, MaybeScopedLabel("a label"));
      return TypeConstraint{std::move(is)};
    }
    if (word.text == "abstract") return TypeConstraint{Abstract{word.at}};
    if (word.text == "owns") return OwnsConstraint(word.at);
    if (word.text == "relates") {
      Relates relates;
      relates.at = word.at;
      PEMBA_TRY(relates.role, OneTypeRef("a role"));
      PEMBA_TRY(relates.overridden, Overridden());
      return TypeConstraint{std::move(relates)};
    }
    if (word.text == "plays") {
      Plays plays;
      plays.at = word.at;
      PEMBA_TRY(plays.role, OneTypeRef("a role such as `access:object`"));
      const auto* label = std::get_if<Label>(&plays.role);
      if (label && label->scope.empty()) {
        return MakeError(Problem::kSyntax, label->at,
                         "expected a role with its relation, such as `access:" + label->name +
                             "`, found `" + label->name + "`");
      }
      PEMBA_TRY(plays.overridden, Overridden());
      return TypeConstraint{std::move(plays)};
    }
    if (word.text == "value") {
      const auto type =
          Current().kind == TokenKind::kWord ? ParseValueType(Current().text) : std::nullopt;
      if (!type) return Expected("`long`, `double`, `string`, `boolean` or `datetime`");
      Take();
      return TypeConstraint{ValueIs{*type, word.at}};
    }
    if (Current().kind != TokenKind::kString) return Expected("a regular expression in quotes");
    return TypeConstraint{Regex{internal::Unescape(Take().text), word.at}};
  }

  Result<TypeConstraint> OwnsConstraint(Position at) {
    Owns owns;
    owns.at = at;
    PEMBA_TRY(owns.attribute, OneTypeRef("an attribute type"));
    PEMBA_TRY(owns.overridden, Overridden());
    while (TakeSymbol("@")) {
      if (TakeWord("key")) {
        owns.annotation = Annotation::kKey;
      } else if (TakeWord("unique")) {
        owns.annotation = std::max(owns.annotation, Annotation::kUnique);
      } else {
        return Expected("`key` or `unique`");
      }
    }
    return TypeConstraint{std::move(owns)};
  }

  Result<std::optional<TypeRef>> Overridden() {
    if (!TakeWord("as")) return std::optional<TypeRef>();
    PEMBA_TRY(auto type, OneTypeRef("what is overridden"));
    return std::optional<TypeRef>(std::move(type));
  }

  Result<TypeRef> OneTypeRef(std::string_view what) {
    if (Current().kind == TokenKind::kVariable) {
      if (in_definition_) return VariableInDefinition();
      PEMBA_TRY(auto variable, OneVariable());
      return TypeRef{std::move(variable)};
    }
    PEMBA_TRY(auto label, MaybeScopedLabel(what));
    return TypeRef{std::move(label)};
  }

  // `file` or `access:object`, without blanks around the colon.
  Result<Label> MaybeScopedLabel(std::string_view what) {
    if (Current().kind != TokenKind::kWord) return Expected(what);
    return RoleLabel();
  }

  Result<Label> OneLabel(std::string_view what) {
    if (Current().kind != TokenKind::kWord) return Expected(what);
    const Token& token = Take();
    return Label{"", std::string(token.text), token.at};
  }

  // ---- Variables ----

  Variable Anonymous(Position at) {
    return {"_" + std::to_string(variables_made_++), Sigil::kConcept, at};
  }

  Result<Variable> OneVariable() {
    if (Current().kind == TokenKind::kValueVariable) {
      const Token& token = Take();
      return Variable{std::string(token.text), Sigil::kValue, token.at};
    }
    if (Current().kind != TokenKind::kVariable) return Expected("a variable");
    const Token& token = Take();
    if (token.text == "_") return Anonymous(token.at);
    return Variable{std::string(token.text), Sigil::kConcept, token.at};
  }

  std::vector<Token> tokens_;  // INVARIANT: the last one is kEnd.
  std::size_t at_ = 0;
  int depth_ = 0;
  int operations_ = 0;              // Of this expression.
  std::size_t variables_made_ = 0;  // Anonymous ones of this query or rule.
  bool in_definition_ = false;
};

}  // namespace

Result<std::vector<Query>> ParseQueries(std::string_view text) {
  PEMBA_TRY(auto tokens, internal::Tokenize(text));
  return Parser(std::move(tokens)).Queries();
}

Result<Query> ParseQuery(std::string_view text) {
  PEMBA_TRY(auto queries, ParseQueries(text));
  if (queries.empty()) return MakeError(Problem::kSyntax, {}, "the text holds no query");
  if (queries.size() > 1) {
    return MakeError(Problem::kSyntax, queries[1].at, "expected one query, found a second one");
  }
  return std::move(queries.front());
}

}  // namespace pemba::reason
