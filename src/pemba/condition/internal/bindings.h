// Bindings: what Program::Bind makes of a context.
#pragma once

#include <span>

#include "pemba/base/arena.h"
#include "pemba/condition/internal/value.h"
#include "pemba/condition/program.h"

namespace pemba::condition {

// Lives in an arena, as do the values and what they refer to.
class Bindings {
 public:
  const Program* program = nullptr;  // Whose parameters these are; only compared, never used.
  bool is_context_empty = true;      // No keys at all, known or not.
  // One per parameter, in the program's order. Unknown: the context lacks it. Error: it does not
  // convert, for the reason in the error's text.
  std::span<internal::Value> values = {};
};

namespace internal {

// Bindings that own their arena.
struct KeptBindings {
  // `bytes`: what they need of it.
  explicit KeptBindings(std::size_t bytes) : arena(bytes) {}
  Arena arena;
  Bindings bindings;
};

}  // namespace internal

}  // namespace pemba::condition
