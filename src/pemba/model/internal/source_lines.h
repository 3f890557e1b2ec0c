// SourceLines: finds where a model's parts stand in its text.
//
// The rules are those by which existing tools find positions, line by line and without parsing, so
// that positions agree (docs/dsl.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pemba/base/hash.h"
#include "pemba/model/language_validation.h"

namespace pemba::model::internal {

class SourceLines {
 public:
  // Keeps views into `text`. O(size).
  explicit SourceLines(std::string_view text);

  // The lines of definitions, zero based.
  std::optional<int> Type(std::string_view type) const;       // The first of that name.
  std::optional<int> Extension(std::string_view type) const;  // Of `extend type`.
  std::optional<int> Condition(std::string_view condition) const;
  std::optional<int> Schema() const { return schema_; }
  // The first definition of the relation at or after the line `from`.
  std::optional<int> Relation(std::string_view relation, int from) const;

  // The range of the first whole-word occurrence of `symbol` in a line from byte `from` on, or at
  // column 0 if there is none. Wide as the symbol.
  SourceRange Find(int line, std::string_view symbol, std::size_t from = 0) const;
  // The byte after the first occurrence of `text` in a line; 0 if there is none.
  std::size_t After(int line, std::string_view text) const;
  std::string_view line(int line) const { return lines_[static_cast<std::size_t>(line)]; }

 private:
  std::vector<std::string_view> lines_;
  StringMap<int> types_, extensions_, conditions_;
  StringMap<std::vector<int>> relations_;
  std::optional<int> schema_;
};

}  // namespace pemba::model::internal
