// Counts what the program takes from the heap. Linked into one program, it replaces operator new.
#pragma once

#include <cstdint>

namespace pemba::engine::testing {

// Calls of operator new so far, by all threads.
std::uint64_t Allocations();

}  // namespace pemba::engine::testing
