// Snapshot: schema, rules and facts as of one revision.
#pragma once

#include <cstdint>
#include <memory>

#include "pemba/reason/internal/facts.h"
#include "pemba/reason/internal/program.h"
#include "pemba/reason/schema.h"

namespace pemba::reason::internal {

// Immutable once published; readable from any thread.
struct Snapshot {
  std::uint64_t revision = 0;
  std::shared_ptr<const Schema> schema;
  std::shared_ptr<const Program> program;  // Of `schema`.
  Facts facts;
};

}  // namespace pemba::reason::internal
