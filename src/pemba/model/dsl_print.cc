#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "pemba/model/dsl.h"
#include "pemba/model/internal/dsl_token.h"
#include "pemba/model/internal/parameter_type_names.h"

namespace pemba::model {
namespace {

using internal::NamePlace;

std::string FileOf(const std::optional<SourceInfo>& source) { return source ? source->file : ""; }

int CountDirect(const Rewrite& rewrite) {
  int count = rewrite.kind == RewriteKind::kThis ? 1 : 0;
  for (const auto& child : rewrite.children) count += CountDirect(child);
  return count;
}

// Unions and intersections may be printed with their direct operand first, so any direct operand
// will do; otherwise the way leads through the first operand.
bool StartsDirect(const Rewrite& rewrite) {
  switch (rewrite.kind) {
    case RewriteKind::kThis:
      return true;
    case RewriteKind::kUnion:
    case RewriteKind::kIntersection:
      for (const auto& child : rewrite.children) {
        if (child.kind == RewriteKind::kThis) return true;
      }
      [[fallthrough]];
    case RewriteKind::kDifference:
      return !rewrite.children.empty() && StartsDirect(rewrite.children.front());
    default:
      return false;
  }
}

// Prints until something has no text form; then `error` says what.
class Printer {
 public:
  explicit Printer(PrintOptions options) : options_(options) {}

  Result<std::string> Print(const Model& model) {
    PEMBA_TRY(std::ignore, Header(model));
    for (const auto* type : SortedTypes(model)) {
      PEMBA_TRY(std::ignore, Type(*type));
    }
    PEMBA_TRY(std::ignore, Conditions(model));
    return std::move(out_);
  }

 private:
  static Error Unsupported(std::string message) {
    return Error{ErrorCode::kInvalidModel, std::move(message)};
  }

  Status Header(const Model& model) {
    const auto& version = model.schema_version;
    const auto tokens = internal::Tokenize(version);
    if (tokens.tokens[0].text != version ||
        tokens.tokens[0].type != internal::TokenType::kSchemaVersion) {
      return Unsupported("`" + version + "` is no schema version that the DSL can carry");
    }
    out_ = "model\n  schema " + version + "\n";
    return Done{};
  }

  static bool HasModules(const Model& model) {
    return std::any_of(model.types.begin(), model.types.end(), [](const TypeDefinition& type) {
      return type.metadata && !type.metadata->module.empty();
    });
  }

  // Plain models keep their order; where there are modules, they group the types.
  std::vector<const TypeDefinition*> SortedTypes(const Model& model) {
    std::vector<const TypeDefinition*> types;
    types.reserve(model.types.size());
    for (const auto& type : model.types) types.push_back(&type);
    by_module_ = HasModules(model);
    if (!by_module_) return types;
    const auto key = [](const TypeDefinition* t) {
      return t->metadata
                 ? std::tuple(t->metadata->module, FileOf(t->metadata->source_info), t->type)
                 : std::tuple(std::string(), std::string(), t->type);
    };
    std::stable_sort(types.begin(), types.end(),
                     [&](const auto* a, const auto* b) { return key(a) < key(b); });
    return types;
  }

  Result<std::string> Name(const std::string& name, NamePlace place) {
    auto text = internal::NameText(name, place);
    if (text) return *std::move(text);
    return Unsupported("the name `" + name + "` is not supported by the DSL syntax");
  }

  void Origin(std::string_view intro, const std::string& module, const std::string& file) {
    if (!options_.include_source_information || (module.empty() && file.empty())) return;
    std::string comment = " # ";
    comment += intro;
    if (!module.empty()) comment.append("module: ").append(module);
    if (!module.empty() && !file.empty()) comment += ", ";
    if (!file.empty()) comment.append("file: ").append(file);
    // A line break would end the comment and let the rest be read as part of the model.
    std::replace_if(
        comment.begin(), comment.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    out_ += comment;
  }

  Status Type(const TypeDefinition& type) {
    PEMBA_TRY(const auto name, Name(type.type, NamePlace::kTypeOrRelation));
    out_ += "\ntype " + name;
    if (type.metadata) {
      Origin("", type.metadata->module, FileOf(type.metadata->source_info));
    }
    out_ += "\n";
    if (type.relations.empty()) return Done{};
    out_ += "  relations\n";
    for (const auto& [relation, rewrite] : SortedRelations(type)) {
      PEMBA_TRY(std::ignore, Relation(type, *relation, *rewrite));
    }
    return Done{};
  }

  static const RelationMetadata* MetadataOf(const TypeDefinition& type,
                                            const std::string& relation) {
    if (!type.metadata) return nullptr;
    const auto it = type.metadata->relations.find(relation);
    return it == type.metadata->relations.end() ? nullptr : &it->second;
  }

  std::vector<std::pair<const std::string*, const Rewrite*>> SortedRelations(
      const TypeDefinition& type) const {
    std::vector<std::pair<const std::string*, const Rewrite*>> relations;
    for (const auto& [name, rewrite] : type.relations) relations.emplace_back(&name, &rewrite);
    if (!by_module_) return relations;
    const auto key = [&](const std::string& name) {
      const auto* metadata = MetadataOf(type, name);
      return metadata == nullptr
                 ? std::tuple(std::string(), std::string(), name)
                 : std::tuple(metadata->module, FileOf(metadata->source_info), name);
    };
    std::stable_sort(relations.begin(), relations.end(),
                     [&](const auto& a, const auto& b) { return key(*a.first) < key(*b.first); });
    return relations;
  }

  Status Relation(const TypeDefinition& type, const std::string& relation, const Rewrite& rewrite) {
    const auto direct = CountDirect(rewrite);
    if (direct > 1 || (direct == 1 && !StartsDirect(rewrite))) {
      return Unsupported("the '" + relation + "' relation definition under the '" + type.type +
                         "' type is not supported by the OpenFGA DSL syntax yet");
    }
    PEMBA_TRY(const auto name, Name(relation, NamePlace::kTypeOrRelation));
    const auto* metadata = MetadataOf(type, relation);
    restrictions_ = metadata == nullptr ? nullptr : &metadata->directly_related_user_types;
    PEMBA_TRY(const auto definition, Definition(rewrite, 0));
    out_ += "    define " + name + ": " + definition;
    if (metadata != nullptr) {
      Origin("extended by: ", metadata->module, FileOf(metadata->source_info));
    }
    out_ += "\n";
    return Done{};
  }

  // The text of a rewrite; below the top, operators stand in parentheses.
  Result<std::string> Definition(const Rewrite& rewrite, int depth) {
    switch (rewrite.kind) {
      case RewriteKind::kUnset:
        return Unsupported("an empty rewrite is not supported by the DSL syntax");
      case RewriteKind::kThis:
        return Restrictions();
      case RewriteKind::kComputedUserset:
        return Name(rewrite.relation, NamePlace::kTypeOrRelation);
      case RewriteKind::kTupleToUserset: {
        PEMBA_TRY(auto computed, Name(rewrite.relation, NamePlace::kTypeOrRelation));
        PEMBA_TRY(const auto tupleset, Name(rewrite.tupleset, NamePlace::kTypeOrRelation));
        return computed + " from " + tupleset;
      }
      case RewriteKind::kUnion:
        return Operands(rewrite, " or ", depth);
      case RewriteKind::kIntersection:
        return Operands(rewrite, " and ", depth);
      case RewriteKind::kDifference:
        return Operands(rewrite, " but not ", depth);
    }
    return Unsupported("unknown rewrite");
  }

  Result<std::string> Operands(const Rewrite& rewrite, std::string_view op, int depth) {
    if (depth > kDslNestingMax) return Unsupported("the rewrite is nested too deeply");
    std::vector<const Rewrite*> operands;
    for (const auto& child : rewrite.children) operands.push_back(&child);
    if (operands.size() < 2) {
      return Unsupported(
          "an operator with less than two operands is not supported by the DSL syntax");
    }
    if (rewrite.kind != RewriteKind::kDifference) {
      std::stable_partition(operands.begin(), operands.end(),
                            [](const Rewrite* r) { return r->kind == RewriteKind::kThis; });
    }
    std::string text;
    for (const auto* operand : operands) {
      if (operand != operands.front()) text += op;
      PEMBA_TRY(const auto part, Definition(*operand, depth + 1));
      if (operand->children.empty()) {
        text += part;
      } else {
        text.append("(").append(part).append(")");
      }
    }
    return text;
  }

  Result<std::string> Restrictions() {
    std::string text = "[";
    if (restrictions_ == nullptr || restrictions_->empty()) {
      return text + "]";  // Not a valid model, but this is how it reads.
    }
    for (const auto& r : *restrictions_) {
      if (text.size() > 1) text += ", ";
      PEMBA_TRY(const auto type, Name(r.type, NamePlace::kTypeOrRelation));
      text += type;
      if (r.wildcard) text += ":*";
      if (!r.relation.empty()) {
        PEMBA_TRY(const auto relation, Name(r.relation, NamePlace::kTypeOrRelation));
        text += "#" + relation;
      }
      if (!r.condition.empty()) {
        PEMBA_TRY(const auto condition, Name(r.condition, NamePlace::kCondition));
        text += " with " + condition;
      }
    }
    return text + "]";
  }

  // --- Conditions

  Status Conditions(const Model& model) {
    std::vector<std::pair<const std::string*, const ConditionDefinition*>> conditions;
    for (const auto& [key, condition] : model.conditions) conditions.emplace_back(&key, &condition);
    if (by_module_) {
      const auto key = [](const ConditionDefinition& c) {
        return c.metadata ? std::tuple(c.metadata->module, FileOf(c.metadata->source_info))
                          : std::tuple(std::string(), std::string());
      };
      std::stable_sort(conditions.begin(), conditions.end(), [&](const auto& a, const auto& b) {
        return key(*a.second) < key(*b.second);
      });
    }
    for (const auto& [key, condition] : conditions) {
      PEMBA_TRY(std::ignore, Condition(*key, *condition));
    }
    return Done{};
  }

  Status Condition(const std::string& key, const ConditionDefinition& condition) {
    if (key != condition.name) {
      return Unsupported("the '" + key + "' condition has a different nested condition name ('" +
                         condition.name + "')");
    }
    PEMBA_TRY(const auto name, Name(condition.name, NamePlace::kCondition));
    PEMBA_TRY(const auto expression, Expression(condition));
    if (condition.parameters.empty()) {
      return Unsupported("the '" + key +
                         "' condition has no parameters, which the DSL syntax needs");
    }
    std::string parameters;
    for (const auto& [parameter, type] : condition.parameters) {
      PEMBA_TRY(const auto parameter_name, Name(parameter, NamePlace::kParameter));
      PEMBA_TRY(const auto type_text, ParameterType(parameter, type));
      if (!parameters.empty()) parameters += ", ";
      parameters += parameter_name + ": " + type_text;
    }
    out_ += "\ncondition " + name + "(" + parameters + ") {\n  " + expression + "\n}";
    if (condition.metadata) {
      Origin("", condition.metadata->module, FileOf(condition.metadata->source_info));
    }
    out_ += "\n";
    return Done{};
  }

  static Result<std::string> ParameterType(const std::string& parameter,
                                           const condition::ParameterType& type) {
    using Name = condition::ParameterTypeName;
    const auto is_scalar = [](const condition::ParameterType& t) {
      return t.generics.empty() && t.name >= Name::kBool && t.name != Name::kMap &&
             t.name != Name::kList;
    };
    std::string text(internal::DslName(type.name));
    if (is_scalar(type)) return text;
    const bool container = type.name == Name::kMap || type.name == Name::kList;
    if (container && type.generics.size() == 1 && is_scalar(type.generics[0])) {
      return text + "<" + std::string(internal::DslName(type.generics[0].name)) + ">";
    }
    return Unsupported("the type of the parameter '" + parameter +
                       "' is not supported by the DSL syntax");
  }

  // The expression, if it means the same when it is read back: the text of a condition ends at the
  // first closing brace, and ` #` begins a comment.
  static Result<std::string> Expression(const ConditionDefinition& condition) {
    const auto text = internal::BlankComments("  " + condition.expression + "\n");
    const auto want = VisibleTokens(condition.expression);
    const auto got = VisibleTokens(text);
    const bool readable = want && got && *want == *got;
    if (!readable) {
      return Unsupported("the expression of the '" + condition.name +
                         "' condition is not supported by the DSL syntax");
    }
    const auto first = text.find_first_not_of(" \t\r\n\f\v");
    if (first == std::string::npos) return std::string();
    return text.substr(first, text.find_last_not_of(" \t\r\n\f\v") - first + 1);
  }

  // The tokens of an expression without white space and comments; nothing if it would end early.
  static std::optional<std::vector<std::string>> VisibleTokens(std::string_view expression) {
    const auto list = internal::Tokenize(expression);
    if (!list.errors.empty()) return std::nullopt;
    std::vector<std::string> texts;
    for (const auto& token : list.tokens) {
      switch (token.type) {
        case internal::TokenType::kRightBrace:
        case internal::TokenType::kCondition:
          return std::nullopt;
        case internal::TokenType::kWhitespace:
        case internal::TokenType::kNewline:
        case internal::TokenType::kEnd:
          break;
        default:
          texts.emplace_back(token.text);
      }
    }
    return texts;
  }

  PrintOptions options_;
  std::string out_;
  bool by_module_ = false;
  const std::vector<RelationReference>* restrictions_ = nullptr;  // Of the relation being printed.
};

}  // namespace

Result<std::string> PrintDsl(const Model& model, PrintOptions options) {
  return Printer(options).Print(model);
}

}  // namespace pemba::model
