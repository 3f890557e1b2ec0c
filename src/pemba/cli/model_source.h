// Model sources: authorization models as DSL, JSON or modules, from files or arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pemba/base/result.h"
#include "pemba/cli/file_scope.h"
#include "pemba/cli/store_file.h"
#include "pemba/model/model.h"

namespace pemba::cli {

enum class ModelFormat : std::uint8_t { kDsl, kJson, kModular };

// "fga", "json" or "modular". Errors: another word.
Result<ModelFormat> ModelFormatOf(std::string_view word);
// By the name: fga.mod is modular, .json is JSON, all others are DSL.
ModelFormat ModelFormatOfFile(std::string_view file_name);

// DSL or JSON text. Errors: what the text breaks; kInvalidArgument for kModular, which has files.
Result<model::Model> ParseModel(ModelFormat format, std::string_view text);

// The model of a file; without `format`, by its name. Modules must lie within `scope` too.
// Errors: cannot be read, or what the text breaks, with the file's name.
Result<model::Model> LoadModel(const FileScope& scope, std::string_view file,
                               std::optional<ModelFormat> format = std::nullopt);

// The model of a store file: inline or from its model file; nothing if it names neither.
Result<std::optional<model::Model>> LoadStoreModel(const LoadedStoreFile& loaded);

}  // namespace pemba::cli
