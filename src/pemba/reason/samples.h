// Schemas and data that come with the program.
#pragma once

#include <span>
#include <string_view>

namespace pemba::reason {

struct Sample {
  std::string_view name;         // `iam`.
  std::string_view description;  // One line.
  std::string_view schema;       // TypeQL: define queries.
  std::string_view data;         // TypeQL: insert queries.
};

std::span<const Sample> Samples();
const Sample* FindSample(std::string_view name);  // Null if there is none.

}  // namespace pemba::reason
