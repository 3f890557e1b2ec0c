// Bindings: what Program::Bind makes of a context.
#pragma once

#include <span>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/value.h"
#include "pemba/condition/program.h"

namespace pemba::condition {

class Bindings {
 public:
  // `bytes`: what the values and all that they refer to take.
  Bindings(const Program& maker, std::size_t bytes) : program(&maker), arena(bytes) {}

  const Program* program;        // Whose parameters these are; only compared, never used.
  bool is_context_empty = true;  // No keys at all, known or not.
  Arena arena;                   // Owns the values and what they refer to.
  // One per parameter, in the program's order. Unknown: the context lacks it. Error: it does not
  // convert, for the reason in the error's text.
  std::span<internal::Value> values;
};

}  // namespace pemba::condition
