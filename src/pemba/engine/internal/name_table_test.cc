#include "pemba/engine/internal/name_table.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pemba::engine::internal {
namespace {

// Names that differ in one byte, at every length and place; also where neither end tells.
std::vector<std::string> SimilarNames() {
  std::vector<std::string> names;
  for (std::size_t size = 1; size <= 40; ++size) {
    names.emplace_back(size, 'a');
    for (std::size_t at = 0; at < size; ++at) {
      names.emplace_back(size, 'a');
      names.back()[at] = 'b';
    }
  }
  return names;
}

TEST(NameTable, FindsEachNameInItsScopeOnly) {
  const auto names = SimilarNames();
  const auto count = static_cast<std::uint32_t>(names.size());
  NameTable table(2 * names.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    table.Add(7, names[i], i);
    table.Add(8, names[i], count + i);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    EXPECT_EQ(table.Find(7, names[i]), i) << names[i];
    EXPECT_EQ(table.Find(8, names[i]), count + i) << names[i];
    EXPECT_EQ(table.Find(9, names[i]), NameTable::kNone);
    EXPECT_EQ(table.Find(7, names[i] + "c"), NameTable::kNone);
  }
  EXPECT_EQ(table.Find(7, ""), NameTable::kNone);
  EXPECT_EQ(NameTable().Find(7, "a"), NameTable::kNone);
}

}  // namespace
}  // namespace pemba::engine::internal
