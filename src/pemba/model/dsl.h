// The text form of authorization models (docs/dsl.md).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/result.h"
#include "pemba/model/model.h"

namespace pemba::model {

// Where text breaks the grammar, or defines something twice. Lines and columns are zero based,
// columns count UTF-16 units; the end column is the first one after the symbol.
struct SyntaxError {
  std::string message;
  int line_start = 0, line_end = 0;
  int column_start = 0, column_end = 0;
  std::string symbol;  // The offending text; "<EOF>" at the end; empty where no token was made.
  std::string file;    // Filled in by whoever knows it.
  friend bool operator==(const SyntaxError&, const SyntaxError&) = default;
};

// What a text says. With errors, `model` holds the parts that were understood.
struct ParsedDsl {
  Model model;         // Of a module file: without schema version.
  std::string module;  // Of a module file, else empty.
  // The types that `extend type` wrote, by name and index in model.types.
  struct Extension {
    std::string type;
    std::size_t index = 0;
  };
  std::vector<Extension> extensions;
  std::vector<SyntaxError> errors;  // In the order in which they were found.
};

// Parentheses nest at most this deep; deeper text is a SyntaxError.
inline constexpr int kDslNestingMax = 100;

// Parses a model or a module file. Never fails as a whole: see ParsedDsl::errors. Thread-safe.
// O(size of text) for text without errors.
ParsedDsl ParseDsl(std::string_view text);

// The model of a text without errors. Errors (kInvalidModel): ToText of all of them.
Result<Model> ModelFromDsl(std::string_view text);

// "1 error occurred:\n\t* syntax error at line=0, column=4: ...\n\n"
std::string ToText(const std::vector<SyntaxError>& errors);

struct PrintOptions {
  // Adds comments that name the module and file of each type, condition and extension.
  bool include_source_information = false;
};

// The text of a model, in one fixed layout; types keep their order, or are sorted by module.
// Parsing it gives the model back, except that what the text cannot carry is lost (the id, and the
// modules of a combined model) and white space and comments in conditions may change.
//
// Errors (kInvalidModel): something in the model has no text form.
Result<std::string> PrintDsl(const Model& model, PrintOptions options = {});

}  // namespace pemba::model
