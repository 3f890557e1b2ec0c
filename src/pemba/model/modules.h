// Models made of several module files, and fga.mod, the file that lists them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/model/language_validation.h"
#include "pemba/model/model.h"

namespace pemba::model {

// A value of fga.mod and where it stands, quotes included.
struct ModFileEntry {
  std::string value;
  SourceRange range;
};

struct ModFile {
  ModFileEntry schema;
  std::vector<ModFileEntry> contents;  // Paths below the directory of fga.mod, with slashes.
  SourceRange contents_range;          // From the first item to the line after the last.
};

struct ModFileError {
  std::string message;
  SourceRange range;
};

struct ParsedModFile {
  ModFile file;
  std::vector<ModFileError> errors;  // If there are any, `file` holds what was understood.
};

// Parses fga.mod. Never fails as a whole. Thread-safe.
ParsedModFile ParseModFile(std::string_view text);

// "validation error at line=2, column=4: ..." for each error.
std::string ToText(const std::vector<ModFileError>& errors);

struct MergedModules {
  Model model;                     // With errors: the parts that fit together.
  std::vector<ModelError> errors;  // Of syntax, of the merge, and of the validated whole.
};

// Merges module files, in this order, into one model in which everything names its module and file,
// and validates it. The files' names are those of fga.mod's contents. Thread-safe.
MergedModules MergeModules(std::span<const SourceFile> files, std::string_view schema_version);

// The modules of a model, sorted; empty if no type is in a module.
// Errors (kInvalidModel): the schema version knows no modules.
Result<std::vector<std::string>> ModulesOf(const Model& model);

}  // namespace pemba::model
