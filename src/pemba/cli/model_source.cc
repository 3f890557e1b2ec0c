#include "pemba/cli/model_source.h"

#include <utility>
#include <vector>

#include "pemba/model/dsl.h"
#include "pemba/model/json.h"
#include "pemba/model/modules.h"

namespace pemba::cli {
namespace {

Error InFile(std::string_view file, Error error) {
  error.message = std::string(file) + ": " + error.message;
  return error;
}

// Errors that leave no model to work with. What else the language's validator finds is advice; the
// server's own rules decide when the model is written.
std::string BlockingErrors(const std::vector<model::ModelError>& errors) {
  std::string text;
  for (const auto& error : errors) {
    if (error.type != model::ModelErrorType::kSyntax &&
        error.type != model::ModelErrorType::kTransformation) {
      continue;
    }
    if (!text.empty()) text += "\n";
    if (!error.file.empty()) text += error.file + ": ";
    text += ToText(error);
  }
  return text;
}

Result<model::Model> LoadModules(const FileScope& scope, std::string_view file) {
  PEMBA_TRY(auto text, scope.Read(file));
  PEMBA_TRY(auto beside, scope.Beside(file));
  const auto parsed = model::ParseModFile(text);
  if (!parsed.errors.empty()) {
    return InFile(file, {ErrorCode::kInvalidModel, model::ToText(parsed.errors)});
  }
  std::vector<model::SourceFile> sources;
  for (const auto& entry : parsed.file.contents) {
    PEMBA_TRY(auto source, beside.Read(entry.value));
    sources.push_back({entry.value, std::move(source)});
  }
  auto merged = model::MergeModules(sources, parsed.file.schema.value);
  auto errors = BlockingErrors(merged.errors);
  if (!errors.empty()) return InFile(file, {ErrorCode::kInvalidModel, std::move(errors)});
  return std::move(merged.model);
}

}  // namespace

Result<ModelFormat> ModelFormatOf(std::string_view word) {
  if (word == "fga") return ModelFormat::kDsl;
  if (word == "json") return ModelFormat::kJson;
  if (word == "modular") return ModelFormat::kModular;
  return Error{ErrorCode::kInvalidArgument,
               "`" + std::string(word) + "` is no model format: fga, json or modular"};
}

ModelFormat ModelFormatOfFile(std::string_view file_name) {
  if (file_name.ends_with("fga.mod")) return ModelFormat::kModular;
  return file_name.ends_with(".json") ? ModelFormat::kJson : ModelFormat::kDsl;
}

Result<model::Model> ParseModel(ModelFormat format, std::string_view text) {
  switch (format) {
    case ModelFormat::kDsl:
      return model::ModelFromDsl(text);
    case ModelFormat::kJson:
      return model::ModelFromJson(text);
    case ModelFormat::kModular:
      break;
  }
  return Error{ErrorCode::kInvalidArgument, "a modular model is given by its fga.mod file"};
}

Result<model::Model> LoadModel(const FileScope& scope, std::string_view file,
                               std::optional<ModelFormat> format) {
  const auto form = format.value_or(ModelFormatOfFile(file));
  if (form == ModelFormat::kModular) return LoadModules(scope, file);
  PEMBA_TRY(auto text, scope.Read(file));
  auto model = ParseModel(form, text);
  if (!model.ok()) return InFile(file, std::move(model).error());
  return model;
}

Result<std::optional<model::Model>> LoadStoreModel(const LoadedStoreFile& loaded) {
  if (!loaded.file.model.empty()) {
    PEMBA_TRY(auto model, ParseModel(ModelFormat::kDsl, loaded.file.model));
    return std::optional(std::move(model));
  }
  if (loaded.file.model_file.empty()) return std::optional<model::Model>();
  PEMBA_TRY(auto model, LoadModel(loaded.scope, loaded.file.model_file));
  return std::optional(std::move(model));
}

}  // namespace pemba::cli
