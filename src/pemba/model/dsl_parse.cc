// From the parse tree to the model.
#include <algorithm>
#include <optional>
#include <utility>

#include "pemba/base/text.h"
#include "pemba/model/dsl.h"
#include "pemba/model/internal/dsl_grammar.h"
#include "pemba/model/internal/parameter_type_names.h"
#include "pemba/model/internal/syntax_parser.h"

namespace pemba::model {
namespace {

using internal::DslRule;
using internal::SyntaxNode;
using internal::Token;
using internal::TokenType;

condition::ParameterTypeName ParameterTypeNameOf(std::string_view text) {
  return internal::ParameterTypeNamed(text, internal::kParameterTypeDslNames);
}

std::string_view TrimEnd(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n\f\v") + 1);
}

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\f\v");
  return first == std::string_view::npos ? std::string_view() : TrimEnd(text.substr(first));
}

// Builds the model. The tree may be partial: every part may be missing.
class ModelBuilder {
 public:
  ModelBuilder(const internal::SyntaxTree& tree, const std::vector<Token>& tokens, ParsedDsl& out)
      : tree_(tree), tokens_(tokens), out_(out) {}

  void File(const SyntaxNode& file) {
    if (const auto* head = Child(file, DslRule::kModelHead)) {
      if (const auto* version = FirstToken(*head, TokenType::kSchemaVersion)) {
        out_.model.schema_version = version->text;
      }
    }
    if (const auto* head = Child(file, DslRule::kModuleHead)) {
      is_module_ = true;
      if (const auto* name = Child(*head, DslRule::kIdent)) out_.module = Name(*name);
    }
    if (const auto* types = Child(file, DslRule::kTypes)) {
      ForEach(*types, DslRule::kTypeDefinition, [this](const SyntaxNode& n) { Type(n); });
    }
    if (const auto* conditions = Child(file, DslRule::kConditions)) {
      ForEach(*conditions, DslRule::kConditionDefinition,
              [this](const SyntaxNode& n) { Condition(n); });
    }
  }

 private:
  // --- The tree

  const SyntaxNode& Node(std::uint32_t id) const { return tree_.nodes[id]; }

  const SyntaxNode* Child(const SyntaxNode& node, DslRule rule) const {
    for (const auto id : node.children) {
      if (Node(id).rule == rule) return &Node(id);
    }
    return nullptr;
  }

  template <class Function>
  void ForEach(const SyntaxNode& node, DslRule rule, Function function) const {
    for (const auto id : node.children) {
      if (Node(id).rule == rule) function(Node(id));
    }
  }

  const Token* FirstToken(const SyntaxNode& node, TokenType type) const {
    for (const auto id : node.children) {
      const auto& child = Node(id);
      if (child.rule == internal::kNone && !child.erroneous && tokens_[child.token].type == type) {
        return &tokens_[child.token];
      }
    }
    return nullptr;
  }

  // The token that a rule for names consists of, or null.
  const Token* NameToken(const SyntaxNode& node) const {
    for (const auto id : node.children) {
      const auto& child = Node(id);
      if (child.rule != internal::kNone) return NameToken(child);
      if (!child.erroneous) return &tokens_[child.token];
    }
    return nullptr;
  }

  std::string Name(const SyntaxNode& node) const {
    const auto* token = NameToken(node);
    return token == nullptr ? std::string() : internal::NameOf(token->text);
  }

  std::string ChildName(const SyntaxNode& node, DslRule rule) const {
    const auto* child = Child(node, rule);
    return child == nullptr ? std::string() : Name(*child);
  }

  void Problem(std::string message, const Token& at) {
    const auto width = internal::Width(at.text);
    out_.errors.push_back({std::move(message), at.position.line, at.position.line,
                           at.position.column, at.position.column + width, std::string(at.text),
                           ""});
  }

  // --- Types and relations

  void Type(const SyntaxNode& node) {
    const auto* name_node = Child(node, DslRule::kName);
    const auto* name = name_node == nullptr ? nullptr : NameToken(*name_node);
    if (name == nullptr) return;
    TypeDefinition type;
    type.type = internal::NameOf(name->text);
    const bool extends = FirstToken(node, TokenType::kExtend) != nullptr;
    if (extends && !is_module_) Problem("extend can only be used in a modular model", *name);
    if (is_module_) type.metadata.emplace().module = out_.module;
    ForEach(node, DslRule::kRelationDeclaration,
            [&](const SyntaxNode& n) { Relation(n, extends && is_module_, type); });
    if (extends && is_module_) {
      const bool again = std::any_of(out_.extensions.begin(), out_.extensions.end(),
                                     [&](const auto& e) { return e.type == type.type; });
      if (again) {
        Problem("'" + type.type + "' is already extended in file.", *name);
      } else {
        out_.extensions.push_back({type.type, out_.model.types.size()});
      }
    }
    out_.model.types.push_back(std::move(type));
  }

  void Relation(const SyntaxNode& node, bool extends, TypeDefinition& type) {
    const auto* name_node = Child(node, DslRule::kRelationName);
    const auto* name = name_node == nullptr ? nullptr : NameToken(*name_node);
    if (name == nullptr) return;
    const auto relation = internal::NameOf(name->text);
    RelationMetadata metadata;
    if (extends) metadata.module = out_.module;
    Rewrite rewrite;
    if (const auto* definition = Child(node, DslRule::kRelationDefinition)) {
      rewrite = Definition(*definition, metadata);
    }
    if (type.relations.contains(relation)) {
      return Problem("'" + relation + "' is already defined in '" + type.type + "'", *name);
    }
    type.relations.emplace(relation, std::move(rewrite));
    if (!type.metadata) type.metadata.emplace();
    type.metadata->relations.emplace(relation, std::move(metadata));
  }

  // A definition: its first operand and, maybe, an operator with more.
  Rewrite Definition(const SyntaxNode& node, RelationMetadata& metadata) {
    std::vector<Rewrite> operands = Operands(node, metadata);
    const auto* tail = Child(node, DslRule::kTail);
    if (tail == nullptr) return operands.empty() ? Rewrite() : std::move(operands.front());
    for (auto& operand : Operands(*tail, metadata)) operands.push_back(std::move(operand));
    Rewrite rewrite;
    rewrite.kind = FirstToken(*tail, TokenType::kOr) != nullptr    ? RewriteKind::kUnion
                   : FirstToken(*tail, TokenType::kAnd) != nullptr ? RewriteKind::kIntersection
                                                                   : RewriteKind::kDifference;
    rewrite.children = std::move(operands);
    if (rewrite.kind == RewriteKind::kDifference) rewrite.children.resize(2);
    return rewrite;
  }

  std::vector<Rewrite> Operands(const SyntaxNode& node, RelationMetadata& metadata) {
    std::vector<Rewrite> operands;
    for (const auto id : node.children) {
      const auto& child = Node(id);
      switch (child.rule) {
        case DslRule::kDirect:
          ForEach(child, DslRule::kRestriction, [&](const SyntaxNode& n) {
            metadata.directly_related_user_types.push_back(Restriction(n));
          });
          operands.emplace_back().kind = RewriteKind::kThis;
          break;
        case DslRule::kGrouping:
          operands.push_back(NamedRewrite(child));
          break;
        case DslRule::kGroup:
        case DslRule::kUndirectGroup:
          for (const auto content : child.children) {
            const auto rule = Node(content).rule;
            if (rule == DslRule::kRelationDefinition || rule == DslRule::kUndirectDefinition) {
              operands.push_back(Definition(Node(content), metadata));
            }
          }
          break;
        default:
          break;
      }
    }
    return operands;
  }

  Rewrite NamedRewrite(const SyntaxNode& grouping) const {
    Rewrite rewrite;
    const auto* node = Child(grouping, DslRule::kRewrite);
    if (node == nullptr) return rewrite;
    std::vector<std::string> names;
    ForEach(*node, DslRule::kName, [&](const SyntaxNode& n) { names.push_back(Name(n)); });
    if (!names.empty()) rewrite.relation = std::move(names[0]);
    rewrite.kind = RewriteKind::kComputedUserset;
    if (FirstToken(*node, TokenType::kFrom) != nullptr) {
      rewrite.kind = RewriteKind::kTupleToUserset;
      if (names.size() > 1) rewrite.tupleset = std::move(names[1]);
    }
    return rewrite;
  }

  RelationReference Restriction(const SyntaxNode& node) const {
    RelationReference reference;
    reference.condition = ChildName(node, DslRule::kConditionName);
    const auto* base = Child(node, DslRule::kRestrictionBase);
    if (base == nullptr) return reference;
    std::vector<std::string> names;
    ForEach(*base, DslRule::kName, [&](const SyntaxNode& n) { names.push_back(Name(n)); });
    if (!names.empty()) reference.type = std::move(names[0]);
    if (names.size() > 1) reference.relation = std::move(names[1]);
    reference.wildcard = FirstToken(*base, TokenType::kStar) != nullptr;
    return reference;
  }

  // --- Conditions

  void Condition(const SyntaxNode& node) {
    const auto* name_node = Child(node, DslRule::kConditionName);
    const auto* name = name_node == nullptr ? nullptr : NameToken(*name_node);
    if (name == nullptr) return;
    ConditionDefinition definition;
    definition.name = internal::NameOf(name->text);
    const bool again = out_.model.conditions.contains(definition.name);
    if (again)
      Problem("condition '" + definition.name + "' is already defined in the model", *name);
    ForEach(node, DslRule::kParameter, [&](const SyntaxNode& n) { Parameter(n, definition); });
    if (const auto* expression = Child(node, DslRule::kExpression)) {
      std::string text;
      for (const auto id : expression->children) {
        const auto& token = tokens_[Node(id).token];
        // Where a comment was dropped, so is the space before it.
        if (token.type == TokenType::kNewline) text.resize(TrimEnd(text).size());
        text += token.text;
      }
      definition.expression = Trim(text);
    }
    if (is_module_) definition.metadata.emplace().module = out_.module;
    if (!again) out_.model.conditions.emplace(definition.name, definition);
  }

  void Parameter(const SyntaxNode& node, ConditionDefinition& definition) {
    const auto* name_node = Child(node, DslRule::kParameterName);
    const auto* name = name_node == nullptr ? nullptr : NameToken(*name_node);
    const auto* type_node = Child(node, DslRule::kParameterType);
    if (name == nullptr || type_node == nullptr) return;
    auto parameter = internal::NameOf(name->text);
    if (definition.parameters.contains(parameter)) {
      Problem("parameter '" + parameter + "' is already defined in the condition '" +
                  definition.name + "'",
              *name);
      return;
    }
    condition::ParameterType type;
    const auto* scalar = FirstToken(*type_node, TokenType::kScalarType);
    const auto* container = FirstToken(*type_node, TokenType::kContainer);
    if (scalar != nullptr) type.name = ParameterTypeNameOf(scalar->text);
    if (container != nullptr) {
      type = {ParameterTypeNameOf(container->text), {std::move(type)}};
    }
    definition.parameters.emplace(std::move(parameter), std::move(type));
  }

  const internal::SyntaxTree& tree_;
  const std::vector<Token>& tokens_;
  ParsedDsl& out_;
  bool is_module_ = false;
};

constexpr std::uint64_t kNestingRules =
    std::uint64_t{1} << DslRule::kGroup | std::uint64_t{1} << DslRule::kUndirectGroup;

// Reported at the first line that is malformed.
ParsedDsl NotUtf8(std::string_view text) {
  int line = 0;
  for (; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (!IsUtf8(text.substr(0, end))) break;
    text.remove_prefix(end);
  }
  ParsedDsl parsed;
  parsed.errors.push_back({"the text is not UTF-8", line, line, 0, 0, "", ""});
  return parsed;
}

}  // namespace

ParsedDsl ParseDsl(std::string_view text) {
  if (!IsUtf8(text)) return NotUtf8(text);
  const auto clean = internal::BlankComments(text);
  const auto tokens = internal::Tokenize(clean);
  auto syntax =
      internal::ParseSyntax(internal::DslGrammar(), tokens, {kNestingRules, kDslNestingMax});
  ParsedDsl parsed;
  for (auto& problem : syntax.problems) {
    const auto width = internal::Width(problem.symbol);
    parsed.errors.push_back({std::move(problem.message), problem.position.line,
                             problem.position.line, problem.position.column,
                             problem.position.column + width, std::move(problem.symbol), ""});
  }
  ModelBuilder(syntax.tree, tokens.tokens, parsed).File(syntax.tree.nodes[0]);
  return parsed;
}

std::string ToText(const std::vector<SyntaxError>& errors) {
  std::string text = std::to_string(errors.size());
  text += errors.size() == 1 ? " error occurred:" : " errors occurred:";
  for (const auto& e : errors) {
    text += "\n\t* syntax error at line=" + std::to_string(e.line_start) +
            ", column=" + std::to_string(e.column_start) + ": " + e.message;
  }
  return text + "\n\n";
}

Result<Model> ModelFromDsl(std::string_view text) {
  auto parsed = ParseDsl(text);
  if (!parsed.errors.empty()) return Error{ErrorCode::kInvalidModel, ToText(parsed.errors)};
  return std::move(parsed.model);
}

}  // namespace pemba::model
