#include "pemba/model/modules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pemba/model/dsl.h"
#include "pemba/model/internal/source_lines.h"

namespace pemba::model {
namespace {

using internal::SourceLines;

class Merger {
 public:
  Merger(std::span<const SourceFile> files, std::string_view schema_version) : files_(files) {
    out_.model.schema_version = schema_version;
  }

  MergedModules Run() {
    for (const auto& file : files_) AddFile(file);
    for (auto& file : extending_) Extend(file);
    auto findings = ValidateLanguage(out_.model, files_);
    std::move(findings.begin(), findings.end(), std::back_inserter(out_.errors));
    return std::move(out_);
  }

 private:
  struct ExtendingFile {
    const SourceFile* file;
    std::vector<TypeDefinition> types;
  };

  ModelError& Report(const SourceFile& file, std::string message, std::string symbol) {
    auto& error = out_.errors.emplace_back();
    error.type = ModelErrorType::kTransformation;
    error.message = std::move(message);
    error.symbol = std::move(symbol);
    error.file = file.name;
    return error;
  }

  void AddFile(const SourceFile& file) {
    auto parsed = ParseDsl(file.text);
    if (!parsed.errors.empty()) {
      for (auto& e : parsed.errors) {
        auto& error = Report(file, std::move(e.message), std::move(e.symbol));
        error.type = ModelErrorType::kSyntax;
        error.range = SourceRange{e.line_start, e.line_end, e.column_start, e.column_end};
      }
      return;
    }
    if (parsed.module.empty()) {
      Report(file, "file is not a module", "").range = SourceRange();
    } else {
      AddTypes(file, parsed);
    }
    AddConditions(file, parsed);
  }

  void AddTypes(const SourceFile& file, ParsedDsl& parsed) {
    ExtendingFile extending{&file, {}};
    for (std::size_t i = 0; i < parsed.model.types.size(); ++i) {
      auto& type = parsed.model.types[i];
      const bool extends = std::any_of(parsed.extensions.begin(), parsed.extensions.end(),
                                       [&](const auto& e) { return e.index == i; });
      if (extends) {
        extending.types.push_back(std::move(type));
      } else {
        type.metadata->source_info = SourceInfo{file.name};
        out_.model.types.push_back(std::move(type));
      }
    }
    if (!extending.types.empty()) extending_.push_back(std::move(extending));
  }

  void AddConditions(const SourceFile& file, ParsedDsl& parsed) {
    for (auto& [name, condition] : parsed.model.conditions) {
      if (out_.model.conditions.contains(name)) {
        const SourceLines lines(file.text);
        Report(file, "duplicate condition " + name, name).range =
            lines.Find(lines.Condition(name).value_or(0), name);
        continue;
      }
      if (!condition.metadata) condition.metadata.emplace();
      condition.metadata->source_info = SourceInfo{file.name};
      out_.model.conditions.emplace(name, std::move(condition));
    }
  }

  void Extend(ExtendingFile& extending) {
    const auto& file = *extending.file;
    const SourceLines lines(file.text);
    for (auto& extension : extending.types) {
      auto& types = out_.model.types;
      const auto line = lines.Extension(extension.type).value_or(0);
      const auto type = std::find_if(types.begin(), types.end(), [&](const TypeDefinition& t) {
        return t.type == extension.type;
      });
      if (type == types.end()) {
        Report(file, "extended type " + extension.type + " does not exist", extension.type).range =
            lines.Find(line, extension.type);
        continue;
      }
      for (auto& [relation, rewrite] : extension.relations) {
        if (type->relations.contains(relation)) {
          Report(file, "relation " + relation + " already exists on type " + type->type, relation)
              .range = lines.Find(lines.Relation(relation, line).value_or(0), relation);
          continue;
        }
        auto& metadata = extension.metadata->relations[relation];
        metadata.source_info = SourceInfo{file.name};
        type->metadata->relations.insert_or_assign(relation, std::move(metadata));
        type->relations.emplace(relation, std::move(rewrite));
      }
    }
  }

  std::span<const SourceFile> files_;
  std::vector<ExtendingFile> extending_;
  MergedModules out_;
};

}  // namespace

MergedModules MergeModules(std::span<const SourceFile> files, std::string_view schema_version) {
  return Merger(files, schema_version).Run();
}

Result<std::vector<std::string>> ModulesOf(const Model& model) {
  if (model.schema_version != "1.2") {
    return Error{ErrorCode::kInvalidModel,
                 "model schema version " + model.schema_version + " does not support modules"};
  }
  std::set<std::string> modules;
  bool modular = false;
  for (const auto& type : model.types) {
    if (!type.metadata) continue;
    modular = modular || !type.metadata->module.empty();
    modules.insert(type.metadata->module);
    for (const auto& [name, relation] : type.metadata->relations) modules.insert(relation.module);
  }
  for (const auto& [name, condition] : model.conditions) {
    if (condition.metadata) modules.insert(condition.metadata->module);
  }
  modules.erase("");
  if (!modular) modules.clear();
  return std::vector<std::string>(modules.begin(), modules.end());
}

}  // namespace pemba::model
