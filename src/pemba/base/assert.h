// Assertions: what we believe about our own state. Neither macro may see user input.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace pemba::internal {
[[noreturn]] inline void AssertionFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
  std::abort();
}
}  // namespace pemba::internal

// Always on: ends the process rather than answer from corrupt state.
#define PEMBA_CHECK(condition) \
  ((condition) ? void() : ::pemba::internal::AssertionFailed(#condition, __FILE__, __LINE__))

// On in development and sanitizer builds; in release builds it costs nothing.
#ifdef PEMBA_ASSERTIONS
#define PEMBA_ASSERT(condition) PEMBA_CHECK(condition)
#else
#define PEMBA_ASSERT(condition) (void)sizeof(condition)
#endif
