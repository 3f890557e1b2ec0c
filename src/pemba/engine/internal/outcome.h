// Outcome: what a sub-question can come to, and how operators combine it.
#pragma once

#include <cstdint>
#include <string_view>

#include "pemba/base/result.h"

namespace pemba::engine::internal {

// kCycle is "false, because the question came back to itself": false wherever it surfaces, but not
// a truth that a `but not` may build on.
enum class Truth : std::uint8_t { kFalse, kTrue, kFailed, kCycle };

// Why something could not be decided. Lives in the request's arena.
struct Failure {
  ErrorCode code = ErrorCode::kInternal;
  std::string_view message;
};

// Of several failures, the one to report: conditions before limits, then by text, so that it does
// not depend on who came first. Either may be null.
inline const Failure* Least(const Failure* a, const Failure* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  if (a->code != b->code) return a->code < b->code ? a : b;
  return b->message < a->message ? b : a;
}

struct Outcome {
  Truth truth = Truth::kFalse;
  const Failure* failure = nullptr;  // Of kFailed.

  static Outcome True() { return {Truth::kTrue, nullptr}; }
  static Outcome False() { return {Truth::kFalse, nullptr}; }
  static Outcome Cycle() { return {Truth::kCycle, nullptr}; }
  static Outcome Failed(const Failure* failure) { return {Truth::kFailed, failure}; }
};

}  // namespace pemba::engine::internal
