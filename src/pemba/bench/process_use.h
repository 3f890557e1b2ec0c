// What a process has used, from the kernel's books.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <sys/types.h>

namespace pemba::bench {

// Of the calling process as a whole, and of the calling thread.
std::chrono::nanoseconds CpuOfProcess();
std::chrono::nanoseconds CpuOfThread();

// Of any process of this machine (0: the calling one); nothing if it is not to be seen.
std::optional<std::chrono::nanoseconds> CpuOf(pid_t process);
std::optional<std::uint64_t> ResidentBytes(pid_t process);
std::optional<std::uint64_t> PeakResidentBytes(pid_t process);

// Lets the peak of the calling process start anew from what it holds now, and gives back what the
// allocator keeps of freed memory.
void ForgetPeak();

// Calls of operator new by the calling thread so far. Nothing if this program does not count them:
// internal/count_allocations.cc has to be linked in.
std::optional<std::uint64_t> AllocationsOfThread();
void SetAllocationCounter(std::uint64_t (*counter)());

}  // namespace pemba::bench
