// Counts what each thread takes from the heap. Linked into a program, it replaces operator new: one
// increment of a thread's own counter more than the library's. Sanitizers have their own.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "pemba/bench/process_use.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

thread_local std::uint64_t allocations = 0;

std::uint64_t Allocations() { return allocations; }

[[maybe_unused]] const bool installed = [] {
  pemba::bench::SetAllocationCounter(Allocations);
  return true;
}();

}  // namespace

// All other forms but the aligned ones come here; operator delete is the library's, which frees.
void* operator new(std::size_t size) {
  ++allocations;
  void* const at = std::malloc(size == 0 ? 1 : size);
  if (at == nullptr) std::abort();  // As everywhere in this program: out of memory is the end.
  return at;
}

#endif
