#include "pemba/engine/testing/count_allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace pemba::engine::testing {
namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

std::uint64_t Allocations() { return allocations.load(std::memory_order_relaxed); }

void* Counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const at = std::malloc(size == 0 ? 1 : size);
  if (at == nullptr) std::abort();
  return at;
}

}  // namespace pemba::engine::testing

void* operator new(std::size_t size) { return pemba::engine::testing::Counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return pemba::engine::testing::Counted(size);
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
