#include "pemba/condition/internal/parser.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "pemba/base/text.h"
#include "pemba/condition/internal/lexer.h"
#include "pemba/condition/internal/literal.h"
#include "pemba/condition/internal/macros.h"
#include "pemba/condition/internal/node_builder.h"

namespace pemba::condition::internal {
namespace {

constexpr std::string_view kOperandExpected =
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, "
    "STRING, BYTES, IDENTIFIER}";

constexpr std::array<std::string_view, 17> kReserved{
    "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
    "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};

bool IsReserved(std::string_view name) {
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

struct BinaryOperator {
  TokenKind token;
  int precedence;  // Higher binds tighter.
  std::string_view function;
};
constexpr std::array<BinaryOperator, 14> kBinaryOperators{{{TokenKind::kOr, 1, "_||_"},
                                                           {TokenKind::kAnd, 2, "_&&_"},
                                                           {TokenKind::kLess, 3, "_<_"},
                                                           {TokenKind::kLessEqual, 3, "_<=_"},
                                                           {TokenKind::kGreater, 3, "_>_"},
                                                           {TokenKind::kGreaterEqual, 3, "_>=_"},
                                                           {TokenKind::kEqual, 3, "_==_"},
                                                           {TokenKind::kNotEqual, 3, "_!=_"},
                                                           {TokenKind::kIn, 3, "@in"},
                                                           {TokenKind::kPlus, 4, "_+_"},
                                                           {TokenKind::kMinus, 4, "_-_"},
                                                           {TokenKind::kStar, 5, "_*_"},
                                                           {TokenKind::kSlash, 5, "_/_"},
                                                           {TokenKind::kPercent, 5, "_%_"}}};

const BinaryOperator* FindBinaryOperator(TokenKind kind) {
  const auto* found = std::find_if(kBinaryOperators.begin(), kBinaryOperators.end(),
                                   [&](const BinaryOperator& op) { return op.token == kind; });
  return found == kBinaryOperators.end() ? nullptr : found;
}

// Every parsing function returns null after a complaint, and its callers then do so too.
class Parser {
 public:
  Parser(std::string_view source, Macros macros, Issues& issues, Arena& arena,
         const ParseLimits& limits)
      : lexer_(source, issues), macros_(macros), issues_(issues), build_(arena), limits_(limits) {
    Advance();
  }

  Node* Run() {
    Node* root = Expression();
    if (root == nullptr) return nullptr;
    if (token_.kind != TokenKind::kEnd) return Unexpected("<EOF>", "extraneous");
    return root;
  }

 private:
  // Counts the nesting of what is being parsed, for the stack is finite.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) { ++parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --parser_.nesting_; }

   private:
    Parser& parser_;
  };

  void Advance() { token_ = lexer_.Next(); }
  bool Accept(TokenKind kind) {
    if (token_.kind != kind) return false;
    Advance();
    return true;
  }

  Node* Complain(std::uint32_t offset, std::string message) {
    issues_.Report(offset, std::move(message));
    return nullptr;
  }
  Node* Unexpected(std::string_view expected, std::string_view how = "mismatched") {
    if (token_.kind == TokenKind::kError) return nullptr;  // The lexer has complained.
    const std::string text = token_.kind == TokenKind::kEnd ? "<EOF>" : std::string(token_.text);
    return Complain(token_.offset, "Syntax error: " + std::string(how) + " input '" + text +
                                       "' expecting " + std::string(expected));
  }
  // Refuses trees that the checker and the evaluator could not walk.
  Node* Bounded(Node* node) {
    if (node == nullptr || node->depth <= limits_.depth_max) return node;
    return Complain(node->offset,
                    "expression recursion limit exceeded: " + std::to_string(limits_.depth_max));
  }

  // or-expression [ '?' or-expression ':' expression ]
  Node* Expression() {
    const Nesting nesting(*this);
    if (nesting_ > limits_.nesting_max) {
      return Complain(token_.offset, "expression recursion limit exceeded: " +
                                         std::to_string(limits_.nesting_max));
    }
    Node* condition = Binary(1);
    if (condition == nullptr || token_.kind != TokenKind::kQuestion) return condition;
    const auto offset = token_.offset;
    Advance();
    Node* yes = Binary(1);
    if (yes == nullptr) return nullptr;
    if (!Accept(TokenKind::kColon)) return Unexpected("':'");
    Node* no = Expression();
    if (no == nullptr) return nullptr;
    return Bounded(build_.Call(offset, "_?_:_", {condition, yes, no}));
  }

  // Operators of at least `precedence_min`, all left-associative (precedence climbing).
  Node* Binary(int precedence_min) {
    Node* left = Unary();
    while (left != nullptr) {
      const auto* op = FindBinaryOperator(token_.kind);
      if (op == nullptr || op->precedence < precedence_min) break;
      const auto offset = token_.offset;
      Advance();
      Node* right = Binary(op->precedence + 1);
      if (right == nullptr) return nullptr;
      left = Bounded(build_.Call(offset, op->function, {left, right}));
    }
    return left;
  }

  // Runs of `!` or `-`: pairs cancel out. A minus before a number belongs to the number.
  Node* Unary() {
    const auto sign = token_.kind;
    if (sign != TokenKind::kNot && sign != TokenKind::kMinus) return Member(false);
    const auto offset = token_.offset;
    bool is_odd = false;
    while (Accept(sign)) is_odd = !is_odd;
    const bool is_number = token_.kind == TokenKind::kInt || token_.kind == TokenKind::kDouble;
    if (sign == TokenKind::kMinus && is_number) return Member(is_odd);
    Node* operand = Member(false);
    if (operand == nullptr || !is_odd) return operand;
    return Bounded(build_.Call(offset, sign == TokenKind::kNot ? "!_" : "-_", {operand}));
  }

  // A primary with its selections, calls, indexes.
  Node* Member(bool negative) {
    Node* node = Primary(negative);
    while (node != nullptr) {
      const auto offset = token_.offset;
      if (Accept(TokenKind::kDot)) {
        node = Selection(offset, node);
      } else if (Accept(TokenKind::kLeftBracket)) {
        Node* index = Expression();
        if (index == nullptr) return nullptr;
        if (!Accept(TokenKind::kRightBracket)) return Unexpected("']'");
        node = build_.Call(offset, "_[_]", {node, index});
      } else if (token_.kind == TokenKind::kLeftBrace) {
        node = Message(node);
      } else {
        break;
      }
      node = Bounded(node);
    }
    return node;
  }

  // After a dot: `field` or `function(arguments)`.
  Node* Selection(std::uint32_t offset, Node* operand) {
    const auto name = token_;
    if (!Accept(TokenKind::kIdentifier) && !Accept(TokenKind::kQuotedIdentifier)) {
      return Unexpected("IDENTIFIER");
    }
    const auto paren = token_.offset;
    if (name.kind == TokenKind::kQuotedIdentifier || !Accept(TokenKind::kLeftParen)) {
      return build_.Select(offset, operand, name.text);
    }
    return Call(paren, name.text, operand);
  }

  // After the opening parenthesis. `target` is null for a global call.
  Node* Call(std::uint32_t offset, std::string_view function, Node* target) {
    std::vector<Node*> arguments;
    if (!Elements(TokenKind::kRightParen, "')'", false, arguments)) return nullptr;
    if (macros_ == Macros::kExpanded) {
      auto expansion = ExpandMacro(function, target, arguments, offset, build_);
      if (!expansion.complaint.empty()) {
        return Complain(expansion.complaint_offset, std::move(expansion.complaint));
      }
      if (expansion.node != nullptr) return expansion.node;
    }
    if (target != nullptr) arguments.insert(arguments.begin(), target);
    Node* call = build_.Call(offset, function, arguments);
    call->is_member = target != nullptr;
    return call;
  }

  // Comma separated expressions up to and including `close`.
  bool Elements(TokenKind close, std::string_view close_text, bool may_end_with_comma,
                std::vector<Node*>& elements) {
    while (token_.kind != close) {
      if (may_end_with_comma && elements.empty() && Accept(TokenKind::kComma)) break;
      Node* element = Expression();
      if (element == nullptr) return false;
      elements.push_back(element);
      if (!Accept(TokenKind::kComma)) break;
      if (token_.kind == close && !may_end_with_comma) {
        Unexpected(kOperandExpected);
        return false;
      }
    }
    if (Accept(close)) return true;
    Unexpected(close_text);
    return false;
  }

  Node* Primary(bool negative) {
    const auto token = token_;
    switch (token.kind) {
      case TokenKind::kTrue:
      case TokenKind::kFalse:
        Advance();
        return build_.Constant(token.offset, Value::Bool(token.kind == TokenKind::kTrue));
      case TokenKind::kNull:
        Advance();
        return build_.Constant(token.offset, Value::Null());
      case TokenKind::kInt:
      case TokenKind::kUint:
      case TokenKind::kDouble:
      case TokenKind::kString:
      case TokenKind::kBytes:
        return Literal(negative);
      case TokenKind::kDot:
      case TokenKind::kIdentifier:
        return Name();
      case TokenKind::kLeftParen:
        return Parenthesized();
      case TokenKind::kLeftBracket: {
        Advance();
        std::vector<Node*> elements;
        if (!Elements(TokenKind::kRightBracket, "']'", true, elements)) return nullptr;
        return Bounded(build_.List(token.offset, elements));
      }
      case TokenKind::kLeftBrace:
        return MapLiteral();
      default:
        return Unexpected(kOperandExpected);
    }
  }

  Node* Literal(bool negative) {
    const auto token = token_;
    Advance();
    const auto value = LiteralValue(token, negative, build_.arena());
    if (value) return build_.Constant(token.offset, *value);
    switch (token.kind) {
      case TokenKind::kInt:
        return Complain(token.offset, "invalid int literal");
      case TokenKind::kUint:
        return Complain(token.offset, "invalid uint literal");
      case TokenKind::kDouble:
        return Complain(token.offset, "invalid double literal");
      default:
        return Complain(token.offset, "invalid escape sequence");
    }
  }

  // `name`, `.name`, `name(arguments)`.
  Node* Name() {
    const auto start = token_.offset;
    const bool absolute = Accept(TokenKind::kDot);
    const auto name = token_;
    if (!Accept(TokenKind::kIdentifier)) return Unexpected("IDENTIFIER");
    if (IsReserved(name.text)) {
      return Complain(name.offset, "reserved identifier: " + std::string(name.text));
    }
    const auto paren = token_.offset;
    if (Accept(TokenKind::kLeftParen)) return Bounded(Call(paren, name.text, nullptr));
    if (!absolute) return build_.Identifier(start, name.text);
    return build_.Identifier(start, build_.arena().Copy("." + std::string(name.text)));
  }

  Node* Parenthesized() {
    Advance();
    Node* node = Expression();
    if (node == nullptr) return nullptr;
    if (!Accept(TokenKind::kRightParen)) return Unexpected("')'");
    return node;
  }

  // '{' [ key ':' value { ',' key ':' value } ] [','] '}'
  Node* MapLiteral() {
    const auto offset = token_.offset;
    Advance();
    std::vector<Node*> children;
    while (token_.kind != TokenKind::kRightBrace) {
      if (children.empty() && Accept(TokenKind::kComma)) break;
      Node* key = Expression();
      if (key == nullptr) return nullptr;
      if (!Accept(TokenKind::kColon)) return Unexpected("':'");
      Node* value = Expression();
      if (value == nullptr) return nullptr;
      children.push_back(key);
      children.push_back(value);
      if (!Accept(TokenKind::kComma)) break;
    }
    if (!Accept(TokenKind::kRightBrace)) return Unexpected("'}'");
    return Bounded(build_.Make(NodeKind::kMap, offset, {}, children));
  }

  // The name of a message type that `node` spells; nothing if it is something else.
  static std::optional<std::string> MessageName(const Node& node) {
    if (node.kind == NodeKind::kIdentifier) return std::string(node.name);
    if (node.kind != NodeKind::kSelect || node.is_test) return std::nullopt;
    auto prefix = MessageName(*node.children[0]);
    if (!prefix) return std::nullopt;
    return *prefix + "." + std::string(node.name);
  }

  // name '{' [ field ':' value { ',' field ':' value } ] [','] '}'
  Node* Message(Node* name) {
    const auto type_name = MessageName(*name);
    if (!type_name) return Unexpected("<EOF>");
    const auto offset = token_.offset;
    Advance();
    std::vector<Node*> values;
    std::vector<std::string_view> fields;
    while (token_.kind != TokenKind::kRightBrace) {
      if (values.empty() && Accept(TokenKind::kComma)) break;
      const auto field = token_;
      if (!Accept(TokenKind::kIdentifier) && !Accept(TokenKind::kQuotedIdentifier)) {
        return Unexpected("IDENTIFIER");
      }
      if (!Accept(TokenKind::kColon)) return Unexpected("':'");
      Node* value = Expression();
      if (value == nullptr) return nullptr;
      fields.push_back(field.text);
      values.push_back(value);
      if (!Accept(TokenKind::kComma)) break;
    }
    if (!Accept(TokenKind::kRightBrace)) return Unexpected("'}'");
    Node* node = build_.Make(NodeKind::kMessage, offset, build_.arena().Copy(*type_name), values);
    const auto names = build_.arena().NewArray<std::string_view>(fields.size());
    std::copy(fields.begin(), fields.end(), names.begin());
    node->fields = names;
    return node;
  }

  Lexer lexer_;
  Macros macros_;
  Issues& issues_;
  NodeBuilder build_;
  ParseLimits limits_;
  Token token_;
  std::uint32_t nesting_ = 0;
};

}  // namespace

Node* Parse(std::string_view source, Macros macros, Issues& issues, Arena& arena,
            const ParseLimits& limits) {
  if (source.size() > limits.bytes_max) {
    issues.Report(0, "expression size exceeds limit: size: " + std::to_string(source.size()) +
                         ", limit " + std::to_string(limits.bytes_max));
    return nullptr;
  }
  if (!IsUtf8(source)) {
    issues.Report(0, "expression is not valid UTF-8");
    return nullptr;
  }
  Node* root = Parser(source, macros, issues, arena, limits).Run();
  return issues.empty() ? root : nullptr;
}

}  // namespace pemba::condition::internal
