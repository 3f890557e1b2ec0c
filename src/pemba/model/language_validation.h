// The language's validator: what an author should know about a model, with positions.
//
// It reports everything it finds, stage by stage: names; schema version; definitions; duplicates;
// entry points; conditions; modules per file. Definitions are looked at only if the names are fine,
// duplicates and entry points only if nothing was found before. The server's rules
// (validation.h) are other ones: it refuses cycles, which this accepts, and accepts unused
// conditions, which this reports.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/model/model.h"

namespace pemba::model {

enum class ModelErrorType : std::uint8_t {
  kSyntax,          // A SyntaxError, where errors of both kinds are listed together.
  kTransformation,  // Module files that do not fit together.
  kReservedTypeKeywords,
  kReservedRelationKeywords,
  kInvalidName,
  kSchemaVersionRequired,
  kInvalidSchema,
  kMissingDefinition,
  kInvalidRelationType,
  kInvalidType,
  kInvalidRelationOnTupleset,
  kTupleUsersetNotDirect,
  kAssignableRelationMustHaveType,
  kTypeWildcardRelation,
  kConditionNotDefined,
  kDuplicated,
  kNoEntryPoint,
  kConditionNotUsed,
  kDifferentNestedConditionName,
  kMultipleModulesInFile,
};

// "relation-no-entry-point" and so on: the names that tools know.
std::string_view ToText(ModelErrorType type);

// Zero based, columns in UTF-16 units; the end column is the first one after the symbol.
struct SourceRange {
  int line_start = 0, line_end = 0;
  int column_start = 0, column_end = 0;
  friend bool operator==(const SourceRange&, const SourceRange&) = default;
};

struct ModelError {
  ModelErrorType type = ModelErrorType::kSyntax;
  std::string message;
  std::optional<SourceRange> range;  // Where the source is known.
  std::string file;                  // Of the part at fault, if the model or the source names one.
  // What it is about; empty where it does not apply.
  std::string symbol, type_name, relation, condition, offending_type, module;
  friend bool operator==(const ModelError&, const ModelError&) = default;
};

// "relation-no-entry-point error at line=4, column=11: MESSAGE", or without the position.
std::string ToText(const ModelError& error);

// A text that (a part of) the model was read from. The text of a plain model has no name.
struct SourceFile {
  std::string name;
  std::string text;
};

// Validates a model; with `sources`, errors have positions and relations are looked at in the order
// of the text, else by name. Parts of the model are found in the source that their source
// information names, parts without it in the unnamed one. Thread-safe.
// O(size of model and sources).
std::vector<ModelError> ValidateLanguage(const Model& model,
                                         std::span<const SourceFile> sources = {});

// Parses and, if the grammar holds, validates a plain model: all that an editor shows.
std::vector<ModelError> ValidateDsl(std::string_view text);

// The object ids that tools suggest: letters, digits and `_ | * @ . + / -`; the first character may
// be any but `#`, `:`, `*` and white space. The server takes more.
enum class IdRule : std::uint8_t { kBroken, kFollowed };
IdRule CheckObjectId(std::string_view id);

}  // namespace pemba::model
