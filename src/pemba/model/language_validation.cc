#include "pemba/model/language_validation.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "pemba/base/text.h"
#include "pemba/model/dsl.h"
#include "pemba/model/internal/entry_points.h"
#include "pemba/model/internal/source_lines.h"

namespace pemba::model {
namespace {

using internal::Entry;
using internal::SourceLines;

constexpr std::string_view kTypeRule = R"(^[^:#@\*\s]{1,254}$)";
constexpr std::string_view kRelationRule = R"(^[^:#@\*\s]{1,50}$)";

bool IsReserved(std::string_view name) { return name == "self" || name == "this"; }

bool FollowsNamingRule(std::string_view name, std::size_t length_max) {
  const auto length = CodePoints(name);
  return length >= 1 && length <= length_max && std::none_of(name.begin(), name.end(), [](char c) {
           return c == ':' || c == '#' || c == '@' || c == '*' || c == '\v' || IsWireSpace(c);
         });
}

std::string Text(const RelationReference& r) {
  return r.type + (r.wildcard ? ":*" : "") + (r.relation.empty() ? "" : "#" + r.relation) +
         (r.condition.empty() ? "" : " with " + r.condition);
}

std::string Quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

class Validator {
 public:
  Validator(const Model& model, std::span<const SourceFile> sources) : model_(model) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      sources_.try_emplace(sources[i].name, Source{SourceLines(sources[i].text), i});
    }
    for (const auto& type : model.types) types_.try_emplace(type.type, &type);
  }

  std::vector<ModelError> Run() {
    Names();
    const bool names_are_fine = errors_.empty();
    if (SchemaVersion() && names_are_fine) {
      ForEachRelation([this](const Place& place) { Definition(place); });
      if (errors_.empty()) Duplicates();
      if (errors_.empty()) EntryPointsOfAll();
      Conditions();
    }
    ModulesPerFile();
    return std::move(errors_);
  }

 private:
  struct Source {
    SourceLines lines;
    std::size_t rank = 0;
  };

  // A relation, with all that is needed to report on it.
  struct Place {
    const TypeDefinition* type = nullptr;
    const std::string* relation = nullptr;
    const Rewrite* rewrite = nullptr;
    const RelationMetadata* metadata = nullptr;
    std::string file;
    const Source* source = nullptr;
    std::optional<int> line;
  };

  // --- Places

  static std::string FileOf(const std::optional<SourceInfo>& info) {
    return info ? info->file : "";
  }

  const Source* FindSource(const std::string& file) const {
    const auto it = sources_.find(file);
    return it == sources_.end() ? nullptr : &it->second;
  }

  static const RelationMetadata* MetadataOf(const TypeDefinition& type, std::string_view relation) {
    if (!type.metadata) return nullptr;
    const auto it = type.metadata->relations.find(relation);
    return it == type.metadata->relations.end() ? nullptr : &it->second;
  }

  static std::string FileOf(const TypeDefinition& type) {
    return type.metadata ? FileOf(type.metadata->source_info) : "";
  }

  Place PlaceOf(const TypeDefinition& type, const std::string& relation,
                const Rewrite& rewrite) const {
    Place place{&type, &relation, &rewrite, MetadataOf(type, relation), FileOf(type), nullptr, {}};
    const bool extended = place.metadata != nullptr && place.metadata->source_info.has_value();
    if (extended) place.file = place.metadata->source_info->file;
    place.source = FindSource(place.file);
    if (place.source == nullptr) return place;
    auto type_line = place.source->lines.Type(type.type);
    if (extended || !type_line) {
      const auto extension = place.source->lines.Extension(type.type);
      if (extension) type_line = extension;
    }
    place.line = place.source->lines.Relation(relation, type_line.value_or(0));
    return place;
  }

  // The relations of a type in the order of the text, as far as there is one.
  std::vector<Place> PlacesOf(const TypeDefinition& type) const {
    std::vector<Place> places;
    for (const auto& [relation, rewrite] : type.relations) {
      places.push_back(PlaceOf(type, relation, rewrite));
    }
    const auto key = [](const Place& p) {
      return std::pair(p.source == nullptr ? 0 : p.source->rank, p.line.value_or(0));
    };
    const auto own_file = FileOf(type);
    std::stable_sort(places.begin(), places.end(), [&](const Place& a, const Place& b) {
      const bool a_foreign = a.file != own_file, b_foreign = b.file != own_file;
      return a_foreign != b_foreign ? b_foreign : key(a) < key(b);
    });
    return places;
  }

  template <class Function>
  void ForEachRelation(Function function) {
    for (const auto& type : model_.types) {
      for (const auto& place : PlacesOf(type)) function(place);
    }
  }

  // --- Reports

  ModelError& Report(ModelErrorType type, std::string message, std::string symbol) {
    auto& error = errors_.emplace_back();
    error.type = type;
    error.message = std::move(message);
    error.symbol = std::move(symbol);
    return error;
  }

  // Where in a relation's line a symbol is looked for.
  enum class Search : std::uint8_t { kAll, kAfterColon, kAfterFrom };

  ModelError& ReportAt(const Place& place, ModelErrorType type, std::string message,
                       std::string symbol, Search search = Search::kAll) {
    auto& error = Report(type, std::move(message), std::move(symbol));
    error.type_name = place.type->type;
    error.relation = *place.relation;
    error.file = place.file;
    error.module = place.metadata != nullptr ? place.metadata->module : "";
    if (error.module.empty() && place.type->metadata) error.module = place.type->metadata->module;
    if (place.source == nullptr) return error;
    const auto& lines = place.source->lines;
    const auto line = place.line.value_or(0);
    const std::size_t from = search == Search::kAfterColon  ? lines.After(line, ":")
                             : search == Search::kAfterFrom ? lines.After(line, "from")
                                                            : 0;
    error.range = lines.Find(line, error.symbol, from);
    return error;
  }

  void ReportType(const TypeDefinition& type, ModelErrorType error_type, std::string message) {
    auto& error = Report(error_type, std::move(message), type.type);
    error.type_name = type.type;
    error.file = FileOf(type);
    if (type.metadata) error.module = type.metadata->module;
    const auto* source = FindSource(error.file);
    if (source == nullptr) return;
    error.range = source->lines.Find(source->lines.Type(type.type).value_or(0), type.type);
  }

  void ReportCondition(const ConditionDefinition& condition, const std::string& key,
                       ModelErrorType type, std::string message, std::string symbol) {
    auto& error = Report(type, std::move(message), std::move(symbol));
    error.condition = key;
    if (condition.metadata) {
      error.file = FileOf(condition.metadata->source_info);
      error.module = condition.metadata->module;
    }
    const auto* source = FindSource(error.file);
    if (source == nullptr) return;
    error.range = source->lines.Find(source->lines.Condition(key).value_or(0), error.symbol);
  }

  // --- 1 Names

  void Names() {
    for (const auto& type : model_.types) {
      if (IsReserved(type.type)) {
        ReportType(type, ModelErrorType::kReservedTypeKeywords,
                   "a type cannot be named 'self' or 'this'.");
      }
      if (!FollowsNamingRule(type.type, 254)) {
        ReportType(type, ModelErrorType::kInvalidName,
                   "type '" + type.type + "' does not match naming rule: '" +
                       std::string(kTypeRule) + "'.");
      }
      for (const auto& place : PlacesOf(type)) {
        const auto& relation = *place.relation;
        if (IsReserved(relation)) {
          ReportAt(place, ModelErrorType::kReservedRelationKeywords,
                   "a relation cannot be named 'self' or 'this'.", relation);
        }
        if (!FollowsNamingRule(relation, 50)) {
          ReportAt(place, ModelErrorType::kInvalidName,
                   "relation '" + relation + "' of type '" + type.type +
                       "' does not match naming rule: '" + std::string(kRelationRule) + "'.",
                   relation);
        }
      }
    }
  }

  // --- 2 Schema version

  bool SchemaVersion() {
    const auto& version = model_.schema_version;
    if (version == "1.1" || version == "1.2") return true;
    const auto* source = FindSource("");
    if (version.empty()) {
      auto& error =
          Report(ModelErrorType::kSchemaVersionRequired, "schema version required", version);
      if (source != nullptr) error.range = SourceRange();
      return false;
    }
    auto& error = Report(ModelErrorType::kInvalidSchema, "invalid schema " + version, version);
    if (source != nullptr) {
      error.range = source->lines.Find(source->lines.Schema().value_or(0), version);
    }
    return false;
  }

  // --- 3 Definitions

  const TypeDefinition* FindType(std::string_view type) const {
    const auto it = types_.find(type);
    return it == types_.end() ? nullptr : it->second;
  }

  bool HasRelation(std::string_view type, std::string_view relation) const {
    const auto* definition = FindType(type);
    return definition != nullptr && definition->relations.contains(relation);
  }

  // Breadth first, as that is the order in which errors are known.
  void Definition(const Place& place) {
    std::deque<const Rewrite*> open = {place.rewrite};
    for (; !open.empty(); open.pop_front()) {
      const auto& rewrite = *open.front();
      switch (rewrite.kind) {
        case RewriteKind::kUnset:
          break;
        case RewriteKind::kThis:
          Direct(place);
          break;
        case RewriteKind::kComputedUserset:
          if (!place.type->relations.contains(rewrite.relation)) {
            ReportAt(place, ModelErrorType::kMissingDefinition,
                     "the relation " + Quoted(rewrite.relation) + " does not exist.",
                     rewrite.relation);
          }
          break;
        case RewriteKind::kTupleToUserset:
          From(place, rewrite);
          break;
        default:
          for (const auto& child : rewrite.children) open.push_back(&child);
      }
    }
  }

  void Direct(const Place& place) {
    if (place.metadata == nullptr || place.metadata->directly_related_user_types.empty()) {
      return ReportWithoutTypes(place);
    }
    for (const auto& r : place.metadata->directly_related_user_types) {
      if (FindType(r.type) == nullptr) {
        ReportAt(place, ModelErrorType::kInvalidType, Quoted(r.type) + " is not a valid type.",
                 r.type, Search::kAfterColon)
            .offending_type = r.type;
      }
      if (!r.condition.empty() && !model_.conditions.contains(r.condition)) {
        ReportAt(place, ModelErrorType::kConditionNotDefined,
                 Quoted(r.condition) + " is not a defined condition in the model.", r.condition)
            .condition = r.condition;
      }
      if (r.wildcard && !r.relation.empty()) {
        ReportAt(
            place, ModelErrorType::kTypeWildcardRelation,
            "type restriction " + Quoted(Text(r)) + " cannot contain both wildcard and relation",
            Text(r));
      } else if (!r.relation.empty() && FindType(r.type) != nullptr &&
                 !HasRelation(r.type, r.relation)) {
        ReportAt(place, ModelErrorType::kInvalidRelationType,
                 Quoted(r.relation) + " is not a valid relation for " + Quoted(r.type) + ".",
                 r.type + "#" + r.relation);
      }
    }
  }

  void ReportWithoutTypes(const Place& place) {
    std::string text = "self";
    if (place.source != nullptr && place.line) {
      const auto line = place.source->lines.line(*place.line);
      const auto begin = line.find('['), end = line.rfind(']');
      if (begin != std::string_view::npos && end != std::string_view::npos && begin < end) {
        text = line.substr(begin, end - begin + 1);
      }
    }
    auto message = "assignable relation '" + text + "' must have types";
    ReportAt(place, ModelErrorType::kAssignableRelationMustHaveType, std::move(message),
             std::move(text));
  }

  void From(const Place& place, const Rewrite& rewrite) {
    const auto symbol = rewrite.relation + " from " + rewrite.tupleset;
    const auto tupleset = place.type->relations.find(rewrite.tupleset);
    if (tupleset == place.type->relations.end()) {
      ReportAt(place, ModelErrorType::kInvalidRelationType,
               Quoted(rewrite.tupleset) + " is not a valid relation for " +
                   Quoted(place.type->type) + ".",
               symbol);
      return;
    }
    const auto not_direct = [&] {
      ReportAt(place, ModelErrorType::kTupleUsersetNotDirect,
               Quoted(rewrite.tupleset) + " relation used inside from allows only direct relation.",
               rewrite.tupleset, Search::kAfterFrom);
    };
    if (tupleset->second.kind != RewriteKind::kThis) return not_direct();
    const auto* metadata = MetadataOf(*place.type, rewrite.tupleset);
    if (metadata == nullptr) return;
    std::vector<const RelationReference*> lacking;
    for (const auto& r : metadata->directly_related_user_types) {
      if (r.wildcard || !r.relation.empty()) {
        not_direct();
      } else if (!HasRelation(r.type, rewrite.relation)) {
        lacking.push_back(&r);
      }
    }
    if (lacking.size() != metadata->directly_related_user_types.size()) return;
    for (const auto* r : lacking) {
      ReportAt(place, ModelErrorType::kInvalidRelationOnTupleset,
               "the " + Quoted(rewrite.relation) + " relation definition on type " +
                   Quoted(place.type->type) + " is not valid: " + Quoted(rewrite.relation) +
                   " does not exist on " + Quoted(rewrite.tupleset) + ", which is of type " +
                   Quoted(r->type) + ".",
               symbol)
          .offending_type = r->type;
    }
  }

  // --- 4 Duplicates

  void Duplicates() {
    std::set<std::string_view> seen;
    for (const auto& type : model_.types) {
      if (!seen.insert(type.type).second) {
        ReportType(type, ModelErrorType::kDuplicated,
                   "the type " + Quoted(type.type) + " is a duplicate.");
      }
      for (const auto& place : PlacesOf(type)) {
        DuplicateRestrictions(place);
        DuplicateOperands(place);
      }
    }
  }

  void DuplicateRestrictions(const Place& place) {
    if (place.metadata == nullptr) return;
    std::set<std::string> seen;
    for (const auto& r : place.metadata->directly_related_user_types) {
      const auto text = Text(r);
      if (seen.insert(text).second) continue;
      ReportAt(place, ModelErrorType::kDuplicated,
               "the type restriction " + Quoted(text) + " is a duplicate in the relation " +
                   Quoted(*place.relation) + ".",
               text);
    }
  }

  // Only the operands of the outermost operator are compared.
  void DuplicateOperands(const Place& place) {
    std::set<std::string> seen;
    for (const auto& operand : place.rewrite->children) {
      std::string text;
      if (operand.kind == RewriteKind::kComputedUserset) text = operand.relation;
      if (operand.kind == RewriteKind::kTupleToUserset) {
        text = operand.relation + " from " + operand.tupleset;
      }
      if (text.empty() || seen.insert(text).second) continue;
      ReportAt(place, ModelErrorType::kDuplicated,
               "the partial relation definition " + Quoted(text) +
                   " is a duplicate in the relation " + Quoted(*place.relation) + ".",
               text);
    }
  }

  // --- 5 Entry points

  void EntryPointsOfAll() {
    const internal::EntryPoints entry_points(model_);
    ForEachRelation([&](const Place& place) {
      const auto entry = entry_points.Of(place.type->type, *place.relation);
      if (entry == Entry::kReachable) return;
      ReportAt(place, ModelErrorType::kNoEntryPoint,
               Quoted(*place.relation) + " is an impossible relation for " +
                   Quoted(place.type->type) +
                   (entry == Entry::kLoop ? " (potential loop)." : " (no entrypoint)."),
               *place.relation);
    });
  }

  // --- 6 Conditions, modules

  void Conditions() {
    std::set<std::string_view> used;
    for (const auto& type : model_.types) {
      if (!type.metadata) continue;
      for (const auto& [relation, metadata] : type.metadata->relations) {
        for (const auto& r : metadata.directly_related_user_types) used.insert(r.condition);
      }
    }
    for (const auto& [key, condition] : model_.conditions) {
      if (key != condition.name) {
        ReportCondition(
            condition, key, ModelErrorType::kDifferentNestedConditionName,
            "condition key is " + Quoted(key) + " but nested name property is " + condition.name,
            condition.name);
      }
      if (!used.contains(key)) {
        ReportCondition(condition, key, ModelErrorType::kConditionNotUsed,
                        Quoted(key) + " condition is not used in the model.", key);
      }
    }
  }

  void ModulesPerFile() {
    std::vector<std::pair<std::string, std::vector<std::string>>> files;  // In order of sight.
    const auto add = [&](const std::string& module, const std::optional<SourceInfo>& info) {
      if (module.empty() || !info || info->file.empty()) return;
      auto file = std::find_if(files.begin(), files.end(),
                               [&](const auto& f) { return f.first == info->file; });
      if (file == files.end()) file = files.insert(files.end(), {info->file, {}});
      auto& modules = file->second;
      if (std::find(modules.begin(), modules.end(), module) == modules.end()) {
        modules.push_back(module);
      }
    };
    for (const auto& type : model_.types) {
      if (!type.metadata) continue;
      add(type.metadata->module, type.metadata->source_info);
      for (const auto& [name, relation] : type.metadata->relations) {
        add(relation.module, relation.source_info);
      }
    }
    for (const auto& [name, condition] : model_.conditions) {
      if (condition.metadata) add(condition.metadata->module, condition.metadata->source_info);
    }
    for (const auto& [file, modules] : files) {
      if (modules.size() < 2) continue;
      std::string list;
      for (const auto& module : modules) {
        if (!list.empty()) list += ", ";
        list += module;
      }
      Report(ModelErrorType::kMultipleModulesInFile,
             "file " + file + " would contain multiple module definitions (" + list +
                 ") when transforming to DSL. Only one module can be defined per file.",
             file)
          .file = file;
    }
  }

  const Model& model_;
  std::map<std::string, Source> sources_;
  std::map<std::string_view, const TypeDefinition*> types_;
  std::vector<ModelError> errors_;
};

}  // namespace

std::string_view ToText(ModelErrorType type) {
  switch (type) {
    case ModelErrorType::kSyntax:
      return "syntax";
    case ModelErrorType::kTransformation:
      return "transformation-error";
    case ModelErrorType::kReservedTypeKeywords:
      return "reserved-type-keywords";
    case ModelErrorType::kReservedRelationKeywords:
      return "reserved-relation-keywords";
    case ModelErrorType::kInvalidName:
      return "invalid-name";
    case ModelErrorType::kSchemaVersionRequired:
      return "schema-version-required";
    case ModelErrorType::kInvalidSchema:
      return "invalid-schema";
    case ModelErrorType::kMissingDefinition:
      return "missing-definition";
    case ModelErrorType::kInvalidRelationType:
      return "invalid-relation-type";
    case ModelErrorType::kInvalidType:
      return "invalid-type";
    case ModelErrorType::kInvalidRelationOnTupleset:
      return "invalid-relation-on-tupleset";
    case ModelErrorType::kTupleUsersetNotDirect:
      return "tupleuserset-not-direct";
    case ModelErrorType::kAssignableRelationMustHaveType:
      return "assignable-relation-must-have-type";
    case ModelErrorType::kTypeWildcardRelation:
      return "type-wildcard-relation";
    case ModelErrorType::kConditionNotDefined:
      return "condition-not-defined";
    case ModelErrorType::kDuplicated:
      return "duplicated-error";
    case ModelErrorType::kNoEntryPoint:
      return "relation-no-entry-point";
    case ModelErrorType::kConditionNotUsed:
      return "condition-not-used";
    case ModelErrorType::kDifferentNestedConditionName:
      return "different-nested-condition-name";
    case ModelErrorType::kMultipleModulesInFile:
      return "multiple-modules-in-file";
  }
  return "";
}

std::string ToText(const ModelError& error) {
  std::string text = std::string(ToText(error.type)) + " error";
  if (error.range) {
    text += " at line=" + std::to_string(error.range->line_start) +
            ", column=" + std::to_string(error.range->column_start);
  }
  return text + ": " + error.message;
}

std::vector<ModelError> ValidateLanguage(const Model& model, std::span<const SourceFile> sources) {
  return Validator(model, sources).Run();
}

std::vector<ModelError> ValidateDsl(std::string_view text) {
  const auto parsed = ParseDsl(text);
  std::vector<ModelError> errors;
  for (const auto& e : parsed.errors) {
    auto& error = errors.emplace_back();
    error.type = ModelErrorType::kSyntax;
    error.message = e.message;
    error.range = SourceRange{e.line_start, e.line_end, e.column_start, e.column_end};
    error.symbol = e.symbol;
  }
  if (!errors.empty()) return errors;
  const SourceFile source{"", std::string(text)};
  return ValidateLanguage(parsed.model, std::span(&source, 1));
}

IdRule CheckObjectId(std::string_view id) {
  if (id.empty() || id[0] == '#' || id[0] == ':' || id[0] == '*' || IsWireSpace(id[0])) {
    return IdRule::kBroken;
  }
  std::size_t rest = 1;
  while (rest < id.size() && (static_cast<unsigned char>(id[rest]) & 0xC0u) == 0x80u) ++rest;
  const bool allowed =
      std::all_of(id.begin() + static_cast<std::ptrdiff_t>(rest), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_|*@.+/-").find(c) != std::string_view::npos;
      });
  return allowed ? IdRule::kFollowed : IdRule::kBroken;
}

}  // namespace pemba::model
