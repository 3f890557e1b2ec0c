// Small random schemas with rules, data for them, and questions.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "pemba/reason/database.h"

namespace pemba::reason::testing {

struct ReasoningWorld {
  std::string schema;  // TypeQL, rules included; only rules that commit accepts.
  std::string data;    // One insert.
  std::unique_ptr<Database> database;
  std::vector<std::string> queries;
};

// The same for the same seed.
ReasoningWorld RandomReasoningWorld(std::uint64_t seed, int query_count);

}  // namespace pemba::reason::testing
